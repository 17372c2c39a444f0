/*
 * fake_gateway: an HTTP server that answers what a test told it to, and remembers what it was asked. Answers are tried
 * in the order they were added; each is for a method and a part of the target, and for so many requests. What no answer
 * fits gets what a store with an empty drive 7 would say to drive, session and status, else 404.
 */
#ifndef NEPHOS_TESTS_FAKE_GATEWAY_H
#define NEPHOS_TESTS_FAKE_GATEWAY_H

#include "common/http/server/server.h"

#define FAKE_DRIVE 7
#define FAKE_SESSION "41" /* the first; counts up */

enum fake_kind {
	FAKE_ANSWER,
	FAKE_CUT,  /* the connection ends in the middle of the answer */
	FAKE_HOLD, /* no answer, until the test lets it go */
};

struct fake_answer {
	const char *method, *target; /* target: a part of it */
	enum fake_kind kind;
	unsigned times; /* 0: always */
	int status;
	const char *type;	     /* Content-Type */
	const char *header, *second; /* "Name: value", or NULL */
	const void *body;
	size_t body_size; /* 0: strlen */
};

struct fake_request {
	char method[8], target[2048];
	char authorization[64], session[32], batch[32], key[64], floor[64], accept[64], type[64], range[64];
	char *body;
	size_t body_size;
};

struct fake_gateway;

struct fake_gateway *fake_start(uint16_t port); /* 0: any */
void fake_stop(struct fake_gateway *g);
const char *fake_url(const struct fake_gateway *g);
uint16_t fake_port(const struct fake_gateway *g);
void fake_add(struct fake_gateway *g, const struct fake_answer *answer); /* what it points to must stay */
/* Requests whose method and target fit; the n-th of them, from 0, NULL when there were fewer. Valid until fake_stop. */
size_t fake_count(struct fake_gateway *g, const char *method, const char *target);
const struct fake_request *fake_request(struct fake_gateway *g, const char *method, const char *target, size_t n);
/* Until there were so many; fails the test after ten seconds. */
void fake_wait(struct fake_gateway *g, const char *method, const char *target, size_t count);
/* A port that nobody listens on. */
uint16_t fake_closed_port(void);

#endif
