# The suites of scripts/test that need no store of its own; sourced by it.
# shellcheck shell=bash

suite_unit() {
	need dev || return
	run_ctest "$builds/dev" -L 'unit|fuzz'
}

suite_arch() {
	need dev || return
	await_ahead compile
	run_ctest "$builds/dev" -L arch
}

# unit_targets BUILD [CTEST-ARGUMENT…]: prints the names of the programs that are unit tests.
unit_targets() { configure "$1" && ctest --test-dir "$builds/$1" -N -L unit "${@:2}" | sed -n 's/^ *Test *#[0-9]*: //p'; }

# Prints nothing, which means all targets, when end-to-end scripts run with the programs of this build, too.
asan_targets() {
	case ${long:+-asan/}$suites in *-asan/*) ;; *) unit_targets asan ;; esac
}

suite_asan() {
	# shellcheck disable=SC2046 # each is a word
	need asan $(asan_targets) || return
	run_ctest "$builds/asan" -L unit
}

# The unit tests of code that has threads. Only these are built.
TSAN_TESTS=${TSAN_TESTS:-http|commit|oplog|feed|workers|gateway|flush|follow|metrics|log|kept|notify|fills|lock|trust}
tsan_targets() { unit_targets tsan -R "$TSAN_TESTS"; }

suite_tsan() {
	# shellcheck disable=SC2046 # each is a word
	need tsan $(tsan_targets) || return
	run_ctest "$builds/tsan" -L unit -R "$TSAN_TESTS"
}

# In the short form only patches whose tests need no database; the others take two minutes.
suite_sabotage() {
	need dev || return
	[ -z "$short" ] || local -x SABOTAGE="03 05 06 09 12"
	run_e2e "$ROOT/tests/sabotage/run.sh"
}

suite_failover() {
	"$ROOT/scripts/deps" standbys test
	need dev || return
	NEPHOS_BUILD_DIR=$builds/dev run_e2e "$ROOT/tests/failover/run.sh"
	[ -z "$long" ] || NEPHOS_BUILD_DIR=$builds/dev run_e2e "$ROOT/tests/failover/clone.sh"
}

# The long form has standbys and two more scenarios. The timeout is three times the planned duration and more, because
# each step takes longer on a busy machine.
suite_chaos() {
	local seconds=40 besides=1800
	[ -z "$long" ] || seconds=3600 besides=3600
	# shellcheck disable=SC2086 # one word or none
	"$ROOT/scripts/deps" ${long:+standbys} test
	need dev || return
	NEPHOS_BUILD_DIR=$builds/dev E2E_TIMEOUT=${given_timeout:-$((${CHAOS_SECONDS:-$seconds} * 3 + besides))} \
		run_e2e "$ROOT/tests/chaos/run.sh"
}

# The tests of members, placement, homes, the cache, and answers from the cache.
RING_TESTS='unit_ring_|test_touches|unit_proto_(tag|touched|fill)|docs_pg_ring|commit_home|test_tagging|gateway_(ring|homes|keeper|replica|cache|proxy|flights|drive_ref|first_drives|suspects|hop|revocation)'
suite_ring() {
	need dev || return
	run_ctest "$builds/dev" -L unit -R "$RING_TESTS"
}

# Only this suite runs the scripts of tests/backup. Their long parts look at E2E_LONG themselves.
suite_backup() {
	local script
	"$ROOT/scripts/deps" standbys s3 test
	need dev || return
	for script in "$ROOT"/tests/e2e/5[23]-*.sh "$ROOT"/tests/backup/*.sh; do
		NEPHOS_BUILD_DIR=$builds/dev run_e2e "$script"
	done
}

suite_compose() {
	"$ROOT/scripts/deps" compose test
	need dev || return
	await_ahead images
	NEPHOS_BUILD_DIR=$builds/dev E2E_IMAGES=$work/images run_e2e "$ROOT/tests/e2e/90-compose.sh"
	[ -z "$long" ] || NEPHOS_BUILD_DIR=$builds/dev E2E_IMAGES=$work/images run_e2e "$ROOT/tests/e2e/91-compose-other.sh"
}
