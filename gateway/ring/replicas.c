/*
 * A message is read to its end before anything is done about it, and then again, by the same functions, to act on
 * it: a malformed message changes nothing. An offer is read once more: the keeper takes or refuses all of its
 * drives first, and only then each key is looked up in the cache. The fence is noted before both.
 */
#include "gateway/ring/replicas.h"

#include "common/base/clock.h"
#include "gateway/ring/replica_message.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static const char *const REFUSALS[REPLICAS_REFUSALS] = {
	[REPLICAS_STRANGER] = "stranger", [REPLICAS_TOO_LARGE] = "too_large", [REPLICAS_MALFORMED] = "malformed"};

struct replicas {
	struct cache *cache;
	struct keeper *keeper;
	struct metric *offers, *copied, *refused[REPLICAS_REFUSALS];
};

static int add_metrics(struct replicas *r, struct metrics *m)
{
	int error = metrics_add(m, METRIC_COUNTER, "nephos_gateway_replica_offers_total", "",
		"Messages in which homes offered copies to this gateway", &r->offers);

	if (error == 0)
		error = metrics_add(m, METRIC_COUNTER, "nephos_gateway_replica_copied_total", "",
			"Answers copied to this gateway by homes, and kept", &r->copied);
	for (int i = 0; i < REPLICAS_REFUSALS && error == 0; i++) {
		char labels[32];

		(void)snprintf(labels, sizeof(labels), "why=\"%s\"", REFUSALS[i]);
		error = metrics_add(m, METRIC_COUNTER, "nephos_gateway_replica_refused_total", labels,
			"Refused messages about copies", &r->refused[i]);
	}
	return error;
}

int replicas_new(struct cache *cache, struct keeper *keeper, struct metrics *metrics, struct replicas **ret)
{
	struct replicas *r = calloc(1, sizeof(*r));
	int error = r ? add_metrics(r, metrics) : -ENOMEM;

	if (error < 0) {
		replicas_free(r);
		return error;
	}
	r->cache = cache;
	r->keeper = keeper;
	*ret = r;
	return 0;
}

void replicas_free(struct replicas *r)
{
	free(r);
}

void replicas_count_refusal(struct replicas *r, enum replicas_refusal why)
{
	metric_inc(r->refused[why]);
}

static int check(struct replicas *r, int error)
{
	if (error == -EBADMSG)
		replicas_count_refusal(r, REPLICAS_MALFORMED);
	return error;
}

/* ---- offers ---- */

/* Offers all drives of the message to the keeper, and notes which of them it takes. */
static size_t take_sections(struct replicas *r, struct span message, bool taken[REPLICA_SECTIONS_MAX])
{
	struct replica_cursor c;
	struct replica_section section;
	struct replica_key key;
	size_t n = 0;

	(void)replica_message_open_offer(message, &c);
	while (replica_message_next_offer(&c, &section) == 0) {
		const struct touched *touched = section.has_touched ? &section.touched : NULL;

		taken[n++] = keeper_offered(r->keeper, section.drive, &section.stand, touched);
		while (replica_message_next_key(&c, &key) == 0)
			;
	}
	return n;
}

/* Notes which keys are wanted, and returns how many keys there are. */
static size_t choose(struct replicas *r, struct span message, const bool *taken, bool wanted[REPLICA_ENTRIES_MAX])
{
	struct replica_cursor c;
	struct replica_section section;
	struct replica_key key;
	size_t count = 0;

	(void)replica_message_open_offer(message, &c);
	while (replica_message_next_offer(&c, &section) == 0) {
		while (replica_message_next_key(&c, &key) == 0)
			wanted[count++] = *taken && !cache_has(r->cache, key.key, key.seq, key.reads);
		taken++;
	}
	assert(count <= REPLICA_ENTRIES_MAX);
	return count;
}

int replicas_take_offer(struct replicas *r, struct span message, struct buf *ret)
{
	bool taken[REPLICA_SECTIONS_MAX] = {false}, wanted[REPLICA_ENTRIES_MAX];
	int error = check(r, replica_message_check_offer(message));

	if (error < 0)
		return error;
	metric_inc(r->offers);
	/* The fence is noted before anything is looked at: what is dropped from now on is refused later, in
	 * whichever section it is. */
	const struct replica_ticket ticket = {.fence = cache_fence(r->cache), .clock_ns = clock_boot_ns()};
	(void)take_sections(r, message, taken);
	const size_t keys = choose(r, message, taken, wanted);

	return replica_message_write_ticket(ret, &ticket, wanted, keys);
}

/* ---- entries ---- */

static int keep(struct replicas *r, uint32_t drive, const struct replica_ticket *ticket, const struct replica_entry *e)
{
	struct answer *answer = answer_new(e->status, e->seq, e->head, e->body.size);
	int error = answer ? answer_append(answer, e->body) : -ENOMEM;

	if (error == 0) {
		const struct cache_copy copy = {.key = e->key,
			.user = e->user,
			.drive = drive,
			.answer = answer,
			.keys = e->keys,
			.key_count = e->key_count,
			.expires_ns = e->lifetime_ns > 0 ? ticket->clock_ns + (int64_t)e->lifetime_ns : INT64_MAX,
			.reads = e->reads};

		if (cache_put_copy(r->cache, &copy, ticket->fence) == CACHE_KEPT)
			metric_inc(r->copied);
	}
	answer_unref(answer);
	return error;
}

/* Whether this process gave the ticket, and not long ago. */
static bool is_ticket(struct replicas *r, const struct replica_ticket *ticket)
{
	const int64_t now_ns = clock_boot_ns();

	return ticket->fence <= cache_fence(r->cache) && ticket->clock_ns <= now_ns &&
		now_ns - ticket->clock_ns <= REPLICAS_TICKET_S * NS_PER_S;
}

int replicas_take_entries(struct replicas *r, struct span message)
{
	struct replica_cursor c;
	struct replica_ticket ticket;
	struct replica_section section;
	struct replica_entry entry;
	int error = replica_message_check_entries(message);

	if (error == 0)
		error = replica_message_open_entries(message, &c, &ticket);
	if (error == 0 && !is_ticket(r, &ticket))
		error = -EBADMSG;
	if (check(r, error) < 0)
		return error;
	while (error == 0 && replica_message_next_section(&c, &section) == 0) {
		const bool known = keeper_has_life(r->keeper, section.drive, section.stand.incarnation);

		while (error == 0 && replica_message_next_entry(&c, section.drive, &entry) == 0)
			error = known ? keep(r, section.drive, &ticket, &entry) : 0;
	}
	return error;
}

json_t *replicas_status(struct replicas *r)
{
	json_t *refused = json_object();

	for (int i = 0; i < REPLICAS_REFUSALS && refused; i++)
		(void)json_object_set_new(refused, REFUSALS[i], json_integer(metric_value(r->refused[i])));
	return json_pack("{s:I, s:I, s:o}", "offers", (json_int_t)metric_value(r->offers), "copied",
		(json_int_t)metric_value(r->copied), "refused", refused);
}
