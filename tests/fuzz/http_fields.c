/* What a client writes into the query, repeated fields and Origin. */
#include "tests/fuzz/fuzz.h"

#include "common/base/text.h"
#include "common/http/server/cors.h"
#include "common/http/server/fields.h"
#include "common/http/server/query.h"

#include <errno.h>
#include <string.h>

#define OUT_BYTES_MAX (4u * 1024 * 1024)

/* When the value is encoded and written under its name, it is read again as the same value. */
static void check_value(const char *name, const struct buf *value)
{
	struct buf query, again;

	buf_init(&query, OUT_BYTES_MAX);
	buf_init(&again, OUT_BYTES_MAX);
	FUZZ_CHECK(text_url_encode(span_str(name), &query) == 0);
	FUZZ_CHECK(buf_append_str(&query, "=") == 0);
	FUZZ_CHECK(text_url_encode(buf_span(value), &query) == 0);
	FUZZ_CHECK(query_value(buf_span(&query), name, &again) == 0);
	FUZZ_CHECK(span_eq(buf_span(&again), buf_span(value)));
	buf_fini(&again);
	buf_fini(&query);
}

static void check_query(struct span s)
{
	static const char *const names[] = {"path", "a", "", "a b"};
	const char *why = NULL;
	int r = query_check(s, &why);

	FUZZ_CHECK((r == 0) == (why == NULL));
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct buf value;

		buf_init(&value, OUT_BYTES_MAX);
		int found = query_value(s, names[i], &value);

		/* A query that was checked cannot fail, and its values are text. */
		FUZZ_CHECK(r != 0 || found == 0 || found == -ENOENT);
		if (r == 0 && found == 0) {
			FUZZ_CHECK(strlen(value.data) == value.size);
			check_value(names[i], &value);
		}
		buf_fini(&value);
	}
}

static void check_words(const char *text)
{
	int64_t number = 5;
	bool flag;

	if (query_bool(text, &flag) == 0)
		FUZZ_CHECK(strlen(text) <= 5);
	if (query_number(text, 1, 10, &number) == 0)
		FUZZ_CHECK(number >= 1 && number <= 10);
	else
		FUZZ_CHECK(number == 5);
}

static void check_fields(const char *text)
{
	const struct span trimmed = field_trim(span_str(text));

	FUZZ_CHECK(span_eq(field_trim(trimmed), trimmed));
	(void)field_kind(text);
	/* An empty policy allows no origin, whatever the origin is. A policy that consists of this origin
	 * allows it. */
	FUZZ_CHECK(!cors_allows("", text) && !cors_allows(NULL, text));
	FUZZ_CHECK(!cors_allows("https://a.example", text) || strlen(text) == 17);
	if (*text && cors_policy_is_valid(text) && !strpbrk(text, ", \t"))
		FUZZ_CHECK(cors_allows(text, text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = strndup((const char *)data, size);

	FUZZ_CHECK(text);
	check_query(span_of(data, size));
	check_words(text);
	check_fields(text);
	free(text);
	return 0;
}
