#include "common/proto/item.h"

#include "common/base/limits.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <cmocka.h>

#include "tests/unit/common/proto/same_item.h"

static struct item sample(void)
{
	return (struct item){
		.id = ITEM_ID(3, 4000000000u),
		.parent = ITEM_ROOT(3),
		.size = 12345678901234,
		.allocated = 4096,
		.mode = S_IFREG | 04755,
		.uid = 1000,
		.gid = 4294967294u,
		.nlink = 2,
		.atime = -1,
		.mtime = 1700000000123456789,
		.ctime = 0,
		.btime = -1500000000,
		.seq = INT64_MAX,
		.content_seq = 77,
		.name = SPAN_LITERAL("gr\xc3\xbc\xc3\x9f"),
	};
}

static void assert_comes_back(const struct item *item)
{
	struct item back;
	struct buf names;
	json_t *object = item_to_json(item), *parsed;
	char *text;

	assert_non_null(object);
	text = json_dumps(object, 0);
	parsed = json_loads(text, 0, NULL);
	assert_non_null(parsed);
	buf_init(&names, 8192);
	assert_int_equal(buf_reserve(&names, 8191), 0);
	assert_int_equal(item_from_json(parsed, &back, &names), 0);
	assert_same_item(item, &back);
	buf_fini(&names);
	json_decref(parsed);
	json_decref(object);
	free(text);
}

static void an_item_survives_conversion_to_json_and_back(void **state)
{
	struct item item = sample();

	(void)state;
	assert_comes_back(&item);
}

static void item_json_keeps_protection_flags_and_refuses_malformed_ones(void **state)
{
	struct item item = sample(), back;
	json_t *o = item_to_json(&item);
	struct buf names;

	(void)state;
	assert_null(json_object_get(o, "protect"));
	buf_init(&names, 8192);
	assert_int_equal(buf_reserve(&names, 8191), 0);
	json_object_set_new(o, "protect", json_string("immutable"));
	assert_int_equal(item_from_json(o, &back, &names), -EINVAL);
	json_object_set_new(o, "protect", json_pack("[s]", "undeletable"));
	assert_true(item_from_json(o, &back, &names) < 0);
	json_object_set_new(o, "protect", json_pack("[i]", 1));
	assert_int_equal(item_from_json(o, &back, &names), -EINVAL);
	json_decref(o);
	buf_fini(&names);
	item.mode |= ITEM_IMMUTABLE;
	assert_comes_back(&item);
	item.mode |= ITEM_APPEND_ONLY;
	assert_comes_back(&item);
}

static void item_json_keeps_a_name_that_is_not_utf8(void **state)
{
	struct item item = sample();
	json_t *object;

	(void)state;
	item.name = SPAN_LITERAL("a\xff"
				 "b");
	object = item_to_json(&item);
	assert_string_equal(json_string_value(json_object_get(object, "name")),
		"a\xef\xbf\xbd"
		"b");
	assert_string_equal(json_string_value(json_object_get(object, "name_b64")), "Yf9i");
	json_decref(object);
	assert_comes_back(&item);
}

static void item_json_keeps_symlink_targets_and_device_numbers(void **state)
{
	struct item item = sample();
	json_t *object;

	(void)state;
	item.mode = S_IFLNK | 0777;
	item.target = SPAN_LITERAL("../\xfe/x");
	assert_comes_back(&item);
	item.target = (struct span){0};
	item.mode = S_IFBLK | 0600;
	item.rdev_major = 259;
	item.rdev_minor = 1048575;
	object = item_to_json(&item);
	assert_string_equal(json_string_value(json_object_get(object, "rdev")), "259:1048575");
	json_decref(object);
	assert_comes_back(&item);
	item.mode = S_IFREG;
	object = item_to_json(&item);
	assert_null(json_object_get(object, "rdev"));
	assert_null(json_object_get(object, "target"));
	json_decref(object);
}

static void item_json_writes_ids_as_text_and_sizes_as_numbers(void **state)
{
	struct item item = sample();
	json_t *o = item_to_json(&item);

	(void)state;
	assert_string_equal(json_string_value(json_object_get(o, "id")), "16884901888");
	assert_string_equal(json_string_value(json_object_get(o, "drive")), "3");
	assert_string_equal(json_string_value(json_object_get(o, "seq")), "9223372036854775807");
	assert_int_equal(json_integer_value(json_object_get(o, "size")), 12345678901234);
	assert_int_equal(json_integer_value(json_object_get(o, "mode")), 04755);
	assert_string_equal(json_string_value(json_object_get(o, "mtime")), "1700000000.123456789");
	assert_string_equal(json_string_value(json_object_get(o, "type")), "file");
	json_decref(o);
}

static void item_from_json_refuses_a_missing_or_mistyped_field(void **state)
{
	static const char *const keys[] = {"id", "parent", "name", "type", "size", "blocks", "mode", "uid", "gid",
		"nlink", "atime", "mtime", "ctime", "btime", "etag", "seq"};
	struct item item = sample(), back = {.id = 5};
	struct buf names;

	(void)state;
	buf_init(&names, 8192);
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		json_t *o = item_to_json(&item);

		json_object_del(o, keys[i]);
		assert_int_equal(item_from_json(o, &back, &names), -EINVAL);
		json_object_set_new(o, keys[i], json_array());
		assert_int_equal(item_from_json(o, &back, &names), -EINVAL);
		json_decref(o);
	}
	assert_int_equal(back.id, 5);
	buf_fini(&names);
}

static void item_etag_parse_accepts_only_the_form_that_item_etag_writes(void **state)
{
	static const char *const bad[] = {"", "\"\"", "\"-\"", "\"1-\"", "\"-1\"", "W/\"1-1\"", "*", "\"1-1", "1-1",
		"\"01-1\"", "\"1-1g\"", "\"A-1\"", "\"11111111111111111-1\"", "\"1-1-1\"", "\" 1-1\""};
	struct item item = sample();
	char etag[ITEM_ETAG_SIZE];
	int64_t id = 0, seq = 0;

	(void)state;
	item_etag(&item, etag);
	assert_int_equal(item_etag_parse(span_str(etag), &id, &seq), 0);
	assert_int_equal(id, item.id);
	assert_int_equal(seq, item.content_seq);
	item.id = -1;
	item.content_seq = 0;
	item_etag(&item, etag);
	assert_string_equal(etag, "\"ffffffffffffffff-0\"");
	assert_int_equal(item_etag_parse(span_str(etag), &id, &seq), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(item_etag_parse(span_str(bad[i]), &id, &seq), -EINVAL);
}

static void item_type_parse_reads_every_name_of_item_type_name(void **state)
{
	static const uint32_t types[] = {S_IFREG, S_IFDIR, S_IFLNK, S_IFIFO, S_IFSOCK, S_IFCHR, S_IFBLK};
	uint32_t type;

	(void)state;
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		assert_int_equal(item_type_parse(item_type_name(types[i] | 0644), &type), 0);
		assert_int_equal(type, types[i]);
	}
	assert_int_equal(item_type_parse("folder", &type), -EINVAL);
	assert_int_equal(item_type_parse(NULL, &type), -EINVAL);
}

static void item_json_ids_are_accepted_as_text_and_as_integers(void **state)
{
	json_t *o = json_pack("{s:s,s:I,s:s,s:f}", "text", "9223372036854775807", "number", (json_int_t)12, "bad",
		"12x", "real", 1.5);
	int64_t id;

	(void)state;
	assert_int_equal(item_json_get_id(o, "text", &id), 0);
	assert_int_equal(id, INT64_MAX);
	assert_int_equal(item_json_get_id(o, "number", &id), 0);
	assert_int_equal(id, 12);
	assert_int_equal(item_json_get_id(o, "bad", &id), -EINVAL);
	assert_int_equal(item_json_get_id(o, "real", &id), -EINVAL);
	assert_int_equal(item_json_get_id(o, "none", &id), -ENOENT);
	json_decref(o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_item_survives_conversion_to_json_and_back),
		cmocka_unit_test(item_json_keeps_protection_flags_and_refuses_malformed_ones),
		cmocka_unit_test(item_json_keeps_a_name_that_is_not_utf8),
		cmocka_unit_test(item_json_keeps_symlink_targets_and_device_numbers),
		cmocka_unit_test(item_json_writes_ids_as_text_and_sizes_as_numbers),
		cmocka_unit_test(item_from_json_refuses_a_missing_or_mistyped_field),
		cmocka_unit_test(item_etag_parse_accepts_only_the_form_that_item_etag_writes),
		cmocka_unit_test(item_type_parse_reads_every_name_of_item_type_name),
		cmocka_unit_test(item_json_ids_are_accepted_as_text_and_as_integers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
