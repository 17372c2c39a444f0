/*
 * rows_disk: how full the disk of the database is, when it is a disk of this machine. Rows are small, but many
 * of them fill a disk like blocks do, and a PostgreSQL that cannot write its log any more stops. So changes that
 * make rows are refused when only half of the reserve is left; the other half is for changes that may go on. Any
 * thread.
 */
#ifndef NEPHOS_DOCS_ROWS_DISK_H
#define NEPHOS_DOCS_ROWS_DISK_H

#include <stdbool.h>
#include <stdint.h>

#define ROWS_DISK_RESERVE_PART 8 /* at most this part of a disk is kept free */
#define ROWS_DISK_LOOK_NS 100000000ll

struct rows_disk;

struct rows_disk_options {
	const char *folder; /* a folder on that disk */
	int64_t reserve;
	int64_t look_ns; /* how long the result of a look is used */
	/* Returns a negative errno on failure; for tests. NULL: statvfs. */
	int (*look)(const char *folder, int64_t *ret_left, int64_t *ret_total);
};

/* Looks once. -ENOMEM, or the failure of the look. */
int rows_disk_new(const struct rows_disk_options *options, struct rows_disk **ret);
void rows_disk_free(struct rows_disk *d);
/* d NULL: never short. When a look fails, the last result stays. */
bool rows_disk_is_short(struct rows_disk *d);
/* the next call of rows_disk_is_short looks again: there may be room now */
void rows_disk_look_again(struct rows_disk *d);

/* How many bytes of a disk of that size blocks leave free. */
static inline int64_t rows_disk_reserve(int64_t reserve, int64_t total)
{
	return reserve < total / ROWS_DISK_RESERVE_PART ? reserve : total / ROWS_DISK_RESERVE_PART;
}

#endif
