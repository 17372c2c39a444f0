/*
 * service_content: the answers of the docs service of service.h about long content, once a test has set `long_`. A
 * gateway that asks for it gets the list of extents, and then the blocks; other clients get the bytes. The bytes
 * follow from the version.
 */
#ifndef NEPHOS_TESTS_GATEWAY_SERVICE_CONTENT_H
#define NEPHOS_TESTS_GATEWAY_SERVICE_CONTENT_H

#include "common/http/server/server.h"
#include "tests/unit/common/http/wire.h"

#define SERVICE_CONTENT_BLOCK 60000u
#define SERVICE_CONTENT_BLOCKS 3u /* then a hole as long as a block, and 50 bytes inline */
#define SERVICE_CONTENT_SIZE ((SERVICE_CONTENT_BLOCKS + 1) * SERVICE_CONTENT_BLOCK + 50u)

struct service_content {
	struct gate asked;    /* counts requests for blocks */
	pthread_mutex_t lock; /* guards the rest */
	bool long_;	      /* content is long */
	bool text;	      /* long content is a text within JSON */
	bool wrong;	      /* blocks are sent with wrong bytes */
	bool gone;	      /* there are no blocks */
	bool damaged;	      /* the list of extents is damaged */
	int cuts;	      /* so many of the next blocks are cut in the middle */
	struct gate *let_on;  /* blocks wait until it opens; NULL: they do not */
};

void service_content_init(struct service_content *c);
/* All bytes of that version. */
void service_content_bytes(int version, char ret[SERVICE_CONTENT_SIZE]);
void service_content_hash(int version, unsigned block, uint8_t ret[32]);
/* The JSON in which that version is a text. The caller frees it. */
char *service_content_document(int version, size_t *ret_size);
/* Sends the list of extents to a gateway that asked for it, else the bytes. */
void service_content_answer(
	struct service_content *c, struct http_request *req, int version, struct http_headers *headers);
void service_content_block(struct service_content *c, struct http_request *req);

#endif
