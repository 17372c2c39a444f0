#include "fusefs/content/reader.h"

#include "common/base/clock.h"
#include "common/base/error.h"
#include "fusefs/core/attributes.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <utlist.h>

static void try(struct reader *r);
static int ask_snapshot(struct reader *r, int64_t at);

/* -- the answer -- */

static const char zeros[64 * 1024];

static int add_part(struct reader *r, const void *data, size_t size, struct bytes *keep)
{
	if (r->part_count == r->room) {
		size_t room = r->room > 0 ? 2 * r->room : 8;
		struct iovec *parts = realloc(r->parts, room * sizeof(*parts));
		struct bytes **kept;

		if (!parts)
			return -ENOMEM;
		r->parts = parts;
		kept = realloc(r->kept, room * sizeof(*kept));
		if (!kept)
			return -ENOMEM;
		r->kept = kept;
		r->room = room;
	}
	r->parts[r->part_count++] = (struct iovec){.iov_base = (void *)data, .iov_len = size};
	if (keep)
		r->kept[r->kept_count++] = bytes_ref(keep);
	return 0;
}

static int add_zeros(struct reader *r, int64_t size)
{
	int error = 0;

	while (size > 0 && error == 0) {
		size_t part = size < (int64_t)sizeof(zeros) ? (size_t)size : sizeof(zeros);

		error = add_part(r, zeros, part, NULL);
		size -= (int64_t)part;
	}
	return error;
}

static void drop_parts(struct reader *r)
{
	for (size_t i = 0; i < r->kept_count; i++)
		bytes_unref(r->kept[i]);
	r->kept_count = 0;
	r->part_count = 0;
}

void reader_fini(struct reader *r)
{
	drop_parts(r);
	free(r->parts);
	free(r->kept);
	r->parts = NULL;
	r->kept = NULL;
}

/* writev takes a limited number of parts. */
static int copy_together(struct reader *r)
{
	struct bytes *b = bytes_new(r->size);

	if (!b)
		return -ENOMEM;
	for (size_t i = 0; i < r->part_count; i++) {
		memcpy(b->data + b->used, r->parts[i].iov_base, r->parts[i].iov_len);
		b->used += r->parts[i].iov_len;
	}
	drop_parts(r);
	r->parts[0] = (struct iovec){.iov_base = b->data, .iov_len = b->used};
	r->part_count = 1;
	r->kept[0] = b;
	r->kept_count = 1;
	return 0;
}

static void run_later(struct later *later)
{
	struct reader *r = (struct reader *)later;

	r->done(r);
}

static void let_go(struct reader *r)
{
	extents_snapshot_unref(r->snapshot);
	r->snapshot = NULL;
	content_fini(&r->own);
}

static void finish(struct reader *r, int error)
{
	if (error == 0 && r->part_count > READER_PARTS_MAX)
		error = copy_together(r);
	if (r->error == 0)
		r->error = error;
	r->over = true;
	if (r->missing > 0)
		return;	  /* an interrupt, or a failure: the other answers still refer to r */
	assert(r->inode); /* a read ends once */
	holds_drop(r->core->holds, &r->hold);
	if (r->error == 0 && r->size < r->asked && r->answer)
		r->answer(r);
	let_go(r);
	inode_unref(r->inode);
	r->inode = NULL;
	core_later(r->core, &r->later);
}

/* -- one try -- */

#define READER_TRIES 3 /* when blocks are gone */

static void on_ready(void *cookie, int error)
{
	struct reader *r = cookie;

	assert(r->missing > 0);
	r->missing--;
	/* A reader that began before this one, and whose request this one joined, has used up the time to wait
	 * for an outage to end. This reader has not. */
	if (error == -ERR_NO_GATEWAY && clock_mono_ns() - r->began_ns < STORE_OUTAGE_NS) {
		*r->away = true;
		error = 0;
	}
	/* A block is gone, or its capability has expired: the extents are asked for again. */
	if (error < 0 && error != -EIO && error != -ERR_NO_GATEWAY && r->rounds < READER_TRIES && r->inode->file) {
		file_drop_content(r->core, r->inode->file);
		let_go(r);
	} else if (error < 0 && r->error == 0) {
		r->error = error;
	}
	if (r->missing > 0 || r->trying)
		return;
	if (r->over || r->error < 0)
		finish(r, r->error);
	else
		try(r);
}

static int64_t min_of(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* Unstored bytes at `at`. Returns how many; 0: there are none, then ret_until is where the next ones begin. */
static int64_t from_dirty(struct reader *r, const struct dirty *d, int64_t at, int64_t *ret_until)
{
	size_t i = dirty_find(d, at);
	const struct dirty_piece *p = i < d->count ? d->list[i] : NULL;
	int64_t skip, len;

	if (!p)
		return 0;
	if (p->at > at) {
		*ret_until = min_of(*ret_until, p->at);
		return 0;
	}
	skip = at - p->at;
	len = min_of((int64_t)p->len - skip, *ret_until - at);
	return add_part(r, p->bytes->data + p->from + skip, (size_t)len, p->bytes) < 0 ? -ENOMEM : len;
}

static int want(struct reader *r, int error)
{
	if (error == 0)
		r->missing++;
	return error;
}

/* Requests bytes of the block of s that are not cached. Returns how many. */
static int64_t from_store(struct reader *r, const struct segment *s, const struct blocks_want *need)
{
	int64_t len = blocks_fetch(r->blocks, s, need, on_ready, r);

	if (len > 0)
		r->missing++;
	return len;
}

/* Takes as many of the bytes [from, from + len) as are contiguous in memory. */
static int64_t from_memory(struct reader *r, const struct blocks_span *span, uint32_t from, int64_t len)
{
	int error;

	if (span->to <= from)
		return -EBADMSG;
	len = min_of(len, span->to - from);
	error = add_part(r, span->bytes->data + (from - span->from), (size_t)len, span->bytes);
	return error < 0 ? error : len;
}

/* Takes stored bytes at `at`, at most up to `until`. Bytes that are not cached are asked for, and count as
 * missing. Returns how many bytes it took or asked for, or a failure. */
static int64_t from_stored(struct reader *r, int64_t at, int64_t until)
{
	struct content *c = r->from_snapshot ? &r->snapshot->content : &r->inode->file->content;
	int64_t known = INT64_MAX, len;
	const struct segment *s = content_at(c, at, &known);
	struct blocks_span span;
	struct blocks_want need;
	int error;

	if (!s) {
		error = r->from_snapshot ? ask_snapshot(r, at)
					 : want(r, extents_ask(r->core, r->inode, at, on_ready, r));
		return error < 0 ? error : min_of(known, min_of(until, at + EXTENTS_BYTES)) - at;
	}
	len = min_of(s->at + s->len, until) - at;
	if (s->kind == SEGMENT_HOLE) {
		error = add_zeros(r, len);
		return error < 0 ? error : len;
	}
	need = blocks_want(r->blocks, s, at, len, r->ahead);
	if (s->kind == SEGMENT_INLINE) {
		span = (struct blocks_span){s->bytes, 0, (uint32_t)s->bytes->used};
		return from_memory(r, &span, need.from, len);
	}
	if (blocks_find(r->blocks, s->sha256, need.from, &span))
		return from_memory(r, &span, need.from, len);
	if (s->has_cap)
		return from_store(r, s, &need);
	content_forget(c, s->at, s->at + s->len);
	return from_stored(r, at, until);
}

/* Bytes at `at` that were dirty when the snapshot was asked for. */
static int64_t from_own(struct reader *r, int64_t at, int64_t *ret_until)
{
	int64_t known = INT64_MAX, len;
	const struct segment *s = content_at(&r->own, at, &known);

	if (!s) {
		*ret_until = min_of(*ret_until, known);
		return 0;
	}
	len = min_of(s->at + s->len, *ret_until) - at;
	return add_part(r, s->bytes->data + s->from + (at - s->at), (size_t)len, s->bytes) < 0 ? -ENOMEM : len;
}

static int gather(struct reader *r, int64_t end)
{
	struct file *f = r->inode->file;
	int64_t at = r->at;

	while (at < end) {
		int64_t until = end;
		int64_t len = from_dirty(r, &f->dirty, at, &until);

		if (len == 0)
			len = from_dirty(r, &f->flushing, at, &until);
		if (len == 0)
			len = from_own(r, at, &until);
		if (len == 0)
			len = from_stored(r, at, until);
		if (len < 0)
			return (int)len;
		at += len;
	}
	return 0;
}

/* -- a snapshot -- */

static int lay(struct reader *r, const struct dirty *d)
{
	const int64_t end = r->at + (int64_t)r->asked;

	for (size_t i = dirty_find(d, r->at); i < d->count && d->list[i]->at < end; i++) {
		const struct dirty_piece *p = d->list[i];
		const struct segment s = {.at = p->at,
			.len = (int64_t)p->len,
			.kind = SEGMENT_INLINE,
			.from = (uint32_t)p->from,
			.bytes = p->bytes};

		if (content_own_part(&r->own, &s) < 0)
			return -ENOMEM;
	}
	return 0;
}

static void on_snapshot(void *cookie, int error)
{
	struct reader *r = cookie;
	struct extents_snapshot *s = error == 0 ? extents_offer(r->inode->file) : NULL;

	if (error == 0 && !s)
		error = -ENOMEM;
	if (s && r->snapshot && extents_snapshot_add(r->snapshot, s)) {
		extents_snapshot_unref(s);
	} else if (s) {
		extents_snapshot_unref(r->snapshot);
		r->snapshot = s; /* the first, or of another version: all of that is then asked for */
	}
	on_ready(r, error);
}

static int ask_snapshot(struct reader *r, int64_t at)
{
	struct file *f = r->inode->file;
	int error = 0;

	if (!r->snapshot)
		error = lay(r, &f->flushing);
	if (error == 0 && !r->snapshot)
		error = lay(r, &f->dirty);
	return error < 0 ? error : want(r, extents_ask(r->core, r->inode, at, on_snapshot, r));
}

static int64_t max_of(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static int64_t size_of(const struct reader *r)
{
	const struct file *f = r->inode->file;
	const struct segment *last = r->own.count > 0 ? r->own.list[r->own.count - 1] : NULL;

	if (!r->from_snapshot)
		return file_size(r->inode);
	return max_of(max_of(r->snapshot->size, last ? last->at + last->len : 0),
		max_of(dirty_end(&f->dirty), dirty_end(&f->flushing)));
}

/* -- a try -- */

/* Content that is known of another version than that of the attributes is of no use. */
static void check_version(struct reader *r)
{
	struct file *f = r->inode->file;

	if (f->content.any && f->content.content_seq != r->inode->attr.content_seq)
		file_drop_content(r->core, f);
}

/*
 * Whether the attributes have to be asked for first. That happens once: when they are outdated again by the time
 * they arrive, or the mount does not learn of changes, nothing that is known stays valid until the rest has come.
 * Then the reader takes a snapshot.
 */
static bool attributes_first(struct reader *r)
{
	if (r->from_snapshot || inode_valid(r->inode))
		return false;
	r->from_snapshot = r->refreshes > 0 || !r->core->inodes.trusted;
	return !r->from_snapshot;
}

static int try_once(struct reader *r)
{
	struct inode *inode = r->inode;
	int64_t size;

	if (++r->rounds > READER_ROUNDS_MAX)
		return -EIO;
	drop_parts(r);
	if (!file_get(inode))
		return -ENOMEM;
	if (attributes_first(r)) {
		r->refreshes++;
		return want(r, attributes_refresh(r->core, inode, on_ready, r));
	}
	if (r->from_snapshot && !r->snapshot)
		return ask_snapshot(r, r->at);
	if (!r->from_snapshot)
		check_version(r);
	size = size_of(r);
	r->size = r->at < size ? (size_t)min_of((int64_t)r->asked, size - r->at) : 0;
	return gather(r, r->at + (int64_t)r->size);
}

/* The kernel assumes a larger size than this read returns, and may not learn the new one before it fills the
 * rest with zeros. */
static bool is_too_short(const struct reader *r)
{
	return !r->direct && !r->over && r->at + (int64_t)r->size < min_of(r->at + (int64_t)r->asked, r->inode->told);
}

static void on_held(struct hold *hold)
{
	struct reader *r = (struct reader *)((char *)hold - offsetof(struct reader, hold));

	let_go(r);
	r->refreshes = 0;
	if (r->over)
		finish(r, r->error);
	else
		try(r);
}

static bool hold(struct reader *r)
{
	const int64_t now = clock_mono_ns();

	if (!is_too_short(r))
		return false;
	if (r->hold_until_ns == 0)
		r->hold_until_ns = now + READER_HOLD_MS * NS_PER_MS;
	if (now >= r->hold_until_ns)
		return false;
	r->hold = (struct hold){.inode = r->inode, .due_ns = r->hold_until_ns, .over = on_held};
	return holds_add(r->core->holds, &r->hold);
}

static void try(struct reader *r)
{
	int error;

	assert(!r->trying && r->inode);
	r->trying = true;
	error = try_once(r);
	r->trying = false;
	if (error < 0 && r->error == 0)
		r->error = error;
	if (r->missing > 0 || (r->error == 0 && hold(r)))
		drop_parts(r);
	else
		finish(r, r->error);
}

void reader_start(struct reader *r)
{
	r->core = r->blocks->core;
	r->later.run = run_later;
	content_init(&r->own);
	inode_ref(r->inode);
	try(r);
}

void reader_cancel(struct reader *r)
{
	if (r->error == 0)
		r->error = -EINTR;
	/* Each answer that it waits for arrives or fails in bounded time, and may be for other readers too. The
	 * answer to this read does not wait for that: see ops_read. */
	r->over = true;
}
