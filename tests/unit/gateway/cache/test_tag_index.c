#include "gateway/cache/tag_index.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#define OWNERS 3u
#define LINKS 4u

struct world {
	struct tag_index index;
	struct tag_link links[OWNERS][LINKS];
	size_t used[OWNERS];
};

/* One bucket, so that all keys share it. */
static int set_up(void **state)
{
	static struct world w;

	w = (struct world){0};
	assert_int_equal(tag_index_init(&w.index, 1), 0);
	*state = &w;
	return 0;
}

static int tear_down(void **state)
{
	struct world *w = *state;

	for (size_t i = 0; i < OWNERS; i++)
		tag_index_remove(&w->index, w->links[i], w->used[i]);
	tag_index_fini(&w->index);
	return 0;
}

static void add(struct world *w, size_t owner, const uint64_t *keys, size_t count)
{
	int r = tag_index_add(&w->index, &w->links[owner], w->links[owner], keys, count);

	assert_true(r >= 0);
	w->used[owner] = (size_t)r;
}

static void drop(struct world *w, size_t owner)
{
	tag_index_remove(&w->index, w->links[owner], w->used[owner]);
	w->used[owner] = 0;
}

static size_t owners_of(const struct world *w, uint64_t key)
{
	size_t count = 0;

	for (struct tag_link *link = tag_index_first(&w->index, key); link; link = link->next)
		count++;
	return count;
}

static void a_key_leads_to_all_its_owners_and_to_no_others(void **state)
{
	struct world *w = *state;

	add(w, 0, (uint64_t[]){1, 2}, 2);
	add(w, 1, (uint64_t[]){2, 3}, 2);
	assert_int_equal(owners_of(w, 1), 1);
	assert_int_equal(owners_of(w, 2), 2);
	assert_int_equal(owners_of(w, 4), 0);
	assert_ptr_equal(tag_index_first(&w->index, 3)->owner, &w->links[1]);
}

static void a_removed_owner_is_found_by_no_key_and_the_other_owners_still_are(void **state)
{
	struct world *w = *state;

	for (size_t i = 0; i < OWNERS; i++)
		add(w, i, (uint64_t[]){1, 10 + i}, 2);
	drop(w, 1); /* from the middle of the list */
	assert_int_equal(owners_of(w, 1), 2);
	assert_int_equal(owners_of(w, 11), 0);
	assert_int_equal(owners_of(w, 12), 1);
}

static void a_key_that_is_added_twice_is_linked_once(void **state)
{
	struct world *w = *state;

	add(w, 0, (uint64_t[]){5, 6, 5, 6}, 4);
	assert_int_equal(w->used[0], 2);
	assert_int_equal(owners_of(w, 5), 1);
}

static void nodes_take_memory_only_while_an_owner_has_their_keys(void **state)
{
	struct world *w = *state;

	add(w, 0, (uint64_t[]){1, 2}, 2);
	add(w, 1, (uint64_t[]){2, 3}, 2);
	assert_int_equal(tag_index_node_bytes(&w->index), tag_index_nodes_cost(3));
	drop(w, 0);
	assert_int_equal(tag_index_node_bytes(&w->index), tag_index_nodes_cost(2));
	drop(w, 1);
	assert_int_equal(tag_index_node_bytes(&w->index), 0);
}

#define test(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(a_key_leads_to_all_its_owners_and_to_no_others),
		test(a_removed_owner_is_found_by_no_key_and_the_other_owners_still_are),
		test(a_key_that_is_added_twice_is_linked_once),
		test(nodes_take_memory_only_while_an_owner_has_their_keys),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
