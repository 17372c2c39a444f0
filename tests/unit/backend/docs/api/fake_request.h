/*
 * fake_request: the handlers of the docs service without a server. A request is a few texts. Jobs run at
 * once, on the store of docs.workers[0]. fake_request_ask returns when the answer is there; it waits for an
 * answer that another thread gives. This file defines the functions of a server and of a service that
 * handlers call, so a program that is linked with it must not be linked with a server or a service.
 */
#ifndef NEPHOS_TESTS_DOCS_FAKE_REQUEST_H
#define NEPHOS_TESTS_DOCS_FAKE_REQUEST_H

#include "backend/docs/core/docs.h"
#include "common/http/server/server.h"

#define FAKE_VALUE_SIZE 640 /* a path of some names, percent-encoded */

struct fake_pair {
	const char *name; /* NULL: the list ends here */
	char value[FAKE_VALUE_SIZE];
};

struct fake_request {
	http_handler_fn handler;
	const char *method;
	struct fake_pair params[3], query[4], headers[4];
};

struct fake_answer {
	int status;
	bool late;     /* another thread gave it, after the handler and its jobs */
	int64_t at_ns; /* when it was given */
	struct http_headers headers;
	struct buf body; /* of a problem: its code and detail */
};

/* The function inits ret; the caller finis it. */
void fake_request_ask(const struct fake_request *question, struct docs *docs, int64_t user, struct fake_answer *ret);
void fake_answer_fini(struct fake_answer *a);

#endif
