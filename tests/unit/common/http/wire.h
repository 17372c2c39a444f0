/*
 * wire: sockets for tests that decide exactly which bytes go over the line. Every wait ends after
 * WIRE_TIMEOUT_S with a failure.
 */
#ifndef NEPHOS_TESTS_HTTP_WIRE_H
#define NEPHOS_TESTS_HTTP_WIRE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WIRE_TIMEOUT_S 20

int wire_connect(uint16_t port);
/* Returns false when the peer did not take all bytes. */
bool wire_send(int fd, const void *data, size_t size);
bool wire_say(int fd, const char *text);
/* Receives up to size bytes, until they have come or the connection has ended. Returns how many, -1 on
 * failure or timeout. */
long wire_receive(int fd, void *data, size_t size);
/* Reads one response with its Content-Length body; text is NUL-terminated. Returns its status, 0 when the connection
 * ended first. */
int wire_response(int fd, char *text, size_t size);
/* Reads until the text ends with `what`, and no byte more; text is NUL-terminated. False: the text is full, or the
 * connection ended, or nothing came in time. */
bool wire_read_until(int fd, char *text, size_t size, const char *what);
/* True when the peer closes without sending another byte. */
bool wire_is_closed(int fd);
/* Closes with a reset, as a client does that ends in the middle of everything. */
void wire_reset(int fd);
/* Sends one request on a connection of its own, and reads the answer like wire_response. */
int wire_ask(uint16_t port, const char *request, char *text, size_t size);

/* A server socket on a free port of the loopback. */
int wire_listen(uint16_t *ret_port);
int wire_accept(int listener);

/* An event that one thread counts and another one waits for. */
struct gate {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	int count;
};

void gate_init(struct gate *g);
void gate_open(struct gate *g);
int gate_count(struct gate *g);
bool gate_wait(struct gate *g, int count); /* until it was opened so many times; false on timeout */

#endif
