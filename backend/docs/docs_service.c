#include "backend/docs/docs_service.h"

#include "backend/docs/block_stores.h"
#include "backend/docs/core/docs.h"
#include "backend/docs/fsck.h"
#include "backend/docs/journal/feed.h"
#include "backend/docs/journal/notifier.h"
#include "backend/docs/request/blocks.h"
#include "backend/docs/request/id_ranges.h"
#include "backend/docs/request/lock_turns.h"
#include "backend/docs/request/upload.h"
#include "backend/docs/request/users.h"
#include "backend/docs/rows/pg/docs_pg.h"
#include "backend/docs/upkeep.h"
#include "backend/service/service.h"
#include "backend/service/workers.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "common/base/timer.h"
#include "common/proto/headers.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * The service as one object, `struct docs`, which all handlers share. It is made at the start and freed at the
 * end; in between, nothing here runs but the callbacks of commit and the stamp of answers.
 *
 * docs_service_start reads the settings, registers the metrics and starts the parts, each after the parts that
 * it needs: the block store, the timer, the two feeds (waiters for changes, waiters for file locks), the
 * notifier to other instances, the client of the user service, uploads, ids, the cache of drives, group commit,
 * the second pool of workers, the check of the store, upkeep. If one of them fails, docs_service_stop frees
 * those that exist; so each of its calls accepts a part that does not exist.
 *
 * The end has two steps. docs_service_drain answers all requests that wait for something that may take long, so
 * that they end. Then main stops the HTTP server, and docs_service_stop frees the parts, those that use others
 * first.
 */

static void on_committed(uint32_t drive, struct docs_position at, int64_t session, void *cookie)
{
	struct docs *d = cookie;

	metric_inc(d->metrics.transactions);
	feed_changed(d->feed, drive, session);
	notifier_tell(d->notifier, drive, at.seq);
}

static void on_refused(uint32_t drive, const struct op_batch *batch, size_t first, size_t count, void *cookie)
{
	blocks_refused(cookie, drive, batch, first, count);
}

/* ---- metrics ---- */

struct metric_row {
	struct metric **where;
	enum metric_kind kind;
	const char *name, *labels, *help;
};

static int add_op_metrics(struct docs *d, struct metrics *metrics)
{
	char labels[48];
	int r = 0;

	for (unsigned kind = 0; r == 0 && kind < OP_KINDS; kind++) {
		snprintf(labels, sizeof(labels), "op=\"%s\"", op_kind_name((enum op_kind)kind));
		r = metrics_add(
			metrics, METRIC_COUNTER, "nephos_docs_ops_total", labels, "Ops applied", &d->metrics.ops[kind]);
	}
	return r;
}

static int add_metrics(struct docs *d, struct metrics *metrics)
{
	static const char bytes[] = "nephos_docs_content_bytes_total",
			  bytes_help[] = "Bytes of content, stored and read";
	static const char uploads[] = "nephos_docs_uploads",
			  uploads_help[] = "Uploads that have a buffer, or wait for one";
	struct docs_metrics *m = &d->metrics;
	const struct metric_row rows[] = {
		{&m->block_bytes_in, METRIC_COUNTER, bytes, "kind=\"block\",direction=\"in\"", bytes_help},
		{&m->block_bytes_out, METRIC_COUNTER, bytes, "kind=\"block\",direction=\"out\"", bytes_help},
		{&m->inline_bytes_in, METRIC_COUNTER, bytes, "kind=\"inline\",direction=\"in\"", bytes_help},
		{&m->inline_bytes_out, METRIC_COUNTER, bytes, "kind=\"inline\",direction=\"out\"", bytes_help},
		{&m->batches, METRIC_COUNTER, "nephos_docs_batches_total", "", "Batches applied"},
		{&m->transactions, METRIC_COUNTER, "nephos_docs_transactions_total", "",
			"Transactions that applied batches"},
		{&m->polls, METRIC_GAUGE, "nephos_docs_polls_waiting", "",
			"Long polls and event streams waiting for a change"},
		{&m->lock_waits, METRIC_GAUGE, "nephos_docs_lock_waits", "", "Requests waiting for a file lock"},
		{&m->uploads, METRIC_GAUGE, uploads, "state=\"running\"", uploads_help},
		{&m->uploads_waiting, METRIC_GAUGE, uploads, "state=\"waiting\"", uploads_help},
		{&m->blocks_collected, METRIC_COUNTER, "nephos_docs_blocks_collected_total", "",
			"Blocks removed because nothing referred to them"},
	};
	int r = 0;

	for (size_t i = 0; r == 0 && i < sizeof(rows) / sizeof(rows[0]); i++)
		r = metrics_add(metrics, rows[i].kind, rows[i].name, rows[i].labels, rows[i].help, rows[i].where);
	return r < 0 ? r : add_op_metrics(d, metrics);
}

/* ---- life ---- */

static int start_standbys(struct docs *d, const char *conninfo)
{
	int r = standbys_new(conninfo, service_metrics(d->service), &d->standbys);

	if (r == -EINVAL)
		log_error(NULL,
			"op=start part=standbys outcome=\"--standby-reads: --database names one server, which has no standbys to read from\"");
	return r;
}

static bool is_full(void *docs)
{
	return rows_disk_is_short(((struct docs *)docs)->rows_disk);
}

static int find_rows_disk(struct docs *d, const struct config *config)
{
	const struct rows_disk_options options = {
		.folder = config_text(config, "rows-disk"), .reserve = d->blocks_reserve, .look_ns = ROWS_DISK_LOOK_NS};
	int r = options.folder ? rows_disk_new(&options, &d->rows_disk) : 0;

	if (r < 0)
		log_error(NULL, "op=start part=rows-disk folder=\"%s\" error=%d", options.folder, r);
	return r;
}

static int start_parts(struct docs *d, const struct config *config)
{
	const struct commit_options commit = {.run_on_worker = docs_run,
		.pool = d,
		.on_committed = on_committed,
		.on_committed_cookie = d,
		.on_refused = on_refused,
		.on_refused_cookie = d,
		.is_full = is_full,
		.is_full_cookie = d};
	const char *conninfo = config_text(config, "database");
	const struct upkeep_options upkeep = {.docs = d,
		.conninfo = conninfo,
		.period_s = (unsigned)config_number(config, "upkeep-period"),
		.block_grace_s = (unsigned)config_number(config, "block-grace")};
	const struct workers_options slow = {
		.threads = (unsigned)config_number(config, "block-workers"), .conninfo = conninfo};
	d->file_grace_s = (unsigned)config_number(config, "file-grace");
	int r = block_stores_open(config, &d->blocks);

	if (r == 0)
		r = pg_new(conninfo, &d->database);
	if (r == 0 && config_switch(config, "standby-reads"))
		r = start_standbys(d, conninfo);
	if (r == 0)
		r = timer_new(&d->timer);
	if (r == 0)
		r = feed_new(d->timer, d->metrics.polls, &d->feed);
	if (r == 0)
		r = feed_new(d->timer, d->metrics.lock_waits, &d->lock_feed);
	if (r == 0)
		r = lock_turns_new(&d->lock_turns);
	if (r == 0)
		r = notifier_start(conninfo, d->feed, d->lock_feed, &d->notifier);
	if (r == 0)
		r = users_new(d->service, config_text(config, "user-service"), &d->users);
	if (r == 0)
		r = uploads_new(d, &d->uploads);
	if (r == 0)
		r = id_ranges_new(&d->id_ranges);
	if (r == 0)
		r = drive_cache_new(&d->drive_cache);
	if (r == 0)
		r = commit_new(&commit, &d->commit);
	if (r == 0)
		r = workers_new(&slow, &d->slow);
	if (r == 0)
		r = fsck_new(d, conninfo, &d->fsck);
	return r < 0 ? r : upkeep_start(&upkeep, &d->upkeep);
}

void docs_service_stamp(struct http_headers *ret, void *docs)
{
	const struct docs *d = docs;
	const int64_t timeline = pg_timeline(d->database);

	/* Without memory the timeline is left out. A gateway that gets a position without its timeline requests
	 * no more reads from standbys until it is restarted. That costs speed; its answers stay right. */
	if (timeline > 0)
		(void)http_headers_add_number(ret, HEADER_TIMELINE, timeline);
}

void docs_service_drain(void *docs)
{
	struct docs *d = docs;

	feed_close(d->feed);
	feed_close(d->lock_feed);
	timer_close(d->timer);
}

void docs_service_stop(void *docs)
{
	struct docs *d = docs;

	if (!d)
		return;
	workers_free(d->slow);
	fsck_free(d->fsck);
	upkeep_free(d->upkeep);
	notifier_free(d->notifier);
	commit_free(d->commit);
	id_ranges_free(d->id_ranges);
	timer_free(d->timer); /* used by uploads, streamed answers and feeds */
	uploads_free(d->uploads);
	users_free(d->users);
	feed_free(d->feed);
	feed_free(d->lock_feed);
	lock_turns_free(d->lock_turns);
	for (size_t i = 0; i < DOCS_STORES_MAX && d->workers[i].store; i++)
		d->workers[i].store->ops->free(d->workers[i].store);
	standbys_free(d->standbys);
	pg_free(d->database);
	drive_cache_free(d->drive_cache);
	rows_disk_free(d->rows_disk);
	if (d->blocks)
		d->blocks->ops->free(d->blocks);
	pthread_mutex_destroy(&d->lock);
	pthread_mutex_destroy(&d->cap_lock);
	free(d);
}

static int find_failpoint(const struct config *config, struct failpoint *ret)
{
#ifdef NEPHOS_FAILPOINTS
	const char *text = config_text(config, "failpoint");
#else
	const char *text = NULL;

	(void)config;
#endif
	int r = failpoint_parse(text, ret);

	if (r < 0)
		log_error(NULL, "op=start part=failpoint text=\"%s\" error=%d", text ? text : "", r);
	return r;
}

int docs_service_start(struct service *s, void **ret_app)
{
	const struct config *config = service_config(s);
	struct docs *d = calloc(1, sizeof(*d));
	int r;

	if (!d)
		return -ENOMEM;
	d->service = s;
	pthread_mutex_init(&d->lock, NULL);
	pthread_mutex_init(&d->cap_lock, NULL);
	docs_keys_changed(d);
	d->lock_lease_s = (unsigned)config_number(config, "lock-lease");
	d->default_quota = (int64_t)config_number(config, "quota");
	d->blocks_reserve = (int64_t)config_number(config, "blocks-reserve");
	d->block_young_s = (unsigned)config_number(config, "block-young");
	r = find_failpoint(config, &d->failpoint);
	if (r == 0)
		r = find_rows_disk(d, config);
	if (r == 0)
		r = add_metrics(d, service_metrics(s));
	if (r == 0)
		r = start_parts(d, config);
	if (r < 0) {
		docs_service_stop(d);
		return r;
	}
	*ret_app = d;
	return 0;
}
