/*
 * query: the parameters behind the '?' of a target, as forms write them (application/x-www-form-urlencoded): names
 * and values are decoded, and a plus is a space. Pure.
 */
#ifndef NEPHOS_HTTP_SERVER_QUERY_H
#define NEPHOS_HTTP_SERVER_QUERY_H

#include "common/base/buf.h"

#include <stdbool.h>
#include <stdint.h>

#define QUERY_PARAMETERS_MAX 32 /* of one target; no route has half as many */

/*
 * Checks that the query has one reading only: no bad escape, no NUL, no name twice (one reader takes the first, the
 * next one the last). -ERR_BAD_REQUEST: it has not, and *ret_why is a literal. -ENOMEM.
 */
int query_check(struct span query, const char **ret_why);
/* Appends the value of the parameter of that name, decoded and ended by a NUL. -ENOENT; -EINVAL: a bad escape;
 * -ENOMEM, -E2BIG. */
int query_value(struct span query, const char *name, struct buf *ret);

/* True: 1, true, yes, on. False: 0, false, no, off. Case is ignored. -EINVAL: any other text, also none. */
int query_bool(const char *value, bool *ret);
/* Decimal digits, with a minus where min is below 0. -EINVAL: not a number; -ERANGE. */
int query_number(const char *value, int64_t min, int64_t max, int64_t *ret);

#endif
