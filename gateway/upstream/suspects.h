/*
 * suspects: gateways whose process was found gone a short time ago: nobody listens where it did, or another
 * process does. When one request has met such a gateway, others are spared the attempt. A gateway that is
 * silent, or cuts an answer, is no suspect. A gateway is identified by its boot: one that has come back is
 * another. Few gateways are gone at once, and a suspicion only saves time, so the table is small and forgets
 * the oldest. Times are passed in. Pure; any thread.
 */
#ifndef NEPHOS_GATEWAY_UPSTREAM_SUSPECTS_H
#define NEPHOS_GATEWAY_UPSTREAM_SUSPECTS_H

#include <stdbool.h>
#include <stdint.h>

#define SUSPECTS_MAX 8u
#define SUSPECTS_NS 500000000ll /* then the gateway is tried again: a sixth of a lease */

struct suspects;

int suspects_new(struct suspects **ret); /* -ENOMEM */
void suspects_free(struct suspects *s);	 /* NULL is fine */
void suspects_add(struct suspects *s, const char *boot, int64_t now_ns);
bool suspects_has(struct suspects *s, const char *boot, int64_t now_ns);

#endif
