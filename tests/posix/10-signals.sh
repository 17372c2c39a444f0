#!/usr/bin/env bash
# Goal: a signal that does not kill has no effect on a process in a call on the mount, whether the store is near or
# far, with caches or without. A process that waits for a lock is interrupted, and a killed process dies.
. "$(dirname "$0")/../lib/e2e.sh"
e2e_store
BIN=${NEPHOS_BUILD_DIR:?}/bin
LIB=$E2E_ROOT/tests/lib
M=$E2E_MOUNT/10
FAR=$WORK/far # 20 ms away
ROUNDS=${E2E_LONG:+40}
FAR_ROUNDS=${E2E_LONG:+5}
FAR_PORT=$((${URL##*:} + 7))
AWAY_MS=20
HOWS=(once timer child stop trace)
COLD=(once ${E2E_LONG:+timer child stop trace})
clean() { env -u NEPHOS_BUILD_DIR -u NEPHOS_URL -u NEPHOS_USER -u NEPHOS_TOKEN "$@"; }
mount_far() { clean "$BIN/nephos" mount -o "credentials=$E2E_DATA/credentials,pidfile=$WORK/far.pid,log=$WORK/far.log" \
	"http://127.0.0.1:$FAR_PORT" "$FAR"; }
umount_far() { clean "$BIN/nephos" umount "$FAR"; }
gone=()
gateways() { for g in gateway-1 gateway-2; do kill "-$1" "$(cat "$E2E_DATA/run/$g.pid")"; done; }
mkdir -p "$M" "$FAR" || exit 2
at_end 'gateways CONT; umount_far || umount -l "$FAR"; [ -z "${proxy:-}" ] || kill "$proxy"; rm -rf "$M"'

# ---- every call, under each kind of signals ----

for how in "${HOWS[@]}"; do
	check "no call on the near mount fails under signals of kind '$how'" \
		timeout 120 "$BIN/storm" make "$M" "${ROUNDS:-5}" "$how"
done
check "storm makes a tree of files for later reads" "$BIN/storm" leave "$M/left"

python3 "$LIB/delay_proxy.py" "$FAR_PORT" "${URL##*:}" "$AWAY_MS" >"$WORK/proxy.out" 2>"$WORK/proxy.err" &
proxy=$!
check "the delaying proxy in front of the gateway starts" eventually 10 grep -q ready "$WORK/proxy.out"
check "the drive is mounted through the delaying proxy" mount_far
for how in once timer; do
	check "no call fails on a mount $AWAY_MS ms away from the store, under signals of kind '$how'" \
		timeout 120 "$BIN/storm" make "$FAR/10" "${FAR_ROUNDS:-1}" "$how"
done
# The kernel and the mount now answer from their caches, without the store. Thus each look uses a new mount, which
# has cached nothing.
for how in "${COLD[@]}"; do
	check "the far mount is unmounted to empty its caches, before signals of kind '$how'" \
		sh -c '"$0" umount "$1"' "$BIN/nephos" "$FAR"
	check "the far mount is mounted again with empty caches, before signals of kind '$how'" mount_far
	check "no call fails on the far mount with empty caches, under signals of kind '$how'" \
		timeout 120 "$BIN/storm" look "$FAR/10/left" 1 "$how"
done

# ---- strace, Ctrl-Z and fg ----

if command -v strace >/dev/null; then
	"$BIN/storm" make "$FAR/10" 1 child >"$WORK/traced" 2>&1 &
	traced=$!
	while kill -0 $traced 2>/dev/null; do
		timeout -s INT 0.1 strace -f -q -o /dev/null -p $traced; done >/dev/null 2>&1
	wait $traced
	check_eq "no call fails while strace attaches and detaches repeatedly" 0 "$?"
fi

mkdir "$WORK/tree"
for d in {1..15}; do
	mkdir "$WORK/tree/d$d"
	for f in {1..15}; do echo "$d $f" >"$WORK/tree/d$d/f$f"; done
done
# copied WHAT FROM TO: copies while the copier is stopped and continued all the time.
copied() {
	local copier
	cp -r "$2" "$3" 2>"$WORK/cp.err" &
	copier=$!
	while kill -STOP $copier 2>/dev/null; do
		kill -CONT $copier
		sleep 0.01 # lets the copier work in between
	done
	wait $copier
	check_eq "$1 succeeds while it is stopped and continued repeatedly" "0 " "$? $(cat "$WORK/cp.err")"
	check "$1 makes a complete copy" diff -r "$2" "$3"
}
copied "cp -r of 225 files" "$WORK/tree" "$M/copied"
copied "cp -r of 15 files to the far mount" "$WORK/tree/d1" "$FAR/10/copied-far"

# ---- a process that waits for a lock ----

cat >"$WORK/lock.py" <<'PY'
# Waits for a lock that another process holds. A signal comes, and the wait must end with EINTR soon.
import ctypes, fcntl, os, signal, sys, time
path, kind = sys.argv[1:3]
libc = ctypes.CDLL(None, use_errno=True)
f = os.open(path, os.O_RDWR | os.O_CREAT)
whole = bytes(ctypes.c_short(fcntl.F_WRLCK)) + bytes(ctypes.c_short(0)) + b"\0" * 28
take = {"flock": lambda fd: libc.flock(fd, fcntl.LOCK_EX), "fcntl": lambda fd: libc.fcntl(fd, fcntl.F_SETLKW, whole)}[kind]
ready_r, ready_w = os.pipe()
holder = os.fork()
if holder == 0:
    g = os.open(path, os.O_RDWR)
    os._exit(1) if take(g) != 0 else os.write(ready_w, b"x")
    time.sleep(60)
    os._exit(0)
os.read(ready_r, 1)
signal.signal(signal.SIGALRM, lambda *_: None)  # Python's handlers are set without SA_RESTART
signal.setitimer(signal.ITIMER_REAL, 0.2)
begin = time.monotonic()
r = take(f)
error, took = ctypes.get_errno(), time.monotonic() - begin
os.kill(holder, signal.SIGKILL)
os.waitpid(holder, 0)
print(r, os.strerror(error), "%.1f s" % took)
sys.exit(not (r == -1 and error == 4 and took < 10))
PY
for kind in fcntl flock; do
	check "a signal interrupts a process that waits for a lock ($kind)" python3 "$WORK/lock.py" "$M/lock" "$kind"
done

# ---- a killed process, and one with another signal, while the store is stopped ----

ls -l "$M" >/dev/null
gateways STOP
cat >"$WORK/mkdir.py" <<'PY'
import os, signal, sys
signal.signal(signal.SIGALRM, lambda *_: None)
os.mkdir(sys.argv[1])
PY
python3 "$WORK/mkdir.py" "$M/waits" 2>"$WORK/waits.err" &
waits=$!
sh -c 'echo x >"$0/killed"' "$M/left" 2>/dev/null &
killed=$!
stuck() { grep -qs request_wait_answer "/proc/$1/stack" || grep -qs 'request_wait\|fuse' "/proc/$1/wchan"; }
check "mkdir waits while both gateways are stopped" eventually 10 stuck $waits
check "a shell that creates a file waits while both gateways are stopped" eventually 10 stuck $killed
kill -ALRM $waits
kill -KILL $killed
wait $killed 2>/dev/null
check_eq "SIGKILL ends the waiting shell although the store does not answer" 137 $?
check "mkdir still waits after a signal that does not kill" stuck $waits
gateways CONT
wait $waits
check_eq "mkdir succeeds when the gateways continue" "0 " "$? $(cat "$WORK/waits.err")"
check "the folder that the delayed mkdir made exists" test -d "$M/waits"
check "the mount serves new calls after the gateways continue" eventually 20 mkdir "$M/after"

# When the store has been silent for 10 s, a signal ends the calls that POSIX allows to be interrupted, and no other
# call.
if [ -n "${E2E_LONG:-}" ]; then
	cat >"$WORK/silent.py" <<'PY'
# Makes one call, with a signal each second, and prints its result.
import os, signal, sys
path, call = sys.argv[1:3]
def handler(*_):
    if call != "mkdir": raise InterruptedError # Python repeats the other calls after EINTR, unless the handler raises
signal.signal(signal.SIGALRM, handler)
fd = os.open(path + "/large", os.O_RDONLY) if call == "read" else -1
print("ready", flush=True)
sys.stdin.readline()
signal.setitimer(signal.ITIMER_REAL, 1, 1)
try:
    {"read": lambda: os.read(fd, 4096), "statvfs": lambda: os.statvfs(path), "mkdir": lambda: os.mkdir(path + "/silent")}[call]()
    print("done")
except OSError as e:
    print(type(e).__name__, e.errno)
PY
	head -c 4000000 /dev/urandom >"$M/large"
	umount_far && mount_far || exit 2
	pids=()
	for call in read statvfs mkdir; do
		mkfifo "$WORK/go-$call"
		python3 "$WORK/silent.py" "$FAR/10" "$call" <"$WORK/go-$call" >"$WORK/said-$call" 2>&1 &
		pids+=($!)
		exec {go}>"$WORK/go-$call"
		gone+=("$go")
		eventually 20 grep -q ready "$WORK/said-$call"
	done
	gateways STOP
	for go in "${gone[@]}"; do echo go >&"$go"; done
	for call in read statvfs; do
		check "a signal interrupts $call after a long silence of the store" \
			eventually 28 grep -q Interrupted "$WORK/said-$call"
	done
	gateways CONT
	wait "${pids[@]}"
	check_eq "mkdir succeeds although signals arrive during a long silence of the store" \
		"ready done" "$(xargs <"$WORK/said-mkdir")"
fi
e2e_end
