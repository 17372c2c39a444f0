/* Any text as the fields of a request that another gateway passes on: refused, or a valid epoch and name, and
 * a user. What was read is printed as exactly that text. The first line is the way, the next four say who
 * asks. */
#include "tests/fuzz/fuzz.h"

#include "common/base/text.h"
#include "common/ring/membership.h"
#include "gateway/access/hop.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define LINES 5

static void check_way(const char *text)
{
	char again[MEMBERSHIP_NAME_SIZE + 32];
	const char *name = NULL;
	int64_t epoch = 0;

	if (hop_parse(text, &epoch, &name) < 0) {
		FUZZ_CHECK(!name && epoch == 0);
		return;
	}
	FUZZ_CHECK(epoch >= 1 && name > text && strlen(name) < MEMBERSHIP_NAME_SIZE);
	(void)snprintf(again, sizeof(again), "%" PRId64 " %s", epoch, name);
	FUZZ_CHECK(strcmp(text, again) == 0);
}

static void check_who(const struct hop_fields *fields)
{
	struct token_identity identity = {0};
	const int r = hop_identity(fields, &identity);

	FUZZ_CHECK(r == 0 || (r == -EBADMSG && identity.user == 0));
	if (r < 0)
		return;
	FUZZ_CHECK(identity.hopped && identity.user >= 1 && identity.name[0] && identity.token_id[0]);
	FUZZ_CHECK(memchr(identity.name, '\0', sizeof(identity.name)) && text_is_utf8(span_str(identity.name)));
	FUZZ_CHECK(strcmp(identity.token_id, fields->token_id) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1), *rest = text;
	const char *lines[LINES];

	FUZZ_CHECK(text);
	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';
	for (size_t i = 0; i < LINES; i++)
		lines[i] = rest ? strsep(&rest, "\n") : NULL;
	check_way(lines[0]);
	check_who(&(struct hop_fields){.user = lines[1], .name = lines[2], .admin = lines[3], .token_id = lines[4]});
	free(text);
	return 0;
}
