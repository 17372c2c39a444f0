# Starts a store for the end-to-end scripts of scripts/test, and runs them on it; sourced by it.
# shellcheck shell=bash

store= kind=dev runs=

# start_store BUILD: starts a store with the programs of this build, dev or asan.
start_store() {
	runs=
	"$ROOT/scripts/deps" run test
	need "$1" || return 1
	kind=$1
	export NEPHOS_BUILD_DIR=$builds/$kind
	store=$work/store-$kind
	# A process with a sanitizer report, about leaks at its end too, writes a file. All users of the store's
	# processes may write to this folder.
	install -d "$store" && install -d -m 1777 "$store/reports"
	[ "$kind" != asan ] ||
		export ASAN_OPTIONS="log_path=$store/reports/sanitizer:quarantine_size_mb=4:thread_local_quarantine_size_kb=64" UBSAN_OPTIONS=print_stacktrace=1
	mkdir -p "$work/mount"
	"$ROOT/scripts/up" --data "$store" --port "${E2E_PORT:-18050}" --mount "$work/mount" --user tester && runs=1 ||
		one 1 "the store did not start"
}

stop_store() {
	[ -n "$store" ] || return 0
	"$ROOT/scripts/down" --data "$store" >"$work/down.log" 2>&1 || { one 1 "scripts/down"; cat "$work/down.log"; }
	[ "$kind" != asan ] || sanitizer_reports "the store's processes"
	# The store's folder has a unique name, so a process with that name in its command line belongs to the store,
	# and should have ended or end soon.
	for _ in $(seq 50); do
		pgrep -af -- "$store/" >"$work/left" || break
		sleep 0.2
	done
	[ ! -s "$work/left" ] || { one 1 "processes of the store that outlive it"; cat "$work/left"; }
	store=
	unset ASAN_OPTIONS UBSAN_OPTIONS NEPHOS_BUILD_DIR
}

# sanitizer_reports WHOSE: prints each report of a sanitizer and counts it as a failure.
sanitizer_reports() {
	local report
	for report in "$work/store-$kind/reports"/sanitizer.*; do
		[ -e "$report" ] || continue
		one 1 "$1: what a sanitizer reports"
		head -n 60 "$report"
		rm -f "$report"
	done
}

run_e2e() {
	local script=$1 log ok bad status
	log=$work/$(basename "$script").log
	E2E_DATA=$store E2E_MOUNT=$work/mount E2E_LONG=${long:-} timeout "${E2E_TIMEOUT:-1800}" bash \
		"$script" >"$log" 2>&1 </dev/null
	status=$?
	ok=$(grep -ac '^ok - ' "$log")
	bad=$(grep -ac '^not ok - ' "$log")
	passed=$((passed + ok))
	failed=$((failed + bad))
	grep -av '^ok - ' "$log"
	grep -a -A 3 '^not ok - ' "$log" >>"$work/again"
	if [ "$status" != 0 ] && [ "$bad" = 0 ]; then
		one 1 "$(basename "$script") ended with $status"
		tail -n 30 "$log" | print_and_keep
	fi
	[ "$kind" != asan ] || sanitizer_reports "$(basename "$script")"
}

# is_of SCRIPT all|own|shared: own scripts start the stores that they need; shared scripts use one store together.
is_of() {
	case $2 in
	own) ! grep -q '^e2e_store$' "$1" ;;
	shared) grep -q '^e2e_store$' "$1" ;;
	esac
}

# run_scripts BUILD FOLDER PATTERN [own|shared]: starts a store, runs the scripts of tests/FOLDER whose names begin with
# PATTERN, and stops the store.
run_scripts() {
	local script note=
	[ "$1" = dev ] || note=", $1"
	suite "a store for tests/$2$note" start_store "$1"
	for script in "$ROOT"/tests/$2/$3*.sh; do
		case $(basename "$script") in 9*) continue ;; esac
		is_of "$script" "${4:-all}" || continue
		[ -z "$runs" ] || suite "$(basename "$script")$note" run_e2e "$script"
	done
	suite "the store ends$note" stop_store
}
