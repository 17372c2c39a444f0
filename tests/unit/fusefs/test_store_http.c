#include "fusefs/store_http.h"

#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/base/sha256.h"
#include "common/base/text.h"
#include "tests/unit/fusefs/fake_gateway.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <cmocka.h>

#define ROOT ITEM_ROOT(FAKE_DRIVE)
#define OPS "/api/v2/docs/drives/7/ops"
#define JSON "application/json"
#define PROBLEM "application/problem+json"
#define ONE_RESULT "{\"results\":[{\"id\":\"30064771074\"}],\"last\":\"11\"}"

struct fixture {
	struct fake_gateway *a, *b;
	struct metrics *metrics;
	struct store *store;
	struct store_drive drive;
};

/* What one call came to. */
struct answer {
	pthread_mutex_t lock;
	pthread_cond_t over;
	unsigned calls;
	int error;
	bool has_reply;
	int index;
	struct store_position at;
	int64_t id, used, quota, first;
	size_t count;
	bool more, reset, own;
	char name[256], data[64];
	size_t size;
	struct item item;
};

static void answer_init(struct answer *a)
{
	memset(a, 0, sizeof(*a));
	pthread_mutex_init(&a->lock, NULL);
	pthread_cond_init(&a->over, NULL);
}

static void answer_come(struct answer *a, int error)
{
	pthread_mutex_lock(&a->lock);
	a->error = error;
	a->calls++;
	pthread_cond_signal(&a->over);
	pthread_mutex_unlock(&a->lock);
}

static int answer_wait(struct answer *a)
{
	struct timespec until;
	int r = 0;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += 10;
	pthread_mutex_lock(&a->lock);
	while (a->calls == 0 && r == 0)
		r = pthread_cond_timedwait(&a->over, &a->lock, &until);
	pthread_mutex_unlock(&a->lock);
	assert_int_equal(a->calls, 1);
	return a->error;
}

/* ---- callbacks ---- */

static void on_drive(void *cookie, int error, const struct store_drive *drive)
{
	struct answer *a = cookie;

	if (drive)
		a->id = drive->root;
	answer_come(a, error);
}

static void on_item(void *cookie, int error, const struct item *item, struct store_position at)
{
	struct answer *a = cookie;

	a->at = at;
	if (item) {
		a->id = item->id;
		(void)snprintf(a->name, sizeof(a->name), "%.*s", (int)item->name.size, item->name.data);
	}
	answer_come(a, error);
}

static void on_page(void *cookie, int error, const struct store_page *page)
{
	struct answer *a = cookie;

	if (page) {
		a->count = page->count;
		a->more = page->more;
		a->at = page->at;
	}
	answer_come(a, error);
}

static void on_extents(void *cookie, int error, const struct store_extents *extents)
{
	struct answer *a = cookie;

	if (extents)
		a->count = extents->count;
	answer_come(a, error);
}

static void on_batch(void *cookie, int error, const struct store_batch_reply *reply)
{
	struct answer *a = cookie;

	a->has_reply = reply != NULL;
	if (reply) {
		a->index = reply->index;
		a->at = reply->at;
		a->used = reply->used;
		a->quota = reply->quota;
		a->count = reply->count;
		if (reply->results)
			a->id = reply->results[0].id;
	}
	answer_come(a, error);
}

static void on_get(void *cookie, int error, const void *data, size_t size)
{
	struct answer *a = cookie;

	a->size = size;
	if (data)
		memcpy(a->data, data, size < sizeof(a->data) ? size : sizeof(a->data));
	answer_come(a, error);
}

static void on_put(void *cookie, int error)
{
	answer_come(cookie, error);
}

static void on_ids(void *cookie, int error, int64_t first)
{
	((struct answer *)cookie)->first = first;
	answer_come(cookie, error);
}

static int on_xattr(void *cookie, struct span name, struct span value)
{
	struct answer *a = cookie;

	a->count++;
	(void)snprintf(a->name, sizeof(a->name), "%.*s=%.*s", (int)name.size, name.data, (int)value.size, value.data);
	return 0;
}

static void on_poll(void *cookie, int error, const struct store_changes *changes)
{
	struct answer *a = cookie;

	if (changes) {
		a->count = changes->count;
		a->reset = changes->reset;
		a->at = changes->last;
		if (changes->count > 0) {
			a->own = changes->list[0].own;
			(void)snprintf(a->name, sizeof(a->name), "%.*s", (int)changes->list[0].name.size, changes->list[0].name.data);
		}
	}
	answer_come(a, error);
}

/* ---- the fixture ---- */

static int open_store(struct fixture *f, const char *const *urls, size_t count, unsigned outage_ms, struct buf *why)
{
	const struct store_http_options options = {
		.urls = urls,
		.url_count = count,
		.drive = "home",
		.token = "secret",
		.name = "test",
		.open_ms = 3000,
		.outage_ms = outage_ms,
		.metrics = f->metrics,
	};

	return store_http_new(&options, &f->store, &f->drive, why);
}

static int setup(void **state)
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

static int teardown(void **state)
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

static int setup_bare(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_int_equal(metrics_new(&f->metrics), 0);
	*state = f;
	return 0;
}

static struct op some_op(void)
{
	return (struct op){.kind = OP_CREATE, .parent = ROOT, .name = SPAN_LITERAL("x"), .mode = S_IFREG | 0644};
}

static int run_batch(struct fixture *f, struct answer *a)
{
	struct op op = some_op();

	answer_init(a);
	f->store->ops->batch(f->store, &op, 1, on_batch, a);
	return answer_wait(a);
}

static int run_lookup(struct fixture *f, struct answer *a)
{
	answer_init(a);
	f->store->ops->lookup(f->store, ROOT, SPAN_LITERAL("na me"), on_item, a);
	return answer_wait(a);
}

/* One compact page, for answers; free() it. */
static char *make_page(const struct item *items, uint32_t count, bool more, struct store_position at, size_t *ret_size)
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

static struct item some_item(uint32_t number, const char *name)
{
	return (struct item){.id = ITEM_ID(FAKE_DRIVE, number), .parent = ROOT, .mode = S_IFREG | 0644, .nlink = 1, .name = span_str(name)};
}

static void answer_page(struct fake_gateway *g, const char *target, const struct item *items, uint32_t count, char **ret_bytes)
{
	struct fake_answer a = {.method = "GET", .target = target, .status = 200, .type = "application/vnd.nephos.items"};

	*ret_bytes = make_page(items, count, false, (struct store_position){1, 20}, &a.body_size);
	a.body = *ret_bytes;
	fake_add(g, &a);
}

/* ---- opening ---- */

static void store_http_new_finds_the_drive_and_a_session_and_ends_it(void **state)
{
	struct fixture *f = *state;
	const struct fake_request *r = fake_request(f->a, "GET", "/drives/home", 0);

	assert_int_equal(f->drive.root, ROOT);
	assert_int_equal(f->drive.at.seq, 10);
	assert_string_equal(r->authorization, "Bearer secret");
	assert_int_equal(fake_count(f->a, "POST", "/api/v2/docs/drives/7/sessions"), 1);
	f->store->ops->free(f->store);
	f->store = NULL;
	assert_int_equal(fake_count(f->a, "DELETE", "/api/v2/docs/drives/7/sessions/" FAKE_SESSION), 1);
}

static void store_http_new_with_a_refused_key_says_so(void **state)
{
	struct fixture *f = *state;
	const char *url;
	struct buf why;

	buf_init(&why, 1000);
	f->a = fake_start(0);
	url = fake_url(f->a);
	fake_add(f->a, &(struct fake_answer){.method = "GET", .target = "/drives/", .status = 401, .type = PROBLEM,
				.body = "{\"type\":\"/problems/unauthenticated\",\"status\":401}"});
	assert_int_equal(open_store(f, &url, 1, 0, &why), -ERR_UNAUTHENTICATED);
	assert_non_null(strstr(why.data, "does not accept the key"));
	buf_fini(&why);
}

static void store_http_new_takes_the_gateway_that_answers(void **state)
{
	struct fixture *f = *state;
	char closed[64];
	const char *urls[2] = {closed, NULL};
	struct buf why;

	buf_init(&why, 1000);
	(void)snprintf(closed, sizeof(closed), "http://127.0.0.1:%u", (unsigned)fake_closed_port());
	f->a = fake_start(0);
	urls[1] = fake_url(f->a);
	assert_int_equal(open_store(f, urls, 2, 0, &why), 0);
	buf_fini(&why);
}

static void store_http_new_without_any_gateway_says_which_was_refused(void **state)
{
	struct fixture *f = *state;
	char closed[64];
	const char *urls[1] = {closed};
	struct buf why;

	buf_init(&why, 1000);
	(void)snprintf(closed, sizeof(closed), "http://127.0.0.1:%u", (unsigned)fake_closed_port());
	assert_true(open_store(f, urls, 1, 200, &why) < 0);
	assert_non_null(strstr(why.data, closed));
	assert_non_null(strstr(why.data, "refused"));
	buf_fini(&why);
}

/* ---- batches ---- */

static void batch_is_applied_under_session_and_growing_numbers(void **state)
{
	struct fixture *f = *state;
	struct answer a;
	const struct fake_request *r;

	fake_add(f->a, &(struct fake_answer){.method = "POST", .target = OPS, .status = 200, .type = JSON, .header = "Nephos-Usage: 5/100",
				.body = ONE_RESULT});
	assert_int_equal(run_batch(f, &a), 0);
	assert_int_equal(a.id, ITEM_ID(FAKE_DRIVE, 2));
	assert_int_equal(a.used, 5);
	assert_int_equal(a.quota, 100);
	assert_int_equal(run_batch(f, &a), 0);
	r = fake_request(f->a, "POST", OPS, 0);
	assert_string_equal(r->session, FAKE_SESSION);
	assert_string_equal(r->batch, "1");
	assert_string_equal(fake_request(f->a, "POST", OPS, 1)->batch, "2");
}

static void batch_without_an_answer_is_repeated_elsewhere_with_the_same_key(void **state)
{
	struct fixture *f = *state;
	const struct fake_request *first, *second;
	struct answer a;

	fake_add(f->a, &(struct fake_answer){.method = "POST", .target = OPS, .kind = FAKE_CUT});
	fake_add(f->b, &(struct fake_answer){.method = "POST", .target = OPS, .status = 200, .type = JSON, .body = ONE_RESULT});
	assert_int_equal(run_batch(f, &a), 0);
	first = fake_request(f->a, "POST", OPS, 0);
	second = fake_request(f->b, "POST", OPS, 0);
	assert_string_equal(second->session, first->session);
	assert_string_equal(second->batch, first->batch);
	assert_int_equal(second->body_size, first->body_size);
	assert_memory_equal(second->body, first->body, first->body_size);
	/* The one that answered stays. */
	assert_int_equal(run_batch(f, &a), 0);
	assert_int_equal(fake_count(f->a, "POST", OPS), 1);
}

static void batch_that_is_refused_tells_which_op_and_uses_its_number_up(void **state)
{
	struct fixture *f = *state;
	struct answer a;

	fake_add(f->a, &(struct fake_answer){.method = "POST", .target = OPS, .times = 1, .status = 409, .type = PROBLEM,
				.body = "{\"type\":\"/problems/exists\",\"errno\":\"EEXIST\",\"index\":0}"});
	fake_add(f->a, &(struct fake_answer){.method = "POST", .target = OPS, .status = 200, .type = JSON, .body = ONE_RESULT});
	assert_int_equal(run_batch(f, &a), -EEXIST);
	assert_true(a.has_reply);
	assert_int_equal(a.index, 0);
	assert_int_equal(run_batch(f, &a), 0);
	assert_string_equal(fake_request(f->a, "POST", OPS, 1)->batch, "2");
}

static void batch_whose_number_was_not_used_up_takes_it_again(void **state)
{
	struct fixture *f = *state;
	struct answer a;

	fake_add(f->a, &(struct fake_answer){.method = "POST", .target = OPS, .times = 1, .status = 413, .type = PROBLEM,
				.body = "{\"type\":\"/problems/too-large\"}"});
	fake_add(f->a, &(struct fake_answer){.method = "POST", .target = OPS, .times = 1, .status = 409, .type = PROBLEM,
				.body = "{\"type\":\"/problems/out-of-order\"}"});
	fake_add(f->a, &(struct fake_answer){.method = "POST", .target = OPS, .status = 200, .type = JSON, .body = ONE_RESULT});
	assert_int_equal(run_batch(f, &a), -E2BIG);
	assert_int_equal(run_batch(f, &a), 0);
	assert_string_equal(fake_request(f->a, "POST", OPS, 1)->batch, "2");
	assert_string_equal(fake_request(f->a, "POST", OPS, 2)->batch, "1");
}

static void batch_after_one_in_doubt_that_was_applied_takes_the_next_number(void **state)
{
	struct fixture *f = *state;
	struct answer a;

	fake_add(f->a, &(struct fake_answer){.method = "POST", .target = OPS, .times = 1, .status = 422, .type = PROBLEM,
				.body = "{\"type\":\"/problems/key-reused\"}"});
	fake_add(f->a, &(struct fake_answer){.method = "POST", .target = OPS, .status = 200, .type = JSON, .body = ONE_RESULT});
	assert_int_equal(run_batch(f, &a), 0);
	assert_string_equal(fake_request(f->a, "POST", OPS, 1)->batch, "2");
}

static void batch_of_a_session_that_is_gone_goes_under_a_new_one(void **state)
{
	struct fixture *f = *state;
	struct answer a;

	fake_add(f->a, &(struct fake_answer){.method = "POST", .target = OPS, .times = 1, .status = 410, .type = PROBLEM,
				.body = "{\"type\":\"/problems/session-gone\"}"});
	fake_add(f->a, &(struct fake_answer){.method = "POST", .target = OPS, .status = 200, .type = JSON, .body = ONE_RESULT});
	assert_int_equal(run_batch(f, &a), 0);
	assert_string_equal(fake_request(f->a, "POST", OPS, 1)->session, "42");
	assert_string_equal(fake_request(f->a, "POST", OPS, 1)->batch, "1");
	assert_int_equal(store_http_in_doubt(f->store), 0);
}

static void batch_in_doubt_whose_session_is_gone_fails_and_is_not_sent_again(void **state)
{
	struct fixture *f = *state;
	struct answer a;

	fake_add(f->a, &(struct fake_answer){.method = "POST", .target = OPS, .kind = FAKE_CUT, .times = 1});
	fake_add(f->b, &(struct fake_answer){.method = "POST", .target = OPS, .times = 1, .status = 410, .type = PROBLEM,
				.body = "{\"type\":\"/problems/session-gone\"}"});
	fake_add(f->b, &(struct fake_answer){.method = "POST", .target = OPS, .status = 200, .type = JSON, .body = ONE_RESULT});
	assert_int_equal(run_batch(f, &a), -EIO);
	assert_false(a.has_reply);
	assert_int_equal(store_http_in_doubt(f->store), 1);
	assert_int_equal(run_batch(f, &a), 0);
	assert_int_equal(fake_count(f->b, "POST", OPS), 2);
}

static void batch_with_an_answer_that_makes_no_sense_is_in_doubt(void **state)
{
	static const char *const bodies[] = {"", "[]", "{\"results\":[]}", "{\"results\":[7]}", "{\"results\":[{},{}]}",
		"{\"results\":[{\"item\":{\"id\":\"1\"}}]}", "{\"results\":[{\"dirs\":[1,2,3]}]}"};
	struct fixture *f = *state;
	struct answer a;

	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++)
		fake_add(f->a, &(struct fake_answer){.method = "POST", .target = OPS, .times = 1, .status = 200, .type = JSON, .body = bodies[i]});
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		assert_int_equal(run_batch(f, &a), -EIO);
		assert_false(a.has_reply);
	}
}

/* ---- reads ---- */

static void lookup_names_the_child_and_the_floor(void **state)
{
	struct fixture *f = *state;
	struct item item = some_item(5, "na me");
	const struct fake_request *r;
	struct answer a;
	char *bytes;

	answer_page(f->a, "/lookup", &item, 1, &bytes);
	assert_int_equal(run_lookup(f, &a), 0);
	assert_int_equal(a.id, ITEM_ID(FAKE_DRIVE, 5));
	assert_string_equal(a.name, "na me");
	assert_int_equal(a.at.seq, 20);
	r = fake_request(f->a, "GET", "/lookup", 0);
	assert_non_null(strstr(r->target, "/drives/7/items/30064771073/lookup?name=na%20me"));
	assert_string_equal(r->floor, "1.10");
	/* What was seen binds from then on. */
	assert_int_equal(run_lookup(f, &a), 0);
	assert_string_equal(fake_request(f->a, "GET", "/lookup", 1)->floor, "1.20");
	free(bytes);
}

static void lookup_of_nothing_is_enoent(void **state)
{
	struct fixture *f = *state;
	struct answer a;

	assert_int_equal(run_lookup(f, &a), -ENOENT);
}

static void read_that_meets_an_older_view_is_repeated(void **state)
{
	struct fixture *f = *state;
	struct item item = some_item(5, "na me");
	struct answer a;
	char *bytes;

	fake_add(f->a, &(struct fake_answer){.method = "GET", .target = "/lookup", .times = 2, .status = 503, .type = PROBLEM,
				.body = "{\"type\":\"/problems/behind\"}"});
	answer_page(f->a, "/lookup", &item, 1, &bytes);
	assert_int_equal(run_lookup(f, &a), 0);
	assert_int_equal(fake_count(f->a, "GET", "/lookup"), 3);
	assert_int_equal(fake_count(f->b, "GET", "/lookup"), 0); /* the gateway is not to blame */
	free(bytes);
}

static void read_under_another_incarnation_drops_its_floor(void **state)
{
	struct fixture *f = *state;
	struct item item = some_item(5, "na me");
	struct answer a;
	char *bytes;

	fake_add(f->a, &(struct fake_answer){.method = "GET", .target = "/lookup", .times = 1, .status = 409, .type = PROBLEM,
				.body = "{\"type\":\"/problems/epoch-changed\"}"});
	answer_page(f->a, "/lookup", &item, 1, &bytes);
	assert_int_equal(run_lookup(f, &a), 0);
	assert_string_equal(fake_request(f->a, "GET", "/lookup", 1)->floor, "");
	free(bytes);
}

static void read_that_a_gateway_cannot_serve_goes_to_the_next(void **state)
{
	struct fixture *f = *state;
	struct item item = some_item(5, "na me");
	struct answer a;
	char *bytes;

	fake_add(f->a, &(struct fake_answer){.method = "GET", .target = "/lookup", .status = 502});
	answer_page(f->b, "/lookup", &item, 1, &bytes);
	assert_int_equal(run_lookup(f, &a), 0);
	assert_int_equal(fake_count(f->a, "GET", "/lookup"), 1);
	free(bytes);
}

/* Each is an answer that no store gives. */
static void check_hostile_item(struct fixture *f, const struct item *item)
{
	struct answer a;
	char *bytes;
	size_t size;

	bytes = make_page(item, 1, false, (struct store_position){1, 20}, &size);
	fake_add(f->a, &(struct fake_answer){.method = "GET", .target = "/lookup", .times = 1, .status = 200, .body = bytes, .body_size = size});
	assert_int_equal(run_lookup(f, &a), -EPROTO);
	free(bytes);
}

static void items_that_no_store_would_send_are_refused(void **state)
{
	struct fixture *f = *state;
	struct item item;

	item = some_item(5, "x");
	item.id = ITEM_ID(FAKE_DRIVE + 1, 5);
	check_hostile_item(f, &item);
	item = some_item(5, "a/b");
	check_hostile_item(f, &item);
	item = some_item(5, "..");
	check_hostile_item(f, &item);
	item = some_item(5, "x");
	item.mode = 0644;
	check_hostile_item(f, &item);
	item = some_item(5, "x");
	item.size = -1;
	check_hostile_item(f, &item);
	item = some_item(5, "x");
	item.mode = S_IFLNK | 0777;
	check_hostile_item(f, &item);
	item = some_item(5, "x");
	item.size = 9;
	item.has_inline = true;
	item.inline_data = SPAN_LITERAL("short");
	check_hostile_item(f, &item);
}

static int run_children(struct fixture *f, struct answer *a, const char *after)
{
	answer_init(a);
	f->store->ops->children(f->store, ROOT, span_str(after), 3, true, on_page, a);
	return answer_wait(a);
}

static void children_come_in_order_behind_the_cursor(void **state)
{
	struct fixture *f = *state;
	struct item items[4] = {some_item(5, "b"), some_item(6, "ba"), some_item(7, "c"), some_item(8, "d")};
	const struct fake_request *r;
	struct answer a;
	char *bytes[4];

	answer_page(f->a, "cursor=YQ", items, 3, &bytes[0]);
	answer_page(f->a, "cursor=Yg", items, 3, &bytes[1]); /* begins where it should go on behind */
	answer_page(f->a, "limit=3&inline=1", items, 4, &bytes[2]); /* more than asked for */
	assert_int_equal(run_children(f, &a, "a"), 0);
	assert_int_equal(a.count, 3);
	r = fake_request(f->a, "GET", "/children", 0);
	assert_non_null(strstr(r->target, "/children?limit=3&inline=1&cursor=YQ"));
	assert_string_equal(r->accept, "application/vnd.nephos.items");
	assert_int_equal(run_children(f, &a, "b"), -EPROTO);
	assert_int_equal(run_children(f, &a, ""), -EPROTO);
	for (int i = 0; i < 3; i++)
		free(bytes[i]);
}

static void answers_that_are_cut_off_or_not_ours_are_refused(void **state)
{
	static const char junk[] = "<html>It works!</html>";
	struct fixture *f = *state;
	struct item item = some_item(5, "na me");
	struct answer a;
	size_t size;
	char *bytes = make_page(&item, 1, false, (struct store_position){1, 20}, &size);

	fake_add(f->a, &(struct fake_answer){.method = "GET", .target = "/lookup", .times = 1, .status = 200, .body = bytes, .body_size = size - 1});
	fake_add(f->a, &(struct fake_answer){.method = "GET", .target = "/lookup", .times = 1, .status = 200, .body = junk});
	fake_add(f->a, &(struct fake_answer){.method = "GET", .target = "/lookup", .times = 1, .status = 200});
	for (int i = 0; i < 3; i++)
		assert_int_equal(run_lookup(f, &a), -EPROTO);
	free(bytes);
}

static void check_extents(struct fixture *f, const struct extent *list, uint32_t count, int64_t size, int expected)
{
	const struct extent_page page = {.count = count, .incarnation = 1, .seq = 20, .size = size, .content_seq = 3};
	struct fake_answer answer = {.method = "GET", .target = "/extents", .times = 1, .status = 200};
	struct answer a;
	size_t count_at;
	struct buf b;

	buf_init(&b, 1 << 20);
	assert_int_equal(extent_page_begin(&b, &page, &count_at), 0);
	for (uint32_t i = 0; i < count; i++)
		assert_int_equal(extent_page_add(&b, &list[i]), 0);
	extent_page_end(&b, count_at, count, false);
	answer.body = b.data;
	answer.body_size = b.size;
	fake_add(f->a, &answer);
	answer_init(&a);
	f->store->ops->extents(f->store, ITEM_ID(FAKE_DRIVE, 5), 0, 1 << 20, on_extents, &a);
	assert_int_equal(answer_wait(&a), expected);
	buf_fini(&b);
}

static void extents_are_checked_against_each_other_and_their_blocks(void **state)
{
	struct fixture *f = *state;
	struct extent e[2] = {
		{.at = 0, .len = 100, .kind = EXTENT_BLOCK, .from = 0, .block_size = 100},
		{.at = 100, .len = 4, .kind = EXTENT_INLINE, .data = SPAN_LITERAL("tail")},
	};

	check_extents(f, e, 2, 104, 0);
	check_extents(f, e, 2, 103, -EPROTO); /* beyond the end */
	e[1].at = 99;			      /* over the one before */
	check_extents(f, e, 2, 104, -EPROTO);
	e[1].at = 100;
	e[0].from = 1; /* beyond its block */
	check_extents(f, e, 2, 104, -EPROTO);
	e[0].from = 0;
	e[0].block_size = BLOCK_BYTES_MAX + 1;
	check_extents(f, e, 2, 104, -EPROTO);
	e[0].block_size = 100;
	e[0].len = 0;
	check_extents(f, e, 2, 104, -EPROTO);
}

static void xattrs_and_ids_come_as_they_are(void **state)
{
	struct fixture *f = *state;
	struct answer a;

	fake_add(f->a, &(struct fake_answer){.method = "GET", .target = "/xattrs", .status = 200, .type = JSON,
				.body = "{\"xattrs\":[{\"name\":\"user.k\",\"value_b64\":\"dmFs\"}]}"});
	answer_init(&a);
	f->store->ops->xattrs(f->store, ROOT, on_xattr, on_put, &a);
	assert_int_equal(answer_wait(&a), 0);
	assert_string_equal(a.name, "user.k=val");

	fake_add(f->a, &(struct fake_answer){.method = "POST", .target = "/ids", .times = 1, .status = 201, .type = JSON,
				.body = "{\"first\":\"30064771100\",\"count\":10}"});
	fake_add(f->a, &(struct fake_answer){.method = "POST", .target = "/ids", .times = 1, .status = 201, .type = JSON,
				.body = "{\"first\":\"30064771100\",\"count\":9}"});
	fake_add(f->a, &(struct fake_answer){.method = "POST", .target = "/ids", .status = 201, .type = JSON, .body = "{\"first\":\"5\",\"count\":10}"});
	answer_init(&a);
	f->store->ops->ids(f->store, 10, on_ids, &a);
	assert_int_equal(answer_wait(&a), 0);
	assert_int_equal(a.first, 30064771100);
	for (int i = 0; i < 2; i++) { /* too few; of another drive */
		answer_init(&a);
		f->store->ops->ids(f->store, 10, on_ids, &a);
		assert_int_equal(answer_wait(&a), -EPROTO);
	}
}

/* ---- blocks ---- */

static int run_get(struct fixture *f, const struct extent *e, struct answer *a)
{
	answer_init(a);
	f->store->ops->block_get(f->store, e, on_get, a);
	return answer_wait(a);
}

static struct extent block_of(const char *text)
{
	struct extent e = {.kind = EXTENT_BLOCK, .block_size = (uint32_t)strlen(text), .cap = SPAN_LITERAL("99.1.ab")};

	assert_int_equal(sha256_of(span_str(text), e.sha256), 0);
	return e;
}

static void block_get_verifies_what_came(void **state)
{
	struct fixture *f = *state;
	struct extent e = block_of("content");
	struct answer a;

	fake_add(f->a, &(struct fake_answer){.method = "GET", .target = "/blocks/", .status = 200, .body = "content"});
	assert_int_equal(run_get(f, &e, &a), 0);
	assert_int_equal(a.size, 7);
	assert_memory_equal(a.data, "content", 7);
	assert_non_null(strstr(fake_request(f->a, "GET", "/blocks/", 0)->target, "?cap=99.1.ab"));
}

static void block_get_of_other_bytes_asks_once_more_elsewhere_then_fails(void **state)
{
	struct fixture *f = *state;
	struct extent e = block_of("content");
	struct answer a;

	fake_add(f->a, &(struct fake_answer){.method = "GET", .target = "/blocks/", .status = 200, .body = "c0ntent"});
	fake_add(f->b, &(struct fake_answer){.method = "GET", .target = "/blocks/", .times = 1, .status = 200, .body = "content"});
	fake_add(f->b, &(struct fake_answer){.method = "GET", .target = "/blocks/", .status = 200, .body = "cont3nt"});
	assert_int_equal(run_get(f, &e, &a), 0);
	assert_memory_equal(a.data, "content", 7);
	assert_int_equal(run_get(f, &e, &a), -EBADMSG);
	e.block_size = 3; /* more than was said */
	assert_int_equal(run_get(f, &e, &a), -EBADMSG);
}

static void block_get_with_a_capability_that_is_too_old_goes_without(void **state)
{
	struct fixture *f = *state;
	struct extent e = block_of("content");
	struct answer a;

	fake_add(f->a, &(struct fake_answer){.method = "GET", .target = "?cap=", .status = 403, .type = PROBLEM, .body = "{\"type\":\"/problems/forbidden\"}"});
	fake_add(f->a, &(struct fake_answer){.method = "GET", .target = "/blocks/", .status = 200, .body = "content"});
	assert_int_equal(run_get(f, &e, &a), 0);
	assert_int_equal(fake_count(f->a, "GET", "/blocks/"), 2);
}

static void block_put_sends_the_bytes_under_their_hash(void **state)
{
	struct fixture *f = *state;
	struct extent e = block_of("content");
	char hex[65], target[100];
	struct answer a;

	text_hex(e.sha256, 32, hex);
	(void)snprintf(target, sizeof(target), "/drives/7/blocks/%s", hex);
	fake_add(f->a, &(struct fake_answer){.method = "PUT", .target = "/blocks/", .times = 1, .kind = FAKE_CUT});
	fake_add(f->b, &(struct fake_answer){.method = "PUT", .target = "/blocks/", .status = 201, .type = JSON, .body = "{}"});
	answer_init(&a);
	f->store->ops->block_put(f->store, e.sha256, SPAN_LITERAL("content"), on_put, &a);
	assert_int_equal(answer_wait(&a), 0);
	assert_string_equal(fake_request(f->b, "PUT", target, 0)->body, "content");
}

/* ---- the journal ---- */

static int run_poll(struct fixture *f, struct answer *a)
{
	static const int64_t held[] = {ITEM_ID(FAKE_DRIVE, 9)};

	answer_init(a);
	f->store->ops->poll(f->store, (struct store_position){1, 10}, 1, held, 1, on_poll, a);
	return answer_wait(a);
}

#define CHANGE(seq, key) \
	"{\"seq\":\"" seq "\",\"op\":\"create\",\"id\":\"30064771080\",\"parent\":\"30064771073\",\"name\":\"n\",\"key\":\"" key "\"}"

static void poll_tells_changes_and_which_are_our_own(void **state)
{
	struct fixture *f = *state;
	const struct fake_request *r;
	struct answer a;

	fake_add(f->a, &(struct fake_answer){.method = "POST", .target = "/changes", .times = 1, .status = 200, .type = JSON,
				.body = "{\"changes\":[" CHANGE("11", "41/1") "," CHANGE("12", "x") "],\"last\":\"12\",\"incarnation\":\"1\"}"});
	fake_add(f->a, &(struct fake_answer){.method = "POST", .target = "/changes", .status = 200, .type = JSON,
				.body = "{\"changes\":[" CHANGE("11", "411/1") "],\"last\":\"12\",\"incarnation\":\"1\"}"});
	assert_int_equal(run_poll(f, &a), 0);
	assert_int_equal(a.count, 2);
	assert_true(a.own);
	assert_string_equal(a.name, "n");
	assert_int_equal(a.at.seq, 12);
	r = fake_request(f->a, "POST", "/changes", 0);
	assert_non_null(strstr(r->body, "\"since\":\"10\""));
	assert_non_null(strstr(r->body, "\"session\":\"41\""));
	assert_non_null(strstr(r->body, "\"held\":[\"30064771081\"]"));
	/* A page that does not reach to the end; somebody else's. */
	assert_int_equal(run_poll(f, &a), 0);
	assert_false(a.own);
	assert_int_equal(a.at.seq, 11);
}

static void poll_that_shows_a_gap_resets(void **state)
{
	static const struct {
		int status;
		const char *body;
	} answers[] = {
		{200, "{\"changes\":[" CHANGE("12", "x") "],\"last\":\"12\",\"incarnation\":\"1\"}"},
		{200, "{\"changes\":[" CHANGE("11", "x") "," CHANGE("13", "x") "],\"last\":\"13\",\"incarnation\":\"1\"}"},
		{200, "{\"changes\":[],\"last\":\"10\",\"incarnation\":\"2\"}"},
		{200, "{\"changes\":[],\"last\":\"9\",\"incarnation\":\"1\"}"},
		{200, "{\"changes\":[" CHANGE("11", "x") "],\"last\":\"10\",\"incarnation\":\"1\"}"},
		{410, "{\"type\":\"/problems/gone\"}"},
	};
	struct fixture *f = *state;
	struct answer a;

	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++)
		fake_add(f->a, &(struct fake_answer){.method = "POST", .target = "/changes", .times = 1, .status = answers[i].status, .type = JSON, .body = answers[i].body});
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		assert_int_equal(run_poll(f, &a), 0);
		assert_true(a.reset);
		assert_int_equal(a.count, 0);
	}
}

static void poll_is_not_repeated_but_leaves_the_gateway(void **state)
{
	struct fixture *f = *state;
	struct answer a;

	fake_add(f->a, &(struct fake_answer){.method = "POST", .target = "/changes", .kind = FAKE_CUT});
	fake_add(f->b, &(struct fake_answer){.method = "POST", .target = "/changes", .status = 200, .type = JSON,
				.body = "{\"changes\":[],\"last\":\"10\",\"incarnation\":\"1\"}"});
	assert_true(run_poll(f, &a) < 0);
	assert_int_equal(fake_count(f->b, "POST", "/changes"), 0);
	assert_int_equal(run_poll(f, &a), 0);
	assert_int_equal(fake_count(f->b, "POST", "/changes"), 1);
}

/* ---- outages and ends ---- */

static void cancel_ends_the_waiting_for_a_gateway_that_does_not_answer(void **state)
{
	struct fixture *f = *state;
	struct answer a;
	store_ticket ticket;

	fake_add(f->a, &(struct fake_answer){.method = "GET", .target = "/lookup", .kind = FAKE_HOLD});
	answer_init(&a);
	ticket = f->store->ops->lookup(f->store, ROOT, SPAN_LITERAL("x"), on_item, &a);
	fake_wait(f->a, "GET", "/lookup", 1);
	assert_int_equal(a.calls, 0);
	f->store->ops->cancel(f->store, ticket);
	assert_int_equal(answer_wait(&a), -EINTR);
	f->store->ops->cancel(f->store, ticket); /* long over */
}

static void outage_is_waited_out_and_cancel_ends_that_too(void **state)
{
	struct fixture *f = *state;
	uint16_t port = fake_port(f->a);
	struct item item = some_item(5, "x");
	struct answer a, given_up;
	store_ticket ticket;
	char *bytes;

	fake_stop(f->b);
	fake_stop(f->a);
	f->a = f->b = NULL;
	answer_init(&a);
	answer_init(&given_up);
	f->store->ops->lookup(f->store, ROOT, SPAN_LITERAL("x"), on_item, &a);
	ticket = f->store->ops->lookup(f->store, ROOT, SPAN_LITERAL("x"), on_item, &given_up);
	f->store->ops->cancel(f->store, ticket);
	assert_int_equal(answer_wait(&given_up), -EINTR);
	assert_int_equal(a.calls, 0);
	f->a = fake_start(port);
	answer_page(f->a, "/lookup", &item, 1, &bytes);
	assert_int_equal(answer_wait(&a), 0);
	free(bytes);
}

static void outage_that_lasts_fails_calls_and_later_ones_work(void **state)
{
	struct fixture *f = *state;
	struct item item = some_item(5, "x");
	const char *url;
	uint16_t port;
	struct answer a;
	struct buf why;
	char *bytes;

	buf_init(&why, 1000);
	f->a = fake_start(0);
	port = fake_port(f->a);
	url = fake_url(f->a);
	assert_int_equal(open_store(f, &url, 1, 100, &why), 0);
	fake_stop(f->a);
	f->a = NULL;
	assert_int_equal(run_lookup(f, &a), -EIO);
	assert_int_equal(run_batch(f, &a), -EIO);
	assert_false(a.has_reply);
	f->a = fake_start(port);
	answer_page(f->a, "/lookup", &item, 1, &bytes);
	assert_int_equal(run_lookup(f, &a), 0);
	free(bytes);
	buf_fini(&why);
}

static void free_ends_what_is_under_way(void **state)
{
	struct fixture *f = *state;
	struct answer a[3];

	fake_add(f->a, &(struct fake_answer){.method = "GET", .target = "/lookup", .kind = FAKE_HOLD});
	for (int i = 0; i < 3; i++) {
		answer_init(&a[i]);
		f->store->ops->lookup(f->store, ROOT, SPAN_LITERAL("x"), on_item, &a[i]);
	}
	fake_wait(f->a, "GET", "/lookup", 3);
	f->store->ops->free(f->store);
	f->store = NULL;
	for (int i = 0; i < 3; i++)
		assert_int_equal(answer_wait(&a[i]), -EINTR);
}

static void gateways_that_the_first_one_knows_are_used(void **state)
{
	struct fixture *f = *state;
	struct item item = some_item(5, "x");
	char status[128];
	const char *url;
	struct answer a;
	struct buf why;
	char *bytes;

	buf_init(&why, 1000);
	f->a = fake_start(0);
	f->b = fake_start(0);
	url = fake_url(f->a);
	(void)snprintf(status, sizeof(status), "{\"gateways\":[\"%s\",\"%s\",\"ftp://x\",7]}", fake_url(f->a), fake_url(f->b));
	fake_add(f->a, &(struct fake_answer){.method = "GET", .target = "/status", .status = 200, .type = JSON, .body = status});
	assert_int_equal(open_store(f, &url, 1, 0, &why), 0);
	fake_add(f->a, &(struct fake_answer){.method = "GET", .target = "/lookup", .status = 503});
	answer_page(f->b, "/lookup", &item, 1, &bytes);
	assert_int_equal(run_lookup(f, &a), 0);
	free(bytes);
	buf_fini(&why);
}

static int64_t metric_of(struct fixture *f, const char *line)
{
	struct buf text;
	const char *at;
	int64_t value = -1;

	buf_init(&text, 1 << 20);
	assert_int_equal(metrics_render(f->metrics, &text), 0);
	at = strstr(text.data, line);
	if (at)
		value = strtoll(at + strlen(line), NULL, 10);
	buf_fini(&text);
	return value;
}

static void metrics_count_bytes_retries_and_failovers(void **state)
{
	struct fixture *f = *state;
	struct extent e = block_of("content");
	struct answer a;

	fake_add(f->a, &(struct fake_answer){.method = "PUT", .target = "/blocks/", .kind = FAKE_CUT});
	fake_add(f->b, &(struct fake_answer){.method = "PUT", .target = "/blocks/", .status = 201});
	fake_add(f->b, &(struct fake_answer){.method = "GET", .target = "/blocks/", .status = 200, .body = "content"});
	answer_init(&a);
	f->store->ops->block_put(f->store, e.sha256, SPAN_LITERAL("content"), on_put, &a);
	assert_int_equal(answer_wait(&a), 0);
	assert_int_equal(run_get(f, &e, &a), 0);
	assert_int_equal(metric_of(f, "nephos_mount_bytes_sent_total{kind=\"block_put\"} "), 14);
	assert_int_equal(metric_of(f, "nephos_mount_bytes_received_total{kind=\"block_get\"} "), 7);
	assert_int_equal(metric_of(f, "\nnephos_mount_retries_total "), 1);
	assert_int_equal(metric_of(f, "\nnephos_mount_failovers_total "), 1);
}

static void drive_can_be_asked_again(void **state)
{
	struct fixture *f = *state;
	struct answer a;

	answer_init(&a);
	f->store->ops->drive(f->store, on_drive, &a);
	assert_int_equal(answer_wait(&a), 0);
	assert_int_equal(a.id, ROOT);
	assert_int_equal(fake_count(f->a, "GET", "/api/v2/docs/drives/7"), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define TEST_BARE(name) cmocka_unit_test_setup_teardown(name, setup_bare, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(store_http_new_finds_the_drive_and_a_session_and_ends_it),
		TEST_BARE(store_http_new_with_a_refused_key_says_so),
		TEST_BARE(store_http_new_takes_the_gateway_that_answers),
		TEST_BARE(store_http_new_without_any_gateway_says_which_was_refused),
		TEST(batch_is_applied_under_session_and_growing_numbers),
		TEST(batch_without_an_answer_is_repeated_elsewhere_with_the_same_key),
		TEST(batch_that_is_refused_tells_which_op_and_uses_its_number_up),
		TEST(batch_whose_number_was_not_used_up_takes_it_again),
		TEST(batch_after_one_in_doubt_that_was_applied_takes_the_next_number),
		TEST(batch_of_a_session_that_is_gone_goes_under_a_new_one),
		TEST(batch_in_doubt_whose_session_is_gone_fails_and_is_not_sent_again),
		TEST(batch_with_an_answer_that_makes_no_sense_is_in_doubt),
		TEST(lookup_names_the_child_and_the_floor),
		TEST(lookup_of_nothing_is_enoent),
		TEST(read_that_meets_an_older_view_is_repeated),
		TEST(read_under_another_incarnation_drops_its_floor),
		TEST(read_that_a_gateway_cannot_serve_goes_to_the_next),
		TEST(items_that_no_store_would_send_are_refused),
		TEST(children_come_in_order_behind_the_cursor),
		TEST(answers_that_are_cut_off_or_not_ours_are_refused),
		TEST(extents_are_checked_against_each_other_and_their_blocks),
		TEST(xattrs_and_ids_come_as_they_are),
		TEST(block_get_verifies_what_came),
		TEST(block_get_of_other_bytes_asks_once_more_elsewhere_then_fails),
		TEST(block_get_with_a_capability_that_is_too_old_goes_without),
		TEST(block_put_sends_the_bytes_under_their_hash),
		TEST(poll_tells_changes_and_which_are_our_own),
		TEST(poll_that_shows_a_gap_resets),
		TEST(poll_is_not_repeated_but_leaves_the_gateway),
		TEST(cancel_ends_the_waiting_for_a_gateway_that_does_not_answer),
		TEST(outage_is_waited_out_and_cancel_ends_that_too),
		TEST_BARE(outage_that_lasts_fails_calls_and_later_ones_work),
		TEST(free_ends_what_is_under_way),
		TEST_BARE(gateways_that_the_first_one_knows_are_used),
		TEST(metrics_count_bytes_retries_and_failovers),
		TEST(drive_can_be_asked_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
