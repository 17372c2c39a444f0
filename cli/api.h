/*
 * api: sends requests to the store. A request goes to the gateway that answered last, and to the next one if that
 * is safe: no byte of the request was sent, or repeating it has one effect (reads, and everything else, which
 * carries an Idempotency-Key). common/http/client/gateways decides which failure leads to another gateway, and
 * when. Used by one thread; blocks.
 */
#ifndef NEPHOS_CLI_API_H
#define NEPHOS_CLI_API_H

#include "cli/credentials.h"
#include "common/http/client/client.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* rounds through all gateways: the pauses between them, 1.1 to 2.3 s in all, bridge the start of one instance; a
 * caller that wants to wait longer repeats the call itself */
#define API_ROUNDS_MAX 8
#define API_DEADLINE_MS \
	30000 /* of a request with all its repeats, as on the mount; the server's own deadlines are shorter */
#define API_LEAST_MS 1000	     /* the least that an attempt gets, even if less is left of the deadline */
#define API_STALL_MS 60000	     /* content: time without a byte in either direction */
#define API_STALL_ELSEWHERE_MS 10000 /* content that comes, if another gateway could send the rest */
#define API_ANSWER_BYTES_MAX (16u * 1024 * 1024) /* a page of 1,000 items has 500 KiB */
#define API_PROBLEM_BYTES_MAX (64u * 1024)
#define API_TEXT_SIZE 512 /* of a problem's detail; longer text is cut off */

struct api;

/* Content that is sent or received piece by piece. */
struct api_stream {
	int64_t length; /* of the content that pull gives; -1: not known */
	/* As in http/client.h; NULL: nothing is sent. */
	int (*pull)(void *cookie, void *data, size_t size, size_t *ret_size);
	int (*rewind)(void *cookie); /* to the beginning, for a repeat; -ESPIPE: it cannot */
	/* Called for a 2xx answer only. */
	int (*on_head)(void *cookie, const struct http_response *head);
	int (*on_data)(void *cookie, const void *data, size_t size);
	void (*on_tick)(void *cookie); /* about once a second; may be NULL */
	bool resumable;		       /* if the stream breaks, the caller can ask for the rest */
	void *cookie;
};

struct api_request {
	const char *method, *path; /* the path begins with a slash */
	json_t *body;		   /* borrowed; NULL: none */
	bool anonymous;		   /* without the token */
	const struct http_headers *headers;
	const struct api_stream *stream;
};

struct api_answer {
	int status;   /* 0: no answer came */
	bool begun;   /* on_data was called */
	json_t *json; /* NULL: none */
	struct http_headers headers;
	char detail[API_TEXT_SIZE]; /* of a problem */
	char trace[80];
};

/* c must outlive the api, and may get another token meanwhile; its URLs are copied. -EINVAL: c has no URL. */
int api_new(const struct credentials *c, struct api **ret);
void api_free(struct api *a); /* NULL is fine */
/* Sets a function that is called for each gateway that was given up because it did not answer, with the one that
 * is asked next. */
void api_on_silence(struct api *a, void (*fn)(const char *silent, const char *now, void *cookie), void *cookie);

/*
 * 0: the status is 2xx. Else the failure that the problem names (-ERR_…), or an error below HTTP with ret->status
 * 0: -ECONNREFUSED, -ETIMEDOUT, … or an error of the stream's functions. The caller calls api_answer_fini in any
 * case.
 */
int api_call(struct api *a, const struct api_request *request, struct api_answer *ret);
void api_answer_fini(struct api_answer *answer);
const char *api_url(const struct api *a); /* of the gateway that answered last */

#endif
