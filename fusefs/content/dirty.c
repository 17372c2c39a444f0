#include "fusefs/content/dirty.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#define PIECE_BYTES_MIN 4096u /* capacity of the piece that a small write creates */

static size_t min_size(size_t a, size_t b)
{
	return a < b ? a : b;
}

void dirty_init(struct dirty *d)
{
	*d = (struct dirty){.tail = DIRTY_NO_TAIL};
}

void dirty_tag_unref(struct dirty_tag *tag)
{
	if (tag && --tag->refs == 0)
		tag->free(tag);
}

void dirty_tag(struct dirty_piece *p, struct dirty_tag *tag, size_t from)
{
	dirty_tag_unref(p->tag);
	p->tag = tag;
	p->tag_from = from;
}

static void piece_free(struct dirty_piece *p)
{
	dirty_tag_unref(p->tag);
	bytes_unref(p->bytes);
	free(p);
}

void dirty_fini(struct dirty *d)
{
	for (size_t i = 0; i < d->count; i++)
		piece_free(d->list[i]);
	free(d->list);
	dirty_init(d);
}

static int64_t piece_end(const struct dirty_piece *p)
{
	return p->at + (int64_t)p->len;
}

size_t dirty_find(const struct dirty *d, int64_t at)
{
	size_t low = 0, high = d->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (piece_end(d->list[middle]) <= at)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

int64_t dirty_end(const struct dirty *d)
{
	return d->count > 0 ? piece_end(d->list[d->count - 1]) : 0;
}

static int make_room(struct dirty *d, size_t extra)
{
	size_t room = d->room > 0 ? d->room : 4;
	struct dirty_piece **list;

	if (d->count + extra <= d->room)
		return 0;
	while (room < d->count + extra)
		room *= 2;
	list = realloc(d->list, room * sizeof(*list));
	if (!list)
		return -ENOMEM;
	d->list = list;
	d->room = room;
	return 0;
}

/* make_room was called before. */
static void insert(struct dirty *d, size_t index, struct dirty_piece *p)
{
	memmove(&d->list[index + 1], &d->list[index], (d->count - index) * sizeof(*d->list));
	d->list[index] = p;
	d->count++;
	d->bytes += p->len;
}

static void drop(struct dirty *d, size_t index)
{
	d->bytes -= d->list[index]->len;
	piece_free(d->list[index]);
	d->count--;
	memmove(&d->list[index], &d->list[index + 1], (d->count - index) * sizeof(*d->list));
}

/* A copy of len bytes of p, from `skip` on. */
static struct bytes *copy_part(const struct dirty_piece *p, size_t skip, size_t len)
{
	struct bytes *b = bytes_new(len);

	if (!b)
		return NULL;
	memcpy(b->data, p->bytes->data + p->from + skip, len);
	b->used = len;
	return b;
}

/* A small part of a large piece must not hold all its memory. This only saves memory: if there is none for the
 * copy, the piece stays as it is. */
static void shrink(struct dirty_piece *p)
{
	struct bytes *b;

	if (p->len >= p->bytes->capacity / 2)
		return;
	b = copy_part(p, 0, p->len);
	if (!b)
		return;
	bytes_unref(p->bytes);
	p->bytes = b;
	p->from = 0;
}

static void trim_front(struct dirty *d, struct dirty_piece *p, int64_t to)
{
	size_t off = (size_t)(to - p->at);

	p->at = to;
	p->from += off;
	p->tag_from += off;
	p->len -= off;
	d->bytes -= off;
	shrink(p);
}

static void trim_back(struct dirty *d, struct dirty_piece *p, int64_t from)
{
	size_t off = (size_t)(piece_end(p) - from);

	p->len -= off;
	d->bytes -= off;
	shrink(p);
}

/* Takes [from, to) out of the middle of a piece: the part behind it becomes a piece of its own, with its own
 * bytes. */
static int split(struct dirty *d, size_t index, int64_t from, int64_t to)
{
	struct dirty_piece *p = d->list[index], *tail;
	size_t skip = (size_t)(to - p->at), len = (size_t)(piece_end(p) - to);
	int r = make_room(d, 1);

	if (r < 0)
		return r;
	tail = malloc(sizeof(*tail));
	if (!tail)
		return -ENOMEM;
	*tail = (struct dirty_piece){.at = to, .len = len, .bytes = copy_part(p, skip, len), .tag = p->tag};
	if (!tail->bytes) {
		free(tail);
		return -ENOMEM;
	}
	if (tail->tag)
		tail->tag->refs++;
	tail->tag_from = p->tag_from + skip;
	trim_back(d, p, from);
	insert(d, index + 1, tail);
	return 0;
}

static int cut(struct dirty *d, int64_t from, int64_t to)
{
	size_t i = dirty_find(d, from);

	while (i < d->count && d->list[i]->at < to) {
		struct dirty_piece *p = d->list[i];

		if (p->at < from && piece_end(p) > to)
			return split(d, i, from, to);
		if (p->at < from) {
			trim_back(d, p, from);
			i++;
		} else if (piece_end(p) > to) {
			trim_front(d, p, to);
			break;
		} else {
			drop(d, i);
		}
	}
	return 0;
}

int dirty_cut(struct dirty *d, int64_t from, int64_t to)
{
	int r = cut(d, from, to);

	if (dirty_end(d) <= d->tail)
		d->tail = DIRTY_NO_TAIL;
	return r;
}

/* Writes into a piece that covers the whole range and whose bytes have no other holder. */
static bool write_in_place(struct dirty *d, int64_t at, const void *data, size_t size)
{
	size_t i = dirty_find(d, at);
	struct dirty_piece *p;

	if (i == d->count)
		return false;
	p = d->list[i];
	if (p->at > at || piece_end(p) < at + (int64_t)size || p->tag || !bytes_alone(p->bytes))
		return false;
	memcpy(p->bytes->data + p->from + (at - p->at), data, size);
	return true;
}

static bool grow(struct dirty_piece *p, size_t size)
{
	size_t end = p->from + p->len, need = end + size, capacity = p->bytes->capacity;
	struct bytes *b;

	if (p->tag || p->len + size > DIRTY_PIECE_BYTES_MAX || p->bytes->used != end)
		return false;
	if (need <= capacity)
		return true;
	if (!bytes_alone(p->bytes))
		return false;
	while (capacity < need)
		capacity *= 2;
	b = bytes_grow(p->bytes, capacity);
	if (!b)
		return false;
	p->bytes = b;
	return true;
}

/* Extends the piece that ends at `at`, as far as possible. Returns how much was written. Nothing lies in the
 * range. */
static size_t append(struct dirty *d, int64_t at, const void *data, size_t size)
{
	size_t i = dirty_find(d, at - 1), room;
	struct dirty_piece *p;

	if (at == 0 || i == d->count || piece_end(d->list[i]) != at)
		return 0;
	p = d->list[i];
	room = p->len < DIRTY_PIECE_BYTES_MAX ? DIRTY_PIECE_BYTES_MAX - p->len : 0;
	size = min_size(size, room);
	if (size == 0 || !grow(p, size))
		return 0;
	memcpy(p->bytes->data + p->from + p->len, data, size);
	p->len += size;
	p->bytes->used = p->from + p->len;
	d->bytes += size;
	return size;
}

static struct dirty_piece *piece_new(int64_t at, struct bytes *bytes_take)
{
	struct dirty_piece *p = bytes_take ? malloc(sizeof(*p)) : NULL;

	if (!p) {
		bytes_unref(bytes_take);
		return NULL;
	}
	*p = (struct dirty_piece){.at = at, .len = bytes_take->used, .bytes = bytes_take};
	return p;
}

static struct bytes *copy_of(const void *data, size_t size)
{
	struct bytes *b = bytes_new(size > PIECE_BYTES_MIN ? size : PIECE_BYTES_MIN);

	if (!b)
		return NULL;
	memcpy(b->data, data, size);
	b->used = size;
	return b;
}

/* Everything that may fail comes before any change, so that a failed write destroys nothing that was accepted
 * earlier. Takes p, also on failure. */
static int replace(struct dirty *d, struct dirty_piece *p)
{
	int r = p ? make_room(d, 2) : -ENOMEM; /* p, and the rear part of a piece that is split */

	if (r == 0)
		r = cut(d, p->at, piece_end(p));
	if (r == 0)
		insert(d, dirty_find(d, p->at), p);
	else if (p)
		piece_free(p);
	return r;
}

/* size is at most DIRTY_PIECE_BYTES_MAX. Makes one piece, or extends the piece before and makes another. */
static int write_part(struct dirty *d, int64_t at, const char *data, size_t size)
{
	size_t i = dirty_find(d, at), done = 0;
	int r;

	/* Nothing lies there: the piece before may be extended. */
	if (i == d->count || d->list[i]->at >= at + (int64_t)size)
		done = append(d, at, data, size);
	if (done == size)
		return 0;
	r = replace(d, piece_new(at + (int64_t)done, copy_of(data + done, size - done)));
	if (r < 0)
		(void)cut(d, at, at + (int64_t)done); /* this only shortens a piece: nothing is allocated */
	return r;
}

int dirty_write(struct dirty *d, int64_t at, const void *data, size_t size)
{
	const char *from = data;

	if (write_in_place(d, at, data, size))
		return 0;
	for (size_t done = 0; done < size;) {
		size_t part = min_size(size - done, DIRTY_PIECE_BYTES_MAX);
		int r = write_part(d, at + (int64_t)done, from + done, part);

		if (r < 0)
			return r;
		done += part;
	}
	return 0;
}

int dirty_append(struct dirty *d, int64_t at, const void *data, size_t size)
{
	int r;

	assert(at >= dirty_end(d));
	r = dirty_write(d, at, data, size);
	if (r == 0 && d->tail == DIRTY_NO_TAIL)
		d->tail = at;
	return r;
}

int64_t dirty_rest_end(const struct dirty *d)
{
	size_t i = dirty_find(d, d->tail);

	if (i < d->count && d->list[i]->at < d->tail)
		return d->tail;
	return i > 0 ? piece_end(d->list[i - 1]) : 0;
}

int dirty_split(struct dirty *d, int64_t at, struct dirty *rest)
{
	size_t i = dirty_find(d, at), count;
	int r = make_room(rest, d->count - i + 1);

	assert(at >= d->tail && rest->count == 0);
	if (r == 0 && i < d->count && d->list[i]->at < at)
		r = split(d, i++, at, at);
	if (r < 0)
		return r;
	count = d->count - i;
	for (size_t k = i; k < d->count; k++)
		rest->bytes += d->list[k]->len;
	memcpy(rest->list, d->list + i, count * sizeof(*d->list));
	rest->count = count;
	rest->tail = at;
	d->count = i;
	d->bytes -= rest->bytes;
	if (d->tail == at)
		d->tail = DIRTY_NO_TAIL;
	return 0;
}

int dirty_move_tail(struct dirty *d, int64_t to)
{
	const int64_t by = to - d->tail;
	size_t i = dirty_find(d, d->tail);

	if (d->tail == DIRTY_NO_TAIL || by == 0)
		return 0;
	assert(to >= dirty_rest_end(d));
	if (i < d->count && d->list[i]->at < d->tail) {
		int r = split(d, i, d->tail, d->tail);

		if (r < 0)
			return r;
		i++;
	}
	for (; i < d->count; i++)
		d->list[i]->at += by;
	d->tail = to;
	return 0;
}

int dirty_lay(struct dirty *d, int64_t at, struct bytes *bytes)
{
	return replace(d, piece_new(at, bytes_ref(bytes)));
}

/* Adds a part of p, which shares its bytes and its tag. */
static int add_part(struct dirty *d, const struct dirty_piece *p, int64_t from, int64_t to)
{
	size_t skip = (size_t)(from - p->at);
	struct dirty_piece *part;
	int r = make_room(d, 1);

	if (r < 0)
		return r;
	part = malloc(sizeof(*part));
	if (!part)
		return -ENOMEM;
	*part = *p;
	part->at = from;
	part->len = (size_t)(to - from);
	part->from += skip;
	part->tag_from += skip;
	/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): the analyzer miscounts the references */
	bytes_ref(part->bytes);
	if (part->tag)
		part->tag->refs++;
	shrink(part);
	insert(d, dirty_find(d, from), part);
	return 0;
}

/* Adds the parts of p that d does not cover. */
static int merge_piece(struct dirty *d, const struct dirty_piece *p)
{
	int64_t at = p->at;

	while (at < piece_end(p)) {
		size_t i = dirty_find(d, at);
		int64_t to = piece_end(p);
		int r;

		if (i < d->count && d->list[i]->at <= at) {
			at = piece_end(d->list[i]);
			continue;
		}
		if (i < d->count && d->list[i]->at < to)
			to = d->list[i]->at;
		r = add_part(d, p, at, to);
		if (r < 0)
			return r;
		at = to;
	}
	return 0;
}

int dirty_merge_under(struct dirty *d, struct dirty *older)
{
	if (older->tail < d->tail)
		d->tail = older->tail;
	while (older->count > 0) {
		int r = merge_piece(d, older->list[older->count - 1]);

		if (r < 0)
			return r;
		drop(older, older->count - 1);
	}
	return 0;
}
