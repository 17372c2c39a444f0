/* rows_disk: when the disk below the database counts as full, and how often it is looked at. */
#include "backend/docs/core/rows_disk.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#define GIB (INT64_C(1) << 30)
#define FOREVER_NS (INT64_C(1) << 60)

static struct {
	int64_t left, total;
	int error;
	unsigned looks;
} disk;

static int look(const char *folder, int64_t *ret_left, int64_t *ret_total)
{
	assert_string_equal(folder, "/where/rows/lie");
	disk.looks++;
	*ret_left = disk.left;
	*ret_total = disk.total;
	return disk.error;
}

static struct rows_disk *open_disk(int64_t look_ns)
{
	const struct rows_disk_options options = {
		.folder = "/where/rows/lie", .reserve = 2 * GIB, .look_ns = look_ns, .look = look};
	struct rows_disk *d = NULL;

	disk.looks = 0;
	assert_int_equal(rows_disk_new(&options, &d), 0);
	return d;
}

static void the_disk_is_short_when_less_than_half_the_reserve_is_left(void **state)
{
	static const struct {
		int64_t left, total;
		bool is_short;
	} rows[] = {
		{GIB, 100 * GIB, false}, {GIB - 1, 100 * GIB, true}, {0, 100 * GIB, true},
		/* A small disk keeps an eighth. */
		{GIB / 2, 8 * GIB, false}, {GIB / 2 - 1, 8 * GIB, true},
		{0, 0, false}, /* a file system that reports nothing */
	};
	struct rows_disk *d;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		disk.left = rows[i].left;
		disk.total = rows[i].total;
		d = open_disk(0);
		assert_int_equal(rows_disk_is_short(d), rows[i].is_short);
		rows_disk_free(d);
	}
}

static void free_space_is_measured_again_only_after_look_ns_or_on_request(void **state)
{
	struct rows_disk *d;

	(void)state;
	disk.total = 100 * GIB;
	disk.left = 0;
	d = open_disk(FOREVER_NS);
	disk.left = GIB;
	for (int i = 0; i < 10; i++)
		assert_true(rows_disk_is_short(d));
	assert_int_equal(disk.looks, 1);
	rows_disk_look_again(d);
	assert_false(rows_disk_is_short(d));
	assert_int_equal(disk.looks, 2);
	disk.left = 0;
	assert_false(rows_disk_is_short(d));
	rows_disk_free(d);
	disk.left = GIB;
	d = open_disk(0);
	assert_false(rows_disk_is_short(d));
	disk.left = 0;
	assert_true(rows_disk_is_short(d));
	assert_int_equal(disk.looks, 3);
	rows_disk_free(d);
}

static void a_failed_measurement_keeps_the_previous_result(void **state)
{
	struct rows_disk *d;

	(void)state;
	disk.total = 100 * GIB;
	disk.left = 0;
	d = open_disk(0);
	disk.error = -EIO;
	disk.left = GIB;
	assert_true(rows_disk_is_short(d));
	disk.error = 0;
	assert_false(rows_disk_is_short(d));
	rows_disk_free(d);
	assert_false(rows_disk_is_short(NULL));
}

static void rows_disk_new_fails_with_enoent_if_the_folder_is_missing(void **state)
{
	struct rows_disk_options options = {.folder = "/nowhere/at/all", .reserve = 1};
	struct rows_disk *d = NULL;

	(void)state;
	assert_int_equal(rows_disk_new(&options, &d), -ENOENT);
	assert_null(d);
	options.folder = "/";
	assert_int_equal(rows_disk_new(&options, &d), 0);
	(void)rows_disk_is_short(d);
	rows_disk_free(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_disk_is_short_when_less_than_half_the_reserve_is_left),
		cmocka_unit_test(free_space_is_measured_again_only_after_look_ns_or_on_request),
		cmocka_unit_test(a_failed_measurement_keeps_the_previous_result),
		cmocka_unit_test(rows_disk_new_fails_with_enoent_if_the_folder_is_missing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
