/* Each answer of the book is one event; the table says what the member does on it in each state. */
#include "common/ring/member.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

enum event {
	LEFT_OUT, /* this gateway is no member in the answer's epoch */
	SAME,	  /* the epoch that the member has, and nothing is prepared */
	PREPARES, /* the same epoch, and the ring prepares */
	NEXT,	  /* the epoch after the one that the member has */
	OTHER,	  /* any other epoch */
	DONE,	  /* not an answer: the drives that move are stopped */
	EVENTS
};

static const char *const STATE_NAMES[MEMBER_STATES] = {[MEMBER_OUTSIDE] = "outside",
	[MEMBER_MEMBER] = "member",
	[MEMBER_STOPPING] = "stopping",
	[MEMBER_STOPPED] = "stopped"};
static const char *const EVENT_NAMES[EVENTS] = {[LEFT_OUT] = "left out",
	[SAME] = "same epoch",
	[PREPARES] = "prepares",
	[NEXT] = "next epoch",
	[OTHER] = "other epoch",
	[DONE] = "done"};
static const char *const DUTY_NAMES[] = {
	[MEMBER_NOTHING] = "-", [MEMBER_STOP] = "stop what moves", [MEMBER_FORGET] = "forget all"};

struct step {
	enum member_state to;
	enum member_duty duty;
};

/* A preparation cannot end without a new epoch. If it did, the member would not take up again what it has stopped. */
static const struct step STEPS[MEMBER_STATES][EVENTS] = {
	[MEMBER_OUTSIDE] = {[LEFT_OUT] = {MEMBER_OUTSIDE, MEMBER_NOTHING},
		[SAME] = {MEMBER_MEMBER, MEMBER_FORGET},
		[PREPARES] = {MEMBER_STOPPING, MEMBER_STOP},
		[NEXT] = {MEMBER_MEMBER, MEMBER_FORGET},
		[OTHER] = {MEMBER_MEMBER, MEMBER_FORGET},
		[DONE] = {MEMBER_OUTSIDE, MEMBER_NOTHING}},
	[MEMBER_MEMBER] = {[LEFT_OUT] = {MEMBER_OUTSIDE, MEMBER_FORGET},
		[SAME] = {MEMBER_MEMBER, MEMBER_NOTHING},
		[PREPARES] = {MEMBER_STOPPING, MEMBER_STOP},
		[NEXT] = {MEMBER_MEMBER, MEMBER_FORGET},
		[OTHER] = {MEMBER_MEMBER, MEMBER_FORGET},
		[DONE] = {MEMBER_MEMBER, MEMBER_NOTHING}},
	[MEMBER_STOPPING] = {[LEFT_OUT] = {MEMBER_OUTSIDE, MEMBER_FORGET},
		[SAME] = {MEMBER_MEMBER, MEMBER_FORGET},
		[PREPARES] = {MEMBER_STOPPING, MEMBER_STOP},
		[NEXT] = {MEMBER_MEMBER, MEMBER_FORGET},
		[OTHER] = {MEMBER_MEMBER, MEMBER_FORGET},
		[DONE] = {MEMBER_STOPPED, MEMBER_NOTHING}},
	[MEMBER_STOPPED] = {[LEFT_OUT] = {MEMBER_OUTSIDE, MEMBER_FORGET},
		[SAME] = {MEMBER_MEMBER, MEMBER_FORGET},
		[PREPARES] = {MEMBER_STOPPED, MEMBER_NOTHING},
		[NEXT] = {MEMBER_MEMBER, MEMBER_NOTHING},
		[OTHER] = {MEMBER_MEMBER, MEMBER_FORGET},
		[DONE] = {MEMBER_STOPPED, MEMBER_NOTHING}},
};

static enum member_duty move(struct member *m, enum event event)
{
	struct step step = STEPS[m->state][event];

	m->state = step.to;
	return step.duty;
}

static bool is_me(const struct member *m, const struct membership_gateway *g)
{
	return strcmp(g->name, m->self.name) == 0 && strcmp(g->boot, m->self.boot) == 0;
}

static bool lists_me(const struct member *m, const struct membership *book)
{
	for (size_t i = 0; i < book->count; i++)
		if (book->list[i].member && is_me(m, &book->list[i]))
			return true;
	return false;
}

int member_init(struct member *m, const struct member_self *self)
{
	const struct membership_call call = {.name = self->name,
		.boot = self->boot,
		.url = self->url,
		.hop_url = self->hop_url,
		.weight = self->weight};
	struct membership book = {.epoch = 0};
	bool lease;
	int r = membership_hear(&book, &call, &lease);

	if (r < 0)
		return r;
	*m = (struct member){.self = *self, .state = MEMBER_OUTSIDE};
	return 0;
}

void member_leave(struct member *m)
{
	m->leaving = true;
	m->next_call_ns = 0;
}

/* Whether its knowledge of the others' renewals is recent enough to report silent members. */
static bool watches(const struct member *m, int64_t now_ns)
{
	return now_ns - m->heard_ns < MEMBER_LEASE_NS;
}

void member_ask(struct member *m, int64_t now_ns, struct member_call *ret)
{
	/* A call without an answer is not repeated at once: the service that was asked may be gone. */
	m->next_look_ns = now_ns + MEMBER_PERIOD_NS;
	ret->sent_ns = now_ns;
	ret->look = now_ns < m->next_call_ns;
	if (ret->look)
		return;
	m->next_call_ns = now_ns + (m->book.preparing ? MEMBER_SOON_NS : MEMBER_PERIOD_NS);
	ret->call = (struct membership_call){.name = m->self.name,
		.boot = m->self.boot,
		.url = m->self.url,
		.hop_url = m->self.hop_url,
		.weight = m->self.weight,
		.view = m->book.epoch,
		.said = m->state == MEMBER_STOPPED ? m->book.epoch + 1 : 0,
		.leaving = m->leaving,
		.silent = ret->silent};
	for (size_t i = 0; watches(m, now_ns) && i < m->book.count; i++) {
		const struct membership_gateway *g = &m->book.list[i];

		if (!g->member || is_me(m, g) || now_ns - m->since_ns[i] < MEMBER_SILENCE_NS)
			continue;
		ret->silent[ret->call.silent_count++] =
			(struct membership_silence){.name = g->name, .boot = g->boot, .renewed_at = g->renewed_at};
	}
}

/* Updates for how long each member's last renewal has been the last one. The database was read before now, so
 * counting from now makes the wait longer than necessary, never shorter. */
static void watch(struct member *m, const struct membership *book, int64_t now_ns)
{
	int64_t since_ns[MEMBERSHIP_GATEWAYS_MAX];

	for (size_t i = 0; i < book->count; i++) {
		const struct membership_gateway *g = &book->list[i];

		since_ns[i] = now_ns;
		for (size_t k = 0; watches(m, now_ns) && k < m->book.count; k++) {
			const struct membership_gateway *old = &m->book.list[k];

			if (strcmp(old->name, g->name) == 0 && strcmp(old->boot, g->boot) == 0 &&
				old->renewed_at == g->renewed_at && old->member == g->member)
				since_ns[i] = m->since_ns[k];
		}
	}
	memcpy(m->since_ns, since_ns, book->count * sizeof(since_ns[0]));
}

static enum event event_of(const struct member *m, const struct membership *book)
{
	if (!lists_me(m, book))
		return LEFT_OUT;
	if (book->epoch == m->book.epoch)
		return book->preparing ? PREPARES : SAME;
	return book->epoch == m->book.epoch + 1 ? NEXT : OTHER;
}

static int64_t sooner(int64_t due, int64_t at_ns, int64_t now_ns)
{
	return at_ns > now_ns && at_ns < due ? at_ns : due;
}

static bool is_another(const struct member *m, size_t row)
{
	return m->book.list[row].member && !is_me(m, &m->book.list[row]);
}

/* A period from now, or earlier when another member will have been silent for long enough: a dead member is
 * reported without a wait for the next period. */
static int64_t call_due_ns(const struct member *m, int64_t now_ns)
{
	int64_t due = now_ns + (m->book.preparing ? MEMBER_SOON_NS : MEMBER_PERIOD_NS);

	for (size_t i = 0; i < m->book.count; i++)
		if (is_another(m, i))
			due = sooner(due, m->since_ns[i] + MEMBER_SILENCE_NS, now_ns);
	return due;
}

/* Looks are due only while there are other members, and more often while one of them is late. */
static int64_t look_due_ns(const struct member *m, int64_t now_ns)
{
	int64_t due = INT64_MAX;

	for (size_t i = 0; i < m->book.count && m->state != MEMBER_OUTSIDE; i++) {
		const int64_t late_ns = m->since_ns[i] + MEMBER_LATE_NS;

		if (!is_another(m, i))
			continue;
		due = sooner(due, now_ns + MEMBER_LOOK_NS, now_ns);
		due = sooner(due, late_ns > now_ns ? late_ns : now_ns + MEMBER_LATE_LOOK_NS, now_ns);
	}
	return due;
}

int member_hear(struct member *m, const struct member_call *call, const struct member_answer *answer, int64_t now_ns,
	enum member_duty *ret_duty)
{
	const struct membership *book = answer->book;

	*ret_duty = MEMBER_NOTHING;
	if (membership_check(book) < 0)
		return -EINVAL;
	enum event event = event_of(m, book);
	bool epoch_is_new = event == NEXT || event == OTHER;

	watch(m, book, now_ns);
	m->heard_ns = now_ns;
	m->book = *book;
	*ret_duty = move(m, event);
	if (*ret_duty == MEMBER_FORGET)
		m->lease_until_ns = 0;
	else if (answer->lease && !call->look && m->state != MEMBER_OUTSIDE)
		m->lease_until_ns = call->sent_ns + MEMBER_LEASE_NS;
	/* A look does not postpone a call. */
	const int64_t call_ns = call_due_ns(m, now_ns);

	m->next_call_ns = call->look && m->next_call_ns < call_ns ? m->next_call_ns : call_ns;
	m->next_look_ns = look_due_ns(m, now_ns);
	/* The next call, with the new epoch, renews the lease, and its answer says whether the epoch after that is
	 * prepared. */
	if (epoch_is_new || (m->state == MEMBER_MEMBER && m->lease_until_ns == 0))
		m->next_call_ns = now_ns;
	return 0;
}

void member_stopped(struct member *m)
{
	(void)move(m, DONE);
	m->next_call_ns = 0;
}

int64_t member_next_call_ns(const struct member *m)
{
	return m->next_look_ns < m->next_call_ns ? m->next_look_ns : m->next_call_ns;
}

bool member_has_lease(const struct member *m, int64_t now_ns)
{
	return m->state != MEMBER_OUTSIDE && now_ns < m->lease_until_ns;
}

bool member_holds_epoch(const struct member *m)
{
	return m->state == MEMBER_MEMBER || m->state == MEMBER_STOPPING;
}

/* The key's owners among the members of the present epoch, or (next) of the epoch that is prepared. */
static size_t owners(const struct member *m, bool next, struct span key, size_t *ret_rows, size_t max)
{
	struct placement_member members[MEMBERSHIP_GATEWAYS_MAX];
	size_t rows[MEMBERSHIP_GATEWAYS_MAX], count = 0;

	for (size_t i = 0; i < m->book.count; i++) {
		const struct membership_gateway *g = &m->book.list[i];

		if (next ? !g->next : !g->member)
			continue;
		members[count] = (struct placement_member){.name = g->name, .weight = g->weight};
		rows[count++] = i;
	}
	size_t found = placement_owners(members, count, key, ret_rows, max);
	for (size_t i = 0; i < found; i++)
		ret_rows[i] = rows[ret_rows[i]];
	return found;
}

size_t member_owners(const struct member *m, struct span key, size_t *ret_rows, size_t max)
{
	return owners(m, false, key, ret_rows, max);
}

static bool owns(const struct member *m, bool next, struct span key)
{
	size_t row;

	return m->state != MEMBER_OUTSIDE && owners(m, next, key, &row, 1) == 1 && is_me(m, &m->book.list[row]);
}

bool member_is_home(const struct member *m, struct span key)
{
	return owns(m, false, key) && (m->state != MEMBER_STOPPED || owns(m, true, key));
}

bool member_moves(const struct member *m, struct span key)
{
	return m->book.preparing && owns(m, false, key) && !owns(m, true, key);
}

const char *member_state_name(enum member_state state)
{
	return STATE_NAMES[state];
}

void member_fsm_print(FILE *out)
{
	fprintf(out, "%-10s %-12s %-10s %s\n", "state", "event", "state", "duty");
	for (int state = 0; state < MEMBER_STATES; state++)
		for (int event = 0; event < EVENTS; event++)
			fprintf(out, "%-10s %-12s %-10s %s\n", STATE_NAMES[state], EVENT_NAMES[event],
				STATE_NAMES[STEPS[state][event].to], DUTY_NAMES[STEPS[state][event].duty]);
}
