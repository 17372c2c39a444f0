/*
 * answer: an answer of a docs service in memory: status, head and body, and the position of the drive that it saw. One
 * allocation, shared by counted references: the cache, whoever sends it, and those who waited for the same question
 * hold the same bytes, and a drop from the cache takes nothing from under a sender.
 *
 * Its maker holds the only reference and appends the body as it comes; once it is shared, nobody writes any more, but
 * for the stamp.
 * Threads: references are taken and dropped on any.
 */
#ifndef NEPHOS_GATEWAY_CACHE_ANSWER_H
#define NEPHOS_GATEWAY_CACHE_ANSWER_H

#include "common/base/span.h"

#include <stddef.h>
#include <stdint.h>

struct answer;

/* head: copied. body_room: bytes that the body may have. NULL: no memory. */
struct answer *answer_new(int status, int64_t seq, struct span head, size_t body_room);
/* -EMSGSIZE: there is no room for it, and nothing was appended. */
int answer_append(struct answer *a, struct span bytes);
struct answer *answer_ref(struct answer *a);
void answer_unref(struct answer *a); /* NULL is fine */

int answer_status(const struct answer *a);
int64_t answer_seq(const struct answer *a);
/* By which it is told from all other answers that its cache has kept under its key: it gets one when it is kept there
 * (cache_put); 0: it never was. */
int64_t answer_stamp(const struct answer *a);
void answer_set_stamp(struct answer *a, int64_t stamp);
/* Borrowed, as long as the reference is held. */
struct span answer_head(const struct answer *a);
struct span answer_body(const struct answer *a);
/* What it takes of memory, in bytes. */
size_t answer_cost(const struct answer *a);

#endif
