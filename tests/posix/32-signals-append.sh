#!/usr/bin/env bash
# Goal: signals during large appends, by several processes on two mounts, do not tear, double or lose records. While
# the store answers, no call is cut short. After a long silence of the store, a call that fails with EINTR has stored
# nothing, and after a short write the process can write the rest.
. "$(dirname "$0")/../lib/e2e.sh"
e2e_store
BIN=${NEPHOS_BUILD_DIR:?}/bin
A=$E2E_MOUNT/32
B_ROOT=$WORK/b
B=$B_ROOT/32
EXECS=${E2E_LONG:+12}
EXECS=${EXECS:-3} # programs that each writer runs one after the other
EACH=4		  # records of each program, of 1 to 3 MiB
clean() { env -u NEPHOS_BUILD_DIR -u NEPHOS_URL -u NEPHOS_USER -u NEPHOS_TOKEN "$@"; }
gateways() { for g in gateway-1 gateway-2; do kill "-$1" "$(cat "$E2E_DATA/run/$g.pid")"; done; }
mkdir -p "$A" "$B_ROOT" || exit 2
at_end 'gateways CONT; clean "$BIN/nephos" umount "$B_ROOT" || umount -l "$B_ROOT"; rm -rf "$A"'
check "the drive is mounted a second time" \
	clean "$BIN/nephos" mount -o "credentials=$E2E_DATA/credentials,pidfile=$WORK/b.pid,log=$WORK/b.log" "$URL" \
		"$B_ROOT"
check "the second mount sees the folder of the first" eventually 5 test -d "$B"

# writer WHO HOW: appends to descriptor 5, which it shares with another writer. Each of its programs is a new
# process.
writer() {
	local i
	for ((i = 0; i < EXECS; i++)); do
		"$BIN/appends" write 5 "$1" $((i * EACH)) $EACH "$2" || return 1
	done
}
# writers FILE: runs two writers on each mount, one with SA_RESTART and one without. Their output is in $WORK/said.
writers() {
	local w failed=0 pids=()
	: >"$WORK/said"
	{ writer 0 restart & pids+=($!); writer 1 plain & pids+=($!); } 5>>"$A/$1" >>"$WORK/said"
	{ writer 2 restart & pids+=($!); writer 3 plain & pids+=($!); } 5>>"$B/$1" >>"$WORK/said"
	for w in "${pids[@]}"; do wait "$w" || failed=1; done
	[ $failed = 0 ] || { cat "$WORK/said"; return 1; }
}
whole() { "$BIN/appends" check "$1" 4 $((EXECS * EACH)) <"$WORK/said"; }

check "appends under signals succeed, with SA_RESTART and without" writers rain
check_eq "no append under signals is interrupted or cut short" "" "$(cat "$WORK/said")"
check "each record appended under signals is stored once, whole and in order" whole "$A/rain"
check "the second mount reads each record appended under signals once, whole and in order" whole "$B/rain"

# ---- the store is silent ----

# A program's exit waits until its data are stored, so each program has to write more than a mount buffers of a file.
EXECS=1
EACH=20
writers silence >"$WORK/writers" 2>&1 &
writing=$!
check "the first mount's file has bytes before the store falls silent" eventually 60 test -s "$A/silence"
gateways STOP
check "a writer is interrupted while the store is silent" eventually 25 test -s "$WORK/said"
gateways CONT
wait $writing
check_eq "all writers succeed after the store answers again" "0 " "$? $(cat "$WORK/writers")"
check "each piece of a record appended around the silence is stored once, in order" whole "$A/silence"
check "the second mount reads each piece of these records once, in order" whole "$B/silence"
e2e_end
