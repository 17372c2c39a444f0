# Functions for end-to-end scripts; sourced by bash. A script checks each thing with `check`, and ends with e2e_end.
# shellcheck shell=bash
#
#	check "a sentence" COMMAND…          the command succeeds
#	check_refused "a sentence" PATTERN COMMAND…      the command fails, and prints the pattern (grep -E)
#	check_eq "a sentence" WANTED GOT
#	check_status "a sentence" WANTED CURL-ARGUMENTS…      the HTTP status; the body is in
#	                                                      $WORK/body, the headers in $WORK/headers
#	eventually SECONDS COMMAND…          polls; for a state that takes a while and has no event to wait for
#
# A script that needs a store uses the one that scripts/test has started: E2E_DATA (its folder), E2E_MOUNT (its
# mount). If a check fails, $WORK is copied into the folder E2E_KEEP, if that is set: it has the logs.

set -uo pipefail
E2E_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
WORK=$(mktemp -d "${TMPDIR:-/tmp}/nephos-e2e.XXXXXX")
chmod 711 "$WORK" # a store's parts, and PostgreSQL, have users of their own
e2e_passed=0
e2e_failed=0
e2e_cleanups=()

e2e_on_exit() {
	local i
	for ((i = ${#e2e_cleanups[@]} - 1; i >= 0; i--)); do eval "${e2e_cleanups[i]}" >/dev/null 2>&1; done
	[ -z "${E2E_KEEP:-}" ] || [ "$e2e_failed" = 0 ] || cp -a "$WORK" "$E2E_KEEP/"
	rm -rf "$WORK"
}
trap e2e_on_exit EXIT

# at_end 'COMMAND': runs the command when the script ends, the last registered one first.
at_end() { e2e_cleanups+=("$1"); }

tell() { echo "$1 - $2"; } # HOW SENTENCE

# Prints the line of the script whose check failed.
e2e_line() {
	local i
	for ((i = 1; i < ${#BASH_SOURCE[@]}; i++)); do
		case ${BASH_SOURCE[i]} in
		*/lib/*) ;;
		*)
			echo "${BASH_SOURCE[i]##*/}, line ${BASH_LINENO[i - 1]}"
			return
			;;
		esac
	done
}

pass() {
	e2e_passed=$((e2e_passed + 1))
	tell ok "$1"
}

fail() {
	e2e_failed=$((e2e_failed + 1))
	tell "not ok" "$1"
	shift
	printf '    %s\n' "$(e2e_line)" "$@"
}

check() {
	local sentence=$1
	shift
	if "$@" >"$WORK/check.out" 2>&1; then
		pass "$sentence"
	else
		fail "$sentence" "command: $*" "$(tail -n 15 "$WORK/check.out")"
	fi
}

check_not() {
	local sentence=$1
	shift
	if "$@" >"$WORK/check.out" 2>&1; then
		fail "$sentence" "this should have failed: $*" "$(tail -n 15 "$WORK/check.out")"
	else
		pass "$sentence"
	fi
}

# A command that a signal or timeout(1) ended, or that could not be run, has refused nothing.
check_refused() {
	local sentence=$1 pattern=$2 error=0
	shift 2
	"$@" >"$WORK/check.out" 2>&1 || error=$?
	if [ "$error" -gt 0 ] && [ "$error" -lt 124 ] && grep -qE -e "$pattern" "$WORK/check.out"; then
		pass "$sentence"
	else
		fail "$sentence" "wanted an error with the text: $pattern" "ended with $error: $*" \
			"$(tail -n 15 "$WORK/check.out")"
	fi
}

check_eq() {
	if [ "$2" = "$3" ]; then pass "$1"; else fail "$1" "wanted: $2" "got:    $3"; fi
}

http() { curl -s --noproxy '*' --path-as-is --max-time 60 -o "$WORK/body" -D "$WORK/headers" -w '%{http_code}' "$@"; }

check_status() {
	local sentence=$1 wanted=$2 got
	shift 2
	got=$(http "$@") || got="$got (curl: $?)"
	if [ "$got" = "$wanted" ]; then
		pass "$sentence"
	else
		fail "$sentence" "wanted $wanted, got $got from: curl $*" "$(head -c 500 "$WORK/body" 2>/dev/null)"
	fi
}

# header NAME: prints a header of the last answer.
header() { tr -d '\r' <"$WORK/headers" | sed -n "s/^$1: //Ip" | tail -n 1; }

eventually() {
	local tries=$(($1 * 50))
	shift
	until "$@" >/dev/null 2>&1; do
		tries=$((tries - 1))
		[ "$tries" -gt 0 ] || return 1
		sleep 0.02
	done
}

# Sets the URL, the user and the token of the shared store.
e2e_store() {
	[ -n "${E2E_DATA:-}" ] || { echo "E2E_DATA is not set: run it by scripts/test" >&2; exit 2; }
	# shellcheck disable=SC1091
	. "$E2E_DATA/credentials"
	URL=$NEPHOS_URL
	TOKEN=$NEPHOS_TOKEN
	AUTH=(-H "Authorization: Bearer $TOKEN")
}

# relay NAME URL KEY-FILE: starts a relay to the part of a store at URL, which greets that part as a gateway does.
# Sets URL_NAME to its address.
relay() {
	rm -f "$WORK/$1.relay"
	python3 "$E2E_ROOT/tests/lib/cluster.py" relay "$3" "$2" "$WORK/$1.relay" &
	at_end "kill $!"
	eventually 10 test -s "$WORK/$1.relay"
	printf -v "URL_${1//-/_}" 'http://127.0.0.1:%s' "$(cat "$WORK/$1.relay")"
}

e2e_end() {
	echo "# $(basename "$0"): $e2e_passed passed, $e2e_failed failed"
	[ "$e2e_failed" = 0 ]
	exit
}
