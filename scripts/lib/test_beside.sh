# A second lane of scripts/test: suites that run beside those of the first, on a store and ports of their own, and whose
# words are shown when they have come to their end: while one waits for disks and timers, the other computes. Sourced by
# scripts/test.
# shellcheck shell=bash

beside=
begin_beside() { # begin_beside PORT SUITE…
	E2E_PORT=$1 setsid "$ROOT/scripts/test" "${@:2}" >"$work/beside.log" 2>&1 </dev/null &
	beside=$!
}

show_beside() {
	local log=$work/beside.log counts
	wait "$beside"
	beside=
	counts=$(tail -n 1 "$log" | sed -n 's/^\([0-9]*\) passed, \([0-9]*\) failed$/\1 \2/p')
	if [ -z "$counts" ]; then
		cat "$log"
		one 1 "the suites beside did not come to their end"
		return
	fi
	sed '$d' "$log" # without its count, which is added to ours
	passed=$((passed + ${counts% *}))
	failed=$((failed + ${counts#* }))
}

# It stops its store at its end.
stop_beside() {
	[ -z "$beside" ] || { kill -TERM -- "-$beside" 2>/dev/null; wait "$beside"; }
}
