#include "common/proto/op_answer.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <cmocka.h>

#include "tests/unit/common/proto/same_item.h"

#define COUNT 4
#define HEAD_BYTES 28	/* magic, flags, count, incarnation, last */
#define RESULT_BYTES 26 /* has, dirs, id, replaced, len */
#define DRIVE 7
#define ROOT ITEM_ROOT(DRIVE)

static struct item an_item(uint32_t number, uint32_t mode, struct span name)
{
	return (struct item){.id = ITEM_ID(DRIVE, number),
		.parent = ROOT,
		.size = 5,
		.allocated = 4096,
		.mode = mode,
		.uid = 1,
		.gid = 2,
		.nlink = 1,
		.atime = 1000000001,
		.mtime = -7,
		.ctime = 3,
		.btime = 4,
		.seq = 12,
		.content_seq = 11,
		.name = name};
}

/* The results of a rename over another document, an unlink, a clone, and an op that made a symlink. */
struct sample {
	struct op ops[COUNT];
	struct op_result results[COUNT];
	struct op_batch *batch;
	struct op_answer answer;
	struct buf bytes;
};

static int setup(void **state)
{
	struct sample *s = calloc(1, sizeof(*s));
	struct op_result *r = s->results;

	r[0] = (struct op_result){.item = an_item(2, S_IFREG | 0644, SPAN_LITERAL("to")),
		.has_item = true,
		.id = ITEM_ID(DRIVE, 2),
		.replaced = ITEM_ID(DRIVE, 3),
		.dirs = {an_item(1, S_IFDIR | 0755, SPAN_LITERAL("")), an_item(4, S_IFDIR | 02755, SPAN_LITERAL("d"))},
		.dir_count = 2};
	r[1] = (struct op_result){.id = ITEM_ID(DRIVE, 5), .dirs = {r[0].dirs[0]}, .dir_count = 1};
	r[2] = (struct op_result){.item = an_item(6, S_IFCHR | 0600, SPAN_LITERAL("b\xff")),
		.has_item = true,
		.id = ITEM_ID(DRIVE, 6),
		.value = 4711};
	r[2].item.rdev_major = 1;
	r[2].item.rdev_minor = 3;
	r[3] = (struct op_result){
		.item = an_item(7, S_IFLNK | 0777, SPAN_LITERAL("l")), .has_item = true, .id = ITEM_ID(DRIVE, 7)};
	r[3].item.target = SPAN_LITERAL("\xfe/x");
	s->ops[0] = (struct op){.kind = OP_RENAME,
		.parent = ROOT,
		.name = SPAN_LITERAL("a"),
		.new_parent = ITEM_ID(DRIVE, 4),
		.new_name = SPAN_LITERAL("to")};
	s->ops[1] = (struct op){.kind = OP_UNLINK, .parent = ROOT, .name = SPAN_LITERAL("b")};
	s->ops[2] = (struct op){.kind = OP_CLONE, .id = ITEM_ID(DRIVE, 2), .len = 4711, .to = ITEM_ID(DRIVE, 6)};
	s->ops[3] = (struct op){.kind = OP_CREATE,
		.parent = ROOT,
		.name = SPAN_LITERAL("l"),
		.mode = S_IFLNK | 0777,
		.target = SPAN_LITERAL("\xfe/x")};
	assert_int_equal(op_batch_new(s->ops, COUNT, &s->batch), 0);
	s->answer = (struct op_answer){.incarnation = 2, .last = 99, .count = COUNT, .results = s->results};
	buf_init(&s->bytes, 65536);
	*state = s;
	return 0;
}

static int teardown(void **state)
{
	struct sample *s = *state;

	op_batch_free(s->batch);
	buf_fini(&s->bytes);
	free(s);
	return 0;
}

static void assert_same_result_item(const struct item *a, const struct item *b)
{
	assert_same_item(a, b);
	assert_false(a->has_inline);
}

static void assert_same(const struct op_answer *a, const struct op_answer *b)
{
	assert_int_equal(a->last, b->last);
	assert_int_equal(a->count, b->count);
	for (size_t i = 0; i < a->count; i++) {
		const struct op_result *x = &a->results[i], *y = &b->results[i];

		assert_int_equal(x->has_item, y->has_item);
		if (x->has_item)
			assert_same_result_item(&x->item, &y->item);
		assert_int_equal(x->id, y->id);
		assert_int_equal(x->replaced, y->replaced);
		assert_int_equal(x->value, y->value);
		assert_int_equal(x->dir_count, y->dir_count);
		for (size_t n = 0; n < x->dir_count; n++)
			assert_same_result_item(&x->dirs[n], &y->dirs[n]);
	}
}

/* ---- both forms ---- */

static void a_json_answer_survives_encoding_and_decoding(void **state)
{
	struct sample *s = *state;
	struct op_answer *back = NULL;

	assert_int_equal(op_answer_append_json(&s->bytes, &s->answer, s->batch), 0);
	assert_int_equal(op_answer_decode("application/json", buf_span(&s->bytes), COUNT, &back), 0);
	assert_same(back, &s->answer);
	op_answer_free(back);
}

static void a_compact_answer_survives_encoding_and_decoding(void **state)
{
	struct sample *s = *state;
	struct op_answer *back = NULL;

	assert_int_equal(op_answer_append_compact(&s->bytes, &s->answer), 0);
	assert_int_equal(op_answer_decode(OP_ANSWER_COMPACT, buf_span(&s->bytes), COUNT, &back), 0);
	assert_same(back, &s->answer);
	assert_int_equal(back->incarnation, 2);
	op_answer_free(back);
}

static void the_compact_answer_to_a_rename_is_at_most_half_of_the_json(void **state)
{
	struct sample *s = *state;
	size_t json;

	s->answer.count = 1;
	assert_int_equal(op_answer_append_json(&s->bytes, &s->answer, s->batch), 0);
	json = s->bytes.size;
	buf_reset(&s->bytes);
	assert_int_equal(op_answer_append_compact(&s->bytes, &s->answer), 0);
	assert_in_range(s->bytes.size, 1, json / 2);
}

/* Clients that do not ask for another form have read exactly these bytes since there have been batches. */
static void a_json_answer_has_exactly_the_bytes_that_old_clients_read(void **state)
{
	struct sample *s = *state;
	const char *const item =
		"{\"id\":\"30064771074\",\"drive\":\"7\",\"parent\":\"30064771073\",\"name\":\"to\",\"type\":\"file\","
		"\"size\":5,\"blocks\":4096,\"mode\":420,\"uid\":1,\"gid\":2,\"nlink\":1,\"atime\":\"1.000000001\","
		"\"mtime\":\"-1.999999993\",\"ctime\":\"0.000000003\",\"btime\":\"0.000000004\","
		"\"etag\":\"\\\"700000002-b\\\"\",\"seq\":\"12\"}";
	char expected[1024];

	s->results[0].dir_count = 0;
	s->answer.count = 1;
	snprintf(expected, sizeof(expected),
		"{\"results\":[{\"id\":\"30064771074\",\"item\":%s,\"replaced\":\"30064771075\",\"dirs\":[]}],\"last\":\"99\"}",
		item);
	assert_int_equal(op_answer_append_json(&s->bytes, &s->answer, s->batch), 0);
	assert_string_equal(s->bytes.data, expected);
}

static void only_the_answer_to_a_clone_has_a_length_in_json(void **state)
{
	struct sample *s = *state;

	s->results[2].value = 0;
	s->results[3].value = 5;
	assert_int_equal(op_answer_append_json(&s->bytes, &s->answer, s->batch), 0);
	assert_non_null(strstr(s->bytes.data, "\"len\":0,"));
	assert_null(strstr(s->bytes.data, "\"len\":5,"));
}

static void the_json_answer_to_an_append_has_the_offset_of_the_data(void **state)
{
	struct op_extent extent = {.len = 1, .kind = OP_EXTENT_DATA, .data = SPAN_LITERAL("x")};
	const struct op op = {
		.kind = OP_WRITE, .fields = OP_APPEND, .id = ITEM_ID(DRIVE, 2), .extents = &extent, .extent_count = 1};
	struct sample *s = *state;
	struct op_batch *batch = NULL;
	struct op_answer *back = NULL;

	s->answer.count = 1;
	s->results[0].value = 4096;
	assert_int_equal(op_batch_new(&op, 1, &batch), 0);
	assert_int_equal(op_answer_append_json(&s->bytes, &s->answer, batch), 0);
	assert_non_null(strstr(s->bytes.data, "\"at\":4096,"));
	assert_int_equal(op_answer_decode(OP_ANSWER_JSON, buf_span(&s->bytes), 1, &back), 0);
	assert_int_equal(back->results[0].value, 4096);
	op_answer_free(back);
	op_batch_free(batch);
}

static void a_compact_answer_never_has_the_content_of_an_item(void **state)
{
	struct sample *s = *state;
	struct op_answer *back = NULL;

	s->results[0].item.has_inline = true;
	s->results[0].item.inline_data = SPAN_LITERAL("hello");
	assert_int_equal(op_answer_append_compact(&s->bytes, &s->answer), 0);
	assert_int_equal(op_answer_decode(OP_ANSWER_COMPACT, buf_span(&s->bytes), COUNT, &back), 0);
	assert_false(back->results[0].item.has_inline);
	op_answer_free(back);
}

static void the_content_type_decides_how_an_answer_is_decoded(void **state)
{
	static const char *const json[] = {"application/json", "application/json; charset=utf-8", "text/plain", NULL,
		"application/vnd.nephos.resultsets", "application/vnd.nephos.items"};
	static const char *const compact[] = {
		OP_ANSWER_COMPACT, OP_ANSWER_COMPACT "; v=1", "Application/Vnd.Nephos.Results"};
	struct sample *s = *state;
	struct op_answer *back = NULL;
	struct buf text;

	buf_init(&text, 65536);
	assert_int_equal(op_answer_append_json(&text, &s->answer, s->batch), 0);
	assert_int_equal(op_answer_append_compact(&s->bytes, &s->answer), 0);
	for (size_t i = 0; i < sizeof(json) / sizeof(json[0]); i++) {
		assert_int_equal(op_answer_decode(json[i], buf_span(&s->bytes), COUNT, &back), -EBADMSG);
		assert_int_equal(op_answer_decode(json[i], buf_span(&text), COUNT, &back), 0);
		op_answer_free(back);
	}
	for (size_t i = 0; i < sizeof(compact) / sizeof(compact[0]); i++) {
		assert_int_equal(op_answer_decode(compact[i], buf_span(&text), COUNT, &back), -EBADMSG);
		assert_int_equal(op_answer_decode(compact[i], buf_span(&s->bytes), COUNT, &back), 0);
		op_answer_free(back);
	}
	buf_fini(&text);
}

/* ---- what is no answer ---- */

static void assert_none(const struct sample *s, size_t size, size_t count)
{
	/* A copy of exactly these bytes, so that a read behind them is noticed. */
	char *copy = malloc(size > 0 ? size : 1);
	struct op_answer *back = NULL;

	memcpy(copy, s->bytes.data, size);
	assert_int_equal(op_answer_decode(OP_ANSWER_COMPACT, span_of(copy, size), count, &back), -EBADMSG);
	assert_null(back);
	free(copy);
}

static void a_compact_answer_truncated_anywhere_is_refused(void **state)
{
	struct sample *s = *state;

	assert_int_equal(op_answer_append_compact(&s->bytes, &s->answer), 0);
	for (size_t size = 0; size < s->bytes.size; size++)
		assert_none(s, size, COUNT);
}

static void a_compact_answer_with_a_trailing_byte_is_refused(void **state)
{
	struct sample *s = *state;

	assert_int_equal(op_answer_append_compact(&s->bytes, &s->answer), 0);
	assert_int_equal(buf_append_u8(&s->bytes, 0), 0);
	assert_none(s, s->bytes.size, COUNT);
}

static void an_answer_with_another_number_of_results_is_refused(void **state)
{
	struct sample *s = *state;
	struct op_answer *back = NULL;

	assert_int_equal(op_answer_append_compact(&s->bytes, &s->answer), 0);
	assert_none(s, s->bytes.size, COUNT - 1);
	assert_none(s, s->bytes.size, COUNT + 1);
	assert_none(s, s->bytes.size, OPS_PER_BATCH_MAX + 1);
	buf_reset(&s->bytes);
	assert_int_equal(op_answer_append_json(&s->bytes, &s->answer, s->batch), 0);
	assert_int_equal(op_answer_decode(OP_ANSWER_JSON, buf_span(&s->bytes), COUNT - 1, &back), -EBADMSG);
	assert_int_equal(op_answer_decode(OP_ANSWER_JSON, buf_span(&s->bytes), COUNT + 1, &back), -EBADMSG);
}

static void a_compact_answer_with_impossible_fields_is_refused(void **state)
{
	static const struct {
		size_t at;
		unsigned char value;
	} bad[] = {
		{0, 'X'},				    /* magic */
		{4, 1},					    /* a flag: more is to come */
		{4, 2},					    /* an unknown flag */
		{8, COUNT - 1},				    /* count */
		{HEAD_BYTES, 2},			    /* has */
		{HEAD_BYTES, 0},			    /* has: the item would be read as one of its folders */
		{HEAD_BYTES + 1, OP_RESULT_DIRS_MAX + 1},   /* dirs */
		{HEAD_BYTES + 2 + 7, 0x80},		    /* id */
		{HEAD_BYTES + 10 + 7, 0x80},		    /* replaced */
		{HEAD_BYTES + 18 + 7, 0x80},		    /* len */
		{HEAD_BYTES + RESULT_BYTES + 3, 0xff},	    /* size of the item */
		{HEAD_BYTES + RESULT_BYTES + 4 + 23, 0x80}, /* size of the document */
	};
	struct sample *s = *state;

	assert_int_equal(op_answer_append_compact(&s->bytes, &s->answer), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const char good = s->bytes.data[bad[i].at];

		assert_int_not_equal((unsigned char)good, bad[i].value);
		s->bytes.data[bad[i].at] = (char)bad[i].value;
		assert_none(s, s->bytes.size, COUNT);
		s->bytes.data[bad[i].at] = good;
	}
}

static void a_result_with_an_unknown_flag_is_refused(void **state)
{
	struct sample *s = *state;

	s->answer.results = &s->results[1]; /* a result that has no item */
	s->answer.count = 1;
	assert_int_equal(op_answer_append_compact(&s->bytes, &s->answer), 0);
	s->bytes.data[HEAD_BYTES] = 2;
	assert_none(s, s->bytes.size, 1);
}

static void an_answer_whose_item_has_content_is_refused(void **state)
{
	const size_t inline_len = HEAD_BYTES + RESULT_BYTES + 4 + 108;
	struct sample *s = *state;

	assert_int_equal(op_answer_append_compact(&s->bytes, &s->answer), 0);
	assert_memory_equal(s->bytes.data + inline_len, "\xff\xff\xff\xff", 4);
	memset(s->bytes.data + inline_len, 0, 4);
	assert_none(s, s->bytes.size, COUNT);
}

static void a_malformed_json_answer_is_refused(void **state)
{
	static const char *const texts[] = {"", "[]", "{}", "{\"results\":[]", "{\"results\":[],\"last\":\"1\"}",
		"{\"results\":[{}]}", "{\"results\":[{}],\"last\":\"x\"}", "{\"results\":[{}],\"last\":\"1\"}x",
		"{\"results\":[7],\"last\":\"1\"}", "{\"results\":[{\"id\":\"-1\"}],\"last\":\"1\"}",
		"{\"results\":[{\"len\":-1}],\"last\":\"1\"}", "{\"results\":[{\"item\":{}}],\"last\":\"1\"}",
		"{\"results\":[{\"dirs\":[{},{},{}]}],\"last\":\"1\"}"};
	struct op_answer *back = NULL;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_int_equal(op_answer_decode(OP_ANSWER_JSON, span_str(texts[i]), 1, &back), -EBADMSG);
	assert_null(back);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_json_answer_survives_encoding_and_decoding),
		TEST(a_compact_answer_survives_encoding_and_decoding),
		TEST(the_compact_answer_to_a_rename_is_at_most_half_of_the_json),
		TEST(a_json_answer_has_exactly_the_bytes_that_old_clients_read),
		TEST(only_the_answer_to_a_clone_has_a_length_in_json),
		TEST(the_json_answer_to_an_append_has_the_offset_of_the_data),
		TEST(a_compact_answer_never_has_the_content_of_an_item),
		TEST(the_content_type_decides_how_an_answer_is_decoded),
		TEST(a_compact_answer_truncated_anywhere_is_refused),
		TEST(a_compact_answer_with_a_trailing_byte_is_refused),
		TEST(an_answer_with_another_number_of_results_is_refused),
		TEST(a_compact_answer_with_impossible_fields_is_refused),
		TEST(a_result_with_an_unknown_flag_is_refused),
		TEST(an_answer_whose_item_has_content_is_refused),
		cmocka_unit_test(a_malformed_json_answer_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
