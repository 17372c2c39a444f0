/* Pages of extended attributes, through the handler, on a store in memory. */
#include "backend/docs/api/api.h"
#include "backend/docs/blocks/block_mem.h"
#include "tests/unit/backend/docs/api/fake_request.h"
#include "tests/unit/backend/docs/rules/trial.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#define USER 7

struct world {
	struct trial trial;
	struct docs docs;
	uint32_t drive;
	int64_t file;
};

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	trial_init(&w->trial);
	assert_int_equal(block_mem_new(&w->docs.blocks), 0);
	w->file = trial_file(&w->trial, w->trial.root, "f");
	w->drive = w->trial.drive;
	w->docs.workers[0].store = w->trial.store;
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	w->docs.blocks->ops->free(w->docs.blocks);
	trial_fini(&w->trial);
	free(w);
	return 0;
}

static void set_xattr(struct world *w, const char *name, size_t size)
{
	static const char value[XATTR_VALUE_BYTES_MAX];
	const struct op op = {
		.kind = OP_SETXATTR, .id = w->file, .name = span_str(name), .target = span_of(value, size)};

	trial_do(&w->trial, &op);
}

/* Asks for the page behind a cursor, of at most `limit`; NULL: the parameter is missing. The caller frees the
 * page. */
static json_t *ask(struct world *w, const char *limit, const char *cursor, int status)
{
	struct fake_request q = {.handler = api_item_xattrs, .method = "GET", .params = {{"drive", ""}, {"id", ""}}};
	struct fake_pair *query = q.query;
	struct fake_answer a;
	json_t *page;

	(void)snprintf(q.params[0].value, FAKE_VALUE_SIZE, "%" PRIu32, w->drive);
	(void)snprintf(q.params[1].value, FAKE_VALUE_SIZE, "%" PRId64, w->file);
	if (limit) {
		query->name = "limit";
		(void)snprintf(query++->value, FAKE_VALUE_SIZE, "%s", limit);
	}
	if (cursor) {
		query->name = "cursor";
		(void)snprintf(query++->value, FAKE_VALUE_SIZE, "%s", cursor);
	}
	fake_request_ask(&q, &w->docs, USER, &a);
	assert_int_equal(a.status, status);
	page = json_loadb(a.body.data, a.body.size, 0, NULL);
	fake_answer_fini(&a);
	return page;
}

static const char *text_of(const json_t *page, const char *key)
{
	return json_string_value(json_object_get(page, key));
}

static void check_names(const json_t *page, const char *const *names, size_t count)
{
	const json_t *list = json_object_get(page, "xattrs");

	assert_int_equal(json_array_size(list), count);
	for (size_t i = 0; i < count; i++)
		assert_string_equal(text_of(json_array_get(list, i), "name"), names[i]);
}

static void xattrs_that_fit_one_page_are_listed_without_next_and_seq(void **state)
{
	static const char *const names[] = {"user.a", "user.b", "user.c", "user.d"};
	struct world *w = *state;
	json_t *page = ask(w, NULL, NULL, 200);

	check_names(page, names, 0);
	json_decref(page);
	for (size_t i = 0; i < 4; i++)
		set_xattr(w, names[3 - i], XATTRS_PAGE_BYTES_MAX / 4 - 6);
	page = ask(w, NULL, NULL, 200);
	check_names(page, names, 4);
	assert_true(json_is_null(json_object_get(page, "next")));
	assert_null(json_object_get(page, "seq")); /* it changes with more than xattrs */
	json_decref(page);
}

static void pages_of_xattrs_carry_the_same_seq_until_an_xattr_changes(void **state)
{
	static const char *const names[] = {"user.a", "user.b", "user.c", "user.d", "user.e"};
	struct world *w = *state;
	json_t *first, *next;

	for (size_t i = 0; i < 5; i++)
		set_xattr(w, names[i], i == 0 ? XATTRS_PAGE_BYTES_MAX / 4 - 5 : XATTRS_PAGE_BYTES_MAX / 4 - 6);
	first = ask(w, NULL, NULL, 200);
	check_names(first, names, 3);
	next = ask(w, NULL, text_of(first, "next"), 200);
	check_names(next, names + 3, 2);
	assert_true(json_is_null(json_object_get(next, "next")));
	assert_string_equal(text_of(next, "seq"), text_of(first, "seq"));
	json_decref(next);
	set_xattr(w, "user.f", 1);
	next = ask(w, NULL, text_of(first, "next"), 200);
	check_names(next, (const char *const[]){"user.d", "user.e", "user.f"}, 3);
	assert_string_not_equal(text_of(next, "seq"), text_of(first, "seq"));
	json_decref(next);
	json_decref(first);
}

static void an_xattr_page_obeys_its_limit_and_bad_parameters_get_400(void **state)
{
	static const char *const names[] = {"user.a", "user.b", "user.c"};
	struct world *w = *state;
	json_t *page;

	for (size_t i = 0; i < 3; i++)
		set_xattr(w, names[i], 1);
	page = ask(w, "2", NULL, 200);
	check_names(page, names, 2);
	assert_string_equal(text_of(page, "next"), "dXNlci5i");
	json_decref(page);
	page = ask(w, "3", NULL, 200);
	check_names(page, names, 3);
	assert_null(json_object_get(page, "seq"));
	json_decref(page);
	json_decref(ask(w, "0", NULL, 400));
	json_decref(ask(w, "1001", NULL, 400));
	json_decref(ask(w, NULL, "!", 400));
}

#define in_world(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		in_world(xattrs_that_fit_one_page_are_listed_without_next_and_seq),
		in_world(pages_of_xattrs_carry_the_same_seq_until_an_xattr_changes),
		in_world(an_xattr_page_obeys_its_limit_and_bad_parameters_get_400),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
