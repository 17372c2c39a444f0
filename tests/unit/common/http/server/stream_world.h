/*
 * stream_world: a server with handlers that read the body of a request or stream an answer, what these handlers saw,
 * and a thread that sends a body to them. For the tests of streamed bodies and of streamed answers. Routes:
 *
 *	PUT /read             reads on the server's thread, and answers with what world_answer_count says
 *	PUT /slow             opens `arrived`, and leaves the body and the answer to the test
 *	PUT /both             streams an answer, and does not read the body
 *	GET /stream           streams `total` bytes; with ?short=N it promises N bytes more
 *	GET /chunked          streams `total` bytes without a length
 */
#ifndef NEPHOS_TESTS_HTTP_STREAM_WORLD_H
#define NEPHOS_TESTS_HTTP_STREAM_WORLD_H

#include "common/http/server/server.h"
#include "tests/unit/common/http/wire.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define H "Host: x\r\n"
#define BODY_MAX (16u << 20)
#define MIB (1u << 20)
#define HALT_MS 100 /* a sender, or a server, that does nothing for so long has come to a halt */

struct world {
	struct http_server *server;
	struct http_request *req;
	struct http_stream *stream;
	struct gate arrived; /* a handler has the request */
	struct gate readable;
	struct gate aborted;
	struct gate pulled; /* a pull had nothing to give */
	struct gate done;
	bool complete;
	uint64_t received;
	unsigned char next; /* expected or sent byte */
	bool wrong;
	int read_error;
	pthread_mutex_t lock;
	uint64_t available; /* what a pull may take; guarded by lock */
	uint64_t total;
	int pull_error;
};

extern const struct http_stream_ops world_stream_ops; /* what the handlers stream; the cookie is the world */

int world_setup(void **state);
int world_teardown(void **state);
int world_connect(const struct world *w);
/* Notes in w->wrong whether these are the bytes that a sender or a stream sends next. */
void world_verify(struct world *w, const unsigned char *data, size_t size);
/* Reads while there is something to read, now and whenever bytes come; answers at the end and opens `readable`. */
void world_read_on(struct http_request *req, void *cookie);
/* For http_request_on_readable: opens `readable`. */
void world_on_readable(struct http_request *req, void *cookie);
/* Answers with the number of bytes that were read, and the error that ended the reading or 0. */
void world_answer_count(struct world *w);

/* A client that sends a body on a thread of its own. The test joins the thread and closes the socket. */
struct sender {
	int fd;
	uint64_t size;
	bool chunked;
	bool sent;
	_Atomic uint64_t taken; /* bytes of the body in blocks that the socket has taken */
	pthread_t thread;
};

void sender_start(struct sender *s, const struct world *w, const char *path, uint64_t size, bool chunked);

#endif
