/* The messages by which gateways validate kept answers: each is read as it was written, and everything else is
 * refused. */
#include "gateway/proxy/validation_message.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct validation_question FIRST = {.user = 5, .stamp = 77, .drive = 3, .key = SPAN_LITERAL("5 3 \n/a")};
static const struct validation_question SECOND = {.user = 0, .stamp = 0, .drive = 1, .key = SPAN_LITERAL("b")};

static void make_questions(struct buf *b)
{
	buf_init(b, VALIDATION_BYTES_MAX);
	assert_int_equal(validation_message_begin_questions(b), 0);
	assert_int_equal(validation_message_write_question(b, &FIRST), 0);
	assert_int_equal(validation_message_write_question(b, &SECOND), 0);
}

static void make_verdicts(struct buf *b)
{
	buf_init(b, VALIDATION_VERDICTS_BYTES_MAX);
	assert_int_equal(validation_message_begin_verdicts(b), 0);
	assert_int_equal(validation_message_write_verdict(
				 b, &(struct validation_verdict){VALIDATION_SAME, .incarnation = 2, .seq = 99}),
		0);
	assert_int_equal(validation_message_write_verdict(b, &(struct validation_verdict){VALIDATION_OTHER, 0, 0}), 0);
}

static void assert_question(struct span *rest, const struct validation_question *wanted)
{
	struct validation_question q;

	assert_int_equal(validation_message_next_question(rest, &q), 0);
	assert_int_equal(q.user, wanted->user);
	assert_int_equal(q.stamp, wanted->stamp);
	assert_int_equal(q.drive, wanted->drive);
	assert_true(span_eq(q.key, wanted->key));
}

static void encoded_questions_decode_to_the_same_values(void **state)
{
	struct validation_question q;
	struct span rest;
	struct buf b;

	(void)state;
	make_questions(&b);
	assert_int_equal(validation_message_open_questions(buf_span(&b), &rest), 0);
	assert_question(&rest, &FIRST);
	assert_question(&rest, &SECOND);
	assert_int_equal(validation_message_next_question(&rest, &q), -ENOENT);
	buf_fini(&b);
}

static void encoded_verdicts_decode_to_the_same_values(void **state)
{
	struct validation_verdict v;
	struct span rest;
	struct buf b;

	(void)state;
	make_verdicts(&b);
	assert_int_equal(validation_message_open_verdicts(buf_span(&b), &rest), 0);
	assert_int_equal(validation_message_next_verdict(&rest, &v), 0);
	assert_true(v.outcome == VALIDATION_SAME && v.incarnation == 2 && v.seq == 99);
	assert_int_equal(validation_message_next_verdict(&rest, &v), 0);
	assert_true(v.outcome == VALIDATION_OTHER && v.incarnation == 0 && v.seq == 0);
	assert_int_equal(validation_message_next_verdict(&rest, &v), -ENOENT);
	buf_fini(&b);
}

/* Reads all questions. Returns 0, or the error. */
static int read_questions(struct span message)
{
	struct validation_question q;
	struct span rest;
	int r = validation_message_open_questions(message, &rest);

	while (r == 0)
		r = validation_message_next_question(&rest, &q);
	return r == -ENOENT ? 0 : r;
}

static int read_verdicts(struct span message)
{
	struct validation_verdict v;
	struct span rest;
	int r = validation_message_open_verdicts(message, &rest);

	while (r == 0)
		r = validation_message_next_verdict(&rest, &v);
	return r == -ENOENT ? 0 : r;
}

/* The beginning of a message is a valid message only if it ends after a whole question or verdict. */
static void a_message_cut_inside_a_question_or_verdict_is_refused(void **state)
{
	size_t questions = 0, verdicts = 0;
	struct buf b;

	(void)state;
	make_questions(&b);
	for (size_t size = 0; size <= b.size; size++)
		questions += read_questions(span_of(b.data, size)) == 0;
	assert_int_equal(questions, 3);
	buf_fini(&b);
	make_verdicts(&b);
	for (size_t size = 0; size <= b.size; size++)
		verdicts += read_verdicts(span_of(b.data, size)) == 0;
	assert_int_equal(verdicts, 3);
	buf_fini(&b);
}

/* Reads questions in which one byte was replaced. Returns the result. */
static int with_byte(size_t at, char byte)
{
	struct buf b;

	make_questions(&b);
	b.data[at] = byte;
	const int r = read_questions(buf_span(&b));
	buf_fini(&b);
	return r;
}

static void questions_with_impossible_numbers_are_refused(void **state)
{
	enum { MAGIC = 4, USER = MAGIC, STAMP = USER + 8, DRIVE = STAMP + 8, SIZE = DRIVE + 4 };

	(void)state;
	assert_int_equal(with_byte(0, 'X'), -EBADMSG);
	assert_int_equal(with_byte(USER + 7, '\x80'), -EBADMSG);
	assert_int_equal(with_byte(STAMP + 7, '\x80'), -EBADMSG);
	assert_int_equal(with_byte(DRIVE, 0), -EBADMSG);
	assert_int_equal(with_byte(DRIVE + 3, '\x80'), -EBADMSG);
	assert_int_equal(with_byte(SIZE, 0), -EBADMSG);
	assert_int_equal(with_byte(SIZE + 1, '\x7f'), -EBADMSG);
	assert_int_equal(with_byte(USER, 6), 0);
}

static void a_negative_verdict_with_a_position_or_unknown_outcome_is_refused(void **state)
{
	enum { MAGIC = 4, VERDICT = 17 };
	struct buf b;

	(void)state;
	make_verdicts(&b);
	b.data[MAGIC + VERDICT + 1] = 1;
	assert_int_equal(read_verdicts(buf_span(&b)), -EBADMSG);
	b.data[MAGIC + VERDICT + 1] = 0;
	b.data[MAGIC + VERDICT] = VALIDATION_OUTCOMES;
	assert_int_equal(read_verdicts(buf_span(&b)), -EBADMSG);
	b.data[MAGIC + VERDICT] = VALIDATION_UNKNOWN;
	assert_int_equal(read_verdicts(buf_span(&b)), 0);
	buf_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(encoded_questions_decode_to_the_same_values),
		cmocka_unit_test(encoded_verdicts_decode_to_the_same_values),
		cmocka_unit_test(a_message_cut_inside_a_question_or_verdict_is_refused),
		cmocka_unit_test(questions_with_impossible_numbers_are_refused),
		cmocka_unit_test(a_negative_verdict_with_a_position_or_unknown_outcome_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
