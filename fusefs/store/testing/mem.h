/*
 * mem: a drive in memory, behind the store seam, for tests: names, documents, extents, blocks, journal and polls
 * behave as PROTOCOL.md says; nothing is ever lost on the way. Several stores (mounts) may share one drive. Each has a
 * thread of its own, on which its callbacks come.
 */
#ifndef NEPHOS_FUSEFS_STORE_TESTING_MEM_H
#define NEPHOS_FUSEFS_STORE_TESTING_MEM_H

#include "fusefs/store/store.h"

struct mem_drive;

/* quota in bytes of content, 0: none. */
int mem_drive_new(uint32_t number, int64_t quota, struct mem_drive **ret);
void mem_drive_free(struct mem_drive *d); /* after its stores */
/* The journal forgets everything up to now: a poll from before has `reset`. */
void mem_drive_forget(struct mem_drive *d);
/* What went over the seam, for "asked only once". */
struct mem_counts {
	uint64_t lookups, items, children, extents, xattrs, block_gets, block_puts, batches, ops, polls, ids, locks;
	uint64_t block_bytes; /* that block_gets brought */
};
void mem_drive_counts(struct mem_drive *d, struct mem_counts *ret);
/* Documents without a name that no store names in its polls go away, at once instead of after 120 s. */
void mem_drive_collect(struct mem_drive *d);
/* Whether that document is still there. */
bool mem_drive_has(struct mem_drive *d, int64_t id);

/* Its file locks go as those of a mount that was silent for its lease; it hears of it as one does. */
void mem_store_lose_locks(struct store *s);

int mem_store_new(struct mem_drive *d, struct store **ret);

#endif
