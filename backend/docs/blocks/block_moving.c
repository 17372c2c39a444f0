#include "backend/docs/blocks/block_moving.h"

#include "common/base/clock.h"
#include "common/base/log.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

/*
 * While blocks move, new ones are put into the target, and a block is looked for first in the target and then in
 * the store that it moves from. The place that is known may be old: another service may have put a block into a
 * target that this service has not learnt of, or the mover may have emptied the store that this service still
 * reads. In both cases the block is not found; then the place is looked up, and if it is another one, everything
 * is tried again. A block that is put by an old place gets no row: its writer names the step
 * (block_store_ops.step), and the database compares.
 *
 * A block is removed from both stores. If a service knew of only one of them, the block that stays in the other
 * is a stray.
 */

#define PLACES_MAX 3 /* tries: a move that begins and ends between two looks changes the place twice */
#define FOLDER_BITS 16

struct block_moving {
	struct block_store base;
	struct block_moving_options options;
	pthread_mutex_t lock; /* guards everything below; held during calls of options.look */
	struct block_place place;
	bool known;
	int64_t looked_ns;
};

static const char *const NAMES[BLOCK_KINDS] = {"dir", "pg", "s3"};

const char *block_kind_name(enum block_kind kind)
{
	return kind < BLOCK_KINDS ? NAMES[kind] : "none";
}

int block_kind_parse(struct span text, enum block_kind *ret)
{
	for (unsigned kind = 0; kind < BLOCK_KINDS; kind++)
		if (span_eq_str(text, NAMES[kind])) {
			*ret = (enum block_kind)kind;
			return 0;
		}
	return -EINVAL;
}

/* ---- the place ---- */

/* The caller holds m->lock. */
static int look(struct block_moving *m)
{
	struct block_place place;
	const int r = m->options.look(m->options.cookie, &place);

	if (r < 0)
		return r;
	assert(place.kind < BLOCK_KINDS && place.target <= BLOCK_KINDS && place.kind != place.target);
	if (m->known && place.step != m->place.step)
		log_info(NULL, "op=blocks kind=%s target=%s outcome=\"blocks have another place\"",
			block_kind_name(place.kind), block_kind_name(place.target));
	m->place = place;
	m->known = true;
	m->looked_ns = clock_mono_ns();
	return 0;
}

/* fresh_ms: largest age of the answer; -1: any age. */
static int place_of(struct block_moving *m, int64_t fresh_ms, struct block_place *ret)
{
	int r = 0;

	pthread_mutex_lock(&m->lock);
	if (!m->known || (fresh_ms >= 0 && clock_mono_ns() - m->looked_ns >= fresh_ms * NS_PER_MS))
		r = look(m);
	*ret = m->place;
	pthread_mutex_unlock(&m->lock);
	return r;
}

/* -ENOTCONN: the settings of this service do not say how to reach that store. */
static int reach(struct block_moving *m, enum block_kind kind, struct block_store **ret)
{
	*ret = m->options.stores[kind];
	if (*ret)
		return 0;
	log_error(NULL, "op=blocks kind=%s outcome=\"blocks lie there, and this service was not told how to reach it\"",
		block_kind_name(kind));
	return -ENOTCONN;
}

static enum block_kind newest(const struct block_place *place)
{
	return place->target < BLOCK_KINDS ? place->target : place->kind;
}

/* ---- reading ---- */

struct reading {
	const struct block_name *name;
	uint32_t from, size;
	void *data; /* NULL: only the size is wanted */
	uint32_t got;
};

static int read_one(struct block_moving *m, enum block_kind kind, struct reading *what)
{
	struct block_store *s;
	const int r = reach(m, kind, &s);

	if (r < 0)
		return r;
	return what->data ? s->ops->get(s, what->name, what->from, what->data, what->size, &what->got)
			  : s->ops->size(s, what->name, &what->got);
}

/* When the target fails, a block is still read from the store that it moves from. */
static int read_by(struct block_moving *m, const struct block_place *place, struct reading *what)
{
	const int first = read_one(m, newest(place), what);

	if (first == 0 || place->target == BLOCK_KINDS)
		return first;
	const int second = read_one(m, place->kind, what);
	return second == 0 || first == -ENOENT ? second : first;
}

static int read_any(struct block_moving *m, struct reading *what)
{
	struct block_place place;
	int r = place_of(m, -1, &place);

	for (unsigned i = 0; r == 0 && i < PLACES_MAX; i++) {
		const int64_t step = place.step;

		r = read_by(m, &place, what);
		if (r != -ENOENT)
			return r;
		r = place_of(m, 0, &place);
		if (r == 0 && place.step == step)
			return -ENOENT;
	}
	return r == 0 ? -ENOTCONN : r;
}

/* budget: the signature is that of block_store.h */
static int moving_get(struct block_store *s, const struct block_name *name, uint32_t from, void *data, uint32_t size,
	uint32_t *ret_size)
{
	struct reading what = {name, from, size, data, 0};
	const int r = read_any((struct block_moving *)s, &what);

	if (r == 0)
		*ret_size = what.got;
	return r;
}

static int moving_size(struct block_store *s, const struct block_name *name, uint32_t *ret)
{
	struct reading what = {.name = name};
	const int r = read_any((struct block_moving *)s, &what);

	if (r == 0)
		*ret = what.got;
	return r;
}

/* ---- writing ---- */

static int moving_step(struct block_store *s, int64_t refused, int64_t *ret)
{
	struct block_moving *m = (struct block_moving *)s;
	struct block_place place;
	int r = place_of(m, BLOCK_MOVING_LOOK_MS, &place);

	if (r == 0 && place.step == refused)
		r = place_of(m, 0, &place);
	if (r == 0)
		*ret = place.step;
	return r;
}

static int moving_put(struct block_store *s, const struct block_name *name, struct span bytes)
{
	struct block_moving *m = (struct block_moving *)s;
	struct block_store *one;
	struct block_place place;
	int r = place_of(m, -1, &place);

	if (r == 0)
		r = reach(m, newest(&place), &one);
	return r == 0 ? one->ops->put(one, name, bytes) : r;
}

static int moving_remove(struct block_store *s, const struct block_name *name)
{
	struct block_moving *m = (struct block_moving *)s;
	struct block_store *one;
	struct block_place place;
	int r = place_of(m, BLOCK_MOVING_LOOK_MS, &place), other = 0;

	if (r == 0)
		r = reach(m, place.kind, &one);
	if (r == 0)
		r = one->ops->remove(one, name);
	if (place.target < BLOCK_KINDS && reach(m, place.target, &one) == 0)
		other = one->ops->remove(one, name);
	return r < 0 ? r : other;
}

/* ---- the rest ---- */

/* First the folders of the store where new blocks are put; while blocks move, then those of the store that they
 * move from. budget: the signature is that of block_store.h */
static int moving_each(
	struct block_store *s, uint32_t *folder, int64_t older_s, block_store_on_name on_name, void *cookie)
{
	struct block_moving *m = (struct block_moving *)s;
	bool second = *folder >> FOLDER_BITS;
	uint32_t below = *folder & ((1u << FOLDER_BITS) - 1);
	struct block_store *one;
	struct block_place place;
	int r = place_of(m, BLOCK_MOVING_LOOK_MS, &place);

	if (r == 0 && second && place.target == BLOCK_KINDS) {
		*folder = 0; /* the move has ended meanwhile */
		return 0;
	}
	if (r == 0)
		r = reach(m, second ? place.kind : newest(&place), &one);
	if (r == 0)
		r = one->ops->each(one, &below, older_s, on_name, cookie);
	if (r < 0)
		return r;
	if (below == 0) {
		second = !second && place.target < BLOCK_KINDS;
		*folder = second ? 1u << FOLDER_BITS : 0;
	} else {
		*folder = (second ? 1u << FOLDER_BITS : 0) | below;
	}
	return 0;
}

static int moving_spool(struct block_store *s)
{
	struct block_moving *m = (struct block_moving *)s;
	struct block_store *one;
	struct block_place place;
	int r = place_of(m, -1, &place);

	if (r == 0)
		r = reach(m, newest(&place), &one);
	return r == 0 ? one->ops->spool(one) : r;
}

static int moving_free_bytes(struct block_store *s, int64_t *ret, int64_t *ret_total)
{
	struct block_moving *m = (struct block_moving *)s;
	struct block_store *one;
	struct block_place place;
	int r = place_of(m, -1, &place);

	if (r == 0)
		r = reach(m, newest(&place), &one);
	return r == 0 ? one->ops->free_bytes(one, ret, ret_total) : r;
}

static void moving_free(struct block_store *s)
{
	struct block_moving *m = (struct block_moving *)s;

	for (unsigned i = 0; i < BLOCK_KINDS; i++)
		if (m->options.stores[i])
			m->options.stores[i]->ops->free(m->options.stores[i]);
	if (m->options.free)
		m->options.free(m->options.cookie);
	pthread_mutex_destroy(&m->lock);
	free(m);
}

static const struct block_store_ops block_moving_ops = {
	.put = moving_put,
	.get = moving_get,
	.size = moving_size,
	.remove = moving_remove,
	.each = moving_each,
	.spool = moving_spool,
	.free_bytes = moving_free_bytes,
	.step = moving_step,
	.free = moving_free,
};

int block_moving_new(const struct block_moving_options *options, struct block_store **ret)
{
	struct block_moving *m = calloc(1, sizeof(*m));

	if (!m)
		return -ENOMEM;
	m->base.ops = &block_moving_ops;
	m->options = *options;
	pthread_mutex_init(&m->lock, NULL);
	*ret = &m->base;
	return 0;
}
