/*
 * listing: the entries of one folder as an open directory shows them: fetched page by page ahead of the reader, in the
 * order of their names. The place of an entry in it is its offset, so that offsets stay what they are while others
 * create and remove. What was passed long ago is forgotten, and fetched again when somebody seeks back to it. Every
 * entry is also learnt as a name and an inode. When all came and nothing changed meanwhile, the folder is known to be
 * complete; a small listing is then kept, and whoever opens the folder while it is unchanged gets the same one. While
 * nobody else is at work on the drive, a folder of which every name is known already, as one that was made here, is
 * listed from them, and the store is not asked: one page, of what LOOKUP would have said of each name at that moment.
 * From then on it is like any other. Where others changed names in the folder lately, it is always asked for: who was
 * told that something is in it can rely on it to be listed, also within the milliseconds that the journal takes.
 * Guarded by the lock of the core.
 */
#ifndef NEPHOS_FUSEFS_NAMES_LISTING_H
#define NEPHOS_FUSEFS_NAMES_LISTING_H

#include "fusefs/core/core.h"
#include "fusefs/names/names.h"

#define LISTING_PAGE_FIRST 256u /* entries: the first answer comes soon */
#define LISTING_PAGE 2048u	/* entries: 2 ms of the lock when they come */
#define LISTING_AHEAD 2u	/* pages fetched ahead of the reader */
#define LISTING_RECALL_MAX \
	LISTING_PAGE /* names known in a folder that is listed from them: no more of the lock than a page takes */
#define LISTING_BYTES_MAX \
	(16u * 1024 * 1024)		 /* names of one open directory; beyond it, pages that were passed are let go */
#define LISTING_KEEP_BYTES (256u * 1024) /* a listing that is kept: some 6,000 entries; all of them: kept.h */
#define LISTING_LEARN_MAX 16384u /* entries of a folder that is listed because its names are asked for one by one */
#define LISTING_MISSES 3u	 /* names asked for, after which it is worth it */

struct listing_entry {
	int64_t id;
	uint32_t mode;
	struct span name;
};

struct listing;

/* Finds one that still holds, makes it of what is known, or begins to fetch. NULL: no memory. */
struct listing *listing_open(struct names *names, struct core *core, struct inode *folder);
void listing_close(struct listing *l); /* what is on its way is awaited in the background; NULL is fine */
/* 1: the n-th entry (from 0) is in ret (borrowed until the next call), 0: there is none any more; -EAGAIN: not here yet
 * (listing_wait); or why it cannot be fetched. */
int listing_at(struct listing *l, uint64_t n, struct listing_entry *ret);
/* ready once, when listing_at may say something else. */
int listing_wait(struct listing *l, void (*ready)(void *cookie, int error), void *cookie);
/* Takes l. As it is now, if somebody read from it. NULL: no memory, and the listing is closed. */
struct listing *listing_rewind(struct listing *l);

/* A name of this folder had to be asked for. After several of them the whole folder is listed in the background. */
void listing_missed(struct names *names, struct core *core, struct inode *folder);
/* Of those that are kept, the least recently used goes, when there are others. */
void listing_give(struct core *core);
/* The folder's inode goes: what is kept of it, too. */
void listing_release(struct inode *folder);

#endif
