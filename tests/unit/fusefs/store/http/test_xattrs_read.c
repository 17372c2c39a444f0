#include "tests/unit/fusefs/store/http/store_http_fixture.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define XATTR(name, value) "{\"name\":\"user." name "\",\"value_b64\":\"" value "\"}"

/* Adds the answer for a target, to be given so many times; 0: always. */
static void add_xattrs(struct fake_gateway *g, const char *target, unsigned times, const char *body)
{
	fake_add(g,
		&(struct fake_answer){
			.method = "GET", .target = target, .times = times, .status = 200, .type = JSON, .body = body});
}

static int run_xattrs(struct fixture *f, struct answer *a)
{
	answer_init(a);
	f->store->ops->xattrs(f->store, ROOT, on_xattr, on_put, a);
	return answer_wait(a);
}

static void xattrs_on_several_pages_are_returned_together(void **state)
{
	struct fixture *f = *state;
	struct answer a;

	add_xattrs(f->a, "/xattrs?cursor=a-_", 0, "{\"xattrs\":[" XATTR("b", "Yg==") "],\"next\":null,\"seq\":\"9\"}");
	add_xattrs(f->a, "/xattrs", 0, "{\"xattrs\":[" XATTR("a", "YQ==") "],\"next\":\"a-_\",\"seq\":\"9\"}");
	assert_int_equal(run_xattrs(f, &a), 0);
	assert_int_equal(a.count, 2);
	assert_string_equal(a.name, "user.b=b");
	assert_int_equal(fake_count(f->a, "GET", "/xattrs"), 2);
}

static void xattrs_that_change_between_pages_are_read_again_as_one_version(void **state)
{
	struct fixture *f = *state;
	struct answer a;

	add_xattrs(f->a, "/xattrs?cursor=Y", 1, "{\"xattrs\":[" XATTR("z", "eg==") "],\"next\":null,\"seq\":\"10\"}");
	add_xattrs(f->a, "/xattrs?cursor=Y", 0, "{\"xattrs\":[" XATTR("b", "Yg==") "],\"next\":null,\"seq\":\"10\"}");
	add_xattrs(f->a, "/xattrs", 1,
		"{\"xattrs\":[" XATTR("x", "eA==") "," XATTR("y", "eQ==") "],\"next\":\"Y\",\"seq\":\"9\"}");
	add_xattrs(f->a, "/xattrs", 0, "{\"xattrs\":[" XATTR("a", "YQ==") "],\"next\":\"Y\",\"seq\":\"10\"}");
	assert_int_equal(run_xattrs(f, &a), 0);
	assert_int_equal(a.count, 2); /* no xattr of the older version */
	assert_string_equal(a.name, "user.b=b");
	assert_int_equal(fake_count(f->a, "GET", "/xattrs"), 4);
}

static void a_read_of_xattrs_that_keep_changing_fails_with_ebusy(void **state)
{
	struct fixture *f = *state;
	struct answer a;

	add_xattrs(f->a, "/xattrs?cursor=Y", 0, "{\"xattrs\":[],\"next\":null,\"seq\":\"10\"}");
	add_xattrs(f->a, "/xattrs", 0, "{\"xattrs\":[" XATTR("a", "YQ==") "],\"next\":\"Y\",\"seq\":\"9\"}");
	assert_int_equal(run_xattrs(f, &a), -EBUSY);
	assert_int_equal(a.count, 0);
}

static void xattr_pages_without_a_version_or_without_an_end_are_refused(void **state)
{
	struct fixture *f = *state;
	struct answer a;

	add_xattrs(f->a, "/xattrs", 1, "{\"xattrs\":[" XATTR("a", "YQ==") "],\"next\":\"Y\"}");
	add_xattrs(f->a, "/xattrs", 0, "{\"xattrs\":[" XATTR("a", "YQ==") "],\"next\":\"Y\",\"seq\":\"9\"}");
	for (int i = 0; i < 2; i++)
		assert_int_equal(run_xattrs(f, &a), -EPROTO);
	assert_int_equal(a.count, 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, http_setup, http_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(xattrs_on_several_pages_are_returned_together),
		TEST(xattrs_that_change_between_pages_are_read_again_as_one_version),
		TEST(a_read_of_xattrs_that_keep_changing_fails_with_ebusy),
		TEST(xattr_pages_without_a_version_or_without_an_end_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
