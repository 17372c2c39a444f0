/*
 * origin: docs services with the same long content, which answer as a plan says: correctly, with an incomplete
 * answer, or with a wrong one. Each request takes the next step of the plan, whichever service it goes to. After
 * the last step all answers are correct.
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
	ORIGIN_OTHER_ETAG, /* the part that was asked for, with another ETag */
	ORIGIN_OTHER_RANGE,
	ORIGIN_OTHER_SIZE,
	ORIGIN_WHOLE, /* the whole content, although a part was asked for */
	ORIGIN_NO_ETAG,
	ORIGIN_WEAK_ETAG,
	ORIGIN_NO_RANGES, /* without Accept-Ranges */
};

/* All zeros: the correct answer, from version 0. */
struct origin_step {
	int version;
	int status;   /* answers with this error instead; 0: does not */
	size_t until; /* the answer ends after so many bytes; 0: it is complete */
	bool holds;   /* the answer waits there, and is cut when its server stops */
	enum origin_twist twist;
};

struct origin {
	struct http_server *servers[ORIGIN_SERVERS];
	char urls[ORIGIN_SERVERS][64];
	size_t size;	      /* of the content, in bytes */
	struct gate asked;    /* counts requests */
	struct gate held;     /* counts answers that wait */
	pthread_mutex_t lock; /* guards the rest */
	struct origin_step plan[ORIGIN_STEPS_MAX];
	size_t count, next;
	/* The fields of the last request. */
	char range[ORIGIN_FIELD_SIZE], if_match[ORIGIN_FIELD_SIZE], if_none_match[ORIGIN_FIELD_SIZE];
};

void origin_start(struct origin *o, size_t size);
void origin_stop(struct origin *o);
void origin_kill(struct origin *o, unsigned server);				  /* only once; cuts its answers */
void origin_plan(struct origin *o, const struct origin_step *plan, size_t count); /* sets both counts to 0 */
char origin_byte(int version, size_t at);

#endif
