#!/usr/bin/env bash
# Goal: a standby that needs log which the primary has dropped is copied anew, and follows again without help: a standby
# that was away for too long, and a former primary that was rewound to a checkpoint whose log is gone. The other nodes
# are left alone. If that checkpoint is no further back than a node's log may reach, the log is still there, and nothing
# is copied.
. "$(dirname "$0")/../lib/e2e.sh"
PORT=$((${E2E_PORT:-18050} + 60))
D=$WORK/store
# shellcheck source=tests/failover/nodes.sh
. "$E2E_ROOT/tests/failover/nodes.sh"
at_end '"$E2E_ROOT/scripts/down" --data "$D"'
sql() { psql -X -q -A -t -v ON_ERROR_STOP=1 -h "$D/run/postgres-$1" -U postgres postgres -c "$2"; }
holds() { [ "$(sql "$1" "SELECT $2")" = t ]; }
said() { grep -c "$2" "$D/log/patroni-$1.log"; }
set_on() { sql "$1" "ALTER SYSTEM SET $2" && sql "$1" 'SELECT pg_reload_conf()'; }
new_segment() { sql "$1" "SELECT pg_logical_emit_message(true, 'test', 'a commit'); SELECT pg_switch_wal()"; }
segment_of() { sql "$1" 'SELECT pg_walfile_name(pg_current_wal_lsn())'; }
megabytes() { sql "$1" "SELECT pg_size_bytes(current_setting('$2')) / 1048576"; }
# The node that takes changes, if any.
leader() { for n in 1 2 3; do ! holds $n 'NOT pg_is_in_recovery()' 2>/dev/null || echo $n; done; }
has_leader() { [ -n "$(leader)" ]; }
write_row() { sql "$(leader)" "INSERT INTO seen VALUES ($row)"; }
others_of() { for n in 1 2 3; do [ "$n" = "$1" ] || echo "$n"; done; }
postmasters() { for n; do pid "postgres-$n"; done; }

# Replication slots would keep more log than the test can write.
no_slots() { set_on "$1" "max_slot_wal_keep_size = '1MB'"; }
# A checkpoint drops log that is not kept.
checkpoint() { no_slots "$1" && new_segment "$1" && sql "$1" CHECKPOINT; }
# drop_log NODE SEGMENT: writes on NODE until it has dropped SEGMENT.
drop_log() {
	local i
	no_slots "$1" || return
	for ((i = 1; i < 500; i++)); do
		new_segment "$1" || return
		[ $((i % 8)) != 0 ] || sql "$1" CHECKPOINT || return
		! holds "$1" "NOT EXISTS (SELECT FROM pg_ls_waldir() WHERE name = '$2')" || return 0
	done
	return 1
}

# starts_again NODE TIMES: starts NODE again; it must follow, after it was copied TIMES times.
starts_again() {
	local node=$1 copied others
	row=$((row + 1))
	check "changes go on without it" eventually 10 write_row
	copied=$(($(said "$node" 'copied anew') + $2))
	# shellcheck disable=SC2046 # each is a word
	others=$(postmasters $(others_of "$node"))
	check "up starts it again" up
	check "and it follows" eventually "${CLONE_WAIT_S:-120}" is_whole
	check "with what was written meanwhile" eventually 10 holds "$node" "max(n) = $row FROM seen"
	check_eq "it was copied as often as needed, and says why" "$copied" "$(said "$node" 'copied anew')"
	[ "$2" = 0 ] || sed -n 's/.*copied anew/# &/p' "$D/log/patroni-$node.log" | tail -n 1
	# shellcheck disable=SC2046 # each is a word
	check_eq "the others were left alone" "$others" "$(postmasters $(others_of "$node"))"
}

# part_ways NODE SEGMENTS: kills the primary NODE that many segments after a checkpoint, when it has written a little
# more than the others.
part_ways() {
	local n i at held
	set_on "$1" "max_wal_size = '64GB'" && no_slots "$1" && sql "$1" CHECKPOINT || return
	for ((i = 0; i < $2; i++)); do new_segment "$1" || return; done
	at=$(sql "$1" 'SELECT pg_current_wal_lsn()')
	eventually 60 holds "$1" "count(*) = 2 FROM pg_stat_replication WHERE flush_lsn >= '$at'" || return
	held=$(for n in $(others_of "$1"); do pid "postgres-$n" && pgrep -P "$(pid "postgres-$n")"; done)
	# shellcheck disable=SC2086 # each is a word
	kill -STOP $held
	at=$(sql "$1" "SELECT pg_logical_emit_message(false, 'test', 'what no other has')")
	eventually 10 holds "$1" "pg_current_wal_flush_lsn() >= '$at'" || return
	kill_node "$1"
	# shellcheck disable=SC2086 # each is a word
	kill -9 $held
	eventually 60 has_leader
}

check "a store with standbys" up --port "$PORT" --standbys 2 --gateways 1 --user tester
check "two standbys follow the primary" eventually 60 is_whole
leader=$(leader) row=0
log=$(megabytes "$leader" max_wal_size) kept=$(megabytes "$leader" wal_keep_size)
for n in 1 2 3; do
	check_eq "node $n keeps as much as the others" "$kept" "$(megabytes $n wal_keep_size)"
done
check "which is more than a log" test "$kept" -gt "$log"
check "a table" sql "$leader" 'CREATE TABLE seen (n int)'

lost=$(others_of "$leader" | head -n 1)
segment=$(segment_of "$leader")
kill_node "$lost"
check "while a standby is away, the primary drops the log that it needs" drop_log "$leader" "$segment"
starts_again "$lost" 1

lost=$leader
check "the primary is lost, with more than others have, a whole log after a checkpoint" part_ways "$lost" $((log / 16))
check "its successor drops what it does not keep" checkpoint "$(leader)"
starts_again "$lost" 0
check_eq "it was rewound" 1 "$(said "$lost" 'pg_rewind exit code=0')"

lost=$(leader) segment=$(segment_of "$(leader)")
check "the primary is lost likewise, soon after a checkpoint" part_ways "$lost" 2
check "its successor drops the log from there on" drop_log "$(leader)" "$segment"
rewound=$(said "$lost" 'pg_rewind exit code=0')
starts_again "$lost" 1
check_eq "it was rewound" $((rewound + 1)) "$(said "$lost" 'pg_rewind exit code=0')"
e2e_end
