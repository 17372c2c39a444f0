#include "backend/service/job_queue.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

/*
 * Places and parties are arrays that refer to each other by index; each has as many elements as the queue has places,
 * since no more parties than jobs can wait. Free elements of both are in lists. A party exists while it has a job:
 * it is in one of the lists of `table`, by its number, and in the round. A job is taken from the first party of the
 * round, which then goes to the end of the round.
 */

#define NONE UINT32_MAX

struct place {
	struct job job;
	uint32_t next; /* of the same party, or in the list of free places */
};

struct party {
	int64_t number;
	uint32_t first, last, count; /* its jobs */
	uint32_t next_in_round;
	uint32_t next; /* in a list of the table, or in the list of free parties */
};

struct job_queue {
	size_t max, count;
	struct place *places;
	struct party *parties;
	uint32_t *table; /* heads of lists; its size is a power of two */
	uint32_t table_size;
	uint32_t free_place, free_party;
	uint32_t round_first, round_last;
};

static void init_lists(struct job_queue *q)
{
	for (uint32_t i = 0; i < q->max; i++) {
		q->places[i].next = i + 1 < q->max ? i + 1 : NONE;
		q->parties[i].next = i + 1 < q->max ? i + 1 : NONE;
	}
	for (uint32_t i = 0; i < q->table_size; i++)
		q->table[i] = NONE;
	q->free_place = q->free_party = 0;
	q->round_first = q->round_last = NONE;
}

int job_queue_new(size_t max, struct job_queue **ret)
{
	struct job_queue *q = calloc(1, sizeof(*q));

	assert(max > 0 && max < NONE / 2);
	if (!q)
		return -ENOMEM;
	q->max = max;
	for (q->table_size = 1; q->table_size < max; q->table_size *= 2)
		;
	q->places = calloc(max, sizeof(*q->places));
	q->parties = calloc(max, sizeof(*q->parties));
	q->table = calloc(q->table_size, sizeof(*q->table));
	if (!q->places || !q->parties || !q->table) {
		job_queue_free(q);
		return -ENOMEM;
	}
	init_lists(q);
	*ret = q;
	return 0;
}

void job_queue_free(struct job_queue *q)
{
	if (!q)
		return;
	free(q->places);
	free(q->parties);
	free(q->table);
	free(q);
}

/* Numbers of users and drives are consecutive, so their low bits spread them as evenly as any hash would. */
static uint32_t *list_of(const struct job_queue *q, int64_t number)
{
	return &q->table[(uint64_t)number & (q->table_size - 1)];
}

/* NONE: the party has no job. */
static uint32_t find(const struct job_queue *q, int64_t number)
{
	uint32_t p = *list_of(q, number);

	while (p != NONE && q->parties[p].number != number)
		p = q->parties[p].next;
	return p;
}

static void enter_round(struct job_queue *q, uint32_t p)
{
	q->parties[p].next_in_round = NONE;
	if (q->round_last == NONE)
		q->round_first = p;
	else
		q->parties[q->round_last].next_in_round = p;
	q->round_last = p;
}

/* There is a free place, and so there is a free party. */
static uint32_t add_party(struct job_queue *q, int64_t number)
{
	uint32_t *list = list_of(q, number);
	const uint32_t p = q->free_party;

	assert(p != NONE);
	q->free_party = q->parties[p].next;
	q->parties[p] = (struct party){.number = number, .first = NONE, .last = NONE, .next = *list};
	*list = p;
	enter_round(q, p);
	return p;
}

static void remove_party(struct job_queue *q, uint32_t p)
{
	uint32_t *at = list_of(q, q->parties[p].number);

	while (*at != p)
		at = &q->parties[*at].next;
	*at = q->parties[p].next;
	q->parties[p].next = q->free_party;
	q->free_party = p;
}

int job_queue_put(struct job_queue *q, int64_t party, const struct job *job)
{
	uint32_t p = find(q, party);
	const size_t has = p == NONE ? 0 : q->parties[p].count;
	const size_t left = q->max - q->count;

	if (left == 0 || (party != JOB_PARTY_SERVICE && has >= left))
		return -EAGAIN;
	if (p == NONE)
		p = add_party(q, party);
	const uint32_t at = q->free_place;
	struct party *one = &q->parties[p];

	q->free_place = q->places[at].next;
	q->places[at] = (struct place){*job, NONE};
	if (one->last == NONE)
		one->first = at;
	else
		q->places[one->last].next = at;
	one->last = at;
	one->count++;
	q->count++;
	return 0;
}

bool job_queue_take(struct job_queue *q, struct job *ret)
{
	const uint32_t p = q->round_first;

	if (p == NONE)
		return false;
	struct party *one = &q->parties[p];
	const uint32_t at = one->first;

	*ret = q->places[at].job;
	one->first = q->places[at].next;
	one->count--;
	q->count--;
	q->places[at].next = q->free_place;
	q->free_place = at;
	q->round_first = one->next_in_round;
	if (q->round_first == NONE)
		q->round_last = NONE;
	if (one->first == NONE)
		remove_party(q, p);
	else
		enter_round(q, p);
	return true;
}

size_t job_queue_count(const struct job_queue *q)
{
	return q->count;
}
