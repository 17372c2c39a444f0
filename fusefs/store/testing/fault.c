#include "fusefs/store/testing/fault.h"

#include "common/base/clock.h"
#include "common/base/cond.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <utlist.h>

/*
 * A call is kept with its arguments (to call the inner store later), and passed on at once, later, or never. A
 * thread of the fault store reports failures, as no callback may run inside a call.
 */

struct fault {
	struct store base; /* must be the first field */
	struct store *inner;
	pthread_mutex_t lock;
	pthread_cond_t work, held_more;
	pthread_t thread;
	bool stop;
	struct fault_rule rules[FAULT_RULES_MAX];
	unsigned seen[FAULT_RULES_MAX]; /* calls of a rule's kind since it was added */
	size_t rule_count;
	uint64_t counts[FAULT_CALLS];
	store_ticket tickets;
	struct pending *held;	 /* until released, or cancelled */
	struct pending *failing; /* failures that the thread has to report */
	struct pending *passed;	 /* calls that the inner store has */
};

struct pending {
	struct pending *prev, *next;
	struct fault *f;
	store_ticket ticket, inner;
	enum fault_call call;
	bool lose, refuse;
	int error, index;
	void *cookie;
	/* arguments of the call */
	int64_t id, from, len;
	char name[NAME_BYTES_MAX + 1];
	size_t name_size;
	uint32_t number;
	bool flag;
	struct extent extent;
	struct store_part part;
	char cap[128];
	uint8_t sha256[32];
	struct span data;
	const struct op *ops;
	size_t count;
	struct store_position since;
	const int64_t *held_ids;
	struct store_lock lock;
	struct store_lock_range range; /* for lock.queue */
	int (*each)(void *cookie, struct span name, struct span value);
	union {
		void (*drive)(void *cookie, int error, const struct store_drive *drive);
		void (*item)(void *cookie, int error, const struct item *item, struct store_position at);
		void (*page)(void *cookie, int error, const struct store_page *page);
		void (*extents)(void *cookie, int error, const struct store_extents *extents);
		void (*xattrs)(void *cookie, int error);
		void (*get)(void *cookie, int error);
		void (*put)(void *cookie, int error);
		void (*batch)(void *cookie, int error, const struct store_batch_reply *reply);
		void (*ids)(void *cookie, int error, int64_t first);
		void (*poll)(void *cookie, int error, const struct store_changes *changes);
		void (*lock)(void *cookie, int error, const struct store_lock_reply *reply);
		void (*lock_wait)(void *cookie, int error);
		void (*lock_test)(void *cookie, int error, const struct store_lock_range *other);
	} done;
};

/* ---- callbacks ---- */

static void tell_failure(struct pending *p)
{
	const struct store_batch_reply refusal = {.index = p->index, .used = -1, .quota = -1};
	const struct store_lock_reply reply = {.life = p->lock.life};

	switch (p->call) {
	case FAULT_DRIVE:
		p->done.drive(p->cookie, p->error, NULL);
		break;
	case FAULT_LOOKUP:
	case FAULT_ITEM:
		p->done.item(p->cookie, p->error, NULL, (struct store_position){0, 0});
		break;
	case FAULT_CHILDREN:
		p->done.page(p->cookie, p->error, NULL);
		break;
	case FAULT_EXTENTS:
		p->done.extents(p->cookie, p->error, NULL);
		break;
	case FAULT_XATTRS:
		p->done.xattrs(p->cookie, p->error);
		break;
	case FAULT_BLOCK_GET:
		p->done.get(p->cookie, p->error);
		break;
	case FAULT_BLOCK_PUT:
		p->done.put(p->cookie, p->error);
		break;
	case FAULT_BATCH:
		p->done.batch(p->cookie, p->error, p->refuse ? &refusal : NULL);
		break;
	case FAULT_IDS:
		p->done.ids(p->cookie, p->error, 0);
		break;
	case FAULT_POLL:
		p->done.poll(p->cookie, p->error, NULL);
		break;
	case FAULT_LOCK:
		p->done.lock(p->cookie, p->error, &reply);
		break;
	case FAULT_LOCK_WAIT:
		p->done.lock_wait(p->cookie, p->error);
		break;
	case FAULT_LOCK_TEST:
		p->done.lock_test(p->cookie, p->error, NULL);
		break;
	case FAULT_CALLS:
		break;
	}
	free(p);
}

static void *fault_main(void *cookie)
{
	struct fault *f = cookie;

	pthread_mutex_lock(&f->lock);
	for (;;) {
		struct pending *p = f->failing;

		if (p) {
			DL_DELETE(f->failing, p);
			pthread_mutex_unlock(&f->lock);
			tell_failure(p);
			pthread_mutex_lock(&f->lock);
		} else if (f->stop) {
			break;
		} else {
			pthread_cond_wait(&f->work, &f->lock);
		}
	}
	pthread_mutex_unlock(&f->lock);
	return NULL;
}

/* The caller holds f->lock. */
static void fail(struct pending *p, int error)
{
	assert(error < 0);
	if (!p->refuse && error != -EINTR)
		atomic_store(&p->f->base.missed_ns, clock_mono_ns());
	p->error = error;
	DL_APPEND(p->f->failing, p);
	pthread_cond_signal(&p->f->work);
}

/* ---- answers of the inner store ---- */

/* True: the answer counts as lost: the failure was reported, and p is freed. */
static bool came_back(struct pending *p)
{
	struct fault *f = p->f;
	bool lose = p->lose;

	pthread_mutex_lock(&f->lock);
	assert(f->passed); /* the inner store answers only calls that were passed to it */
	DL_DELETE(f->passed, p);
	pthread_mutex_unlock(&f->lock);
	atomic_store(lose ? &f->base.missed_ns : &f->base.heard_ns, clock_mono_ns());
	if (lose)
		tell_failure(p);
	return lose;
}

/* One for each type of callback. */
#define ANSWER(name, member, types, ...)                \
	static void name types                          \
	{                                               \
		struct pending *p = cookie;             \
                                                        \
		if (came_back(p))                       \
			return;                         \
		p->done.member(p->cookie, __VA_ARGS__); \
		free(p);                                \
	}

ANSWER(on_drive, drive, (void *cookie, int error, const struct store_drive *drive), error, drive)
ANSWER(on_item, item, (void *cookie, int error, const struct item *item, struct store_position at), error, item, at)
ANSWER(on_page, page, (void *cookie, int error, const struct store_page *page), error, page)
ANSWER(on_extents, extents, (void *cookie, int error, const struct store_extents *extents), error, extents)
ANSWER(on_xattrs, xattrs, (void *cookie, int error), error)
ANSWER(on_get, get, (void *cookie, int error), error)
ANSWER(on_put, put, (void *cookie, int error), error)
ANSWER(on_batch, batch, (void *cookie, int error, const struct store_batch_reply *reply), error, reply)
ANSWER(on_ids, ids, (void *cookie, int error, int64_t first), error, first)
ANSWER(on_lock, lock, (void *cookie, int error, const struct store_lock_reply *reply), error, reply)
ANSWER(on_lock_wait, lock_wait, (void *cookie, int error), error)
ANSWER(on_lock_test, lock_test, (void *cookie, int error, const struct store_lock_range *other), error, other)
ANSWER(on_poll, poll, (void *cookie, int error, const struct store_changes *changes), error, changes)

static int on_each(void *cookie, struct span name, struct span value)
{
	struct pending *p = cookie;

	return p->lose ? 0 : p->each(p->cookie, name, value);
}

static store_ticket ask_inner(struct pending *p)
{
	struct store *in = p->f->inner;

	switch (p->call) {
	case FAULT_DRIVE:
		return in->ops->drive(in, on_drive, p);
	case FAULT_LOOKUP:
		return in->ops->lookup(in, p->id, span_of(p->name, p->name_size), on_item, p);
	case FAULT_ITEM:
		return in->ops->item(in, p->id, on_item, p);
	case FAULT_CHILDREN:
		return in->ops->children(in, p->id, span_of(p->name, p->name_size), p->number, p->flag, on_page, p);
	case FAULT_EXTENTS:
		return in->ops->extents(in, p->id, p->from, p->len, on_extents, p);
	case FAULT_XATTRS:
		return in->ops->xattrs(in, p->id, on_each, on_xattrs, p);
	case FAULT_BLOCK_GET:
		return in->ops->block_get(in, &p->extent, p->part, on_get, p);
	case FAULT_BLOCK_PUT:
		return in->ops->block_put(in, p->sha256, p->data, on_put, p);
	case FAULT_BATCH:
		return in->ops->batch(in, p->ops, p->count, on_batch, p);
	case FAULT_IDS:
		return in->ops->ids(in, p->number, on_ids, p);
	case FAULT_POLL:
		return in->ops->poll(in, p->since, p->number, p->held_ids, p->count, on_poll, p);
	case FAULT_LOCK:
		return in->ops->lock(in, &p->lock, on_lock, p);
	case FAULT_LOCK_WAIT:
		return in->ops->lock_wait(in, &p->lock, p->number, on_lock_wait, p);
	case FAULT_LOCK_TEST:
		return in->ops->lock_test(in, &p->lock, on_lock_test, p);
	case FAULT_CALLS:
		break;
	}
	return 0;
}

/* The caller holds f->lock, also during the call: the inner store never calls back from inside a call. */
static void pass(struct pending *p)
{
	DL_APPEND(p->f->passed, p);
	p->inner = ask_inner(p);
}

/* ---- rules ---- */

static const struct fault_rule *match(struct fault *f, enum fault_call call)
{
	const struct fault_rule *found = NULL;

	for (size_t i = 0; i < f->rule_count; i++) {
		const struct fault_rule *r = &f->rules[i];
		unsigned times = r->times ? r->times : r->nth ? 1 : 0;

		if (r->call != call)
			continue;
		f->seen[i]++;
		if (found || f->seen[i] < r->nth || (times > 0 && f->seen[i] >= (r->nth ? r->nth : 1) + times))
			continue;
		found = r;
	}
	return found;
}

static struct pending *pending_new(struct store *base, enum fault_call call, void *cookie)
{
	struct pending *p = calloc(1, sizeof(*p));

	if (!p)
		abort();
	p->f = (struct fault *)base;
	p->call = call;
	p->cookie = cookie;
	return p;
}

static store_ticket start(struct pending *p)
{
	struct fault *f = p->f;
	const struct fault_rule *rule;
	store_ticket ticket;

	pthread_mutex_lock(&f->lock);
	ticket = p->ticket = ++f->tickets;
	f->counts[p->call]++;
	rule = match(f, p->call);
	if (!rule) {
		pass(p);
	} else if (rule->kind == FAULT_HOLD) {
		if (rule->reorder)
			DL_PREPEND(f->held, p);
		else
			DL_APPEND(f->held, p);
		pthread_cond_broadcast(&f->held_more);
	} else if (rule->kind == FAULT_LOSE) {
		p->lose = true;
		p->error = rule->error;
		pass(p);
	} else {
		p->refuse = rule->kind == FAULT_REFUSE;
		p->index = rule->index;
		fail(p, rule->error);
	}
	pthread_mutex_unlock(&f->lock);
	return ticket;
}

/* ---- the calls ---- */

static store_ticket fault_drive(
	struct store *s, void (*done)(void *cookie, int error, const struct store_drive *drive), void *cookie)
{
	struct pending *p = pending_new(s, FAULT_DRIVE, cookie);

	p->done.drive = done;
	return start(p);
}

static void set_name(struct pending *p, struct span name)
{
	p->name_size = name.size < sizeof(p->name) ? name.size : sizeof(p->name);
	if (p->name_size > 0)
		memcpy(p->name, name.data, p->name_size);
}

static store_ticket fault_lookup(struct store *s, int64_t parent, struct span name,
	void (*done)(void *cookie, int error, const struct item *item, struct store_position at), void *cookie)
{
	struct pending *p = pending_new(s, FAULT_LOOKUP, cookie);

	p->id = parent;
	set_name(p, name);
	p->done.item = done;
	return start(p);
}

static store_ticket fault_item(struct store *s, int64_t id,
	void (*done)(void *cookie, int error, const struct item *item, struct store_position at), void *cookie)
{
	struct pending *p = pending_new(s, FAULT_ITEM, cookie);

	p->id = id;
	p->done.item = done;
	return start(p);
}

/* budget: the seam's signature */
static store_ticket fault_children(struct store *s, int64_t folder, struct span after, uint32_t limit, bool with_inline,
	void (*done)(void *cookie, int error, const struct store_page *page), void *cookie)
{
	struct pending *p = pending_new(s, FAULT_CHILDREN, cookie);

	p->id = folder;
	set_name(p, after);
	p->number = limit;
	p->flag = with_inline;
	p->done.page = done;
	return start(p);
}

/* budget: the seam's signature */
static store_ticket fault_extents(struct store *s, int64_t id, int64_t from, int64_t len,
	void (*done)(void *cookie, int error, const struct store_extents *extents), void *cookie)
{
	struct pending *p = pending_new(s, FAULT_EXTENTS, cookie);

	p->id = id;
	p->from = from;
	p->len = len;
	p->done.extents = done;
	return start(p);
}

static store_ticket fault_xattrs(struct store *s, int64_t id,
	int (*each)(void *cookie, struct span name, struct span value), void (*done)(void *cookie, int error),
	void *cookie)
{
	struct pending *p = pending_new(s, FAULT_XATTRS, cookie);

	p->id = id;
	p->each = each;
	p->done.xattrs = done;
	return start(p);
}

static store_ticket fault_block_get(struct store *s, const struct extent *extent, struct store_part part,
	void (*done)(void *cookie, int error), void *cookie)
{
	struct pending *p = pending_new(s, FAULT_BLOCK_GET, cookie);

	p->extent = *extent;
	p->part = part;
	p->extent.cap.size = extent->cap.size < sizeof(p->cap) ? extent->cap.size : sizeof(p->cap);
	if (p->extent.cap.size > 0)
		memcpy(p->cap, extent->cap.data, p->extent.cap.size);
	p->extent.cap.data = p->cap;
	p->done.get = done;
	return start(p);
}

static store_ticket fault_block_put(struct store *s, const uint8_t sha256[32], struct span data,
	void (*done)(void *cookie, int error), void *cookie)
{
	struct pending *p = pending_new(s, FAULT_BLOCK_PUT, cookie);

	memcpy(p->sha256, sha256, sizeof(p->sha256));
	p->data = data;
	p->done.put = done;
	return start(p);
}

static store_ticket fault_batch(struct store *s, const struct op *ops, size_t count,
	void (*done)(void *cookie, int error, const struct store_batch_reply *reply), void *cookie)
{
	struct pending *p = pending_new(s, FAULT_BATCH, cookie);

	p->ops = ops;
	p->count = count;
	p->done.batch = done;
	return start(p);
}

static store_ticket fault_ids(
	struct store *s, uint32_t count, void (*done)(void *cookie, int error, int64_t first), void *cookie)
{
	struct pending *p = pending_new(s, FAULT_IDS, cookie);

	p->number = count;
	p->done.ids = done;
	return start(p);
}

/* budget: the seam's signature */
static store_ticket fault_poll(struct store *s, struct store_position since, unsigned wait_s, const int64_t *held,
	size_t held_count, void (*done)(void *cookie, int error, const struct store_changes *changes), void *cookie)
{
	struct pending *p = pending_new(s, FAULT_POLL, cookie);

	p->since = since;
	p->number = wait_s;
	p->held_ids = held;
	p->count = held_count;
	p->done.poll = done;
	return start(p);
}

static void fault_cancel(struct store *s, store_ticket ticket)
{
	struct fault *f = (struct fault *)s;
	struct pending *p, *next;

	pthread_mutex_lock(&f->lock);
	DL_FOREACH_SAFE(f->held, p, next) {
		if (p->ticket != ticket)
			continue;
		DL_DELETE(f->held, p);
		fail(p, -EINTR);
	}
	DL_FOREACH(f->passed, p)
		if (p->ticket == ticket)
			f->inner->ops->cancel(f->inner, p->inner);
	pthread_mutex_unlock(&f->lock);
}

static void fault_free(struct store *s)
{
	struct fault *f = (struct fault *)s;
	struct pending *p, *next;

	pthread_mutex_lock(&f->lock);
	DL_FOREACH_SAFE(f->held, p, next) {
		DL_DELETE(f->held, p);
		fail(p, -EINTR);
	}
	pthread_mutex_unlock(&f->lock);
	f->inner->ops->free(f->inner);
	pthread_mutex_lock(&f->lock);
	f->stop = true;
	pthread_cond_signal(&f->work);
	pthread_mutex_unlock(&f->lock);
	pthread_join(f->thread, NULL);
	assert(!f->held && !f->failing && !f->passed); /* each call was answered */
	pthread_cond_destroy(&f->work);
	pthread_cond_destroy(&f->held_more);
	pthread_mutex_destroy(&f->lock);
	free(f);
}

static struct pending *lock_pending_new(
	struct store *s, enum fault_call call, const struct store_lock *lock, void *cookie)
{
	struct pending *p = pending_new(s, call, cookie);

	p->lock = *lock;
	if (lock->queue)
		p->range = *lock->queue;
	p->lock.queue = lock->queue ? &p->range : NULL;
	return p;
}

static store_ticket fault_lock(struct store *s, const struct store_lock *lock,
	void (*done)(void *cookie, int error, const struct store_lock_reply *reply), void *cookie)
{
	struct pending *p = lock_pending_new(s, FAULT_LOCK, lock, cookie);

	p->done.lock = done;
	return start(p);
}

static store_ticket fault_lock_wait(struct store *s, const struct store_lock *lock, unsigned wait_s,
	void (*done)(void *cookie, int error), void *cookie)
{
	struct pending *p = lock_pending_new(s, FAULT_LOCK_WAIT, lock, cookie);

	p->number = wait_s;
	p->done.lock_wait = done;
	return start(p);
}

static store_ticket fault_lock_test(struct store *s, const struct store_lock *lock,
	void (*done)(void *cookie, int error, const struct store_lock_range *other), void *cookie)
{
	struct pending *p = lock_pending_new(s, FAULT_LOCK_TEST, lock, cookie);

	p->done.lock_test = done;
	return start(p);
}

static void fault_lock_settled(struct store *s, int64_t id)
{
	struct fault *f = (struct fault *)s;

	f->inner->ops->lock_settled(f->inner, id);
}

static const struct store_ops fault_ops = {
	.drive = fault_drive,
	.lookup = fault_lookup,
	.item = fault_item,
	.children = fault_children,
	.extents = fault_extents,
	.xattrs = fault_xattrs,
	.block_get = fault_block_get,
	.block_put = fault_block_put,
	.batch = fault_batch,
	.ids = fault_ids,
	.poll = fault_poll,
	.lock = fault_lock,
	.lock_wait = fault_lock_wait,
	.lock_test = fault_lock_test,
	.lock_settled = fault_lock_settled,
	.cancel = fault_cancel,
	.free = fault_free,
};

int fault_new(struct store *inner_take, struct store **ret)
{
	struct fault *f = calloc(1, sizeof(*f));

	if (!f)
		abort();
	f->base.ops = &fault_ops;
	f->inner = inner_take;
	pthread_mutex_init(&f->lock, NULL);
	cond_init(&f->work);
	cond_init(&f->held_more);
	if (pthread_create(&f->thread, NULL, fault_main, f) != 0)
		abort();
	*ret = &f->base;
	return 0;
}

void fault_add(struct store *s, const struct fault_rule *rule)
{
	struct fault *f = (struct fault *)s;

	assert(rule->kind == FAULT_HOLD || rule->error < 0);
	pthread_mutex_lock(&f->lock);
	assert(f->rule_count < FAULT_RULES_MAX);
	f->seen[f->rule_count] = 0;
	f->rules[f->rule_count++] = *rule;
	pthread_mutex_unlock(&f->lock);
}

void fault_clear(struct store *s)
{
	struct fault *f = (struct fault *)s;

	pthread_mutex_lock(&f->lock);
	f->rule_count = 0;
	pthread_mutex_unlock(&f->lock);
}

/* error 0: the calls go on to the store. */
static size_t end_held(struct store *s, enum fault_call call, int error)
{
	struct fault *f = (struct fault *)s;
	struct pending *p, *next;
	size_t count = 0;

	pthread_mutex_lock(&f->lock);
	DL_FOREACH_SAFE(f->held, p, next) {
		if (p->call != call)
			continue;
		DL_DELETE(f->held, p);
		if (error < 0)
			fail(p, error);
		else
			pass(p);
		count++;
	}
	pthread_mutex_unlock(&f->lock);
	return count;
}

size_t fault_release(struct store *s, enum fault_call call)
{
	return end_held(s, call, 0);
}

size_t fault_cancel_held(struct store *s, enum fault_call call, int error)
{
	assert(error < 0);
	return end_held(s, call, error);
}

static size_t held_of(struct fault *f, enum fault_call call)
{
	struct pending *p;
	size_t count = 0;

	DL_FOREACH(f->held, p)
		count += p->call == call;
	return count;
}

int fault_wait_held(struct store *s, enum fault_call call, size_t count, unsigned deadline_ms)
{
	struct fault *f = (struct fault *)s;
	int64_t until_ns = clock_mono_ns() + deadline_ms * NS_PER_MS;
	int r = 0;

	pthread_mutex_lock(&f->lock);
	while (held_of(f, call) < count && r == 0)
		r = cond_wait_until(&f->held_more, &f->lock, until_ns) ? 0 : -ETIMEDOUT;
	if (held_of(f, call) >= count)
		r = 0;
	pthread_mutex_unlock(&f->lock);
	return r;
}

uint64_t fault_count(struct store *s, enum fault_call call)
{
	struct fault *f = (struct fault *)s;
	uint64_t count;

	pthread_mutex_lock(&f->lock);
	count = f->counts[call];
	pthread_mutex_unlock(&f->lock);
	return count;
}
