/*
 * service_content: what the docs service of service.h says about long content, once a test has made it `long_`: where
 * it lies, to a gateway that asks for that, and its blocks; else the bytes. Its bytes follow from its version.
 */
#ifndef NEPHOS_TESTS_GATEWAY_SERVICE_CONTENT_H
#define NEPHOS_TESTS_GATEWAY_SERVICE_CONTENT_H

#include "common/http/server/server.h"
#include "tests/unit/common/http/wire.h"

#define SERVICE_CONTENT_BLOCK 60000u
#define SERVICE_CONTENT_BLOCKS 3u /* then a hole as long, and 50 bytes in line */
#define SERVICE_CONTENT_SIZE ((SERVICE_CONTENT_BLOCKS + 1) * SERVICE_CONTENT_BLOCK + 50u)

struct service_content {
	struct gate asked;    /* for blocks */
	pthread_mutex_t lock; /* guards the rest */
	bool long_;	      /* content is */
	bool wrong;	      /* blocks come with other bytes */
	bool gone;	      /* there are no blocks */
	bool damaged;	      /* the list of where it lies is */
	int cuts;	      /* so many of the next blocks end before their end */
	struct gate *let_on;  /* blocks wait until it opens; NULL: they do not */
};

void service_content_init(struct service_content *c);
/* All of that version. */
void service_content_bytes(int version, char ret[SERVICE_CONTENT_SIZE]);
void service_content_hash(int version, unsigned block, uint8_t ret[32]);
/* In the form in which a gateway asked for it. */
void service_content_answer(
	struct service_content *c, struct http_request *req, int version, struct http_headers *headers);
void service_content_block(struct service_content *c, struct http_request *req);

#endif
