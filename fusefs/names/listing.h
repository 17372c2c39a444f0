/*
 * listing: the entries of one folder as an open directory shows them. Pages are fetched ahead of the reader, in the
 * order of names. The index of an entry in the listing is its offset, so that offsets stay the same while others
 * create and remove files. Pages that the reader passed long ago are dropped, and fetched again when the reader
 * seeks back. Each entry is also learnt as a name and an inode. When all entries have arrived and nothing changed
 * meanwhile, the folder is marked as complete. A small listing is then kept, and every later open of the folder
 * shares it while the folder is unchanged. While no other mount is at work on the drive, a folder of which every
 * name is cached, like one that was made here, is listed from the cache without asking the store: as one page, of
 * what LOOKUP would have answered for each name at that moment. From then on it is like any other listing. When
 * others changed names in the folder lately, the store is always asked: a program that learnt of a file in the
 * folder can rely on the file being listed, even within the milliseconds that the journal takes. Guarded by the lock
 * of the core.
 */
#ifndef NEPHOS_FUSEFS_NAMES_LISTING_H
#define NEPHOS_FUSEFS_NAMES_LISTING_H

#include "fusefs/core/core.h"
#include "fusefs/names/names.h"

#define LISTING_PAGE_FIRST 256u /* entries: few, so that the first answer comes soon */
#define LISTING_PAGE 2048u	/* entries: learning them holds the lock for 2 ms */
#define LISTING_AHEAD 2u	/* pages fetched ahead of the reader */
#define LISTING_RECALL_MAX \
	LISTING_PAGE /* cached names of a folder that is listed from them: holds the lock no longer than a page */
#define LISTING_BYTES_MAX (16u * 1024 * 1024) /* of one open directory; beyond it, passed pages are dropped */
#define LISTING_KEEP_BYTES (256u * 1024)      /* one kept listing: some 6,000 entries; all together: kept.h */
#define LISTING_LEARN_MAX 16384u	      /* entries of a folder that is listed in the background */
#define LISTING_MISSES 3u /* names that were asked for one by one, before the folder is listed in the background */

struct listing_entry {
	int64_t id;
	uint32_t mode;
	struct span name;
};

struct listing;

/* Returns a kept listing that is still valid, makes one from cached names, or begins to fetch. NULL: no memory. */
struct listing *listing_open(struct names *names, struct core *core, struct inode *folder);
void listing_close(struct listing *l); /* a fetch in flight goes on in the background; NULL is fine */
/* 1: the n-th entry (from 0) is in ret (borrowed until the next call), 0: there is no further entry; -EAGAIN: it
 * has not arrived yet (listing_wait); or why it cannot be fetched. */
int listing_at(struct listing *l, uint64_t n, struct listing_entry *ret);
/* ready is called once, when listing_at may return something else. */
int listing_wait(struct listing *l, void (*ready)(void *cookie, int error), void *cookie);
/* Takes l. Returns a listing of the present state if l has been read from, else l. NULL: no memory, and l is
 * closed. */
struct listing *listing_rewind(struct listing *l);

/* A name of this folder had to be asked for. After several such names the whole folder is listed in the
 * background. */
void listing_missed(struct names *names, struct core *core, struct inode *folder);
/* Drops the least recently used kept listing, when there are others. */
void listing_give(struct core *core);
/* The folder's inode is about to be freed: drops its kept listing. */
void listing_release(struct inode *folder);

#endif
