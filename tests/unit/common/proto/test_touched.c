#include "common/proto/touched.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
/* cmocka.h comes last: it needs the headers above. */
#include <cmocka.h>

#define DRIVE 5
#define ID(number) ITEM_ID(DRIVE, number)

static struct tag_change write_to(int64_t id)
{
	return (struct tag_change){.op = OP_WRITE, .id = id, .parent = ITEM_ROOT(DRIVE), .content = true};
}

static void assert_text(const struct touched *t, const char *want)
{
	char text[TOUCHED_TEXT_SIZE];
	struct touched again;

	touched_print(t, text);
	assert_string_equal(text, want);
	assert_int_equal(touched_parse(span_str(text), DRIVE, &again), 0);
	assert_int_equal(again.incarnation, t->incarnation);
	assert_int_equal(again.first, t->first);
	assert_int_equal(again.last, t->last);
	assert_int_equal(again.all, t->all);
	assert_int_equal(again.tags.count, t->all ? 1 : t->tags.count);
}

static void an_empty_stretch_of_the_journal_shows_the_position_of_the_drive(void **state)
{
	struct touched t;
	size_t count = 7;

	(void)state;
	touched_init(&t, DRIVE, 17, 0);
	assert_text(&t, "17.1-0 5");
	touched_init(&t, DRIVE, 17, 41);
	assert_text(&t, "17.42-41 5");
	touched_tags(&t, &count);
	assert_int_equal(count, 0);
}

static void a_tag_that_several_entries_touch_is_listed_once(void **state)
{
	const struct tag_change a = write_to(ID(9)), b = write_to(ID(10));
	struct touched t;
	size_t once, count;

	(void)state;
	touched_init(&t, DRIVE, 17, 3);
	touched_add(&t, 4, &a);
	touched_tags(&t, &once);
	assert_true(once > 0);
	touched_add(&t, 5, &a);
	touched_tags(&t, &count);
	assert_int_equal(count, once);
	touched_add(&t, 6, &b);
	touched_tags(&t, &count);
	assert_true(count > once);
	assert_int_equal(t.first, 4);
	assert_int_equal(t.last, 6);
	assert_false(t.all);
}

static void a_gap_between_two_entries_touches_everything(void **state)
{
	const struct tag_change a = write_to(ID(9));
	struct touched t;

	(void)state;
	touched_init(&t, DRIVE, 17, 3);
	touched_add(&t, 5, &a);
	assert_true(t.all);
	assert_text(&t, "17.4-5 *");
	touched_add(&t, 6, &a);
	assert_text(&t, "17.4-6 *");
}

static void entries_with_too_many_tags_touch_everything(void **state)
{
	struct touched t;

	(void)state;
	touched_init(&t, DRIVE, 17, 0);
	for (int64_t seq = 1; seq <= 300; seq++) {
		const struct tag_change c = write_to(ID(seq + 1));

		touched_add(&t, seq, &c);
	}
	assert_true(t.all);
	assert_text(&t, "17.1-300 *");
}

/* There are few enough tags, but their text is longer than a field. */
static void a_tag_list_too_long_to_print_is_printed_as_everything(void **state)
{
	struct touched t;
	char text[TOUCHED_TEXT_SIZE];

	(void)state;
	touched_init(&t, DRIVE, 17, 0);
	for (uint32_t i = 0; i < TAG_LIST_MAX - 1; i++) {
		char name[16];

		(void)snprintf(name, sizeof(name), "%u", i);
		tag_list_add(&t.tags, tag_name(ID(UINT32_MAX - i), span_str(name)));
	}
	touched_print(&t, text);
	assert_string_equal(text, "17.1-0 *");
}

static void touched_all_is_printed_as_everything_up_to_its_seq(void **state)
{
	struct touched t;

	(void)state;
	touched_init(&t, DRIVE, INT64_MAX, INT64_MAX - 1);
	touched_all(&t, INT64_MAX);
	assert_text(&t, "9223372036854775807.9223372036854775807-9223372036854775807 *");
}

static void touched_parse_refuses_malformed_text(void **state)
{
	static const char *const WRONG[] = {"", "17", "17.1", "17.1-2", "17.1-2 ", "17.1-2 6", "17.1-2 5/300",
		"17.1-2 **", "17.0-2 5", "17.5-3 5", "17.01-2 5", "-1.1-2 5", "17.1-2  5", "17.1-2 5 ", "17.1-2 5 zz",
		"17.9223372036854775808-1 5", "17,1-2 5"};
	struct touched t;

	(void)state;
	for (size_t i = 0; i < sizeof(WRONG) / sizeof(WRONG[0]); i++)
		if (touched_parse(span_str(WRONG[i]), DRIVE, &t) != -EBADMSG)
			fail_msg("\"%s\" is not refused", WRONG[i]);
	assert_int_equal(touched_parse(span_of(NULL, 0), DRIVE, &t), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_stretch_of_the_journal_shows_the_position_of_the_drive),
		cmocka_unit_test(a_tag_that_several_entries_touch_is_listed_once),
		cmocka_unit_test(a_gap_between_two_entries_touches_everything),
		cmocka_unit_test(entries_with_too_many_tags_touch_everything),
		cmocka_unit_test(a_tag_list_too_long_to_print_is_printed_as_everything),
		cmocka_unit_test(touched_all_is_printed_as_everything_up_to_its_seq),
		cmocka_unit_test(touched_parse_refuses_malformed_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
