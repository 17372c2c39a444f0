#include "fusefs/store/http/store_http_internal.h"

#include "common/base/error.h"
#include "common/base/log.h"
#include "fusefs/store/http/journal.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#define POLLS_PER_LEASE 3

static void on_changes(struct store_http_call *call, int error, struct http_response *response)
{
	struct store_changes changes = {0};
	struct journal j;

	journal_init(&j);
	if (error == 0) {
		error = journal_parse(&j, buf_span(&response->body), call->session_sent, &changes);
		if (error == -EPROTO)
			log_error(NULL, "the journal's answer makes no sense");
	} else if (error == -EIDRM || error == -ERR_EPOCH) {
		/* The next answer says where the journal stands now. */
		changes.reset = true;
		error = 0;
	}
	if (error == 0 && !changes.reset) {
		journal_judge(&j, call->as.poll.since, &changes);
		pthread_mutex_lock(&call->s->lock);
		if (changes.reset)
			call->s->seen = changes.last;
		store_http_note_position(call->s, changes.last);
		if (changes.counted)
			call->s->others = changes.others;
		pthread_mutex_unlock(&call->s->lock);
	}
	pthread_mutex_lock(&call->s->lock);
	changes.lock_life = call->s->lock_life;
	pthread_mutex_unlock(&call->s->lock);
	call->as.poll.done(call->cookie, error, error == 0 ? &changes : NULL);
	journal_fini(&j);
	store_http_call_over(call);
}

static unsigned slack_ms(const struct store_http *s)
{
	unsigned ms = STORE_HTTP_POLL_SLACK_MS;

	for (unsigned i = 0; i < s->late_polls && ms < STORE_HTTP_POLL_SLACK_MAX_MS; i++)
		ms *= 2;
	return ms < STORE_HTTP_POLL_SLACK_MAX_MS ? ms : STORE_HTTP_POLL_SLACK_MAX_MS;
}

/* The body contains the session, so it is made for each attempt. */
static int prepare(struct store_http_call *call)
{
	const struct poll_call *p = &call->as.poll;
	char id[24];
	json_t *held = json_array();
	json_t *body;

	assert(call->s->session != 0); /* CALL_FLAG_SESSION: the call waits while there is none */
	for (size_t i = 0; i < p->held_count; i++) {
		(void)snprintf(id, sizeof(id), "%" PRId64, p->held[i]);
		json_array_append_new(held, json_string(id));
	}
	body = json_pack(
		"{s:I, s:i, s:o}", "wait", (json_int_t)p->wait_s, "limit", (int)CHANGES_PAGE_MAX, "held", held);
	if (!body)
		json_decref(held);
	if (body &&
		(item_json_set_id(body, "since", p->since.seq) < 0 ||
			item_json_set_id(body, "session", call->s->session) < 0 ||
			(call->s->others >= 0 &&
				json_object_set_new(body, "others", json_integer(call->s->others)) < 0))) {
		json_decref(body);
		body = NULL;
	}
	buf_reset(&call->owned);
	store_http_call_json_take(call, body);
	call->deadline_ms = p->wait_s * 1000 + slack_ms(call->s);
	return call->broken;
}

/* budget: the seam's signature */
store_ticket store_http_poll(struct store *base, struct store_position since, unsigned wait_s, const int64_t *held,
	size_t held_count, void (*done)(void *cookie, int error, const struct store_changes *changes), void *cookie)
{
	struct store_http_call *call = store_http_call_new(store_http_of(base), CALL_POLL, on_changes, cookie);
	struct poll_call *p = &call->as.poll;
	const unsigned lease_s = store_http_of(base)->lock_lease_s;

	assert(held || held_count == 0);
	/* Polls renew the lease of file locks: two of three polls may be lost. */
	if (lease_s > 0 && wait_s > lease_s / POLLS_PER_LEASE)
		wait_s = lease_s / POLLS_PER_LEASE;
	call->method = "POST";
	call->flags = CALL_FLAG_SESSION | CALL_FLAG_ONCE;
	call->response_max = JOURNAL_BYTES_MAX;
	call->prepare = prepare;
	p->since = since;
	p->wait_s = wait_s;
	p->held = held;
	p->held_count = held_count;
	p->done = done;
	store_http_call_path(call, "/changes");
	return store_http_call_start(call);
}
