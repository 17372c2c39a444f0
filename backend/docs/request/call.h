/*
 * call: one request on its way through the docs service: its user, drive, floor and session; and the job on a
 * worker that answers it.
 *
 * A call lives as long as its request (it is the request's data). It is answered exactly once, by one of the
 * reply functions or by call_fail. After the answer no code may use the call or memory that the call keeps. Only
 * one thread at a time works on a call: first the server's, then a worker's.
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
	bool home; /* the drive is the user's first drive; call_drive finds its number */
	struct docs_scope scope;
	uint32_t meant;		 /* HEADER_DRIVE: the request is valid for this drive only; 0: any drive */
	uint32_t other;		 /* the drive that the request names, where that is not the one meant */
	struct tag_list *tags;	 /* for tagging; NULL: no tags are asked for */
	int64_t session;	 /* the request's session, while tags are gathered */
	struct docs_stand stand; /* from HEADER_STANDBY; copied to the scope while tags are gathered */
	bool untagged;		 /* tags are no longer gathered: the lookup depends on the session */
	void (*job)(struct call *call, struct docs_store *store);
	void *data; /* owned by the handler */
	struct call_kept *kept;
};

/* NULL: the request has been answered (no identity, malformed headers, no such drive). cookie: the handler's. */
struct call *call_new(struct http_request *req, void *cookie);
/* A call for a request that a gateway makes for itself: there is no user, and no header fields are read. NULL:
 * the request has been answered. */
struct call *call_of_part(struct http_request *req, void *cookie);
/* Zeroed memory that is freed with the call; NULL: out of memory, and the call has been answered. */
void *call_alloc(struct call *call, size_t size);
/* As call_alloc, but does not answer the call on failure. */
void *call_try_alloc(struct call *call, size_t size);
/* Calls free_fn(p) when the call is freed, in reverse order of call_keep. -ENOMEM: p was freed at once. */
int call_keep(struct call *call, void *p, void (*free_fn)(void *p));

/* Runs job on a worker; answers 503 when too many jobs wait. */
/* For whom the workers do this (workers_submit): the user, or the drive in a request of another part. */
int64_t call_party(const struct call *call);
void call_work(struct call *call, void (*job)(struct call *call, struct docs_store *store));
/* As call_work, on the workers for blocks (docs_run_slow). */
void call_work_slow(struct call *call, void (*job)(struct call *call, struct docs_store *store));
/* A complete handler, for requests that need no parsing before their job runs. */
void call_start(struct http_request *req, void *cookie, void (*job)(struct call *call, struct docs_store *store));
void call_start_slow(struct http_request *req, void *cookie, void (*job)(struct call *call, struct docs_store *store));
/* On a worker: sets scope.drive, also for `home`. A job must call this before it reads or changes a drive or
 * looks up a key. -ERR_NOT_HOME: the drive is not the one that the request is meant for; scope.drive stays 0. */
int call_drive(struct call *call, struct docs_store *store);
/* The part of call_drive that needs no worker. 0: scope.drive is set, or the drive is `home`. */
int call_drive_number(struct call *call);
/* As call_drive, for requests that are not about a drive and only keep their key with the user's first one:
 * HEADER_DRIVE is not checked. */
int call_drive_beside(struct call *call, struct docs_store *store);
/* Finds the user's first drive; makes it when there is none. */
int call_home(const struct docs *docs, struct docs_store *store, int64_t user, uint32_t *ret_drive);
/* Parses the document id in a {placeholder}. -ERR_NOT_FOUND: not a number, or of another drive. scope.drive must
 * be set. */
int call_id(const struct call *call, const char *placeholder, int64_t *ret);
/* Whether the caller's user may do `what` to things of the user `whose` (access_check). */
int call_may(const struct call *call, enum access_action what, int64_t whose);
bool call_accepts(const struct call *call, const char *media);
/* For a path that path.h refuses: the answer says what a path must be. Returns -ERR_BAD_PATH. */
int call_blame_path(const struct call *call);

/* Answers with a problem. error: any failure; detail may be NULL. Logs failures with status 500. With
 * -ERR_NOT_HOME, the answer names the drive that the request is for, where that is not the one it was meant for. */
void call_fail(struct call *call, int error, const char *detail);

#endif
