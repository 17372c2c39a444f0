#include "fusefs/store/testing/mem.h"

#include "fusefs/store/testing/mem_internal.h"

#include "common/base/clock.h"
#include "common/base/cond.h"
#include "common/base/error.h"
#include "common/base/sha256.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <utlist.h>

/*
 * A call of the seam is a struct mem_call. The store's thread takes calls in order, runs each with the lock of the
 * drive held, and calls back without it. The arguments of the callback were copied into the call, as another store
 * may change the drive meanwhile. Calls that wait (polls, waits for locks) are kept in a separate list until their
 * event has come or their time is over.
 */

void *mem_call_alloc(struct mem_call *call, size_t size)
{
	struct mem_chunk *c = calloc(1, sizeof(*c) + size);

	if (!c)
		abort();
	LL_PREPEND(call->chunks, c);
	return c->bytes;
}

static struct span keep(struct mem_call *call, struct span s)
{
	char *copy = mem_call_alloc(call, s.size + 1);

	if (s.size > 0)
		memcpy(copy, s.data, s.size);
	return span_of(copy, s.size);
}

static void keep_item(struct mem_call *call, struct item *item)
{
	item->name = keep(call, item->name);
	item->target = keep(call, item->target);
	if (item->has_inline)
		item->inline_data = keep(call, item->inline_data);
}

static struct store_position position(const struct mem_drive *d)
{
	return (struct store_position){1, d->seq};
}

/* ---- the thread ---- */

static void finish(struct mem_call *call)
{
	struct mem_chunk *c, *next;

	call->tell(call);
	LL_FOREACH_SAFE(call->chunks, c, next)
		free(c);
	free(call);
}

static bool wait_is_over(const struct mem_call *call, int64_t now)
{
	if (call->is_over)
		return call->cancelled || call->s->stop || now >= call->due_ns || call->is_over(call);
	return call->cancelled || call->s->stop || now >= call->due_ns || call->s->d->seq > call->since.seq ||
		call->s->d->forgotten > call->since.seq ||
		(call->s->counted && call->s->d->store_count != 1 + call->s->others);
}

/* Takes a call that can be run now off its list; or returns NULL and when to look again. */
static struct mem_call *take(struct mem_store *s, int64_t *ret_due)
{
	int64_t now = clock_mono_ns();
	struct mem_call *call;

	*ret_due = INT64_MAX;
	DL_FOREACH(s->waiting, call) {
		if (wait_is_over(call, now)) {
			DL_DELETE(s->waiting, call);
			return call;
		}
		if (call->due_ns < *ret_due)
			*ret_due = call->due_ns;
	}
	call = s->queue;
	if (call)
		DL_DELETE(s->queue, call);
	return call;
}

static void *store_main(void *cookie)
{
	struct mem_store *s = cookie;
	struct mem_drive *d = s->d;

	pthread_mutex_lock(&d->lock);
	for (;;) {
		int64_t due;
		struct mem_call *call = take(s, &due);

		if (call) {
			if (call->cancelled || s->stop)
				call->error = -EINTR;
			else
				call->run(call);
			pthread_mutex_unlock(&d->lock);
			finish(call);
			pthread_mutex_lock(&d->lock);
		} else if (s->stop) {
			break;
		} else {
			cond_wait_until(&s->work, &d->lock, due);
		}
	}
	pthread_mutex_unlock(&d->lock);
	return NULL;
}

void mem_wake_all(struct mem_drive *d)
{
	struct mem_store *s;

	DL_FOREACH(d->stores, s)
		pthread_cond_signal(&s->work);
}

struct mem_call *mem_call_new(
	struct store *base, void (*run)(struct mem_call *call), void (*tell)(struct mem_call *call), void *cookie)
{
	struct mem_call *call = calloc(1, sizeof(*call));

	if (!call)
		abort();
	call->s = (struct mem_store *)base;
	call->run = run;
	call->tell = tell;
	call->cookie = cookie;
	return call;
}

store_ticket mem_call_start(struct mem_call *call, bool waits)
{
	struct mem_store *s = call->s;
	store_ticket ticket;

	pthread_mutex_lock(&s->d->lock);
	ticket = call->ticket = ++s->tickets;
	if (waits)
		DL_APPEND(s->waiting, call);
	else
		DL_APPEND(s->queue, call);
	pthread_cond_signal(&s->work);
	pthread_mutex_unlock(&s->d->lock);
	return ticket;
}

/* ---- reads ---- */

static void run_drive(struct mem_call *call)
{
	struct mem_drive *d = call->s->d;

	call->drive = (struct store_drive){
		.root = ITEM_ROOT(d->number), .quota = d->quota, .used = mem_used(d), .at = position(d)};
	call->drive.free = d->quota > 0 ? d->quota - call->drive.used : 1ll << 40;
}

static void tell_drive(struct mem_call *call)
{
	call->done.drive(call->cookie, call->error, call->error < 0 ? NULL : &call->drive);
}

static store_ticket mem_drive_call(
	struct store *base, void (*done)(void *cookie, int error, const struct store_drive *drive), void *cookie)
{
	struct mem_call *call = mem_call_new(base, run_drive, tell_drive, cookie);

	call->done.drive = done;
	return mem_call_start(call, false);
}

static void run_lookup(struct mem_call *call)
{
	struct mem_drive *d = call->s->d;
	struct mem_name *name = mem_name_find(d, call->id, call->name);
	struct mem_doc *folder = mem_doc_find(d, call->id);

	d->counts.lookups++;
	call->at = position(d); /* also for "no such name" */
	call->error = !folder ? -ENOENT : !S_ISDIR(folder->mode) ? -ENOTDIR : !name ? -ENOENT : 0;
	if (call->error < 0)
		return;
	mem_item(mem_doc_find(d, name->child), name, &call->item);
	keep_item(call, &call->item);
}

static void tell_item(struct mem_call *call)
{
	call->done.item(call->cookie, call->error, call->error < 0 ? NULL : &call->item, call->at);
}

static void run_item(struct mem_call *call)
{
	struct mem_drive *d = call->s->d;
	struct mem_doc *doc = mem_doc_find(d, call->id);

	d->counts.items++;
	if (!doc) {
		call->error = -ENOENT;
		return;
	}
	mem_item(doc, mem_any_name(d, doc->id), &call->item);
	call->at = position(d);
	keep_item(call, &call->item);
}

static store_ticket mem_lookup(struct store *base, int64_t parent, struct span name,
	void (*done)(void *cookie, int error, const struct item *item, struct store_position at), void *cookie)
{
	struct mem_call *call = mem_call_new(base, run_lookup, tell_item, cookie);

	call->id = parent;
	call->name = keep(call, name);
	call->done.item = done;
	return mem_call_start(call, false);
}

static store_ticket mem_get_item(struct store *base, int64_t id,
	void (*done)(void *cookie, int error, const struct item *item, struct store_position at), void *cookie)
{
	struct mem_call *call = mem_call_new(base, run_item, tell_item, cookie);

	call->id = id;
	call->done.item = done;
	return mem_call_start(call, false);
}

static int by_name(const void *a, const void *b)
{
	const struct span x = ((const struct item *)a)->name, y = ((const struct item *)b)->name;
	int order = memcmp(x.data, y.data, x.size < y.size ? x.size : y.size);

	return order ? order : x.size < y.size ? -1 : x.size > y.size;
}

static void run_children(struct mem_call *call)
{
	struct mem_drive *d = call->s->d;
	struct mem_doc *folder = mem_doc_find(d, call->id);
	struct item after = {.name = call->name};
	struct mem_name *n, *next;
	size_t count = 0;

	d->counts.children++;
	call->error = !folder ? -ENOENT : !S_ISDIR(folder->mode) ? -ENOTDIR : 0;
	if (call->error < 0)
		return;
	call->items = mem_call_alloc(call, (HASH_COUNT(d->tree.names) + 1) * sizeof(struct item));
	HASH_ITER(hh, d->tree.names, n, next) {
		struct item item;

		if (n->key.parent != call->id)
			continue;
		mem_item(mem_doc_find(d, n->child), n, &item);
		if (call->name.size == 0 || by_name(&after, &item) < 0)
			call->items[count++] = item;
	}
	qsort(call->items, count, sizeof(struct item), by_name);
	call->page = (struct store_page){.items = call->items, .count = count, .at = position(d)};
	if (count > call->limit) {
		call->page.count = call->limit;
		call->page.more = true;
	}
	for (size_t i = 0; i < call->page.count; i++) {
		call->items[i].has_inline &= call->with_inline;
		keep_item(call, &call->items[i]);
	}
}

static void tell_children(struct mem_call *call)
{
	call->done.page(call->cookie, call->error, call->error < 0 ? NULL : &call->page);
}

/* budget: the seam's signature */
static store_ticket mem_children(struct store *base, int64_t folder, struct span after, uint32_t limit,
	bool with_inline, void (*done)(void *cookie, int error, const struct store_page *page), void *cookie)
{
	struct mem_call *call = mem_call_new(base, run_children, tell_children, cookie);

	call->id = folder;
	call->name = keep(call, after);
	call->limit = limit;
	call->with_inline = with_inline;
	call->done.page = done;
	return mem_call_start(call, false);
}

static void give_extent(struct mem_call *call, const struct mem_piece *p, struct extent *ret)
{
	struct mem_block *b;

	*ret = (struct extent){.at = p->at, .len = p->len, .kind = p->kind};
	if (p->kind == EXTENT_INLINE) {
		ret->data = keep(call, span_of(p->data, (size_t)p->len));
		return;
	}
	HASH_FIND(hh, call->s->d->blocks, p->sha256, sizeof(p->sha256), b);
	memcpy(ret->sha256, p->sha256, sizeof(ret->sha256));
	ret->generation = 1;
	ret->from = p->from;
	assert(b); /* a piece refers to an existing block */
	ret->block_size = b->size;
	ret->cap = SPAN_LITERAL("9999999999.1.00");
}

static void run_extents(struct mem_call *call)
{
	struct mem_drive *d = call->s->d;
	struct mem_doc *doc = mem_doc_find(d, call->id);
	struct extent *list;
	struct mem_piece *p;
	size_t count = 0;

	d->counts.extents++;
	if (!doc) {
		call->error = -ENOENT;
		return;
	}
	DL_COUNT(doc->pieces, p, count);
	list = mem_call_alloc(call, (count + 1) * sizeof(*list));
	count = 0;
	DL_FOREACH(doc->pieces, p)
		if (p->kind != EXTENT_RESERVED && p->at + p->len > call->from && p->at - call->from < call->len)
			give_extent(call, p, &list[count++]);
	call->extents = (struct store_extents){
		.extents = list, .count = count, .size = doc->size, .content_seq = doc->content_seq, .at = position(d)};
}

static void tell_extents(struct mem_call *call)
{
	call->done.extents(call->cookie, call->error, call->error < 0 ? NULL : &call->extents);
}

/* budget: the seam's signature */
static store_ticket mem_extents(struct store *base, int64_t id, int64_t from, int64_t len,
	void (*done)(void *cookie, int error, const struct store_extents *extents), void *cookie)
{
	struct mem_call *call = mem_call_new(base, run_extents, tell_extents, cookie);

	call->id = id;
	call->from = from;
	call->len = len;
	call->done.extents = done;
	return mem_call_start(call, false);
}

static void run_xattrs(struct mem_call *call)
{
	struct mem_doc *doc = mem_doc_find(call->s->d, call->id);
	struct mem_xattr *x;
	size_t count = 0;

	call->s->d->counts.xattrs++;
	if (!doc) {
		call->error = -ENOENT;
		return;
	}
	LL_COUNT(doc->xattrs, x, count);
	call->xattrs = mem_call_alloc(call, (count + 1) * sizeof(*x));
	LL_FOREACH(doc->xattrs, x) {
		struct mem_xattr *copy = &call->xattrs[call->xattr_count++];

		*copy = *x;
		copy->name = (char *)keep(call, span_of(x->name, x->name_size)).data;
		copy->value = (char *)keep(call, span_of(x->value, x->value_size)).data;
	}
}

static void tell_xattrs(struct mem_call *call)
{
	for (size_t i = 0; i < call->xattr_count && call->error == 0; i++)
		call->error = call->each(call->cookie, span_of(call->xattrs[i].name, call->xattrs[i].name_size),
			span_of(call->xattrs[i].value, call->xattrs[i].value_size));
	call->done.xattrs(call->cookie, call->error);
}

static store_ticket mem_xattrs(struct store *base, int64_t id,
	int (*each)(void *cookie, struct span name, struct span value), void (*done)(void *cookie, int error),
	void *cookie)
{
	struct mem_call *call = mem_call_new(base, run_xattrs, tell_xattrs, cookie);

	call->id = id;
	call->each = each;
	call->done.xattrs = done;
	return mem_call_start(call, false);
}

/* ---- blocks ---- */

static void run_get(struct mem_call *call)
{
	struct mem_block *b;

	call->s->d->counts.block_gets++;
	HASH_FIND(hh, call->s->d->blocks, call->sha256, sizeof(call->sha256), b);
	if (!b) {
		call->error = -ENOENT;
	} else if (call->part.len > b->size || call->part.from > b->size - call->part.len) {
		call->error = -EBADMSG;
	} else {
		memcpy(call->part.into, b->data + call->part.from, call->part.len);
		call->s->d->counts.block_bytes += call->part.len;
	}
}

static void tell_get(struct mem_call *call)
{
	call->done.get(call->cookie, call->error);
}

static store_ticket mem_block_get(struct store *base, const struct extent *extent, struct store_part part,
	void (*done)(void *cookie, int error), void *cookie)
{
	struct mem_call *call = mem_call_new(base, run_get, tell_get, cookie);

	memcpy(call->sha256, extent->sha256, sizeof(call->sha256));
	call->part = part;
	call->done.get = done;
	return mem_call_start(call, false);
}

static void run_put(struct mem_call *call)
{
	struct mem_drive *d = call->s->d;
	uint8_t digest[32];
	struct mem_block *b;

	d->counts.block_puts++;
	if (sha256_of(call->data, digest) < 0 || memcmp(digest, call->sha256, sizeof(digest)) != 0) {
		call->error = -ERR_BAD_DIGEST;
		return;
	}
	HASH_FIND(hh, d->blocks, digest, sizeof(digest), b);
	if (b)
		return;
	b = calloc(1, sizeof(*b));
	if (!b)
		abort();
	memcpy(b->sha256, digest, sizeof(digest));
	b->size = (uint32_t)call->data.size;
	b->data = malloc(call->data.size + 1);
	if (!b->data)
		abort();
	memcpy(b->data, call->data.data, call->data.size);
	HASH_ADD(hh, d->blocks, sha256, sizeof(b->sha256), b);
}

static void tell_put(struct mem_call *call)
{
	call->done.put(call->cookie, call->error);
}

static store_ticket mem_block_put(struct store *base, const uint8_t sha256[32], struct span data,
	void (*done)(void *cookie, int error), void *cookie)
{
	struct mem_call *call = mem_call_new(base, run_put, tell_put, cookie);

	memcpy(call->sha256, sha256, sizeof(call->sha256));
	call->data = data;
	call->done.put = done;
	return mem_call_start(call, false);
}

/* ---- changes ---- */

static void keep_result(struct mem_call *call, struct op_result *r)
{
	if (r->has_item)
		keep_item(call, &r->item);
	for (size_t i = 0; i < r->dir_count; i++)
		keep_item(call, &r->dirs[i]);
}

static void run_batch(struct mem_call *call)
{
	struct mem_drive *d = call->s->d;
	struct op_result *results = mem_call_alloc(call, call->op_count * sizeof(*results));
	struct mem_tree before = {NULL, NULL}, *after = &d->tree;
	int64_t seq = d->seq, used = mem_used(d);
	uint32_t next_number = d->next_number;

	d->counts.batches++;
	d->counts.ops += call->op_count;
	mem_tree_copy(&d->tree, &before);
	call->reply.index = -1;
	for (size_t i = 0; i < call->op_count && call->error == 0; i++) {
		call->error = mem_lock_refuses(call->s, &call->ops[i]) ? -ESTALE : 0;
		if (call->error == 0)
			call->error = mem_op_apply(d, &call->ops[i], call->s, &results[i]);
		if (call->error == 0 && d->quota > 0 && mem_used(d) > d->quota && mem_used(d) > used)
			call->error = -EDQUOT;
		if (call->error < 0)
			call->reply.index = (int)i;
		else
			keep_result(call, &results[i]);
	}
	if (call->error < 0) {
		mem_tree_fini(after);
		d->tree = before;
		d->seq = seq;
		d->next_number = next_number;
	} else {
		assert(d->seq == seq + (int64_t)call->op_count); /* each op is one entry of the journal */
		mem_tree_fini(&before);
		call->reply.results = results;
		call->reply.count = call->op_count;
		mem_wake_all(d);
	}
	call->reply.at = position(d);
	call->reply.used = mem_used(d);
	call->reply.quota = d->quota;
}

static void tell_batch(struct mem_call *call)
{
	call->done.batch(call->cookie, call->error, call->error == -EINTR ? NULL : &call->reply);
}

static store_ticket mem_batch(struct store *base, const struct op *ops, size_t count,
	void (*done)(void *cookie, int error, const struct store_batch_reply *reply), void *cookie)
{
	struct mem_call *call = mem_call_new(base, run_batch, tell_batch, cookie);

	call->ops = ops;
	call->op_count = count;
	call->done.batch = done;
	return mem_call_start(call, false);
}

static void run_ids(struct mem_call *call)
{
	struct mem_drive *d = call->s->d;

	d->counts.ids++;
	call->first = ITEM_ID(d->number, d->next_number);
	d->next_number += call->limit;
}

static void tell_ids(struct mem_call *call)
{
	call->done.ids(call->cookie, call->error, call->first);
}

static store_ticket mem_ids(
	struct store *base, uint32_t count, void (*done)(void *cookie, int error, int64_t first), void *cookie)
{
	struct mem_call *call = mem_call_new(base, run_ids, tell_ids, cookie);

	call->limit = count;
	call->done.ids = done;
	return mem_call_start(call, false);
}

/* ---- the journal ---- */

static void hold(struct mem_call *call)
{
	struct mem_store *s = call->s;

	free(s->held);
	s->held = malloc((call->held_count + 1) * sizeof(*s->held));
	if (!s->held)
		abort();
	if (call->held_count > 0)
		memcpy(s->held, call->held, call->held_count * sizeof(*s->held));
	s->held_count = call->held_count;
}

bool mem_is_held(struct mem_drive *d, int64_t id)
{
	struct mem_store *s;

	DL_FOREACH(d->stores, s)
		for (size_t i = 0; i < s->held_count; i++)
			if (s->held[i] == id)
				return true;
	return false;
}

static void run_poll(struct mem_call *call)
{
	struct mem_drive *d = call->s->d;
	size_t count = (size_t)(d->seq - call->since.seq);
	struct store_change *list;

	call->changes.last = position(d);
	call->changes.counted = call->s->counted = true;
	call->changes.others = call->s->others = d->store_count - 1;
	call->changes.lock_life = call->s->lock_life;
	call->changes.reset =
		call->since.seq < d->forgotten || call->since.seq > d->seq || call->since.incarnation != 1;
	if (call->changes.reset)
		return;
	if (count > CHANGES_PAGE_MAX)
		count = CHANGES_PAGE_MAX;
	list = mem_call_alloc(call, (count + 1) * sizeof(*list));
	for (size_t i = 0; i < count; i++) {
		const struct mem_change *c = &d->journal[(size_t)call->since.seq + i];

		list[i] = c->change;
		list[i].name = keep(call, span_of(c->name, c->change.name.size));
		list[i].old_name = keep(call, span_of(c->old_name, c->change.old_name.size));
		list[i].own = c->author == call->s;
	}
	call->changes.list = list;
	call->changes.count = count;
	call->changes.more = call->changes.last.seq > call->since.seq + (int64_t)count;
	call->changes.last.seq = call->since.seq + (int64_t)count;
}

static void tell_poll(struct mem_call *call)
{
	call->done.poll(call->cookie, call->error, call->error < 0 ? NULL : &call->changes);
}

/* budget: the seam's signature */
static store_ticket mem_poll(struct store *base, struct store_position since, unsigned wait_s, const int64_t *held,
	size_t held_count, void (*done)(void *cookie, int error, const struct store_changes *changes), void *cookie)
{
	struct mem_call *call = mem_call_new(base, run_poll, tell_poll, cookie);
	struct mem_drive *d = call->s->d;

	call->since = since;
	call->due_ns = clock_mono_ns() + wait_s * NS_PER_S;
	call->held = held;
	call->held_count = held_count;
	call->done.poll = done;
	pthread_mutex_lock(&d->lock);
	d->counts.polls++;
	hold(call);
	pthread_mutex_unlock(&d->lock);
	return mem_call_start(call, true);
}

/* ---- the store ---- */

static void mem_cancel(struct store *base, store_ticket ticket)
{
	struct mem_store *s = (struct mem_store *)base;
	struct mem_call *call;

	pthread_mutex_lock(&s->d->lock);
	DL_FOREACH(s->queue, call)
		call->cancelled |= call->ticket == ticket;
	DL_FOREACH(s->waiting, call)
		call->cancelled |= call->ticket == ticket;
	pthread_cond_signal(&s->work);
	pthread_mutex_unlock(&s->d->lock);
}

static void mem_free(struct store *base)
{
	struct mem_store *s = (struct mem_store *)base;
	struct mem_drive *d = s->d;

	pthread_mutex_lock(&d->lock);
	s->stop = true;
	pthread_cond_signal(&s->work);
	pthread_mutex_unlock(&d->lock);
	pthread_join(s->thread, NULL);
	pthread_mutex_lock(&d->lock);
	assert(!s->queue && !s->waiting); /* the thread ends only when all calls are answered */
	assert(d->store_count > 0);
	mem_locks_drop(s);
	DL_DELETE(d->stores, s);
	d->store_count--;
	mem_wake_all(d);
	pthread_mutex_unlock(&d->lock);
	pthread_cond_destroy(&s->work);
	free(s->held);
	free(s);
}

static const struct store_ops mem_ops = {
	.drive = mem_drive_call,
	.lookup = mem_lookup,
	.item = mem_get_item,
	.children = mem_children,
	.extents = mem_extents,
	.xattrs = mem_xattrs,
	.block_get = mem_block_get,
	.block_put = mem_block_put,
	.batch = mem_batch,
	.ids = mem_ids,
	.poll = mem_poll,
	.lock = mem_lock,
	.lock_wait = mem_lock_wait,
	.lock_test = mem_lock_test,
	.lock_settled = mem_lock_settled,
	.cancel = mem_cancel,
	.free = mem_free,
};

int mem_store_new(struct mem_drive *d, struct store **ret)
{
	struct mem_store *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	s->base.ops = &mem_ops;
	s->d = d;
	cond_init(&s->work);
	pthread_mutex_lock(&d->lock);
	DL_APPEND(d->stores, s);
	d->store_count++;
	mem_wake_all(d);
	pthread_mutex_unlock(&d->lock);
	r = pthread_create(&s->thread, NULL, store_main, s);
	if (r != 0)
		abort();
	*ret = &s->base;
	return 0;
}
