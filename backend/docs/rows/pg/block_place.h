/* block_place: the row that says where blocks lie, and how far a move of them has come. On one connection of the
 * caller's. Failures are those of pg.h. */
#ifndef NEPHOS_DOCS_BLOCK_PLACE_H
#define NEPHOS_DOCS_BLOCK_PLACE_H

#include "backend/docs/blocks/block_moving.h"
#include "backend/pg/pg.h"

#define BLOCK_PLACE_PAGE 256 /* blocks copied between two notes of how far it has come */

struct block_place_row {
	struct block_place place;
	uint32_t drive; /* the last block that was copied */
	uint8_t sha256[32];
	bool begun;    /* there is such a block */
	int64_t moved; /* how many */
};

/* -ENOENT: no service has been started yet; -EINVAL: a kind that this program does not know. */
int block_place_read(struct pg *pg, struct block_place_row *ret);
int block_place_first(struct pg *pg, enum block_kind kind); /* unless there is one */
/* A move begins, and ends. -ESTALE: the step is another. */
int block_place_begin(struct pg *pg, int64_t step, enum block_kind target);
int block_place_switch(struct pg *pg, int64_t step);
/* The next blocks that have a row, behind the last that was copied: at most BLOCK_PLACE_PAGE. */
int block_place_page(struct pg *pg, const struct block_place_row *row, struct block_name *ret, size_t *ret_count);
int block_place_progress(struct pg *pg, int64_t step, const struct block_name *last, size_t count); /* -ESTALE */
int block_place_lock(struct pg *pg); /* one mover at a time; -EBUSY */

#endif
