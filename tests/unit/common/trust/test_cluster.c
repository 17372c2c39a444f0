#include "common/trust/cluster.h"

#include "common/base/file.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define ZEROS "0000000000000000000000000000000000000000000000000000000000000000"
#define ONES "1111111111111111111111111111111111111111111111111111111111111111"
#define TWOS "2222222222222222222222222222222222222222222222222222222222222222"

#define SPACE "                                                                "
#define MUCH_SPACE SPACE SPACE SPACE SPACE SPACE SPACE SPACE SPACE SPACE SPACE SPACE SPACE SPACE SPACE SPACE SPACE

static char path[32];

static int file_new(void **state)
{
	(void)state;
	snprintf(path, sizeof(path), "/tmp/nephos-test-key.XXXXXX");
	int fd = mkstemp(path);
	return fd < 0 ? -1 : close(fd);
}

static int file_free(void **state)
{
	(void)state;
	return unlink(path);
}

static void write_keys(const char *text)
{
	assert_int_equal(file_write_atomic(path, 0600, span_str(text)), 0);
}

static void each_purpose_gets_a_different_key_from_the_cluster_key(void **state)
{
	uint8_t one[SHA256_BYTES], other[SHA256_BYTES];
	struct cluster *c;
	char hex[SHA256_HEX_SIZE];

	(void)state;
	write_keys(ZEROS "\n");
	assert_int_equal(cluster_new(path, &c), 0);
	assert_int_equal(cluster_derive(c, 0, "nephos-cluster-v1", one), 0);
	/* printf nephos-cluster-v1 | openssl dgst -sha256 -mac HMAC -macopt hexkey:00… */
	for (size_t i = 0; i < sizeof(one); i++)
		snprintf(hex + 2 * i, 3, "%02x", one[i]);
	assert_string_equal(hex, "bcb5fc2063fcb29b103fd462c3b7079ec701b470e21b4e0967c20ff82ac79636");
	assert_int_equal(cluster_derive(c, 0, "nephos-cap-v1", other), 0);
	assert_memory_not_equal(one, other, sizeof(one));
	assert_int_equal(cluster_derive(c, 1, "nephos-cap-v1", other), -ENOENT);
	cluster_free(c);
}

static void a_key_file_that_others_can_read_is_refused(void **state)
{
	struct cluster *c;

	(void)state;
	assert_int_equal(file_write_atomic(path, 0640, SPAN_LITERAL(ZEROS)), 0);
	assert_int_equal(cluster_new(path, &c), -EPERM);
}

static void a_malformed_or_missing_key_file_is_refused(void **state)
{
	static const char *const texts[] = {"", "\n\n", "00", ZEROS "0", "x" ZEROS, ZEROS "\n" ZEROS,
		ZEROS "\nnonsense", ZEROS MUCH_SPACE,
		ZEROS "\n" ONES "\n" TWOS "\n3333333333333333333333333333333333333333333333333333333333333333\n"
		      "4444444444444444444444444444444444444444444444444444444444444444\n"};
	struct cluster *c;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		write_keys(texts[i]);
		if (cluster_new(path, &c) != -EINVAL)
			fail_msg("%s", texts[i]);
	}
	assert_int_equal(cluster_new("/nonexistent", &c), -ENOENT);
}

static void cluster_reload_replaces_the_keys_and_ignores_a_malformed_file(void **state)
{
	struct hello_keys keys, before;
	struct cluster *c;

	(void)state;
	write_keys(ZEROS);
	assert_int_equal(cluster_new(path, &c), 0);
	const uint64_t first = cluster_hello_keys(c, &before);
	assert_int_equal(before.count, 1);
	assert_int_equal(cluster_reload(c), 0);
	assert_int_equal(cluster_generation(c), first); /* nothing changed */

	write_keys(ONES "\r\n" ZEROS "\n\n");
	assert_int_equal(cluster_reload(c), 0);
	assert_int_equal(cluster_hello_keys(c, &keys), first + 1);
	assert_int_equal(keys.count, 2);
	assert_memory_not_equal(&keys.list[0], &before.list[0], sizeof(keys.list[0]));
	assert_memory_equal(&keys.list[1], &before.list[0], sizeof(keys.list[0]));

	/* A file without good keys takes no key away. */
	write_keys("nonsense");
	assert_int_equal(cluster_reload(c), -EINVAL);
	assert_int_equal(cluster_hello_keys(c, &keys), first + 1);
	assert_int_equal(keys.count, 2);
	cluster_free(c);
}

#define with_file(test) cmocka_unit_test_setup_teardown(test, file_new, file_free)

int main(void)
{
	const struct CMUnitTest tests[] = {
		with_file(each_purpose_gets_a_different_key_from_the_cluster_key),
		with_file(a_key_file_that_others_can_read_is_refused),
		with_file(a_malformed_or_missing_key_file_is_refused),
		with_file(cluster_reload_replaces_the_keys_and_ignores_a_malformed_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
