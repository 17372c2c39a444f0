/*
 * answer: an answer of a docs service in memory: status, head and body, and the position of the drive that it
 * saw. It is one allocation, shared by counted references: the cache, every sender, and all requests that waited
 * for the same question hold the same bytes. When the cache drops an answer, its senders keep it.
 *
 * The maker of an answer holds the only reference and appends the body as it comes. Once the answer is shared,
 * only its stamp is still written. Threads: any thread may take and drop references.
 */
#ifndef NEPHOS_GATEWAY_CACHE_ANSWER_H
#define NEPHOS_GATEWAY_CACHE_ANSWER_H

#include "common/base/span.h"

#include <stddef.h>
#include <stdint.h>

struct answer;

/* head: copied. body_room: the most bytes that the body may have. NULL: no memory. */
struct answer *answer_new(int status, int64_t seq, struct span head, size_t body_room);
/* -EMSGSIZE: the bytes do not fit, and nothing was appended. */
int answer_append(struct answer *a, struct span bytes);
struct answer *answer_ref(struct answer *a);
void answer_unref(struct answer *a); /* NULL is fine */

int answer_status(const struct answer *a);
int64_t answer_seq(const struct answer *a);
/* Distinguishes this answer from all others that the cache has kept under the same key. The cache sets it when it
 * keeps the answer (cache_put); 0: it was never kept. */
int64_t answer_stamp(const struct answer *a);
void answer_set_stamp(struct answer *a, int64_t stamp);
/* Borrowed, as long as the reference is held. */
struct span answer_head(const struct answer *a);
struct span answer_body(const struct answer *a);
/* The memory that it takes, in bytes. */
size_t answer_cost(const struct answer *a);

#endif
