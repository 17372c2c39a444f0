/*
 * postgres: a private PostgreSQL for the tests of one program, over tests/lib/postgres.sh. Started by the group's
 * set-up, stopped by its tear-down; one at a time. Paths are under /tmp, so that the socket's path is short.
 */
#ifndef NEPHOS_TESTS_POSTGRES_H
#define NEPHOS_TESTS_POSTGRES_H

#include <stddef.h>

struct test_postgres {
	char dir[64];
	char conninfo[256]; /* database postgres, superuser */
};

int test_postgres_start(struct test_postgres *p); /* -EIO; what went wrong is on stderr */
int test_postgres_follow(struct test_postgres *p, const struct test_postgres *of); /* a standby of it; the same */
void test_postgres_stop(struct test_postgres *p);

#endif
