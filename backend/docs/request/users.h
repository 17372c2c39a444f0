/*
 * users: asks a user service about users. The gateways name the user services (registration), unless addresses
 * were configured. Blocking; on workers and the upkeep's thread.
 */
#ifndef NEPHOS_DOCS_USERS_H
#define NEPHOS_DOCS_USERS_H

#include <stdint.h>

#define USERS_DEADLINE_MS 3000 /* deadline of one question: a worker waits for it */
#define USERS_TRIES 2	       /* instances asked before the service counts as unreachable */

struct service;
struct users;

/* url: base URLs separated by commas; NULL: use the registration. */
int users_new(struct service *service, const char *url, struct users **ret);
void users_free(struct users *u);
/* 0: there is such a user. -ERR_USER_NOT_FOUND. -ERR_UNAVAILABLE: no instance gave an answer. trace may be NULL. */
int users_check(struct users *u, int64_t id, const char *trace);
/* Calls on_deleted for each user deleted after `since`, in order; a failure of it ends the reading. ret_last: the
 * next `since`. -ERR_UNAVAILABLE. */
int users_deleted(
	struct users *u, int64_t since, int (*on_deleted)(int64_t user, void *cookie), void *cookie, int64_t *ret_last);

#endif
