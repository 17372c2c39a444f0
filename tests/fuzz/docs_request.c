/* What a client writes into the target and the header fields of a request to the docs service: paths, ranges,
 * conditions, digests. */
#include "tests/fuzz/fuzz.h"

#include "backend/docs/request/digest.h"
#include "backend/docs/request/path.h"
#include "common/base/error.h"
#include "common/http/precondition.h"
#include "common/http/range.h"
#include "common/base/text.h"

#include <string.h>

#define OUT_BYTES_MAX (4u * 1024 * 1024)

/* An accepted path consists of valid names, and its encoding is read as the same path. */
static void check_names(const struct path *p)
{
	struct buf encoded;
	struct path again;

	buf_init(&encoded, OUT_BYTES_MAX);
	path_init(&again);
	for (size_t i = 0; i < p->count; i++)
		FUZZ_CHECK(text_name_check(p->names[i]) == 0);
	FUZZ_CHECK(path_encode(p->names, p->count, &encoded) == 0);
	if (p->count > 0) {
		FUZZ_CHECK(path_split(&again, span_of(encoded.data + 1, encoded.size - 1)) == 0);
		FUZZ_CHECK(again.count == p->count);
		for (size_t i = 0; i < p->count; i++)
			FUZZ_CHECK(span_eq(again.names[i], p->names[i]));
	}
	path_fini(&again);
	buf_fini(&encoded);
}

static void check_paths(struct span s)
{
	int (*const splits[])(struct path *, struct span) = {path_split, path_split_text};

	for (size_t i = 0; i < sizeof(splits) / sizeof(splits[0]); i++) {
		struct path p;

		path_init(&p);
		if (splits[i](&p, s) == 0)
			check_names(&p);
		else
			FUZZ_CHECK(p.count == 0);
		path_fini(&p);
	}
}

/* The values of ?path= and ?name=. */
static void check_query(const char *text)
{
	struct buf name;
	struct path p;

	path_init(&p);
	if (path_split_query(&p, text) == 0)
		check_names(&p);
	else
		FUZZ_CHECK(p.count == 0);
	path_fini(&p);
	buf_init(&name, NAME_BYTES_MAX);
	if (path_take_name(span_str(text), &name) == 0)
		FUZZ_CHECK(text_name_check(buf_span(&name)) == 0 && span_eq_str(buf_span(&name), text));
	buf_fini(&name);
}

static void check_range(const char *text)
{
	static const int64_t sizes[] = {0, 1, 1000, INT64_MAX};
	struct range_set set;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		if (range_parse(text, sizes[i], &set) < 0)
			continue;
		FUZZ_CHECK(set.count <= RANGE_PARTS_MAX);
		for (size_t n = 0; n < set.count; n++) {
			FUZZ_CHECK(set.parts[n].from >= 0 && set.parts[n].len > 0);
			FUZZ_CHECK(set.parts[n].len <= sizes[i] - set.parts[n].from);
		}
	}
}

static void check_conditions(const char *text)
{
	const struct precondition_target there = {.exists = true, .etag = "\"a\"", .mtime_ns = 1000000000};
	const struct precondition both = {.if_match = text, .if_none_match = text};
	const struct precondition match = {.if_match = text}, none = {.if_none_match = text};
	const struct precondition dates = {.if_modified_since = text, .if_unmodified_since = text};
	int r = precondition_check(&match, &there, false);

	/* When If-Match accepts a text, If-None-Match refuses it. A text that is no list fails in both. */
	FUZZ_CHECK((precondition_fault(&match) != NULL) == (r == -ERR_BAD_REQUEST));
	if (r == 0)
		FUZZ_CHECK(precondition_check(&none, &there, false) < 0);
	FUZZ_CHECK(precondition_check(&both, &there, false) < 0);
	(void)precondition_check(&dates, &there, true);
	(void)precondition_if_range(text, &there);
}

static void check_date(const char *text)
{
	char shown[PRECONDITION_DATE_SIZE];
	int64_t seconds, again;

	if (precondition_parse_date(text, &seconds) < 0 || seconds < 0 || seconds > 200000000000)
		return;
	precondition_format_date(seconds > 9000000000 ? 0 : seconds * 1000000000, shown);
	FUZZ_CHECK(precondition_parse_date(shown, &again) == 0);
	if (seconds <= 9000000000)
		FUZZ_CHECK(again == seconds);
}

static void check_digest(const char *text)
{
	char shown[DIGEST_TEXT_SIZE];
	struct digest d, again;

	if (digest_parse(text, NULL, &d) < 0 || !d.present)
		return;
	digest_format(d.sha256, shown);
	FUZZ_CHECK(digest_parse(shown, text, &again) == 0 && again.present);
	FUZZ_CHECK(memcmp(again.sha256, d.sha256, sizeof(d.sha256)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = strndup((const char *)data, size);

	FUZZ_CHECK(text);
	check_paths(span_of(data, size));
	check_query(text);
	check_range(text);
	check_conditions(text);
	check_date(text);
	check_digest(text);
	free(text);
	return 0;
}
