#include "gateway/content/assembly.h"

#include "common/base/limits.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

int assembly_check(struct span page, int64_t *ret_size)
{
	struct extent_page head;
	struct extent extent;
	int64_t end = 0;
	size_t at;
	int r = extent_page_read(page, &head, &at);

	if (r < 0 || head.more || head.size > (int64_t)FILE_BYTES_MAX)
		return -EBADMSG;
	while ((r = extent_page_next(page, &at, &extent)) == 0) {
		if (extent.at < end)
			return -EBADMSG;
		end = extent.at + extent.len;
	}
	if (r != -ENOENT)
		return -EBADMSG;
	*ret_size = head.size;
	return 0;
}

static void step(struct assembly *a)
{
	a->past = extent_page_next(a->with.page, &a->next, &a->extent) < 0;
}

static void rewind_extents(struct assembly *a)
{
	a->next = a->first;
	step(a);
}

void assembly_init(struct assembly *a, const struct assembly_options *options)
{
	struct extent_page page;

	*a = (struct assembly){.with = *options};
	const int r = extent_page_read(options->page, &page, &a->first);
	assert(r == 0 && page.size == options->parts->size);
	rewind_extents(a);
}

/* The text before part n, or after the last part. */
static int say_text(struct assembly *a, size_t n, struct piece *ret)
{
	const bool last = n == a->with.parts->ranges.count;
	struct buf text;

	buf_init(&text, sizeof(a->head) - 1);
	int r = last ? byteranges_append_tail(a->with.parts, &text) : byteranges_append_head(a->with.parts, n, &text);
	if (r == 0 && text.size > 0) {
		memcpy(a->head, text.data, text.size);
		*ret = (struct piece){
			.kind = PIECE_BYTES, .len = (int64_t)text.size, .bytes = span_of(a->head, text.size)};
	}
	buf_fini(&text);
	return r;
}

/* Begins the next part, or finishes after the last one. */
static int turn(struct assembly *a, struct piece *ret)
{
	int r = say_text(a, a->part, ret);

	if (r < 0)
		return r;
	if (a->part == a->with.parts->ranges.count) {
		a->finished = true;
		return 0;
	}
	const struct range part = a->with.parts->ranges.parts[a->part++];
	/* Parts may come in any order. */
	if (part.from < a->at)
		rewind_extents(a);
	a->at = part.from;
	a->end = part.from + part.len;
	return 0;
}

static int64_t least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static void say_extent(struct assembly *a, struct piece *ret)
{
	const struct extent *e = &a->extent;
	const int64_t skip = a->at - e->at;
	const int64_t len = least(e->len - skip, a->end - a->at);

	*ret = (struct piece){.kind = e->kind == EXTENT_BLOCK ? PIECE_BLOCK : PIECE_BYTES, .len = len};
	if (e->kind == EXTENT_BLOCK) {
		memcpy(ret->sha256, e->sha256, sizeof(ret->sha256));
		ret->generation = e->generation;
		ret->from = e->from + (uint32_t)skip;
		ret->block_size = e->block_size;
	} else {
		ret->bytes = span_of(e->data.data + skip, (size_t)len);
	}
}

int assembly_next(struct assembly *a, struct piece *ret)
{
	*ret = (struct piece){.kind = PIECE_END};
	while (!a->finished && a->at == a->end) {
		const int r = turn(a, ret);

		if (r < 0 || ret->kind != PIECE_END)
			return r;
	}
	if (a->finished)
		return 0;
	while (!a->past && a->extent.at + a->extent.len <= a->at)
		step(a);
	if (!a->past && a->extent.at <= a->at)
		say_extent(a, ret);
	else
		*ret = (struct piece){
			.kind = PIECE_ZEROS, .len = a->past ? a->end - a->at : least(a->extent.at, a->end) - a->at};
	assert(ret->len > 0 && ret->len <= a->end - a->at);
	a->at += ret->len;
	return 0;
}
