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
	check "row $row is written while node $node is down" eventually 10 write_row
	copied=$(($(said "$node" 'copied anew') + $2))
	# shellcheck disable=SC2046 # each is a word
	others=$(postmasters $(others_of "$node"))
	check "scripts/up starts node $node again after row $row" up
	check "node $node and the other standby follow the primary after row $row" \
		eventually "${CLONE_WAIT_S:-120}" is_whole
	check "node $node has row $row, which was written while it was down" \
		eventually 10 holds "$node" "max(n) = $row FROM seen"
	check_eq "node $node was copied anew $2 times after row $row, by its log" "$copied" "$(said "$node" 'copied anew')"
	[ "$2" = 0 ] || sed -n 's/.*copied anew/# &/p' "$D/log/patroni-$node.log" | tail -n 1
	# shellcheck disable=SC2046 # each is a word
	check_eq "the other nodes kept their postmasters while node $node returned after row $row" \
		"$others" "$(postmasters $(others_of "$node"))"
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

check "scripts/up makes a store with standbys" up --port "$PORT" --standbys 2 --gateways 1 --user tester
check "two standbys follow the primary" eventually 60 is_whole
leader=$(leader) row=0
log=$(megabytes "$leader" max_wal_size) kept=$(megabytes "$leader" wal_keep_size)
for n in 1 2 3; do
	check_eq "node $n has the same wal_keep_size as the first primary" "$kept" "$(megabytes $n wal_keep_size)"
done
check "the wal_keep_size of the nodes is larger than their max_wal_size" test "$kept" -gt "$log"
check "a table is created on the primary" sql "$leader" 'CREATE TABLE seen (n int)'

lost=$(others_of "$leader" | head -n 1)
segment=$(segment_of "$leader")
kill_node "$lost"
check "the primary drops log that a killed standby needs" drop_log "$leader" "$segment"
starts_again "$lost" 1

lost=$leader
check "the primary is killed with log that no standby has, max_wal_size after a checkpoint" \
	part_ways "$lost" $((log / 16))
check "a checkpoint on the new primary succeeds" checkpoint "$(leader)"
starts_again "$lost" 0
check_eq "the first lost primary was rewound once" 1 "$(said "$lost" 'pg_rewind exit code=0')"

lost=$(leader) segment=$(segment_of "$(leader)")
check "the next primary is killed with log that no standby has, soon after a checkpoint" part_ways "$lost" 2
check "the new primary drops the log segment that was current before that loss" drop_log "$(leader)" "$segment"
rewound=$(said "$lost" 'pg_rewind exit code=0')
starts_again "$lost" 1
check_eq "the second lost primary was rewound once" $((rewound + 1)) "$(said "$lost" 'pg_rewind exit code=0')"
e2e_end
