#!/usr/bin/env bash
# Goal: PostgreSQL works on the mount: initdb, clients with fsync on, a kill of all its processes at work, recovery.
# Nothing that was committed is lost, and nothing is damaged.
. "$(dirname "$0")/../lib/e2e.sh"
e2e_store
M=$E2E_MOUNT/12
D=$M/data
SOCKETS=$(mktemp -d /tmp/nephos-pg.XXXXXX) # the path of a socket must be short
CLIENTS=4
TRANSACTIONS=${E2E_LONG:+500}
KILLS=${E2E_LONG:+5}
mkdir -p "$M" || exit 2
for bin in /usr/lib/postgresql/*/bin; do :; done # Debian does not put them into PATH; the loop ends with the newest

# PostgreSQL refuses to run as root.
as_postgres() {
	if [ "$(id -u)" = 0 ]; then
		(cd / && setpriv --reuid=postgres --regid=postgres --init-groups "$@")
	else
		"$@"
	fi
}
if [ "$(id -u)" = 0 ]; then chown postgres: "$M" "$SOCKETS"; fi
say() { psql -h "$SOCKETS" -U nephos -d postgres -Atqc "$1"; }
server() { # its log is not on the mount, so that its messages about the mount can be read
	as_postgres "$bin/pg_ctl" -D "$D" -w -t 120 -l "$SOCKETS/log" \
		-o "-c listen_addresses='' -c unix_socket_directories='$SOCKETS' -c max_connections=20 -c shared_buffers=16MB -c fsync=on" "$@"
}
# Kills the postmaster and all its children at once.
kill_all() {
	local postmaster processes
	postmaster=$(head -n 1 "$D/postmaster.pid")
	kill -STOP "$postmaster" # the postmaster starts no more children
	processes=$(pgrep -P "$postmaster")
	# shellcheck disable=SC2086
	kill -KILL $processes "$postmaster"
	eventually 60 all_gone $processes "$postmaster"
}
all_gone() { local p; for p in "$@"; do ! kill -0 "$p" 2>/dev/null || return 1; done; }
at_end 'kill_all; rm -rf "$SOCKETS" "$M"'

check "initdb makes a database cluster on the mount" \
	as_postgres "$bin/initdb" -D "$D" -U nephos --auth=trust --encoding=UTF8 --no-locale --wal-segsize=1
check "PostgreSQL starts with its data on the mount" server start
check "pgbench makes its tables" "$bin/pgbench" -h "$SOCKETS" -U nephos -i -q postgres
check "pgbench with $CLIENTS clients completes its transactions" \
	"$bin/pgbench" -h "$SOCKETS" -U nephos -n -c $CLIENTS -t "${TRANSACTIONS:-25}" postgres
check "the extension amcheck can be created" say "create extension amcheck"

# Each transaction adds the same amount in four tables.
balances() { say \
	"select (select sum(abalance) from pgbench_accounts) = s and (select sum(tbalance) from pgbench_tellers) = s and (select sum(bbalance) from pgbench_branches) = s from (select coalesce(sum(delta), 0) s from pgbench_history) x"; }
more_than() { [ "$(say "select count(*) from pgbench_history")" -gt "$1" ]; }
for ((n = 1; n <= ${KILLS:-1}; n++)); do
	before=$(say "select count(*) from pgbench_history")
	"$bin/pgbench" -h "$SOCKETS" -U nephos -n -c $CLIENTS -T 600 postgres >"$WORK/pgbench" 2>&1 &
	clients=$!
	check "kill $n: pgbench commits more than 20 transactions before the kill" eventually 60 more_than $((before + 20))
	check "kill $n: a row is committed" \
		say "create table if not exists marks (n int primary key); insert into marks values ($n)"
	seen=$(say "select count(*) from pgbench_history")
	check "kill $n: all processes of the server are killed" kill_all
	wait $clients
	check "kill $n: PostgreSQL starts again and recovers" server start || tail -n 20 "$SOCKETS/log"
	check_eq "kill $n: the committed row is still there after recovery" \
		1 "$(say "select count(*) from marks where n = $n")"
	check "kill $n: at least as many transactions are there as before the kill" more_than $((seen - 1))
	check_eq "kill $n: the sums of the four pgbench tables agree" t "$(balances)"
	check "kill $n: amcheck finds no damage" "$bin/pg_amcheck" -h "$SOCKETS" -U nephos --heapallindexed -d postgres
done
check "PostgreSQL stops on request" as_postgres "$bin/pg_ctl" -D "$D" -w -m fast stop
check "PostgreSQL logs that it is ready, and no PANIC" \
	sh -c 'grep -q "ready to accept connections" "$1" && ! grep PANIC "$1"' - "$SOCKETS/log"
e2e_end
