#include "gateway/cache/answer.h"

#include "gateway/cache/cost.h"

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

struct answer {
	atomic_uint refs;
	int status;
	int64_t seq;
	atomic_int_fast64_t stamp;
	size_t head_size, body_size, body_room;
	char bytes[]; /* the head, then the body */
};

struct answer *answer_new(int status, int64_t seq, struct span head, size_t body_room)
{
	struct answer *a = malloc(sizeof(*a) + head.size + body_room);

	if (!a)
		return NULL;
	atomic_init(&a->refs, 1);
	a->status = status;
	a->seq = seq;
	atomic_init(&a->stamp, 0);
	a->head_size = head.size;
	a->body_size = 0;
	a->body_room = body_room;
	if (head.size > 0)
		memcpy(a->bytes, head.data, head.size);
	return a;
}

int answer_append(struct answer *a, struct span bytes)
{
	assert(atomic_load_explicit(&a->refs, memory_order_relaxed) == 1);
	if (bytes.size > a->body_room - a->body_size)
		return -EMSGSIZE;
	if (bytes.size > 0)
		memcpy(a->bytes + a->head_size + a->body_size, bytes.data, bytes.size);
	a->body_size += bytes.size;
	return 0;
}

struct answer *answer_ref(struct answer *a)
{
	atomic_fetch_add_explicit(&a->refs, 1, memory_order_relaxed);
	return a;
}

void answer_unref(struct answer *a)
{
	if (a && atomic_fetch_sub_explicit(&a->refs, 1, memory_order_acq_rel) == 1)
		free(a);
}

int answer_status(const struct answer *a)
{
	return a->status;
}

int64_t answer_seq(const struct answer *a)
{
	return a->seq;
}

int64_t answer_stamp(const struct answer *a)
{
	return atomic_load_explicit(&a->stamp, memory_order_relaxed);
}

void answer_set_stamp(struct answer *a, int64_t stamp)
{
	atomic_store_explicit(&a->stamp, stamp, memory_order_relaxed);
}

struct span answer_head(const struct answer *a)
{
	return span_of(a->bytes, a->head_size);
}

struct span answer_body(const struct answer *a)
{
	return span_of(a->bytes + a->head_size, a->body_size);
}

size_t answer_cost(const struct answer *a)
{
	return cost_of(sizeof(*a) + a->head_size + a->body_room);
}
