#!/usr/bin/env bash
# Goal: file locks hold between two mounts of one drive as between two processes of one machine: exclusion, the
# holder that F_GETLK names, waiting and wake-up, signals, what a holder sees of the file, SQLite.
. "$(dirname "$0")/../lib/e2e.sh"
e2e_store
A=$E2E_MOUNT
B=$WORK/b
mkdir -p "$B" "$A/40"
NEPHOS=${NEPHOS_BUILD_DIR:?}/bin/nephos
clean() { env -u NEPHOS_BUILD_DIR -u NEPHOS_URL -u NEPHOS_USER -u NEPHOS_TOKEN "$@"; }
at_end 'clean "$NEPHOS" umount "$B" || umount -l "$B"; rm -rf "$A/40"'
check "the drive is mounted a second time" \
	clean "$NEPHOS" mount -o "credentials=$E2E_DATA/credentials,pidfile=$WORK/b.pid,log=$WORK/b.log" "$URL" "$B"

cat >"$WORK/lib.py" <<'PY'
import errno, fcntl, os, signal, struct, sys, threading, time
A, B = sys.argv[1] + "/40", sys.argv[2] + "/40"
OFD_SETLK = 37
def lk(fd, command, kind, start, size):
    return struct.unpack("hhqqi4x", fcntl.fcntl(fd, command, struct.pack("hhqqi4x", kind, os.SEEK_SET, start, size, 0)))
R, W, U = fcntl.F_RDLCK, fcntl.F_WRLCK, fcntl.F_UNLCK
def refused(call, *arguments):
    try: call(*arguments)
    except OSError as e: assert e.errno in (errno.EAGAIN, errno.EACCES), e; return True
    return False
def both(name, data=b"0" * 100):
    with open(A + "/" + name, "wb") as f: f.write(data)
    deadline = time.monotonic() + 20
    while not os.path.exists(B + "/" + name): assert time.monotonic() < deadline; time.sleep(0.01)
    return os.open(A + "/" + name, os.O_RDWR), os.open(B + "/" + name, os.O_RDWR)
PY
py() { # py SENTENCE: the program comes on standard input
	{ cat "$WORK/lib.py"; cat; } >"$WORK/program.py"
	check "$1" timeout 120 python3 "$WORK/program.py" "$A" "$B"
}

py "LOCK_EX excludes the other mount, LOCK_SH shares with it, LOCK_UN releases the lock" <<'PY'
a, b = both("flock")
fcntl.flock(a, fcntl.LOCK_EX)
assert refused(fcntl.flock, b, fcntl.LOCK_EX | fcntl.LOCK_NB)
assert refused(fcntl.flock, b, fcntl.LOCK_SH | fcntl.LOCK_NB)
fcntl.flock(a, fcntl.LOCK_SH)
fcntl.flock(b, fcntl.LOCK_SH | fcntl.LOCK_NB)
assert refused(fcntl.flock, a, fcntl.LOCK_EX | fcntl.LOCK_NB)
fcntl.flock(a, fcntl.LOCK_UN)
fcntl.flock(b, fcntl.LOCK_EX | fcntl.LOCK_NB)
os.close(b)
# close does not wait for the release of the lock, on any file system of this kind.
deadline = time.monotonic() + 20
while refused(fcntl.flock, a, fcntl.LOCK_EX | fcntl.LOCK_NB): assert time.monotonic() < deadline; time.sleep(0.01)
PY

py "F_SETLK conflicts on overlapping ranges only, and any close releases the process's locks" <<'PY'
a, b = both("posix")
lk(a, fcntl.F_SETLK, W, 10, 10)
assert refused(lk, b, fcntl.F_SETLK, R, 19, 1)
lk(b, fcntl.F_SETLK, W, 20, 10)
lk(a, fcntl.F_SETLK, R, 10, 5)
assert refused(lk, b, fcntl.F_SETLK, W, 10, 1)
if os.fork() == 0:
    lk(os.open(B + "/posix", os.O_RDWR), fcntl.F_SETLK, R, 10, 5)
    os._exit(0)
assert os.wait()[1] == 0 # the child is dead, and its lock with it
lk(a, fcntl.F_SETLK, W, 10, 5)
os.close(os.open(A + "/posix", os.O_RDONLY))
lk(b, fcntl.F_SETLK, W, 0, 0)
PY

py "F_GETLK reports the first lock of the other mount, with process id 0" <<'PY'
a, b = both("getlk")
lk(a, fcntl.F_SETLK, W, 10, 5)
lk(a, fcntl.F_SETLK, R, 1, 5)
assert lk(b, fcntl.F_GETLK, W, 0, 0) == (R, os.SEEK_SET, 1, 5, 0), lk(b, fcntl.F_GETLK, W, 0, 0)
assert lk(b, fcntl.F_GETLK, R, 0, 0) == (W, os.SEEK_SET, 10, 5, 0)
assert lk(b, fcntl.F_GETLK, W, 6, 4)[0] == U
# The same for the locks of both mounts.
lk(b, fcntl.F_SETLK, W, 7, 1)
if os.fork() == 0:
    found = lk(os.open(B + "/getlk", os.O_RDWR), fcntl.F_GETLK, W, 6, 0)
    os._exit(found != (W, os.SEEK_SET, 7, 1, os.getppid()))
assert os.wait()[1] == 0
PY

py "an open file description lock ends with its own descriptor's close, not with another's" <<'PY'
a, b = both("ofd")
lk(a, OFD_SETLK, W, 0, 10)
os.close(os.open(A + "/ofd", os.O_RDWR))
assert refused(lk, b, fcntl.F_SETLK, R, 0, 1)
os.close(a)
deadline = time.monotonic() + 20
while refused(lk, b, fcntl.F_SETLK, W, 0, 1): assert time.monotonic() < deadline; time.sleep(0.01)
PY

py "ten waiting threads on both mounts all get a lock after its release" <<'PY'
a, b = both("turns")
fcntl.flock(a, fcntl.LOCK_EX)
got = []
def wait(n):
    fd = os.open((A, B)[n % 2] + "/turns", os.O_RDWR)
    fcntl.flock(fd, fcntl.LOCK_EX); got.append(n); fcntl.flock(fd, fcntl.LOCK_UN)
    fcntl.lockf(fd, fcntl.LOCK_EX); fcntl.lockf(fd, fcntl.LOCK_UN)
    os.close(fd)
waiters = [threading.Thread(target=wait, args=(n,)) for n in range(10)]
for w in waiters: w.start()
assert refused(fcntl.flock, b, fcntl.LOCK_EX | fcntl.LOCK_NB) and not got
fcntl.flock(a, fcntl.LOCK_UN)
for w in waiters: w.join()
assert sorted(got) == list(range(10))
PY

py "a signal ends a wait for a lock, and the abandoned wait blocks no later lock" <<'PY'
a, b = both("signal")
fcntl.flock(a, fcntl.LOCK_EX)
lk(a, fcntl.F_SETLK, W, 0, 0)
class Rang(Exception): pass
def ring(*_): raise Rang()
signal.signal(signal.SIGALRM, ring)
for call in (lambda: fcntl.flock(b, fcntl.LOCK_EX), lambda: lk(b, fcntl.F_SETLKW, W, 0, 0)):
    signal.setitimer(signal.ITIMER_REAL, 0.3)
    begin = time.monotonic()
    try: call(); assert False
    except Rang: pass
    assert time.monotonic() - begin < 5
fcntl.flock(a, fcntl.LOCK_UN); fcntl.flock(a, fcntl.LOCK_EX | fcntl.LOCK_NB)
lk(a, fcntl.F_SETLK, U, 0, 0); lk(a, fcntl.F_SETLK, W, 0, 0)
PY

py "two mounts that count under a lock in one file lose no increment" <<'PY'
a, b = both("counter", b"0000000000")
def count(path):
    fd = os.open(path + "/counter", os.O_RDWR)
    for _ in range(50):
        fcntl.lockf(fd, fcntl.LOCK_EX)
        n = int(os.pread(fd, 10, 0)); os.pwrite(fd, b"%010d" % (n + 1), 0)
        fcntl.lockf(fd, fcntl.LOCK_UN)
    os._exit(0)
for path in (A, B):
    if os.fork() == 0: count(path)
for _ in range(2): assert os.wait()[1] == 0
fcntl.lockf(a, fcntl.LOCK_SH); fcntl.lockf(b, fcntl.LOCK_SH)
assert (os.pread(a, 10, 0), os.pread(b, 10, 0)) == (b"0000000100",) * 2, (os.pread(a, 10, 0), os.pread(b, 10, 0))
PY

py "a hundred processes that wait for a lock do not block other calls on their mount" <<'PY'
a, b = both("crowd")
fcntl.flock(a, fcntl.LOCK_EX)
for n in range(100):
    if os.fork() == 0:
        fd = os.open(B + "/crowd", os.O_RDWR)
        fcntl.flock(fd, fcntl.LOCK_SH)
        os._exit(0)
for n in range(50):
    fd = os.open(B + "/beside%d" % n, os.O_CREAT | os.O_WRONLY)
    os.write(fd, b"x"); os.fsync(fd); os.close(fd)
assert len([n for n in os.listdir(B) if n.startswith("beside")]) == 50
fcntl.flock(a, fcntl.LOCK_UN)
for n in range(100): assert os.wait()[1] == 0
PY

times=15
[ -z "${E2E_LONG:-}" ] || times=100
TIMES=$times py "two mounts that each count $times times in one SQLite database lose no increment" <<'PY'
import sqlite3
times = int(os.environ["TIMES"])
db = sqlite3.connect(A + "/db"); db.execute("CREATE TABLE c (v)"); db.execute("INSERT INTO c VALUES (0)"); db.commit(); db.close()
deadline = time.monotonic() + 20
while not os.path.exists(B + "/db"): assert time.monotonic() < deadline; time.sleep(0.01)
for path in (A, B):
    if os.fork() == 0:
        db = sqlite3.connect(path + "/db", timeout=100, isolation_level=None)
        for _ in range(times):
            db.execute("BEGIN IMMEDIATE")
            v = db.execute("SELECT v FROM c").fetchone()[0]
            db.execute("UPDATE c SET v = ?", (v + 1,))
            db.execute("COMMIT")
        os._exit(0)
for _ in range(2): assert os.wait()[1] == 0
for path in (A, B):
    db = sqlite3.connect(path + "/db")
    assert db.execute("SELECT v FROM c").fetchone()[0] == 2 * times
    assert db.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
PY

mkdir "$WORK/c"
at_end 'clean "$NEPHOS" umount "$WORK/c" || umount -l "$WORK/c"'
check "the drive is mounted with local_locks" \
	clean "$NEPHOS" mount -o "local_locks,credentials=$E2E_DATA/credentials,pidfile=$WORK/c.pid,log=$WORK/c.log" \
		"$URL" "$WORK/c"
check "flock with local_locks excludes processes of that mount, but no other mount" timeout 60 python3 -c "
import fcntl, os, sys, time
a, c = sys.argv[1:3]
f = open(a + '/40/local', 'w'); f.close()
while not os.path.exists(c + '/40/local'): time.sleep(0.01)
one, two, other = open(c + '/40/local', 'r+'), open(c + '/40/local', 'r+'), open(a + '/40/local', 'r+')
fcntl.flock(one, fcntl.LOCK_EX)
try: fcntl.flock(two, fcntl.LOCK_EX | fcntl.LOCK_NB); sys.exit(1)
except BlockingIOError: pass
fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)" "$A" "$WORK/c"

holds_nothing() { # a third process can take the locks of both
	timeout 20 python3 -c "
import fcntl, sys
f = open(sys.argv[1] + '/40/last', 'w+')
fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)" "$A"
}
python3 -c "
import fcntl, sys, time
f = open(sys.argv[1] + '/40/last', 'w+')
fcntl.flock(f, fcntl.LOCK_EX); print('held', flush=True); time.sleep(1000)" "$B" >"$WORK/held" &
holder=$!
at_end 'kill -9 $holder'
check "a process of the second mount holds a lock" eventually 20 grep -q held "$WORK/held"
check "the first mount sees the locked file" eventually 20 test -e "$A/40/last"
check_not "the first mount does not get a lock that the second mount holds" holds_nothing
kill -9 $holder
check "the lock is free after its holder is killed" eventually 20 holds_nothing
e2e_end
