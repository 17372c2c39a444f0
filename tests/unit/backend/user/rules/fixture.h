/* fixture: a store in memory and a call on it, for tests of the rules. */
#ifndef NEPHOS_TESTS_USER_FIXTURE_H
#define NEPHOS_TESTS_USER_FIXTURE_H

#include "backend/user/rules/guess.h"
#include "backend/user/rules/account.h"
#include "backend/user/rules/key.h"
#include "backend/user/rules/login.h"
#include "backend/user/rows/user_mem.h"
#include "common/base/error.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define NOW (1000 * NS_PER_S)

/* Hashing is slow, so the group shares one hasher. */
static struct password_hasher *hasher;

static int group_start(void **state)
{
	(void)state;
	return password_hasher_new(2, &hasher);
}

static int group_end(void **state)
{
	(void)state;
	password_hasher_free(hasher);
	return 0;
}

static int call_new(void **state)
{
	struct account_call *call = calloc(1, sizeof(*call));

	if (!call)
		return -ENOMEM;
	*call = (struct account_call){.hasher = hasher,
		.network = "192.0.2.0/24",
		.now_ns = NOW,
		.who = 1000,
		.who_is_admin = true,
		.who_token = ""};
	*state = call;
	return user_mem_new(&call->store);
}

static int call_free(void **state)
{
	struct account_call *call = *state;

	call->store->ops->free(call->store);
	free(call);
	return 0;
}

/* Makes an account with the password "correct horse". */
static inline uint64_t make(struct account_call *call, const char *name)
{
	struct account_outcome outcome;
	const struct account_call before = *call;
	const struct account_fields fields = {.name = name, .password = "correct horse"};

	call->who_is_admin = true;
	assert_int_equal(account_create(call, &fields, &outcome), 0);
	*call = before;
	return outcome.account.id;
}

static inline void become(struct account_call *call, uint64_t id, const char *token)
{
	call->who = id;
	call->who_is_admin = false;
	call->who_token = token;
}

#define with_call(test) cmocka_unit_test_setup_teardown(test, call_new, call_free)

#endif
