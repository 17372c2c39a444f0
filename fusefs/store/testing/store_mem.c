#include "fusefs/store/testing/store_mem.h"

#include "fusefs/store/testing/store_mem_internal.h"

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
 * A call is a job. The store's thread takes jobs in order, does them under the drive's lock, and calls back without it.
 * What the callback is given was copied into the job: another store may change the drive meanwhile. Polls wait aside
 * until the journal goes on or their time is over.
 */

void *job_alloc(struct job *job, size_t size)
{
	struct chunk *c = calloc(1, sizeof(*c) + size);

	if (!c)
		abort();
	LL_PREPEND(job->chunks, c);
	return c->bytes;
}

static struct span keep(struct job *job, struct span s)
{
	char *copy = job_alloc(job, s.size + 1);

	if (s.size > 0)
		memcpy(copy, s.data, s.size);
	return span_of(copy, s.size);
}

static void keep_item(struct job *job, struct item *item)
{
	item->name = keep(job, item->name);
	item->target = keep(job, item->target);
	if (item->has_inline)
		item->inline_data = keep(job, item->inline_data);
}

static struct store_position position(const struct mem_drive *d)
{
	return (struct store_position){1, d->seq};
}

/* ---- the thread ---- */

static void finish(struct job *job)
{
	struct chunk *c, *next;

	job->tell(job);
	LL_FOREACH_SAFE(job->chunks, c, next)
		free(c);
	free(job);
}

static bool poll_is_over(const struct job *job, int64_t now)
{
	if (job->is_over)
		return job->cancelled || job->s->stop || now >= job->due_ns || job->is_over(job);
	return job->cancelled || job->s->stop || now >= job->due_ns || job->s->d->seq > job->since.seq ||
		job->s->d->forgotten > job->since.seq ||
		(job->s->counted && job->s->d->store_count != 1 + job->s->others);
}

/* One that can be done now, off its list; or NULL and when to look again. */
static struct job *take(struct mem_store *s, int64_t *ret_due)
{
	int64_t now = clock_mono_ns();
	struct job *job;

	*ret_due = INT64_MAX;
	DL_FOREACH(s->polls, job) {
		if (poll_is_over(job, now)) {
			DL_DELETE(s->polls, job);
			return job;
		}
		if (job->due_ns < *ret_due)
			*ret_due = job->due_ns;
	}
	job = s->queue;
	if (job)
		DL_DELETE(s->queue, job);
	return job;
}

static void *store_main(void *cookie)
{
	struct mem_store *s = cookie;
	struct mem_drive *d = s->d;

	pthread_mutex_lock(&d->lock);
	for (;;) {
		int64_t due;
		struct job *job = take(s, &due);

		if (job) {
			if (job->cancelled || s->stop)
				job->error = -EINTR;
			else
				job->run(job);
			pthread_mutex_unlock(&d->lock);
			finish(job);
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

struct job *job_new(struct store *base, void (*run)(struct job *job), void (*tell)(struct job *job), void *cookie)
{
	struct job *job = calloc(1, sizeof(*job));

	if (!job)
		abort();
	job->s = (struct mem_store *)base;
	job->run = run;
	job->tell = tell;
	job->cookie = cookie;
	return job;
}

store_ticket job_start(struct job *job, bool waits)
{
	struct mem_store *s = job->s;
	store_ticket ticket;

	pthread_mutex_lock(&s->d->lock);
	ticket = job->ticket = ++s->tickets;
	if (waits)
		DL_APPEND(s->polls, job);
	else
		DL_APPEND(s->queue, job);
	pthread_cond_signal(&s->work);
	pthread_mutex_unlock(&s->d->lock);
	return ticket;
}

/* ---- reads ---- */

static void run_drive(struct job *job)
{
	struct mem_drive *d = job->s->d;

	job->drive = (struct store_drive){
		.root = ITEM_ROOT(d->number), .quota = d->quota, .used = mem_used(d), .at = position(d)};
	job->drive.free = d->quota > 0 ? d->quota - job->drive.used : 1ll << 40;
}

static void tell_drive(struct job *job)
{
	job->done.drive(job->cookie, job->error, job->error < 0 ? NULL : &job->drive);
}

static store_ticket mem_drive_call(
	struct store *base, void (*done)(void *cookie, int error, const struct store_drive *drive), void *cookie)
{
	struct job *job = job_new(base, run_drive, tell_drive, cookie);

	job->done.drive = done;
	return job_start(job, false);
}

static void run_lookup(struct job *job)
{
	struct mem_drive *d = job->s->d;
	struct mem_name *name = mem_name_find(d, job->id, job->name);
	struct mem_doc *folder = mem_doc_find(d, job->id);

	d->counts.lookups++;
	job->at = position(d); /* of "no such name", too */
	job->error = !folder ? -ENOENT : !S_ISDIR(folder->mode) ? -ENOTDIR : !name ? -ENOENT : 0;
	if (job->error < 0)
		return;
	mem_item(mem_doc_find(d, name->child), name, &job->item);
	keep_item(job, &job->item);
}

static void tell_item(struct job *job)
{
	job->done.item(job->cookie, job->error, job->error < 0 ? NULL : &job->item, job->at);
}

static void run_item(struct job *job)
{
	struct mem_drive *d = job->s->d;
	struct mem_doc *doc = mem_doc_find(d, job->id);

	d->counts.items++;
	if (!doc) {
		job->error = -ENOENT;
		return;
	}
	mem_item(doc, mem_any_name(d, doc->id), &job->item);
	job->at = position(d);
	keep_item(job, &job->item);
}

static store_ticket mem_lookup(struct store *base, int64_t parent, struct span name,
	void (*done)(void *cookie, int error, const struct item *item, struct store_position at), void *cookie)
{
	struct job *job = job_new(base, run_lookup, tell_item, cookie);

	job->id = parent;
	job->name = keep(job, name);
	job->done.item = done;
	return job_start(job, false);
}

static store_ticket mem_get_item(struct store *base, int64_t id,
	void (*done)(void *cookie, int error, const struct item *item, struct store_position at), void *cookie)
{
	struct job *job = job_new(base, run_item, tell_item, cookie);

	job->id = id;
	job->done.item = done;
	return job_start(job, false);
}

static int by_name(const void *a, const void *b)
{
	const struct span x = ((const struct item *)a)->name, y = ((const struct item *)b)->name;
	int order = memcmp(x.data, y.data, x.size < y.size ? x.size : y.size);

	return order ? order : x.size < y.size ? -1 : x.size > y.size;
}

static void run_children(struct job *job)
{
	struct mem_drive *d = job->s->d;
	struct mem_doc *folder = mem_doc_find(d, job->id);
	struct item after = {.name = job->name};
	struct mem_name *n, *next;
	size_t count = 0;

	d->counts.children++;
	job->error = !folder ? -ENOENT : !S_ISDIR(folder->mode) ? -ENOTDIR : 0;
	if (job->error < 0)
		return;
	job->items = job_alloc(job, (HASH_COUNT(d->tree.names) + 1) * sizeof(struct item));
	HASH_ITER(hh, d->tree.names, n, next) {
		struct item item;

		if (n->key.parent != job->id)
			continue;
		mem_item(mem_doc_find(d, n->child), n, &item);
		if (job->name.size == 0 || by_name(&after, &item) < 0)
			job->items[count++] = item;
	}
	qsort(job->items, count, sizeof(struct item), by_name);
	job->page = (struct store_page){.items = job->items, .count = count, .at = position(d)};
	if (count > job->limit) {
		job->page.count = job->limit;
		job->page.more = true;
	}
	for (size_t i = 0; i < job->page.count; i++) {
		job->items[i].has_inline &= job->with_inline;
		keep_item(job, &job->items[i]);
	}
}

static void tell_children(struct job *job)
{
	job->done.page(job->cookie, job->error, job->error < 0 ? NULL : &job->page);
}

/* budget: the seam's signature */
static store_ticket mem_children(struct store *base, int64_t folder, struct span after, uint32_t limit,
	bool with_inline, void (*done)(void *cookie, int error, const struct store_page *page), void *cookie)
{
	struct job *job = job_new(base, run_children, tell_children, cookie);

	job->id = folder;
	job->name = keep(job, after);
	job->limit = limit;
	job->with_inline = with_inline;
	job->done.page = done;
	return job_start(job, false);
}

static void give_extent(struct job *job, const struct mem_piece *p, struct extent *ret)
{
	struct mem_block *b;

	*ret = (struct extent){.at = p->at, .len = p->len, .kind = p->kind};
	if (p->kind == EXTENT_INLINE) {
		ret->data = keep(job, span_of(p->data, (size_t)p->len));
		return;
	}
	HASH_FIND(hh, job->s->d->blocks, p->sha256, sizeof(p->sha256), b);
	memcpy(ret->sha256, p->sha256, sizeof(ret->sha256));
	ret->generation = 1;
	ret->from = p->from;
	assert(b); /* a piece refers to a block that is there */
	ret->block_size = b->size;
	ret->cap = SPAN_LITERAL("9999999999.1.00");
}

static void run_extents(struct job *job)
{
	struct mem_drive *d = job->s->d;
	struct mem_doc *doc = mem_doc_find(d, job->id);
	struct extent *list;
	struct mem_piece *p;
	size_t count = 0;

	d->counts.extents++;
	if (!doc) {
		job->error = -ENOENT;
		return;
	}
	DL_COUNT(doc->pieces, p, count);
	list = job_alloc(job, (count + 1) * sizeof(*list));
	count = 0;
	DL_FOREACH(doc->pieces, p)
		if (p->kind != EXTENT_RESERVED && p->at + p->len > job->from && p->at - job->from < job->len)
			give_extent(job, p, &list[count++]);
	job->extents = (struct store_extents){
		.extents = list, .count = count, .size = doc->size, .content_seq = doc->content_seq, .at = position(d)};
}

static void tell_extents(struct job *job)
{
	job->done.extents(job->cookie, job->error, job->error < 0 ? NULL : &job->extents);
}

/* budget: the seam's signature */
static store_ticket mem_extents(struct store *base, int64_t id, int64_t from, int64_t len,
	void (*done)(void *cookie, int error, const struct store_extents *extents), void *cookie)
{
	struct job *job = job_new(base, run_extents, tell_extents, cookie);

	job->id = id;
	job->from = from;
	job->len = len;
	job->done.extents = done;
	return job_start(job, false);
}

static void run_xattrs(struct job *job)
{
	struct mem_doc *doc = mem_doc_find(job->s->d, job->id);
	struct mem_xattr *x;
	size_t count = 0;

	job->s->d->counts.xattrs++;
	if (!doc) {
		job->error = -ENOENT;
		return;
	}
	LL_COUNT(doc->xattrs, x, count);
	job->xattrs = job_alloc(job, (count + 1) * sizeof(*x));
	LL_FOREACH(doc->xattrs, x) {
		struct mem_xattr *copy = &job->xattrs[job->xattr_count++];

		*copy = *x;
		copy->name = (char *)keep(job, span_of(x->name, x->name_size)).data;
		copy->value = (char *)keep(job, span_of(x->value, x->value_size)).data;
	}
}

static void tell_xattrs(struct job *job)
{
	for (size_t i = 0; i < job->xattr_count && job->error == 0; i++)
		job->error = job->each(job->cookie, span_of(job->xattrs[i].name, job->xattrs[i].name_size),
			span_of(job->xattrs[i].value, job->xattrs[i].value_size));
	job->done.xattrs(job->cookie, job->error);
}

static store_ticket mem_xattrs(struct store *base, int64_t id,
	int (*each)(void *cookie, struct span name, struct span value), void (*done)(void *cookie, int error),
	void *cookie)
{
	struct job *job = job_new(base, run_xattrs, tell_xattrs, cookie);

	job->id = id;
	job->each = each;
	job->done.xattrs = done;
	return job_start(job, false);
}

/* ---- blocks ---- */

static void run_get(struct job *job)
{
	struct mem_block *b;

	job->s->d->counts.block_gets++;
	HASH_FIND(hh, job->s->d->blocks, job->sha256, sizeof(job->sha256), b);
	if (!b) {
		job->error = -ENOENT;
	} else if (job->part.len > b->size || job->part.from > b->size - job->part.len) {
		job->error = -EBADMSG;
	} else {
		memcpy(job->part.into, b->data + job->part.from, job->part.len);
		job->s->d->counts.block_bytes += job->part.len;
	}
}

static void tell_get(struct job *job)
{
	job->done.get(job->cookie, job->error);
}

static store_ticket mem_block_get(struct store *base, const struct extent *extent, struct store_part part,
	void (*done)(void *cookie, int error), void *cookie)
{
	struct job *job = job_new(base, run_get, tell_get, cookie);

	memcpy(job->sha256, extent->sha256, sizeof(job->sha256));
	job->part = part;
	job->done.get = done;
	return job_start(job, false);
}

static void run_put(struct job *job)
{
	struct mem_drive *d = job->s->d;
	uint8_t digest[32];
	struct mem_block *b;

	d->counts.block_puts++;
	if (sha256_of(job->data, digest) < 0 || memcmp(digest, job->sha256, sizeof(digest)) != 0) {
		job->error = -ERR_BAD_DIGEST;
		return;
	}
	HASH_FIND(hh, d->blocks, digest, sizeof(digest), b);
	if (b)
		return;
	b = calloc(1, sizeof(*b));
	if (!b)
		abort();
	memcpy(b->sha256, digest, sizeof(digest));
	b->size = (uint32_t)job->data.size;
	b->data = malloc(job->data.size + 1);
	if (!b->data)
		abort();
	memcpy(b->data, job->data.data, job->data.size);
	HASH_ADD(hh, d->blocks, sha256, sizeof(b->sha256), b);
}

static void tell_put(struct job *job)
{
	job->done.put(job->cookie, job->error);
}

static store_ticket mem_block_put(struct store *base, const uint8_t sha256[32], struct span data,
	void (*done)(void *cookie, int error), void *cookie)
{
	struct job *job = job_new(base, run_put, tell_put, cookie);

	memcpy(job->sha256, sha256, sizeof(job->sha256));
	job->data = data;
	job->done.put = done;
	return job_start(job, false);
}

/* ---- changes ---- */

static void keep_result(struct job *job, struct op_result *r)
{
	if (r->has_item)
		keep_item(job, &r->item);
	for (size_t i = 0; i < r->dir_count; i++)
		keep_item(job, &r->dirs[i]);
}

static void run_batch(struct job *job)
{
	struct mem_drive *d = job->s->d;
	struct op_result *results = job_alloc(job, job->op_count * sizeof(*results));
	struct mem_tree before = {NULL, NULL}, *after = &d->tree;
	int64_t seq = d->seq, used = mem_used(d);
	uint32_t next_number = d->next_number;

	d->counts.batches++;
	d->counts.ops += job->op_count;
	mem_tree_copy(&d->tree, &before);
	job->reply.index = -1;
	for (size_t i = 0; i < job->op_count && job->error == 0; i++) {
		job->error = mem_lock_refuses(job->s, &job->ops[i]) ? -ESTALE : 0;
		if (job->error == 0)
			job->error = mem_op_apply(d, &job->ops[i], job->s, &results[i]);
		if (job->error == 0 && d->quota > 0 && mem_used(d) > d->quota && mem_used(d) > used)
			job->error = -EDQUOT;
		if (job->error < 0)
			job->reply.index = (int)i;
		else
			keep_result(job, &results[i]);
	}
	if (job->error < 0) {
		mem_tree_fini(after);
		d->tree = before;
		d->seq = seq;
		d->next_number = next_number;
	} else {
		assert(d->seq == seq + (int64_t)job->op_count); /* each op is one entry of the journal */
		mem_tree_fini(&before);
		job->reply.results = results;
		job->reply.count = job->op_count;
		mem_wake_all(d);
	}
	job->reply.at = position(d);
	job->reply.used = mem_used(d);
	job->reply.quota = d->quota;
}

static void tell_batch(struct job *job)
{
	job->done.batch(job->cookie, job->error, job->error == -EINTR ? NULL : &job->reply);
}

static store_ticket mem_batch(struct store *base, const struct op *ops, size_t count,
	void (*done)(void *cookie, int error, const struct store_batch_reply *reply), void *cookie)
{
	struct job *job = job_new(base, run_batch, tell_batch, cookie);

	job->ops = ops;
	job->op_count = count;
	job->done.batch = done;
	return job_start(job, false);
}

static void run_ids(struct job *job)
{
	struct mem_drive *d = job->s->d;

	d->counts.ids++;
	job->first = ITEM_ID(d->number, d->next_number);
	d->next_number += job->limit;
}

static void tell_ids(struct job *job)
{
	job->done.ids(job->cookie, job->error, job->first);
}

static store_ticket mem_ids(
	struct store *base, uint32_t count, void (*done)(void *cookie, int error, int64_t first), void *cookie)
{
	struct job *job = job_new(base, run_ids, tell_ids, cookie);

	job->limit = count;
	job->done.ids = done;
	return job_start(job, false);
}

/* ---- the journal ---- */

static void hold(struct job *job)
{
	struct mem_store *s = job->s;

	free(s->held);
	s->held = malloc((job->held_count + 1) * sizeof(*s->held));
	if (!s->held)
		abort();
	if (job->held_count > 0)
		memcpy(s->held, job->held, job->held_count * sizeof(*s->held));
	s->held_count = job->held_count;
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

static void run_poll(struct job *job)
{
	struct mem_drive *d = job->s->d;
	size_t count = (size_t)(d->seq - job->since.seq);
	struct store_change *list;

	job->changes.last = position(d);
	job->changes.counted = job->s->counted = true;
	job->changes.others = job->s->others = d->store_count - 1;
	job->changes.lock_life = job->s->lock_life;
	job->changes.reset = job->since.seq < d->forgotten || job->since.seq > d->seq || job->since.incarnation != 1;
	if (job->changes.reset)
		return;
	if (count > CHANGES_PAGE_MAX)
		count = CHANGES_PAGE_MAX;
	list = job_alloc(job, (count + 1) * sizeof(*list));
	for (size_t i = 0; i < count; i++) {
		const struct mem_change *c = &d->journal[(size_t)job->since.seq + i];

		list[i] = c->change;
		list[i].name = keep(job, span_of(c->name, c->change.name.size));
		list[i].old_name = keep(job, span_of(c->old_name, c->change.old_name.size));
		list[i].own = c->author == job->s;
	}
	job->changes.list = list;
	job->changes.count = count;
	job->changes.more = job->changes.last.seq > job->since.seq + (int64_t)count;
	job->changes.last.seq = job->since.seq + (int64_t)count;
}

static void tell_poll(struct job *job)
{
	job->done.poll(job->cookie, job->error, job->error < 0 ? NULL : &job->changes);
}

/* budget: the seam's signature */
static store_ticket mem_poll(struct store *base, struct store_position since, unsigned wait_s, const int64_t *held,
	size_t held_count, void (*done)(void *cookie, int error, const struct store_changes *changes), void *cookie)
{
	struct job *job = job_new(base, run_poll, tell_poll, cookie);
	struct mem_drive *d = job->s->d;

	job->since = since;
	job->due_ns = clock_mono_ns() + wait_s * NS_PER_S;
	job->held = held;
	job->held_count = held_count;
	job->done.poll = done;
	pthread_mutex_lock(&d->lock);
	d->counts.polls++;
	hold(job);
	pthread_mutex_unlock(&d->lock);
	return job_start(job, true);
}

/* ---- the store ---- */

static void mem_cancel(struct store *base, store_ticket ticket)
{
	struct mem_store *s = (struct mem_store *)base;
	struct job *job;

	pthread_mutex_lock(&s->d->lock);
	DL_FOREACH(s->queue, job)
		job->cancelled |= job->ticket == ticket;
	DL_FOREACH(s->polls, job)
		job->cancelled |= job->ticket == ticket;
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
	assert(!s->queue && !s->polls); /* the thread ends when it has told all of them */
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

int store_mem_new(struct mem_drive *d, struct store **ret)
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
