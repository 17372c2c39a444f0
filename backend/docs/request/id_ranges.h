/*
 * id_ranges: document ids for what requests create, reserved in small ranges per drive, so that creating costs no
 * transaction of its own. What a range has left when it is pushed out is never used: a drive has 2^32 numbers. Any
 * thread.
 */
#ifndef NEPHOS_DOCS_ID_RANGES_H
#define NEPHOS_DOCS_ID_RANGES_H

#include "backend/docs/rows/docs_store.h"

#define NUMBERS_DRIVES 1024 /* ranges kept */
#define NUMBERS_RANGE 64    /* reserved at once */

struct numbers;

int numbers_new(struct numbers **ret);
void numbers_free(struct numbers *n);
/* count ids in a row, at most IDS_PER_RESERVATION_MAX. */
int numbers_take(struct numbers *n, struct docs_store *store, const struct docs_scope *scope, uint32_t count,
	int64_t *ret_first);

#endif
