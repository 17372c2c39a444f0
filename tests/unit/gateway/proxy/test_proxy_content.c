/* Long content, and blocks, that are sent from memory, by gateways that are the homes of drives. The service is
 * service_content.h. */
#include "common/base/clock.h"
#include "common/base/text.h"
#include "common/proto/headers.h"
#include "gateway/blocks/block_caps.h"
#include "tests/unit/gateway/service.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define PATH "files/a"
#define READERS 8

static struct service_content *content_of(struct front *f)
{
	return &front_drive(f)->content;
}

#define SET(f, field, value)                                \
	do {                                                \
		pthread_mutex_lock(&content_of(f)->lock);   \
		content_of(f)->field = (value);             \
		pthread_mutex_unlock(&content_of(f)->lock); \
	} while (0)

static bool says(const char *text)
{
	return strstr(front_answer(), text) != NULL;
}

static void assert_says(const char *text)
{
	if (!says(text))
		fail_msg("not \"%s\": %.600s", text, front_answer());
}

static const char *body(void)
{
	const char *end = strstr(front_answer(), "\r\n\r\n");

	assert_non_null(end);
	return end + 4;
}

static void assert_body(int version, size_t from, size_t len)
{
	char *bytes = malloc(SERVICE_CONTENT_SIZE);

	service_content_bytes(version, bytes);
	assert_memory_equal(body(), bytes + from, len);
	free(bytes);
}

/* How many reads, and requests for blocks, the service has had. */
struct asked {
	int reads, blocks;
};

static struct asked count(struct front *f)
{
	return (struct asked){gate_count(&front_drive(f)->reads), gate_count(&content_of(f)->asked)};
}

static void assert_asked(struct front *f, struct asked before, int reads, int blocks)
{
	const struct asked now = count(f);

	if (now.reads != before.reads + reads || now.blocks != before.blocks + blocks)
		fail_msg("asked for %d and %d blocks, not %d and %d", now.reads - before.reads,
			now.blocks - before.blocks, reads, blocks);
}

/* Makes a new version, so that no block of it is cached anywhere. */
static unsigned new_long_content(struct front *f)
{
	const unsigned drive = front_new_home(f);

	SET(f, long_, true);
	return drive;
}

static int version_of(struct front *f)
{
	return front_drive(f)->version;
}

static void long_content_is_assembled_from_blocks_once_and_then_given_from_memory(void **state)
{
	struct front *f = *state;
	const unsigned drive = new_long_content(f);
	const struct asked before = count(f);

	assert_int_equal(front_ask_drive(f, "GET", drive, PATH, ""), 200);
	assert_says("Cache-Status: g; fwd=miss; stored\r\n");
	assert_body(version_of(f), 0, SERVICE_CONTENT_SIZE);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(front_ask_drive(f, "GET", drive, PATH, ""), 200);
		assert_says("Cache-Status: g; hit\r\n");
		assert_says("Content-Type: text/x-long\r\n");
		assert_says("Content-Length: 240050\r\n");
		assert_says("ETag: \"v");
		assert_body(version_of(f), 0, SERVICE_CONTENT_SIZE);
		assert_false(says("Nephos-Content") || says("Nephos-Tags") || says("vnd.nephos.extents"));
	}
	assert_asked(f, before, 1, SERVICE_CONTENT_BLOCKS);
}

static void assert_document(int version)
{
	size_t size;
	char *document = service_content_document(version, &size);
	char length[64];

	(void)snprintf(length, sizeof(length), "Content-Length: %zu\r\n", size);
	assert_says(length);
	assert_memory_equal(body(), document, size);
	free(document);
}

static void a_long_text_is_sent_within_its_json_from_the_kept_list_of_blocks(void **state)
{
	struct front *f = *state;
	const unsigned drive = new_long_content(f);
	const struct asked before = count(f);

	SET(f, text, true);
	assert_int_equal(front_ask_drive(f, "GET", drive, PATH, ""), 200);
	assert_says("Cache-Status: g; fwd=miss; stored\r\n");
	assert_document(version_of(f));
	for (int i = 0; i < 2; i++) {
		/* No answer says that there are parts of it. */
		assert_int_equal(front_ask_drive(f, "GET", drive, PATH, "Range: bytes=0-9\r\n"), 200);
		assert_says("Cache-Status: g; hit\r\n");
		assert_says("Content-Type: text/x-long\r\n");
		assert_document(version_of(f));
		assert_false(says("Nephos-Content") || says("vnd.nephos"));
	}
	assert_asked(f, before, 1, SERVICE_CONTENT_BLOCKS);
}

static void a_long_text_with_a_damaged_list_is_asked_for_as_it_is(void **state)
{
	struct front *f = *state;
	const unsigned drive = new_long_content(f);

	SET(f, text, true);
	SET(f, damaged, true);
	assert_int_equal(front_ask_drive(f, "GET", drive, PATH, ""), 200);
	assert_document(version_of(f));
}

static void ranges_conditions_and_head_requests_are_answered_from_the_kept_list_of_blocks(void **state)
{
	struct front *f = *state;
	const unsigned drive = new_long_content(f);
	char condition[64];

	/* The first request is for a part. From then on the whole list of blocks is cached, and the blocks of that
	 * part. */
	const struct asked before = count(f);
	assert_int_equal(front_ask_drive(f, "GET", drive, PATH, "Range: bytes=59990-60009\r\n"), 206);
	assert_says("Content-Range: bytes 59990-60009/240050\r\n");
	assert_body(version_of(f), 59990, 20);
	assert_asked(f, before, 1, 2);
	assert_int_equal(front_ask_drive(f, "GET", drive, PATH, "Range: bytes=179990-240049\r\n"), 206);
	assert_body(version_of(f), 179990, 60060);
	assert_int_equal(front_ask_drive(f, "GET", drive, PATH, "Range: bytes=100-101,-1\r\n"), 206);
	assert_says("Content-Type: multipart/byteranges; boundary=");
	assert_says("Content-Range: bytes 240049-240049/240050\r\n");
	assert_int_equal(front_ask_drive(f, "GET", drive, PATH, "Range: bytes=240050-\r\n"), 416);
	assert_says("Content-Range: bytes */240050\r\n");
	assert_int_equal(front_ask_drive(f, "GET", drive, PATH, "Range: bytes=0-0\r\nIf-Range: \"other\"\r\n"), 200);
	(void)snprintf(condition, sizeof(condition), "If-None-Match: \"v%d\"\r\n", version_of(f));
	assert_int_equal(front_ask_drive(f, "GET", drive, PATH, condition), 304);
	assert_int_equal(front_ask_drive(f, "GET", drive, PATH, "If-Match: \"other\"\r\n"), 412);
	/* 0: the connection ends with the head, although that has the length of the content. */
	assert_int_equal(front_ask_drive(f, "HEAD", drive, PATH, "Connection: close\r\n"), 0);
	assert_says("HTTP/1.1 200");
	assert_says("Content-Length: 240050\r\n");
	assert_string_equal(body(), "");
	assert_asked(f, before, 1, SERVICE_CONTENT_BLOCKS);
}

static void a_read_after_a_change_gets_the_new_long_content(void **state)
{
	struct front *f = *state;
	const unsigned drive = new_long_content(f);

	for (int i = 0; i < 3; i++) {
		assert_int_equal(front_ask_drive(f, "GET", drive, PATH, ""), 200);
		assert_body(version_of(f), 0, SERVICE_CONTENT_SIZE);
		assert_int_equal(front_ask_drive(f, "PUT", drive, PATH, "Content-Length: 0\r\n"), 200);
		assert_int_equal(front_ask_drive(f, "GET", drive, PATH, "Range: bytes=120000-120099\r\n"), 206);
		assert_body(version_of(f), 120000, 100);
	}
}

static void a_list_of_blocks_without_tags_is_used_but_not_kept(void **state)
{
	struct front *f = *state;
	const unsigned drive = new_long_content(f);
	const struct asked before = count(f);

	FRONT_SET(f, tags, NULL);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(front_ask_drive(f, "GET", drive, PATH, ""), 200);
		assert_says("Cache-Status: g; fwd=miss\r\n");
		assert_body(version_of(f), 0, SERVICE_CONTENT_SIZE);
	}
	assert_asked(f, before, 2, SERVICE_CONTENT_BLOCKS);
}

static void with_a_damaged_list_of_blocks_the_service_is_asked_for_the_content(void **state)
{
	struct front *f = *state;
	const unsigned drive = new_long_content(f);
	const struct asked before = count(f);

	SET(f, damaged, true);
	assert_int_equal(front_ask_drive(f, "GET", drive, PATH, ""), 200);
	assert_body(version_of(f), 0, SERVICE_CONTENT_SIZE);
	assert_asked(f, before, 2, 0);
}

static void an_answer_is_cut_when_a_block_is_wrong_or_missing(void **state)
{
	struct front *f = *state;
	const unsigned drive = new_long_content(f);

	SET(f, wrong, true);
	assert_int_equal(front_ask_drive(f, "GET", drive, PATH, ""), 0);
	SET(f, wrong, false);
	SET(f, gone, true);
	assert_int_equal(front_ask_drive(f, "GET", drive, PATH, ""), 0);
	/* Nothing of the failed answers was kept. */
	SET(f, gone, false);
	assert_int_equal(front_ask_drive(f, "GET", drive, PATH, ""), 200);
	assert_body(version_of(f), 0, SERVICE_CONTENT_SIZE);
}

/* ---- blocks ---- */

/* The service answers any request for a block with the whole content, so that its answer is not taken for the block. */
static void assert_service_answers(struct front *f, unsigned drive, const char *path, const char *more)
{
	assert_int_equal(front_ask_drive(f, "GET", drive, path, more), 200);
	assert_says("Content-Length: 240050\r\n");
	assert_false(says("; hit"));
	assert_body(version_of(f), 0, SERVICE_CONTENT_SIZE);
}

/* Makes the path of block 0 with a capability for that drive. Services send no tags with blocks. */
static void make_path(struct front *f, unsigned drive, char ret[256])
{
	struct block_name name = {.drive = drive, .generation = 1};
	struct service_clock *clock;
	struct block_caps *caps = NULL;
	char hex[SHA256_HEX_SIZE], cap[CAP_TEXT_SIZE];

	service_content_hash(version_of(f), 0, name.sha256);
	assert_int_equal(service_clock_new(&clock), 0);
	assert_int_equal(block_caps_new(f->cluster, clock, &caps), 0);
	assert_int_equal(block_caps_sign(caps, &name, cap), 0);
	block_caps_free(caps);
	service_clock_free(clock);
	text_hex(name.sha256, sizeof(name.sha256), hex);
	(void)snprintf(ret, 256, "blocks/%s?cap=%s", hex, cap);
	FRONT_SET(f, tags, NULL);
}

static void a_block_answer_that_breaks_off_is_requested_again(void **state)
{
	struct front *f = *state;
	unsigned drive = new_long_content(f);
	const struct asked before = count(f);

	SET(f, cuts, 1);
	assert_int_equal(front_ask_drive(f, "GET", drive, PATH, ""), 200);
	assert_body(version_of(f), 0, SERVICE_CONTENT_SIZE);
	assert_asked(f, before, 1, SERVICE_CONTENT_BLOCKS + 1);
	drive = new_long_content(f);
	SET(f, cuts, 1000);
	assert_int_equal(front_ask_drive(f, "GET", drive, PATH, ""), 0);
}

static void a_block_is_given_from_memory_for_a_valid_capability(void **state)
{
	struct front *f = *state;
	const unsigned drive = new_long_content(f);
	const struct asked before = count(f);
	char path[256];

	make_path(f, drive, path);
	assert_int_equal(front_ask_drive(f, "GET", drive, path, ""), 200);
	assert_says("Cache-Status: g; fwd=miss; stored\r\n");
	assert_body(version_of(f), 0, SERVICE_CONTENT_BLOCK);
	assert_int_equal(front_ask_drive(f, "GET", drive, path, ""), 200);
	assert_says("Cache-Status: g; hit\r\n");
	assert_says("immutable");
	assert_body(version_of(f), 0, SERVICE_CONTENT_BLOCK);
	assert_int_equal(front_ask_drive(f, "GET", drive, path, "Range: bytes=100-199\r\n"), 206);
	assert_says("Content-Digest: sha-256=:");
	assert_says("Content-Range: bytes 100-199/60000\r\n");
	assert_body(version_of(f), 100, 100);
	assert_asked(f, before, 0, 1);
}

static void a_block_request_without_a_valid_capability_goes_to_the_service(void **state)
{
	struct front *f = *state;
	const unsigned drive = new_long_content(f);
	char path[256], request[512], text[4096];

	make_path(f, drive, path);
	assert_int_equal(front_ask_drive(f, "GET", drive, path, ""), 200);
	const struct asked before = count(f);
	path[strlen(path) - 1] = (char)(path[strlen(path) - 1] == '0' ? '1' : '0');
	assert_service_answers(f, drive, path, "");
	make_path(f, drive + 1, path);
	assert_service_answers(f, drive, path, "");
	*strchr(path, '?') = '\0';
	assert_service_answers(f, drive, path, "");
	/* To a user who does not own the drive this gateway gives nothing from memory. */
	make_path(f, drive, path);
	SET(f, long_, false);
	(void)snprintf(request, sizeof(request),
		"GET /api/v2/docs/drives/%u/%s HTTP/1.1\r\nHost: g\r\nAuthorization: Bearer root\r\n\r\n", drive, path);
	assert_int_equal(wire_ask(f->port, request, text, sizeof(text)), 200);
	assert_null(strstr(text, "; hit"));
	assert_asked(f, before, 4, 0);
}

static void a_whole_block_is_fetched_only_for_the_second_request_of_a_part(void **state)
{
	struct front *f = *state;
	const unsigned drive = new_long_content(f);
	const struct asked before = count(f);
	char path[256];

	make_path(f, drive, path);
	assert_service_answers(f, drive, path, "Range: bytes=0-9\r\n");
	assert_asked(f, before, 1, 0);
	assert_int_equal(front_ask_drive(f, "GET", drive, path, "Range: bytes=10-19\r\n"), 206);
	assert_body(version_of(f), 10, 10);
	assert_asked(f, before, 1, 1);
}

static void a_request_for_a_wrong_or_missing_block_is_passed_to_the_service(void **state)
{
	struct front *f = *state;
	const unsigned drive = new_long_content(f);
	const struct asked before = count(f);
	char path[256];

	make_path(f, drive, path);
	SET(f, wrong, true);
	assert_service_answers(f, drive, path, "");
	SET(f, gone, true);
	assert_service_answers(f, drive, path, "");
	assert_asked(f, before, 2, 2);
}

struct reader {
	pthread_t thread;
	uint16_t port;
	char request[512];
	int status;
	char text[SERVICE_CONTENT_SIZE + 4096];
};

static void *read_it(void *cookie)
{
	struct reader *r = cookie;

	r->status = wire_ask(r->port, r->request, r->text, sizeof(r->text));
	return NULL;
}

static void readers_of_the_same_block_share_one_fetch(void **state)
{
	struct front *f = *state;
	const unsigned drive = new_long_content(f);
	struct reader *readers = calloc(READERS, sizeof(*readers));
	const struct asked before = count(f);
	struct gate let_on;
	char path[256];

	gate_init(&let_on);
	SET(f, let_on, &let_on);
	make_path(f, drive, path);
	for (int i = 0; i < READERS; i++) {
		readers[i].port = f->port;
		(void)snprintf(readers[i].request, sizeof(readers[i].request),
			"GET /api/v2/docs/drives/%u/%s HTTP/1.1\r\nHost: g\r\nAuthorization: Bearer anna\r\n\r\n",
			drive, path);
		assert_int_equal(pthread_create(&readers[i].thread, NULL, read_it, &readers[i]), 0);
	}
	assert_true(gate_wait(&content_of(f)->asked, before.blocks + 1));
	gate_open(&let_on);
	for (int i = 0; i < READERS; i++) {
		(void)pthread_join(readers[i].thread, NULL);
		assert_int_equal(readers[i].status, 200);
	}
	assert_asked(f, before, 0, 1);
	free(readers);
}

/* A reader that waits for the list finds it in memory then. No reader receives the list itself. */
static void readers_of_the_same_long_content_share_one_request(void **state)
{
	struct front *f = *state;
	const unsigned drive = new_long_content(f);
	struct reader *readers = calloc(READERS, sizeof(*readers));
	const struct asked before = count(f);

	FRONT_SET(f, reads_wait, true);
	for (int i = 0; i < READERS; i++) {
		readers[i].port = f->port;
		(void)snprintf(readers[i].request, sizeof(readers[i].request),
			"GET /api/v2/docs/drives/%u/" PATH " HTTP/1.1\r\nHost: g\r\nAuthorization: Bearer anna\r\n\r\n",
			drive);
		assert_int_equal(pthread_create(&readers[i].thread, NULL, read_it, &readers[i]), 0);
	}
	front_await(f, "/metrics", "\nnephos_gateway_reads_waiting 7\n");
	service_drive_release_reads(front_drive(f));
	for (int i = 0; i < READERS; i++) {
		pthread_join(readers[i].thread, NULL);
		assert_int_equal(readers[i].status, 200);
		assert_non_null(strstr(readers[i].text, "Content-Type: text/x-long\r\n"));
		assert_null(strstr(readers[i].text, "Nephos-Content"));
	}
	assert_int_equal(count(f).reads, before.reads + 1);
	free(readers);
}

/* ---- two gateways ---- */

static void blocks_read_through_one_of_two_gateways_are_kept_on_both(void **state)
{
	struct front *f = *state;
	const unsigned drive = new_long_content(f);

	/* Whichever gateway is the home: both own each block, as there are only two gateways. */
	const struct asked before = count(f);
	assert_int_equal(front_ask_drive(f, "GET", drive, PATH, ""), 200);
	assert_body(version_of(f), 0, SERVICE_CONTENT_SIZE);
	front_await(f, "/metrics", "nephos_gateway_block_cache_blocks 3\n");
	front_await(f->other, "/metrics", "nephos_gateway_block_cache_blocks 3\n");
	assert_asked(f, before, 1, SERVICE_CONTENT_BLOCKS);
}

#define test(f) cmocka_unit_test_setup(f, front_reset_drive)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(long_content_is_assembled_from_blocks_once_and_then_given_from_memory),
		test(a_long_text_is_sent_within_its_json_from_the_kept_list_of_blocks),
		test(a_long_text_with_a_damaged_list_is_asked_for_as_it_is),
		test(ranges_conditions_and_head_requests_are_answered_from_the_kept_list_of_blocks),
		test(a_read_after_a_change_gets_the_new_long_content),
		test(a_list_of_blocks_without_tags_is_used_but_not_kept),
		test(with_a_damaged_list_of_blocks_the_service_is_asked_for_the_content),
		test(an_answer_is_cut_when_a_block_is_wrong_or_missing),
		test(a_block_answer_that_breaks_off_is_requested_again),
		test(a_block_is_given_from_memory_for_a_valid_capability),
		test(a_block_request_without_a_valid_capability_goes_to_the_service),
		test(a_whole_block_is_fetched_only_for_the_second_request_of_a_part),
		test(a_request_for_a_wrong_or_missing_block_is_passed_to_the_service),
		test(readers_of_the_same_block_share_one_fetch),
		test(readers_of_the_same_long_content_share_one_request),
	};
	const struct CMUnitTest two[] = {
		test(blocks_read_through_one_of_two_gateways_are_kept_on_both),
	};
	const int failed = cmocka_run_group_tests(tests, front_setup_home, front_teardown);

	return failed + cmocka_run_group_tests(two, front_setup_homes, front_teardown);
}
