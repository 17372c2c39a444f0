/*
 * postgres: a private PostgreSQL for the tests of one program, made by tests/lib/postgres.sh. The test group's set-up
 * starts it, and its tear-down stops it; there is one at a time. Paths are under /tmp, so that the path of the
 * socket is short.
 */
#ifndef NEPHOS_TESTS_POSTGRES_H
#define NEPHOS_TESTS_POSTGRES_H

#include <stddef.h>

struct test_postgres {
	char dir[64];
	char conninfo[256]; /* database postgres, superuser */
};

int test_postgres_start(struct test_postgres *p);				   /* -EIO; the reason is on stderr */
int test_postgres_follow(struct test_postgres *p, const struct test_postgres *of); /* starts a standby of `of`; -EIO */
void test_postgres_stop(struct test_postgres *p);

#endif
