/*
 * file: the content side of one regular file that is used here: what is known of its stored bytes, what is dirty, and the work that stores it. It hangs on its inode
 * (inode->file), which it needs as long as there is dirty data or work.
 *
 * Bytes that were written are in `dirty` until a round of the flusher takes them to `flushing`; when the store has them, they are in `content`. A reader looks in
 * that order. When a round fails, they go back under what was written since.
 *
 * One round at a time for each file; what changes its stored content or attributes (truncate, hole, clone, chmod) is a job that waits for its turn, so that
 * all of it reaches the store in the order in which it was asked for.
 * Guarded by the lock of the fs.
 */
#ifndef NEPHOS_FUSEFS_FILE_H
#define NEPHOS_FUSEFS_FILE_H

#include "fusefs/content.h"
#include "fusefs/dirty.h"
#include "fusefs/inode.h"

struct fs;
struct job;
struct round;
struct asking;

/* Who waits until everything written up to `upto` is stored. */
struct flush_wait {
	struct flush_wait *prev, *next;
	uint64_t upto;
	void (*done)(void *cookie, int error);
	void *cookie;
};

struct file {
	struct inode *inode;
	/* Stored content, as known. */
	struct content content;
	size_t content_counted;	  /* in fs->content_bytes */
	struct file *prev, *next; /* in fs->files, while content_counted > 0 */
	struct asking *askings;	  /* extents that are asked for */
	bool came_along;	  /* with others, and was not read yet */
	/* Not stored yet. */
	struct dirty dirty, flushing;
	uint64_t written, stored; /* counts of writes: all up to `stored` are stored */
	int64_t mtime;		  /* of the last write; counts while something is dirty or flushing */
	bool ctime_shown;	  /* somebody saw mtime as the time of change */
	/* The flusher's. */
	struct job *jobs;
	struct round *round; /* under way */
	struct flush_wait *waits;
	struct file *due_prev, *due_next; /* in the flusher's list while it is dirty */
	bool due_listed;
	int64_t due_ns;
	unsigned failures; /* rounds in a row */
	bool apart;	   /* data and job were refused together: they go one after the other */
	bool refused;	   /* the data is not wanted as it is (no quota, no such file): jobs go ahead without it */
	/* A failure that handles which were open at the time have to report. */
	int error;
	uint32_t error_seq;
};

/* The file of a regular inode. NULL: no memory. */
struct file *file_get(struct inode *inode);
void file_free(struct fs *fs, struct file *f); /* NULL is fine; nothing is under way */
bool file_is_dirty(const struct file *f);      /* NULL: no */
int64_t file_size(const struct inode *inode);  /* with what is dirty */
/* Content was learnt: counts its memory, and forgets that of others when it is too much. */
void file_count_content(struct fs *fs, struct file *f);
void file_drop_content(struct fs *fs, struct file *f);

#endif
