#include "gateway/proxy/drive_ref.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

struct row {
	const char *target;
	bool first;
	uint32_t drive;
};

static void check(const struct row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct drive_ref ref = drive_ref_find(rows[i].target);

		if (ref.first != rows[i].first || ref.drive != rows[i].drive)
			fail_msg("%s: %s%u", rows[i].target, ref.first ? "first " : "", ref.drive);
	}
}

#define CHECK(rows) check(rows, sizeof(rows) / sizeof(*(rows)))

static void a_target_with_the_number_of_a_drive_names_that_drive(void **state)
{
	static const struct row ROWS[] = {
		{"/api/v2/docs/drives/1", false, 1},
		{"/api/v2/docs/drives/27/documents/4/children", false, 27},
		{"/api/v2/docs/drives/27?x=1", false, 27},
		{"/api/v2/docs/drives/27/", false, 27},
		{"/api/v2/docs/drives/2147483647/changes", false, 2147483647},
	};

	(void)state;
	CHECK(ROWS);
}

static void drives_home_names_the_callers_first_drive(void **state)
{
	static const struct row ROWS[] = {
		{"/api/v2/docs/drives/home", true, 0},
		{"/api/v2/docs/drives/home/files/a", true, 0},
		{"/api/v2/docs/drives/home?x", true, 0},
		{"/api/v2/docs/drives/Home", false, 0},
		{"/api/v2/docs/drives/homes", false, 0},
		{"/api/v2/docs/drives/hom", false, 0},
	};

	(void)state;
	CHECK(ROWS);
}

static void percent_escapes_in_a_target_are_decoded_once(void **state)
{
	static const struct row ROWS[] = {
		{"/api/v2/docs/drives/%31", false, 1},
		{"/api/v2/docs/drives/1%32/files/a", false, 12},
		{"/api/v2/docs/drives/%68ome", true, 0},
		{"/api/v2/docs/drives/%68%6f%6D%65/x", true, 0},
		{"/%61pi/v2/docs/drives/5", false, 5},
		{"/api/%762/docs/drives/5", false, 5},
		{"/api/v2/d%6fcs/drives/5", false, 5},
		{"/api/v2/docs/%64rives/5", false, 5},
		{"/api/v%31/docs/4294967297", false, 1},
		{"/api/v1/docs/%34294967297", false, 1},
		/* The longest number there is, with each digit escaped. */
		{"/api/v1/docs/%39%32%32%33%33%37%32%30%33%36%38%35%34%37%37%35%38%30%37", false, 2147483647},
		/* A path is decoded only once, and the result must not contain path separators. */
		{"/api/v2/docs/drives/%2531", false, 0},
		{"/api/v2/docs/drives/1%2f2", false, 0},
		{"/api/v2/docs%2fdrives/1", false, 0},
		{"/api/v2/docs/drives/1%3fx", false, 0},
	};

	(void)state;
	CHECK(ROWS);
}

static void a_malformed_target_names_no_drive(void **state)
{
	static const struct row ROWS[] = {
		{"", false, 0},
		{"/", false, 0},
		{"*", false, 0},
		{"api/v2/docs/drives/1", false, 0},
		{"/api", false, 0},
		{"/api/v2", false, 0},
		{"/api/v2/docs", false, 0},
		{"/api/v2/docs/drives", false, 0},
		{"/api/v2/docs/drives/", false, 0},
		{"/api/v2/docs/drives//1", false, 0},
		{"/api/v2/docs/drives?drive=1", false, 0},
		{"/api/v2/docs/drives/?1", false, 0},
		{"//api/v2/docs/drives/1", false, 0},
		{"/api//v2/docs/drives/1", false, 0},
		{"/api/v3/docs/drives/1", false, 0},
		{"/api/v2/user/drives/1", false, 0},
		{"/api/v2/docs/drive/1", false, 0},
		{"/api?/v2/docs/drives/1", false, 0},
		/* Invalid escapes, and an escaped NUL. */
		{"/api/v2/docs/drives/%", false, 0},
		{"/api/v2/docs/drives/1%", false, 0},
		{"/api/v2/docs/drives/1%3", false, 0},
		{"/api/v2/docs/drives/%zz", false, 0},
		{"/api/v2/docs/drives/%00", false, 0},
		{"/api/v2/docs/drives/1%00", false, 0},
		{"/api/v2/docs/drives/home%00", false, 0},
		{"/api%00/v2/docs/drives/1", false, 0},
		/* Longer than any valid name. */
		{"/api/v2/docs/drives/0000000000000000000000000000000000000000000000000000000000000000001", false, 0},
		{"/api/v2/docs/drives/%30%30%30%30%30%30%30%30%30%30%30%30%30%30%30%30%30%30%30%30%30%31", false, 0},
	};

	(void)state;
	CHECK(ROWS);
}

static void a_drive_number_in_any_but_the_canonical_form_names_no_drive(void **state)
{
	static const struct row ROWS[] = {
		{"/api/v2/docs/drives/0", false, 0},
		{"/api/v2/docs/drives/01", false, 0},
		{"/api/v2/docs/drives/%301", false, 0},
		{"/api/v2/docs/drives/+1", false, 0},
		{"/api/v2/docs/drives/-1", false, 0},
		{"/api/v2/docs/drives/%201", false, 0},
		{"/api/v2/docs/drives/1%20", false, 0},
		{"/api/v2/docs/drives/0x1", false, 0},
		{"/api/v2/docs/drives/1a", false, 0},
		{"/api/v2/docs/drives/1.0", false, 0},
		{"/api/v2/docs/drives/2147483648", false, 0},
		{"/api/v2/docs/drives/4294967297", false, 0},
		{"/api/v2/docs/drives/18446744073709551617", false, 0},
		{"/api/v1/docs/04294967297", false, 0},
		{"/api/v1/docs/9223372036854775808", false, 0},
		{"/api/v1/docs/18446744073709551617", false, 0},
	};

	(void)state;
	CHECK(ROWS);
}

static void v1_documents_name_their_drive_and_the_v1_list_names_the_first_drive(void **state)
{
	static const struct row ROWS[] = {
		{"/api/v1/docs", true, 0},
		{"/api/v1/docs/", true, 0},
		{"/api/v1/docs?q=1", true, 0},
		{"/api/v1/docs/?q=1", true, 0},
		{"/api/v1/docs/4294967297", false, 1},
		{"/api/v1/docs/30064771076", false, 7},
		{"/api/v1/docs/30064771076/", false, 7},
		{"/api/v1/docs/30064771076?x", false, 7},
		{"/api/v1/docs/30064771076/content", false, 7},
		{"/api/v1/docs/4294967295", false, 0},
		{"/api/v1/docs/home", false, 0},
		{"/api/v1/docs//", false, 0},
		{"/api/v1/docs/drives/7", false, 0},
		{"/api/v1/docsx", false, 0},
		{"/api/v1/doc", false, 0},
		{"/api/v1", false, 0},
	};

	(void)state;
	CHECK(ROWS);
}

static void the_path_below_a_drive_is_given_in_at_most_two_segments(void **state)
{
	static const struct {
		const char *target, *below;
		bool itself;
	} ROWS[] = {
		{"/api/v2/docs/drives/7", "", true},
		{"/api/v2/docs/drives/7/", "", true},
		{"/api/v2/docs/drives/7?x=/y", "", true},
		{"/api/v2/docs/drives/7/?x", "", true},
		{"/api/v2/docs/drives/home", "", true},
		{"/api/v2/docs/drives/7/batch", "batch", false},
		{"/api/v2/docs/drives/7/batch/", "batch", false},
		{"/api/v2/docs/drives/7/batch?x/y", "batch", false},
		{"/api/v2/docs/drives/home/documents/4/children", "documents/4", false},
		{"/api/v2/docs/drives/7/d%6fcuments/%34/children", "documents/4", false},
		{"/api/v2/docs/drives/7//documents", "", false},
		{"/api/v2/docs/drives/7/%zz/documents", "", false},
		{"/api/v2/docs/drives/7/files/%zz", "files", false},
		{"/api/v2/docs", "", false},
		{"/api/v1/docs/30064771076/content", "", false},
	};
	static const char LONG[] =
		"/api/v2/docs/drives/7/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		"/aaaaaaaaaaaaaaa";
	const struct drive_ref cut = drive_ref_find(LONG);

	(void)state;
	for (size_t i = 0; i < sizeof(ROWS) / sizeof(*ROWS); i++) {
		const struct drive_ref ref = drive_ref_find(ROWS[i].target);

		if (strcmp(ref.below, ROWS[i].below) != 0 || ref.itself != ROWS[i].itself)
			fail_msg("%s: \"%s\"%s", ROWS[i].target, ref.below, ref.itself ? " itself" : "");
	}
	assert_int_equal(strspn(cut.below, "a/"), DRIVE_REF_BELOW_SIZE - 1);
}

static void v1_list_is_set_only_for_the_document_list_of_version_1(void **state)
{
	(void)state;
	assert_true(drive_ref_find("/api/v1/docs").v1_list);
	assert_true(drive_ref_find("/api/v1/docs/?q").v1_list);
	assert_false(drive_ref_find("/api/v1/docs/30064771076").v1_list);
	assert_false(drive_ref_find("/api/v2/docs/drives/home").v1_list);
	assert_false(drive_ref_find("/api/v2/docs").v1_list);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_target_with_the_number_of_a_drive_names_that_drive),
		cmocka_unit_test(drives_home_names_the_callers_first_drive),
		cmocka_unit_test(percent_escapes_in_a_target_are_decoded_once),
		cmocka_unit_test(a_malformed_target_names_no_drive),
		cmocka_unit_test(a_drive_number_in_any_but_the_canonical_form_names_no_drive),
		cmocka_unit_test(v1_documents_name_their_drive_and_the_v1_list_names_the_first_drive),
		cmocka_unit_test(the_path_below_a_drive_is_given_in_at_most_two_segments),
		cmocka_unit_test(v1_list_is_set_only_for_the_document_list_of_version_1),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
