#include "backend/docs/path.h"

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

/* The first name of rest, which is cut behind it. */
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

/* Fills names with spans into storage, which has all its room from the start and so does not move. */
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
	int r;

	if (text.size == 0 || text.data[0] != '/')
		return -ERR_BAD_PATH;
	if (text.size == 1)
		return 0;
	r = buf_reserve(&p->storage, text.size);
	if (r == 0)
		r = split(p, span_of(text.data + 1, text.size - 1), false);
	return r == -E2BIG ? -ENAMETOOLONG : r;
}

int path_split_query(struct path *p, struct span raw)
{
	struct buf text;
	int r;

	buf_init(&text, (size_t)PATH_BYTES_MAX + 1);
	r = text_url_decode(raw, &text);
	if (r == -EINVAL)
		r = -ERR_BAD_PATH;
	if (r == 0)
		r = path_split_text(p, buf_span(&text));
	buf_fini(&text);
	return r == -E2BIG ? -ENAMETOOLONG : r;
}

bool path_query_raw(const char *target, const char *name, struct span *ret)
{
	const char *at = strchr(target, '?');
	size_t name_size = strlen(name);

	while (at) {
		const char *pair = at + 1;
		size_t size = strcspn(pair, "&#");

		if (size > name_size && pair[name_size] == '=' && memcmp(pair, name, name_size) == 0) {
			*ret = span_of(pair + name_size + 1, size - name_size - 1);
			return true;
		}
		at = pair[size] == '&' ? pair + size : NULL;
	}
	return false;
}

int path_decode_name(struct span raw, struct buf *ret)
{
	size_t before = ret->size;
	int r = text_url_decode(raw, ret);

	if (r == -EINVAL)
		return -ERR_BAD_PATH;
	if (r == -E2BIG)
		return -ENAMETOOLONG;
	return r < 0 ? r : name_check(span_of(ret->data + before, ret->size - before));
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
