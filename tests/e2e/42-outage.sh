#!/usr/bin/env bash
# Goal: every kind of call waits until an outage of all gateways, of the services, or of the database is over. A
# longer outage ends in an error, and later calls work again. A waiting call can be interrupted.
. "$(dirname "$0")/../lib/e2e.sh"
e2e_store
M=$E2E_MOUNT/42
mkdir -p "$M" || exit 2
at_end 'for g in gateway-1 gateway-2; do kill -CONT $(cat "$E2E_DATA/run/$g.pid"); done; rm -rf "$M"'
echo before >"$M/before"
# Each caller has a folder of its own: the kernel lets only one caller at a time change a folder, so in one folder
# the other callers would not even reach the mount.
mkdir "$M"/d{1..200} "$M/interrupted"
ls "$M"/d* >/dev/null
stop_gateways() { for g in gateway-1 gateway-2; do kill -9 "$(cat "$E2E_DATA/run/$g.pid")"; done; }

stop_gateways
(echo during >"$M/during") 2>"$WORK/err" &
writer=$!
# Two hundred callers wait, and one more is interrupted: the mount reads INTERRUPT although all callers are blocked.
waiters=()
for i in $(seq 200); do
	mkdir "$M/d$i/new" 2>/dev/null &
	waiters+=($!)
done
mkdir "$M/interrupted/new" 2>/dev/null &
victim=$!
waits_in_fuse() { grep -q fuse "/proc/$victim/wchan" || grep -q request_wait "/proc/$victim/stack"; }
eventually 5 waits_in_fuse
check "a mkdir has not ended before the SIGTERM during an outage of all gateways" kill -TERM $victim
check "a mkdir that waits during an outage of all gateways ends on SIGTERM" \
	eventually 5 sh -c "! kill -0 $victim 2>/dev/null || grep -q 'State:.Z' /proc/$victim/status"
check "a write still waits after the interruption of another call" kill -0 $writer
check "scripts/up starts the gateways again after the first outage" "$E2E_ROOT/scripts/up" --data "$E2E_DATA"
wait $writer
check_eq "a write that began during the outage succeeds" "0 " "$? $(cat "$WORK/err")"
wait "${waiters[@]}"
check_eq "all 200 mkdirs that began during the outage have made their folders" \
	200 "$(find "$M" -type d -path '*/d[0-9]*/new' | wc -l)"
check_eq "the file that was written during the outage has its content" during "$(cat "$M/during")"

NEPHOS=${NEPHOS_BUILD_DIR:?}/bin/nephos
clean() { env -u NEPHOS_BUILD_DIR -u NEPHOS_URL -u NEPHOS_USER -u NEPHOS_TOKEN "$@"; }
umount_own() { clean "$NEPHOS" umount "$WORK/own" || umount -l "$WORK/own"; }
at_end umount_own
running() { for n in "$@"; do cat "$E2E_DATA/run/$n.pid"; done; }
# All processes of the database: when they are stopped, the database neither answers nor refuses.
database() { running postgres; pgrep -P "$(running postgres)"; }
# calls NAME SECONDS SIGNAL COMMAND…: every kind of call begins with an outage of the processes whose pids the
# command prints. The calls run on a new mount, which has little in its caches.
calls() {
	local name=$1 seconds=$2 signal=$3
	shift 3
	mkdir "$M/calls" && python3 "$E2E_ROOT/tests/lib/outage_calls.py" "$M/calls" prepare && mkdir -p "$WORK/own" &&
		clean "$NEPHOS" mount -o "credentials=$E2E_DATA/credentials,log=$WORK/own.log" "$URL" "$WORK/own"
	# shellcheck disable=SC2046 # each is a word
	check "$name" python3 "$E2E_ROOT/tests/lib/outage_calls.py" "$WORK/own/42/calls" "$seconds" "$signal" $("$@")
	sed 's/^/# /' "$WORK/check.out"
	umount_own
	rm -rf "$M/calls"
}
calls "every kind of call waits while the database is stopped for 20 s, and none fails" 20 STOP database

if [ -n "${E2E_LONG:-}" ]; then
	calls "every kind of call waits while the database is stopped for 45 s, and none fails" 45 STOP database
	calls "every kind of call waits while the docs services are stopped for 45 s, and none fails" \
		45 STOP running docs-1 docs-2
	calls "every kind of call waits while the gateways are stopped for 45 s, and none fails" \
		45 STOP running gateway-1 gateway-2
	calls "calls that need the database fail about 60 s after they began while it is stopped for 75 s" 75 STOP database
	cat >"$WORK/late.py" <<'PY'
# Sends a signal to the gateways. Then calls begin one after another, each in a folder of its own. Prints how long
# each call waited since it began, and its error.
import errno, os, signal, sys, threading, time
m, number, pids, said = sys.argv[1], getattr(signal, "SIG" + sys.argv[2]), sys.argv[3:], []
def call(name, what):
    begin, error = time.monotonic(), "no error"
    try:
        what()
    except OSError as e:
        error = errno.errorcode[e.errno]
    said.append((name, time.monotonic() - begin, error))
file = os.open(m + "/synced", os.O_CREAT | os.O_RDWR)
def sync():
    call("write", lambda: os.write(file, b"stored later")) # the mount may have to ask the store about the file
    call("fsync", lambda: os.fsync(file))
os.write(file, b"stored at once")
os.fsync(file)
for pid in pids: os.kill(int(pid), number)
calls = [("mkdir %d" % i, lambda i=i: os.mkdir("%s/d%d/late" % (m, i + 1))) for i in range(4)]
calls += [("stat", lambda: os.stat(m + "/d9/nothing")), ("listdir", lambda: os.listdir(m + "/d8"))]
threads = [threading.Thread(target=call, args=c) for c in calls] + [threading.Thread(target=sync)]
for t in threads:
    t.start()
    time.sleep(4) # the interval between the calls is part of the test
for t in threads: t.join()
for name, seconds, error in said: print("%s: %.0f s, %s" % (name, seconds, error))
# stat and listdir may be answered from the cache. A call must fail 60 s after it began, and may take 3 s more; the
# rest of the limit is for a busy machine.
changes = [error for name, _, error in said if name.startswith(("mkdir", "fsync"))]
sys.exit(changes != ["EIO"] * 5 or any(seconds > 73 or (error == "EIO" and seconds < 59) for name, seconds, error in said))
PY
	cat >"$WORK/under-way.py" <<'PY'
# Data are in flight when the gateways stop, and would fail after 63 s. An fsync that begins 20 s later waits longer
# than that. The gateways come back in time for it, and no call gets an error.
import os, signal, sys, threading, time
m, pids = sys.argv[1], [int(p) for p in sys.argv[2:]]
f, other = os.open(m + "/under-way", os.O_CREAT | os.O_RDWR), os.open(m + "/under-way", os.O_RDWR)
os.write(f, b"stored at once")
os.fsync(f)
for pid in pids: os.kill(pid, signal.SIGSTOP)
threading.Timer(74, lambda: [os.kill(pid, signal.SIGCONT) for pid in pids]).start()
os.write(f, b"stored later")
time.sleep(20) # part of the test: the data are in flight for so long
os.fsync(f)
os.close(f)
os.close(other)
PY
	pids() { for g in gateway-1 gateway-2; do cat "$E2E_DATA/run/$g.pid"; done; }
	# shellcheck disable=SC2046 # each is a word
	gateways() { for g in gateway-1 gateway-2; do kill "-$1" "$(cat "$E2E_DATA/run/$g.pid")"; done; }
	check "mkdir and fsync fail with EIO about 60 s after each began while the gateways are stopped" \
		python3 "$WORK/late.py" "$M" STOP $(pids)
	sed 's/^/# /' "$WORK/check.out"
	gateways CONT
	check "mkdir works again when the stopped gateways continue" eventually 20 mkdir "$M/between"
	check_eq "no folder exists whose mkdir failed with EIO" "" "$(find "$M" -name late)"
	check "the mount's log says that no gateway answers" grep -q "No gateway answers" "$E2E_DATA/log/mount.log"
	# shellcheck disable=SC2046 # each is a word
	check "an fsync waits its own 60 s for the gateways, even if its data has waited longer" \
		python3 "$WORK/under-way.py" "$M" $(pids)
	gateways CONT
	check "mkdir and fsync fail with EIO about 60 s after each began when the gateways are killed" \
		python3 "$WORK/late.py" "$M" KILL $(pids)
	sed 's/^/# /' "$WORK/check.out"
	check "scripts/up starts the killed gateways again" "$E2E_ROOT/scripts/up" --data "$E2E_DATA"
	check "mkdir works again after the killed gateways were started" eventually 10 mkdir "$M/later"
	check_eq "a file from before the outages has its content" before "$(cat "$M/before")"
	check_eq "SEEK_DATA and SEEK_HOLE find the data of a file from before the outages" "0 7" "$(python3 -c "
import os, sys
f = os.open(sys.argv[1], os.O_RDONLY)
print(os.lseek(f, 0, os.SEEK_DATA), os.lseek(f, 0, os.SEEK_HOLE))" "$M/before")"
fi
e2e_end
