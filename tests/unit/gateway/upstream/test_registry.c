#include "gateway/upstream/registry.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static int setup(void **state)
{
	struct registry *r;
	assert_int_equal(registry_new(&r), 0);
	*state = r;
	return 0;
}

static int teardown(void **state)
{
	registry_free(*state);
	return 0;
}

/* budget: the six words of a registration read best in one line of a test */
static int put(struct registry *r, enum registry_kind kind, const char *name, const char *url, bool ready, int64_t now)
{
	const struct registry_entry entry = {
		.kind = kind, .name = name, .url = url, .instance = "0a0b", .ready = ready};
	return registry_put(r, &entry, now);
}

static size_t turn(struct registry *r, int64_t now, struct registry_instance *ret)
{
	struct registry_choice choice;
	registry_turn(r, REGISTRY_DOCS, now, &choice);
	memcpy(ret, choice.list, choice.count * sizeof(*ret));
	return choice.count;
}

static void instance_for(struct registry *r, const char *key, struct registry_instance *ret)
{
	struct registry_choice choice;
	registry_for(r, REGISTRY_DOCS, span_str(key), 1, &choice);
	assert_true(choice.count > 0);
	*ret = choice.list[0];
}

static void put_two(struct registry *r)
{
	assert_int_equal(put(r, REGISTRY_DOCS, "docs-1", "http://127.0.0.1:1", true, 0), 0);
	assert_int_equal(put(r, REGISTRY_DOCS, "docs-2", "http://127.0.0.1:2/", true, 0), 0);
}

static void registry_turn_puts_each_of_two_instances_first_alternately(void **state)
{
	struct registry *r = *state;
	struct registry_instance first[2], second[2];
	put_two(r);
	assert_int_equal(turn(r, 1, first), 2);
	assert_int_equal(turn(r, 1, second), 2);
	assert_string_not_equal(first[0].name, second[0].name);
	assert_string_equal(first[0].name, second[1].name);
}

static void a_registered_url_loses_its_last_slash(void **state)
{
	struct registry *r = *state;
	struct registry_instance list[4];
	put_two(r);
	assert_int_equal(registry_list(r, 1, list, 4), 2);
	assert_string_equal(list[1].url, "http://127.0.0.1:2");
}

static void an_instance_without_renewal_is_removed_after_its_lease(void **state)
{
	struct registry *r = *state;
	struct registry_instance list[4];
	put_two(r);
	assert_int_equal(put(r, REGISTRY_DOCS, "docs-1", "http://127.0.0.1:1", true, 1000), 0);
	assert_int_equal(turn(r, REGISTRY_LEASE_NS, list), 1);
	assert_string_equal(list[0].name, "docs-1");
	assert_int_equal(turn(r, REGISTRY_LEASE_NS + 1000, list), 0);
}

static void an_instance_that_is_not_ready_or_of_another_kind_is_not_offered(void **state)
{
	struct registry *r = *state;
	struct registry_instance list[4];
	put(r, REGISTRY_DOCS, "docs-1", "http://127.0.0.1:1", false, 0);
	put(r, REGISTRY_USER, "docs-2", "http://127.0.0.1:2", true, 0);
	assert_int_equal(turn(r, 1, list), 0);
	assert_int_equal(registry_list(r, 1, list, 4), 2);
}

static void a_suspected_instance_is_listed_last_until_it_registers_again(void **state)
{
	struct registry *r = *state;
	struct registry_instance list[2];
	put_two(r);
	registry_suspect(r, REGISTRY_DOCS, "docs-1");
	for (int i = 0; i < 4; i++) {
		assert_int_equal(turn(r, 1, list), 2);
		assert_string_equal(list[0].name, "docs-2");
	}
	put(r, REGISTRY_DOCS, "docs-1", "http://127.0.0.1:1", true, 1);
	int first = 0;
	for (int i = 0; i < 4; i++) {
		turn(r, 1, list);
		first += strcmp(list[0].name, "docs-1") == 0;
	}
	assert_int_equal(first, 2);
}

static void two_registries_choose_the_same_instance_for_a_key_and_spread_the_keys(void **state)
{
	struct registry *r = *state;
	struct registry *other;
	struct registry_instance a[2], b[2];
	put_two(r);
	/* The same members, in another order. */
	assert_int_equal(registry_new(&other), 0);
	put(other, REGISTRY_DOCS, "docs-2", "http://127.0.0.1:2", true, 0);
	put(other, REGISTRY_DOCS, "docs-1", "http://127.0.0.1:1", true, 0);

	int on_first = 0;
	for (int i = 0; i < 1000; i++) {
		char key[16];
		(void)snprintf(key, sizeof(key), "%d", i);
		instance_for(r, key, a);
		instance_for(other, key, b);
		assert_string_equal(a[0].name, b[0].name);
		on_first += strcmp(a[0].name, "docs-1") == 0;
	}
	assert_in_range(on_first, 440, 560);
	registry_free(other);
}

static void an_instance_that_leaves_moves_only_its_own_keys(void **state)
{
	struct registry *r = *state;
	struct registry_instance before[3], after[3];
	put_two(r);
	put(r, REGISTRY_DOCS, "docs-3", "http://127.0.0.1:3", true, 0);
	char homes[300];
	for (int i = 0; i < 300; i++) {
		char key[16];
		(void)snprintf(key, sizeof(key), "%d", i);
		instance_for(r, key, before);
		homes[i] = before[0].name[5];
	}
	registry_leave(r, REGISTRY_DOCS, "docs-2", 0);
	for (int i = 0; i < 300; i++) {
		char key[16];
		(void)snprintf(key, sizeof(key), "%d", i);
		instance_for(r, key, after);
		if (homes[i] != '2')
			assert_int_equal(after[0].name[5], homes[i]);
	}
}

static void bad_registrations_are_refused(void **state)
{
	struct registry *r = *state;
	char long_name[REGISTRY_NAME_SIZE + 1];
	memset(long_name, 'x', sizeof(long_name) - 1);
	long_name[sizeof(long_name) - 1] = '\0';
	assert_int_equal(put(r, REGISTRY_DOCS, "", "http://h", true, 0), -EINVAL);
	assert_int_equal(put(r, REGISTRY_DOCS, long_name, "http://h", true, 0), -EINVAL);
	assert_int_equal(put(r, REGISTRY_DOCS, "a", "ftp://h", true, 0), -EINVAL);
	assert_int_equal(put(r, REGISTRY_DOCS, "a", NULL, true, 0), -EINVAL);
	enum registry_kind kind;
	assert_int_equal(registry_kind_parse("cache", &kind), -EINVAL);
	assert_int_equal(registry_kind_parse(NULL, &kind), -EINVAL);
}

static void a_full_registry_refuses_until_an_instance_expires(void **state)
{
	struct registry *r = *state;
	char name[16];
	for (int i = 0; i < REGISTRY_INSTANCES_MAX; i++) {
		(void)snprintf(name, sizeof(name), "n%d", i);
		assert_int_equal(put(r, REGISTRY_DOCS, name, "http://h", true, 0), 0);
	}
	assert_int_equal(put(r, REGISTRY_DOCS, "more", "http://h", true, 1), -ENOSPC);
	assert_int_equal(put(r, REGISTRY_DOCS, "more", "http://h", true, REGISTRY_LEASE_NS), 0);
}

static void a_kind_without_a_ready_instance_may_return_within_the_wait_of_the_first_caller(void **state)
{
	const int64_t first = 10, over = first + REGISTRY_WAIT_NS + 1;
	struct registry *r = *state;

	assert_true(registry_may_return(r, REGISTRY_DOCS, first));
	assert_true(registry_may_return(r, REGISTRY_DOCS, over - 1));
	assert_int_equal(put(r, REGISTRY_USER, "user-1", "http://127.0.0.1:3", true, over), 0);
	assert_int_equal(put(r, REGISTRY_DOCS, "docs-1", "http://127.0.0.1:1", false, over), 0);
	assert_false(registry_may_return(r, REGISTRY_DOCS, over));
	assert_int_equal(put(r, REGISTRY_DOCS, "docs-1", "http://127.0.0.1:1", true, over), 0);
	assert_true(registry_may_return(r, REGISTRY_DOCS, over));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			registry_turn_puts_each_of_two_instances_first_alternately, setup, teardown),
		cmocka_unit_test_setup_teardown(a_registered_url_loses_its_last_slash, setup, teardown),
		cmocka_unit_test_setup_teardown(
			an_instance_without_renewal_is_removed_after_its_lease, setup, teardown),
		cmocka_unit_test_setup_teardown(
			an_instance_that_is_not_ready_or_of_another_kind_is_not_offered, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_suspected_instance_is_listed_last_until_it_registers_again, setup, teardown),
		cmocka_unit_test_setup_teardown(
			two_registries_choose_the_same_instance_for_a_key_and_spread_the_keys, setup, teardown),
		cmocka_unit_test_setup_teardown(an_instance_that_leaves_moves_only_its_own_keys, setup, teardown),
		cmocka_unit_test_setup_teardown(bad_registrations_are_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(a_full_registry_refuses_until_an_instance_expires, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_kind_without_a_ready_instance_may_return_within_the_wait_of_the_first_caller, setup,
			teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
