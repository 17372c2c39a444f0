/*
 * block_store: where the bytes of blocks lie, under drive, hash and generation. A block never changes.
 * Implementations: block_dir.c (a directory), rows/pg/block_pg.c (rows of the database), s3/block_s3.c (objects
 * of a service of S3), block_mem.c (for tests, fails on purpose). Calls block; any thread. A store that needs a
 * connection also returns -ENOTCONN and -ETIMEDOUT: not now. Bytes that such a failed put leaves behind belong
 * to no block, and `each` finds them.
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
	const struct block_name *name, void *cookie); /* when it fails, the caller stops and returns that failure */

struct block_store_ops {
	/* The block is durable (file and directory synced, or committed) when it returns 0. Never overwrites:
	 * -EEXIST. -ENOSPC, -EIO. */
	int (*put)(struct block_store *s, const struct block_name *name, struct span bytes);
	/* Reads bytes [from, from+size) into data; fewer at the end of the block. -ENOENT, -EIO. */
	int (*get)(struct block_store *s, const struct block_name *name, uint32_t from, void *data, uint32_t size,
		uint32_t *ret_size);
	/* Reads the whole block from where it lies, and neither uses nor fills memory of the store: what a check
	 * wants. ret_size: bytes of the block, at most room. NULL for a store that keeps no bytes in memory: there
	 * get does the same. -ENOENT, -EIO; -EBADMSG: the stored bytes were read, and are damaged. */
	int (*fresh)(
		struct block_store *s, const struct block_name *name, void *data, uint32_t room, uint32_t *ret_size);
	int (*size)(
		/* size of a block; -ENOENT, -EIO */
		struct block_store *s, const struct block_name *name, uint32_t *ret);
	int (*remove)(struct block_store *s, const struct block_name *name); /* a missing block is success */
	/* Passes on the names of blocks that were written more than older_s ago, each once, from one of the
	 * folders of the store. *folder: the folder to begin at (0: the first); it is moved on, and is 0 behind
	 * the last one. Files that are no blocks stay, except leftovers of uploads that never ended. */
	int (*each)(
		struct block_store *s, uint32_t *folder, int64_t older_s, block_store_on_name on_name, void *cookie);
	/* Returns the descriptor of an empty file without a name, for data that does not fit in memory. The file
	 * is gone with its last descriptor, which the caller closes. -EMFILE, -ENOSPC, -EIO. */
	int (*spool)(struct block_store *s);
	/* The free room and the total; both BLOCK_ROOM_UNKNOWN where it cannot be known. */
	int (*free_bytes)(struct block_store *s, int64_t *ret, int64_t *ret_total);
	/* The step of the place (block_moving.h) under which the next put is made; block_stored checks it. The
	 * caller asks before the put. refused: the step that block_stored has refused; 0: none. The pointer is
	 * NULL for a store whose blocks do not move. -ENOTCONN. */
	int (*step)(struct block_store *s, int64_t refused, int64_t *ret);
	void (*free)(struct block_store *s);
};

struct block_store {
	const struct block_store_ops *ops;
};

int block_dir_new(const char *path, struct block_store **ret);

#endif
