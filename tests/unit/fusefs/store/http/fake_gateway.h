/*
 * fake_gateway: an HTTP server that gives the answers that a test adds, and records the requests. Answers are
 * tried in the order in which they were added. Each is for one method, a part of the target, and a number of
 * requests. A request without a matching answer gets what a store with an empty drive 7 answers to questions about
 * drive, session and status, else 404.
 */
#ifndef NEPHOS_TESTS_FAKE_GATEWAY_H
#define NEPHOS_TESTS_FAKE_GATEWAY_H

#include "common/http/server/server.h"

#define FAKE_DRIVE 7
#define FAKE_SESSION "41" /* the first session; later ones count up */

enum fake_kind {
	FAKE_ANSWER,
	FAKE_CUT,  /* the connection ends in the middle of the answer */
	FAKE_HOLD, /* no answer until fake_stop */
};

struct fake_answer {
	const char *method, *target; /* target: a part of the request's target */
	enum fake_kind kind;
	unsigned times; /* 0: always */
	int status;
	const char *type;	     /* Content-Type */
	const char *header, *second; /* "Name: value", or NULL */
	const void *body;
	size_t body_size; /* 0: the strlen of body */
};

struct fake_request {
	char method[8], target[2048];
	char authorization[64], session[32], batch[32], key[64], floor[64], accept[64], type[64], range[64];
	char *body;
	size_t body_size;
};

struct fake_gateway;

struct fake_gateway *fake_start(uint16_t port); /* 0: any port */
void fake_stop(struct fake_gateway *g);
const char *fake_url(const struct fake_gateway *g);
uint16_t fake_port(const struct fake_gateway *g);
void fake_add(struct fake_gateway *g, const struct fake_answer *answer); /* its pointers must stay valid */
/* The requests with this method whose target contains `target`: how many, and the n-th of them, from 0; NULL:
 * there were fewer. Valid until fake_stop. */
size_t fake_count(struct fake_gateway *g, const char *method, const char *target);
const struct fake_request *fake_request(struct fake_gateway *g, const char *method, const char *target, size_t n);
/* Waits until there were so many requests; fails the test after two minutes. */
void fake_wait(struct fake_gateway *g, const char *method, const char *target, size_t count);
/* A port that nobody listens on. */
uint16_t fake_closed_port(void);

#endif
