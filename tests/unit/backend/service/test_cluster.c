#include "backend/service/cluster.h"

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

#define PROOF_OF_ZEROS "bcb5fc2063fcb29b103fd462c3b7079ec701b470e21b4e0967c20ff82ac79636"

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

static void the_proof_is_an_hmac_of_the_key(void **state)
{
	struct cluster c;
	uint8_t derived[SHA256_BYTES], again[SHA256_BYTES];

	(void)state;
	assert_int_equal(file_write_atomic(path, 0600,
				 SPAN_LITERAL("0000000000000000000000000000000000000000000000000000000000000000\n")),
		0);
	assert_int_equal(cluster_load(path, &c), 0);
	/* printf nephos-cluster-v1 | openssl dgst -sha256 -mac HMAC -macopt hexkey:00… */
	assert_string_equal(c.proof, PROOF_OF_ZEROS);
	assert_true(cluster_admits(&c, PROOF_OF_ZEROS));
	assert_false(cluster_admits(&c, NULL));
	assert_false(cluster_admits(&c, ""));
	assert_false(cluster_admits(&c, PROOF_OF_ZEROS "0"));
	assert_int_equal(cluster_derive(&c, "nephos-cluster-v1", derived), 0);
	assert_int_equal(cluster_derive(&c, "nephos-cap-v1", again), 0);
	assert_memory_not_equal(derived, again, SHA256_BYTES);
}

static void a_key_that_others_can_read_is_refused(void **state)
{
	struct cluster c;

	(void)state;
	assert_int_equal(file_write_atomic(path, 0640,
				 SPAN_LITERAL("0000000000000000000000000000000000000000000000000000000000000000")),
		0);
	assert_int_equal(cluster_load(path, &c), -EPERM);
}

static void what_is_no_key_is_refused(void **state)
{
	struct cluster c;

	(void)state;
	assert_int_equal(file_write_atomic(path, 0600, SPAN_LITERAL("00")), 0);
	assert_int_equal(cluster_load(path, &c), -EINVAL);
	assert_int_equal(file_write_atomic(path, 0600, SPAN_LITERAL("")), 0);
	assert_int_equal(cluster_load(path, &c), -EINVAL);
	assert_int_equal(file_write_atomic(path, 0600,
				 SPAN_LITERAL("000000000000000000000000000000000000000000000000000000000000000x")),
		0);
	assert_int_equal(cluster_load(path, &c), -EINVAL);
	assert_int_equal(cluster_load("/nonexistent", &c), -ENOENT);
}

#define with_file(test) cmocka_unit_test_setup_teardown(test, file_new, file_free)

int main(void)
{
	const struct CMUnitTest tests[] = {
		with_file(the_proof_is_an_hmac_of_the_key),
		with_file(a_key_that_others_can_read_is_refused),
		with_file(what_is_no_key_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
