/*
 * docs_mem: the storage of the docs service in memory, for tests of the rules and of commit. It is strict: a
 * delta that contradicts the rows is -EIO, and docs_mem_check verifies everything afterwards. It loads exactly
 * what was wanted, and fails on purpose when a test asks for it. It is slow: it searches lists.
 *
 * One docs_mem is the database; each thread has a store of its own on it. Any thread may call; a transaction
 * locks its drive.
 */
#ifndef NEPHOS_DOCS_DOCS_MEM_H
#define NEPHOS_DOCS_DOCS_MEM_H

#include "backend/docs/rows/docs_store.h"

struct docs_mem;

int docs_mem_new(struct docs_mem **ret);
void docs_mem_free(struct docs_mem *m); /* call it after all stores are freed */
/* A store implements these calls: drives (create, get, home, reserved ids), all reads of documents and of the
 * journal, sessions (create, end), transactions, and block_stored; nothing else. */
int docs_mem_open(struct docs_mem *m, struct docs_store **ret);

enum docs_mem_call {
	DOCS_MEM_BEGIN,
	DOCS_MEM_COMMIT,    /* nothing is committed */
	DOCS_MEM_COMMITTED, /* it is committed; only the answer is lost */
	DOCS_MEM_CALLS
};
/* The next `times` calls of that kind, by any store, fail with error. */
void docs_mem_fail(struct docs_mem *m, enum docs_mem_call call, int error, unsigned times);

struct docs_mem_counts {
	unsigned begun, committed, aborted;
	unsigned repeats; /* of all keys */
};
struct docs_mem_counts docs_mem_count(struct docs_mem *m);

/* Checks the drive: links, children, usage, extents, journal. Returns 0, or -EIO after printing to stderr what
 * is wrong. */
int docs_mem_check(struct docs_mem *m, uint32_t drive);
/* Replaces the drive's row by this one (epochs, quota, next_number). */
void docs_mem_set_drive(struct docs_mem *m, const struct tree_drive *drive);
struct tree_drive docs_mem_get_drive(struct docs_mem *m, uint32_t drive);
/* Notes that the session has that document open. */
void docs_mem_hold(struct docs_mem *m, int64_t session, int64_t node);
/* The document as it is stored, also one without a name; -ENOENT. The spans belong to the store. */
int docs_mem_get_node(struct docs_mem *m, int64_t id, struct tree_node *ret);
/* The bytes of a file according to its extents; blocks read as the bytes of docs_mem_block_byte. ret: size bytes. */
void docs_mem_read(struct docs_mem *m, int64_t id, char *ret, size_t size);
char docs_mem_block_byte(const uint8_t sha256[32], uint32_t at);

#endif
