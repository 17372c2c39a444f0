/*
 * Short answers of other homes are kept here, too, and are never given to a client unasked: each time the home
 * says first whether it would give just that answer now (validator.h). So the client gets what a hop would get
 * from the home's memory at that moment; but the answer itself is not sent again, and one call asks for all
 * requests that wait.
 *
 * Such an answer lies in this gateway's cache, under the key that it has at its home and that gateway's boot.
 * Its seq is the stamp that it has there: a later answer replaces it. No change of the drive drops it here.
 * After such a change the home no longer has that stamp, and when the home says so, the answer is dropped. The
 * drive in its tag is none (CACHE_NO_DRIVE).
 *
 * If anything is otherwise (nothing is kept, the home gives another answer now, nobody replies, the token may
 * have ended meanwhile), the request is handled like all others.
 */
#include "gateway/proxy/proxy_internal.h"

#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/base/text.h"
#include "common/proto/headers.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* ---- asking the home ---- */

/* A read that waits for the home. It has a place among the requests at services, as it may have to go to one. */
struct validation {
	struct validator_question question; /* first */
	struct proxy *proxy;
	struct http_request *req;
	struct answer *answer;
	struct share_claim place;
	char boot[MEMBERSHIP_BOOT_SIZE], name[MEMBERSHIP_NAME_SIZE], url[MEMBERSHIP_URL_SIZE]; /* of the home */
	char key[];
};

/* The home gives another answer by now, and perhaps none that would be kept in place of this one: the next
 * request is to ask for that answer at once. */
static void forget(const struct validation *v)
{
	struct kept_key of_other;

	if (kept_key_of_other(&of_other, v->boot, v->question.asked.key))
		cache_forget_answer(v->proxy->with.cache, span_of(of_other.text, of_other.size), answer_seq(v->answer));
}

static void on_heard(struct validator_question *question, int error, const struct validation_verdict *verdict)
{
	struct validation *v = (struct validation *)question;
	const struct proxy_validated validated = {.answer = v->answer,
		.incarnation = verdict->incarnation,
		.seq = verdict->seq,
		.home_name = v->name,
		.home_url = v->url};

	under_way_give_back(v->proxy->under_way, &v->place);
	if (error == 0 && verdict->outcome == VALIDATION_OTHER)
		forget(v);
	if (error == 0 && verdict->outcome == VALIDATION_SAME &&
		proxy_hit_answer_validated(v->proxy, v->req, &validated))
		metric_inc(v->proxy->validated);
	else
		proxy_forward_past_memory(v->proxy, v->req, REGISTRY_DOCS);
	answer_unref(v->answer);
	free(v);
}

static void validation_free(struct validation *v)
{
	under_way_give_back(v->proxy->under_way, &v->place);
	answer_unref(v->answer);
	free(v);
}

/* Takes over the reference to the answer, and drops it if there is no memory, or no place (NULL). */
static struct validation *validation_new(struct proxy *p, struct span key, int64_t user, struct answer *answer)
{
	struct validation *v = calloc(1, sizeof(*v) + key.size);

	if (!v) {
		answer_unref(answer);
		return NULL;
	}
	v->proxy = p;
	v->answer = answer;
	v->place = (struct share_claim){.lane = SHARE_REQUESTS, .user = user, .amount = 1};
	if (under_way_take(p->under_way, &v->place) < 0) {
		v->place.amount = 0;
		validation_free(v);
		return NULL;
	}
	memcpy(v->key, key.data, key.size);
	v->question.asked.key = span_of(v->key, key.size);
	v->question.asked.user = user;
	v->question.asked.stamp = answer_seq(answer);
	v->question.heard = on_heard;
	return v;
}

/* The answer of this home that is kept; NULL: there is none. */
static struct answer *find(struct proxy *p, const char *boot, struct span key)
{
	struct kept_key of_other;

	if (!kept_key_of_other(&of_other, boot, key))
		return NULL;
	return cache_get(p->with.cache, span_of(of_other.text, of_other.size), clock_boot_ns());
}

bool proxy_validate_ask(
	struct proxy *p, struct http_request *req, uint32_t drive, const struct membership_gateway *home)
{
	const int64_t user = auth_identity(req)->user;
	struct kept_key key;

	if (!p->validator || !home->hop_url[0] || suspects_has(p->suspects, home->boot, clock_mono_ns()) ||
		!kept_key_make(&key, user, drive, http_request_header(req, "Accept"), http_request_target(req)))
		return false;
	struct answer *answer = find(p, home->boot, span_of(key.text, key.size));
	if (!answer)
		return false;
	struct validation *v = validation_new(p, span_of(key.text, key.size), user, answer);
	if (!v)
		return false;
	v->req = req;
	v->question.asked.drive = drive;
	memcpy(v->boot, home->boot, sizeof(v->boot));
	memcpy(v->name, home->name, sizeof(v->name));
	memcpy(v->url, home->url, sizeof(v->url));
	if (validator_ask(p->validator, home, &v->question))
		return true;
	validation_free(v);
	return false;
}

/* ---- keeping ---- */

void proxy_validate_on_head(struct exchange *x, const struct http_response *head)
{
	const char *stamp = http_headers_get(&head->headers, HEADER_STAMP);
	int64_t number = 0;

	x->fill.stamp = 0;
	if (stamp && x->proxy->validator && strcmp(x->method, "GET") == 0 &&
		(head->status == 200 || head->status == 404) && text_parse_id(span_str(stamp), INT64_MAX, &number) == 0)
		x->fill.stamp = number;
}

/* An answer that there is nothing (404) is kept without fields and body. */
static struct answer *make_answer(const struct exchange *x)
{
	const bool found = x->status == 200;
	struct answer *answer = NULL;
	struct buf head;

	buf_init(&head, HEADER_BYTES_MAX);
	int error = found ? proxy_fill_write_head(&x->answer_headers, &head) : 0;
	if (error == 0)
		answer = answer_new(x->status, x->fill.stamp, buf_span(&head), found ? x->answer.size : 0);
	if (answer && found && answer_append(answer, buf_span(&x->answer)) < 0) {
		answer_unref(answer);
		answer = NULL;
	}
	buf_fini(&head);
	return answer;
}

static void keep(const struct exchange *x, struct span key)
{
	struct tag_list tags;
	struct answer *answer = make_answer(x);

	if (!answer)
		return;
	tag_list_init(&tags, CACHE_NO_DRIVE);
	const struct cache_fill fill = {.key = key,
		.user = x->user,
		.answer = answer,
		.tags = &tags,
		.sent = x->fill.sent,
		.asked_ns = clock_boot_ns()};

	(void)cache_put(x->proxy->with.cache, &fill);
	answer_unref(answer);
}

void proxy_validate_keep(struct exchange *x)
{
	struct kept_key key, of_other;

	if (x->way == WAY_HOP && x->fill.stamp > 0 && proxy_fill_key(x, &key) &&
		kept_key_of_other(&of_other, x->where.home.boot, span_of(key.text, key.size)))
		keep(x, span_of(of_other.text, of_other.size));
}

/* ---- at the home ---- */

/* As for a hit (proxy_hit.c): this gateway is the home and serves, and the answer is in memory. */
static void judge(struct proxy *p, const struct validation_question *q, const struct keeper_place *at,
	struct validation_verdict *ret)
{
	int64_t saw = 0;
	const struct cache_question about = {.key = q->key, .user = q->user, .drive = q->drive, .stamp = q->stamp};

	*ret = (struct validation_verdict){.outcome = VALIDATION_UNKNOWN};
	if (at->way != KEEPER_HERE || !at->serves)
		return;
	ret->outcome = VALIDATION_OTHER;
	if (!cache_is_same(p->with.cache, &about, clock_boot_ns(), &saw))
		return;
	ret->outcome = VALIDATION_SAME;
	ret->incarnation = at->incarnation;
	ret->seq = saw > at->seq ? saw : at->seq;
}

/* The place of a drive is looked up once for consecutive questions about it: this is after all of them were
 * asked, which is all that matters. */
int proxy_judge_answers(struct proxy *p, struct span questions, struct buf *ret)
{
	struct validation_question q, last = {.drive = 0};
	struct validation_verdict verdict;
	struct keeper_place at = {.way = KEEPER_NOWHERE};
	struct span rest;
	size_t count = 0;
	int error = p->validator ? validation_message_open_questions(questions, &rest) : -EBADMSG;

	if (error == 0)
		error = validation_message_begin_verdicts(ret);
	while (error == 0 && (error = validation_message_next_question(&rest, &q)) == 0) {
		if (++count > VALIDATION_QUESTIONS_MAX)
			return -EBADMSG;
		if (q.drive != last.drive || q.user != last.user)
			keeper_look(p->with.keeper, q.drive, q.user, &at);
		last = q;
		judge(p, &q, &at, &verdict);
		error = validation_message_write_verdict(ret, &verdict);
	}
	return error == -ENOENT ? 0 : error;
}
