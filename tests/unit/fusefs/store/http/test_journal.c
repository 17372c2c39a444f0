#include "fusefs/store/http/journal.h"

#include "common/base/limits.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SESSION 5

static const struct store_position since = {1, 10};

/* Reads an answer as a mount does that has followed the drive up to `since`. -EPROTO, or 0. */
static int read_answer(struct journal *j, const char *text, struct store_changes *ret)
{
	int r;

	journal_init(j);
	*ret = (struct store_changes){0};
	r = journal_parse(j, span_str(text), SESSION, ret);
	if (r == 0)
		journal_judge(j, since, ret);
	return r;
}

static void changes_without_a_gap_are_reported_in_order(void **state)
{
	struct store_changes changes;
	struct journal j;

	(void)state;
	assert_int_equal(
		read_answer(&j,
			"{\"incarnation\":1,\"last\":12,\"changes\":["
			"{\"seq\":11,\"op\":\"create\",\"id\":70,\"parent\":60,\"name\":\"a\",\"key\":\"5/1\"},"
			"{\"seq\":12,\"op\":\"rename\",\"id\":70,\"parent\":61,\"name\":\"b\",\"old_parent\":60,"
			"\"old_name\":\"a\",\"replaced\":80,\"key\":\"6/1\"}]}",
			&changes),
		0);
	assert_false(changes.reset);
	assert_false(changes.more);
	assert_int_equal(changes.count, 2);
	assert_int_equal(changes.last.seq, 12);
	assert_int_equal(changes.list[0].op, OP_CREATE);
	assert_int_equal(changes.list[0].id, 70);
	assert_int_equal(changes.list[0].parent, 60);
	assert_true(span_eq_str(changes.list[0].name, "a"));
	assert_true(changes.list[0].own); /* made by this mount's session */
	assert_int_equal(changes.list[1].old_parent, 60);
	assert_int_equal(changes.list[1].replaced, 80);
	assert_true(span_eq_str(changes.list[1].name, "b"));
	assert_true(span_eq_str(changes.list[1].old_name, "a"));
	assert_false(changes.list[1].own);
	journal_fini(&j);
}

static void a_name_that_is_not_utf8_is_decoded_from_base64(void **state)
{
	struct store_changes changes;
	struct journal j;

	(void)state;
	assert_int_equal(read_answer(&j,
				 "{\"incarnation\":1,\"last\":11,\"changes\":["
				 "{\"seq\":11,\"op\":\"unlink\",\"id\":70,\"parent\":60,\"name_b64\":\"/w==\"}]}",
				 &changes),
		0);
	assert_true(span_eq_str(changes.list[0].name, "\xff"));
	journal_fini(&j);
}

static void journal_entries_tell_changes_of_content_attributes_and_xattrs_apart(void **state)
{
	struct store_changes changes;
	struct journal j;

	(void)state;
	assert_int_equal(read_answer(&j,
				 "{\"incarnation\":1,\"last\":14,\"changes\":["
				 "{\"seq\":11,\"op\":\"write\",\"id\":70},"
				 "{\"seq\":12,\"op\":\"setxattr\",\"id\":70},"
				 "{\"seq\":13,\"op\":\"setattr\",\"id\":70,\"what\":[\"size\"]},"
				 "{\"seq\":14,\"op\":\"setattr\",\"id\":70,\"what\":[\"attributes\",7]}]}",
				 &changes),
		0);
	assert_true(changes.list[0].content && changes.list[0].attributes && !changes.list[0].xattrs);
	assert_true(!changes.list[1].content && changes.list[1].attributes && changes.list[1].xattrs);
	assert_true(changes.list[2].content && changes.list[2].attributes); /* a change of size changes the content */
	assert_true(!changes.list[3].content && changes.list[3].attributes);
	journal_fini(&j);
}

static void an_unknown_op_counts_as_a_change_of_content_attributes_and_xattrs(void **state)
{
	struct store_changes changes;
	struct journal j;

	(void)state;
	assert_int_equal(read_answer(&j,
				 "{\"incarnation\":1,\"last\":11,\"changes\":["
				 "{\"seq\":11,\"op\":\"teleport\",\"id\":70}]}",
				 &changes),
		0);
	assert_int_equal(changes.list[0].op, OP_KINDS);
	assert_true(changes.list[0].content && changes.list[0].attributes && changes.list[0].xattrs);
	journal_fini(&j);
}

static void a_page_that_ends_before_the_last_seq_is_marked_as_incomplete(void **state)
{
	struct store_changes changes;
	struct journal j;

	(void)state;
	assert_int_equal(read_answer(&j,
				 "{\"incarnation\":1,\"last\":50,\"others\":2,\"changes\":["
				 "{\"seq\":11,\"op\":\"setattr\",\"id\":70}]}",
				 &changes),
		0);
	assert_true(changes.more);
	assert_int_equal(changes.last.seq, 11); /* the last position on this page */
	assert_true(changes.counted);
	assert_int_equal(changes.others, 2);
	journal_fini(&j);
}

static void an_answer_without_changes_keeps_the_position_and_is_no_reset(void **state)
{
	struct store_changes changes;
	struct journal j;

	(void)state;
	assert_int_equal(read_answer(&j, "{\"incarnation\":1,\"last\":10,\"changes\":[]}", &changes), 0);
	assert_false(changes.reset);
	assert_int_equal(changes.count, 0);
	assert_int_equal(changes.last.seq, 10);
	assert_false(changes.counted);
	journal_fini(&j);
}

#define SETATTR(seq) "{\"seq\":" #seq ",\"op\":\"setattr\",\"id\":7}"

static void an_answer_that_does_not_continue_the_journal_is_a_reset(void **state)
{
	static const char *const answers[] = {
		/* a gap at the beginning, and one in the middle */
		"{\"incarnation\":1,\"last\":12,\"changes\":[" SETATTR(12) "]}",
		"{\"incarnation\":1,\"last\":13,\"changes\":[" SETATTR(11) "," SETATTR(13) "]}",
		/* another incarnation, a position before `since`, and an entry beyond the last position */
		"{\"incarnation\":2,\"last\":11,\"changes\":[" SETATTR(11) "]}",
		"{\"incarnation\":1,\"last\":9,\"changes\":[]}",
		"{\"incarnation\":1,\"last\":10,\"changes\":[" SETATTR(11) "]}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		struct store_changes changes;
		struct journal j;

		assert_int_equal(read_answer(&j, answers[i], &changes), 0);
		assert_true(changes.reset);
		assert_int_equal(changes.count, 0);
		journal_fini(&j);
	}
}

static void a_malformed_answer_is_refused_with_eproto(void **state)
{
	static const char *const answers[] = {
		"",
		"[]",
		"{}",
		"{\"changes\":{}}",
		"{\"incarnation\":1,\"changes\":[]}",
		"{\"last\":10,\"changes\":[]}",
		"{\"incarnation\":1,\"last\":-1,\"changes\":[]}",
		"{\"incarnation\":1,\"last\":10,\"others\":-1,\"changes\":[]}",
		"{\"incarnation\":1,\"last\":11,\"changes\":[7]}",
		"{\"incarnation\":1,\"last\":11,\"changes\":[{\"op\":\"setattr\",\"id\":7}]}",
		"{\"incarnation\":1,\"last\":11,\"changes\":[{\"seq\":11,\"op\":\"setattr\"}]}",
		"{\"incarnation\":1,\"last\":11,\"changes\":[{\"seq\":11,\"id\":7,\"name\":5}]}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		struct store_changes changes;
		struct journal j;

		assert_int_equal(read_answer(&j, answers[i], &changes), -EPROTO);
		journal_fini(&j);
	}
}

static void a_name_longer_than_the_maximum_is_refused(void **state)
{
	struct store_changes changes;
	char name[NAME_BYTES_MAX + 2], text[NAME_BYTES_MAX + 200];
	struct journal j;

	(void)state;
	memset(name, 'n', sizeof(name));
	for (size_t size = NAME_BYTES_MAX; size <= NAME_BYTES_MAX + 1; size++) {
		(void)snprintf(text, sizeof(text),
			"{\"incarnation\":1,\"last\":11,\"changes\":[{\"seq\":11,\"op\":\"unlink\",\"id\":7,\"parent\":6,"
			"\"name\":\"%.*s\"}]}",
			(int)size, name);
		assert_int_equal(read_answer(&j, text, &changes), size > NAME_BYTES_MAX ? -EPROTO : 0);
		journal_fini(&j);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(changes_without_a_gap_are_reported_in_order),
		cmocka_unit_test(a_name_that_is_not_utf8_is_decoded_from_base64),
		cmocka_unit_test(journal_entries_tell_changes_of_content_attributes_and_xattrs_apart),
		cmocka_unit_test(an_unknown_op_counts_as_a_change_of_content_attributes_and_xattrs),
		cmocka_unit_test(a_page_that_ends_before_the_last_seq_is_marked_as_incomplete),
		cmocka_unit_test(an_answer_without_changes_keeps_the_position_and_is_no_reset),
		cmocka_unit_test(an_answer_that_does_not_continue_the_journal_is_a_reset),
		cmocka_unit_test(a_malformed_answer_is_refused_with_eproto),
		cmocka_unit_test(a_name_longer_than_the_maximum_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
