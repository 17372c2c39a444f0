/*
 * origin: docs services that all have the same long content, and answer as a plan says: well, half, or with something
 * else. Whichever of them is asked takes the next step of the plan; behind its end they answer well.
 */
#ifndef NEPHOS_TESTS_GATEWAY_ORIGIN_H
#define NEPHOS_TESTS_GATEWAY_ORIGIN_H

#include "common/http/server/server.h"
#include "tests/unit/common/http/wire.h"

#define ORIGIN_SERVERS 2u
#define ORIGIN_STEPS_MAX 16u
#define ORIGIN_FIELD_SIZE 64

enum origin_twist {
	ORIGIN_HONEST,
	ORIGIN_OTHER_ETAG, /* of a part that is what was asked for */
	ORIGIN_OTHER_RANGE,
	ORIGIN_OTHER_SIZE,
	ORIGIN_WHOLE, /* whatever part is asked for */
	ORIGIN_NO_ETAG,
	ORIGIN_WEAK_ETAG,
	ORIGIN_NO_RANGES, /* does not say that it has parts */
};

/* All zeros: all of version 0. */
struct origin_step {
	int version;
	int status;   /* instead of an answer; 0: none */
	size_t until; /* its body ends after so much; 0: it does not */
	bool holds;   /* waits there, and is cut when its server is stopped */
	enum origin_twist twist;
};

struct origin {
	struct http_server *servers[ORIGIN_SERVERS];
	char urls[ORIGIN_SERVERS][64];
	size_t size;	      /* of the content */
	struct gate asked;    /* requests that came */
	struct gate held;     /* answers that wait */
	pthread_mutex_t lock; /* guards the rest */
	struct origin_step plan[ORIGIN_STEPS_MAX];
	size_t count, next;
	/* As they came last. */
	char range[ORIGIN_FIELD_SIZE], if_match[ORIGIN_FIELD_SIZE], if_none_match[ORIGIN_FIELD_SIZE];
};

void origin_start(struct origin *o, size_t size);
void origin_stop(struct origin *o);
void origin_kill(struct origin *o, unsigned server);				  /* once; what it sends is cut */
void origin_plan(struct origin *o, const struct origin_step *plan, size_t count); /* and nobody has asked */
char origin_byte(int version, size_t at);

#endif
