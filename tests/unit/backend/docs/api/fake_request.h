/*
 * fake_request: the handlers of the docs service without a server. A request is a few texts; jobs run at once, on the
 * store that docs.workers[0] has; the answer is there when fake_request_ask returns, which waits for one that another
 * thread gives. The functions of a server and of a
 * service that handlers call are defined here: a program with this file is linked with neither.
 */
#ifndef NEPHOS_TESTS_DOCS_FAKE_REQUEST_H
#define NEPHOS_TESTS_DOCS_FAKE_REQUEST_H

#include "backend/docs/core/docs.h"
#include "common/http/server/server.h"

#define FAKE_VALUE_SIZE 640 /* a path of some names, percent-encoded */

struct fake_pair {
	const char *name; /* NULL: none, and none behind it */
	char value[FAKE_VALUE_SIZE];
};

struct fake_request {
	http_handler_fn handler;
	const char *method;
	struct fake_pair params[3], query[4], headers[4];
};

struct fake_answer {
	int status;
	bool late;     /* given by another thread, after the handler and its jobs */
	int64_t at_ns; /* when it was given */
	struct http_headers headers;
	struct buf body; /* of a problem: its code and detail */
};

/* ret is inited here; the caller finis it. */
void fake_request_ask(const struct fake_request *question, struct docs *docs, int64_t user, struct fake_answer *ret);
void fake_answer_fini(struct fake_answer *a);

#endif
