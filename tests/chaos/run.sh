#!/usr/bin/env bash
# Goal: whatever is killed, stopped, cut off, filled or set wrong, and in whatever order: what was acknowledged is
# there, once, whole, and was never shown older; chaos.py says how, faults.py what.
# CHAOS_SEED: of a run that printed it. CHAOS_SECONDS, CHAOS_FAULTS, CHAOS_SCENARIO: how long (default 40; long form
# 3600), and only these. The long form has standbys, and ends with a service or gateway killed every five seconds, and
# with all of it restarted in turn, where no request may fail.
. "$(dirname "$0")/../lib/e2e.sh"
HERE=$E2E_ROOT/tests/chaos
SEED=${CHAOS_SEED:-$RANDOM}
BUILD=${NEPHOS_BUILD_DIR:-$E2E_ROOT/build/dev}
PORT=$((${E2E_PORT:-18050} + 110))
KEPT=${CHAOS_KEEP:-} # a folder, into which what was noted is copied after each run
long=() seconds=${CHAOS_SECONDS:-40} longest=5
if [ -n "${E2E_LONG:-}" ]; then
	long=(--standbys) seconds=${CHAOS_SECONDS:-3600} longest=60
	# In its network the registry of Python's packages is out of reach.
	# shellcheck disable=SC1091
	(
		say() { echo "# $*"; }
		export NEPHOS_BUILD_DIR=$BUILD
		. "$E2E_ROOT/scripts/lib/store.sh" && . "$E2E_ROOT/scripts/lib/up_standbys.sh" && make_patroni
	)
fi

# Without it clocks would not jump, and nothing else would tell.
if [ ! -e "$BUILD/bin/clock_preload.so" ]; then
	fail "the build has all that the faults need" "$BUILD/bin/clock_preload.so is missing: take a build with the tests"
	e2e_end
fi

run_test() { python3 "$HERE/$1" "${@:2}" >"$WORK/test.out"; }
# count_test SCRIPT ARGUMENT…: what a test of these parts says is counted as if it were said here, with its details
# below what failed.
count_test() {
	local line
	check "$1 comes to its end" run_test "$@"
	while IFS= read -r line; do
		case $line in
		'ok - '*) pass "${line#ok - }" ;;
		'not ok - '*) fail "${line#not ok - }" ;;
		*) echo "$line" ;;
		esac
	done <"$WORK/test.out"
}
count_test parts_test.py
count_test judge_test.py

# stop_store FOLDER: what chaos.py has left when it was killed. What waits for a disk that stands still goes on first.
stop_store() {
	local at
	[ -d "$1" ] || return 0
	fsfreeze -u "$1/store/blocks"
	"$E2E_ROOT/scripts/down" --data "$1/store"
	for at in a b c store/blocks net_cls; do umount -l "$1/$at"; done
}

keep() {
	mkdir -p "$KEPT" &&
		cp -r "$1.out" "$1"/{history,final,load.log,load.out,contents.log,up.log,down.log,store/log} "$KEPT"
}

# run SCENARIO SECONDS ARGUMENT…
run() {
	local scenario=$1 at=$WORK/$1
	shift
	at_end "stop_store $at"
	python3 "$HERE/chaos.py" "$at" --scenario "$scenario" --seed "$SEED" --seconds "$1" --longest "$longest" \
		--port "$PORT" --build "$BUILD" ${CHAOS_FAULTS:+--faults "$CHAOS_FAULTS"} "${long[@]}" "${@:2}" >"$at.out" 2>&1
	check_eq "$scenario: the store comes up, and back, and there is no violation" 0 $?
	sed 's/^/# /' "$at.out" | cut -c1-1500
	[ -z "$KEPT" ] || keep "$at"
}

case ${CHAOS_SCENARIO:-} in
'')
	run mixed "$seconds"
	check "hundreds of changes were acknowledged" test "$(grep -c '"how":"ok"' "$WORK/mixed/history")" -ge 200
	count_test judge_test.py "$WORK/mixed/history" "$WORK/mixed/final"
	if [ -n "${E2E_LONG:-}" ]; then
		run kills 600
		run rolling 300
	fi
	;;
*) run "$CHAOS_SCENARIO" "$seconds" ;;
esac
e2e_end
