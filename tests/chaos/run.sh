#!/usr/bin/env bash
# Goal: processes are killed, stopped and cut off from the network, the disk is filled, and clocks are set wrong, in any
# order. Everything that was acknowledged is still there, exactly once and whole, and no read ever showed an older
# state. chaos.py runs this; faults.py has the faults.
# CHAOS_SEED repeats a run that printed that seed. CHAOS_SECONDS: how long (default 40; long form 3600). CHAOS_FAULTS,
# CHAOS_SCENARIO: only these. The long form has standbys. It ends with two more scenarios: a service or gateway is
# killed every five seconds, and all parts are restarted one after the other, during which no request may fail.
. "$(dirname "$0")/../lib/e2e.sh"
. "$E2E_ROOT/tests/lib/patroni.sh"
HERE=$E2E_ROOT/tests/chaos
SEED=${CHAOS_SEED:-$RANDOM}
BUILD=${NEPHOS_BUILD_DIR:-$E2E_ROOT/build/dev}
PORT=$((${E2E_PORT:-18050} + 110))
KEPT=${CHAOS_KEEP:-} # a folder to which the records of each run are copied
long=() seconds=${CHAOS_SECONDS:-40} longest=5
if [ -n "${E2E_LONG:-}" ]; then
	long=(--standbys) seconds=${CHAOS_SECONDS:-3600} longest=60
	patroni_ahead "$BUILD"
fi

# Without this library the clocks would not jump, and nothing else would report that.
if [ ! -e "$BUILD/bin/clock_preload.so" ]; then
	fail "the build has bin/clock_preload.so, which the clock faults need" \
		"$BUILD/bin/clock_preload.so is missing: take a build with the tests"
	e2e_end
fi

run_test() { python3 "$HERE/$1" "${@:2}" >"$WORK/test.out"; }
# count_test SCRIPT ARGUMENT…: counts the results of a Python test as if this script had made the checks. Details
# follow below a failure.
count_test() {
	local line
	check "$1 ends without an error" run_test "$@"
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

# stop_store FOLDER: cleans up after a killed chaos.py. Processes that wait for a frozen disk go on first.
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
	check_eq "$scenario: the store recovers from all faults without a violation" 0 $?
	sed 's/^/# /' "$at.out" | cut -c1-1500
	[ -z "$KEPT" ] || keep "$at"
}

case ${CHAOS_SCENARIO:-} in
'')
	run mixed "$seconds"
	check "the mixed scenario has at least 200 acknowledged changes" \
		test "$(grep -c '"how":"ok"' "$WORK/mixed/history")" -ge 200
	count_test judge_test.py "$WORK/mixed/history" "$WORK/mixed/final"
	if [ -n "${E2E_LONG:-}" ]; then
		run kills 600
		run rolling 300
	fi
	;;
*) run "$CHAOS_SCENARIO" "$seconds" ;;
esac
e2e_end
