/* Any text as the cursor of a page: refused, or read as the name from which a cursor is made. Any name
 * becomes a cursor that is read as the same name. */
#include "tests/fuzz/fuzz.h"

#include "backend/docs/request/cursor.h"
#include "common/base/error.h"

#include <errno.h>
#include <string.h>

static void check_text(const char *text)
{
	struct buf name, made, again;
	int r;

	buf_init(&name, NAME_BYTES_MAX);
	buf_init(&made, CURSOR_BYTES_MAX);
	buf_init(&again, NAME_BYTES_MAX);
	r = cursor_parse(text, &name);
	FUZZ_CHECK(r == 0 || r == -ERR_BAD_REQUEST);
	if (r == 0) {
		FUZZ_CHECK(name.size <= NAME_BYTES_MAX);
		FUZZ_CHECK(cursor_make(buf_span(&name), &made) == 0 && made.size <= strlen(text));
		FUZZ_CHECK(cursor_parse(made.size ? made.data : "", &again) == 0);
		FUZZ_CHECK(span_eq(buf_span(&again), buf_span(&name)));
	}
	buf_fini(&again);
	buf_fini(&made);
	buf_fini(&name);
}

static void check_name(struct span name)
{
	struct buf made, again;

	buf_init(&made, CURSOR_BYTES_MAX);
	buf_init(&again, NAME_BYTES_MAX);
	FUZZ_CHECK(cursor_make(name, &made) == 0);
	for (size_t i = 0; i < made.size; i++)
		FUZZ_CHECK(strchr("+/=%&#", made.data[i]) == NULL); /* a cursor needs no encoding in a query */
	FUZZ_CHECK(cursor_parse(made.size ? made.data : "", &again) == 0);
	FUZZ_CHECK(span_eq(buf_span(&again), name));
	buf_fini(&again);
	buf_fini(&made);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = strndup((const char *)data, size);

	FUZZ_CHECK(text);
	check_text(text);
	check_name(span_of(data, size < NAME_BYTES_MAX ? size : NAME_BYTES_MAX));
	free(text);
	return 0;
}
