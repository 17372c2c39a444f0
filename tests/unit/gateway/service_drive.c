#include "tests/unit/gateway/service_drive.h"

#include "common/base/buf.h"
#include "common/base/error.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void service_drive_reset(struct service_drive *d)
{
	pthread_mutex_lock(&d->lock);
	d->answers = true;
	d->status = 200;
	d->timeline = 0;
	d->tags = " a2";
	d->touches = " a2";
	d->size = 0;
	d->date = NULL;
	d->skips = 0;
	d->refusal = 0;
	d->refusals = 0;
	d->refusal_drive = 0;
	d->claim_error = 0;
	d->owner = 5;
	d->journal = NULL;
	d->journal_status = 503;
	d->waits = false;
	pthread_mutex_lock(&d->content.lock); /* a request for a block may still be in flight */
	d->content.long_ = d->content.text = d->content.wrong = d->content.gone = d->content.damaged = false;
	d->content.let_on = NULL;
	d->content.cuts = 0;
	pthread_mutex_unlock(&d->content.lock);
	d->reads_wait = false;
	pthread_mutex_unlock(&d->lock);
}

void service_drive_init(struct service_drive *d)
{
	gate_init(&d->reads);
	gate_init(&d->changes);
	gate_init(&d->claims);
	gate_init(&d->questions);
	gate_init(&d->first_questions);
	pthread_mutex_init(&d->lock, NULL);
	d->seq = 40;
	d->version = 1;
	service_content_init(&d->content);
}

static void say_position(const struct service_drive *d, struct http_headers *headers)
{
	(void)http_headers_addf(headers, "Nephos-Seq", "1.%" PRId64, d->seq);
	if (d->timeline)
		(void)http_headers_addf(headers, "Nephos-Timeline", "%" PRId64, d->timeline);
}

/* ---- claims, the journal ---- */

static void answer_claim(const struct service_drive *d, struct http_request *req)
{
	struct http_headers headers;

	if (d->claim_error || !d->answers) {
		http_respond_error(req, d->answers ? d->claim_error : -ERR_NOT_FOUND, NULL);
		return;
	}
	http_headers_init(&headers);
	say_position(d, &headers);
	if (d->owner)
		(void)http_headers_addf(&headers, "Nephos-User", "%d", d->owner);
	http_respond(req, 204, &headers, span_of(NULL, 0));
	http_headers_fini(&headers);
}

static void answer_journal(const struct service_drive *d, struct http_request *req)
{
	char text[256];
	const char *drive = http_request_query(req, "drive");
	const size_t stretch = d->journal ? strcspn(d->journal, " ") : 0;

	if (!drive || !d->journal) {
		http_respond(req, d->journal_status, NULL, span_of(NULL, 0));
		return;
	}
	(void)snprintf(text, sizeof(text), "%.*s %s%s", (int)stretch, d->journal, drive, d->journal + stretch);
	http_respond(req, 200, NULL, span_str(text));
}

static void keep_or(struct service_drive *d, struct http_request *req,
	void (*fn)(const struct service_drive *, struct http_request *))
{
	pthread_mutex_lock(&d->lock);
	if (d->waits)
		d->kept[d->kept_count++] = req;
	else
		fn(d, req);
	pthread_mutex_unlock(&d->lock);
}

void service_drive_claim(struct service_drive *d, struct http_request *req)
{
	keep_or(d, req, answer_claim);
	gate_open(&d->claims);
}

void service_drive_journal(struct service_drive *d, struct http_request *req)
{
	keep_or(d, req, answer_journal);
	gate_open(&d->questions);
}

void service_drive_release(struct service_drive *d)
{
	pthread_mutex_lock(&d->lock);
	d->waits = false;
	for (size_t i = 0; i < d->kept_count; i++) {
		if (strcmp(http_request_method(d->kept[i]), "POST") == 0)
			answer_claim(d, d->kept[i]);
		else
			answer_journal(d, d->kept[i]);
	}
	d->kept_count = 0;
	pthread_mutex_unlock(&d->lock);
}

void service_drive_first(struct service_drive *d, struct http_request *req)
{
	const char *user = http_request_query(req, "user");
	char text[16];

	pthread_mutex_lock(&d->lock);
	(void)snprintf(text, sizeof(text), "%" PRIu32, d->first_drive);
	pthread_mutex_unlock(&d->lock);
	gate_open(&d->first_questions);
	if (user && strcmp(user, "5") == 0)
		http_respond(req, 200, NULL, span_str(text));
	else
		http_respond_error(req, -ERR_NOT_FOUND, NULL);
}

/* ---- drives ---- */

static void note_field(const char *name, const char *value, void *cookie)
{
	struct service_drive *d = cookie;
	const size_t used = strlen(d->fields);

	(void)snprintf(d->fields + used, sizeof(d->fields) - used, "%s: %s\n", name, value);
}

static void note_request(struct service_drive *d, const struct http_request *req)
{
	(void)snprintf(d->fields, sizeof(d->fields), "%s %s\n", http_request_method(req), http_request_target(req));
	http_request_each_header(req, note_field, d);
}

/* The drive that Nephos-Drive names; else that of the target. */
static int drive_of(const struct http_request *req)
{
	const char *meant = http_request_header(req, "Nephos-Drive");

	return (int)strtol(meant ? meant : http_request_target(req) + strlen("/api/v2/docs/drives/"), NULL, 10);
}

static bool refuse(struct service_drive *d, struct http_request *req)
{
	struct http_headers headers;

	if (d->refusals == 0)
		return false;
	d->refusals--;
	http_headers_init(&headers);
	if (d->refusal_drive)
		(void)http_headers_addf(&headers, "Nephos-Drive", "%" PRIu32, d->refusal_drive);
	http_respond_error_with(req, d->refusal, NULL, &headers);
	http_headers_fini(&headers);
	return true;
}

static void answer_read(struct service_drive *d, struct http_request *req, struct http_headers *headers)
{
	char text[32];
	const char *wanted = http_request_header(req, "Nephos-Tags");

	if (d->tags && wanted && strcmp(wanted, "?1") == 0)
		(void)http_headers_addf(headers, "Nephos-Tags", "%d%s", drive_of(req), d->tags);
	(void)http_headers_addf(headers, "ETag", "\"v%d\"", d->version);
	if (d->date) {
		(void)http_headers_add(headers, "Last-Modified", d->date);
		(void)http_headers_add(headers, "Accept-Ranges", "bytes");
		(void)http_headers_add(headers, "Content-Type", "text/x");
	}
	if (d->status == 404) {
		http_respond_error_with(req, -ERR_NOT_FOUND, NULL, headers);
	} else if (d->content.long_) {
		service_content_answer(&d->content, req, d->version, headers);
	} else if (d->size > 0) {
		char *body = malloc(d->size);

		memset(body, 'a' + d->version % 26, d->size);
		http_respond_take(req, 200, headers, body, d->size);
	} else {
		(void)snprintf(text, sizeof(text), "version %d", d->version);
		http_respond(req, 200, headers, span_str(text));
	}
}

static void answer_change(struct service_drive *d, struct http_request *req, struct http_headers *headers)
{
	d->version++;
	if (http_request_header(req, "Nephos-Epoch"))
		(void)http_headers_addf(headers, "Nephos-Touched", "1.%" PRId64 "-%" PRId64 " %d%s", d->seq, d->seq,
			drive_of(req), d->touches);
	http_respond(req, 200, headers, span_str("changed"));
}

static void answer(struct service_drive *d, struct http_request *req, bool reads)
{
	struct http_headers headers;

	http_headers_init(&headers);
	say_position(d, &headers);
	/* Fields that no service sends to a gateway, and no gateway to a client. */
	(void)http_headers_add(&headers, "Nephos-Hop", "1 forged");
	(void)http_headers_add(&headers, "Nephos-Home", "http://forged");
	(void)http_headers_add(&headers, "Nephos-Epoch", "77");
	if (reads)
		answer_read(d, req, &headers);
	else
		answer_change(d, req, &headers);
	http_headers_fini(&headers);
}

void service_drive_release_reads(struct service_drive *d)
{
	pthread_mutex_lock(&d->lock);
	const int64_t seq = d->seq;
	const int version = d->version;

	for (size_t i = 0; i < d->waiting_count; i++) {
		d->seq = d->waiting[i].seq;
		d->version = d->waiting[i].version;
		answer(d, d->waiting[i].req, true);
	}
	d->waiting_count = 0;
	d->reads_wait = false;
	d->seq = seq;
	d->version = version;
	pthread_mutex_unlock(&d->lock);
}

bool service_drive_answer(struct service_drive *d, struct http_request *req)
{
	const char *method = http_request_method(req);
	const bool reads = strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;

	pthread_mutex_lock(&d->lock);
	if (!d->answers) {
		pthread_mutex_unlock(&d->lock);
		return false;
	}
	note_request(d, req);
	gate_open(reads ? &d->reads : &d->changes); /* before the answer, which the client gets at once */
	if (reads && d->reads_wait && d->waiting_count < SERVICE_DRIVE_READS_MAX) {
		d->waiting[d->waiting_count].req = req;
		d->waiting[d->waiting_count].seq = d->seq;
		d->waiting[d->waiting_count++].version = d->version;
	} else if (!refuse(d, req)) {
		d->seq += reads ? 0 : 1 + d->skips;
		answer(d, req, reads);
	}
	pthread_mutex_unlock(&d->lock);
	return true;
}
