#include "fusefs/ops/device.h"

#include <linux/fuse.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define STATX_OPCODE 52
#define MMAP_FLAG2 (1u << 4)

static union {
	struct fuse_in_header head;
	char bytes[512];
} request;

/* A request as the kernel sends it. size is that of the body. */
static size_t send(uint32_t opcode, const void *body, size_t size, size_t room)
{
	struct device_init init = {0};

	memset(&request, 0xa5, sizeof(request));
	request.head = (struct fuse_in_header){.opcode = opcode,
		.unique = 42,
		.nodeid = 7,
		.uid = 1000,
		.pid = 3,
		.len = (uint32_t)(sizeof(request.head) + size)};
	memcpy(request.bytes + sizeof(request.head), body, size);
	return device_request(&init, &request, request.head.len, room);
}

static const void *body(void)
{
	return request.bytes + sizeof(request.head);
}

static void assert_translated(uint32_t opcode, size_t size, size_t returned)
{
	assert_int_equal(request.head.opcode, opcode);
	assert_int_equal(returned, sizeof(request.head) + size);
	assert_int_equal(request.head.len, returned);
	assert_int_equal(request.head.unique, 42);
	assert_int_equal(request.head.nodeid, 7);
	assert_int_equal(request.head.uid, 1000);
	assert_int_equal(request.head.pid, 3);
}

static void device_request_turns_statx_into_a_getattr_with_a_marked_handle(void **state)
{
	static const char in[24];
	size_t size = send(STATX_OPCODE, in, sizeof(in), sizeof(request));
	struct fuse_getattr_in got;

	(void)state;
	assert_translated(FUSE_GETATTR, sizeof(got), size);
	memcpy(&got, body(), sizeof(got));
	assert_true(got.getattr_flags & FUSE_GETATTR_FH);
	assert_int_equal(got.fh, DEVICE_STATX);
}

static void device_request_turns_syncfs_into_an_fsyncdir_with_a_marked_handle(void **state)
{
	static const char in[8];
	size_t size = send(FUSE_SYNCFS, in, sizeof(in), sizeof(request));
	struct fuse_fsync_in got;

	(void)state;
	assert_translated(FUSE_FSYNCDIR, sizeof(got), size);
	memcpy(&got, body(), sizeof(got));
	assert_int_equal(got.fh, DEVICE_SYNCFS);
}

static void device_request_turns_tmpfile_into_a_create_with_an_impossible_name(void **state)
{
	struct {
		struct fuse_create_in create;
		char name[4];
	} in = {.create = {.flags = 2, .mode = 0100600, .umask = 022}, .name = "#1"};
	size_t size = send(FUSE_TMPFILE, &in, sizeof(in), sizeof(request));
	struct fuse_create_in got;

	(void)state;
	assert_translated(FUSE_CREATE, sizeof(got) + sizeof(DEVICE_NO_NAME), size);
	memcpy(&got, body(), sizeof(got));
	assert_memory_equal(&got, &in.create, sizeof(got));
	assert_string_equal((const char *)body() + sizeof(got), DEVICE_NO_NAME);
}

static void device_request_does_not_change_requests_that_are_short_or_lack_room(void **state)
{
	static const char in[64];
	static const struct {
		uint32_t opcode;
		size_t size, room;
	} cases[] = {{STATX_OPCODE, 23, sizeof(request)}, {STATX_OPCODE, 0, sizeof(request)},
		{FUSE_TMPFILE, 15, sizeof(request)}, {FUSE_TMPFILE, 16, 57}, {FUSE_SYNCFS, 8, 55},
		{FUSE_LOOKUP, 2, sizeof(request)}, {77, 64, sizeof(request)}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(
			send(cases[i].opcode, in, cases[i].size, cases[i].room), sizeof(request.head) + cases[i].size);
		assert_int_equal(request.head.opcode, cases[i].opcode);
	}
}

/* The reply to an INIT for which the library answers `out`, when the kernel offered these flags. Returns the count
 * of pieces. */
static int answer(uint32_t offered, uint32_t offered2, struct fuse_init_out *out, uint64_t unique)
{
	struct fuse_init_in in = {.major = 7, .minor = 45, .flags = offered, .flags2 = offered2};
	struct fuse_out_header head = {.len = DEVICE_INIT_REPLY_BYTES, .unique = unique};
	struct iovec iov[2] = {{&head, sizeof(head)}, {out, sizeof(*out)}};
	char storage[DEVICE_INIT_REPLY_BYTES];
	struct device_init init = {0};
	int count;

	request.head =
		(struct fuse_in_header){.opcode = FUSE_INIT, .unique = 2, .len = sizeof(request.head) + sizeof(in)};
	memcpy(request.bytes + sizeof(request.head), &in, sizeof(in));
	assert_int_equal(device_request(&init, &request, request.head.len, sizeof(request)), request.head.len);
	count = device_reply(&init, iov, 2, storage);
	if (count == 1) {
		assert_int_equal(iov[0].iov_len, DEVICE_INIT_REPLY_BYTES);
		memcpy(out, storage + sizeof(head), sizeof(*out));
	}
	return count;
}

static void the_init_reply_turns_on_mmap_of_o_direct_files_if_the_kernel_offers_it(void **state)
{
	struct fuse_init_out out = {
		.flags = FUSE_ASYNC_READ, .flags2 = 0xffff /* to be ignored: the library did not set FUSE_INIT_EXT */};

	(void)state;
	assert_int_equal(answer(FUSE_INIT_EXT | FUSE_ASYNC_READ, MMAP_FLAG2 | 1, &out, 2), 1);
	assert_int_equal(out.flags, FUSE_ASYNC_READ | FUSE_INIT_EXT);
	assert_int_equal(out.flags2, MMAP_FLAG2);
	out = (struct fuse_init_out){.flags = FUSE_INIT_EXT, .flags2 = 1};
	assert_int_equal(answer(FUSE_INIT_EXT, MMAP_FLAG2 | 1, &out, 2), 1);
	assert_int_equal(out.flags2, MMAP_FLAG2 | 1);
}

static void the_init_reply_stays_unchanged_without_the_offer_or_for_another_request(void **state)
{
	struct fuse_init_out out = {.flags = FUSE_ASYNC_READ};

	(void)state;
	assert_int_equal(answer(FUSE_INIT_EXT, 1, &out, 2), 2);
	assert_int_equal(answer(FUSE_ASYNC_READ, MMAP_FLAG2, &out, 2), 2);
	assert_int_equal(answer(FUSE_INIT_EXT, MMAP_FLAG2, &out, 4), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(device_request_turns_statx_into_a_getattr_with_a_marked_handle),
		cmocka_unit_test(device_request_turns_syncfs_into_an_fsyncdir_with_a_marked_handle),
		cmocka_unit_test(device_request_turns_tmpfile_into_a_create_with_an_impossible_name),
		cmocka_unit_test(device_request_does_not_change_requests_that_are_short_or_lack_room),
		cmocka_unit_test(the_init_reply_turns_on_mmap_of_o_direct_files_if_the_kernel_offers_it),
		cmocka_unit_test(the_init_reply_stays_unchanged_without_the_offer_or_for_another_request),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
