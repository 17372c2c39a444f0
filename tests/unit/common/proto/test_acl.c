#include "common/proto/acl.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

enum { OWNER = 1, USER = 2, GROUP = 4, NAMED = 8, MASK = 16, OTHERS = 32 };
#define NONE UINT32_MAX

struct entries {
	uint16_t tag, bits;
	uint32_t id;
};

/* Makes an xattr from entries; an entry with tag 0 ends them. */
static struct span make(char ret[ACL_BYTES_MAX + 16], uint32_t version, const struct entries *e)
{
	char *at = ret;

	memcpy(at, &version, 4);
	for (at += 4; e->tag; e++, at += 8)
		memcpy(at, e, 8);
	return span_of(ret, (size_t)(at - ret));
}
#define MAKE(bytes, ...) make(bytes, 2, (const struct entries[]){__VA_ARGS__, {0, 0, 0}})

static struct acl parsed(struct span bytes)
{
	struct acl acl;

	assert_int_equal(acl_parse(bytes, &acl), 0);
	return acl;
}

static void acl_parse_and_acl_print_preserve_all_entries(void **state)
{
	char bytes[ACL_BYTES_MAX + 16], again[ACL_BYTES_MAX];
	struct span full = MAKE(bytes, {OWNER, 7, NONE}, {USER, 5, 1000}, {USER, 6, 1001}, {GROUP, 5, NONE},
		{NAMED, 4, 7}, {MASK, 7, NONE}, {OTHERS, 0, NONE});
	struct acl acl = parsed(full);

	(void)state;
	assert_int_equal(acl.count, 7);
	assert_int_equal(acl_print(&acl, again), full.size);
	assert_memory_equal(again, bytes, full.size);
}

static void acl_parse_drops_the_ids_of_owner_group_and_others(void **state)
{
	char bytes[ACL_BYTES_MAX + 16];
	struct acl acl = parsed(MAKE(bytes, {OWNER, 7, 0}, {GROUP, 5, 17}, {OTHERS, 0, 3}));

	(void)state;
	for (size_t i = 0; i < acl.count; i++)
		assert_true(acl.entries[i].id == NONE);
}

static void acl_parse_accepts_an_acl_without_entries(void **state)
{
	const uint32_t head = 2;

	(void)state;
	assert_int_equal(parsed(span_of(NULL, 0)).count, 0);
	assert_int_equal(parsed(span_of((const char *)&head, 4)).count, 0);
}

static void acl_parse_refuses_malformed_acls(void **state)
{
	static const struct entries bad[][7] = {
		{{OWNER, 7, NONE}, {GROUP, 5, NONE}},					   /* no others */
		{{GROUP, 7, NONE}, {OTHERS, 5, NONE}},					   /* no owner */
		{{OWNER, 7, NONE}, {OTHERS, 5, NONE}},					   /* no group */
		{{OWNER, 7, NONE}, {OTHERS, 5, NONE}, {GROUP, 5, NONE}},		   /* not in order */
		{{OWNER, 7, NONE}, {OWNER, 7, NONE}, {GROUP, 5, NONE}, {OTHERS, 0, NONE}}, /* twice */
		{{OWNER, 7, NONE}, {USER, 5, 1}, {GROUP, 5, NONE}, {OTHERS, 0, NONE}},	   /* no mask */
		{{OWNER, 7, NONE}, {GROUP, 5, NONE}, {NAMED, 5, 1}, {OTHERS, 0, NONE}},	   /* no mask */
		{{OWNER, 7, NONE}, {USER, 5, NONE}, {GROUP, 5, NONE}, {MASK, 7, NONE}, {OTHERS, 0, NONE}}, /* nobody */
		{{OWNER, 8, NONE}, {GROUP, 5, NONE}, {OTHERS, 0, NONE}},		/* no such permission */
		{{OWNER, 7, NONE}, {GROUP, 5, NONE}, {64, 5, NONE}, {OTHERS, 0, NONE}}, /* no such tag */
		{{OWNER, 7, NONE}, {GROUP, 5, NONE}, {OTHERS | MASK, 0, NONE}},		/* no such tag either */
		{{OWNER, 7, NONE}, {GROUP, 5, NONE}, {USER, 5, 9}, {MASK, 7, NONE}, {OTHERS, 0, NONE}}, /* order */
	};
	char bytes[ACL_BYTES_MAX + 16];
	struct acl acl;
	struct span good = MAKE(bytes, {OWNER, 7, NONE}, {GROUP, 5, NONE}, {OTHERS, 0, NONE});

	(void)state;
	for (size_t size = 1; size < good.size; size++)
		if (size != 4)
			assert_int_equal(acl_parse(span_of(bytes, size), &acl), -EINVAL);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (acl_parse(make(bytes, 2, bad[i]), &acl) != -EINVAL)
			fail_msg("%zu is accepted", i);
	assert_int_equal(acl_parse(make(bytes, 1, bad[0]), &acl), -EOPNOTSUPP);
	assert_int_equal(acl_parse(span_of(bytes, ACL_BYTES_MAX + 8), &acl), -E2BIG);
}

static void acl_mode_uses_the_mask_as_the_group_bits(void **state)
{
	char bytes[ACL_BYTES_MAX + 16];
	struct acl plain = parsed(MAKE(bytes, {OWNER, 6, NONE}, {GROUP, 4, NONE}, {OTHERS, 1, NONE}));
	struct acl masked = parsed(MAKE(bytes, {OWNER, 6, NONE}, {GROUP, 4, NONE}, {MASK, 2, NONE}, {OTHERS, 1, NONE}));

	(void)state;
	assert_true(acl_is_mode(&plain));
	assert_int_equal(acl_mode(&plain), 0641);
	assert_false(acl_is_mode(&masked));
	assert_int_equal(acl_mode(&masked), 0621);
}

static void acl_chmod_changes_the_mask_and_not_the_group_entry(void **state)
{
	char bytes[ACL_BYTES_MAX + 16], again[ACL_BYTES_MAX];
	struct acl acl = parsed(
		MAKE(bytes, {OWNER, 7, NONE}, {USER, 7, 9}, {GROUP, 5, NONE}, {MASK, 7, NONE}, {OTHERS, 5, NONE}));
	struct span wanted =
		MAKE(bytes, {OWNER, 6, NONE}, {USER, 7, 9}, {GROUP, 5, NONE}, {MASK, 4, NONE}, {OTHERS, 0, NONE});

	(void)state;
	acl_chmod(&acl, 04640);
	assert_int_equal(acl_mode(&acl), 0640);
	assert_int_equal(acl_print(&acl, again), wanted.size);
	assert_memory_equal(again, wanted.data, wanted.size);
}

static void acl_inherit_grants_only_bits_of_both_the_acl_and_the_mode(void **state)
{
	char bytes[ACL_BYTES_MAX + 16], again[ACL_BYTES_MAX];
	struct acl acl = parsed(
		MAKE(bytes, {OWNER, 7, NONE}, {USER, 7, 9}, {GROUP, 5, NONE}, {MASK, 7, NONE}, {OTHERS, 5, NONE}));
	struct span wanted;
	struct acl plain = parsed(MAKE(bytes, {OWNER, 5, NONE}, {GROUP, 6, NONE}, {OTHERS, 0, NONE}));

	(void)state;
	assert_int_equal(acl_inherit(&plain, 0666), 0460);
	wanted = MAKE(bytes, {OWNER, 6, NONE}, {USER, 7, 9}, {GROUP, 5, NONE}, {MASK, 6, NONE}, {OTHERS, 4, NONE});
	assert_int_equal(acl_inherit(&acl, 0666), 0664);
	assert_int_equal(acl_print(&acl, again), wanted.size);
	assert_memory_equal(again, wanted.data, wanted.size);
}

static void acl_is_name_recognises_the_two_xattrs_of_acls(void **state)
{
	bool is_default = true;

	(void)state;
	assert_true(acl_is_name(SPAN_LITERAL("system.posix_acl_access"), &is_default));
	assert_false(is_default);
	assert_true(acl_is_name(SPAN_LITERAL("system.posix_acl_default"), &is_default));
	assert_true(is_default);
	assert_false(acl_is_name(SPAN_LITERAL("system.posix_acl_accesses"), &is_default));
	assert_false(acl_is_name(SPAN_LITERAL("user.x"), &is_default));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(acl_parse_and_acl_print_preserve_all_entries),
		cmocka_unit_test(acl_parse_drops_the_ids_of_owner_group_and_others),
		cmocka_unit_test(acl_parse_accepts_an_acl_without_entries),
		cmocka_unit_test(acl_parse_refuses_malformed_acls),
		cmocka_unit_test(acl_mode_uses_the_mask_as_the_group_bits),
		cmocka_unit_test(acl_chmod_changes_the_mask_and_not_the_group_entry),
		cmocka_unit_test(acl_inherit_grants_only_bits_of_both_the_acl_and_the_mode),
		cmocka_unit_test(acl_is_name_recognises_the_two_xattrs_of_acls),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
