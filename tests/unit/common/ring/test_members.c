/* Gateways and the ring's book together; a seed decides about time, losses, stops and crashes. */
#include "common/ring/member.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define GATEWAYS 5
#define KEYS 24
#define STEPS 4000
#define STEP_NS 20000000ll
#define SEEDS 20

struct sim_gateway {
	struct member member;
	struct member_call asked;
	struct membership answer;
	bool up, lease, under_way, answered;
	int64_t arrives_ns; /* when the request reaches the book, then when the answer reaches the gateway */
	int64_t stands_until_ns;
	unsigned boots;
	bool holds[KEYS]; /* it was home of the drive, and no duty since then made it forget that */
};

struct sim {
	struct membership book;
	struct sim_gateway gateways[GATEWAYS];
	const struct sim_gateway *last_home[KEYS];
	int64_t now_ns;
	uint64_t random;
	bool trouble;
};

static uint64_t draw(struct sim *s, uint64_t below)
{
	s->random = s->random * 6364136223846793005ull + 1442695040888963407ull;
	return (s->random >> 33) % below;
}

static int member_begins(struct member *m, const char *name, const char *boot, const char *url)
{
	struct member_self self = {.weight = 1};

	(void)snprintf(self.name, sizeof(self.name), "%s", name);
	(void)snprintf(self.boot, sizeof(self.boot), "%s", boot);
	(void)snprintf(self.url, sizeof(self.url), "%s", url);
	return member_init(m, &self);
}

static void start(struct sim *s, size_t i)
{
	struct sim_gateway *g = &s->gateways[i];
	char name[16], boot[MEMBERSHIP_BOOT_SIZE];

	(void)snprintf(name, sizeof(name), "gateway-%zu", i + 1);
	(void)snprintf(boot, sizeof(boot), "b%u", g->boots++);
	*g = (struct sim_gateway){.up = true, .boots = g->boots};
	assert_int_equal(member_begins(&g->member, name, boot, "http://127.0.0.1:8050"), 0);
}

/* A message takes up to 400 ms; in times of trouble one in eight takes up to 6 s, and its sender may have
 * given it up by then. */
static int64_t delay(struct sim *s)
{
	if (s->trouble && draw(s, 8) == 0)
		return (int64_t)draw(s, 6000) * 1000000;
	return (int64_t)draw(s, 400) * 1000000;
}

static struct span key(size_t n, char buffer[8])
{
	return span_of(buffer, (size_t)snprintf(buffer, 8, "%zu", n));
}

static void do_duty(struct sim_gateway *g, enum member_duty duty)
{
	char buffer[8];

	for (size_t n = 0; n < KEYS; n++)
		if (duty == MEMBER_FORGET || (duty == MEMBER_STOP && member_moves(&g->member, key(n, buffer))))
			g->holds[n] = false;
	if (duty == MEMBER_STOP)
		member_stopped(&g->member); /* at once: only the claim that comes after takes time */
}

static void run_gateway(struct sim *s, struct sim_gateway *g)
{
	enum member_duty due;

	if (!g->up || s->now_ns < g->stands_until_ns)
		return;
	if (g->under_way && g->answered && s->now_ns >= g->arrives_ns) {
		const struct member_answer answer = {.book = &g->answer, .lease = g->lease};

		assert_int_equal(member_hear(&g->member, &g->asked, &answer, s->now_ns, &due), 0);
		do_duty(g, due);
		g->under_way = false;
	}
	/* The gateway gives up waiting after a second and a half. The book may have received the call all the
	 * same. */
	if (g->under_way && s->now_ns - g->asked.sent_ns > 1500000000ll)
		g->under_way = false;
	if (!g->under_way && s->now_ns >= member_next_call_ns(&g->member)) {
		member_ask(&g->member, s->now_ns, &g->asked);
		g->under_way = true;
		g->answered = false;
		g->arrives_ns = s->now_ns + delay(s);
	}
}

static void run_book(struct sim *s)
{
	for (size_t i = 0; i < GATEWAYS; i++) {
		struct sim_gateway *g = &s->gateways[i];

		if (!g->up || !g->under_way || g->answered || s->now_ns < g->arrives_ns)
			continue;
		g->lease = false;
		if (!g->asked.look)
			assert_int_equal(membership_hear(&s->book, &g->asked.call, &g->lease), 0);
		g->answer = s->book;
		g->answered = true;
		g->arrives_ns = s->now_ns + delay(s);
	}
}

static void trouble(struct sim *s)
{
	struct sim_gateway *g = &s->gateways[draw(s, GATEWAYS)];

	switch (draw(s, 120)) {
	case 0:
		g->up = false;
		break;
	case 1:
	case 2:
		if (!g->up)
			start(s, (size_t)(g - s->gateways));
		break;
	case 3:
		g->stands_until_ns = s->now_ns + (int64_t)draw(s, 10000) * 1000000;
		break;
	case 4:
		if (draw(s, 4) == 0)
			member_leave(&g->member);
		break;
	default:
		break;
	}
}

/* True when the gateway would answer a read of this drive from memory if it were asked now. A process that
 * stands still is asked only when it goes on, at a later time. */
static bool acts(const struct sim *s, const struct sim_gateway *g, struct span drive)
{
	return g->up && s->now_ns >= g->stands_until_ns && member_has_lease(&g->member, s->now_ns) &&
		member_is_home(&g->member, drive);
}

/* Counts the homes of drive n. A home holds nothing from before the time of another home. */
static size_t count_homes(struct sim *s, size_t n)
{
	size_t homes = 0;
	char buffer[8];

	for (size_t i = 0; i < GATEWAYS; i++) {
		struct sim_gateway *g = &s->gateways[i];

		if (!acts(s, g, key(n, buffer)))
			continue;
		homes++;
		assert_true(!g->holds[n] || s->last_home[n] == g);
		g->holds[n] = true;
		s->last_home[n] = g;
	}
	return homes;
}

static void step(struct sim *s)
{
	int64_t epoch = s->book.epoch;

	s->now_ns += STEP_NS;
	if (s->trouble)
		trouble(s);
	for (size_t i = 0; i < GATEWAYS; i++)
		run_gateway(s, &s->gateways[i]);
	run_book(s);
	assert_int_equal(membership_check(&s->book), 0);
	assert_true(s->book.epoch >= epoch);
	for (size_t n = 0; n < KEYS; n++)
		assert_in_range(count_homes(s, n), 0, 1);
}

static void no_drive_has_two_homes_and_in_quiet_times_each_drive_has_one(void **state)
{
	struct sim *s = calloc(1, sizeof(*s));

	(void)state;
	assert_non_null(s);
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		*s = (struct sim){.random = seed, .trouble = true};
		for (size_t i = 0; i < GATEWAYS; i++)
			start(s, i);
		for (int i = 0; i < STEPS; i++)
			step(s);
		/* After this time each gateway that runs is a member, the others are not, and each drive has
		 * its home. */
		s->trouble = false;
		start(s, 0);
		for (int64_t until = s->now_ns + 10000000000ll + 4 * MEMBER_SILENCE_NS; s->now_ns < until;)
			step(s);
		for (size_t n = 0; n < KEYS; n++)
			assert_int_equal(count_homes(s, n), 1);
		for (size_t i = 0; i < GATEWAYS; i++) {
			const struct sim_gateway *g = &s->gateways[i];

			if (g->up && !g->member.leaving)
				assert_int_equal(g->member.state, MEMBER_MEMBER);
		}
	}
	free(s);
}

/* Makes the call or look that is due. */
static void hear_due(struct membership *m, struct member *g, int64_t now_ns, enum member_duty *ret_duty)
{
	struct member_call call;
	struct member_answer answer = {.book = m};

	member_ask(g, now_ns, &call);
	if (!call.look)
		assert_int_equal(membership_hear(m, &call.call, &answer.lease), 0);
	assert_int_equal(member_hear(g, &call, &answer, now_ns, ret_duty), 0);
}

/* Makes a call, whether it is due or not. */
static void hear(struct membership *m, struct member *g, int64_t now_ns, enum member_duty *ret_duty)
{
	g->next_call_ns = now_ns;
	hear_due(m, g, now_ns, ret_duty);
}

/* Calls as a gateway does that has nothing to stop. */
static void hear_and_stop(struct membership *m, struct member *g, int64_t now_ns)
{
	enum member_duty duty;

	hear(m, g, now_ns, &duty);
	if (duty == MEMBER_STOP)
		member_stopped(g);
}

/* Makes two gateways that are members, at the time 0. */
static void make_two(struct membership *m, struct member *a, struct member *b)
{
	*m = (struct membership){.epoch = 0};
	assert_int_equal(member_begins(a, "a", "a0", "http://x"), 0);
	assert_int_equal(member_begins(b, "b", "b0", "http://y"), 0);
	for (int i = 0; i < 6; i++) {
		hear_and_stop(m, a, 0);
		hear_and_stop(m, b, 0);
	}
	assert_int_equal(a->state, MEMBER_MEMBER);
	assert_int_equal(b->state, MEMBER_MEMBER);
}

static void the_first_gateway_joins_by_its_first_call_and_gets_a_lease_by_its_second(void **state)
{
	struct membership m = {.epoch = 0};
	struct member g;
	enum member_duty duty;

	(void)state;
	assert_int_equal(member_begins(&g, "a", "b0", "http://x"), 0);
	assert_false(member_is_home(&g, SPAN_LITERAL("1")));
	hear(&m, &g, 100, &duty);
	assert_int_equal(duty, MEMBER_FORGET);
	assert_int_equal(m.epoch, 1);
	assert_int_equal(g.state, MEMBER_MEMBER);
	assert_false(member_has_lease(&g, 100));
	assert_int_equal(member_next_call_ns(&g), 100);
	hear(&m, &g, 200, &duty);
	assert_true(member_has_lease(&g, 200 + MEMBER_LEASE_NS - 1));
	assert_false(member_has_lease(&g, 200 + MEMBER_LEASE_NS));
	assert_true(member_is_home(&g, SPAN_LITERAL("1")));
	assert_int_equal(member_next_call_ns(&g), 200 + MEMBER_PERIOD_NS);
}

static void a_joining_gateway_becomes_a_member_only_after_the_old_home_stopped(void **state)
{
	struct membership m = {.epoch = 0};
	struct member a, b;
	enum member_duty duty;
	char buffer[8];
	size_t moving = 0;

	(void)state;
	member_begins(&a, "a", "a0", "http://x");
	member_begins(&b, "b", "b0", "http://y");
	hear(&m, &a, 0, &duty);
	hear(&m, &a, 0, &duty);
	hear(&m, &b, 0, &duty);
	assert_true(m.preparing);
	assert_int_equal(b.state, MEMBER_OUTSIDE);
	hear(&m, &a, 10, &duty);
	assert_int_equal(duty, MEMBER_STOP);
	for (size_t n = 0; n < 100; n++)
		moving += member_moves(&a, key(n, buffer));
	assert_in_range(moving, 30, 70);
	hear(&m, &a, 20, &duty); /* a has not stopped yet, and does not say so */
	assert_true(m.preparing);
	assert_int_equal(duty, MEMBER_STOP);
	assert_true(member_holds_epoch(&a));
	assert_false(member_holds_epoch(&b));
	member_stopped(&a);
	assert_false(member_holds_epoch(&a));
	hear(&m, &a, 30, &duty);
	assert_int_equal(duty, MEMBER_NOTHING);
	assert_int_equal(m.epoch, 2);
	assert_true(member_holds_epoch(&a));
	assert_int_equal(a.state, MEMBER_MEMBER);
	hear(&m, &b, 40, &duty);
	assert_int_equal(b.state, MEMBER_MEMBER);
	for (size_t n = 0; n < 100; n++)
		assert_int_not_equal(member_is_home(&a, key(n, buffer)), member_is_home(&b, key(n, buffer)));
}

static void a_silent_member_is_removed_after_its_lease_and_not_before(void **state)
{
	struct membership m;
	struct member a, b;
	enum member_duty duty;
	int64_t now = 0;

	(void)state;
	make_two(&m, &a, &b);
	while (m.epoch == 2) {
		now += 10000000;
		hear_and_stop(&m, &a, now);
		assert_true(now < 2 * MEMBER_LEASE_NS);
	}
	assert_true(now >= MEMBER_LEASE_NS);
	assert_false(member_has_lease(&b, now));
	assert_int_equal(m.count, 1);
	/* b goes on, and learns that it has to forget all that it holds. */
	hear(&m, &b, now, &duty);
	assert_int_equal(duty, MEMBER_FORGET);
	assert_int_equal(b.state, MEMBER_OUTSIDE);
}

static void a_report_of_silence_counts_only_with_the_last_renewal_of_the_member(void **state)
{
	struct membership m;
	struct member a, b;
	bool lease;

	(void)state;
	make_two(&m, &a, &b);
	const struct membership_silence old = {.name = "b", .boot = "b0", .renewed_at = m.list[1].renewed_at - 1};
	struct membership_call call = {.name = "a",
		.boot = "a0",
		.url = "http://x",
		.hop_url = "",
		.weight = 1,
		.view = m.epoch,
		.silent = &old,
		.silent_count = 1};
	assert_string_equal(m.list[1].name, "b");
	assert_int_equal(membership_hear(&m, &call, &lease), 0);
	assert_false(m.preparing);
	const struct membership_silence last = {.name = "b", .boot = "b0", .renewed_at = m.list[1].renewed_at};
	call.silent = &last;
	assert_int_equal(membership_hear(&m, &call, &lease), 0);
	assert_true(m.preparing);
}

static void a_restarted_gateway_waits_for_the_lease_of_its_former_process(void **state)
{
	struct membership m = {.epoch = 0};
	struct member former, a;
	enum member_duty duty;
	int64_t now = 0;

	(void)state;
	member_begins(&former, "a", "a0", "http://x");
	member_begins(&a, "a", "a1", "http://x");
	hear(&m, &former, now, &duty);
	hear(&m, &former, now, &duty);
	while (a.state == MEMBER_OUTSIDE) {
		assert_int_equal(m.epoch, 1);
		hear(&m, &a, now, &duty);
		now += 100000000;
	}
	assert_true(now > MEMBER_LEASE_NS);
	assert_int_equal(m.epoch, 2);
	assert_int_equal(m.count, 1);
}

static void a_member_that_never_stops_does_not_keep_a_new_gateway_out_forever(void **state)
{
	struct membership m = {.epoch = 0};
	struct member a, b;
	enum member_duty duty;
	int64_t now = 0;

	(void)state;
	member_begins(&a, "a", "a0", "http://x");
	member_begins(&b, "b", "b0", "http://y");
	hear(&m, &a, now, &duty);
	hear(&m, &b, now, &duty);
	while (b.state == MEMBER_OUTSIDE && now < 20 * MEMBER_LEASE_NS) {
		now += MEMBER_SOON_NS;
		hear(&m, &a, now, &duty); /* a is told to stop, and never does */
		hear(&m, &b, now, &duty);
	}
	assert_int_equal(b.state, MEMBER_MEMBER);
	assert_false(member_has_lease(&a, now));
}

static void processes_that_died_early_leave_no_rows_in_the_book(void **state)
{
	struct membership m = {.epoch = 0};
	struct membership_call call = {.name = "a", .url = "http://x", .hop_url = "", .weight = 1};
	char boot[16];
	bool lease;

	(void)state;
	for (int i = 0; i < 3 * MEMBERSHIP_GATEWAYS_MAX; i++) {
		(void)snprintf(boot, sizeof(boot), "b%d", i);
		call.boot = boot;
		assert_int_equal(membership_hear(&m, &call, &lease), 0);
	}
	assert_int_equal(m.count, 2); /* the only member, until it is found silent, and the last one */
	assert_string_equal(m.list[1].boot, boot);
}

static void a_book_with_an_older_epoch_takes_the_lease_away(void **state)
{
	struct membership m = {.epoch = 0}, old;
	struct member a;
	enum member_duty duty;

	(void)state;
	member_begins(&a, "a", "a0", "http://x");
	hear(&m, &a, 0, &duty);
	old = m;
	m.epoch = 7;
	hear(&m, &a, 1, &duty);
	hear(&m, &a, 2, &duty);
	assert_true(member_has_lease(&a, 3));
	hear(&old, &a, 3, &duty);
	assert_int_equal(duty, MEMBER_FORGET);
	assert_false(member_has_lease(&a, 3));
	hear(&old, &a, 4, &duty);
	assert_true(member_has_lease(&a, 5));
	old.list[0].weight = 0;
	hear(&m, &a, 5, &duty);
	assert_int_equal(membership_check(&old), -EINVAL);
}

static void a_leaving_gateway_is_out_as_soon_as_all_members_have_stopped(void **state)
{
	struct membership m;
	struct member a, b;

	(void)state;
	make_two(&m, &a, &b);
	member_leave(&b);
	for (int i = 0; i < 4; i++) {
		hear_and_stop(&m, &b, 1);
		hear_and_stop(&m, &a, 1);
	}
	assert_int_equal(b.state, MEMBER_OUTSIDE);
	assert_int_equal(a.state, MEMBER_MEMBER);
	assert_int_equal(m.epoch, 3);
	assert_true(member_is_home(&a, SPAN_LITERAL("1")));
}

/* The database was unreachable for all of them. */
static void after_an_outage_the_first_caller_does_not_remove_the_other_member(void **state)
{
	const int64_t outage_ns = 10 * MEMBER_LEASE_NS;
	struct membership m = {.epoch = 0};
	struct member a, b;
	enum member_duty duty;

	(void)state;
	make_two(&m, &a, &b);
	const int64_t epoch = m.epoch;
	hear(&m, &a, 1, &duty); /* a has seen the last renewal of b */
	hear(&m, &a, outage_ns, &duty);
	assert_int_equal(m.epoch, epoch);
	assert_false(m.preparing);
	hear(&m, &b, outage_ns + MEMBER_PERIOD_NS, &duty);
	hear(&m, &a, outage_ns + MEMBER_PERIOD_NS, &duty);
	assert_int_equal(m.epoch, epoch);
	assert_int_equal(duty, MEMBER_NOTHING);
	assert_true(member_has_lease(&b, outage_ns + MEMBER_PERIOD_NS));
	/* A gateway that does not come back is out after the length of a lease from then on. */
	for (int n = 2; n < 4; n++)
		hear(&m, &a, outage_ns + n * MEMBER_PERIOD_NS, &duty);
	assert_int_equal(m.epoch, epoch);
	for (int n = 4; n < 8; n++)
		hear_and_stop(&m, &a, outage_ns + n * MEMBER_PERIOD_NS);
	assert_int_equal(m.epoch, epoch + 1);
}

static void a_silent_member_is_reported_as_soon_as_its_time_is_over(void **state)
{
	struct membership m = {.epoch = 0};
	struct member a, b;
	enum member_duty duty;
	int64_t now_ns = 1, silent_ns;

	(void)state;
	make_two(&m, &a, &b);
	hear(&m, &b, now_ns, &duty); /* the last call of b */
	now_ns += MEMBER_PERIOD_NS / 3;
	hear(&m, &a, now_ns, &duty);
	silent_ns = now_ns + MEMBER_SILENCE_NS;
	while (member_next_call_ns(&a) < silent_ns) {
		now_ns = member_next_call_ns(&a);
		hear_due(&m, &a, now_ns, &duty);
		assert_false(m.preparing);
	}
	assert_int_equal(member_next_call_ns(&a), silent_ns);
	hear_due(&m, &a, silent_ns, &duty);
	assert_true(m.preparing);
}

static void hear_what_is_due_and_stop(struct membership *m, struct member *g, int64_t now_ns)
{
	enum member_duty duty;

	if (now_ns < member_next_call_ns(g))
		return;
	hear_due(m, g, now_ns, &duty);
	if (duty == MEMBER_STOP)
		member_stopped(g);
}

/* Returns how long the drives of one of `count` gateways are without a home: from its death at dies_ns until
 * all others have got the epoch without it. */
static int64_t orphaned_ns(size_t count, int64_t dies_ns)
{
	static const char *const NAMES[] = {"a", "b", "c"};
	struct member members[3];
	struct membership m = {.epoch = 0};
	int64_t epoch = INT64_MAX, now_ns = 0;
	size_t alive = count, know = 0;

	for (size_t i = 0; i < count; i++)
		assert_int_equal(member_begins(&members[i], NAMES[i], NAMES[i], "http://127.0.0.1:8050"), 0);
	for (; alive == count || know < alive; now_ns += 1000000) {
		know = 0;
		for (size_t i = 0; i < alive; i++) {
			/* Each gateway calls in a phase of its own. */
			if (now_ns >= (int64_t)i * 370000000)
				hear_what_is_due_and_stop(&m, &members[i], now_ns);
			know += members[i].book.epoch > epoch;
		}
		if (alive == count && now_ns >= dies_ns) {
			alive = count - 1;
			epoch = m.epoch;
			know = 0;
		}
	}
	return now_ns - dies_ns;
}

static void drives_of_a_dead_member_wait_at_most_300_ms_longer_than_its_lease(void **state)
{
	(void)state;
	for (size_t count = 2; count <= 3; count++) {
		int64_t longest_ns = 0;

		for (int64_t n = 0; n < 50; n++) {
			const int64_t ns = orphaned_ns(count, 20000000000ll + n * 27000000);

			longest_ns = ns > longest_ns ? ns : longest_ns;
		}
		/* We promise 3.5 s; the rest of that is for the calls themselves and for the claim. */
		assert_in_range(longest_ns, MEMBER_LEASE_NS, MEMBER_LEASE_NS + 300000000);
	}
}

static void a_look_changes_neither_the_book_nor_the_lease(void **state)
{
	struct membership m = {.epoch = 0};
	struct member a, b;
	enum member_duty duty;
	int64_t now_ns = 1, call_ns;

	(void)state;
	make_two(&m, &a, &b);
	hear(&m, &a, now_ns, &duty);
	call_ns = a.next_call_ns;
	const struct membership before = m;

	for (int looks = 0; member_next_call_ns(&a) < call_ns; looks++) {
		assert_true(looks < 5);
		hear_due(&m, &a, member_next_call_ns(&a), &duty);
		assert_int_equal(duty, MEMBER_NOTHING);
	}
	assert_memory_equal(&m, &before, sizeof(m));
	assert_int_equal(a.lease_until_ns, now_ns + MEMBER_LEASE_NS);
	hear_due(&m, &a, call_ns, &duty);
	assert_int_equal(a.lease_until_ns, call_ns + MEMBER_LEASE_NS);
}

static void a_gateway_that_is_alone_or_outside_schedules_no_looks(void **state)
{
	struct membership m = {.epoch = 0};
	struct member a, b;
	enum member_duty duty;

	(void)state;
	assert_int_equal(member_begins(&a, "a", "1", "http://127.0.0.1:8050"), 0);
	for (int i = 0; i < 3; i++)
		hear(&m, &a, i, &duty);
	assert_int_equal(a.state, MEMBER_MEMBER);
	assert_int_equal(member_next_call_ns(&a), 2 + MEMBER_PERIOD_NS);
	assert_int_equal(member_begins(&b, "b", "2", "http://127.0.0.1:8051"), 0);
	hear(&m, &b, 3, &duty);
	assert_int_equal(b.state, MEMBER_OUTSIDE);
	assert_int_equal(member_next_call_ns(&b), b.next_call_ns);
}

static void a_malformed_call_is_refused_and_changes_nothing(void **state)
{
	static const struct membership_call CALLS[] = {
		{.name = "", .boot = "b", .url = "http://x", .hop_url = "", .weight = 1},
		{.name = "a b", .boot = "b", .url = "http://x", .hop_url = "", .weight = 1},
		{.name = "a", .boot = NULL, .url = "http://x", .hop_url = "", .weight = 1},
		{.name = "a", .boot = "b-", .url = "http://x", .hop_url = "", .weight = 1},
		{.name = "a",
			.boot = "0123456789abcdef0123456789abcdef0",
			.url = "http://x",
			.hop_url = "",
			.weight = 1},
		{.name = "a", .boot = "b", .url = "http://x\n", .hop_url = "", .weight = 1},
		{.name = "a", .boot = "b", .url = "http://x y", .hop_url = "", .weight = 1},
		{.name = "a", .boot = "b", .url = "", .hop_url = "", .weight = 1},
		{.name = "a", .boot = "b", .url = "http://x", .hop_url = NULL, .weight = 1},
		{.name = "a", .boot = "b", .url = "http://x", .hop_url = "http://x y", .weight = 1},
		{.name = "a", .boot = "b", .url = "http://x", .hop_url = "", .weight = 0},
		{.name = "a", .boot = "b", .url = "http://x", .hop_url = "", .weight = PLACEMENT_WEIGHT_MAX + 1},
		{.name = "a", .boot = "b", .url = "http://x", .hop_url = "", .weight = 1, .view = -1},
	};
	struct membership m = {.epoch = 0};
	bool lease;

	(void)state;
	for (size_t i = 0; i < sizeof(CALLS) / sizeof(CALLS[0]); i++)
		assert_int_equal(membership_hear(&m, &CALLS[i], &lease), -EINVAL);
	assert_int_equal(m.count, 0);
	assert_int_equal(m.calls, 0);
}

static void the_book_has_the_urls_of_the_last_call_of_a_gateway(void **state)
{
	struct membership_call call = {
		.name = "a", .boot = "b", .url = "http://x", .hop_url = "http://x:1", .weight = 1};
	struct membership m = {.epoch = 0};
	bool lease;

	(void)state;
	assert_int_equal(membership_hear(&m, &call, &lease), 0);
	assert_string_equal(m.list[0].url, "http://x");
	assert_string_equal(m.list[0].hop_url, "http://x:1");
	call.url = "http://y";
	call.hop_url = "";
	assert_int_equal(membership_hear(&m, &call, &lease), 0);
	assert_string_equal(m.list[0].url, "http://y");
	assert_string_equal(m.list[0].hop_url, "");
}

static void a_call_carries_the_urls_that_the_member_was_started_with(void **state)
{
	struct member_self self = {.name = "a", .boot = "b", .url = "http://x", .hop_url = "http://x:1", .weight = 1};
	struct member m;
	struct member_call call;

	(void)state;
	assert_int_equal(member_init(&m, &self), 0);
	member_ask(&m, 0, &call);
	assert_string_equal(call.call.url, self.url);
	assert_string_equal(call.call.hop_url, self.hop_url);
	self.hop_url[1] = ' ';
	assert_int_equal(member_init(&m, &self), -EINVAL);
}

static void the_book_holds_64_gateways_and_forgets_those_that_stop_calling(void **state)
{
	struct membership m = {.epoch = 0};
	struct membership_call call = {.boot = "b", .url = "http://x", .hop_url = "", .weight = 1};
	char name[16];
	bool lease;

	(void)state;
	call.name = "member";
	assert_int_equal(membership_hear(&m, &call, &lease), 0);
	for (int i = 0; i < MEMBERSHIP_GATEWAYS_MAX; i++) {
		(void)snprintf(name, sizeof(name), "g%d", i);
		call.name = name;
		call.leaving = true;
		assert_int_equal(membership_hear(&m, &call, &lease), 0);
	}
	/* The last gateway has the place of the one that had waited longest, and no member lost its place. */
	assert_int_equal(m.count, MEMBERSHIP_GATEWAYS_MAX);
	for (size_t i = 0; i < m.count; i++)
		assert_string_not_equal(m.list[i].name, "g0");
	assert_string_equal(m.list[0].name, "member");
	call.name = "member";
	call.leaving = false;
	for (int i = 0; i < MEMBERSHIP_FORGET_CALLS + 1; i++)
		assert_int_equal(membership_hear(&m, &call, &lease), 0);
	assert_int_equal(m.count, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_gateway_joins_by_its_first_call_and_gets_a_lease_by_its_second),
		cmocka_unit_test(a_joining_gateway_becomes_a_member_only_after_the_old_home_stopped),
		cmocka_unit_test(a_silent_member_is_removed_after_its_lease_and_not_before),
		cmocka_unit_test(a_report_of_silence_counts_only_with_the_last_renewal_of_the_member),
		cmocka_unit_test(a_restarted_gateway_waits_for_the_lease_of_its_former_process),
		cmocka_unit_test(a_member_that_never_stops_does_not_keep_a_new_gateway_out_forever),
		cmocka_unit_test(processes_that_died_early_leave_no_rows_in_the_book),
		cmocka_unit_test(a_book_with_an_older_epoch_takes_the_lease_away),
		cmocka_unit_test(a_leaving_gateway_is_out_as_soon_as_all_members_have_stopped),
		cmocka_unit_test(after_an_outage_the_first_caller_does_not_remove_the_other_member),
		cmocka_unit_test(a_silent_member_is_reported_as_soon_as_its_time_is_over),
		cmocka_unit_test(drives_of_a_dead_member_wait_at_most_300_ms_longer_than_its_lease),
		cmocka_unit_test(a_look_changes_neither_the_book_nor_the_lease),
		cmocka_unit_test(a_gateway_that_is_alone_or_outside_schedules_no_looks),
		cmocka_unit_test(a_malformed_call_is_refused_and_changes_nothing),
		cmocka_unit_test(the_book_has_the_urls_of_the_last_call_of_a_gateway),
		cmocka_unit_test(a_call_carries_the_urls_that_the_member_was_started_with),
		cmocka_unit_test(the_book_holds_64_gateways_and_forgets_those_that_stop_calling),
		cmocka_unit_test(no_drive_has_two_homes_and_in_quiet_times_each_drive_has_one),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
