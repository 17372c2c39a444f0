/*
 * user_mem: the user store in memory, for tests of the rules; fails on request. Small tables of fixed size:
 * -ENOSPC beyond.
 */
#ifndef NEPHOS_USER_MEM_H
#define NEPHOS_USER_MEM_H

#include "backend/user/rows/user_store.h"

#define USER_MEM_ROWS 64 /* of each table: tests need a handful */

int user_mem_new(struct user_store **ret); /* -ENOMEM */
/* The n-th call (from 1) of this operation, counted from now, fails with this error; a commit that fails with
 * -ERR_UNKNOWN_OUTCOME has taken effect. */
void user_mem_fail(struct user_store *s, const char *operation, unsigned n, int error);
/* Runs fn once, before the next call of an operation, like a change by another instance. */
void user_mem_before(
	struct user_store *s, const char *operation, void (*fn)(struct user_store *s, void *cookie), void *cookie);
bool user_mem_in_transaction(const struct user_store *s);

#endif
