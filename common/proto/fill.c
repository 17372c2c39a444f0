#include "common/proto/fill.h"

#include <string.h>

void fill_view_init(struct fill_view *v, int64_t trusted_until_ns, int64_t grace_ns)
{
	*v = (struct fill_view){.trusted_until_ns = trusted_until_ns, .grace_ns = grace_ns};
}

static void drop_ranges(struct fill_view *v, size_t count)
{
	v->own_count -= count;
	memmove(v->own, v->own + count, v->own_count * sizeof(v->own[0]));
}

/* Own changes that no gap precedes any more count as followed. If the view is behind after that, the time of being
 * behind starts now, unless the position noted before has still not been followed up. */
static void settle(struct fill_view *v, int64_t now_ns)
{
	size_t count = 0;

	while (count < v->own_count && v->own[count].first <= v->followed + 1) {
		if (v->own[count].last > v->followed)
			v->followed = v->own[count].last;
		count++;
	}
	if (count > 0)
		drop_ranges(v, count);
	if (v->followed > v->newest)
		v->newest = v->followed;
	if (v->behind_seq > v->followed)
		return;
	v->behind_seq = fill_behind(v) ? v->newest : 0;
	v->behind_ns = now_ns;
}

static void trust(struct fill_view *v, int64_t until_ns)
{
	if (until_ns > v->trusted_until_ns || !v->followed_once)
		v->trusted_until_ns = until_ns;
	v->followed_once = true;
}

void fill_view_follow(struct fill_view *v, int64_t seq, int64_t now_ns, int64_t until_ns)
{
	if (seq > v->followed)
		v->followed = seq;
	settle(v, now_ns);
	trust(v, until_ns);
}

void fill_view_reset(struct fill_view *v, int64_t incarnation, int64_t seq, int64_t until_ns)
{
	*v = (struct fill_view){.incarnation = incarnation, .followed = seq, .newest = seq, .grace_ns = v->grace_ns};
	trust(v, until_ns);
}

/* Adds a range behind the others: answers come in the order of their changes. A range that has no room, or comes in
 * another order, is left to the journal. */
static void add_range(struct fill_view *v, int64_t first, int64_t last)
{
	struct fill_range *before = v->own_count > 0 ? &v->own[v->own_count - 1] : NULL;

	if (before && first <= before->last)
		return;
	if (before && first == before->last + 1)
		before->last = last;
	else if (v->own_count < FILL_OWN_MAX)
		v->own[v->own_count++] = (struct fill_range){first, last};
}

void fill_view_own(struct fill_view *v, int64_t first, int64_t last, int64_t now_ns)
{
	if (last > v->newest)
		v->newest = last;
	if (first <= v->followed + 1)
		v->followed = last > v->followed ? last : v->followed;
	else
		add_range(v, first, last);
	settle(v, now_ns);
}

void fill_view_saw(struct fill_view *v, int64_t incarnation, int64_t seq, int64_t now_ns)
{
	if (v->incarnation == 0)
		v->incarnation = incarnation;
	if (incarnation > v->incarnation)
		v->trusted_until_ns = 0; /* another incarnation of the drive: the journal will say where it begins */
	else if (incarnation == v->incarnation && seq > v->newest)
		v->newest = seq;
	settle(v, now_ns);
}

bool fill_trusted(const struct fill_view *v, int64_t now_ns)
{
	return now_ns < v->trusted_until_ns;
}

int64_t fill_trust_left_ns(const struct fill_view *v, int64_t now_ns)
{
	return fill_trusted(v, now_ns) ? v->trusted_until_ns - now_ns : 0;
}

bool fill_behind(const struct fill_view *v)
{
	return v->followed_once && v->followed < v->newest;
}

int64_t fill_needed(const struct fill_view *v, int64_t now_ns)
{
	return v->behind_seq > 0 && now_ns - v->behind_ns >= v->grace_ns ? v->newest : 0;
}

struct fill_wish fill_wish_now(const struct fill_view *v, int64_t now_ns)
{
	return (struct fill_wish){.floor = v->newest, .trusted = fill_trusted(v, now_ns)};
}

bool fill_serves(const struct fill_wish *w, int64_t seen, bool first)
{
	/* Without trust, nothing says what changed before the reader came: only a fill that was sent after that
	 * serves it. */
	return first || (w->trusted && seen >= w->floor);
}
