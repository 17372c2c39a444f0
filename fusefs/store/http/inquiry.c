#include "fusefs/store/http/store_http_internal.h"

#include "common/base/error.h"
#include "common/base/log.h"
#include "common/proto/batch_key.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

/*
 * Finds out what became of a batch in doubt. Its session is given up: nothing more is sent under it, but what was
 * sent may still be on its way. So another session replaces it first, and from then on the store refuses requests
 * under the old one. Every op that happened has a journal entry under SESSION/NUMBER, at or before the position at
 * which the new session began. If all entries are there, the batch happened, and the documents that its ops made are
 * read as they are now. If no entry is there, it did not happen (or was refused), and never will, and it is sent
 * again under the new session. When there is no new session in time, or the journal does not reach back, or has
 * another incarnation, the outcome is unknown: -ERR_IN_DOUBT (EIO for programs, as after an outage).
 */

#define PAGE_BYTES_MAX (4u * 1024 * 1024) /* CHANGES_PAGE_MAX entries */
#define PAGES_MAX 1000 /* a million changes since the batch was sent: reading more is not worth the wait */
/* Inquiries for one batch after doubtful answers: more of them mean that the store is broken. Doubt because no
 * answer came does not count: then the store was unreachable, and that is waited out, however often. */
#define ASKED_MAX 3

/* The document of an entry, its folder, and its former folder. */
enum { ITEM_ITSELF, ITEM_FOLDER, ITEM_OLD_FOLDER, ITEMS_OF_ENTRY };

struct wanted {
	int64_t id; /* 0: none */
	bool there;
	struct item item;
	char *bytes; /* memory of its name and target */
};

struct inquiry {
	struct store_http_call *batch;
	struct store_http *s;
	char key[BATCH_KEY_SIZE];
	struct store_position since; /* how far the journal has been read */
	unsigned pages;
	size_t found;		   /* number of entries under the key */
	struct op_result *results; /* one for each op of the batch */
	struct wanted *wanted;	   /* ITEMS_OF_ENTRY for each op */
	size_t next;		   /* index of the next of wanted to ask for */
};

static void ask_page(struct inquiry *q);

static void inquiry_free(struct inquiry *q)
{
	for (size_t i = 0; q->wanted && i < q->batch->as.batch.count * ITEMS_OF_ENTRY; i++)
		free(q->wanted[i].bytes);
	free(q->wanted);
	free(q->results);
	free(q);
}

/* ---- outcomes ---- */

static void end_unknown(struct inquiry *q)
{
	struct store_http_call *batch = q->batch;

	inquiry_free(q);
	store_http_batch_unknown(batch, -ERR_IN_DOUBT);
}

/* The batch did not happen, and nothing of it can still arrive. */
static void end_not_happened(struct inquiry *q)
{
	struct store_http_call *batch = q->batch;
	const bool late = store_http_call_is_late(batch);

	log_warning(NULL, "batch %s: it did not happen, and %s", q->key,
		late ? "its time is over" : "goes again under another session");
	pthread_mutex_lock(&q->s->lock);
	batch->as.batch.in_doubt = false;
	batch->as.batch.lost = false;
	pthread_mutex_unlock(&q->s->lock);
	inquiry_free(q);
	if (!late) {
		store_http_call_anew(batch);
		return;
	}
	batch->as.batch.done(batch->cookie, -ERR_NO_GATEWAY, NULL);
	store_http_call_over(batch);
}

static void take_items(struct op_result *result, const struct wanted *w)
{
	result->has_item = w[ITEM_ITSELF].there;
	result->item = w[ITEM_ITSELF].item;
	for (int i = ITEM_FOLDER; i < ITEMS_OF_ENTRY; i++)
		if (w[i].there)
			result->dirs[result->dir_count++] = w[i].item;
}

static void end_happened(struct inquiry *q)
{
	struct store_http_call *batch = q->batch;
	const size_t count = batch->as.batch.count;
	struct store_batch_reply answer = {
		.results = q->results, .count = count, .index = -1, .at = q->since, .used = -1, .quota = -1};

	assert(q->found == count);
	log_warning(NULL, "batch %s: it had happened, before its session was replaced", q->key);
	for (size_t i = 0; i < count; i++)
		take_items(&q->results[i], &q->wanted[i * ITEMS_OF_ENTRY]);
	batch->as.batch.done(batch->cookie, 0, &answer);
	inquiry_free(q);
	store_http_call_over(batch);
}

/* ---- reading what the ops made ---- */

static int copy_item(struct wanted *w, const struct item *item)
{
	w->bytes = malloc(item->name.size + item->target.size + 1);
	if (!w->bytes)
		return -ENOMEM;
	w->item = *item;
	w->item.has_inline = false;
	if (item->name.size > 0)
		memcpy(w->bytes, item->name.data, item->name.size);
	if (item->target.size > 0)
		memcpy(w->bytes + item->name.size, item->target.data, item->target.size);
	w->item.name = span_of(w->bytes, item->name.size);
	w->item.target = span_of(w->bytes + item->name.size, item->target.size);
	w->there = true;
	return 0;
}

/* A document that was asked for already: most ops of a batch are in one folder. */
static const struct wanted *asked_before(const struct inquiry *q, size_t at)
{
	for (size_t i = 0; i < at; i++)
		if (q->wanted[i].id == q->wanted[at].id)
			return &q->wanted[i];
	return NULL;
}

static void ask_items(struct inquiry *q);

static void on_item(void *cookie, int error, const struct item *item, struct store_position at)
{
	struct inquiry *q = cookie;
	struct wanted *w = &q->wanted[q->next];

	assert(q->next < q->batch->as.batch.count * ITEMS_OF_ENTRY);
	assert(w->id != 0 && !w->there); /* each is asked for once */
	(void)at;
	/* Not found: unlinked by this op, or by a later one. */
	if (error == 0)
		error = copy_item(w, item);
	if (error < 0 && error != -ENOENT) {
		end_unknown(q);
		return;
	}
	q->next++;
	ask_items(q);
}

static void ask_items(struct inquiry *q)
{
	const size_t count = q->batch->as.batch.count * ITEMS_OF_ENTRY;

	for (; q->next < count; q->next++) {
		struct wanted *w = &q->wanted[q->next];
		const struct wanted *before = w->id ? asked_before(q, q->next) : NULL;

		if (!w->id || (before && !before->there))
			continue;
		if (!before) {
			(void)store_http_item_for(q->batch, w->id, on_item, q);
			return;
		}
		if (copy_item(w, &before->item) < 0) {
			end_unknown(q);
			return;
		}
	}
	end_happened(q);
}

/* ---- the journal ---- */

static int get_id(const json_t *object, const char *key, int64_t *ret)
{
	int r = item_json_get_id(object, key, ret);

	return r == -ENOENT ? 0 : r;
}

static int take_entry(struct inquiry *q, const json_t *object)
{
	struct op_result *result;
	struct wanted *w;
	const char *op = json_string_value(json_object_get(object, "op"));
	const char *key = json_string_value(json_object_get(object, "key"));
	int r;

	if (!key || strcmp(key, q->key) != 0)
		return 0;
	if (q->found == q->batch->as.batch.count)
		return -EPROTO;
	result = &q->results[q->found];
	w = &q->wanted[q->found * ITEMS_OF_ENTRY];
	q->found++;
	r = item_json_get_id(object, "id", &result->id);
	w[ITEM_ITSELF].id = result->id;
	if (r == 0)
		r = get_id(object, "replaced", &result->replaced);
	if (r == 0)
		r = get_id(object, "parent", &w[ITEM_FOLDER].id);
	/* The old_parent of a link is a folder that the op did not change. */
	if (r == 0 && op && strcmp(op, op_kind_name(OP_RENAME)) == 0)
		r = get_id(object, "old_parent", &w[ITEM_OLD_FOLDER].id);
	if (w[ITEM_OLD_FOLDER].id == w[ITEM_FOLDER].id)
		w[ITEM_OLD_FOLDER].id = 0;
	/* The changed range of an append begins where the store put the data. */
	result->value = json_integer_value(
		json_object_get(object, op && strcmp(op, op_kind_name(OP_WRITE)) == 0 ? "from" : "len"));
	return r;
}

/* 1: the journal has more entries. */
static int take_page(struct inquiry *q, const struct http_response *response)
{
	json_t *root = json_loadb(response->body.data ? response->body.data : "", response->body.size, 0, NULL);
	const json_t *list = json_object_get(root, "changes");
	struct store_position last = {0, 0};
	int r = json_is_array(list) ? item_json_get_id(root, "last", &last.seq) : -EPROTO;

	if (r == 0)
		r = item_json_get_id(root, "incarnation", &last.incarnation);
	if (r == 0 && q->since.incarnation == 0 && q->since.seq == 0)
		q->since.incarnation = last.incarnation;
	if (r == 0 && last.incarnation != q->since.incarnation)
		r = -ERR_EPOCH;
	for (size_t i = 0; r == 0 && i < json_array_size(list); i++)
		r = take_entry(q, json_array_get(list, i));
	if (r == 0) {
		q->since.seq += (int64_t)json_array_size(list);
		r = json_array_size(list) > 0 && q->since.seq < last.seq;
	}
	json_decref(root);
	return r;
}

static void on_page(struct store_http_call *call, int error, struct http_response *response)
{
	struct inquiry *q = call->cookie;

	if (error == 0)
		error = take_page(q, response);
	store_http_call_over(call);
	if (error > 0 && ++q->pages < PAGES_MAX) {
		ask_page(q);
	} else if (error != 0) {
		end_unknown(q);
	} else if (q->found == 0) {
		end_not_happened(q);
	} else if (q->found < q->batch->as.batch.count) {
		end_unknown(q); /* a batch happens as a whole or not at all: this journal is wrong */
	} else {
		pthread_mutex_lock(&q->s->lock);
		store_http_note_position(q->s, q->since); /* becomes the floor of the requests below */
		pthread_mutex_unlock(&q->s->lock);
		ask_items(q);
	}
}

static void ask_page(struct inquiry *q)
{
	struct store_http_call *call = store_http_call_new(q->s, CALL_META, on_page, q);

	/* With the floor, the answer is not older than the end of the batch's session: this mount has seen the
	 * position of that end. */
	call->flags = CALL_FLAG_FLOOR;
	call->began_ns = q->batch->began_ns; /* the inquiry is part of the batch's outage, and does not extend it */
	call->response_max = PAGE_BYTES_MAX;
	store_http_call_path(call, "/changes?since=%" PRId64 "&limit=%d", q->since.seq, (int)CHANGES_PAGE_MAX);
	(void)store_http_call_start(call);
}

static void inquiry_start(struct store_http_call *batch)
{
	struct inquiry *q = calloc(1, sizeof(*q));
	const size_t count = batch->as.batch.count;

	if (q) {
		q->batch = batch;
		q->s = batch->s;
		q->since = batch->as.batch.since;
		batch_key_print(batch->session_sent, batch->as.batch.number, q->key);
		q->results = calloc(count, sizeof(*q->results));
		q->wanted = calloc(count * ITEMS_OF_ENTRY, sizeof(*q->wanted));
	}
	if (q && q->results && q->wanted) {
		ask_page(q);
		return;
	}
	if (q)
		inquiry_free(q);
	store_http_batch_unknown(batch, -ERR_IN_DOUBT);
}

void store_http_inquire(struct store_http_call *batch, int error)
{
	struct batch_call *b = &batch->as.batch;
	struct store_http *s = batch->s;
	bool ready, waited, over;

	pthread_mutex_lock(&s->lock);
	assert(batch->kind == CALL_BATCH && batch->state == CALL_IN_HAND);
	store_http_session_lost(s, batch->session_sent);
	ready = s->session != 0;
	waited = b->lost;
	b->asked += !waited && error != -ERR_NO_GATEWAY;
	b->lost = b->in_doubt = true;
	over = batch->cancelled || s->closing || (waited && error != -ERR_SESSION_GONE) || b->asked > ASKED_MAX;
	/* The batch does not wait for a new session any more, but the next calls will need one. */
	if (over && !ready && !s->closing)
		store_http_session_renew(s);
	batch->broken = 0;
	pthread_mutex_unlock(&s->lock);
	if (over)
		store_http_batch_unknown(batch, -ERR_IN_DOUBT);
	else if (ready)
		inquiry_start(batch);
	else
		store_http_call_again(
			batch, false); /* finds no session, waits for one, and comes back with -ERR_SESSION_GONE */
}
