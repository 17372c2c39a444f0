/* block_place: the row that says where blocks lie, and how far a move of them has come. Uses one connection of
 * the caller's. Failures are those of pg.h. */
#ifndef NEPHOS_DOCS_BLOCK_PLACE_H
#define NEPHOS_DOCS_BLOCK_PLACE_H

#include "backend/docs/blocks/block_moving.h"
#include "backend/pg/pg.h"

#define BLOCK_PLACE_PAGE 256 /* blocks copied between two updates of the progress, and extents looked at at once */

struct block_place_row {
	struct block_place place;
	uint32_t drive; /* the last block that was copied */
	uint8_t sha256[32];
	bool begun; /* a block was copied already; after the switch: the store that blocks came from is not empty yet */
	int64_t moved; /* number of blocks copied */
};

struct block_place_extent {
	int64_t node, at;
};

/* -ENOENT: no service was ever started; -EINVAL: a kind that this program does not support. */
int block_place_read(struct pg *pg, struct block_place_row *ret);
int block_place_first(struct pg *pg, enum block_kind kind); /* unless the row exists */
/* Begin and end a move. -ESTALE: the row has another step by now. */
int block_place_begin(struct pg *pg, int64_t step, enum block_kind target);
int block_place_switch(struct pg *pg, int64_t step);
int block_place_turn(struct pg *pg, int64_t step);    /* the move goes into the other direction; -ESTALE */
int block_place_emptied(struct pg *pg, int64_t step); /* resets begun after the switch; -ESTALE */
/* The next blocks that have a row, behind the one that was copied last: at most BLOCK_PLACE_PAGE. */
int block_place_page(struct pg *pg, const struct block_place_row *row, struct block_name *ret, size_t *ret_count);
/* A page of the extents behind the place where *at is, which is moved on: those of their blocks that have no row, each
 * once. -ENOENT: there are no more extents. */
int block_place_lost(struct pg *pg, struct block_place_extent *at, struct block_name *ret, size_t *ret_count);
int block_place_progress(struct pg *pg, int64_t step, const struct block_name *last, size_t count); /* -ESTALE */
int block_place_lock(struct pg *pg); /* only one mover at a time; -EBUSY: another one runs */

#endif
