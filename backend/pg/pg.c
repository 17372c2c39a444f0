#include "backend/pg/pg.h"

#include "backend/pg/pg_internal.h"

#include "common/base/clock.h"

#include <arpa/inet.h>
#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/error.h"

/*
 * The connection is non-blocking for libpq; this module waits with poll(2), so that every wait has a deadline. PQcancel
 * is never used: it may arrive when the next statement runs. When a statement takes too long, its connection is
 * closed. The server ends the statement by statement_timeout, or when it finds the socket closed.
 *
 * The meaning of a lost connection depends on what was sent. Inside a transaction whose COMMIT was not sent, nothing
 * has changed: -ENOTCONN. After a COMMIT, or a statement outside a transaction that may change something, the outcome
 * is unknown: -ERR_UNKNOWN_OUTCOME.
 */

int pg_new_unproven(const char *conninfo, struct pg_primary *p, struct pg **ret)
{
	struct pg *pg = calloc(1, sizeof(*pg));

	if (!pg)
		return -ENOMEM;
	pg->deadline_ms = PG_ANSWER_MS;
	pg->conninfo = strdup(conninfo);
	if (!pg->conninfo) {
		free(pg);
		return -ENOMEM;
	}
	pg->primary = p;
	pg->unproven = true;
	*ret = pg;
	return 0;
}

int pg_new(const char *conninfo, struct pg **ret)
{
	struct pg_primary *primary = NULL;

	int r = pg_primary_get(conninfo, &primary);
	if (r == 0)
		r = pg_new_unproven(conninfo, primary, ret);
	if (r != 0) {
		pg_primary_put(primary);
		return r;
	}
	(*ret)->unproven = false;
	return 0;
}

int pg_new_standby(const char *conninfo, struct pg **ret)
{
	struct pg *pg = NULL;
	int r = pg_new(conninfo, &pg);

	if (r == 0 && !pg->primary)
		r = -EINVAL;
	if (r != 0) {
		pg_free(pg);
		return r;
	}
	pg->standby = true;
	*ret = pg;
	return 0;
}

void pg_free(struct pg *pg)
{
	if (!pg)
		return;
	pg_close(pg);
	if (!pg->unproven)
		pg_primary_put(pg->primary);
	free(pg->queue);
	free(pg->conninfo);
	free(pg);
}

void pg_close(struct pg *pg)
{
	struct pg_prepared *p, *next;

	HASH_ITER(hh, pg->prepared, p, next)
		pg_prepared_drop(pg, p);
	pg->queued = 0;
	pg->in_pipeline = false;
	pg->doomed = false;
	pg->timeline = 0;
	PQfinish(pg->conn);
	pg->conn = NULL;
}

int pg_fd(struct pg *pg)
{
	return pg->conn ? PQsocket(pg->conn) : -1;
}

uint64_t pg_connections(const struct pg *pg)
{
	return pg->connections;
}

int pg_backend(const struct pg *pg)
{
	return atomic_load(&pg->backend);
}

const char *pg_error(const struct pg *pg)
{
	return pg->error;
}

const char *pg_sqlstate(const struct pg *pg)
{
	return pg->sqlstate;
}

void pg_set_deadline(struct pg *pg, unsigned ms)
{
	pg->deadline_ms = ms;
}

bool pg_in_transaction(const struct pg *pg)
{
	if (!pg->conn)
		return false;
	PGTransactionStatusType status = PQtransactionStatus(pg->conn);
	return status == PQTRANS_INTRANS || status == PQTRANS_INERROR;
}

int64_t pg_until(const struct pg *pg)
{
	return clock_mono_ns() + (int64_t)pg->deadline_ms * NS_PER_MS;
}

void pg_remember(struct pg *pg, const PGresult *result)
{
	const char *state = result ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : NULL;
	const char *text = result ? PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY) : NULL;
	const char *detail = result ? PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL) : NULL;
	const char *severity = result ? PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED) : NULL;

	/* The server closes the connection after this message, but the end of the stream may not have arrived yet. */
	if (severity && (strcmp(severity, "FATAL") == 0 || strcmp(severity, "PANIC") == 0))
		pg->doomed = true;
	if (!text && result)
		text = PQresultErrorMessage(result);
	if (!text || !*text)
		text = pg->conn ? PQerrorMessage(pg->conn) : "not connected";
	snprintf(pg->sqlstate, sizeof(pg->sqlstate), "%s", state ? state : "");
	snprintf(pg->error, sizeof(pg->error), "%s%s%s", text, detail ? ": " : "", detail ? detail : "");
	size_t size = strlen(pg->error);
	while (size > 0 && pg->error[size - 1] == '\n')
		pg->error[--size] = '\0';
}

bool pg_is_lost(const struct pg *pg)
{
	return !pg->conn || pg->doomed || PQstatus(pg->conn) != CONNECTION_OK;
}

int pg_refusal(struct pg *pg)
{
	const char *state = pg->sqlstate;

	if (pg_is_lost(pg))
		return -ENOTCONN;
	if (strcmp(state, "57014") == 0) /* query_canceled: statement_timeout */
		return -ETIMEDOUT;
	if (strcmp(state, "53100") == 0) /* disk_full */
		return -ENOSPC;
	if (strcmp(state, "25006") == 0) { /* read_only_sql_transaction: this server is not the primary any more */
		pg_close(pg);
		return -ENOTCONN;
	}
	/* The server no longer has the prepared statement, or a migration has changed the type of its result: a new
	 * connection prepares it again. */
	if ((strcmp(state, "26000") == 0 || strcmp(state, "0A000") == 0) && !pg_in_transaction(pg))
		pg_close(pg);
	return -EIO;
}

int pg_await(struct pg *pg, int64_t until_ns)
{
	for (;;) {
		int unsent = PQflush(pg->conn);
		if (unsent < 0)
			return -ENOTCONN;
		if (!PQisBusy(pg->conn))
			return 0;
		int64_t left_ms = (until_ns - clock_mono_ns() + NS_PER_MS - 1) / NS_PER_MS;
		if (left_ms <= 0)
			return -ETIMEDOUT;
		if (pg->primary && left_ms > PG_LOOK_MS)
			left_ms = PG_LOOK_MS;
		struct pollfd p = {.fd = PQsocket(pg->conn), .events = (short)(POLLIN | (unsent ? POLLOUT : 0))};
		int n = poll(&p, 1, (int)left_ms);
		if ((n < 0 && errno != EINTR) || (n == 0 && pg_primary_is_over(pg)))
			return -ENOTCONN;
		if (n > 0 && (p.revents & (POLLIN | POLLERR | POLLHUP)) && !PQconsumeInput(pg->conn))
			return -ENOTCONN;
	}
}

int pg_bind(const struct pg_param *params, size_t count, struct pg_bound *ret)
{
	static const Oid TYPES[] = {[PG_NULL] = 0,
		[PG_I64] = 20,
		[PG_I32] = 23,
		[PG_I16] = 21,
		[PG_BOOL] = 16,
		[PG_TEXT] = 25,
		[PG_BYTEA] = 17};
	static const int WIDTHS[] = {[PG_I64] = 8, [PG_I32] = 4, [PG_I16] = 2, [PG_BOOL] = 1};

	if (count > PG_PARAMS_MAX)
		return -E2BIG;
	for (size_t i = 0; i < count; i++) {
		const struct pg_param *p = &params[i];

		ret->formats[i] = 1;
		ret->types[i] = p->kind == PG_ARRAY ? p->array_oid : TYPES[p->kind];
		ret->values[i] = NULL;
		ret->lengths[i] = 0;
		if (p->kind >= PG_I64 && p->kind <= PG_BOOL) {
			ret->numbers[i] = htobe64((uint64_t)p->number);
			ret->lengths[i] = WIDTHS[p->kind];
			ret->values[i] = (const char *)&ret->numbers[i] + sizeof(uint64_t) - WIDTHS[p->kind];
		} else if (p->kind != PG_NULL) {
			if (p->bytes.size > INT32_MAX)
				return -E2BIG;
			ret->lengths[i] = (int)p->bytes.size;
			ret->values[i] = p->bytes.data ? p->bytes.data : "";
		}
	}
	return 0;
}

struct pg_prepared *pg_prepared_find(struct pg *pg, const char *name)
{
	struct pg_prepared *p;

	HASH_FIND_STR(pg->prepared, name, p);
	return p;
}

int pg_prepared_add(struct pg *pg, const char *name, struct pg_prepared **ret)
{
	struct pg_prepared *p = calloc(1, sizeof(*p));

	if (!p)
		return -ENOMEM;
	p->name = name;
	HASH_ADD_KEYPTR(hh, pg->prepared, p->name, strlen(p->name), p);
	*ret = p;
	return 0;
}

void pg_prepared_drop(struct pg *pg, struct pg_prepared *p)
{
	HASH_DEL(pg->prepared, p);
	free(p);
}

int pg_take_results(struct pg *pg, int64_t until_ns, PGresult **ret)
{
	PGresult *kept = NULL;
	bool failed = false;

	for (;;) {
		int r = pg_await(pg, until_ns);
		if (r < 0) {
			if (r == -ENOTCONN)
				pg_remember(pg, NULL);
			PQclear(kept);
			return r;
		}
		PGresult *result = PQgetResult(pg->conn);
		if (!result)
			break;
		ExecStatusType status = PQresultStatus(result);
		if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK && status != PGRES_EMPTY_QUERY && !failed) {
			failed = true;
			pg_remember(pg, result);
		}
		PQclear(kept);
		kept = result;
	}
	if (!failed && ret && kept) {
		*ret = kept;
		return 0;
	}
	PQclear(kept);
	return failed ? pg_refusal(pg) : 0;
}

static int prepare_now(struct pg *pg, const struct pg_statement *statement, const struct pg_bound *bound, size_t count,
	int64_t until_ns)
{
	struct pg_prepared *p;

	if (pg_prepared_find(pg, statement->name))
		return 0;
	if (!PQsendPrepare(pg->conn, statement->name, statement->sql, (int)count, bound->types)) {
		pg_remember(pg, NULL);
		return -ENOTCONN;
	}
	int r = pg_take_results(pg, until_ns, NULL);
	if (r < 0)
		return r;
	r = pg_prepared_add(pg, statement->name, &p);
	if (r == 0)
		p->confirmed = true;
	return r;
}

/* Closes a connection that is lost or has a statement in flight: the next caller could not use it. Returns r. */
static int drop(struct pg *pg, int r)
{
	if (r == -ETIMEDOUT && pg->conn && PQtransactionStatus(pg->conn) != PQTRANS_ACTIVE)
		return r; /* statement_timeout of the server: the connection can be used again */
	if (r == -ETIMEDOUT)
		snprintf(pg->error, sizeof(pg->error), "no answer within %u ms", pg->deadline_ms);
	pg_close(pg);
	return r;
}

static int run_once(
	struct pg *pg, const struct pg_statement *statement, const struct pg_bound *bound, size_t count, PGresult **ret)
{
	int r = pg_ensure(pg);
	if (r < 0)
		return r;
	/* The deadline starts here because connecting has limits of its own: when a host that is tried first has
	 * stopped, connecting takes longer than some deadlines. */
	const int64_t until_ns = pg_until(pg);
	pg->warned = false;
	pg->sqlstate[0] = '\0';
	assert(!pg->in_pipeline);
	const bool alone = !pg_in_transaction(pg);
	r = prepare_now(pg, statement, bound, count, until_ns);
	if (r == -ETIMEDOUT || r == -ENOTCONN)
		return drop(pg, r);
	if (r < 0)
		return r;
	if (!PQsendQueryPrepared(
		    pg->conn, statement->name, (int)count, bound->values, bound->lengths, bound->formats, 1)) {
		pg_remember(pg, NULL);
		return drop(pg, -ENOTCONN);
	}
	r = pg_take_results(pg, until_ns, ret);
	const bool refused = !pg_is_lost(pg) && PQtransactionStatus(pg->conn) != PQTRANS_ACTIVE;
	const bool is_commit = strcmp(statement->name, PG_COMMIT.name) == 0;
	const bool commits = is_commit || (alone && !statement->read_only);
	if (r == -ETIMEDOUT || r == -ENOTCONN)
		/* After 25006 pg_refusal has closed the connection, but it is certain that nothing has changed. */
		return drop(pg, commits && !refused && strcmp(pg->sqlstate, "25006") != 0 ? -ERR_UNKNOWN_OUTCOME : r);
	/* The server answers a COMMIT of a failed transaction with ROLLBACK, and without an error. */
	if (r == 0 && is_commit && strcmp(PQcmdStatus(*ret), "COMMIT") != 0)
		r = -EIO;
	else if (r == 0 && commits && pg->warned)
		r = -ERR_UNKNOWN_OUTCOME;
	if (pg_primary_prove(pg, until_ns) < 0)
		r = drop(pg, commits && r != -EIO ? -ERR_UNKNOWN_OUTCOME : -ENOTCONN);
	if (r < 0 && *ret) {
		PQclear(*ret);
		*ret = NULL;
	}
	return r;
}

int pg_run(struct pg *pg, const struct pg_statement *statement, const struct pg_param *params, size_t count,
	struct pg_result **ret_result)
{
	struct pg_bound bound;
	PGresult *result = NULL;

	int r = pg_bind(params, count, &bound);
	if (r < 0)
		return r;
	const bool alone = !pg_in_transaction(pg);
	r = run_once(pg, statement, &bound, count, &result);
	if (r == -ENOTCONN && statement->read_only && alone && !pg->attempt_ns)
		r = run_once(pg, statement, &bound, count, &result);
	if (r < 0)
		return r;
	if (ret_result)
		*ret_result = (struct pg_result *)result;
	else
		PQclear(result);
	return 0;
}

int pg_script_until(struct pg *pg, const char *sql, int64_t until_ns)
{
	pg->sqlstate[0] = '\0';
	int r = pg_ensure(pg);
	if (r < 0)
		return r;
	assert(!pg->in_pipeline);
	if (!PQsendQuery(pg->conn, sql)) {
		pg_remember(pg, NULL);
		return drop(pg, -ENOTCONN);
	}
	r = pg_take_results(pg, until_ns, NULL);
	return r == -ETIMEDOUT || r == -ENOTCONN ? drop(pg, -ERR_UNKNOWN_OUTCOME) : r;
}

int pg_script(struct pg *pg, const char *sql)
{
	return pg_script_until(pg, sql, pg_until(pg));
}

/* A struct pg_result is libpq's PGresult under another name, so that no file outside this folder includes libpq's
 * header. */
static const PGresult *raw(const struct pg_result *r)
{
	return (const PGresult *)r;
}

int pg_rows(const struct pg_result *r)
{
	return PQntuples(raw(r));
}

int64_t pg_touched(const struct pg_result *r)
{
	const char *text = PQcmdTuples((PGresult *)r);

	return *text ? strtoll(text, NULL, 10) : 0;
}

bool pg_is_null(const struct pg_result *r, int row, int column)
{
	return PQgetisnull(raw(r), row, column) != 0;
}

int64_t pg_number(const struct pg_result *r, int row, int column)
{
	const char *data = PQgetvalue(raw(r), row, column);
	uint16_t two;
	uint32_t four;
	uint64_t eight;

	switch (PQgetlength(raw(r), row, column)) {
	case 1:
		return *data;
	case 2:
		memcpy(&two, data, sizeof(two));
		return (int16_t)ntohs(two);
	case 4:
		memcpy(&four, data, sizeof(four));
		return (int32_t)ntohl(four);
	case 8:
		memcpy(&eight, data, sizeof(eight));
		return (int64_t)be64toh(eight);
	default:
		return 0; /* NULL, or a column that is not a number */
	}
}

struct span pg_bytes(const struct pg_result *r, int row, int column)
{
	return span_of(PQgetvalue(raw(r), row, column), (size_t)PQgetlength(raw(r), row, column));
}

void pg_result_free(struct pg_result *r)
{
	PQclear((PGresult *)r);
}

static int take_notification(struct pg *pg, char *payload, size_t size, int *ret_backend)
{
	PGnotify *notify = PQnotifies(pg->conn);

	if (!notify)
		return 0;
	snprintf(payload, size, "%s", notify->extra);
	*ret_backend = notify->be_pid;
	PQfreemem(notify);
	return 1;
}

int pg_notification(struct pg *pg, unsigned timeout_ms, char *payload, size_t size, int *ret_backend)
{
	if (!pg->conn)
		return -ENOTCONN;
	if (take_notification(pg, payload, size, ret_backend))
		return 1;
	struct pollfd p = {.fd = PQsocket(pg->conn), .events = POLLIN};
	int n = poll(&p, 1, (int)timeout_ms);
	if (n == 0 || (n < 0 && errno == EINTR))
		return 0;
	if (n < 0 || !PQconsumeInput(pg->conn)) {
		pg_remember(pg, NULL);
		pg_close(pg);
		return -ENOTCONN;
	}
	return take_notification(pg, payload, size, ret_backend);
}
