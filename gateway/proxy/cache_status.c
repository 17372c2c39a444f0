#include "gateway/proxy/cache_status.h"

#include "common/base/line.h"

#include <string.h>

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

void cache_status_name(const char *name, char ret[CACHE_STATUS_NAME_SIZE])
{
	const char *quote = is_letter(name[0]) ? "" : "\"";
	struct line line;

	line_begin(&line, ret, CACHE_STATUS_NAME_SIZE);
	line_text(&line, quote);
	line_text(&line, name);
	line_text(&line, quote);
}

bool cache_status_looked(const char *status)
{
	static const char *const LOOKED[] = {"; hit", "; fwd=miss"};
	const size_t entry = strcspn(status, ","), name = strcspn(status, ";");

	for (size_t i = 0; i < sizeof(LOOKED) / sizeof(*LOOKED); i++) {
		const size_t size = strlen(LOOKED[i]);

		if (entry - name >= size && strncmp(status + name, LOOKED[i], size) == 0)
			return true;
	}
	return false;
}
