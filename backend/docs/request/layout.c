#include "backend/docs/request/layout.h"

#include "common/proto/extent.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

struct layout {
	struct layout_version version;
	struct block_store *blocks;
	int64_t from, to; /* the range that is loaded */
	struct layout_piece *pieces;
	size_t count, room;
	size_t next; /* index where the last look-up ended: most look-ups continue there */
	char *bytes; /* the first LAYOUT_INLINE_BYTES of the inline content … */
	int64_t inline_size;
	int spool;	      /* … and the rest, each byte at its offset; -1: not opened yet */
	bool spool_in_memory; /* the disk of the blocks had no room for it */
	/* Used while loading. */
	bool stale;
	size_t page; /* pieces loaded for this page */
};

int layout_new(const struct layout_version *version, struct block_store *blocks, struct layout **ret)
{
	struct layout *l = calloc(1, sizeof(*l));

	if (!l)
		return -ENOMEM;
	l->version = *version;
	l->blocks = blocks;
	l->spool = -1;
	*ret = l;
	return 0;
}

void layout_free(struct layout *l)
{
	if (!l)
		return;
	if (l->spool >= 0)
		close(l->spool);
	free(l->pieces);
	free(l->bytes);
	free(l);
}

/* ---- loading ---- */

static int make_room(struct layout *l)
{
	size_t room = l->room ? 2 * l->room : LAYOUT_PAGE;
	struct layout_piece *more;

	if (l->count < l->room)
		return 0;
	more = realloc(l->pieces, room * sizeof(*more));
	if (!more)
		return -ENOMEM;
	l->pieces = more;
	l->room = room;
	return 0;
}

static int write_at(int fd, struct span data, int64_t at)
{
	while (data.size > 0) {
		ssize_t n = pwrite(fd, data.data, data.size, at);

		if (n < 0 && errno != EINTR)
			return errno == ENOSPC || errno == EDQUOT ? -ENOSPC : -EIO;
		if (n > 0) {
			data = span_of(data.data + n, data.size - (size_t)n);
			at += n;
		}
	}
	return 0;
}

static int copy_spool(int from, int to, int64_t at, int64_t end)
{
	char piece[65536];
	int r = 0;

	while (r == 0 && at < end) {
		const size_t most = end - at < (int64_t)sizeof(piece) ? (size_t)(end - at) : sizeof(piece);
		const ssize_t n = pread(from, piece, most, at);

		if (n == 0 || (n < 0 && errno != EINTR))
			return -EIO;
		if (n > 0) {
			r = write_at(to, span_of(piece, (size_t)n), at);
			at += n;
		}
	}
	return r;
}

/* A full disk refuses writes but still allows reads. So this function moves the spooled content to memory, unless
 * it is larger already than memory may hold. */
static int spool_in_memory(struct layout *l)
{
	if (l->inline_size > LAYOUT_MEMORY_BYTES)
		return -ENOSPC;

	const int fd = memfd_create("layout", MFD_CLOEXEC);
	int r = fd < 0 ? -ENOMEM : 0;

	if (r == 0 && l->spool >= 0)
		r = copy_spool(l->spool, fd, LAYOUT_INLINE_BYTES, l->inline_size);
	if (r < 0) {
		if (fd >= 0)
			close(fd);
		return r;
	}
	if (l->spool >= 0)
		close(l->spool);
	l->spool = fd;
	l->spool_in_memory = true;
	return 0;
}

static int spool(struct layout *l, struct span data, int64_t at)
{
	int r = 0;

	if (l->spool < 0) {
		const int fd = l->blocks->ops->spool(l->blocks);

		l->spool = fd < 0 ? -1 : fd;
		r = fd == -ENOSPC ? spool_in_memory(l) : fd < 0 ? fd : 0;
	}
	if (r == 0 && l->spool_in_memory && at + (int64_t)data.size > LAYOUT_MEMORY_BYTES)
		r = -ENOSPC;
	if (r == 0)
		r = write_at(l->spool, data, at);
	if (r != -ENOSPC || l->spool_in_memory)
		return r;
	r = spool_in_memory(l);
	return r < 0 ? r : spool(l, data, at);
}

/* A piece lies in memory or in the spool, not in both. */
static int keep_inline(struct layout *l, struct span data, int64_t *ret_place)
{
	int64_t at = l->inline_size;
	int r = 0;

	if (at < (int64_t)LAYOUT_INLINE_BYTES && at + (int64_t)data.size > (int64_t)LAYOUT_INLINE_BYTES)
		at = LAYOUT_INLINE_BYTES;
	if (at >= (int64_t)LAYOUT_INLINE_BYTES) {
		r = spool(l, data, at);
	} else {
		if (!l->bytes)
			l->bytes = malloc(LAYOUT_INLINE_BYTES);
		if (!l->bytes)
			return -ENOMEM;
		memcpy(l->bytes + at, data.data, data.size);
	}
	l->inline_size = at + (int64_t)data.size;
	*ret_place = at;
	return r;
}

static int on_item(const struct item *item, void *cookie)
{
	struct layout *l = cookie;

	l->stale = item->content_seq != l->version.content_seq || item->size != l->version.size;
	return l->stale ? -ESTALE : 0;
}

static int on_extent(const struct tree_extent *extent, void *cookie)
{
	struct layout *l = cookie;
	struct layout_piece piece = {.at = extent->at,
		.len = (uint32_t)extent->len,
		.from = extent->from,
		.block_size = extent->block_size,
		.place = extent->generation,
		.in_line = extent->kind == EXTENT_INLINE};
	int r = extent->len > 0 && extent->len <= UINT32_MAX ? make_room(l) : -EIO;

	if (r == 0 && piece.in_line)
		r = extent->data.size == piece.len ? keep_inline(l, extent->data, &piece.place) : -EIO;
	if (r < 0)
		return r;
	memcpy(piece.sha256, extent->sha256, sizeof(piece.sha256));
	l->pieces[l->count++] = piece;
	l->page++;
	return 0;
}

static void forget(struct layout *l, int64_t from)
{
	l->count = l->next = 0;
	l->inline_size = 0;
	l->from = l->to = from;
}

/* Loads the page behind the last one. Returns whether there is more. */
static int load_page(struct layout *l, struct docs_store *store, int64_t to)
{
	const struct layout_piece *last;
	struct docs_position at;
	int r;

	l->page = 0;
	r = store->ops->extents(
		store, &l->version.scope, l->version.id, l->to, to - l->to, LAYOUT_PAGE, on_item, on_extent, l, &at);
	if (l->stale || r == -ERR_NOT_FOUND)
		return -ESTALE;
	if (r < 0)
		return r;
	last = l->count > 0 ? &l->pieces[l->count - 1] : NULL;
	l->to = l->page == LAYOUT_PAGE && last && last->at + last->len < to ? last->at + last->len : to;
	return l->to < to;
}

int layout_load(struct layout *l, struct docs_store *store, int64_t from, int64_t to)
{
	int more;

	forget(l, from);
	more = load_page(l, store, to);
	if (more <= 0)
		return more;
	/* There are several pages: load all of them again, from one snapshot. */
	forget(l, from);
	more = store->ops->snapshot_begin(store) < 0 ? -ERR_UNAVAILABLE : 1;
	while (more > 0 && l->count + LAYOUT_PAGE <= LAYOUT_PIECES_MAX)
		more = load_page(l, store, to);
	store->ops->snapshot_end(store);
	return more < 0 ? more : 0;
}

/* ---- look-ups ---- */

bool layout_knows(const struct layout *l, int64_t at)
{
	return at >= l->from && at < l->to;
}

int64_t layout_end(const struct layout *l)
{
	return l->to;
}

static bool ends_before(const struct layout_piece *piece, int64_t at)
{
	return piece->at + piece->len <= at;
}

static bool is_first_beyond(const struct layout *l, size_t n, int64_t at)
{
	return n < l->count && !ends_before(&l->pieces[n], at) && (n == 0 || ends_before(&l->pieces[n - 1], at));
}

const struct layout_piece *layout_find(struct layout *l, int64_t at)
{
	size_t low = 0, high = l->count;

	if (is_first_beyond(l, l->next, at))
		return &l->pieces[l->next];
	if (is_first_beyond(l, l->next + 1, at))
		return &l->pieces[++l->next];
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (ends_before(&l->pieces[middle], at))
			low = middle + 1;
		else
			high = middle;
	}
	l->next = low;
	return low < l->count ? &l->pieces[low] : NULL;
}

const struct layout_piece *layout_only(const struct layout *l)
{
	const struct layout_piece *piece = l->pieces;

	return l->count == 1 && piece->at == 0 && piece->len == l->version.size ? piece : NULL;
}

int layout_inline(struct layout *l, const struct layout_piece *piece, uint32_t skip, void *data, size_t size)
{
	int64_t at = piece->place + skip;
	char *to = data;

	if (piece->place < (int64_t)LAYOUT_INLINE_BYTES) {
		memcpy(data, l->bytes + at, size);
		return 0;
	}
	while (size > 0) {
		ssize_t n = pread(l->spool, to, size, at);

		if (n == 0 || (n < 0 && errno != EINTR))
			return -EIO;
		if (n > 0) {
			to += n;
			at += n;
			size -= (size_t)n;
		}
	}
	return 0;
}

/* ---- as a page ---- */

static int add_piece(struct layout *l, const struct layout_piece *piece, struct buf *ret)
{
	struct extent extent = {
		.at = piece->at, .len = piece->len, .from = piece->from, .block_size = piece->block_size};
	char *bytes = NULL;
	int r = 0;

	extent.kind = piece->in_line ? EXTENT_INLINE : EXTENT_BLOCK;
	extent.generation = piece->in_line ? 0 : piece->place;
	memcpy(extent.sha256, piece->sha256, sizeof(extent.sha256));
	if (piece->in_line) {
		bytes = malloc(piece->len);
		r = bytes ? layout_inline(l, piece, 0, bytes, piece->len) : -ENOMEM;
		extent.data = span_of(bytes, piece->len);
	}
	if (r == 0)
		r = extent_page_add(ret, &extent);
	free(bytes);
	return r;
}

int layout_page(struct layout *l, const struct docs_position *at, struct buf *ret)
{
	const struct extent_page page = {.count = (uint32_t)l->count,
		.incarnation = at->incarnation,
		.seq = at->seq,
		.size = l->version.size,
		.content_seq = l->version.content_seq};
	size_t count_at;

	if (l->from != 0 || l->to < l->version.size)
		return -E2BIG;
	int r = extent_page_begin(ret, &page, &count_at);
	for (size_t i = 0; r == 0 && i < l->count; i++)
		r = add_piece(l, &l->pieces[i], ret);
	return r;
}
