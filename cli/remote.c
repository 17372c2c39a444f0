#include "cli/remote.h"

#include "common/base/text.h"

#include <errno.h>

/* Gets the next segment of *at, and moves *at past it; false at the end. */
static bool next_segment(const char **at, struct span *ret)
{
	const char *start = *at + strspn(*at, "/");
	size_t size = strcspn(start, "/");

	if (size == 0)
		return false;
	*ret = span_of(start, size);
	*at = start + size;
	return true;
}

int remote_encode(const char *path, struct buf *ret)
{
	size_t before = ret->size;
	struct span segment;
	int r = 0;

	while (r == 0 && next_segment(&path, &segment)) {
		if (span_eq_str(segment, "."))
			continue;
		r = text_name_check(segment);
		if (r == 0)
			r = buf_append_str(ret, "/");
		if (r == 0)
			r = text_url_encode(segment, ret);
	}
	if (r < 0 && ret->data) {
		ret->size = before;
		ret->data[before] = '\0';
	}
	return r;
}

struct span remote_last(const char *path)
{
	struct span segment, last = span_of("", 0);

	while (next_segment(&path, &segment))
		last = segment;
	return span_eq_str(last, ".") || span_eq_str(last, "..") ? span_of("", 0) : last;
}

bool remote_is_folder(const char *path)
{
	size_t size = strlen(path);

	return size == 0 || path[size - 1] == '/' || remote_last(path).size == 0;
}
