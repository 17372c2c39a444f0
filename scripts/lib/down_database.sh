# Stops the database of a store, including standbys; sourced by scripts/down and scripts/restore.
# shellcheck shell=bash

# is_standby N: the PostgreSQL of node N has a process that receives or applies the log of a primary.
is_standby() { pgrep -P "$(pid_of "postgres-$1")" -f '(walreceiver|startup recovering)' >/dev/null 2>&1; }

# stop_node N: Patroni stops its PostgreSQL cleanly; if it could not, this function stops PostgreSQL.
stop_node() {
	! is_running "patroni-$1" || kill -CONT "$(pid_of "patroni-$1")"
	stop_part "patroni-$1" TERM 60 || { echo "patroni-$1 does not end; killing it" >&2; stop_part "patroni-$1" KILL 5; }
	stop_part "postgres-$1" INT 60 || die "PostgreSQL of node $1 does not end; see $DATA/log/patroni-$1.log"
}

# The standbys end first, so that none of them takes the primary's place when the primary ends.
stop_database() {
	local n nodes=
	if [ "$STANDBYS" = 0 ]; then
		stop_part postgres INT 60 || die "PostgreSQL does not end; see $DATA/log/postgres.log"
		return
	fi
	for n in 1 2 3; do
		if is_running "postgres-$n" && ! is_standby "$n"; then nodes+=" $n"; else nodes="$n $nodes"; fi
	done
	for n in $nodes; do stop_node "$n"; done
	for n in 1 2 3; do
		stop_part "etcd-$n" TERM 20 || { echo "etcd-$n does not end; killing it" >&2; stop_part "etcd-$n" KILL 5; }
	done
}
