#include "backend/user/rows/user_mem_internal.h"

#include <errno.h>
#include <stdio.h>

static struct mem_guess *guess_by_key(struct user_store *s, const struct user_guess_key *key)
{
	struct mem_state *st = &user_mem_from(s)->state;

	for (size_t i = 0; i < st->guess_count; i++)
		if (memcmp(st->guesses[i].name, key->name, SHA256_BYTES) == 0 &&
			strcmp(st->guesses[i].network, key->network) == 0)
			return &st->guesses[i];
	return NULL;
}

static struct mem_network *network_by_key(struct user_store *s, uint64_t account_id, const char *network)
{
	struct mem_state *st = &user_mem_from(s)->state;

	for (size_t i = 0; i < st->network_count; i++)
		if (st->networks[i].account_id == account_id && strcmp(st->networks[i].network, network) == 0)
			return &st->networks[i];
	return NULL;
}

int user_mem_guess_look(struct user_store *s, const struct user_guess_key *here, const struct user_guess_key *all,
	uint64_t account_id, struct user_guesses *ret)
{
	int r = user_mem_enter(s, "guess_look");

	if (r < 0)
		return r;
	const struct mem_guess *h = guess_by_key(s, here), *e = guess_by_key(s, all);
	const struct mem_network *k = network_by_key(s, account_id, here->network);
	*ret = (struct user_guesses){.known = k != NULL, .known_ns = k ? k->seen_ns : 0};
	if (h)
		ret->here = h->guess;
	if (e)
		ret->all = e->guess;
	return 0;
}

int user_mem_guess_failed(
	struct user_store *s, const struct user_guess_key *key, int64_t now_ns, const struct user_guess_delays *delays)
{
	struct mem_state *st = &user_mem_from(s)->state;
	struct mem_guess *row = guess_by_key(s, key);
	int r = user_mem_enter(s, "guess_failed");

	if (r < 0)
		return r;
	if (!row && st->guess_count == USER_MEM_ROWS)
		return -ENOSPC;
	if (!row) {
		row = &st->guesses[st->guess_count++];
		*row = (struct mem_guess){.last_ns = now_ns};
		memcpy(row->name, key->name, SHA256_BYTES);
		snprintf(row->network, sizeof(row->network), "%s", key->network);
	}
	if (row->last_ns < now_ns - delays->memory_ns)
		row->guess.failures = 0;
	const size_t n = row->guess.failures < delays->count ? row->guess.failures : delays->count - 1;
	row->guess.not_before_ns = now_ns + delays->delay_ns[n];
	row->guess.failures++;
	row->last_ns = now_ns;
	return 0;
}

int user_mem_guess_forget(struct user_store *s, const struct user_guess_key *key)
{
	struct mem_state *st = &user_mem_from(s)->state;
	int r = user_mem_enter(s, "guess_forget");

	for (size_t i = st->guess_count; r == 0 && i-- > 0;) {
		const struct mem_guess *row = &st->guesses[i];
		if (memcmp(row->name, key->name, SHA256_BYTES) == 0 &&
			(!key->network || strcmp(row->network, key->network) == 0))
			st->guesses[i] = st->guesses[--st->guess_count];
	}
	return r;
}

static void drop_oldest_network(struct mem_state *st, uint64_t account_id)
{
	struct mem_network *oldest = NULL;

	for (size_t i = 0; i < st->network_count; i++) {
		struct mem_network *n = &st->networks[i];
		if (n->account_id == account_id && (!oldest || n->seen_ns < oldest->seen_ns))
			oldest = n;
	}
	if (oldest)
		*oldest = st->networks[--st->network_count];
}

int user_mem_network_know(struct user_store *s, uint64_t account_id, const char *network, int64_t now_ns, size_t keep)
{
	struct mem_state *st = &user_mem_from(s)->state;
	struct mem_network *row = network_by_key(s, account_id, network);
	size_t count = 0;
	int r = user_mem_enter(s, "network_know");

	if (r < 0 || !user_mem_account(s, account_id))
		return r;
	if (!row && st->network_count == USER_MEM_ROWS)
		return -ENOSPC;
	if (!row) {
		row = &st->networks[st->network_count++];
		row->account_id = account_id;
		snprintf(row->network, sizeof(row->network), "%s", network);
	}
	row->seen_ns = now_ns;
	for (size_t i = 0; i < st->network_count; i++)
		count += st->networks[i].account_id == account_id;
	for (; count > keep; count--)
		drop_oldest_network(st, account_id);
	return 0;
}

static void drop_oldest_guess(struct mem_state *st)
{
	struct mem_guess *oldest = &st->guesses[0];

	for (size_t i = 1; i < st->guess_count; i++)
		if (st->guesses[i].last_ns < oldest->last_ns)
			oldest = &st->guesses[i];
	*oldest = st->guesses[--st->guess_count];
}

int user_mem_guesses_trim(struct user_store *s, int64_t oldest_ns, size_t keep, int64_t oldest_network_ns)
{
	struct mem_state *st = &user_mem_from(s)->state;
	int r = user_mem_enter(s, "guesses_trim");

	if (r < 0)
		return r;
	for (size_t i = st->guess_count; i-- > 0;)
		if (st->guesses[i].last_ns < oldest_ns)
			st->guesses[i] = st->guesses[--st->guess_count];
	while (st->guess_count > keep)
		drop_oldest_guess(st);
	for (size_t i = st->network_count; i-- > 0;)
		if (st->networks[i].seen_ns < oldest_network_ns)
			st->networks[i] = st->networks[--st->network_count];
	return 0;
}
