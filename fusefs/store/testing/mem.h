/*
 * mem: a drive in memory, behind the store seam, for tests: names, documents, extents, blocks, journal and polls
 * behave as PROTOCOL.md says, and no request or answer is ever lost. Several stores (mounts) may share one drive.
 * Each has its own thread, on which its callbacks run.
 */
#ifndef NEPHOS_FUSEFS_STORE_TESTING_MEM_H
#define NEPHOS_FUSEFS_STORE_TESTING_MEM_H

#include "fusefs/store/store.h"

struct mem_drive;

/* quota in bytes of content, 0: none. */
int mem_drive_new(uint32_t number, int64_t quota, struct mem_drive **ret);
void mem_drive_free(struct mem_drive *d); /* after all its stores were freed */
/* Makes the journal forget everything up to now: a poll from before gets `reset`. */
void mem_drive_forget(struct mem_drive *d);
/* How many calls were made through the seam, for tests that expect only one. */
struct mem_counts {
	uint64_t lookups, items, children, extents, xattrs, block_gets, block_puts, batches, ops, polls, ids, locks;
	uint64_t block_bytes; /* that block_gets returned */
};
void mem_drive_counts(struct mem_drive *d, struct mem_counts *ret);
/* Removes documents without a name that no store names in its polls: at once instead of after 120 s. */
void mem_drive_collect(struct mem_drive *d);
/* Whether the drive still has that document. */
bool mem_drive_has(struct mem_drive *d, int64_t id);

/* Loses the file locks of s, as when a mount was silent for longer than its lease; s learns of it in the same way. */
void mem_store_lose_locks(struct store *s);

int mem_store_new(struct mem_drive *d, struct store **ret);

#endif
