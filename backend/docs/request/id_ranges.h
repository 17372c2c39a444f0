/*
 * id_ranges: document ids for documents that requests create, reserved in small ranges per drive, so that
 * creating a document needs no transaction of its own for the id. When a range is evicted, its remaining ids are
 * never used: a drive has 2^32 numbers. Any thread.
 */
#ifndef NEPHOS_DOCS_ID_RANGES_H
#define NEPHOS_DOCS_ID_RANGES_H

#include "backend/docs/rows/docs_store.h"

#define ID_RANGES_DRIVES 1024 /* ranges kept in memory */
#define ID_RANGES_RANGE 64    /* ids reserved at once */

struct id_ranges;

int id_ranges_new(struct id_ranges **ret);
void id_ranges_free(struct id_ranges *n);
/* Takes count consecutive ids, at most IDS_PER_RESERVATION_MAX. */
int id_ranges_take(struct id_ranges *n, struct docs_store *store, const struct docs_scope *scope, uint32_t count,
	int64_t *ret_first);

#endif
