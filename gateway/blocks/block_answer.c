#include "gateway/blocks/block_answer.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct sending {
	struct block *block;
	size_t at, end;
	void (*over)(void *cookie);
	void *cookie;
};

static int pull(void *cookie, void *data, size_t size, size_t *ret_size)
{
	struct sending *s = cookie;

	*ret_size = size < s->end - s->at ? size : s->end - s->at;
	memcpy(data, block_bytes(s->block).data + s->at, *ret_size);
	s->at += *ret_size;
	return 0;
}

static void done(void *cookie, bool complete)
{
	struct sending *s = cookie;

	(void)complete;
	if (s->over)
		s->over(s->cookie);
	block_unref(s->block);
	free(s);
}

static const struct http_stream_ops SENDING = {.pull = pull, .done = done};

static void say_over(const struct block_answer *answer)
{
	if (answer->over)
		answer->over(answer->cookie);
}

void block_answer_send(struct http_request *req, struct block *block, const struct block_answer *answer)
{
	assert(answer->from <= block_bytes(block).size && answer->len <= block_bytes(block).size - answer->from);
	if (strcmp(http_request_method(req), "HEAD") == 0) {
		http_respond_length(req, answer->status, answer->headers, answer->len);
		say_over(answer);
		return;
	}
	struct sending *s = malloc(sizeof(*s));
	if (!s) {
		http_respond_error(req, -ENOMEM, NULL);
		say_over(answer);
		return;
	}
	*s = (struct sending){block_ref(block), answer->from, answer->from + answer->len, answer->over, answer->cookie};
	http_respond_stream(req, answer->status, answer->headers, (int64_t)answer->len, &SENDING, s, NULL);
}
