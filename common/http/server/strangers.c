#include "common/http/server/server_internal.h"

#include "common/base/clock.h"

#include <assert.h>
#include <sys/socket.h>

/*
 * Connections that nobody has vouched for yet (strangers), the oldest first. They are accepted without a check, as
 * the check happens on them; so they may neither stay nor keep other connections out. Their number has no limit of
 * its own: when an instance comes back, all others greet it at once. server->lock guards all of this.
 */

/* This many strangers may be connected however full the server is, and can be greeted at once; when there are
 * more, none of them is sure of its place. */
#define ROOM_MAX 256u
#define ROOM_PART 16 /* a server of few connections reserves only this part of them */

static bool is_in_the_way(const struct http_server *s)
{
	const size_t most = s->options.connections_max;
	const size_t room = most / ROOM_PART < ROOM_MAX ? most / ROOM_PART : ROOM_MAX;

	return s->strangers.count > 0 && s->strangers.count >= room && s->open_count + room >= most;
}

/* Closes a stranger's connection: the loop that owns the connection notices it by itself, and frees it. */
static void show_out(struct http_server *s, struct connection *c)
{
	unsigned turn = atomic_load(&c->turn);

	strangers_leave(s, c);
	/* Later input is ignored; a request that is being answered is cut off. */
	if (!(turn & 1))
		(void)atomic_compare_exchange_strong(&c->turn, &turn, turn | CONNECTION_LATE);
	(void)shutdown(c->fd, SHUT_RDWR);
	metric_inc(s->strangers_shown_out);
}

void strangers_enter(struct http_server *s, struct connection *c)
{
	if (!s->options.stranger_ms)
		return;
	if (is_in_the_way(s))
		show_out(s, s->strangers.first);
	assert(!c->is_stranger && !c->older && !c->younger);
	c->is_stranger = true;
	c->came_ns = clock_mono_ns();
	c->older = s->strangers.last;
	if (c->older)
		c->older->younger = c;
	else
		s->strangers.first = c;
	s->strangers.last = c;
	s->strangers.count++;
}

void strangers_leave(struct http_server *s, struct connection *c)
{
	if (!c->is_stranger)
		return;
	c->is_stranger = false;
	assert(s->strangers.count > 0);
	assert(c->older ? c->older->younger == c : s->strangers.first == c);
	s->strangers.count--;
	if (c->older)
		c->older->younger = c->younger;
	else
		s->strangers.first = c->younger;
	if (c->younger)
		c->younger->older = c->older;
	else
		s->strangers.last = c->older;
	c->older = c->younger = NULL;
}

void strangers_look_after(struct http_server *s, int64_t now_ns)
{
	struct connection *next;

	for (struct connection *c = s->strangers.first; c; c = next) {
		next = c->younger;
		assert(!next || next->came_ns >= c->came_ns);
		if (now_ns - c->came_ns < s->options.stranger_ms * NS_PER_MS)
			return;
		/* A request under way is answered first: some are open to strangers, too. */
		if (!(atomic_load(&c->turn) & 1))
			show_out(s, c);
	}
}

void http_connection_vouch(const struct http_request *req)
{
	struct http_server *s = req->server;
	struct connection *c = request_connection(req);

	if (!c || !s->options.stranger_ms)
		return;
	pthread_mutex_lock(&s->lock);
	strangers_leave(s, c);
	pthread_mutex_unlock(&s->lock);
}
