/*
 * packing: the short form of a block, by zstd: eight bytes that say so, the size of the plain bytes (32 bits,
 * little-endian), and a frame of zstd. Pure.
 *
 * Plain bytes may begin as a short form does, by chance or on purpose: whoever reads decides by the hash of the block,
 * which is that of its plain bytes (block_packed.h). A short form is a promise of nobody: what it says of its size is
 * looked at before memory is taken for it.
 */
#ifndef NEPHOS_DOCS_PACKING_H
#define NEPHOS_DOCS_PACKING_H

#include "common/base/buf.h"

#include <stdbool.h>

#define PACKING_HEAD_BYTES 12u
#define PACKING_MIN_BYTES 4096u /* a page of a disk: what is no larger takes as much however short it is */
#define PACKING_PART 8		/* worth it from an eighth on */
#define PACKING_LEVEL 1 /* 4 MiB in some 10 ms, which is what their hash takes; 3 costs twice for a tenth more */

/* Appends the short form. -E2BIG: it is not an eighth shorter, or a look at pieces of it says so; -ENOMEM. */
int packing_pack(struct span plain, struct buf *ret);
/* Whether bytes begin as a short form does. */
bool packing_is_packed(struct span stored);
/* The plain bytes, which the caller frees. -EBADMSG: they are not what packing_pack makes; -ENOMEM. */
int packing_unpack(struct span stored, char **ret, size_t *ret_size);

#endif
