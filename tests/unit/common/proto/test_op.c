#include "common/proto/op.h"

#include "common/base/error.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <cmocka.h>

#define JSON "application/json"
#define OPS "application/vnd.nephos.ops"

static int decode(const char *json, struct op_batch **ret)
{
	int index = -2;

	return op_batch_decode(JSON, span_str(json), ret, &index);
}

static int decode_error(const char *json)
{
	struct op_batch *b = NULL;
	int r = decode(json, &b);

	assert_true(r < 0);
	assert_null(b);
	return r;
}

/* Encodes and decodes the ops; the caller frees the result. */
static struct op_batch *round_trip(const struct op *ops, size_t count)
{
	struct op_batch *b = NULL;
	const char *type = NULL;
	struct buf body;
	int index;

	buf_init(&body, BATCH_BYTES_MAX);
	assert_int_equal(op_batch_encode(ops, count, &body, &type), 0);
	assert_int_equal(op_batch_decode(type, buf_span(&body), &b, &index), 0);
	buf_fini(&body); /* the batch must not borrow from it */
	assert_int_equal(op_batch_count(b), count);
	return b;
}

static void assert_same_extents(const struct op *a, const struct op *b)
{
	assert_int_equal(a->extent_count, b->extent_count);
	for (size_t e = 0; e < b->extent_count && b->extents; e++) {
		assert_int_equal(a->extents[e].at, b->extents[e].at);
		assert_int_equal(a->extents[e].len, b->extents[e].len);
		assert_int_equal(a->extents[e].kind, b->extents[e].kind);
		assert_int_equal(a->extents[e].from, b->extents[e].from);
		assert_memory_equal(a->extents[e].sha256, b->extents[e].sha256, 32);
		assert_true(span_eq(a->extents[e].data, b->extents[e].data));
	}
}

static void assert_same_op(const struct op *a, const struct op *b)
{
	uint32_t ignored = b->kind == OP_UNLINK ? 0 : OP_HAS_ID; /* decoding sets it wherever there is an id */

	assert_int_equal(a->kind, b->kind);
	assert_int_equal(a->fields & ~ignored, b->fields & ~ignored);
	assert_int_equal(a->id, b->id);
	assert_int_equal(a->parent, b->parent);
	assert_int_equal(a->new_parent, b->new_parent);
	assert_true(span_eq(a->name, b->name));
	assert_true(span_eq(a->new_name, b->new_name));
	assert_true(span_eq(a->target, b->target));
	assert_int_equal(a->mode, b->mode);
	assert_int_equal(a->uid, b->uid);
	assert_int_equal(a->protect, b->protect);
	assert_int_equal(a->rdev_major, b->rdev_major);
	assert_int_equal(a->rdev_minor, b->rdev_minor);
	assert_int_equal(a->size, b->size);
	assert_int_equal(a->atime, b->atime);
	assert_int_equal(a->mtime, b->mtime);
	assert_int_equal(a->ctime, b->ctime);
	assert_int_equal(a->from, b->from);
	assert_int_equal(a->len, b->len);
	assert_int_equal(a->at, b->at);
	assert_int_equal(a->to, b->to);
	if (a->fields & OP_IF_MATCH)
		assert_int_equal(a->if_content_seq, b->if_content_seq);
	assert_same_extents(a, b);
}

static void a_batch_with_every_kind_of_op_survives_encoding_and_decoding(void **state)
{
	struct op_extent extents[] = {
		{.at = 0, .len = 5, .kind = OP_EXTENT_DATA, .data = SPAN_LITERAL("hello")},
		{.at = 4096, .len = 100, .kind = OP_EXTENT_BLOCK, .sha256 = {1, 2, 3}, .from = 7},
		{.at = 9000, .len = 1 << 30, .kind = OP_EXTENT_HOLE},
		{.at = 5, .len = 3, .kind = OP_EXTENT_DATA, .data = SPAN_LITERAL("a\0b")},
	};
	struct op ops[] = {
		{.kind = OP_CREATE,
			.fields = OP_HAS_MODE | OP_HAS_UID | OP_HAS_GID | OP_HAS_ID | OP_HAS_MTIME,
			.id = 10,
			.parent = 1,
			.name = SPAN_LITERAL("n\xff"),
			.mode = S_IFREG | 0640,
			.uid = 1,
			.gid = 2,
			.mtime = -1},
		{.kind = OP_CREATE,
			.parent = 1,
			.name = SPAN_LITERAL("l"),
			.mode = S_IFLNK,
			.target = SPAN_LITERAL("t\xfe")},
		{.kind = OP_CREATE,
			.parent = 1,
			.name = SPAN_LITERAL("d"),
			.mode = S_IFCHR,
			.rdev_major = 1,
			.rdev_minor = 3},
		{.kind = OP_WRITE,
			.fields = OP_HAS_SIZE | OP_REPLACE | OP_IF_MATCH | OP_HAS_ATIME,
			.id = 10,
			.size = 5000,
			.atime = 9,
			.extents = extents,
			.extent_count = 4,
			.if_content_seq = 44},
		{.kind = OP_SETATTR, .fields = OP_HAS_MODE | OP_HAS_CTIME, .id = 10, .mode = 07777, .ctime = 5},
		{.kind = OP_UNLINK, .fields = OP_HAS_ID, .id = 10, .parent = 1, .name = SPAN_LITERAL("x")},
		{.kind = OP_RMDIR, .parent = 1, .name = SPAN_LITERAL("x")},
		{.kind = OP_RENAME,
			.fields = OP_EXCHANGE,
			.parent = 1,
			.name = SPAN_LITERAL("x"),
			.new_parent = 2,
			.new_name = SPAN_LITERAL("y\xff")},
		{.kind = OP_LINK, .id = 10, .parent = 1, .name = SPAN_LITERAL("z")},
		{.kind = OP_SETXATTR,
			.fields = OP_XATTR_REPLACE,
			.id = 10,
			.name = SPAN_LITERAL("user.a"),
			.target = SPAN_LITERAL("\0\1")},
		{.kind = OP_REMOVEXATTR, .id = 10, .name = SPAN_LITERAL("user.a")},
		{.kind = OP_CLONE,
			.fields = OP_IF_MATCH,
			.id = 10,
			.from = 1,
			.len = 2,
			.to = 11,
			.at = 3,
			.if_content_seq = -1},
	};
	size_t count = sizeof(ops) / sizeof(ops[0]);
	struct op_batch *b = round_trip(ops, count);

	(void)state;
	for (size_t i = 0; i < count; i++)
		assert_same_op(op_batch_at(b, i), &ops[i]);
	op_batch_free(b);
}

static void rare_fields_of_ops_survive_encoding_and_decoding(void **state)
{
	struct op ops[] = {
		{.kind = OP_RENAME,
			.fields = OP_NOREPLACE | OP_WHITEOUT | OP_HAS_UID | OP_HAS_GID,
			.parent = 1,
			.name = SPAN_LITERAL("x"),
			.new_parent = 2,
			.new_name = SPAN_LITERAL("y"),
			.uid = 3,
			.gid = 4},
		{.kind = OP_CREATE, .fields = OP_NAMELESS | OP_HAS_MODE, .parent = 1, .mode = S_IFREG | 0600},
		{.kind = OP_SETATTR, .fields = OP_HAS_SIZE | OP_DROP_SETID, .id = 10},
		{.kind = OP_SETATTR, .fields = OP_HAS_PROTECT, .id = 10},
		{.kind = OP_SETATTR, .fields = OP_HAS_PROTECT, .id = 10, .protect = ITEM_IMMUTABLE | ITEM_APPEND_ONLY},
	};
	size_t count = sizeof(ops) / sizeof(ops[0]);
	struct op_batch *b = round_trip(ops, count);

	(void)state;
	for (size_t i = 0; i < count; i++)
		assert_same_op(op_batch_at(b, i), &ops[i]);
	op_batch_free(b);
}

static void keep_size_is_allowed_for_holes_and_reserved_ranges_but_not_for_data(void **state)
{
	struct op_extent extents[] = {
		{.at = 1, .len = 1ll << 40, .kind = OP_EXTENT_HOLE},
		{.at = 1, .len = 1ll << 40, .kind = OP_EXTENT_RESERVE},
	};
	struct op op = {.kind = OP_WRITE, .fields = OP_KEEP_SIZE, .id = 10, .extents = extents, .extent_count = 2};
	struct op_batch *b = round_trip(&op, 1);

	(void)state;
	assert_same_op(op_batch_at(b, 0), &op);
	op_batch_free(b);
	extents[1] = (struct op_extent){.at = 1, .len = 1, .kind = OP_EXTENT_DATA, .data = SPAN_LITERAL("x")};
	assert_int_equal(op_check(&op), -ERR_UNPROCESSABLE);
}

static void an_append_survives_encoding_and_is_refused_with_a_size_or_replace(void **state)
{
	struct op_extent extent = {.at = 0, .len = 5, .kind = OP_EXTENT_DATA, .data = SPAN_LITERAL("hello")};
	struct op op = {.kind = OP_WRITE, .fields = OP_APPEND, .id = 10, .extents = &extent, .extent_count = 1};
	struct op_batch *b = round_trip(&op, 1);

	(void)state;
	assert_same_op(op_batch_at(b, 0), &op);
	op_batch_free(b);
	for (int i = 0; i < 3; i++) {
		op.fields = OP_APPEND | (uint32_t[]){OP_REPLACE, OP_HAS_SIZE, OP_KEEP_SIZE}[i];
		assert_int_equal(op_check(&op), -ERR_UNPROCESSABLE);
	}
}

static void a_batch_without_data_is_json_and_one_with_data_is_binary(void **state)
{
	struct op_extent extent = {.len = 1, .kind = OP_EXTENT_DATA, .data = SPAN_LITERAL("x")};
	struct op op = {.kind = OP_WRITE, .id = 3};
	const char *type;
	struct buf b;

	(void)state;
	buf_init(&b, 4096);
	assert_int_equal(op_batch_encode(&op, 1, &b, &type), 0);
	assert_string_equal(type, JSON);
	assert_string_equal(b.data, "{\"ops\":[{\"op\":\"write\",\"id\":\"3\"}]}");
	buf_reset(&b);
	op.extents = &extent;
	op.extent_count = 1;
	assert_int_equal(op_batch_encode(&op, 1, &b, &type), 0);
	assert_string_equal(type, OPS);
	assert_int_equal(b.data[b.size - 1], 'x');
	buf_fini(&b);
}

static void decode_accepts_white_space_integer_ids_and_a_charset(void **state)
{
	struct op_batch *b;
	int index;

	(void)state;
	assert_int_equal(
		op_batch_decode("application/json; charset=utf-8",
			SPAN_LITERAL(
				" {\"ops\": [{\"parent\": 4294967297, \"name\": \"a b\", \"op\": \"create\", \"mode\": 384, "
				"\"type\": \"dir\"}]} "),
			&b, &index),
		0);
	assert_int_equal(op_batch_at(b, 0)->mode, S_IFDIR | 0600);
	assert_int_equal(op_batch_at(b, 0)->parent, ITEM_ROOT(1));
	op_batch_free(b);
	assert_int_equal(
		decode("{\"ops\":[{\"op\":\"rename\",\"parent\":\"1\",\"name\":\"a\",\"new_parent\":\"1\",\"new_name\":\"b\","
		       "\"flags\":[\"noreplace\"]}]}",
			&b),
		0);
	assert_int_equal(op_batch_at(b, 0)->fields, OP_NOREPLACE);
	op_batch_free(b);
}

static void decode_prefers_name_b64_to_name_in_either_order(void **state)
{
	static const char *const bodies[] = {
		"{\"ops\":[{\"op\":\"rmdir\",\"parent\":\"1\",\"name\":\"a?\",\"name_b64\":\"Yf8=\"}]}",
		"{\"ops\":[{\"op\":\"rmdir\",\"parent\":\"1\",\"name_b64\":\"Yf8=\",\"name\":\"a?\"}]}",
		"{\"ops\":[{\"op\":\"rmdir\",\"parent\":\"1\",\"name_b64\":\"Yf8=\"}]}",
	};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct op_batch *b;

		assert_int_equal(decode(bodies[i], &b), 0);
		assert_true(span_eq_str(op_batch_at(b, 0)->name, "a\xff"));
		op_batch_free(b);
	}
}

static void decode_reads_a_foreign_or_weak_if_match_as_matching_nothing(void **state)
{
	struct op_batch *b;

	(void)state;
	assert_int_equal(decode("{\"ops\":[{\"if_match\":\"\\\"a-7\\\"\",\"op\":\"write\",\"id\":\"10\"},"
				"{\"if_match\":\"\\\"b-7\\\"\",\"op\":\"write\",\"id\":\"10\"},"
				"{\"if_match\":\"W/\\\"a-7\\\"\",\"op\":\"write\",\"id\":\"10\"}]}",
				 &b),
		0);
	assert_int_equal(op_batch_at(b, 0)->if_content_seq, 7);
	assert_int_equal(op_batch_at(b, 1)->if_content_seq, -1);
	assert_int_equal(op_batch_at(b, 2)->if_content_seq, -1);
	op_batch_free(b);
}

#define ONE(fields) "{\"ops\":[{" fields "}]}"
#define CREATE "\"op\":\"create\",\"parent\":\"1\","

static void decode_refuses_each_malformed_op_with_its_own_error(void **state)
{
	static const struct {
		const char *json;
		int error;
	} cases[] = {
		{"", -ERR_BAD_JSON},
		{"{", -ERR_BAD_JSON},
		{"{\"ops\":[]}x", -ERR_BAD_JSON},
		{"{\"ops\":[],\"ops\":[]}", -ERR_BAD_JSON},
		{"{\"ops\":[{\"op\":\"rmdir\",\"parent\":\"1\",\"name\":\"a\\u0000\"}]}", -ERR_BAD_JSON},
		{"[]", -ERR_BAD_REQUEST},
		{"{}", -ERR_BAD_REQUEST},
		{"{\"ops\":{}}", -ERR_BAD_REQUEST},
		{"{\"ops\":[],\"op\":1}", -ERR_BAD_REQUEST},
		{"{\"ops\":[]}", -ERR_UNPROCESSABLE},
		{"{\"ops\":[1]}", -ERR_BAD_REQUEST},
		{"{\"ops\":[{}]}", -ERR_BAD_REQUEST},
		{ONE("\"op\":\"destroy\""), -ERR_UNPROCESSABLE},
		{ONE("\"op\":\"unlink\",\"parent\":\"1\""), -ERR_BAD_REQUEST},
		{ONE("\"op\":\"unlink\",\"parent\":\"1\",\"name\":\"a\",\"mode\":1"), -ERR_BAD_REQUEST},
		{ONE("\"op\":\"unlink\",\"parent\":1.5,\"name\":\"a\""), -ERR_BAD_REQUEST},
		{ONE("\"op\":\"unlink\",\"parent\":\"1\",\"name\":\"a\",\"if_match\":\"\\\"1-1\\\"\""),
			-ERR_UNPROCESSABLE},
		{ONE("\"op\":\"unlink\",\"parent\":\"1\",\"name\":\"..\""), -ERR_UNPROCESSABLE},
		{ONE("\"op\":\"unlink\",\"parent\":\"1\",\"name\":\"a/b\""), -ERR_UNPROCESSABLE},
		{ONE("\"op\":\"unlink\",\"parent\":\"1\",\"name\":\"\""), -ERR_UNPROCESSABLE},
		{ONE("\"op\":\"unlink\",\"parent\":\"1\",\"name_b64\":\"YQA=\""), -ERR_UNPROCESSABLE},
		{ONE("\"op\":\"unlink\",\"parent\":\"1\",\"name_b64\":\"YQ\""), -ERR_BAD_REQUEST},
		{ONE(CREATE "\"name\":\"a\""), -ERR_BAD_REQUEST},
		{ONE(CREATE "\"name\":\"a\",\"type\":\"folder\""), -ERR_UNPROCESSABLE},
		{ONE(CREATE "\"name\":\"a\",\"type\":\"symlink\""), -ERR_UNPROCESSABLE},
		{ONE(CREATE "\"name\":\"a\",\"type\":\"file\",\"target\":\"x\""), -ERR_UNPROCESSABLE},
		{ONE(CREATE "\"name\":\"a\",\"type\":\"file\",\"mode\":4096"), -ERR_UNPROCESSABLE},
		{ONE(CREATE "\"name\":\"a\",\"type\":\"file\",\"uid\":4294967295"), -ERR_UNPROCESSABLE},
		{ONE(CREATE "\"name\":\"a\",\"type\":\"file\",\"rdev\":{\"major\":1,\"minor\":1}"), -ERR_UNPROCESSABLE},
		{ONE(CREATE "\"name\":\"a\",\"type\":\"chr\",\"rdev\":{\"major\":1}"), -ERR_BAD_REQUEST},
		{ONE("\"op\":\"write\",\"id\":\"1\",\"size\":-1"), -ERR_UNPROCESSABLE},
		{ONE("\"op\":\"write\",\"id\":\"1\",\"size\":1125899906842625"), -EFBIG},
		{ONE("\"op\":\"write\",\"id\":\"1\",\"mtime\":5"), -ERR_BAD_REQUEST},
		{ONE("\"op\":\"write\",\"id\":\"1\",\"replace\":1"), -ERR_BAD_REQUEST},
		{ONE("\"op\":\"write\",\"id\":\"1\",\"extents\":[{\"at\":0,\"len\":1,\"data\":0}]"),
			-ERR_UNPROCESSABLE},
		{ONE("\"op\":\"write\",\"id\":\"1\",\"extents\":[{\"at\":0,\"len\":0,\"hole\":true}]"),
			-ERR_UNPROCESSABLE},
		{ONE("\"op\":\"write\",\"id\":\"1\",\"extents\":[{\"at\":0,\"len\":1,\"hole\":false}]"),
			-ERR_BAD_REQUEST},
		{ONE("\"op\":\"write\",\"id\":\"1\",\"extents\":[{\"at\":0,\"len\":1}]"), -ERR_BAD_REQUEST},
		{ONE("\"op\":\"write\",\"id\":\"1\",\"extents\":[{\"at\":0,\"len\":1,\"block\":\"ab\"}]"),
			-ERR_BAD_REQUEST},
		{ONE("\"op\":\"write\",\"id\":\"1\",\"extents\":[{\"at\":-1,\"len\":1,\"hole\":true}]"),
			-ERR_UNPROCESSABLE},
		{ONE("\"op\":\"write\",\"id\":\"1\",\"extents\":[{\"at\":1125899906842624,\"len\":1,\"hole\":true}]"),
			-EFBIG},
		{ONE("\"op\":\"clone\",\"id\":\"1\",\"from\":0,\"len\":-1,\"to\":\"2\",\"at\":0"), -ERR_UNPROCESSABLE},
		{ONE("\"op\":\"setxattr\",\"id\":\"1\",\"name\":\"\",\"value_b64\":\"\""), -ERR_UNPROCESSABLE},
		{ONE("\"op\":\"setxattr\",\"id\":\"1\",\"name\":\"a\",\"value_b64\":\"\",\"flags\":\"exchange\""),
			-ERR_UNPROCESSABLE},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int r = decode_error(cases[i].json);

		if (r != cases[i].error)
			fail_msg("%s: %d, not %d", cases[i].json, r, cases[i].error);
	}
}

static void decode_reports_the_index_of_the_malformed_op(void **state)
{
	struct op_batch *b = NULL;
	int index = -2;

	(void)state;
	assert_int_equal(
		op_batch_decode(JSON,
			SPAN_LITERAL("{\"ops\":[{\"op\":\"setattr\",\"id\":\"1\"},{\"op\":\"setattr\"}]}"), &b, &index),
		-ERR_BAD_REQUEST);
	assert_int_equal(index, 1);
	assert_int_equal(op_batch_decode(JSON, SPAN_LITERAL("{"), &b, &index), -ERR_BAD_JSON);
	assert_int_equal(index, -1);
	assert_int_equal(op_batch_decode("text/plain", SPAN_LITERAL("{}"), &b, &index), -ERR_BAD_REQUEST);
	assert_int_equal(op_batch_decode(NULL, SPAN_LITERAL("{}"), &b, &index), -ERR_BAD_REQUEST);
}

static void decode_refuses_deeply_nested_and_oversized_batches(void **state)
{
	struct op_batch *batch = NULL;
	struct buf b;
	int index;

	(void)state;
	buf_init(&b, 4u << 20);
	for (int i = 0; i < 64; i++)
		assert_int_equal(buf_append_str(&b, "["), 0);
	assert_int_equal(op_batch_decode(JSON, buf_span(&b), &batch, &index), -ERR_TOO_LARGE);
	/* Too many containers, in one op: a parser that built them would only find that this is no op. */
	buf_reset(&b);
	assert_int_equal(buf_append_str(&b, "{\"ops\":[[{}"), 0);
	for (int i = 0; i < 100000; i++)
		assert_int_equal(buf_append_str(&b, ",{}"), 0);
	assert_int_equal(buf_append_str(&b, "]]}"), 0);
	assert_int_equal(op_batch_decode(JSON, buf_span(&b), &batch, &index), -ERR_TOO_LARGE);
	/* Too many ops, without containers. */
	buf_reset(&b);
	assert_int_equal(buf_append_str(&b, "{\"ops\":[0"), 0);
	for (unsigned i = 0; i < OPS_PER_BATCH_MAX; i++)
		assert_int_equal(buf_append_str(&b, ",0"), 0);
	assert_int_equal(buf_append_str(&b, "]}"), 0);
	assert_int_equal(op_batch_decode(JSON, buf_span(&b), &batch, &index), -ERR_TOO_LARGE);
	/* Too many bytes, of which nearly all are white space. */
	buf_reset(&b);
	assert_int_equal(buf_append_str(&b, ONE("\"op\":\"setattr\",\"id\":\"1\"")), 0);
	while (b.size <= JSON_BYTES_MAX)
		assert_int_equal(buf_append_str(&b, "          "), 0);
	assert_int_equal(op_batch_decode(JSON, buf_span(&b), &batch, &index), -ERR_TOO_LARGE);
	buf_reset(&b);
	assert_int_equal(buf_append_u32(&b, BATCH_HEAD_BYTES_MAX + 1), 0);
	assert_int_equal(op_batch_decode(OPS, buf_span(&b), &batch, &index), -ERR_TOO_LARGE);
	buf_fini(&b);
}

static void decode_refuses_a_truncated_head(void **state)
{
	struct op_batch *batch = NULL;
	int index;

	(void)state;
	assert_int_equal(op_batch_decode(OPS, SPAN_LITERAL("\x10\0\0\0{\"ops\":"), &batch, &index), -ERR_BAD_REQUEST);
	assert_int_equal(op_batch_decode(OPS, SPAN_LITERAL("\x10\0"), &batch, &index), -ERR_BAD_REQUEST);
	assert_int_equal(op_batch_decode(OPS, (struct span){0}, &batch, &index), -ERR_BAD_REQUEST);
}

static void decode_refuses_a_name_over_the_limit_with_enametoolong(void **state)
{
	char name[NAME_BYTES_MAX + 2], json[512];

	(void)state;
	memset(name, 'n', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	(void)snprintf(json, sizeof(json), "{\"ops\":[{\"op\":\"unlink\",\"parent\":\"1\",\"name\":\"%s\"}]}", name);
	assert_int_equal(decode_error(json), -ENAMETOOLONG);
}

static void op_batch_new_copies_names_and_data_and_checks_the_ops(void **state)
{
	char name[] = "name", data[] = "data";
	struct op_extent extent = {.len = 4, .kind = OP_EXTENT_DATA, .data = span_of(data, 4)};
	struct op ops[2] = {{.kind = OP_UNLINK, .parent = 1, .name = span_of(name, 4)},
		{.kind = OP_WRITE, .id = 3, .extents = &extent, .extent_count = 1}};
	struct op_batch *b = NULL;

	(void)state;
	assert_int_equal(op_batch_new(ops, 2, &b), 0);
	memset(name, 0, sizeof(name));
	memset(data, 0, sizeof(data));
	extent.len = 0;
	assert_true(span_eq_str(op_batch_at(b, 0)->name, "name"));
	assert_true(span_eq_str(op_batch_at(b, 1)->extents[0].data, "data"));
	op_batch_free(b);
	b = NULL;
	ops[0].name = SPAN_LITERAL("..");
	assert_int_equal(op_batch_new(ops, 2, &b), -ERR_UNPROCESSABLE);
	assert_null(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_batch_with_every_kind_of_op_survives_encoding_and_decoding),
		cmocka_unit_test(rare_fields_of_ops_survive_encoding_and_decoding),
		cmocka_unit_test(an_append_survives_encoding_and_is_refused_with_a_size_or_replace),
		cmocka_unit_test(keep_size_is_allowed_for_holes_and_reserved_ranges_but_not_for_data),
		cmocka_unit_test(a_batch_without_data_is_json_and_one_with_data_is_binary),
		cmocka_unit_test(decode_accepts_white_space_integer_ids_and_a_charset),
		cmocka_unit_test(decode_prefers_name_b64_to_name_in_either_order),
		cmocka_unit_test(decode_reads_a_foreign_or_weak_if_match_as_matching_nothing),
		cmocka_unit_test(decode_refuses_each_malformed_op_with_its_own_error),
		cmocka_unit_test(decode_reports_the_index_of_the_malformed_op),
		cmocka_unit_test(decode_refuses_deeply_nested_and_oversized_batches),
		cmocka_unit_test(decode_refuses_a_truncated_head),
		cmocka_unit_test(decode_refuses_a_name_over_the_limit_with_enametoolong),
		cmocka_unit_test(op_batch_new_copies_names_and_data_and_checks_the_ops),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
