/*
 * recheck: a thread that asks again about tokens whose requests are in flight for longer than a token is
 * believed: long polls, event streams, uploads, downloads. When a token is gone, its requests end, even if the
 * message about its revocation never came here.
 */
#ifndef NEPHOS_GATEWAY_ACCESS_RECHECK_H
#define NEPHOS_GATEWAY_ACCESS_RECHECK_H

#include "gateway/access/auth.h"

#define RECHECK_PERIOD_MS 1000 /* how much later than TOKEN_CACHE_S a token is asked about */
#define RECHECK_AT_ONCE 64     /* questions in flight: a gateway has thousands of mounts that only wait */
/* While no user service can say, requests may go on for this long: an outage that mounts wait out. */
#define RECHECK_UNKNOWN_S 60
/* A token that was last confirmed longer ago than this was asked about, and nobody has said that it is good:
 * nothing is changed under it. */
#define RECHECK_BELIEVED_NS ((int64_t)(TOKEN_CACHE_S * 1000 + AUTH_DEADLINE_MS + 2 * RECHECK_PERIOD_MS) * 1000000)

struct recheck;

int recheck_start(struct auth *auth, struct under_way *under_way, struct recheck **ret);
void recheck_now(struct recheck *r); /* there are new doubts: the thread does not wait for its period */
/* Ends the thread; questions in flight end with the HTTP client, which is freed after this. */
void recheck_stop(struct recheck *r);
void recheck_free(struct recheck *r); /* after the client; NULL is fine, for both */

#endif
