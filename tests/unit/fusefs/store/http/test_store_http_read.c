#include "tests/unit/fusefs/store/http/store_http_fixture.h"

#include "common/base/error.h"
#include "common/base/sha256.h"
#include "common/base/text.h"
#include "common/proto/extent.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <cmocka.h>

/* ---- reads ---- */

static void lookup_sends_the_name_and_the_last_position_as_floor(void **state)
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
	/* The position that an answer had is the floor of the next request. */
	assert_int_equal(run_lookup(f, &a), 0);
	assert_string_equal(fake_request(f->a, "GET", "/lookup", 1)->floor, "1.20");
	free(bytes);
}

static void lookup_of_a_missing_name_fails_with_enoent(void **state)
{
	struct fixture *f = *state;
	struct answer a;

	assert_int_equal(run_lookup(f, &a), -ENOENT);
}

static void a_read_that_meets_an_older_view_is_repeated_at_the_same_gateway(void **state)
{
	struct fixture *f = *state;
	struct item item = some_item(5, "na me");
	struct answer a;
	char *bytes;

	fake_add(f->a,
		&(struct fake_answer){.method = "GET",
			.target = "/lookup",
			.times = 2,
			.status = 503,
			.type = PROBLEM,
			.body = "{\"type\":\"/problems/behind\"}"});
	answer_page(f->a, "/lookup", &item, 1, &bytes);
	assert_int_equal(run_lookup(f, &a), 0);
	assert_int_equal(fake_count(f->a, "GET", "/lookup"), 3);
	assert_int_equal(fake_count(f->b, "GET", "/lookup"), 0); /* the service is behind, not the gateway */
	free(bytes);
}

static void a_read_after_a_change_of_incarnation_is_repeated_without_a_floor(void **state)
{
	struct fixture *f = *state;
	struct item item = some_item(5, "na me");
	struct answer a;
	char *bytes;

	fake_add(f->a,
		&(struct fake_answer){.method = "GET",
			.target = "/lookup",
			.times = 1,
			.status = 409,
			.type = PROBLEM,
			.body = "{\"type\":\"/problems/epoch-changed\"}"});
	answer_page(f->a, "/lookup", &item, 1, &bytes);
	assert_int_equal(run_lookup(f, &a), 0);
	assert_string_equal(fake_request(f->a, "GET", "/lookup", 1)->floor, "");
	free(bytes);
}

static void a_read_that_fails_at_one_gateway_is_sent_to_the_next(void **state)
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

/* Each of these is an item that no store sends. */
static void check_hostile_item(struct fixture *f, const struct item *item)
{
	struct answer a;
	char *bytes;
	size_t size;

	bytes = make_page(item, 1, false, (struct store_position){1, 20}, &size);
	fake_add(f->a,
		&(struct fake_answer){.method = "GET",
			.target = "/lookup",
			.times = 1,
			.status = 200,
			.body = bytes,
			.body_size = size});
	assert_int_equal(run_lookup(f, &a), -EPROTO);
	free(bytes);
}

static void invalid_items_in_an_answer_are_refused_with_eproto(void **state)
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

static void children_are_refused_if_they_are_too_many_or_not_after_the_cursor(void **state)
{
	struct fixture *f = *state;
	struct item items[4] = {some_item(5, "b"), some_item(6, "ba"), some_item(7, "c"), some_item(8, "d")};
	const struct fake_request *r;
	struct answer a;
	char *bytes[4];

	answer_page(f->a, "cursor=YQ", items, 3, &bytes[0]);
	answer_page(f->a, "cursor=Yg", items, 3, &bytes[1]);	    /* begins at "b", not behind it */
	answer_page(f->a, "limit=3&inline=1", items, 4, &bytes[2]); /* more entries than asked for */
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

static void truncated_foreign_and_empty_answers_are_refused_with_eproto(void **state)
{
	static const char junk[] = "<html>It works!</html>";
	struct fixture *f = *state;
	struct item item = some_item(5, "na me");
	struct answer a;
	size_t size;
	char *bytes = make_page(&item, 1, false, (struct store_position){1, 20}, &size);

	fake_add(f->a,
		&(struct fake_answer){.method = "GET",
			.target = "/lookup",
			.times = 1,
			.status = 200,
			.body = bytes,
			.body_size = size - 1});
	fake_add(f->a,
		&(struct fake_answer){.method = "GET", .target = "/lookup", .times = 1, .status = 200, .body = junk});
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

static void extents_that_overlap_or_exceed_the_file_or_a_block_are_refused(void **state)
{
	struct fixture *f = *state;
	struct extent e[2] = {
		{.at = 0, .len = 100, .kind = EXTENT_BLOCK, .from = 0, .block_size = 100},
		{.at = 100, .len = 4, .kind = EXTENT_INLINE, .data = SPAN_LITERAL("tail")},
	};

	check_extents(f, e, 2, 104, 0);
	check_extents(f, e, 2, 103, -EPROTO); /* it goes beyond the end of the file */
	e[1].at = 99;			      /* overlaps the extent before it */
	check_extents(f, e, 2, 104, -EPROTO);
	e[1].at = 100;
	e[0].from = 1; /* goes beyond its block */
	check_extents(f, e, 2, 104, -EPROTO);
	e[0].from = 0;
	e[0].block_size = BLOCK_BYTES_MAX + 1;
	check_extents(f, e, 2, 104, -EPROTO);
	e[0].block_size = 100;
	e[0].len = 0;
	check_extents(f, e, 2, 104, -EPROTO);
}

static void a_request_for_ids_without_an_answer_is_repeated_with_the_same_key(void **state)
{
	struct fixture *f = *state;
	struct answer a;

	fake_add(f->a, &(struct fake_answer){.method = "POST", .target = "/ids", .kind = FAKE_CUT});
	fake_add(f->b,
		&(struct fake_answer){.method = "POST",
			.target = "/ids",
			.status = 201,
			.type = JSON,
			.body = "{\"first\":\"30064771100\",\"count\":10}"});
	for (size_t i = 0; i < 2; i++) {
		answer_init(&a);
		f->store->ops->ids(f->store, 10, on_ids, &a);
		assert_int_equal(answer_wait(&a), 0);
	}
	assert_int_equal(strlen(fake_request(f->a, "POST", "/ids", 0)->key), 32);
	assert_string_equal(fake_request(f->b, "POST", "/ids", 0)->key, fake_request(f->a, "POST", "/ids", 0)->key);
	assert_string_not_equal(fake_request(f->b, "POST", "/ids", 1)->key, fake_request(f->b, "POST", "/ids", 0)->key);
	assert_int_equal(strlen(fake_request(f->a, "POST", "/sessions", 0)->key), 32);
}

static void xattrs_and_ids_are_parsed_and_wrong_ids_are_refused(void **state)
{
	struct fixture *f = *state;
	struct answer a;

	fake_add(f->a,
		&(struct fake_answer){.method = "GET",
			.target = "/xattrs",
			.status = 200,
			.type = JSON,
			.body = "{\"xattrs\":[{\"name\":\"user.k\",\"value_b64\":\"dmFs\"}]}"});
	answer_init(&a);
	f->store->ops->xattrs(f->store, ROOT, on_xattr, on_put, &a);
	assert_int_equal(answer_wait(&a), 0);
	assert_string_equal(a.name, "user.k=val");

	fake_add(f->a,
		&(struct fake_answer){.method = "POST",
			.target = "/ids",
			.times = 1,
			.status = 201,
			.type = JSON,
			.body = "{\"first\":\"30064771100\",\"count\":10}"});
	fake_add(f->a,
		&(struct fake_answer){.method = "POST",
			.target = "/ids",
			.times = 1,
			.status = 201,
			.type = JSON,
			.body = "{\"first\":\"30064771100\",\"count\":9}"});
	fake_add(f->a,
		&(struct fake_answer){.method = "POST",
			.target = "/ids",
			.status = 201,
			.type = JSON,
			.body = "{\"first\":\"5\",\"count\":10}"});
	answer_init(&a);
	f->store->ops->ids(f->store, 10, on_ids, &a);
	assert_int_equal(answer_wait(&a), 0);
	assert_int_equal(a.first, 30064771100);
	for (int i = 0; i < 2; i++) { /* too few ids; ids of another drive */
		answer_init(&a);
		f->store->ops->ids(f->store, 10, on_ids, &a);
		assert_int_equal(answer_wait(&a), -EPROTO);
	}
}

/* ---- blocks ---- */

static int run_part(struct fixture *f, const struct extent *e, struct store_part part, struct answer *a)
{
	answer_init(a);
	part.into = a->data;
	f->store->ops->block_get(f->store, e, part, on_get, a);
	return answer_wait(a);
}

static int run_get(struct fixture *f, const struct extent *e, struct answer *a)
{
	return run_part(f, e, (struct store_part){0, e->block_size, NULL}, a);
}

static struct extent block_of(const char *text)
{
	struct extent e = {.kind = EXTENT_BLOCK, .block_size = (uint32_t)strlen(text), .cap = SPAN_LITERAL("99.1.ab")};

	assert_int_equal(sha256_of(span_str(text), e.sha256), 0);
	return e;
}

static void block_get_returns_a_block_that_matches_its_hash(void **state)
{
	struct fixture *f = *state;
	struct extent e = block_of("content");
	struct answer a;

	fake_add(f->a, &(struct fake_answer){.method = "GET", .target = "/blocks/", .status = 200, .body = "content"});
	assert_int_equal(run_get(f, &e, &a), 0);
	assert_memory_equal(a.data, "content", 7);
	assert_non_null(strstr(fake_request(f->a, "GET", "/blocks/", 0)->target, "?cap=99.1.ab"));
}

static void block_get_of_wrong_bytes_tries_another_gateway_once_and_then_fails(void **state)
{
	struct fixture *f = *state;
	struct extent e = block_of("content");
	struct answer a;

	fake_add(f->a, &(struct fake_answer){.method = "GET", .target = "/blocks/", .status = 200, .body = "c0ntent"});
	fake_add(f->b,
		&(struct fake_answer){
			.method = "GET", .target = "/blocks/", .times = 1, .status = 200, .body = "content"});
	fake_add(f->b, &(struct fake_answer){.method = "GET", .target = "/blocks/", .status = 200, .body = "cont3nt"});
	assert_int_equal(run_get(f, &e, &a), 0);
	assert_memory_equal(a.data, "content", 7);
	assert_int_equal(run_get(f, &e, &a), -EBADMSG);
	e.block_size = 3; /* the answer is longer than the block */
	assert_int_equal(run_get(f, &e, &a), -EBADMSG);
}

#define LARGE_BYTES (300u * 1024) /* too many to be hashed while they are received */

static void block_get_verifies_the_hash_of_a_large_block(void **state)
{
	struct fixture *f = *state;
	struct extent e = {.kind = EXTENT_BLOCK, .block_size = LARGE_BYTES, .cap = SPAN_LITERAL("99.1.ab")};
	char *bytes = malloc(LARGE_BYTES), *into = calloc(1, LARGE_BYTES);
	struct fake_answer one = {.method = "GET", .target = "/blocks/", .status = 200, .body_size = LARGE_BYTES};
	struct store_part all = {0, LARGE_BYTES, into};
	struct answer a;

	assert_non_null(bytes);
	assert_non_null(into);
	for (size_t i = 0; i < LARGE_BYTES; i++)
		bytes[i] = (char)(i * 31 + i / 256);
	assert_int_equal(sha256_of(span_of(bytes, LARGE_BYTES), e.sha256), 0);
	one.body = bytes;
	one.times = 1;
	fake_add(f->a, &one);
	answer_init(&a);
	f->store->ops->block_get(f->store, &e, all, on_get, &a);
	assert_int_equal(answer_wait(&a), 0);
	assert_memory_equal(into, bytes, LARGE_BYTES);
	e.sha256[31] ^= 1;
	fake_add(f->a, &one);
	fake_add(f->b, &one);
	answer_init(&a);
	f->store->ops->block_get(f->store, &e, all, on_get, &a);
	assert_int_equal(answer_wait(&a), -EBADMSG);
	free(bytes);
	free(into);
}

static void block_get_does_not_write_past_the_memory_of_the_block(void **state)
{
	struct fixture *f = *state;
	struct extent e = block_of("content");
	struct fake_answer more = {.method = "GET", .target = "/blocks/", .status = 200, .body = "contents"};
	struct answer a;

	fake_add(f->a, &more);
	fake_add(f->b, &more);
	answer_init(&a);
	a.data[7] = 'x';
	f->store->ops->block_get(f->store, &e, (struct store_part){0, 7, a.data}, on_get, &a);
	assert_int_equal(answer_wait(&a), -EBADMSG);
	assert_int_equal(a.data[7], 'x');
}

static void block_get_with_a_refused_capability_is_repeated_without_it(void **state)
{
	struct fixture *f = *state;
	struct extent e = block_of("content");
	struct answer a;

	fake_add(f->a,
		&(struct fake_answer){.method = "GET",
			.target = "?cap=",
			.status = 403,
			.type = PROBLEM,
			.body = "{\"type\":\"/problems/forbidden\"}"});
	fake_add(f->a, &(struct fake_answer){.method = "GET", .target = "/blocks/", .status = 200, .body = "content"});
	assert_int_equal(run_get(f, &e, &a), 0);
	assert_int_equal(fake_count(f->a, "GET", "/blocks/"), 2);
}

/* The line "Content-Digest: sha-256=:…:" for this text. */
static const char *digest_line(const char *text, char ret[128])
{
	uint8_t sha256[SHA256_BYTES];
	struct buf base64;

	buf_init(&base64, 64);
	assert_int_equal(sha256_of(span_str(text), sha256), 0);
	assert_int_equal(text_base64(span_of(sha256, sizeof(sha256)), &base64), 0);
	(void)snprintf(ret, 128, "Content-Digest: sha-256=:%s:", base64.data);
	buf_fini(&base64);
	return ret;
}

static void block_get_asks_for_a_part_by_range_and_verifies_its_digest(void **state)
{
	struct fixture *f = *state;
	struct extent e = block_of("content");
	char digest[128];
	struct answer a;

	fake_add(f->a,
		&(struct fake_answer){.method = "GET",
			.target = "/blocks/",
			.status = 206,
			.header = "Content-Range: bytes 2-4/7",
			.second = digest_line("nte", digest),
			.body = "nte"});
	assert_int_equal(run_part(f, &e, (struct store_part){2, 3, NULL}, &a), 0);
	assert_memory_equal(a.data, "nte", 3);
	assert_string_equal(fake_request(f->a, "GET", "/blocks/", 0)->range, "bytes=2-4");
	assert_int_equal(fake_count(f->a, "GET", "/blocks/"), 1);
}

static void a_part_with_a_wrong_digest_is_fetched_once_more_before_block_get_fails(void **state)
{
	struct fixture *f = *state;
	struct extent e = block_of("content");
	char digest[128];
	struct answer a;
	struct fake_answer wrong = {.method = "GET",
		.target = "/blocks/",
		.status = 206,
		.header = "Content-Range: bytes 2-4/7",
		.second = digest_line("nte", digest),
		.body = "n7e"};
	struct fake_answer right = wrong;

	right.body = "nte";
	right.times = 1;
	fake_add(f->a, &wrong);
	fake_add(f->b, &right);
	fake_add(f->b, &wrong);
	assert_int_equal(run_part(f, &e, (struct store_part){2, 3, NULL}, &a), 0);
	assert_memory_equal(a.data, "nte", 3);
	assert_int_equal(fake_count(f->a, "GET", "/blocks/"), 1);
	assert_int_equal(fake_count(f->b, "GET", "/blocks/"), 1);
	assert_int_equal(run_part(f, &e, (struct store_part){2, 3, NULL}, &a), -EBADMSG);
	assert_int_equal(fake_count(f->a, "GET", "/blocks/") + fake_count(f->b, "GET", "/blocks/"), 4);
}

static void block_get_refuses_answers_that_do_not_match_the_requested_part(void **state)
{
	struct fixture *f = *state;
	struct extent e = block_of("content");
	char digest[128];
	struct answer a;
	const char *good = digest_line("nte", digest);
	const char *range = "Content-Range: bytes 2-4/7";
	const struct fake_answer bad[] = {
		{.status = 206, .header = range, .body = "nte"},
		{.status = 206, .second = good, .body = "nte"},
		{.status = 200, .header = range, .second = good, .body = "nte"},
		{.status = 200, .body = "content"},
		{.status = 206, .header = "Content-Range: bytes 1-3/7", .second = good, .body = "nte"},
		{.status = 206, .header = "Content-Range: bytes 2-4/8", .second = good, .body = "nte"},
		{.status = 206, .header = range, .second = good, .body = "nt"},
		{.status = 206, .header = range, .second = good, .body = "nten"},
		{.status = 206, .header = range, .second = "Content-Digest: sha-256=:", .body = "nte"},
		{.status = 206, .header = range, .second = "Content-Digest: sha-256=:AAAA:", .body = "nte"},
		{.status = 206, .header = range, .second = "Content-Digest: sha-512=:AAAA:", .body = "nte"},
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct fake_answer one = bad[i];

		one.method = "GET";
		one.target = "/blocks/";
		one.times = 1;
		fake_add(f->a, &one);
		fake_add(f->b, &one);
		assert_int_equal(run_part(f, &e, (struct store_part){2, 3, NULL}, &a), -EBADMSG);
	}
	assert_int_equal(fake_count(f->a, "GET", "/blocks/"), sizeof(bad) / sizeof(bad[0]));
}

static void block_get_sends_no_request_for_an_invalid_part(void **state)
{
	struct fixture *f = *state;
	struct extent e = block_of("content");
	struct answer a;

	assert_int_equal(run_part(f, &e, (struct store_part){5, 3, NULL}, &a), -EINVAL);
	assert_int_equal(run_part(f, &e, (struct store_part){2, 0, NULL}, &a), -EINVAL);
	e.block_size = BLOCK_BYTES_MAX;
	assert_int_equal(run_part(f, &e, (struct store_part){2, BLOCK_PART_BYTES_MAX + 1}, &a), -EINVAL);
	assert_int_equal(fake_count(f->a, "GET", "/blocks/"), 0);
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
	fake_add(f->b,
		&(struct fake_answer){
			.method = "PUT", .target = "/blocks/", .status = 201, .type = JSON, .body = "{}"});
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

#define CHANGE(seq, key)  \
	"{\"seq\":\"" seq \
	"\",\"op\":\"create\",\"id\":\"30064771080\",\"parent\":\"30064771073\",\"name\":\"n\",\"key\":\"" key "\"}"

static void poll_reports_changes_and_which_of_them_are_own(void **state)
{
	struct fixture *f = *state;
	const struct fake_request *r;
	struct answer a;

	fake_add(f->a,
		&(struct fake_answer){.method = "POST",
			.target = "/changes",
			.times = 1,
			.status = 200,
			.type = JSON,
			.body = "{\"changes\":[" CHANGE("11", "41/1") "," CHANGE(
				"12", "x") "],\"last\":\"12\",\"incarnation\":\"1\"}"});
	fake_add(f->a,
		&(struct fake_answer){.method = "POST",
			.target = "/changes",
			.status = 200,
			.type = JSON,
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
	/* A page that ends before the end of the journal, with a change by another session. */
	assert_int_equal(run_poll(f, &a), 0);
	assert_false(a.own);
	assert_int_equal(a.at.seq, 11);
}

static void poll_reports_the_number_of_other_mounts_and_sends_it_in_the_next_poll(void **state)
{
	struct fixture *f = *state;
	const struct fake_request *r;
	struct answer a;

	fake_add(f->a,
		&(struct fake_answer){.method = "POST",
			.target = "/changes",
			.times = 2,
			.status = 200,
			.type = JSON,
			.body = "{\"changes\":[],\"last\":\"10\",\"incarnation\":\"1\",\"others\":2}"});
	fake_add(f->a,
		&(struct fake_answer){.method = "POST",
			.target = "/changes",
			.status = 200,
			.type = JSON,
			.body = "{\"changes\":[],\"last\":\"10\",\"incarnation\":\"1\",\"others\":-1}"});
	assert_int_equal(run_poll(f, &a), 0);
	assert_true(a.counted);
	assert_int_equal(a.others, 2);
	r = fake_request(f->a, "POST", "/changes", 0);
	assert_null(strstr(r->body, "\"others\""));
	assert_int_equal(run_poll(f, &a), 0);
	r = fake_request(f->a, "POST", "/changes", 1);
	assert_non_null(strstr(r->body, "\"others\":2"));
	assert_int_equal(run_poll(f, &a), -EPROTO);
}

static void poll_reports_a_reset_for_an_answer_that_does_not_continue(void **state)
{
	static const struct {
		int status;
		const char *body;
	} answers[] = {
		{200, "{\"changes\":[" CHANGE("12", "x") "],\"last\":\"12\",\"incarnation\":\"1\"}"},
		{200,
			"{\"changes\":[" CHANGE("11", "x") "," CHANGE(
				"13", "x") "],\"last\":\"13\",\"incarnation\":\"1\"}"},
		{200, "{\"changes\":[],\"last\":\"10\",\"incarnation\":\"2\"}"},
		{200, "{\"changes\":[],\"last\":\"9\",\"incarnation\":\"1\"}"},
		{200, "{\"changes\":[" CHANGE("11", "x") "],\"last\":\"10\",\"incarnation\":\"1\"}"},
		{410, "{\"type\":\"/problems/gone\"}"},
	};
	struct fixture *f = *state;
	struct answer a;

	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++)
		fake_add(f->a,
			&(struct fake_answer){.method = "POST",
				.target = "/changes",
				.times = 1,
				.status = answers[i].status,
				.type = JSON,
				.body = answers[i].body});
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		assert_int_equal(run_poll(f, &a), 0);
		assert_true(a.reset);
		assert_int_equal(a.count, 0);
	}
}

static void a_failed_poll_is_not_repeated_and_the_next_uses_another_gateway(void **state)
{
	struct fixture *f = *state;
	struct answer a;

	fake_add(f->a, &(struct fake_answer){.method = "POST", .target = "/changes", .kind = FAKE_CUT});
	fake_add(f->b,
		&(struct fake_answer){.method = "POST",
			.target = "/changes",
			.status = 200,
			.type = JSON,
			.body = "{\"changes\":[],\"last\":\"10\",\"incarnation\":\"1\"}"});
	assert_true(run_poll(f, &a) < 0);
	assert_int_equal(fake_count(f->b, "POST", "/changes"), 0);
	assert_int_equal(run_poll(f, &a), 0);
	assert_int_equal(fake_count(f->b, "POST", "/changes"), 1);
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

#define TEST(name) cmocka_unit_test_setup_teardown(name, http_setup, http_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(lookup_sends_the_name_and_the_last_position_as_floor),
		TEST(lookup_of_a_missing_name_fails_with_enoent),
		TEST(a_read_that_meets_an_older_view_is_repeated_at_the_same_gateway),
		TEST(a_read_after_a_change_of_incarnation_is_repeated_without_a_floor),
		TEST(a_read_that_fails_at_one_gateway_is_sent_to_the_next),
		TEST(invalid_items_in_an_answer_are_refused_with_eproto),
		TEST(children_are_refused_if_they_are_too_many_or_not_after_the_cursor),
		TEST(truncated_foreign_and_empty_answers_are_refused_with_eproto),
		TEST(extents_that_overlap_or_exceed_the_file_or_a_block_are_refused),
		TEST(xattrs_and_ids_are_parsed_and_wrong_ids_are_refused),
		TEST(a_request_for_ids_without_an_answer_is_repeated_with_the_same_key),
		TEST(block_get_returns_a_block_that_matches_its_hash),
		TEST(block_get_of_wrong_bytes_tries_another_gateway_once_and_then_fails),
		TEST(block_get_verifies_the_hash_of_a_large_block),
		TEST(block_get_does_not_write_past_the_memory_of_the_block),
		TEST(block_get_with_a_refused_capability_is_repeated_without_it),
		TEST(block_get_asks_for_a_part_by_range_and_verifies_its_digest),
		TEST(a_part_with_a_wrong_digest_is_fetched_once_more_before_block_get_fails),
		TEST(block_get_refuses_answers_that_do_not_match_the_requested_part),
		TEST(block_get_sends_no_request_for_an_invalid_part),
		TEST(block_put_sends_the_bytes_under_their_hash),
		TEST(poll_reports_changes_and_which_of_them_are_own),
		TEST(poll_reports_the_number_of_other_mounts_and_sends_it_in_the_next_poll),
		TEST(poll_reports_a_reset_for_an_answer_that_does_not_continue),
		TEST(a_failed_poll_is_not_repeated_and_the_next_uses_another_gateway),
		TEST(metrics_count_bytes_retries_and_failovers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
