#include "tests/unit/fusefs/store/http/store_http_fixture.h"
#include "common/base/clock.h"
#include "common/base/cond.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <cmocka.h>

void answer_init(struct answer *a)
{
	memset(a, 0, sizeof(*a));
	pthread_mutex_init(&a->lock, NULL);
	cond_init(&a->over);
}

static void answer_come(struct answer *a, int error)
{
	pthread_mutex_lock(&a->lock);
	a->error = error;
	a->calls++;
	pthread_cond_signal(&a->over);
	pthread_mutex_unlock(&a->lock);
}

int answer_wait(struct answer *a)
{
	const int64_t until_ns = clock_mono_ns() + 120 * NS_PER_S; /* only reached when something hangs */

	pthread_mutex_lock(&a->lock);
	while (a->calls == 0 && cond_wait_until(&a->over, &a->lock, until_ns))
		;
	pthread_mutex_unlock(&a->lock);
	assert_int_equal(a->calls, 1);
	return a->error;
}

/* ---- callbacks ---- */

void on_drive(void *cookie, int error, const struct store_drive *drive)
{
	struct answer *a = cookie;

	if (drive)
		a->id = drive->root;
	answer_come(a, error);
}

void on_item(void *cookie, int error, const struct item *item, struct store_position at)
{
	struct answer *a = cookie;

	a->at = at;
	if (item) {
		a->id = item->id;
		(void)snprintf(a->name, sizeof(a->name), "%.*s", (int)item->name.size, item->name.data);
	}
	answer_come(a, error);
}

void on_page(void *cookie, int error, const struct store_page *page)
{
	struct answer *a = cookie;

	if (page) {
		a->count = page->count;
		a->more = page->more;
		a->at = page->at;
	}
	answer_come(a, error);
}

void on_extents(void *cookie, int error, const struct store_extents *extents)
{
	struct answer *a = cookie;

	if (extents)
		a->count = extents->count;
	answer_come(a, error);
}

void on_batch(void *cookie, int error, const struct store_batch_reply *reply)
{
	struct answer *a = cookie;

	a->has_reply = reply != NULL;
	if (reply) {
		a->index = reply->index;
		a->at = reply->at;
		a->used = reply->used;
		a->quota = reply->quota;
		a->count = reply->count;
		if (reply->results) {
			const struct op_result *first = &reply->results[0];

			a->id = first->id;
			a->item = first->item;
			a->first = first->dir_count > 0 ? first->dirs[0].id : 0;
			(void)snprintf(a->name, sizeof(a->name), "%.*s", (int)first->item.name.size,
				first->item.name.data ? first->item.name.data : "");
		}
	}
	answer_come(a, error);
}

void on_get(void *cookie, int error)
{
	answer_come(cookie, error);
}

void on_put(void *cookie, int error)
{
	answer_come(cookie, error);
}

void on_ids(void *cookie, int error, int64_t first)
{
	((struct answer *)cookie)->first = first;
	answer_come(cookie, error);
}

int on_xattr(void *cookie, struct span name, struct span value)
{
	struct answer *a = cookie;

	a->count++;
	(void)snprintf(a->name, sizeof(a->name), "%.*s=%.*s", (int)name.size, name.data, (int)value.size, value.data);
	return 0;
}

void on_poll(void *cookie, int error, const struct store_changes *changes)
{
	struct answer *a = cookie;

	if (changes) {
		a->count = changes->count;
		a->reset = changes->reset;
		a->counted = changes->counted;
		a->others = changes->others;
		a->at = changes->last;
		if (changes->count > 0) {
			a->own = changes->list[0].own;
			(void)snprintf(a->name, sizeof(a->name), "%.*s", (int)changes->list[0].name.size,
				changes->list[0].name.data);
		}
	}
	answer_come(a, error);
}

/* ---- the fixture ---- */

int open_store(struct fixture *f, const char *const *urls, size_t count, unsigned outage_ms, struct buf *why)
{
	const struct store_http_options options = {
		.urls = urls,
		.url_count = count,
		.drive = f->drive_name ? f->drive_name : "home",
		.token = "secret",
		.name = "test",
		.open_ms = 3000,
		.outage_ms = outage_ms,
		.doubt_ms = 300,
		.metrics = f->metrics,
	};

	return store_http_new(&options, &f->store, &f->drive, why);
}

int http_setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	const char *urls[2];
	struct buf why;

	buf_init(&why, 1000);
	f->a = fake_start(0);
	f->b = fake_start(0);
	urls[0] = fake_url(f->a);
	urls[1] = fake_url(f->b);
	assert_int_equal(metrics_new(&f->metrics), 0);
	assert_int_equal(open_store(f, urls, 2, 0, &why), 0);
	buf_fini(&why);
	*state = f;
	return 0;
}

int http_teardown(void **state)
{
	struct fixture *f = *state;

	if (f->store)
		f->store->ops->free(f->store);
	if (f->a)
		fake_stop(f->a);
	if (f->b)
		fake_stop(f->b);
	metrics_free(f->metrics);
	free(f);
	return 0;
}

int http_setup_bare(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_int_equal(metrics_new(&f->metrics), 0);
	*state = f;
	return 0;
}

struct op some_op(void)
{
	return (struct op){.kind = OP_CREATE, .parent = ROOT, .name = SPAN_LITERAL("x"), .mode = S_IFREG | 0644};
}

int run_batch(struct fixture *f, struct answer *a)
{
	struct op op = some_op();

	answer_init(a);
	f->store->ops->batch(f->store, &op, 1, on_batch, a);
	return answer_wait(a);
}

int run_lookup(struct fixture *f, struct answer *a)
{
	answer_init(a);
	f->store->ops->lookup(f->store, ROOT, SPAN_LITERAL("na me"), on_item, a);
	return answer_wait(a);
}

/* Makes one compact page, to be sent as an answer. The caller frees it. */
char *make_page(const struct item *items, uint32_t count, bool more, struct store_position at, size_t *ret_size)
{
	const struct item_page page = {.more = more, .count = count, .incarnation = at.incarnation, .seq = at.seq};
	size_t count_at;
	struct buf b;

	buf_init(&b, 1 << 20);
	assert_int_equal(item_page_begin(&b, &page, &count_at), 0);
	for (uint32_t i = 0; i < count; i++)
		assert_int_equal(item_page_add(&b, &items[i]), 0);
	item_page_end(&b, count_at, count, more);
	return buf_take(&b, ret_size);
}

struct item some_item(uint32_t number, const char *name)
{
	return (struct item){.id = ITEM_ID(FAKE_DRIVE, number),
		.parent = ROOT,
		.mode = S_IFREG | 0644,
		.nlink = 1,
		.name = span_str(name)};
}

void answer_page(struct fake_gateway *g, const char *target, const struct item *items, uint32_t count, char **ret_bytes)
{
	struct fake_answer a = {
		.method = "GET", .target = target, .status = 200, .type = "application/vnd.nephos.items"};

	*ret_bytes = make_page(items, count, false, (struct store_position){1, 20}, &a.body_size);
	a.body = *ret_bytes;
	fake_add(g, &a);
}
