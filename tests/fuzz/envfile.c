/* Any file: refused with the number of its line, or read as pairs. envfile_append writes each pair so that it
 * is read again. */
#include "tests/fuzz/fuzz.h"

#include "common/base/envfile.h"

#include <errno.h>

struct expected {
	const char *key, *value;
	unsigned calls;
};

static int on_again(void *cookie, const char *key, const char *value, unsigned line)
{
	struct expected *e = cookie;

	FUZZ_CHECK(line == 1 && strcmp(key, e->key) == 0 && strcmp(value, e->value) == 0);
	e->calls++;
	return 0;
}

static int on_pair(void *cookie, const char *key, const char *value, unsigned line)
{
	struct expected e = {.key = key, .value = value};
	struct buf b;

	FUZZ_CHECK(key[0] != '\0' && line > 0 && line > *(unsigned *)cookie);
	*(unsigned *)cookie = line;
	if (strchr(value, '\r')) /* allowed inside a line, but cannot be written */
		return 0;
	buf_init(&b, 3 * ENVFILE_BYTES_MAX);
	FUZZ_CHECK(envfile_append(&b, key, value) == 0);
	if (b.size <= ENVFILE_BYTES_MAX) {
		FUZZ_CHECK(envfile_parse(buf_span(&b), &e, on_again, NULL) == 0);
		FUZZ_CHECK(e.calls == 1);
	}
	buf_fini(&b);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned last = 0, line = 0;
	int r = envfile_parse(span_of(data, size), &last, on_pair, &line);

	FUZZ_CHECK(r == 0 || r == -EINVAL || r == -EFBIG);
	FUZZ_CHECK((r == -EINVAL) == (line > last));
	return 0;
}
