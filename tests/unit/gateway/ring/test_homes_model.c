/*
 * The homes of one gateway beside the truth. Services change drives and answer late, in any order, or never. A
 * cache does what it is told. Other gateways are the home while this one is not, and copy to it what they keep.
 * There are thousands of random steps with fixed seeds. For each drive that is held must be true:
 *
 *   - nothing that is kept is older than what any client was told, and
 *   - the position that would be sent with a kept answer is not lower than any that a client was told.
 */
#include "gateway/ring/homes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define DRIVES 3u
#define HOMES 2u /* fewer than DRIVES, so that drives are given up */
#define KEYS 8u	 /* of each drive; each has one tag */
#define CHANGES_MAX 2048u
#define LIVES_MAX 32u
#define FLYING 24u
#define STEPS 4000u
#define SEEDS 500u

static uint64_t next_random(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

struct position {
	int64_t life, seq;
};

/* The entry of one key; seq 0: there is none. */
struct kept {
	int64_t life, seq;
	int64_t dropped; /* the highest seq of a drop of its tag; for answers that come later */
};

struct drive {
	/* The truth. */
	struct position now;
	unsigned char tags[LIVES_MAX][CHANGES_MAX]; /* by seq; a later life begins with a copy of them */
	/* What the gateway has. */
	struct position told; /* the highest position that any client was told */
	struct kept kept[KEYS];
	unsigned forgotten; /* how often all was dropped: an answer that was asked for before that is not kept */
};

enum kind { NO_MESSAGE, COPY, CLAIM, CHANGE, READ, SILENT_READ, JOURNAL };

struct message {
	enum kind kind;
	bool done; /* the service has applied it; the answer is in flight */
	uint32_t drive;
	uint64_t number;
	unsigned forgotten, key;
	int64_t since;
	struct home_stretch stretch; /* of the answer; `first` only for a change or the journal */
	bool refused;
};

struct world {
	uint64_t random, seed;
	struct homes *homes;
	struct drive drives[DRIVES];
	struct message flying[FLYING];
};

static size_t below(struct world *w, size_t n)
{
	return (size_t)(next_random(&w->random) % n);
}

/* ---- the cache ---- */

static void forget(struct world *w, uint32_t drive)
{
	struct drive *d = &w->drives[drive - 1];

	memset(d->kept, 0, sizeof(d->kept));
	d->forgotten++;
}

static void drop(struct drive *d, const struct home_stretch *s)
{
	for (int64_t seq = s->first; seq <= s->last; seq++) {
		struct kept *k = &d->kept[d->tags[s->incarnation][seq]];

		if (k->seq < s->last)
			k->seq = 0;
		if (k->dropped < s->last)
			k->dropped = s->last;
	}
}

static void do_duty(struct world *w, const struct message *m, enum home_duty duty)
{
	if (duty == HOME_FORGET)
		forget(w, m->drive);
	else if (duty == HOME_DROP)
		drop(&w->drives[m->drive - 1], &m->stretch);
}

static void keep(struct drive *d, const struct message *m)
{
	struct kept *k = &d->kept[m->key];

	if (m->forgotten == d->forgotten && k->dropped <= m->stretch.last) {
		k->life = m->stretch.incarnation;
		k->seq = m->stretch.last;
	}
}

/* ---- what is asked ---- */

static struct message *send(struct world *w, enum kind kind, uint32_t drive)
{
	for (size_t i = 0; i < FLYING; i++) {
		struct message *m = &w->flying[i];

		if (m->kind != NO_MESSAGE)
			continue;
		*m = (struct message){.kind = kind, .drive = drive, .forgotten = w->drives[drive - 1].forgotten};
		return m;
	}
	return NULL;
}

static bool has_room(const struct world *w)
{
	for (size_t i = 0; i < FLYING; i++)
		if (w->flying[i].kind == NO_MESSAGE)
			return true;
	return false;
}

static void ask(struct world *w, uint32_t drive)
{
	int64_t since = 0;

	if (!has_room(w))
		return;
	const uint64_t number = homes_ask(w->homes, drive, &since);
	if (number == 0)
		return;
	struct message *m = send(w, JOURNAL, drive);
	m->number = number;
	m->since = since;
}

/* A request for the drive arrives. */
static void request(struct world *w, uint32_t drive)
{
	static const enum kind KINDS[] = {CHANGE, READ, READ, SILENT_READ};
	const struct home_view view = homes_view(w->homes, drive);
	uint32_t forgotten = 0;

	if (!has_room(w))
		return;
	if (view.state == HOME_NONE || view.state == HOME_REPLICA) {
		const uint64_t number = homes_claim(w->homes, drive, 1, 1, &forgotten);

		if (forgotten)
			forget(w, forgotten);
		send(w, CLAIM, drive)->number = number;
	} else if (view.state != HOME_CLAIMING) {
		struct message *m = send(w, KINDS[below(w, 4)], drive);

		m->key = (unsigned)below(w, KEYS);
		ask(w, drive);
	}
}

/* ---- the truth ---- */

static void change(struct world *w, struct message *m)
{
	struct drive *d = &w->drives[m->drive - 1];
	const size_t count = 1 + below(w, 3);

	m->stretch.first = d->now.seq + 1;
	for (size_t i = 0; i < count && d->now.seq + 1 < CHANGES_MAX; i++)
		d->tags[d->now.life][++d->now.seq] = (unsigned char)below(w, KEYS);
	m->stretch.last = d->now.seq;
}

static void serve(struct world *w, struct message *m)
{
	struct drive *d = &w->drives[m->drive - 1];

	m->done = true;
	m->stretch = (struct home_stretch){.incarnation = d->now.life, .first = 1, .last = d->now.seq};
	if (m->kind == CHANGE)
		change(w, m);
	if (m->kind != JOURNAL)
		return;
	m->refused = m->since > d->now.seq;
	m->stretch.first = m->since + 1;
}

/* Sets the drive back to its state of some changes ago, in a new life. */
static void set_back(struct world *w, struct drive *d)
{
	const int64_t back = (int64_t)below(w, 4);

	if (d->now.life + 1 == LIVES_MAX)
		return;
	memcpy(d->tags[d->now.life + 1], d->tags[d->now.life], sizeof(d->tags[0]));
	d->now.life++;
	d->now.seq = d->now.seq > back ? d->now.seq - back : 0;
}

/* ---- answers ---- */

static void tell(struct drive *d, const struct home_stretch *s)
{
	const struct position at = {s->incarnation, s->last};

	if (at.life > d->told.life || (at.life == d->told.life && at.seq > d->told.seq))
		d->told = at;
}

/* While another gateway is the home, it changes the drive, announces the change to this one, and copies what it
 * keeps. */
static void be_elsewhere(struct world *w, uint32_t drive)
{
	struct drive *d = &w->drives[drive - 1];
	const enum home_state state = homes_view(w->homes, drive).state;
	struct message other = {.kind = CHANGE, .drive = drive};
	enum home_duty duty;

	if ((state != HOME_NONE && state != HOME_REPLICA) || !has_room(w))
		return;
	if (below(w, 3) == 0)
		serve(w, &other);
	if (other.done)
		tell(d, &other.stretch);
	const struct home_stand stand = {.epoch = 1, .incarnation = d->now.life, .followed = d->now.seq};
	const bool taken = homes_offered(w->homes, drive, &stand, &duty);
	do_duty(w, &other, taken ? duty : HOME_NOTHING);
	if (taken && other.done && below(w, 2) == 0)
		do_duty(w, &other, homes_touched(w->homes, drive, &other.stretch));
	if (!taken)
		return;
	struct message *m = send(w, COPY, drive);
	m->done = true;
	m->key = (unsigned)below(w, KEYS);
	m->stretch = (struct home_stretch){.incarnation = d->now.life, .first = 1, .last = d->now.seq};
	ask(w, drive);
}

static void on_claimed(struct world *w, const struct message *m)
{
	const struct home_claim said = {.owner = 1, .incarnation = m->stretch.incarnation, .seq = m->stretch.last};

	enum home_duty duty;

	(void)homes_claimed(w->homes, m->drive, m->number, &said, &duty);
	do_duty(w, m, duty);
	ask(w, m->drive);
}

static void on_journal(struct world *w, const struct message *m)
{
	if (m->refused) {
		(void)homes_told(w->homes, m->drive, m->number, NULL);
		homes_forget(w->homes, m->drive);
		forget(w, m->drive);
		return;
	}
	do_duty(w, m, homes_told(w->homes, m->drive, m->number, &m->stretch));
	ask(w, m->drive);
}

static void deliver(struct world *w, const struct message *m)
{
	struct drive *d = &w->drives[m->drive - 1];

	switch (m->kind) {
	case NO_MESSAGE:
		break;
	case COPY:
		if (homes_is_of(w->homes, m->drive, m->stretch.incarnation))
			keep(d, m);
		break;
	case CLAIM:
		on_claimed(w, m);
		break;
	case CHANGE:
		do_duty(w, m, homes_touched(w->homes, m->drive, &m->stretch));
		tell(d, &m->stretch);
		break;
	case READ:
		do_duty(w, m, homes_saw(w->homes, m->drive, m->stretch.incarnation, m->stretch.last));
		keep(d, m);
		tell(d, &m->stretch);
		break;
	case SILENT_READ:
		homes_doubt(w->homes, m->drive);
		tell(d, &m->stretch);
		break;
	case JOURNAL:
		on_journal(w, m);
		break;
	}
}

static void lose(struct world *w, const struct message *m)
{
	if (m->kind == CLAIM) {
		homes_refused(w->homes, m->drive, m->number);
	} else if (m->kind == JOURNAL) {
		(void)homes_told(w->homes, m->drive, m->number, NULL);
	} else if (m->kind == CHANGE) {
		forget(w, m->drive);
		homes_doubt(w->homes, m->drive);
	}
}

/* The message counts as lost. The answer to a claim or to a question still comes later. */
static void lose_for_now(struct world *w, struct message *m)
{
	lose(w, m);
	if (m->kind != CLAIM && m->kind != JOURNAL)
		m->kind = NO_MESSAGE;
}

static void move_message(struct world *w)
{
	struct message *m = &w->flying[below(w, FLYING)];
	const size_t luck = below(w, 20);

	if (m->kind == NO_MESSAGE)
		return;
	if (luck == 0) {
		lose_for_now(w, m);
	} else if (!m->done) {
		serve(w, m);
	} else {
		const struct message copy = *m;

		m->kind = NO_MESSAGE;
		deliver(w, &copy);
	}
}

/* ---- what must be true ---- */

static void check_kept(const struct world *w, const struct drive *d, size_t key)
{
	const struct kept *k = &d->kept[key];

	if (k->seq == 0)
		return;
	if (k->life < d->told.life)
		fail_msg("seed %llu: kept of an earlier life", (unsigned long long)w->seed);
	for (int64_t seq = k->seq + 1; k->life == d->told.life && seq <= d->told.seq; seq++)
		if (d->tags[k->life][seq] == key)
			fail_msg("seed %llu: kept is what was at %lld, told was %lld", (unsigned long long)w->seed,
				(long long)k->seq, (long long)seq);
}

static size_t check(struct world *w)
{
	size_t served = 0;

	for (uint32_t drive = 1; drive <= DRIVES; drive++) {
		const struct drive *d = &w->drives[drive - 1];
		struct homes_counters counters;

		homes_count(w->homes, &counters);
		assert_true(counters.held + counters.behind + counters.claiming + counters.replicas <= HOMES);
		const struct home_view view = homes_view(w->homes, drive);
		if (view.state != HOME_HELD)
			continue;
		if (view.incarnation < d->told.life ||
			(view.incarnation == d->told.life && view.followed < d->told.seq))
			fail_msg("seed %llu: followed %lld, told %lld", (unsigned long long)w->seed,
				(long long)view.followed, (long long)d->told.seq);
		for (size_t key = 0; key < KEYS; key++) {
			check_kept(w, d, key);
			served += d->kept[key].seq > 0;
		}
	}
	return served;
}

static void step(struct world *w)
{
	const uint32_t drive = 1 + (uint32_t)below(w, 8) % DRIVES;
	const size_t what = below(w, 1000);

	if (what < 400) {
		request(w, drive);
	} else if (what < 990) {
		move_message(w);
	} else if (what < 995) {
		homes_give_up(w->homes, drive);
	} else if (what < 996) {
		homes_forget(w->homes, drive);
		forget(w, drive);
	} else if (what < 998) {
		for (size_t times = below(w, 4); times > 0; times--)
			be_elsewhere(w, drive);
	} else {
		set_back(w, &w->drives[drive - 1]);
	}
}

static size_t run(uint64_t seed)
{
	static struct world w;
	size_t served = 0;

	w = (struct world){.random = seed, .seed = seed};
	assert_int_equal(homes_new(HOMES, &w.homes), 0);
	for (size_t i = 0; i < DRIVES; i++)
		w.drives[i].now = (struct position){1, 1};
	for (size_t i = 0; i < STEPS; i++) {
		step(&w);
		served += check(&w);
	}
	homes_free(w.homes);
	return served;
}

static void a_held_drive_serves_nothing_older_than_any_client_has_seen(void **state)
{
	size_t served = 0;

	(void)state;
	for (uint64_t seed = 1; seed <= SEEDS; seed++)
		served += run(seed);
	/* Entries must be served often: otherwise the checks above would prove nothing. */
	assert_true(served > (size_t)SEEDS * STEPS / 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_held_drive_serves_nothing_older_than_any_client_has_seen),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
