#include "fusefs/store/http/store_http_internal.h"

#include "common/base/error.h"
#include "common/base/log.h"
#include "common/proto/item.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <utlist.h>

#define END_MS 5000 /* for ending the session; without that the session times out by itself */

struct answer {
	int64_t session;
	bool locks_kept;
	unsigned lock_lease_s;
};

static int session_parse(const struct http_response *response, struct answer *ret)
{
	json_t *root = json_loadb(response->body.data ? response->body.data : "", response->body.size, 0, NULL);
	int64_t session = 0;
	const json_int_t lease_s = json_integer_value(json_object_get(root, "lock_lease_s"));
	const bool kept = json_is_true(json_object_get(root, "locks_kept"));
	int r = root ? item_json_get_id(root, "session", &session) : -EPROTO;

	json_decref(root);
	if (r < 0 || session <= 0)
		return -EPROTO;
	*ret = (struct answer){session, kept, lease_s > 0 && lease_s <= SESSION_TIMEOUT_S ? (unsigned)lease_s : 0};
	return 0;
}

static void on_session(struct store_http_call *call, int error, struct http_response *response)
{
	struct store_http *s = call->s;
	struct store_http_call *waiting;
	struct answer answer = {0};

	if (error == 0)
		error = session_parse(response, &answer);
	pthread_mutex_lock(&s->lock);
	assert(s->renewing && s->session == 0); /* one request at a time, and only when there is no session */
	if (error == 0 && answer.session == s->replaces)
		error = -EPROTO;
	s->renewing = false;
	if (response)
		s->renew_key[0] = '\0';
	if (error == 0) {
		s->session = answer.session;
		s->lock_lease_s = answer.lock_lease_s;
		store_http_locks_session(s, answer.locks_kept);
		s->others = -1;
		s->next_batch = 1;
		s->replaces = 0;
	} else {
		s->last_failure = error;
		s->last_gateway = call->gateway;
	}
	DL_FOREACH(s->waiting, waiting) {
		if (waiting->state != CALL_PARKED)
			continue;
		if (error < 0)
			waiting->broken = error;
		waiting->due_ns = 0;
	}
	pthread_cond_signal(&s->clock_wake);
	pthread_cond_broadcast(&s->all_over);
	pthread_mutex_unlock(&s->lock);
	if (error < 0)
		log_warning(NULL, "no session with the store: %s", error_lookup(error)->title);
	else
		log_info(NULL, "session %" PRId64 " with the store", answer.session);
	store_http_call_over(call);
}

void store_http_session_lost(struct store_http *s, int64_t session)
{
	if (session == 0 || s->session != session)
		return;
	assert(s->replaces == 0); /* there is either a session, or a lost one to be replaced */
	s->session = 0;
	s->replaces = session;
}

void store_http_session_renew(struct store_http *s)
{
	struct store_http_call *call;
	json_t *body;

	if (s->renewing)
		return;
	s->renewing = true;
	store_http_session_lost(s, s->session);
	call = store_http_call_new(s, CALL_META, on_session, NULL);
	call->method = "POST";
	store_http_call_path(call, "/sessions");
	if (s->renew_key[0] == '\0') {
		store_http_call_key(call);
		memcpy(s->renew_key, call->key, sizeof(s->renew_key));
	}
	memcpy(call->key, s->renew_key, sizeof(call->key));
	body = json_pack("{s:s}", "name", s->name);
	if (body && s->replaces != 0 && item_json_set_id(body, "replaces", s->replaces) < 0) {
		json_decref(body);
		body = NULL;
	}
	store_http_call_json_take(call, body);
	store_http_call_start_locked(call);
}

void store_http_session_end(struct store_http *s)
{
	struct http_call_options options = {.method = "DELETE", .deadline_ms = END_MS};
	struct http_response response;
	struct http_headers headers;
	struct buf url;
	/* A lost session is ended, too, as the store may still have it: what was sent under it must not happen
	 * after the mount is gone. */
	const int64_t session = s->session ? s->session : s->replaces;
	int r;

	if (session == 0)
		return;
	http_headers_init(&headers);
	buf_init(&url, PATH_BYTES_MAX);
	r = buf_printf(&url, "%s/api/v2/docs/drives/%s/sessions/%" PRId64,
		gateways_url(s->gateways, gateways_current(s->gateways)), s->drive, session);
	if (r == 0)
		r = http_headers_add(&headers, "Authorization", s->authorization);
	options.url = url.data;
	options.headers = &headers;
	if (r == 0) {
		r = http_client_perform(s->client, &options, NULL, &response);
		if (r == 0 && response.status / 100 != 2)
			r = -EIO;
		http_response_fini(&response);
	}
	if (r < 0)
		log_warning(NULL, "the session was not ended, it will end by itself: %s", error_lookup(r)->title);
	buf_fini(&url);
	http_headers_fini(&headers);
}
