/*
 * block_store: where the bytes of blocks lie, under drive, hash and generation. A block never changes. Implementations:
 * block_dir.c (a directory), rows/pg/block_pg.c (rows of the database), block_mem.c (tests, fails on purpose).
 * Blocking, any thread. A store that is reached by a connection says -ENOTCONN and -ETIMEDOUT as well: not now. What a
 * put that ends so leaves is nobody's, and found by `each`.
 */
#ifndef NEPHOS_DOCS_BLOCK_STORE_H
#define NEPHOS_DOCS_BLOCK_STORE_H

#include "common/base/buf.h"

#include <stdint.h>

struct block_store;

#define BLOCK_ROOM_UNKNOWN (INT64_C(1) << 50) /* a PiB: sums of it stay far from 2^63 */

struct block_name {
	uint32_t drive;
	uint8_t sha256[32];
	int64_t generation;
};

typedef int (*block_store_on_name)(
	const struct block_name *name, void *cookie); /* a failure ends what it was called by, with it */

struct block_store_ops {
	/* Durable (file and directory, or committed) when it returns 0. Never overwrites: -EEXIST. -ENOSPC, -EIO. */
	int (*put)(struct block_store *s, const struct block_name *name, struct span bytes);
	/* Bytes [from, from+size) into data; -ENOENT, -EIO; short at the end of the block. */
	int (*get)(struct block_store *s, const struct block_name *name, uint32_t from, void *data, uint32_t size,
		uint32_t *ret_size);
	int (*size)(
		struct block_store *s, const struct block_name *name, uint32_t *ret); /* of a block; -ENOENT, -EIO */
	int (*remove)(struct block_store *s, const struct block_name *name);	      /* -ENOENT is success */
	/* The names of blocks that were written more than older_s ago, each once, of one of the folders that the store
	 * is in, from *folder on (0: the first), and moves *folder on; to 0 behind the last one. Leaves what is no
	 * block alone, except what uploads that never ended have left. */
	int (*each)(
		struct block_store *s, uint32_t *folder, int64_t older_s, block_store_on_name on_name, void *cookie);
	/* An empty file without a name, for what does not fit in memory; gone with its last descriptor. The descriptor,
	 * which the caller closes; -EMFILE, -ENOSPC, -EIO. */
	int (*spool)(struct block_store *s);
	/* Room that is left, and all there is; BLOCK_ROOM_UNKNOWN both where nobody can know. */
	int (*free_bytes)(struct block_store *s, int64_t *ret, int64_t *ret_total);
	/* By which step of where blocks lie (block_moving.h) what is put from now on is put, for block_stored: asked
	 * before the put. refused: the step that was refused, 0: none. NULL: it does not move. -ENOTCONN. */
	int (*step)(struct block_store *s, int64_t refused, int64_t *ret);
	void (*free)(struct block_store *s);
};

struct block_store {
	const struct block_store_ops *ops;
};

int block_dir_new(const char *path, struct block_store **ret);

#endif
