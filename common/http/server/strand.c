#include "common/http/server/shortcut_internal.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/uio.h>

/*
 * One connection of the shortcut (shortcut_internal.h). It has one request at a time. When another request comes
 * before the first is over, the strand looks at it after the first, as epoll reports no other edge for it.
 *
 * An answer is sent from where it lies, by the thread that gives it; only the part that the socket does not take is
 * copied. A streamed body is pulled by the loop, piece by piece, as the socket takes it.
 */

#define PIECES_PER_TURN 4  /* pieces of 64 KiB of a streamed body, before other connections have their turn */
#define CHUNK_HEAD_BYTES 8 /* "10000" CR LF, and one more */
#define CHUNK_END "\r\n"
#define LAST_CHUNK "0\r\n\r\n"

/* ---- sending ---- */

static void rest_fini(struct strand_rest *rest)
{
	free(rest->memory);
	*rest = (struct strand_rest){0};
}

static void advance(struct iovec parts[2], size_t size)
{
	for (int i = 0; i < 2 && size; i++) {
		const size_t n = size < parts[i].iov_len ? size : parts[i].iov_len;

		parts[i].iov_base = (char *)parts[i].iov_base + n;
		parts[i].iov_len -= n;
		size -= n;
	}
}

/* Sends as much as the socket takes now; false: it will take nothing any more. */
static bool send_parts(struct strand *w, struct iovec parts[2])
{
	struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
	ssize_t n;

	while (parts[0].iov_len + parts[1].iov_len > 0) {
		n = sendmsg(w->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN;
		advance(parts, (size_t)n);
	}
	return true;
}

/* Keeps the part that was not sent. -ENOMEM */
static int keep_rest(struct strand *w, const struct iovec parts[2], char **memory)
{
	const size_t size = parts[0].iov_len + parts[1].iov_len;

	assert(!w->rest.size);
	if (size == 0)
		return 0;
	if (memory && *memory && parts[0].iov_len == 0) {
		w->rest = (struct strand_rest){*memory, parts[1].iov_base, size};
		*memory = NULL;
		return 0;
	}
	char *copy = malloc(size);

	if (!copy)
		return -ENOMEM;
	memcpy(copy, parts[0].iov_base, parts[0].iov_len);
	if (parts[1].iov_len)
		memcpy(copy + parts[0].iov_len, parts[1].iov_base, parts[1].iov_len);
	w->rest = (struct strand_rest){copy, copy, size};
	return 0;
}

void strand_send(struct strand *w, struct span head, struct span body, char **memory)
{
	struct iovec parts[2] = {{(char *)head.data, head.size}, {(char *)body.data, body.size}};

	if (!w->broken && (!send_parts(w, parts) || keep_rest(w, parts, memory) < 0))
		w->broken = true;
}

bool strand_is_quiet(struct strand *w)
{
	return !w->streams && !w->broken && !w->closes && w->rest.size == 0 && !atomic_load(&w->readable);
}

/* Sends the kept rest. false: the socket is full, or broken. */
static bool flush(struct strand *w)
{
	struct iovec parts[2] = {{(char *)w->rest.data, w->rest.size}, {NULL, 0}};

	if (!w->rest.size)
		return !w->broken;
	w->broken = w->broken || !send_parts(w, parts);
	if (parts[0].iov_len < w->rest.size)
		shortcut_touch(w);
	w->rest.data = parts[0].iov_base;
	w->rest.size = parts[0].iov_len;
	if (w->rest.size)
		return false;
	rest_fini(&w->rest);
	return !w->broken;
}

enum pulled { PULL_WAITS, PULL_MORE, PULL_WHOLE, PULL_CUT };

/* Pulls a piece of a streamed body into the loop's buffer, adds its framing, and sends it. */
static enum pulled pull_piece(struct strand *w)
{
	const bool chunked = w->req->stream.length < 0;
	char *buffer = shortcut_buffer(w->loop), *data = buffer + (chunked ? CHUNK_HEAD_BYTES : 0);
	size_t room = SHORTCUT_BYTES_MAX - CHUNK_HEAD_BYTES - sizeof(CHUNK_END);
	char head[CHUNK_HEAD_BYTES + 1];
	ssize_t n;

	if (!chunked && w->req->stream.sent == (uint64_t)w->req->stream.length)
		return PULL_WHOLE;
	if (!chunked && (uint64_t)w->req->stream.length - w->req->stream.sent < room)
		room = (size_t)((uint64_t)w->req->stream.length - w->req->stream.sent);
	n = stream_on_pull(w->req, w->req->stream.sent, data, room);
	if (n == 0)
		return PULL_WAITS;
	if (n == MHD_CONTENT_READER_END_OF_STREAM) {
		strand_send(w, span_of(LAST_CHUNK, sizeof(LAST_CHUNK) - 1), span_of(NULL, 0), NULL);
		return PULL_WHOLE;
	}
	if (n < 0)
		return PULL_CUT;
	if (!chunked) {
		strand_send(w, span_of(data, (size_t)n), span_of(NULL, 0), NULL);
		return PULL_MORE;
	}
	const int size = snprintf(head, sizeof(head), "%zx\r\n", (size_t)n);

	memcpy(data - size, head, (size_t)size);
	memcpy(data + n, CHUNK_END, sizeof(CHUNK_END) - 1);
	strand_send(w, span_of(data - size, (size_t)size + (size_t)n + sizeof(CHUNK_END) - 1), span_of(NULL, 0), NULL);
	return PULL_MORE;
}

static enum pulled pull_pieces(struct strand *w)
{
	enum pulled r = PULL_MORE;

	for (int i = 0; i < PIECES_PER_TURN && r == PULL_MORE; i++) {
		if (!flush(w))
			return w->broken ? PULL_CUT : PULL_WAITS;
		r = pull_piece(w);
		shortcut_touch(w);
	}
	if (w->broken)
		return PULL_CUT;
	if (r == PULL_WHOLE)
		w->streams = false;
	if (r == PULL_MORE)
		shortcut_wake(w);
	return r;
}

/* ---- one request ---- */

static void end_request(struct strand *w, bool whole)
{
	void *context = w->req;

	w->req = NULL;
	exchange_on_completed(shortcut_server(w->loop), NULL, &context,
		whole ? MHD_REQUEST_TERMINATED_COMPLETED_OK : MHD_REQUEST_TERMINATED_WITH_ERROR);
	rest_fini(&w->rest);
	w->streams = false;
}

void strand_close(struct strand *w)
{
	struct http_server *s = shortcut_server(w->loop);

	if (w->req)
		end_request(w, false);
	connection_linger(s, w->fd, w->connection);
	connection_free(s, w->connection);
	metric_add(s->connections, -1);
	shortcut_remove(w, false);
}

static bool is_answered(struct http_request *req)
{
	bool answered;

	pthread_mutex_lock(&req->lock);
	answered = request_is_answered(req);
	pthread_mutex_unlock(&req->lock);
	return answered;
}

static bool is_suspended(struct http_request *req)
{
	bool suspended;

	pthread_mutex_lock(&req->lock);
	suspended = req->suspended;
	pthread_mutex_unlock(&req->lock);
	return suspended;
}

bool strand_sleeps(const struct strand *w)
{
	return w->req && is_suspended(w->req);
}

/* The request was answered: sends the rest of the answer, and ends the request when nothing is left. */
static void go_on_answering(struct strand *w)
{
	if (w->streams) {
		switch (pull_pieces(w)) {
		case PULL_CUT:
			strand_close(w);
			return;
		case PULL_WAITS:
		case PULL_MORE:
			return;
		case PULL_WHOLE:
			break;
		}
	}
	if (!flush(w)) {
		if (w->broken)
			strand_close(w);
		return;
	}
	end_request(w, true);
	if (w->closes)
		strand_close(w);
}

/* Continues the request until it sleeps or is answered. */
static void go_on(struct strand *w, struct span *body)
{
	struct http_request *req = w->req;

	while (!is_answered(req) && !is_suspended(req)) {
		void *context = req;
		size_t left = body->size;

		if (exchange_on_access(NULL, NULL, NULL, NULL, NULL, body->data, &left, &context) == MHD_NO) {
			strand_close(w);
			return;
		}
		*body = span_of(body->data + (body->size - left), left);
	}
	if (is_answered(req) && !(w->streams && is_suspended(req)))
		go_on_answering(w);
}

/* ---- the next request ---- */

/* Gives the connection to the library. No byte of the request was taken from the socket yet. */
static void give_away(struct strand *w)
{
	struct http_server *s = shortcut_server(w->loop);
	const int fd = w->fd;
	struct sockaddr_storage address = {0};
	socklen_t size = sizeof(address);

	shortcut_remove(w, true);
	metric_add(s->connections, -1);
	if (getpeername(fd, (struct sockaddr *)&address, &size) < 0 || connection_move(s, w->connection) < 0) {
		connection_free(s, w->connection);
		close(fd);
		return;
	}
	/* MHD_add_connection closes a descriptor that it does not accept. */
	if (MHD_add_connection(s->daemon, fd, (struct sockaddr *)&address, size) != MHD_YES)
		connection_not_moved(s, fd);
}

static struct http_request *request_of(struct strand *w, const struct request_head *head)
{
	struct http_request *req = request_new(shortcut_server(w->loop), head->target, NULL);

	if (!req)
		return NULL;
	req->strand = w;
	req->is_short = req->rested = true;
	server_identify(req, w->connection);
	if (hygiene_take(req, head))
		return req;
	req->strand = NULL;
	server_forget(req);
	request_unref(req);
	return NULL;
}

static void begin(struct strand *w, const struct request_head *head, struct span body)
{
	struct http_request *req = request_of(w, head);
	char trash[SHORTCUT_TAKEN_BYTES];

	if (!req) {
		give_away(w);
		return;
	}
	w->req = req;
	w->closes = req->wants_close = head->closes;
	shortcut_touch(w);
	for (size_t left = head->size + body.size; left > 0;) {
		const ssize_t n = recv(w->fd, trash, left < sizeof(trash) ? left : sizeof(trash), MSG_DONTWAIT);

		if (n <= 0) {
			strand_close(w);
			return;
		}
		left -= (size_t)n;
	}
	if (!connection_take_head(w->connection)) {
		strand_close(w);
		return;
	}
	exchange_begin(req, head->method);
	go_on(w, &body);
}

/* Looks at the input of the socket: a request, a part of one, or a request for the library. */
static void look(struct strand *w)
{
	char *data = shortcut_buffer(w->loop);
	struct request_head head;
	ssize_t n;

	w->readable = false;
	n = recv(w->fd, data, SHORTCUT_BYTES_MAX, MSG_PEEK | MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		strand_close(w);
		return;
	}
	switch (request_head_read(data, (size_t)n, &head)) {
	case REQUEST_HEAD_PARTIAL:
		if (w->ended)
			strand_close(w);
		return;
	case REQUEST_HEAD_READ:
		if (head.body <= (size_t)n - head.size) {
			w->readable = (size_t)n > head.size + head.body || n == SHORTCUT_BYTES_MAX || w->ended;
			begin(w, &head, span_of(data + head.size, head.body));
			return;
		}
		break;
	case REQUEST_HEAD_OTHER:
		break;
	}
	give_away(w);
}

void strand_act(struct strand *w)
{
	struct span none = {"", 0};

	if (w->req)
		go_on(w, &none);
	while (!w->dead && !w->req && w->readable)
		look(w);
}
