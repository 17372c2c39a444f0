/*
 * The rows are a small table that is searched linearly: at most 64 rows, once a second for each gateway.
 *
 * A call takes four steps in this order. The caller is noted (who it is, for which epoch it has stopped, its
 * lease). Silent members are marked. If the ring prepares and waits for no member any more, the next members become
 * the members (activate). If the ring does not prepare and a gateway is to come or to go, the next members are
 * written down (propose). Activate comes before propose, so that a call leaves at most one possible step undone;
 * the next call comes within the second, or at once when the caller sees that something is due.
 */
#include "common/ring/membership.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

/* ---- what a call may say ---- */

static bool is_word(const char *text, size_t size, const char *also)
{
	size_t length = text ? strnlen(text, size) : 0;

	if (length == 0 || length == size)
		return false;
	for (size_t i = 0; i < length; i++) {
		char c = text[i];
		bool usual = (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');

		if (!usual && !strchr(also, c))
			return false;
	}
	return true;
}

static bool is_url(const char *text)
{
	return is_word(text, MEMBERSHIP_URL_SIZE, ".:/_-[]%~");
}

static bool is_hop_url(const char *text)
{
	return text && (*text == '\0' || is_url(text));
}

static bool is_call(const struct membership_call *call)
{
	return is_word(call->name, MEMBERSHIP_NAME_SIZE, "._-") && is_word(call->boot, MEMBERSHIP_BOOT_SIZE, "") &&
		is_url(call->url) && is_hop_url(call->hop_url) && call->weight >= 1 &&
		call->weight <= PLACEMENT_WEIGHT_MAX && call->view >= 0 && call->said >= 0 &&
		call->silent_count <= MEMBERSHIP_GATEWAYS_MAX;
}

/* ---- rows ---- */

static struct membership_gateway *find(struct membership *m, const char *name, const char *boot)
{
	for (size_t i = 0; i < m->count; i++) {
		struct membership_gateway *g = &m->list[i];

		if (strcmp(g->name, name) == 0 && strcmp(g->boot, boot) == 0)
			return g;
	}
	return NULL;
}

static void remove_at(struct membership *m, size_t i)
{
	assert(i < m->count && !m->list[i].member && !m->list[i].next);
	m->list[i] = m->list[--m->count];
}

static void forget(struct membership *m)
{
	for (size_t i = m->count; i-- > 0;) {
		const struct membership_gateway *g = &m->list[i];

		if (!g->member && !g->next && m->calls - g->called_at > MEMBERSHIP_FORGET_CALLS)
			remove_at(m, i);
	}
}

/* Removes former processes of this name that never became members. If the table is still full, also removes the
 * waiting gateway that has not called for the longest time. */
static void make_room(struct membership *m, const char *name)
{
	size_t oldest = m->count;

	for (size_t i = m->count; i-- > 0;) {
		const struct membership_gateway *g = &m->list[i];

		if (!g->member && !g->next && strcmp(g->name, name) == 0)
			remove_at(m, i);
	}
	for (size_t i = 0; i < m->count; i++) {
		const struct membership_gateway *g = &m->list[i];

		if (!g->member && !g->next && (oldest == m->count || g->called_at < m->list[oldest].called_at))
			oldest = i;
	}
	if (m->count == MEMBERSHIP_GATEWAYS_MAX && oldest < m->count)
		remove_at(m, oldest);
}

/* ---- the steps ---- */

static int note(struct membership *m, const struct membership_call *call, struct membership_gateway **ret)
{
	struct membership_gateway *g = find(m, call->name, call->boot);

	if (!g) {
		make_room(m, call->name);
		if (m->count == MEMBERSHIP_GATEWAYS_MAX)
			return -ENOSPC;
		g = &m->list[m->count++];
		*g = (struct membership_gateway){.member = false};
		memcpy(g->name, call->name, strlen(call->name) + 1);
		memcpy(g->boot, call->boot, strlen(call->boot) + 1);
	}
	/* A member's weight places drives, so it stays the same until another process has the name. */
	if (!g->member && !g->next)
		g->weight = call->weight;
	memcpy(g->url, call->url, strlen(call->url) + 1);
	memcpy(g->hop_url, call->hop_url, strlen(call->hop_url) + 1);

	g->leaving = call->leaving;
	g->called_at = m->calls;
	*ret = g;
	return 0;
}

/* true: the lease is renewed. */
static bool renew(struct membership *m, const struct membership_call *call, struct membership_gateway *g)
{
	bool knows = call->view == m->epoch;

	if (!g->member || !knows)
		return false;
	if (m->preparing && call->said == m->epoch + 1)
		g->said = call->said;
	if (m->preparing && g->said <= m->epoch && ++g->unsaid > MEMBERSHIP_UNSAID_MAX)
		return false;
	g->renewed_at = m->calls;
	return true;
}

/* Sets, by index of the row, which members the caller has shown to be silent. */
static void mark_silent(struct membership *m, const struct membership_call *call, bool ret_silent[])
{
	memset(ret_silent, 0, MEMBERSHIP_GATEWAYS_MAX * sizeof(*ret_silent));
	for (size_t i = 0; i < call->silent_count; i++) {
		const struct membership_silence *s = &call->silent[i];
		struct membership_gateway *g = s->name && s->boot ? find(m, s->name, s->boot) : NULL;

		if (g && g->member && g->renewed_at == s->renewed_at)
			ret_silent[g - m->list] = true;
	}
}

static bool is_waited_for(const struct membership *m, size_t i, const bool silent[])
{
	const struct membership_gateway *g = &m->list[i];

	return g->member && g->said <= m->epoch && !silent[i];
}

/* true: it was due, and the next members are the members now. */
static bool activate(struct membership *m, const bool silent[])
{
	for (size_t i = 0; i < m->count; i++)
		if (is_waited_for(m, i, silent))
			return false;
	for (size_t i = m->count; i-- > 0;) {
		struct membership_gateway *g = &m->list[i];
		bool goes = g->member && !g->next;

		g->member = g->next;
		g->next = false;
		g->unsaid = 0;
		if (goes)
			remove_at(m, i); /* the row is made anew if this gateway calls again */
	}
	m->preparing = false;
	m->epoch++;
	return true;
}

/* Whether another process with this name is a member or about to be one. */
static bool name_is_taken(const struct membership *m, const struct membership_gateway *by)
{
	for (size_t i = 0; i < m->count; i++) {
		const struct membership_gateway *g = &m->list[i];

		if (g != by && (g->member || g->next) && strcmp(g->name, by->name) == 0)
			return true;
	}
	return false;
}

static bool is_due(const struct membership *m, const bool silent[])
{
	for (size_t i = 0; i < m->count; i++) {
		const struct membership_gateway *g = &m->list[i];

		if (g->member ? silent[i] || g->leaving : !g->leaving && !name_is_taken(m, g))
			return true;
	}
	return false;
}

static void propose(struct membership *m, const bool silent[])
{
	for (size_t i = 0; i < m->count; i++) {
		struct membership_gateway *g = &m->list[i];

		if (g->member)
			g->next = !silent[i] && !g->leaving;
	}
	/* A member that goes gives up its name at the same time: its successor need not wait for an epoch of its
	 * own. */
	for (size_t i = 0; i < m->count; i++) {
		struct membership_gateway *g = &m->list[i];
		bool free = true;

		for (size_t k = 0; k < m->count; k++)
			free = free && !(k != i && m->list[k].next && strcmp(m->list[k].name, g->name) == 0);
		if (!g->member && !g->leaving && free)
			g->next = true;
	}
	m->preparing = true;
}

int membership_hear(struct membership *m, const struct membership_call *call, bool *ret_lease)
{
	struct membership_gateway *g;
	bool silent[MEMBERSHIP_GATEWAYS_MAX];
	int r = is_call(call) ? 0 : -EINVAL;

	*ret_lease = false;
	if (r == 0) {
		m->calls++;
		forget(m);
		r = note(m, call, &g);
	}
	if (r < 0)
		return r;
	*ret_lease = renew(m, call, g);
	mark_silent(m, call, silent);
	if (m->preparing && activate(m, silent))
		mark_silent(m, call, silent); /* rows have moved */
	if (!m->preparing && is_due(m, silent)) {
		propose(m, silent);
		(void)activate(m, silent); /* at once if nobody is waited for: for the first one, and for one alone */
	}
	assert(membership_check(m) == 0);
	return 0;
}

int membership_check(const struct membership *m)
{
	if (m->epoch < 0 || m->count > MEMBERSHIP_GATEWAYS_MAX)
		return -EINVAL;
	for (size_t i = 0; i < m->count; i++) {
		const struct membership_gateway *g = &m->list[i];

		if (!is_word(g->name, sizeof(g->name), "._-") || !is_word(g->boot, sizeof(g->boot), "") ||
			!is_url(g->url) || !is_hop_url(g->hop_url) || g->weight < 1 || g->weight > PLACEMENT_WEIGHT_MAX)
			return -EINVAL;
		if ((g->next && !m->preparing) || (g->member && m->epoch == 0) || g->said > m->epoch + 1)
			return -EINVAL;
		for (size_t k = 0; k < i; k++) {
			const struct membership_gateway *other = &m->list[k];
			bool same_name = strcmp(g->name, other->name) == 0;

			if (same_name && ((g->member && other->member) || (g->next && other->next)))
				return -EINVAL;
			if (same_name && strcmp(g->boot, other->boot) == 0)
				return -EINVAL;
		}
	}
	return 0;
}
