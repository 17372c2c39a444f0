/*
 * rows_disk: how full the disk is on which the database lies, where that is one of this machine. Rows are small, and
 * many of them fill a disk like blocks do; a PostgreSQL that cannot write its log any more ends. So changes that make
 * rows stop where half of the reserve is left; the other half is for what may go on. Any thread.
 */
#ifndef NEPHOS_DOCS_ROWS_DISK_H
#define NEPHOS_DOCS_ROWS_DISK_H

#include <stdbool.h>
#include <stdint.h>

#define ROWS_DISK_RESERVE_PART 8 /* what is kept free is at most this part of a disk */
#define ROWS_DISK_LOOK_NS 100000000ll

struct rows_disk;

struct rows_disk_options {
	const char *folder; /* on that disk */
	int64_t reserve;
	int64_t look_ns; /* so long a look at the disk is believed */
	/* statvfs unless told, as a negative errno; for tests. */
	int (*look)(const char *folder, int64_t *ret_left, int64_t *ret_total);
};

/* Has looked once. -ENOMEM, or why it cannot look. */
int rows_disk_new(const struct rows_disk_options *options, struct rows_disk **ret);
void rows_disk_free(struct rows_disk *d);
/* NULL: never. A look that fails leaves what was known. */
bool rows_disk_is_short(struct rows_disk *d);
void rows_disk_look_again(struct rows_disk *d); /* who asks next looks: there may be room again */

/* What a disk of that size keeps free of blocks. */
static inline int64_t rows_disk_reserve(int64_t reserve, int64_t total)
{
	return reserve < total / ROWS_DISK_RESERVE_PART ? reserve : total / ROWS_DISK_RESERVE_PART;
}

#endif
