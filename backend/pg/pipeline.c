#include "backend/pg/pg_internal.h"

#include "common/base/clock.h"
#include "common/base/error.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/*
 * The queue lists what was sent since the last flush, in order: the statements of the caller and, before the first use
 * of a statement on this connection, its Parse. Each entry has one result and a NULL; the result of the
 * synchronisation point comes after all of them. After a failure the server skips the rest up to that point
 * (PGRES_PIPELINE_ABORTED), including any Parse. The statements of the skipped Parses are dropped from pg->prepared.
 */

const struct pg_statement PG_BEGIN = {"pg_begin", "BEGIN", false};
const struct pg_statement PG_COMMIT = {"pg_commit", "COMMIT", false};
const struct pg_statement PG_PING = {"pulse", "SELECT 1", true};
const struct pg_statement PG_ROLLBACK = {"pg_rollback", "ROLLBACK", false};

int pg_pipeline_begin(struct pg *pg)
{
	assert(!pg->in_pipeline);
	pg->warned = false;
	pg->sqlstate[0] = '\0';
	int r = pg_ensure(pg);
	if (r < 0)
		return r;
	if (!PQenterPipelineMode(pg->conn)) {
		pg_remember(pg, NULL);
		pg_close(pg);
		return -ENOTCONN;
	}
	pg->in_pipeline = true;
	pg->in_transaction = pg_in_transaction(pg);
	return 0;
}

static int queue_reserve(struct pg *pg)
{
	if (pg->queued + 2 > PG_PIPELINE_MAX)
		return -E2BIG;
	if (pg->queued + 2 <= pg->queue_capacity)
		return 0;
	size_t capacity = pg->queue_capacity ? pg->queue_capacity * 2 : 32;
	struct pg_queued *queue = realloc(pg->queue, capacity * sizeof(*queue));
	if (!queue)
		return -ENOMEM;
	pg->queue = queue;
	pg->queue_capacity = capacity;
	return 0;
}

static int queue_prepare(
	struct pg *pg, const struct pg_statement *statement, const struct pg_bound *bound, size_t count)
{
	struct pg_prepared *p = NULL;

	if (pg_prepared_find(pg, statement->name))
		return 0;
	int r = pg_prepared_add(pg, statement->name, &p);
	if (r < 0)
		return r;
	if (!PQsendPrepare(pg->conn, statement->name, statement->sql, (int)count, bound->types)) {
		pg_remember(pg, NULL);
		pg_prepared_drop(pg, p);
		return -ENOTCONN;
	}
	pg->queue[pg->queued++] = (struct pg_queued){.prepare = p};
	return 0;
}

int pg_pipeline_add(struct pg *pg, const struct pg_statement *statement, const struct pg_param *params, size_t count)
{
	struct pg_bound bound;

	if (!pg->in_pipeline)
		return -ENOTCONN; /* an earlier flush has lost the connection */
	int r = pg_bind(params, count, &bound);
	if (r == 0)
		r = queue_reserve(pg);
	if (r == 0)
		r = queue_prepare(pg, statement, &bound, count);
	if (r < 0)
		return r;
	if (!PQsendQueryPrepared(
		    pg->conn, statement->name, (int)count, bound.values, bound.lengths, bound.formats, 1)) {
		pg_remember(pg, NULL);
		return -ENOTCONN;
	}
	pg->queue[pg->queued++] = (struct pg_queued){.statement = statement};
	return 0;
}

/* Whether the server may commit something even if the connection is lost now: a COMMIT is queued, or a statement
 * outside a transaction writes (the synchronisation point commits it). */
static bool may_commit(const struct pg *pg)
{
	bool inside = pg->in_transaction;
	bool writes = false;

	for (size_t i = 0; i < pg->queued; i++) {
		const struct pg_statement *statement = pg->queue[i].statement;

		if (!statement)
			continue;
		if (strcmp(statement->name, PG_COMMIT.name) == 0)
			return true;
		if (strcmp(statement->name, PG_BEGIN.name) == 0)
			inside = true;
		writes = writes || (!inside && !statement->read_only);
	}
	return writes;
}

/* The server answers a COMMIT of a failed transaction with ROLLBACK, and without an error. */
static bool has_succeeded(const struct pg_queued *queued, PGresult *result)
{
	ExecStatusType status = PQresultStatus(result);

	if (queued->statement && strcmp(queued->statement->name, PG_COMMIT.name) == 0)
		return status == PGRES_COMMAND_OK && strcmp(PQcmdStatus(result), "COMMIT") == 0;
	return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;
}

static int next_result(struct pg *pg, int64_t until_ns, PGresult **ret)
{
	int r = pg_await(pg, until_ns);

	if (r == 0)
		*ret = PQgetResult(pg->conn);
	else if (r == -ENOTCONN)
		pg_remember(pg, NULL);
	return r;
}

/* Takes the result of one queued entry and the NULL after it. The first failure sets *failed, and its text is stored in
 * pg. */
static int take_one(struct pg *pg, struct pg_queued *queued, int64_t until_ns, bool *failed, PGresult **ret)
{
	PGresult *result = NULL, *end = NULL;

	int r = next_result(pg, until_ns, &result);
	if (r < 0)
		return r;
	if (!result)
		return -ENOTCONN;
	bool good = has_succeeded(queued, result);
	if (!good && !*failed) {
		*failed = true;
		pg_remember(pg, result);
	}
	if (queued->prepare && good)
		queued->prepare->confirmed = true;
	if (queued->prepare && !good) {
		pg_prepared_drop(pg, queued->prepare);
		queued->prepare = NULL;
	}
	r = next_result(pg, until_ns, &end);
	if (r < 0 || end) {
		PQclear(result);
		PQclear(end);
		return r < 0 ? r : -ENOTCONN;
	}
	*ret = result;
	return 0;
}

/* Takes the results of all entries in order, and then that of the synchronisation point. Returns those of the caller's
 * statements. */
static int take_all(struct pg *pg, bool *failed, struct pg_result **results, size_t *ret_count)
{
	const int64_t until_ns = pg_until(pg);
	PGresult *result = NULL;

	for (size_t i = 0; i < pg->queued; i++) {
		int r = take_one(pg, &pg->queue[i], until_ns, failed, &result);
		if (r < 0)
			return r;
		if (pg->queue[i].statement && results)
			results[(*ret_count)++] = (struct pg_result *)result;
		else
			PQclear(result);
	}
	result = NULL;
	int r = next_result(pg, until_ns, &result);
	if (r == 0 && (!result || PQresultStatus(result) != PGRES_PIPELINE_SYNC))
		r = -ENOTCONN;
	PQclear(result);
	return r;
}

static int flush_lost(struct pg *pg, bool commits, int r)
{
	if (r == -ETIMEDOUT)
		snprintf(pg->error, sizeof(pg->error), "no answer within %u ms", pg->deadline_ms);
	pg_close(pg);
	return commits ? -ERR_UNKNOWN_OUTCOME : r;
}

int pg_pipeline_flush(struct pg *pg, struct pg_result **ret_results)
{
	bool failed = false;
	size_t count = 0;

	if (!pg->in_pipeline)
		return -ENOTCONN;
	const bool commits = may_commit(pg);
	pg->warned = false;
	int r = 0;
	if (!PQpipelineSync(pg->conn)) {
		pg_remember(pg, NULL);
		r = -ENOTCONN;
	}
	if (r == 0)
		r = take_all(pg, &failed, ret_results, &count);
	if (r == 0 && failed && pg_is_lost(pg))
		r = -ENOTCONN;
	if (r < 0) {
		r = flush_lost(pg, commits, r);
		goto out;
	}
	pg->queued = 0;
	pg->in_transaction = pg_in_transaction(pg);
	if (failed)
		r = pg_refusal(pg);
	else if (commits && pg->warned)
		r = -ERR_UNKNOWN_OUTCOME;
	if (pg_primary_prove(pg, pg_until(pg)) < 0)
		r = flush_lost(pg, commits && !failed, -ENOTCONN);
	if (r == 0)
		return 0;
out:
	for (size_t i = 0; i < count; i++)
		pg_result_free(ret_results[i]);
	for (size_t i = 0; i < count; i++)
		ret_results[i] = NULL;
	return r;
}

void pg_pipeline_end(struct pg *pg)
{
	if (!pg->in_pipeline)
		return;
	pg->in_pipeline = false;
	/* A statement is unsent or unanswered: later answers could not be matched with their statements. */
	if (pg->queued > 0 || !PQexitPipelineMode(pg->conn))
		pg_close(pg);
}

int pg_pipeline_rollback(struct pg *pg)
{
	pg_pipeline_end(pg);
	if (!pg_in_transaction(pg))
		return 0;
	char error[PG_ERROR_BYTES];
	char sqlstate[sizeof(pg->sqlstate)];
	memcpy(error, pg->error, sizeof(error));
	memcpy(sqlstate, pg->sqlstate, sizeof(sqlstate));
	if (pg_script(pg, "ROLLBACK") < 0)
		pg_close(pg);
	/* Restores the error that made the caller roll back: the caller wants to log that one. */
	memcpy(pg->error, error, sizeof(error));
	memcpy(pg->sqlstate, sqlstate, sizeof(sqlstate));
	return 0;
}
