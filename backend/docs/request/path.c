#include "backend/docs/request/path.h"

#include "common/base/error.h"
#include "common/base/text.h"

#include <errno.h>
#include <stdlib.h>

void path_init(struct path *p)
{
	p->names = NULL;
	p->count = 0;
	buf_init(&p->storage, PATH_BYTES_MAX);
}

void path_fini(struct path *p)
{
	free(p->names);
	buf_fini(&p->storage);
}

static int name_check(struct span name)
{
	int r = text_name_check(name);

	return r == -EINVAL ? -ERR_BAD_PATH : r;
}

/* Cuts the first name off `rest` and returns it. */
static struct span next_segment(struct span *rest)
{
	const char *slash = rest->size ? memchr(rest->data, '/', rest->size) : NULL;
	size_t size = slash ? (size_t)(slash - rest->data) : rest->size;
	struct span segment = span_of(rest->data, size);

	/* A slash at the very end leaves an empty segment behind it, which is refused like every other. */
	*rest = slash ? span_of(slash + 1, rest->size - size - 1) : span_of(NULL, 0);
	return segment;
}

static size_t segments(struct span raw)
{
	size_t count = 1;

	for (size_t i = 0; i < raw.size; i++)
		count += raw.data[i] == '/';
	return count;
}

/* Fills names with spans into storage. The storage has its full capacity from the start and so does not move. */
static int split(struct path *p, struct span raw, bool encoded)
{
	size_t count = segments(raw);
	int r = 0;

	if (count > PATH_NAMES_MAX)
		return -ENAMETOOLONG;
	p->names = calloc(count, sizeof(*p->names));
	if (!p->names)
		return -ENOMEM;
	for (size_t i = 0; i < count && r == 0; i++) {
		struct span segment = next_segment(&raw);
		size_t begin = p->storage.size;

		r = encoded ? text_url_decode(segment, &p->storage) : buf_append_span(&p->storage, segment);
		if (r == 0) {
			p->names[i] = span_of(p->storage.data + begin, p->storage.size - begin);
			r = name_check(p->names[i]);
		}
	}
	if (r == 0)
		p->count = count;
	return r == -EINVAL ? -ERR_BAD_PATH : r == -E2BIG ? -ENAMETOOLONG : r;
}

int path_split(struct path *p, struct span raw)
{
	int r;

	if (raw.size == 0)
		return 0;
	r = buf_reserve(&p->storage, raw.size < PATH_BYTES_MAX ? raw.size : PATH_BYTES_MAX);
	return r < 0 ? r : split(p, raw, true);
}

int path_split_text(struct path *p, struct span text)
{
	const size_t slash = text.size > 0 && text.data[0] == '/';
	int r;

	if (text.size == 0)
		return -ERR_BAD_PATH;
	if (text.size == slash)
		return 0;
	r = buf_reserve(&p->storage, text.size);
	if (r == 0)
		r = split(p, span_of(text.data + slash, text.size - slash), false);
	return r == -E2BIG ? -ENAMETOOLONG : r;
}

int path_split_query(struct path *p, const char *value)
{
	return value ? path_split_text(p, span_str(value)) : -ERR_BAD_PATH;
}

int path_take_name(struct span name, struct buf *ret)
{
	int r = name_check(name);

	return r < 0 ? r : buf_append_span(ret, name);
}

int path_encode(const struct span *names, size_t count, struct buf *ret)
{
	int r = 0;

	for (size_t i = 0; i < count && r == 0; i++) {
		r = buf_append_str(ret, "/");
		if (r == 0)
			r = text_url_encode(names[i], ret);
	}
	return r;
}
