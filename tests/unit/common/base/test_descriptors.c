#include "common/base/descriptors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>

#include <cmocka.h>

static void set(rlim_t soft, rlim_t hard)
{
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &(struct rlimit){soft, hard}), 0);
}

static rlim_t soft(void)
{
	struct rlimit limit;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	return limit.rlim_cur;
}

/* The steps come in this order because a hard limit can only be lowered. */
static void descriptors_allow_raises_the_soft_limit_up_to_the_hard_limit(void **state)
{
	(void)state;
	set(512, 2000);
	assert_int_equal(descriptors_allow(100), 100);
	assert_int_equal(soft(), 512);
	assert_int_equal(descriptors_allow(1000), 1000);
	assert_int_equal(soft(), 1000 + DESCRIPTORS_OWN);
	assert_int_equal(descriptors_allow(100000), 2000 - DESCRIPTORS_OWN);
	assert_int_equal(soft(), 2000);
	set(100, 100);
	assert_int_equal(descriptors_allow(1000), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(descriptors_allow_raises_the_soft_limit_up_to_the_hard_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
