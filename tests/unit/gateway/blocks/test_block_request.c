/* What the GET of a block asks for, from a client and from another gateway. */
#include "common/base/clock.h"
#include "gateway/blocks/block_request.h"

#include "common/base/error.h"
#include "common/base/text.h"
#include "gateway/blocks/block_peer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define HEX "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static void the_hash_of_a_block_is_the_last_segment_of_its_path(void **state)
{
	static const char *const NONE[] = {"", "/", "/blocks/", "/blocks/" HEX "0", "/blocks/" HEX "/", "/blacks/" HEX,
		"/blocks/x" HEX, "/blocks?/blocks/" HEX, HEX, "/blocks/%65" HEX};
	uint8_t hash[SHA256_BYTES] = {0};
	char text[SHA256_HEX_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(NONE) / sizeof(*NONE); i++)
		if (block_request_hash(NONE[i], hash))
			fail_msg("%s", NONE[i]);
	assert_true(block_request_hash("/api/v2/docs/drives/7/blocks/" HEX "?cap=1.2.3", hash));
	text_hex(hash, sizeof(hash), text);
	assert_string_equal(text, HEX);
}

static void only_a_single_range_of_at_most_1_mib_is_accepted(void **state)
{
	static const char *const NONE[] = {"", "bytes", "bytes=", "bytes=-", "bytes=1-", "bytes=-1", "bytes=2-1",
		"bytes=0-1,3-4", "bytes= 0-1", "bytes=0-1048576", "bytes=0-4194304", "bytes=0-99999999999999999999",
		"octets=0-1", "bytes=0x1-2", "bytes=+1-2"};
	struct block_request_part part;

	(void)state;
	for (size_t i = 0; i < sizeof(NONE) / sizeof(*NONE); i++)
		if (block_request_part(NONE[i], &part))
			fail_msg("%s", NONE[i]);
	assert_true(block_request_part(NULL, &part));
	assert_true(part.whole);
	assert_true(block_request_part("bytes=5-5", &part));
	assert_true(!part.whole && part.from == 5 && part.len == 1);
	assert_true(block_request_part("bytes=3145728-4194303", &part));
	assert_true(part.from == 3145728 && part.len == 1048576);
}

static void a_capability_is_valid_for_one_block_of_one_drive_only(void **state)
{
	const uint8_t key[SHA256_BYTES] = {9}, other_key[SHA256_BYTES] = {8};
	struct cluster *cluster = NULL, *strangers = NULL;
	struct service_clock *clock;
	struct block_caps *caps = NULL, *theirs = NULL;
	struct block_name name = {.drive = 7, .generation = 12}, read = {.drive = 0};
	char cap[CAP_TEXT_SIZE], forged[CAP_TEXT_SIZE];

	(void)state;
	assert_int_equal(cluster_new_of(key, &cluster), 0);
	assert_int_equal(cluster_new_of(other_key, &strangers), 0);
	assert_int_equal(service_clock_new(&clock), 0);
	assert_int_equal(block_caps_new(cluster, clock, &caps), 0);
	assert_int_equal(block_caps_new(strangers, clock, &theirs), 0);
	assert_int_equal(text_unhex(span_str(HEX), name.sha256, sizeof(name.sha256)), 0);
	assert_int_equal(block_caps_sign(caps, &name, cap), 0);
	assert_int_equal(block_caps_sign(theirs, &name, forged), 0);
	const struct block_peer_question good = {.sha256 = span_str(HEX), .drive = "7", .cap = cap};
	assert_int_equal(block_peer_read(caps, &good, &read), 0);
	assert_int_equal(read.drive, 7);
	assert_int_equal(read.generation, 12);
	assert_memory_equal(read.sha256, name.sha256, sizeof(read.sha256));
	const struct {
		struct block_peer_question question;
		int error;
	} rows[] = {
		{{span_str(HEX), "8", cap}, -ERR_FORBIDDEN},
		{{span_str(HEX), "7", forged}, -ERR_FORBIDDEN},
		{{span_str(HEX), "7", NULL}, -ERR_FORBIDDEN},
		{{span_str(HEX), "7", ""}, -ERR_FORBIDDEN},
		{{span_str(HEX), NULL, cap}, -ERR_BAD_REQUEST},
		{{span_str(HEX), "07", cap}, -ERR_BAD_REQUEST},
		{{span_str(HEX), "2147483648", cap}, -ERR_BAD_REQUEST},
		{{span_str("00"), "7", cap}, -ERR_NOT_FOUND},
		{{span_str("f3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"), "7", cap},
			-ERR_FORBIDDEN},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if (block_peer_read(caps, &rows[i].question, &read) != rows[i].error)
			fail_msg("row %zu", i);
	block_caps_free(caps);
	block_caps_free(theirs);
	block_caps_free(NULL);
	service_clock_free(clock);
	cluster_free(cluster);
	cluster_free(strangers);
}

static void a_gateway_whose_clock_is_behind_signs_capabilities_that_are_valid(void **state)
{
	const uint8_t key[SHA256_BYTES] = {9}, sha256[SHA256_BYTES] = {1};
	struct cluster *cluster = NULL;
	struct service_clock *clock;
	struct block_caps *caps = NULL;
	struct block_name name = {.drive = 7, .generation = 12};
	struct cap_key derived;
	char cap[CAP_TEXT_SIZE];
	int64_t generation = 0;

	(void)state;
	assert_int_equal(cluster_new_of(key, &cluster), 0);
	assert_int_equal(cluster_derive(cluster, 0, CAP_LABEL, derived.bytes), 0);
	assert_int_equal(service_clock_new(&clock), 0);
	assert_int_equal(block_caps_new(cluster, clock, &caps), 0);
	memcpy(name.sha256, sha256, sizeof(sha256));
	/* The clock of the services says that it is the year 2040. */
	service_clock_hear(clock, "Sun, 01 Jan 2040 00:00:00 GMT", clock_boot_ns());
	assert_int_equal(block_caps_sign(caps, &name, cap), 0);
	assert_int_equal(cap_check(&derived, 7, sha256, span_str(cap), 2208988800, &generation), 0);
	assert_int_equal(generation, 12);
	assert_int_equal(block_caps_check(caps, &name, span_str(cap)), 0);
	block_caps_free(caps);
	service_clock_free(clock);
	cluster_free(cluster);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_hash_of_a_block_is_the_last_segment_of_its_path),
		cmocka_unit_test(only_a_single_range_of_at_most_1_mib_is_accepted),
		cmocka_unit_test(a_capability_is_valid_for_one_block_of_one_drive_only),
		cmocka_unit_test(a_gateway_whose_clock_is_behind_signs_capabilities_that_are_valid),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
