/*
 * call: one request on its way through the docs service: who asks, for which drive, with which floor and session; and
 * the work on a worker that answers it.
 *
 * A call lives as long as its request (it is the request's data). It is answered exactly once, by one of the reply
 * functions or call_fail; after that only what the call allocated may still be looked at by nobody. One thread at a
 * time works on it: the server's, then a worker's.
 */
#ifndef NEPHOS_DOCS_CALL_H
#define NEPHOS_DOCS_CALL_H

#include "backend/docs/core/docs.h"
#include "backend/docs/rules/access.h"
#include "common/http/server/server.h"
#include "common/proto/tag.h"

struct call {
	struct docs *docs;
	struct http_request *req;
	int64_t user;
	bool admin;
	bool home; /* the drive is the user's first one: call_drive says which */
	struct docs_scope scope;
	uint32_t meant;		 /* HEADER_DRIVE: for this drive or for none; 0: whichever it is */
	uint32_t other;		 /* which one it would have been for instead */
	struct tag_list *tags;	 /* tagging; NULL: nobody asks for them */
	int64_t session;	 /* the request's, while tags are gathered */
	struct docs_stand stand; /* HEADER_STANDBY; in the scope while tags are gathered */
	bool untagged;		 /* what it is about depends on the session */
	void (*job)(struct call *call, struct docs_store *store);
	void *data; /* the handler's own */
	struct call_kept *kept;
};

/* NULL: has been answered (no identity, malformed headers, no such drive). cookie: the handler's. */
struct call *call_new(struct http_request *req, void *cookie);
/* Of a gateway's own question: no user is behind it, and nothing is read from its fields. NULL: has been answered. */
struct call *call_of_part(struct http_request *req, void *cookie);
/* Zeroed memory that goes with the call; NULL: no memory, and the call has been answered. */
void *call_alloc(struct call *call, size_t size);
/* The same without answering. */
void *call_try_alloc(struct call *call, size_t size);
/* free_fn(p) when the call goes; last kept, first freed. -ENOMEM: was freed at once. */
int call_keep(struct call *call, void *p, void (*free_fn)(void *p));

/* Runs job on a worker; answers 503 when too many wait. */
void call_work(struct call *call, void (*job)(struct call *call, struct docs_store *store));
/* The same on the workers for blocks (docs_run_slow). */
void call_work_slow(struct call *call, void (*job)(struct call *call, struct docs_store *store));
/* The whole handler of a request of which nothing is looked at before its job runs. */
void call_start(struct http_request *req, void *cookie, void (*job)(struct call *call, struct docs_store *store));
void call_start_slow(struct http_request *req, void *cookie, void (*job)(struct call *call, struct docs_store *store));
/* On a worker: scope.drive, also for `home`. Nothing is read or changed of a drive, and no key looked for, before this
 * has said so. -ERR_NOT_HOME: it is another one than the request is meant for, and stays unknown. */
int call_drive(struct call *call, struct docs_store *store);
/* The same as far as it goes without a worker: 0 says that scope.drive is known, or is `home`. */
int call_drive_number(struct call *call);
/* The same for what says nothing of a drive, and only keeps its key with the user's first one: it is meant for none. */
int call_drive_beside(struct call *call, struct docs_store *store);
/* The user's first drive; made when there is none. */
int call_home(const struct docs *docs, struct docs_store *store, int64_t user, uint32_t *ret_drive);
/* The document of a {placeholder}. -ERR_NOT_FOUND: not a number, or of another drive. The drive must be known. */
int call_id(const struct call *call, const char *placeholder, int64_t *ret);
/* Whether who asks may do that to what is whose (access_check). */
int call_may(const struct call *call, enum access_action what, int64_t whose);
bool call_accepts(const struct call *call, const char *media);

/* Answers with a problem. error: any failure; detail may be NULL. Logs what is our own fault; says which drive it is,
 * where it is not the one that was meant. */
void call_fail(struct call *call, int error, const char *detail);

#endif
