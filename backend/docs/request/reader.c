#include "backend/docs/request/reader.h"

#include "backend/docs/request/layout.h"
#include "common/base/sha256.h"

#include <errno.h>
#include <stdlib.h>

struct reader {
	struct reader_options options;
	int64_t at, end; /* the range that is still to be read */
	int64_t whole;	 /* end of everything that will be read */
	struct layout *layout;
	int64_t verified; /* generation of the last block whose digest was verified */
};

int reader_new(const struct reader_options *options, struct reader **ret)
{
	const struct layout_version version = {options->scope, options->id, options->size, options->content_seq};
	struct reader *r = calloc(1, sizeof(*r));

	if (!r)
		return -ENOMEM;
	r->options = *options;
	if (layout_new(&version, options->docs->blocks, &r->layout) < 0) {
		free(r);
		return -ENOMEM;
	}
	*ret = r;
	return 0;
}

void reader_free(struct reader *r)
{
	if (!r)
		return;
	layout_free(r->layout);
	free(r);
}

int reader_look(struct reader *r, struct docs_store *store, int64_t from, int64_t to)
{
	r->whole = to;
	return to > from ? layout_load(r->layout, store, from, to) : 0;
}

int reader_page(struct reader *r, const struct docs_position *at, struct buf *ret)
{
	return layout_page(r->layout, at, ret);
}

static int digest_inline(struct reader *r, const struct layout_piece *piece, uint8_t ret_sha256[SHA256_BYTES])
{
	char *bytes = piece->len <= INLINE_BYTES_MAX ? malloc(piece->len) : NULL;
	int e = bytes ? layout_inline(r->layout, piece, 0, bytes, piece->len) : -ENOENT;

	if (e == 0)
		e = sha256_of(span_of(bytes, piece->len), ret_sha256);
	free(bytes);
	return e;
}

int reader_digest(struct reader *r, uint8_t ret_sha256[SHA256_BYTES])
{
	const struct layout_piece *piece = r->options.size > 0 ? layout_only(r->layout) : NULL;

	if (r->options.size == 0)
		return sha256_of(span_of("", 0), ret_sha256);
	if (piece && piece->in_line)
		return digest_inline(r, piece, ret_sha256);
	if (!piece || piece->from != 0 || piece->block_size != piece->len)
		return -ENOENT;
	memcpy(ret_sha256, piece->sha256, SHA256_BYTES);
	return 0;
}

void reader_seek(struct reader *r, int64_t from, int64_t len)
{
	r->at = from;
	r->end = from + len;
}

int64_t reader_left(const struct reader *r)
{
	return r->end - r->at;
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

/* Reads the whole block once more than needed, from the page cache: nothing of a damaged block may be sent, and
 * bytes that were sent cannot be called back. */
static int verify_block(
	struct reader *r, const struct layout_piece *extent, const struct block_name *name, struct buf *scratch)
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
		r->verified = extent->place;
	return e == -ENOENT ? -EBADMSG : e;
}

/* For a small part of a large block, reading all of the block is not worth the cost. */
static bool must_verify(const struct reader *r, const struct layout_piece *extent, int64_t skip)
{
	int64_t wanted = (int64_t)extent->len - skip < r->end - r->at ? (int64_t)extent->len - skip : r->end - r->at;

	return extent->place != r->verified && wanted >= (int64_t)extent->block_size / 2;
}

static int append_block(struct reader *r, const struct layout_piece *extent, int64_t skip, size_t size, struct buf *out)
{
	struct block_store *blocks = r->options.docs->blocks;
	struct block_name name = {.drive = r->options.scope.drive, .generation = extent->place};
	uint32_t got = 0;
	int e = buf_reserve(out, size > READER_VERIFY_BYTES ? size : READER_VERIFY_BYTES);

	memcpy(name.sha256, extent->sha256, sizeof(name.sha256));
	if (e == 0 && must_verify(r, extent, skip))
		e = verify_block(r, extent, &name, out);
	if (e < 0)
		return e;
	e = blocks->ops->get(blocks, &name, extent->from + (uint32_t)skip, out->data + out->size, (uint32_t)size, &got);
	if (e < 0 || got != size)
		return e < 0 && e != -ENOENT ? e : -EBADMSG; /* a block that an extent names must exist, and be whole */
	out->size += size;
	out->data[out->size] = '\0';
	metric_add(r->options.docs->metrics.block_bytes_out, (int64_t)size);
	return 0;
}

static int append_inline(
	struct reader *r, const struct layout_piece *extent, uint32_t skip, size_t size, struct buf *out)
{
	int e = buf_reserve(out, size);

	if (e == 0)
		e = layout_inline(r->layout, extent, skip, out->data + out->size, size);
	if (e == 0) {
		out->size += size;
		out->data[out->size] = '\0';
	}
	return e;
}

static int append_extent(struct reader *r, const struct layout_piece *extent, size_t max, struct buf *out)
{
	int64_t skip = r->at - extent->at;
	int64_t size = (int64_t)extent->len - skip;
	int e;

	if (size > r->end - r->at)
		size = r->end - r->at;
	if (size > (int64_t)max)
		size = (int64_t)max;
	if (extent->in_line) {
		e = append_inline(r, extent, (uint32_t)skip, (size_t)size, out);
		metric_add(r->options.docs->metrics.inline_bytes_out, size);
	} else {
		e = append_block(r, extent, skip, (size_t)size, out);
	}
	if (e == 0)
		r->at += size;
	return e;
}

/* Appends zeros from r->at up to the next extent, or to the end of the loaded layout. */
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
		const struct layout_piece *extent;

		if (!layout_knows(r->layout, r->at)) {
			e = layout_load(r->layout, store, r->at, r->end > r->whole ? r->end : r->whole);
			continue;
		}
		extent = layout_find(r->layout, r->at);
		if (extent && extent->at <= r->at)
			e = append_extent(r, extent, room, out);
		else
			e = append_hole(r, extent ? extent->at : layout_end(r->layout), room, out);
	}
	return e;
}
