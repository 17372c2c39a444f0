#!/usr/bin/env bash
# Goal: two hundred processes wait on a mount whose gateways do not answer. They die at once when they are
# interrupted or killed, and the mount goes on.
. "$(dirname "$0")/../lib/e2e.sh"
e2e_store
M=$E2E_MOUNT/43
N=200
gateways() { for g in gateway-1 gateway-2; do kill "-$1" "$(cat "$E2E_DATA/run/$g.pid")"; done; }
mkdir -p "$M" || exit 2
at_end 'gateways CONT; rm -rf "$M"'
# Each process has a folder of its own: the kernel lets only one caller at a time change a folder.
fill() { for ((i = 0; i < N; i++)); do mkdir "$1/d$i" && echo content >"$1/d$i/content" || return 1; done; }
for signal in INT KILL; do mkdir "$M/$signal" && fill "$M/$signal" || exit 2; done
mount_pid=$(cat "$E2E_DATA/run/mount.pid")

cat >"$WORK/block.py" <<'PY'
# Starts one process for each folder, each of which makes one call; the kinds of calls alternate. Prints the pids.
import os, signal, sys
folder, count = sys.argv[1], int(sys.argv[2])
calls = [
    lambda d: os.mkdir(d + "/new"),
    lambda d: os.open(d + "/file", os.O_CREAT | os.O_WRONLY, 0o644),
    lambda d: os.symlink("x", d + "/link"),
    lambda d: os.chmod(d, 0o700),
    lambda d: os.setxattr(d, "user.x", b"1"),
    lambda d: os.mkfifo(d + "/fifo"),
    lambda d: os.link(d + "/content", d + "/linked"),
    lambda d: os.utime(d + "/content", (1, 1)),
]
for i in range(count):
    pid = os.fork()
    if pid == 0:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.setsid()
        try:
            calls[i % len(calls)]("%s/d%d" % (folder, i))
        finally:
            os._exit(1)
    print(pid, flush=True)
PY
in_fuse() { grep -qs request_wait_answer "/proc/$1/stack" || grep -qs 'request_wait\|fuse' "/proc/$1/wchan"; }
all_in_fuse() { for p in "${pids[@]}"; do in_fuse "$p" || return 1; done; }
none_left() { for p in "${pids[@]}"; do ! kill -0 "$p" 2>/dev/null || grep -q 'State:.Z' "/proc/$p/status" ||
	return 1; done; }

for signal in INT KILL; do
	ls -l "$M/$signal"/d* >/dev/null
	gateways STOP
	# The output goes into a file: the processes would keep a pipe open, and reading it would not end before they
	# do. Their messages about the interruption do not matter.
	python3 "$WORK/block.py" "$M/$signal" $N >"$WORK/pids" 2>/dev/null
	mapfile -t pids <"$WORK/pids"
	check_eq "SIG$signal: $N processes start, each with one call on the mount" $N "${#pids[@]}"
	check "SIG$signal: all $N processes wait for the mount" eventually 10 all_in_fuse
	kill "-$signal" "${pids[@]}" 2>/dev/null # the checks below find out whether all are gone
	# The outage is not over, so only the signal can end them.
	check "SIG$signal: all $N processes die of the signal while the gateways are stopped" eventually 10 none_left
	check_eq "SIG$signal: the mount's pid file still names the same process" \
		"$mount_pid" "$(cat "$E2E_DATA/run/mount.pid")"
	gateways CONT
	check "SIG$signal: a file can be written and read on the mount after the outage" \
		eventually 20 sh -c 'echo "$2" >"$1/after" && test "$(cat "$1/after")" = "$2"' - "$M" "$signal"
	check "SIG$signal: mkdir works in every folder after the outage, and old files have their content" \
		sh -c 'for d in "$1"/d*; do mkdir "$d/later" && test "$(cat "$d/content")" = content || exit 1; done' - "$M/$signal"
done
check "the mount's process is still alive at the end" kill -0 "$mount_pid"
e2e_end
