#include "fusefs/content/content.h"

#include <errno.h>
#include <string.h>

void content_init(struct content *c)
{
	*c = (struct content){0};
}

static void segment_free(struct segment *s)
{
	bytes_unref(s->bytes);
	free(s);
}

void content_drop(struct content *c)
{
	for (size_t i = 0; i < c->count; i++)
		segment_free(c->list[i]);
	free(c->list);
	*c = (struct content){.own_seq = c->own_seq};
}

void content_fini(struct content *c)
{
	content_drop(c);
}

size_t content_memory(const struct content *c)
{
	return c->inline_bytes + c->count * sizeof(struct segment) + c->room * sizeof(c->list[0]);
}

static int64_t end_of(const struct segment *s)
{
	return s->at + s->len;
}

/* Index of the first segment whose end is greater than `at`. */
static size_t find(const struct content *c, int64_t at)
{
	size_t low = 0, high = c->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (end_of(c->list[middle]) <= at)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

const struct segment *content_at(const struct content *c, int64_t at, int64_t *ret_until)
{
	size_t i = find(c, at);

	if (i < c->count && c->list[i]->at <= at)
		return c->list[i];
	*ret_until = i < c->count ? c->list[i]->at : INT64_MAX;
	return NULL;
}

static int make_room(struct content *c)
{
	size_t room = c->room > 0 ? 2 * c->room : 2;
	struct segment **list;

	if (c->count < c->room)
		return 0;
	if (c->count >= CONTENT_SEGMENTS_MAX)
		return -ENOSPC;
	list = realloc(c->list, room * sizeof(*list));
	if (!list)
		return -ENOMEM;
	c->list = list;
	c->room = room;
	return 0;
}

static int insert(struct content *c, size_t index, const struct segment *from)
{
	struct segment *s;
	int r = make_room(c);

	if (r < 0)
		return r;
	s = malloc(sizeof(*s));
	if (!s)
		return -ENOMEM;
	*s = *from;
	if (s->bytes)
		c->inline_bytes += bytes_ref(s->bytes)->capacity;
	memmove(&c->list[index + 1], &c->list[index], (c->count - index) * sizeof(*c->list));
	c->list[index] = s;
	c->count++;
	return 0;
}

static void drop(struct content *c, size_t index)
{
	if (c->list[index]->bytes)
		c->inline_bytes -= c->list[index]->bytes->capacity;
	segment_free(c->list[index]);
	c->count--;
	memmove(&c->list[index], &c->list[index + 1], (c->count - index) * sizeof(*c->list));
}

static void trim_front(struct segment *s, int64_t to)
{
	int64_t off = to - s->at;

	s->at = to;
	s->len -= off;
	if (s->kind != SEGMENT_HOLE)
		s->from += (uint32_t)off;
}

/* Removes [from, to). When there is no memory for the part of a segment behind it, that part is forgotten too. */
static void cut(struct content *c, int64_t from, int64_t to)
{
	size_t i = find(c, from);

	while (i < c->count && c->list[i]->at < to) {
		struct segment *s = c->list[i];

		if (s->at < from && end_of(s) > to) {
			struct segment tail = *s;

			trim_front(&tail, to);
			s->len = from - s->at;
			(void)insert(c, i + 1, &tail);
			return;
		}
		if (s->at < from) {
			s->len = from - s->at;
			i++;
		} else if (end_of(s) > to) {
			trim_front(s, to);
			return;
		} else {
			drop(c, i);
		}
	}
}

void content_forget(struct content *c, int64_t from, int64_t to)
{
	cut(c, from, to);
}

void content_truncate(struct content *c, int64_t size)
{
	struct segment hole = {.at = size, .len = INT64_MAX - size, .kind = SEGMENT_HOLE};

	if (!c->any)
		return;
	cut(c, size, INT64_MAX);
	(void)insert(c, c->count, &hole);
}

static int put(struct content *c, const struct segment *s)
{
	if (s->len <= 0)
		return 0;
	cut(c, s->at, end_of(s));
	return insert(c, find(c, s->at), s);
}

static int put_hole(struct content *c, int64_t from, int64_t to)
{
	struct segment hole = {.at = from, .len = to - from, .kind = SEGMENT_HOLE};

	return put(c, &hole);
}

static int put_extent(struct content *c, const struct extent *e)
{
	struct segment s = {.at = e->at, .len = e->len, .kind = SEGMENT_BLOCK, .from = e->from};
	int r;

	if (e->kind == EXTENT_BLOCK) {
		memcpy(s.sha256, e->sha256, sizeof(s.sha256));
		s.generation = e->generation;
		s.block_size = e->block_size;
		s.has_cap = e->cap.size > 0 && e->cap.size <= sizeof(s.cap);
		if (s.has_cap) {
			memcpy(s.cap, e->cap.data, e->cap.size);
			s.cap_size = (uint8_t)e->cap.size;
		}
		return put(c, &s);
	}
	s.kind = SEGMENT_INLINE;
	s.from = 0;
	s.bytes = bytes_new(e->data.size);
	if (!s.bytes)
		return -ENOMEM;
	memcpy(s.bytes->data, e->data.data, e->data.size);
	s.bytes->used = e->data.size;
	s.len = (int64_t)e->data.size;
	r = put(c, &s);
	bytes_unref(s.bytes);
	return r;
}

/* Prepares c for an answer of version content_seq from position seq: drops another version. -ESTALE: the answer
 * is from before the last own write, and not of the version that is known (after content_drop none is). */
static int settle_version(struct content *c, int64_t content_seq, int64_t seq)
{
	if (c->any && content_seq == c->content_seq)
		return 0;
	if (seq < c->own_seq)
		return -ESTALE;
	content_drop(c);
	c->any = true;
	c->content_seq = content_seq;
	return 0;
}

int content_learn(struct content *c, const struct store_extents *page, int64_t from, int64_t to)
{
	int64_t at = from;
	int r = settle_version(c, page->content_seq, page->at.seq);

	for (size_t i = 0; r == 0 && i < page->count; i++) {
		const struct extent *e = &page->extents[i];

		if (e->at > at)
			r = put_hole(c, at, e->at);
		if (r == 0)
			r = put_extent(c, e);
		if (e->at + e->len > at)
			at = e->at + e->len;
	}
	if (r == 0 && !page->more && at < to)
		r = put_hole(c, at, to);
	return r;
}

int content_learn_inline(struct content *c, int64_t content_seq, int64_t seq, struct span whole)
{
	struct extent e = {.at = 0, .len = (int64_t)whole.size, .kind = EXTENT_INLINE, .data = whole};
	int r = settle_version(c, content_seq, seq);

	if (r == 0 && whole.size > 0)
		r = put_extent(c, &e);
	if (r == 0)
		r = put_hole(c, (int64_t)whole.size, INT64_MAX);
	return r;
}

int content_own_part(struct content *c, const struct segment *seg)
{
	return put(c, seg);
}

void content_own(struct content *c, int64_t before, int64_t after, int64_t seq)
{
	if (c->any && c->content_seq != before)
		content_drop(c);
	c->any = true;
	c->content_seq = after;
	if (seq > c->own_seq)
		c->own_seq = seq;
}
