#include "backend/pg/pg_internal.h"

#include "common/base/clock.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

/*
 * Makes connections, and checks whether a connection is still alive. Of several hosts, the latest primary is tried
 * first. A new connection first asks the server for its timeline and start time, and refuses a server that was the
 * primary before another one. A connection to a standby skips these steps. Connecting to a standby has a deadline of
 * its own, because the caller can use the primary instead.
 */

static void on_notice(void *cookie, const PGresult *result)
{
	struct pg *pg = cookie;
	const char *severity = PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED);

	if (!severity)
		return;
	if (strcmp(severity, "WARNING") == 0)
		pg->warned = true;
	/* A FATAL or PANIC message arrives as a notice when the connection is idle. */
	if (pg->warned || strcmp(severity, "FATAL") == 0 || strcmp(severity, "PANIC") == 0)
		pg_remember(pg, result);
}

/* Connects with a deadline of our own: libpq's connect_timeout is at least two seconds for each host. */
static PGconn *connect_standby(const char *const *names, const char *const *values)
{
	const int64_t until_ns = clock_mono_ns() + PG_STANDBY_CONNECT_MS * NS_PER_MS;
	PGconn *conn = PQconnectStartParams(names, values, 1);
	PostgresPollingStatusType status = PGRES_POLLING_WRITING;

	while (conn && PQstatus(conn) != CONNECTION_BAD && status != PGRES_POLLING_OK &&
		status != PGRES_POLLING_FAILED) {
		const short events = status == PGRES_POLLING_READING ? POLLIN : POLLOUT;
		struct pollfd p = {.fd = PQsocket(conn), .events = events};
		const int64_t left_ms = (until_ns - clock_mono_ns()) / NS_PER_MS;
		const int n = left_ms > 0 ? poll(&p, 1, (int)left_ms) : 0;

		if (n == 0 || (n < 0 && errno != EINTR))
			break;
		if (n > 0)
			status = PQconnectPoll(conn);
	}
	if (status == PGRES_POLLING_OK)
		return conn;
	PQfinish(conn);
	return NULL;
}

/* Opens the connection. Sets synchronous_commit=on, because the server must never acknowledge a commit before a standby
 * has it. */
static void open_connection(struct pg *pg)
{
	char options[160];
	struct pg_order order = {0};
	if (pg->standby)
		pg_primary_order_standbys(pg->primary, &order);
	else if (pg->primary)
		pg_primary_order(pg, &order);
	/* libpq uses the last value of a name. So conninfo comes after our defaults, which it may override. Only the
	 * order of its own hosts, and the target_session_attrs of a connection to a standby, come after conninfo. */
	const char *names[14] = {"connect_timeout", "keepalives_idle", "keepalives_interval", "keepalives_count",
		"tcp_user_timeout", "client_encoding", "application_name", "target_session_attrs", "options", "dbname"};
	const char *values[14] = {"2", "10", "3", "3", "10000", "UTF8", "nephos", "read-write", options, pg->conninfo};
	size_t count = 10;
	const char *const more[][2] = {{order.known ? "host" : NULL, order.hosts},
		{order.ports_known ? "port" : NULL, order.ports},
		{pg->standby ? "target_session_attrs" : NULL, "standby"}};
	for (size_t i = 0; i < sizeof(more) / sizeof(*more); i++) {
		if (!more[i][0])
			continue;
		names[count] = more[i][0];
		values[count++] = more[i][1];
	}

	static_assert(PG_CONNECT_S == 2, "connect_timeout above");
	snprintf(options, sizeof(options),
		"-c statement_timeout=%d -c idle_in_transaction_session_timeout=%d -c synchronous_commit=on",
		PG_STATEMENT_MS, PG_IDLE_TX_MS);
	pg->conn = pg->standby ? connect_standby(names, values) : PQconnectdbParams(names, values, 1);
}

/* Asks which server this is. A former primary may not have noticed yet that another server has replaced it. */
static int identify(struct pg *pg)
{
	static const char WHO[] =
		"SELECT ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::bigint, (extract(epoch FROM pg_postmaster_start_time()) * 1000000)::bigint";
	int r = -ENOTCONN;

	if (!PQsendQueryParams(pg->conn, WHO, 0, NULL, NULL, NULL, NULL, 1))
		return r;
	PGresult *result = NULL;
	r = pg_take_results(pg, clock_mono_ns() + PG_CONNECT_S * NS_PER_S, &result);
	if (r == 0 && PQntuples(result) == 1) {
		const int64_t timeline = pg_number((struct pg_result *)result, 0, 0);
		pg->server_us = pg_number((struct pg_result *)result, 0, 1);
		pg->timeline = timeline;
		if (!pg_primary_met(pg)) {
			snprintf(pg->error, sizeof(pg->error), "this server was the primary before another");
			r = -ENOTCONN;
		}
	}
	PQclear(result);
	return r;
}

static int connect_now(struct pg *pg)
{
	open_connection(pg);
	bool usable = pg->conn && PQstatus(pg->conn) == CONNECTION_OK && PQsetnonblocking(pg->conn, 1) == 0;
	if (!usable)
		pg_remember(pg, NULL);
	else {
		PQsetNoticeReceiver(pg->conn, on_notice, pg);
		usable = !pg->primary || pg->standby || identify(pg) == 0;
	}
	if (!usable) {
		pg_close(pg);
		pg->attempt_ns = clock_mono_ns();
		return -ENOTCONN;
	}
	atomic_store(&pg->backend, PQbackendPID(pg->conn));
	pg->attempt_ns = 0;
	pg->connections++;
	pg->connected_ns = clock_mono_ns();
	return 0;
}

int pg_connect(struct pg *pg)
{
	if (pg->conn && PQstatus(pg->conn) == CONNECTION_OK)
		return 0;
	if (pg->conn)
		pg_close(pg);
	if (pg->attempt_ns && clock_mono_ns() - pg->attempt_ns < PG_RECONNECT_MS * NS_PER_MS)
		return -ENOTCONN;
	return connect_now(pg);
}

/* Reads the notifications and notices that arrived while the connection was idle. false: it has ended. */
static bool is_alive(struct pg *pg)
{
	struct pollfd p = {.fd = PQsocket(pg->conn), .events = POLLIN};

	while (!pg->doomed && poll(&p, 1, 0) > 0) {
		if (!PQconsumeInput(pg->conn))
			return false;
		(void)PQisBusy(pg->conn); /* parses */
	}
	return !pg->doomed && PQstatus(pg->conn) == CONNECTION_OK;
}

int pg_ensure(struct pg *pg)
{
	if (!pg->conn || PQstatus(pg->conn) != CONNECTION_OK)
		return pg_connect(pg);
	if (PQtransactionStatus(pg->conn) != PQTRANS_IDLE)
		return 0;
	/* A server that has restarted has closed the socket: it is better to notice that before a statement is sent
	 * than after. */
	if (is_alive(pg) && !pg_primary_is_over(pg))
		return 0;
	pg_close(pg);
	return pg_connect(pg);
}
