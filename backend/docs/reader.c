#include "backend/docs/reader.h"

#include "common/base/sha256.h"

#include <errno.h>
#include <stdlib.h>

#define PAGE_FULL ENOBUFS /* what a callback ends a page with */

struct reader {
	struct reader_options options;
	int64_t at, end; /* what is still to be read */
	/* The page: extents that cover known_from..known_to, as far as anything is there. */
	struct tree_extent extents[READER_EXTENTS];
	size_t count, next; /* next: the first that may reach beyond at */
	int64_t known_to;
	struct buf inline_bytes;
	bool stale;
	int64_t verified; /* generation of the last block whose digest was found right */
};

int reader_new(const struct reader_options *options, struct reader **ret)
{
	struct reader *r = calloc(1, sizeof(*r));

	if (!r)
		return -ENOMEM;
	r->options = *options;
	buf_init(&r->inline_bytes, READER_INLINE_BYTES_MAX);
	*ret = r;
	return 0;
}

void reader_free(struct reader *r)
{
	if (!r)
		return;
	buf_fini(&r->inline_bytes);
	free(r);
}

void reader_seek(struct reader *r, int64_t from, int64_t len)
{
	/* What is known stays: ranges of one request are often near each other. */
	if (from < r->at)
		r->count = r->next = 0, r->known_to = 0;
	r->at = from;
	r->end = from + len;
}

int64_t reader_left(const struct reader *r)
{
	return r->end - r->at;
}

static int reader_on_item(const struct item *item, void *cookie)
{
	struct reader *r = cookie;

	r->stale = item->content_seq != r->options.content_seq || item->size != r->options.size;
	return r->stale ? -ESTALE : 0;
}

static int reader_on_extent(const struct tree_extent *extent, void *cookie)
{
	struct reader *r = cookie;
	struct tree_extent *kept = &r->extents[r->count];

	if (r->count == READER_EXTENTS)
		return -PAGE_FULL;
	if (extent->kind == EXTENT_INLINE && r->inline_bytes.size + extent->data.size > READER_INLINE_BYTES_MAX)
		return -PAGE_FULL;
	*kept = *extent;
	if (extent->kind == EXTENT_INLINE) {
		/* Room was reserved, so the bytes of earlier extents do not move. */
		kept->data.data = r->inline_bytes.data + r->inline_bytes.size;
		(void)buf_append_span(&r->inline_bytes, extent->data);
	}
	r->count++;
	return 0;
}

static int fetch_page(struct reader *r, struct docs_store *store)
{
	struct docs_position at;
	int e;

	r->count = r->next = 0;
	buf_reset(&r->inline_bytes);
	e = buf_reserve(&r->inline_bytes, READER_INLINE_BYTES_MAX);
	if (e < 0)
		return e;
	e = store->ops->extents(store, &r->options.scope, r->options.id, r->at, r->end - r->at, READER_EXTENTS,
		reader_on_item, reader_on_extent, r, &at);
	if (r->stale)
		return -ESTALE;
	if (e < 0 && e != -PAGE_FULL)
		return e;
	/* A page that was cut knows as far as its last extent reaches; another one knows all. */
	if (e == -PAGE_FULL || r->count == READER_EXTENTS)
		r->known_to = r->extents[r->count - 1].at + r->extents[r->count - 1].len;
	else
		r->known_to = r->end;
	return 0;
}

static int append_zeros(struct buf *out, size_t size)
{
	int e = buf_reserve(out, size);

	if (e < 0)
		return e;
	memset(out->data + out->size, 0, size);
	out->size += size;
	out->data[out->size] = '\0';
	return 0;
}

/* Reads all of the block once more than needed, from the page cache: nothing of a damaged one may be sent, and what was sent cannot be called back. */
static int verify_block(
	struct reader *r, const struct tree_extent *extent, const struct block_name *name, struct buf *scratch)
{
	struct block_store *blocks = r->options.docs->blocks;
	uint8_t digest[SHA256_BYTES];
	struct sha256 hash;
	uint32_t at = 0;
	int e = sha256_init(&hash);

	while (e == 0 && at < extent->block_size) {
		uint32_t got = 0;

		e = blocks->ops->get(blocks, name, at, scratch->data + scratch->size, READER_VERIFY_BYTES, &got);
		if (e == 0 && got == 0)
			e = -EBADMSG;
		if (e == 0)
			e = sha256_update(&hash, scratch->data + scratch->size, got);
		at += got;
	}
	if (e == 0)
		e = sha256_final(&hash, digest);
	sha256_fini(&hash);
	if (e == 0 && (at != extent->block_size || memcmp(digest, extent->sha256, sizeof(digest)) != 0))
		e = -EBADMSG;
	if (e == 0)
		r->verified = extent->generation;
	return e == -ENOENT ? -EBADMSG : e;
}

/* A small part of a large block is not worth reading all of it. */
static bool must_verify(const struct reader *r, const struct tree_extent *extent, int64_t skip)
{
	int64_t wanted = extent->len - skip < r->end - r->at ? extent->len - skip : r->end - r->at;

	return extent->generation != r->verified && wanted >= (int64_t)extent->block_size / 2;
}

static int append_block(struct reader *r, const struct tree_extent *extent, int64_t skip, size_t size, struct buf *out)
{
	struct block_store *blocks = r->options.docs->blocks;
	struct block_name name = {.drive = r->options.scope.drive, .generation = extent->generation};
	uint32_t got = 0;
	int e = buf_reserve(out, size > READER_VERIFY_BYTES ? size : READER_VERIFY_BYTES);

	memcpy(name.sha256, extent->sha256, sizeof(name.sha256));
	if (e == 0 && must_verify(r, extent, skip))
		e = verify_block(r, extent, &name, out);
	if (e < 0)
		return e;
	e = blocks->ops->get(blocks, &name, extent->from + (uint32_t)skip, out->data + out->size, (uint32_t)size, &got);
	if (e < 0 || got != size)
		return e < 0 && e != -ENOENT ? e : -EBADMSG; /* what an extent names must be there, and whole */
	out->size += size;
	out->data[out->size] = '\0';
	metric_add(r->options.docs->metrics.block_bytes_out, (int64_t)size);
	return 0;
}

static int append_extent(struct reader *r, const struct tree_extent *extent, size_t max, struct buf *out)
{
	int64_t skip = r->at - extent->at;
	int64_t size = extent->len - skip;
	int e;

	if (size > r->end - r->at)
		size = r->end - r->at;
	if (size > (int64_t)max)
		size = (int64_t)max;
	if (extent->kind == EXTENT_INLINE) {
		e = buf_append(out, extent->data.data + skip, (size_t)size);
		metric_add(r->options.docs->metrics.inline_bytes_out, size);
	} else {
		e = append_block(r, extent, skip, (size_t)size, out);
	}
	if (e == 0)
		r->at += size;
	return e;
}

/* Bytes at r->at up to the next extent, or to where nothing more is known. */
static int append_hole(struct reader *r, int64_t until, size_t max, struct buf *out)
{
	int64_t size = (until < r->end ? until : r->end) - r->at;
	int e;

	if (size > (int64_t)max)
		size = (int64_t)max;
	e = append_zeros(out, (size_t)size);
	if (e == 0)
		r->at += size;
	return e;
}

int reader_read(struct reader *r, struct docs_store *store, size_t max, struct buf *out)
{
	size_t before = out->size;
	int e = 0;

	while (e == 0 && r->at < r->end && out->size - before < max) {
		size_t room = max - (out->size - before);
		struct tree_extent *extent;

		if (r->at >= r->known_to) {
			e = fetch_page(r, store);
			continue;
		}
		while (r->next < r->count && r->extents[r->next].at + r->extents[r->next].len <= r->at)
			r->next++;
		extent = r->next < r->count ? &r->extents[r->next] : NULL;
		if (extent && extent->at <= r->at)
			e = append_extent(r, extent, room, out);
		else
			e = append_hole(r, extent ? extent->at : r->known_to, room, out);
	}
	return e;
}
