/* store_http_fixture: a store over HTTP with one or two fake gateways, and callbacks that record their arguments.
 * For the tests of store_http. */
#ifndef NEPHOS_TESTS_STORE_HTTP_FIXTURE_H
#define NEPHOS_TESTS_STORE_HTTP_FIXTURE_H

#include "fusefs/store/http/store_http.h"
#include "tests/unit/fusefs/store/http/fake_gateway.h"

#include <pthread.h>

#define ROOT ITEM_ROOT(FAKE_DRIVE)
#define OPS "/api/v2/docs/drives/7/ops"
#define JSON "application/json"
#define PROBLEM "application/problem+json"
#define ONE_RESULT "{\"results\":[{\"id\":\"30064771074\"}],\"last\":\"11\"}"

struct fixture {
	struct fake_gateway *a, *b;
	struct metrics *metrics;
	const char *drive_name; /* the drive that is opened; NULL: home */
	struct store *store;
	struct store_drive drive;
};

/* The result of one call. To be initialised by answer_init before the call. */
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
	bool more, reset, own, counted;
	unsigned others;
	char name[256], data[64];
	size_t size;
	struct item item;
};

/* http_setup_bare: no gateway, no store; http_setup: two gateways and a store that is open. */
void answer_init(struct answer *a);
int answer_wait(struct answer *a);
void on_drive(void *cookie, int error, const struct store_drive *drive);
void on_item(void *cookie, int error, const struct item *item, struct store_position at);
void on_page(void *cookie, int error, const struct store_page *page);
void on_extents(void *cookie, int error, const struct store_extents *extents);
void on_batch(void *cookie, int error, const struct store_batch_reply *reply);
void on_get(void *cookie, int error);
void on_put(void *cookie, int error);
void on_ids(void *cookie, int error, int64_t first);
int on_xattr(void *cookie, struct span name, struct span value);
void on_poll(void *cookie, int error, const struct store_changes *changes);
int open_store(struct fixture *f, const char *const *urls, size_t count, unsigned outage_ms, struct buf *why);
int http_setup(void **state);
int http_teardown(void **state);
int http_setup_bare(void **state);
struct op some_op(void);
int run_batch(struct fixture *f, struct answer *a);
int run_lookup(struct fixture *f, struct answer *a);
char *make_page(const struct item *items, uint32_t count, bool more, struct store_position at, size_t *ret_size);
struct item some_item(uint32_t number, const char *name);
void answer_page(
	struct fake_gateway *g, const char *target, const struct item *items, uint32_t count, char **ret_bytes);

#endif
