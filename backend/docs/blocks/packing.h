/*
 * packing: the short form of a block, which is the block compressed by zstd: eight bytes that mark it, the size of the
 * plain bytes (32 bits, little-endian), and a frame of zstd. Pure.
 *
 * Plain bytes may begin like a short form, by chance or on purpose. So a reader decides by the hash of the block, which
 * is the hash of its plain bytes (block_packed.h). A short form is not trusted: the size in it is checked before
 * memory is allocated for the plain bytes.
 */
#ifndef NEPHOS_DOCS_PACKING_H
#define NEPHOS_DOCS_PACKING_H

#include "common/base/buf.h"

#include <stdbool.h>

#define PACKING_HEAD_BYTES 12u
#define PACKING_MIN_BYTES 4096u /* a page of a disk: a smaller block takes a whole page, however short it is */
#define PACKING_PART 8		/* packing is worth it if it saves at least an eighth */
#define PACKING_LEVEL 1 /* 4 MiB take some 10 ms, as their hash does; level 3 takes twice that for a tenth more */

/* Appends the short form. -E2BIG: it is not an eighth shorter than plain, or a sample of plain shows that it would not
 * be, or plain is too small or too large for a short form; -ENOMEM. */
int packing_pack(struct span plain, struct buf *ret);
/* Whether the bytes begin like a short form. */
bool packing_is_packed(struct span stored);
/* Returns the plain bytes, which the caller frees. -EBADMSG: stored is not a short form that packing_pack makes;
 * -ENOMEM. */
int packing_unpack(struct span stored, char **ret, size_t *ret_size);

#endif
