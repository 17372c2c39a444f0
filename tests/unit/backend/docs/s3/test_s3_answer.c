#include "backend/docs/s3/s3_answer.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define PAGE_BEGIN "<?xml version=\"1.0\"?><ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
#define ITEM(key, time) "<Contents><Key>" key "</Key><LastModified>" time "</LastModified><Size>1</Size></Contents>"

static void s3_list_next_returns_the_items_of_a_page_in_order(void **state)
{
	static const char page[] = PAGE_BEGIN "<IsTruncated>false</IsTruncated>" ITEM(
		"p/0001/a", "2026-11-28T06:51:11.250Z") ITEM("p/0002/b", "1970-01-01T00:01:00Z") "</ListBucketResult>";
	struct s3_item item;
	size_t at = 0;

	(void)state;
	assert_true(s3_list_next(span_str(page), &at, &item));
	assert_true(span_eq_str(item.key, "p/0001/a"));
	assert_int_equal(item.modified_s, 1795848671);
	assert_int_equal(item.size, 1);
	assert_true(s3_list_next(span_str(page), &at, &item));
	assert_true(span_eq_str(item.key, "p/0002/b"));
	assert_int_equal(item.modified_s, 60);
	assert_false(s3_list_next(span_str(page), &at, &item));
}

static void an_unreadable_size_of_an_s3_item_is_reported_as_minus_one(void **state)
{
	static const char page[] =
		"<Contents><Key>a</Key><Size>-3</Size></Contents><Contents><Key>b</Key><Size>x</Size></Contents>"
		"<Contents><Key>c</Key></Contents>";
	struct s3_item item;
	size_t at = 0;

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		assert_true(s3_list_next(span_str(page), &at, &item));
		assert_int_equal(item.size, -1);
	}
}

/* An item that never counts as old is never collected. */
static void an_unreadable_time_of_an_s3_item_is_reported_as_int64_max(void **state)
{
	static const char *const times[] = {"", "yesterday", "2026-11-28", "2026-11-28T06:51:11",
		"2026-11-28T06:51:11+02:00", "2026-11-28T06:51:11.000000000000000000000000000Z"};

	(void)state;
	for (size_t i = 0; i < sizeof(times) / sizeof(*times); i++) {
		struct s3_item item;
		char page[256];
		size_t at = 0;

		snprintf(page, sizeof(page), ITEM("k", "%s"), times[i]);
		assert_true(s3_list_next(span_str(page), &at, &item));
		assert_true(item.modified_s == INT64_MAX);
	}
}

static int more_of(const char *page, bool *ret_more, char ret[64])
{
	struct buf token;

	buf_init(&token, 64);
	const int r = s3_list_more(span_str(page), ret_more, &token);
	snprintf(ret, 64, "%s", token.data ? token.data : "");
	buf_fini(&token);
	return r;
}

static void s3_list_more_reports_whether_another_page_follows(void **state)
{
	char token[64];
	bool more = true;

	(void)state;
	assert_int_equal(more_of(PAGE_BEGIN "<IsTruncated>false</IsTruncated></ListBucketResult>", &more, token), 0);
	assert_false(more);
	assert_int_equal(more_of(PAGE_BEGIN "<IsTruncated>true</IsTruncated><NextContinuationToken>a/b&amp;c=</Next"
					    "ContinuationToken></ListBucketResult>",
				 &more, token),
		0);
	assert_true(more);
	assert_string_equal(token, "a%2Fb%26c%3D");
}

static void s3_list_more_refuses_malformed_pages_with_ebadmsg(void **state)
{
	static const char *const pages[] = {"", "<html>502</html>", "<IsTruncated>false</IsTruncated>", PAGE_BEGIN,
		PAGE_BEGIN "<IsTruncated>false", PAGE_BEGIN "<IsTruncated>true</IsTruncated></ListBucketResult>",
		PAGE_BEGIN "<IsTruncated>true</IsTruncated><NextContinuationToken></NextContinuationToken>",
		PAGE_BEGIN "<IsTruncated>true</IsTruncated><NextContinuationToken>a&nbsp;b</NextContinuationToken>"};
	char token[64];
	bool more;

	(void)state;
	for (size_t i = 0; i < sizeof(pages) / sizeof(*pages); i++)
		assert_int_equal(more_of(pages[i], &more, token), -EBADMSG);
}

static void s3_error_code_returns_the_code_or_an_empty_string(void **state)
{
	char code[S3_CODE_SIZE];

	(void)state;
	s3_error_code(span_str("<?xml?><Error><Code>NoSuchKey</Code><Key>k</Key></Error>"), code);
	assert_string_equal(code, "NoSuchKey");
	s3_error_code(span_str("Bad Gateway"), code);
	assert_string_equal(code, "");
	s3_error_code(span_str("<Code>No\nSuch\"Key</Code>"), code);
	assert_string_equal(code, "");
}

static void random_pages_are_parsed_without_running_past_their_end(void **state)
{
	char page[512];

	(void)state;
	for (unsigned seed = 0; seed < 2000; seed++) {
		static const char *const parts[] = {"<Contents>", "</Contents>", "<Key>", "</Key>", "<LastModified>",
			"<", "</LastModified>", "&", "a", "<IsTruncated>true</IsTruncated>", "<ListBucketResult>"};
		uint32_t random = seed * 2654435761u;
		struct s3_item item;
		size_t size = 0, at = 0;
		char token[64];
		bool more;

		for (unsigned i = 0; i < 20; i++) {
			random = random * 1664525u + 1013904223u;
			size += (size_t)snprintf(page + size, sizeof(page) - size, "%s",
				parts[(random >> 16) % (sizeof(parts) / sizeof(*parts))]);
		}
		for (unsigned items = 0; s3_list_next(span_of(page, size), &at, &item); items++)
			assert_true(items < 20 && at <= size);
		(void)more_of(page, &more, token);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(s3_list_next_returns_the_items_of_a_page_in_order),
		cmocka_unit_test(an_unreadable_size_of_an_s3_item_is_reported_as_minus_one),
		cmocka_unit_test(an_unreadable_time_of_an_s3_item_is_reported_as_int64_max),
		cmocka_unit_test(s3_list_more_reports_whether_another_page_follows),
		cmocka_unit_test(s3_list_more_refuses_malformed_pages_with_ebadmsg),
		cmocka_unit_test(s3_error_code_returns_the_code_or_an_empty_string),
		cmocka_unit_test(random_pages_are_parsed_without_running_past_their_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
