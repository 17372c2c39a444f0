/* Any words (the lines of the input) as the command line of a mount: refused with a reason, or options within
 * their limits. */
#include "tests/fuzz/fuzz.h"

#include "fusefs/mount/options.h"

#include <errno.h>
#include <string.h>

#define WORDS_MAX 32
#define WHY_BYTES_MAX 4096

static void check_options(const struct mount_options *o)
{
	FUZZ_CHECK(o->url_count <= GATEWAYS_GIVEN_MAX);
	for (size_t i = 0; i < o->url_count; i++)
		FUZZ_CHECK(strncmp(o->urls[i], "http://", 7) == 0 || strncmp(o->urls[i], "https://", 8) == 0);
	FUZZ_CHECK(o->help || (o->directory && *o->directory));
	FUZZ_CHECK(!o->drive || *o->drive);
	FUZZ_CHECK(o->cache_bytes <= OPTIONS_MEMORY_BYTES_MAX && o->kept_bytes <= OPTIONS_MEMORY_BYTES_MAX);
	FUZZ_CHECK(o->file_mask >= OPTIONS_NO_MASK && o->file_mask <= 0777);
	FUZZ_CHECK(o->folder_mask >= OPTIONS_NO_MASK && o->folder_mask <= 0777);
	FUZZ_CHECK(!o->token); /* a command line never has it */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = strndup((const char *)data, size), *rest = text, *word;
	static char program[] = "mount";
	char *words[WORDS_MAX + 1] = {program};
	struct mount_options o;
	struct buf why;
	int count = 1, r;

	FUZZ_CHECK(text);
	while (count < WORDS_MAX && (word = strsep(&rest, "\n")) != NULL)
		words[count++] = word;
	buf_init(&why, WHY_BYTES_MAX);
	r = options_parse(count, words, &o, &why);
	FUZZ_CHECK(r == 0 || (r == -EINVAL && why.size > 0));
	if (r == 0) {
		check_options(&o);
		options_fini(&o);
	}
	buf_fini(&why);
	free(text);
	return 0;
}
