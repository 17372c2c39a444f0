#!/usr/bin/env bash
# Goal: an outage of all gateways is waited out; a longer one ends in an error, and later calls work again; a waiting call can be interrupted.
. "$(dirname "$0")/../lib/e2e.sh"
e2e_store
M=$E2E_MOUNT/42
mkdir -p "$M" || exit 2
at_end 'for g in gateway-1 gateway-2; do kill -CONT $(cat "$E2E_DATA/run/$g.pid"); done; rm -rf "$M"'
echo before >"$M/before"
# A folder each: the kernel lets only one caller at a time change a folder, so in one folder the others would not even reach the mount.
mkdir "$M"/d{1..200} "$M/interrupted"
ls "$M"/d* >/dev/null
stop_gateways() { for g in gateway-1 gateway-2; do kill -9 "$(cat "$E2E_DATA/run/$g.pid")"; done; }

stop_gateways
(echo during >"$M/during") 2>"$WORK/err" &
writer=$!
# Two hundred callers that wait, and one more that is interrupted: INTERRUPT is read although all are blocked.
waiters=()
for i in $(seq 200); do
	mkdir "$M/d$i/new" 2>/dev/null &
	waiters+=($!)
done
mkdir "$M/interrupted/new" 2>/dev/null &
victim=$!
waits_in_fuse() { grep -q fuse "/proc/$victim/wchan" || grep -q request_wait "/proc/$victim/stack"; }
eventually 5 waits_in_fuse
kill -TERM $victim
check "a call that waits for the store can be interrupted" eventually 5 sh -c "! kill -0 $victim 2>/dev/null || grep -q 'State:.Z' /proc/$victim/status"
check "the others still wait" kill -0 $writer
check "the gateways come back" "$E2E_ROOT/scripts/up" --data "$E2E_DATA"
wait $writer
check_eq "what was written during the outage is stored" "0 " "$? $(cat "$WORK/err")"
wait "${waiters[@]}"
check_eq "and so is what the two hundred wanted" 200 "$(find "$M" -type d -path '*/d[0-9]*/new' | wc -l)"
check_eq "the file has its content" during "$(cat "$M/during")"

if [ -n "${E2E_LONG:-}" ]; then
	stop_gateways
	check_not "an outage of more than 30 s is an error for the call" mkdir "$M/late"
	check "the gateways come back" "$E2E_ROOT/scripts/up" --data "$E2E_DATA"
	check "later calls work again" eventually 10 mkdir "$M/later"
	check_eq "and old data is there" before "$(cat "$M/before")"
	check_eq "and where it lies" "0 7" "$(python3 -c "
import os, sys
f = os.open(sys.argv[1], os.O_RDONLY)
print(os.lseek(f, 0, os.SEEK_DATA), os.lseek(f, 0, os.SEEK_HOLE))" "$M/before")"
fi
e2e_end
