#!/usr/bin/env bash
# Goal: with standbys, the loss of the primary, in whatever way, costs seconds, and nothing that was acknowledged: not
# lost, not doubled, not un-said, no error on a mount. What was lost comes back by itself. Standbys answer reads before
# and after it, and none that is behind is read from; the long form has every read of a load judged for that.
# FAILOVER_ROUNDS: how often each of the losses of the long form is repeated (default 3); FAILOVER_KILLS: how often, in
# either form, the postmaster is killed at first (default 1); FAILOVER_NODES: how often, in the long form, a whole node
# is killed, stopped and cut off besides (default 1); FAILOVER_WHOLE: how often, in the long form, all processes
# are killed at once (default 3).
. "$(dirname "$0")/../lib/e2e.sh"
CUTTER=$E2E_ROOT/tests/chaos/network.py
# Where that is allowed, the long form runs in a network of its own, in which a node can be cut off.
if [ -n "${E2E_LONG:-}" ] && [ -z "${FAILOVER_NETWORK:-}" ]; then
	if why=$(python3 "$CUTTER" can "$WORK/cut" 2>&1); then
		. "$E2E_ROOT/tests/lib/patroni.sh"
		patroni_ahead "${NEPHOS_BUILD_DIR:-$E2E_ROOT/build/dev}"
		export FAILOVER_NETWORK=1
		rm -r "$WORK"
		exec python3 "$CUTTER" run bash "$0" "$@"
	fi
	echo "# no node is cut off: $why"
fi
PORT=$((${E2E_PORT:-18050} + 60))
D=$WORK/store M=$WORK/mount LOG=$WORK/acknowledged
# shellcheck source=tests/failover/nodes.sh
. "$E2E_ROOT/tests/failover/nodes.sh"
at_end '"$E2E_ROOT/scripts/down" --data "$D"'
seconds() { python3 -c 'import time; print(time.monotonic())'; }
load() { exec python3 "$E2E_ROOT/tests/failover/load.py" "$1" "$URLS" "$NEPHOS_TOKEN" "$M" "$LOG"; }
checks() { (load check); }
gap() { python3 "$E2E_ROOT/tests/failover/load.py" gap "$LOG" "$1"; }
has_gap() { [ "$(gap "$1")" != none ]; }

# What docs/reliability.md asks for. A longer loss is no failure of the test, as the machine may be busy.
MUST_S=30
# say_why SECONDS: prints what the parts have said of late, if the loss took longer than that.
say_why() {
	local log
	[ "${1%.*}" -ge "$MUST_S" ] || return 0
	for log in "$D"/log/{patroni,etcd,docs}-?.log; do
		tail -n 40 "$log" | cut -c 1-300 | sed "s/^/# $(basename "$log" .log): /"
	done
}

# lose NAME LIMIT COMMAND…: what it costs until the next change is acknowledged. LIMIT: seconds, on a busy machine.
lose() {
	local name=$1 limit=$2 at was
	shift 2
	was=$(primary)
	"$@" "$was"
	at=$(seconds)
	check "$name: changes are acknowledged again within $limit s" eventually "$limit" has_gap "$at"
	echo "# $name: node $was, $(gap "$at") s to the next acknowledged change"
	say_why "$(gap "$at")"
}
comes_back() { check "two standbys follow the primary again after the loss" eventually 120 is_whole; }

kill_postmaster() { kill -9 "$(pid "postgres-$1")"; }
# shellcheck disable=SC2046 # each is a word
stop_node() { kill -STOP $(node "$1"); }
stop_patroni() { kill -STOP "$(pid "patroni-$1")"; }
kill_patroni() { kill -9 "$(pid "patroni-$1")"; }
# Until mend_node. What PostgreSQL's clients have with it over its socket goes on.
cut_node() {
	: >"$WORK/packets"
	# shellcheck disable=SC2046 # each is a word
	coproc CUT { exec python3 "$CUTTER" cut "$WORK/cut" "node-$1" $(node "$1") >"$WORK/packets"; }
	cutter=$CUT_PID cut_input=${CUT[1]}
	eventually 10 grep -q cut "$WORK/packets"
}
mend_node() {
	eval "exec $cut_input>&-"
	wait "$cutter"
	check "packets from and to the cut-off node were dropped" test "$(tail -n 1 "$WORK/packets")" -gt 0
}
lose_node() {
	lose "node killed" 60 kill_node
	check "scripts/up starts the killed node again" up
	comes_back
	lost=$(primary)
	# shellcheck disable=SC2046 # each is a word
	held=$(node "$lost")
	lose "node stopped" 60 stop_node
	# shellcheck disable=SC2086 # each is a word
	kill -CONT $held
	comes_back
	[ -n "${FAILOVER_NETWORK:-}" ] || return 0
	lose "node cut off" 60 cut_node
	mend_node
	comes_back
}

# Patroni would go on with a replay that is paused: so the process that replays stands still instead.
replay() { # replay SIGNAL: of all standbys
	local n pid
	for n in 1 2 3; do
		pid=$(pgrep -P "$(pid "postgres-$n")" -f ' startup ') && kill "-$1" "$pid"
	done
	return 0
}
# Each moment a while.
stutter() {
	while :; do
		replay STOP
		sleep 0.3
		replay CONT
		sleep 0.7
	done
}
# counted TEXT: of both docs services, the sum of what that metric says.
counted() {
	local n url
	for n in 1 2; do
		url=$(sed -n 's/.*op=start url=\([^ "]*\).*/\1/p' "$D/log/docs-$n.log" | tail -n 1)
		curl -fs --noproxy '*' "$url/metrics"
	done | awk -v text="$1" 'index($0, text) == 1 { sum += $2 } END { print sum + 0 }'
}
of_standbys() { counted 'nephos_docs_reads_total{from="standby"}'; }
refused_behind() { counted 'nephos_docs_standby_refused_total{why="behind"}'; }
ask() { curl -fsS --noproxy '*' -H "Authorization: Bearer $NEPHOS_TOKEN" "$@"; }
# read_new GATEWAY: a change, and what a read says then, which is not in memory.
read_new() {
	made=$((${made:-0} + 1))
	ask -o /dev/null -X PUT --data-binary "version $made" "http://127.0.0.1:$PORT/api/v2/docs/drives/home/files/new" &&
		said=$(ask "http://127.0.0.1:$1/api/v2/docs/drives/home/files/new")
}
standby_answers() {
	local before
	before=$(of_standbys)
	read_new "$PORT" && [ "$(of_standbys)" -gt "$before" ]
}

check "scripts/up makes a store with standbys" up --port "$PORT" --standbys 2 --mount "$M" --user tester
cat "$WORK/check.out" | sed 's/^/# /' | head -n 30
check "two standbys follow the primary" is_whole
# Both calls ask the same URL, so that something must listen there.
only_with_certificate() { # URL
	curl -fs --noproxy '*' --max-time 3 --cacert "$D/standbys/ca.crt" --cert "$D/standbys/node.crt" \
		--key "$D/standbys/node.key" "$1" && ! curl -fsk --noproxy '*' --max-time 3 "$1"
}
check "Patroni asks for its lease again when etcd does not answer, not for ever, and its own member of etcd first" \
	"${NEPHOS_BUILD_DIR:-$E2E_ROOT/build/dev}/patroni/bin/python3" -B "$E2E_ROOT/tests/failover/lease.py"
check "etcd answers a client with the store's certificate, and none without one" \
	only_with_certificate "https://127.0.0.1:$((PORT + 22))/health"
check "Patroni answers a client with the store's certificate, and none without one" \
	only_with_certificate "https://127.0.0.1:$((PORT + 19))/patroni"
check_eq "other users have no right to any file in the folder of secrets" \
	"" "$(find "$D/standbys" -perm /o=rwx)"
# shellcheck disable=SC1091
. "$D/credentials"
URLS=http://127.0.0.1:$PORT,http://127.0.0.1:$((PORT + 1))

check "a standby answers a read that no gateway has in memory" eventually 30 standby_answers
replay STOP
read_new "$PORT" # what was under way is over
before=$(of_standbys) behind=$(refused_behind) wrong=0
for gateway in $PORT $((PORT + 1)) $PORT $((PORT + 1)); do
	read_new "$gateway" && [ "$said" = "version $made" ] || wrong=$((wrong + 1))
done
check_eq "each read shows the change before it while the standbys' replay is stopped" 0 $wrong
check_eq "no standby answers a read while the standbys' replay is stopped" "$before" "$(of_standbys)"
check "docs services refuse answers of standbys that are behind" test "$(refused_behind)" -gt "$behind"
replay CONT
check "a standby that has caught up answers again" eventually 30 standby_answers

stutter 2>/dev/null &
stutter=$!
at_end "kill $stutter; replay CONT"
load run >"$WORK/load.out" 2>&1 &
loader=$!
at_end "kill $loader"
begun=$(seconds)
check "changes of the load are acknowledged" eventually 10 has_gap "$begun"
for ((round = 1; round <= ${FAILOVER_KILLS:-1}; round++)); do
	lose "postmaster killed" 30 kill_postmaster
	comes_back
done
check "standbys of the new primary answer reads" eventually 30 standby_answers
kill $stutter
replay CONT
for ((round = 1; ${E2E_LONG:+1}0 && round <= ${FAILOVER_NODES:-1}; round++)); do lose_node; done
for ((round = 1; ${E2E_LONG:+1}0 && round <= ${FAILOVER_ROUNDS:-3}; round++)); do
	lose "postmaster killed" 30 kill_postmaster
	comes_back
	lose_node
	stopped=$(primary)
	lose "Patroni stopped" 60 stop_patroni
	check "the primary whose Patroni is stopped ends" eventually 30 sh -c "! kill -0 $(pid "postgres-$stopped")"
	begun=$(seconds)
	check "changes are acknowledged by a new primary while Patroni is stopped on the old one" \
		eventually 60 has_gap "$begun"
	kill -CONT "$(pid "patroni-$stopped")"
	comes_back
	for n in 1 2 3; do
		begun=$(seconds)
		kill -TERM "$(pid "patroni-$n")"
		eventually 60 sh -c "! kill -0 $(pid "patroni-$n") 2>/dev/null"
		check "scripts/up starts node $n again after its Patroni has ended" up
		check "changes are acknowledged after Patroni has ended on node $n" eventually 60 has_gap "$begun"
		comes_back
	done
done
for ((round = 1; ${E2E_LONG:+1}0 && round <= ${FAILOVER_WHOLE:-3}; round++)); do
	# shellcheck disable=SC2046 # each is a word
	kill -9 $(cat "$D"/run/{user,docs,gateway,patroni,etcd,postgres}-*.pid)
	begun=$(seconds)
	check "scripts/up starts the store after all processes were killed at once" up
	echo "# whole store killed: $(python3 -c "print('%.1f' % ($(seconds) - $begun))") s until up returned"
	check "changes are acknowledged after all processes were killed at once" eventually 60 has_gap "$begun"
	echo "# whole store killed: $(gap "$begun") s to the next acknowledged change"
	comes_back
done
kill -TERM $loader
wait $loader
sed 's/^/# /' "$WORK/load.out" | tail -n 20
check "every acknowledged change is there once, and no call on the mount failed" checks
sed 's/^/# /' "$WORK/check.out"
check "nephos fsck finds nothing wrong in the store" \
	"${NEPHOS_BUILD_DIR:-$E2E_ROOT/build/dev}/bin/nephos" fsck --credentials "$D/credentials"
sed 's/^/# /' "$WORK/check.out" | tail -n 5
if [ -n "${E2E_LONG:-}" ]; then
	before=$(of_standbys)
	stutter 2>/dev/null &
	stutter=$!
	python3 "$E2E_ROOT/tests/lib/stale_load.py" "$D" "$WORK/stale.log" --mount "$M" --seconds 60 --do "wait - 60" \
		>"$WORK/stale.out" 2>&1 &
	loader=$!
	sleep 15 # of the load without a failover
	kill_postmaster "$(primary)"
	wait $loader
	check_eq "the load of reads ends without an error" 0 $?
	kill $stutter
	replay CONT
	sed 's/^/# /' "$WORK/stale.out" | tail -n 3
	check "the judge finds no stale read in the load" python3 "$E2E_ROOT/tests/lib/stale_judge.py" "$WORK/stale.log"
	sed 's/^/# /' "$WORK/check.out" | tail -n 3
	answered=$(($(of_standbys) - before))
	echo "# of standbys: $answered reads"
	check "standbys answer some reads of the load" test "$answered" -gt 0
	comes_back
fi
e2e_end
