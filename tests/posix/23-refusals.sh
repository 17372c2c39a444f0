#!/usr/bin/env bash
# Goal: every other refusal than that of a full drive (see 20-full-drive.sh) is also reported correctly and in time,
# for every way to store: a file that may not be that large (EFBIG), a document that is gone for good (ESTALE), a
# mount whose session is gone, with locks and without. What was refused is reported, what was not refused is stored,
# and the mount, HTTP and a fresh mount show the same.
# shellcheck disable=SC2016 # for sh -c
. "$(dirname "$0")/../lib/e2e.sh"
e2e_store
M=$WORK/m
NEPHOS=${NEPHOS_BUILD_DIR:?}/bin/nephos
DRIVES=$URL/api/v2/docs/drives
clean() { env -u NEPHOS_BUILD_DIR -u NEPHOS_URL -u NEPHOS_USER -u NEPHOS_TOKEN "$@"; }
put_on() { clean "$NEPHOS" mount -o "credentials=$E2E_DATA/credentials,pidfile=$WORK/pid,log=$WORK/log" "$URL/$DRIVE" \
	"$M"; }
mkdir -p "$M" "$WORK/local"
# The connection string of the docs database, taken from a docs service.
DATABASE=$(tr '\0' '\n' <"/proc/$(cat "$E2E_DATA/run/docs-1.pid")/cmdline" | sed -n '/^--database$/{n;p}')
PSQL=$(command -v psql || find /usr/lib/postgresql -name psql -path '*/bin/*' | sort -V | tail -n 1)

cat >"$WORK/refusals.py" <<'PY'
"""refusals.py MOUNT DRIVE-URL TOKEN MOUNT-LOG LOCAL-FOLDER CASE: files CASE-WAY in the mount. compare: all of them, as HTTP has them."""
import errno, fcntl, mmap, os, re, resource, signal, subprocess, sys, time, urllib.error, urllib.request
import ways
from ways import WAYS, by_append, by_copy, by_direct, by_exit, by_fallocate, by_mapping, by_rename, by_sync
m, drive, token, log, local, case = sys.argv[1:7]
SIZE, DEADLINE, LIMIT, LARGEST = 900000, 40, 122 * ways.BLOCK, 1 << 50
ways.source, ways.DEADLINE_S = m + "/source", DEADLINE
web = urllib.request.build_opener(urllib.request.ProxyHandler({}))
new = open(ways.source, "rb").read()
failed = 0

def rest(path, method="GET", **headers):
    r = urllib.request.Request(drive + path, method=method, headers=dict(headers, Authorization="Bearer " + token))
    return web.open(r, timeout=30).read()
def is_(what, ok, *said):
    global failed
    if not ok: failed += 1; print("%s %s:" % (case, what), *("%.300s" % (s,) for s in said))
def settled(name, shown_of=lambda path: open(path, "rb").read(), stored_of=lambda name: rest("/files/" + name)):
    """The last handle goes a moment after its close: then what is shown is what is stored."""
    end = time.monotonic() + 5
    while True:
        shown, stored = shown_of(m + "/" + name), stored_of(name)
        if shown == stored or time.monotonic() > end: break
        time.sleep(0.01)
    is_(name, shown == stored, "shows other bytes than are stored: %d, %d" % (len(shown), len(stored)))
    return stored
def prepared(name, old):
    path = "%s/%s" % (m, name)
    with open(path, "wb") as f: f.write(old); f.flush(); os.fsync(f.fileno())
    return path
def old_or_new(name, way, stored, old):
    shift = len(old) if way is by_append else 0
    wanted = old[:shift] + new
    for at in range(0, len(stored), ways.BLOCK):
        part = stored[at:at + ways.BLOCK]
        if part == wanted[at:at + len(part)]: continue
        for i, b in enumerate(part, at):
            if b not in (wanted[i] if i < len(wanted) else 0, old[i] if i < len(old) else 0): is_(name, False, "byte %d is neither old nor new" % i); return
def whole(name, way, stored, old):
    wanted = {by_append: old + new, by_direct: new[:SIZE // ways.BLOCK * ways.BLOCK]}.get(way, new)
    if way is ways.by_ftruncate: wanted = new + bytes(100)
    is_(name, stored == wanted, "nothing was refused, and yet it is not all there: %d of %d bytes" % (len(stored), len(wanted)))
def judge(name, way, errors, old, allowed, must_fail):
    is_(name, errors is not None, "did not come back in %d s" % DEADLINE)
    if errors is None: return
    is_(name, all(e in allowed for e in errors), "said", errors)
    is_(name, errors or way is by_exit or not must_fail, "said nothing")
    stored = settled(name)
    old_or_new(name, way, stored, old)
    if not errors and (way is not by_exit or not allowed): whole(name, way, stored, old)

def sql(*commands):
    said = subprocess.run([os.environ["PSQL"], "-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", os.environ["DATABASE"]] + [w for c in commands for w in ("-c", c)], stdout=subprocess.PIPE, check=True)
    return said.stdout.decode()
def sessions(): return re.findall(r"session (\d+) with the store", open(log).read())
def end_session():
    rest("/sessions/" + sessions()[-1], "DELETE")
def once(moment, event):
    done = []
    def at(name):
        if name == moment and not done: done.append(1); event()
    return at

def limit():
    """RLIMIT_FSIZE, beside a local file system."""
    for way in WAYS:
        def limited(t, path, data):
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT, LIMIT))
            way(t, path, data)
        said, left = [], []
        for where in (m, local):
            path, old = "%s/%s-%s" % (where, case, way.__name__), b"o" * 8192
            with open(path, "wb") as f: f.write(old); f.flush(); os.fsync(f.fileno())
            ways.source = where + "/source"
            said.append(ways.in_time(limited, path, new))
            left.append(open(path, "rb").read())
        ways.source = m + "/source"
        is_(way.__name__, said[0] == said[1], "said %s, on a local file system %s" % tuple(said))
        settled(os.path.basename(path))
        is_(way.__name__, left[0] == left[1], "left %d bytes, on a local file system %d" % (len(left[0]), len(left[1])))

def largest():
    """The store's largest file: ways that begin shortly before its end."""
    ways.base = LARGEST - LIMIT
    def shown(path):
        fd = os.open(path, os.O_RDONLY)
        got = os.pread(fd, SIZE, ways.base)
        os.close(fd)
        return got
    def stored_of(name):
        try: return rest("/files/" + name, Range="bytes=%d-" % ways.base)
        except urllib.error.HTTPError as e: return b"" if e.code == 416 else e
    for way in WAYS:
        if way is by_rename: continue # a rename begins at 0
        name = "%s-%s" % (case, way.__name__)
        path = prepared(name, b"")
        if way is by_append: os.truncate(path, ways.base)
        errors = ways.in_time(way, path, new)
        is_(name, errors is not None, "did not come back")
        short = way in (by_direct, by_copy, ways.by_one_write) # one call, which stored less than it was asked to
        is_(name, way is by_exit or (set(errors) == {"EFBIG"} if not short else errors == []), "said", errors)
        stored = settled(name, shown, stored_of)
        is_(name, all(b in (0, n) for b, n in zip(stored, new)), "is neither old nor new")
        if way not in (by_fallocate, by_mapping, ways.by_truncate, by_append): is_(name, stored == new[:LARGEST - ways.base], "what fits is not there", len(stored))
        os.unlink(path) # the file is too large to be compared completely
    ways.base = 0

def gone():
    """The document was deleted, and nobody was heard of who has it open."""
    readers = {}
    for moment in ("opened", "written"):
        for way in WAYS if moment == "opened" else (ways.by_write, ways.by_fsync, ways.by_ftruncate, by_mapping, by_exit, by_rename):
            name, old = "%s-%s-%s" % (case, moment, way.__name__), os.urandom(8192)
            unstored = "%s/%s" % (local, name) # this file's existence says that the bytes are unstored
            path, which = prepared(name, old), name + (".new" if way is by_rename else "")
            def purge():
                named = "name = '%s' AND id >> 32 = %s" % (which, drive.rsplit("/", 1)[1])
                document, size = sql("SELECT id, size FROM node WHERE " + named).strip().split("|")
                if int(size) in (0, len(old)): open(unstored, "w").close()
                rest("/files/" + which, "DELETE")
                end_session()
                sql(*("DELETE FROM %s = %s" % (where, document) for where in ("hold WHERE node", "extent WHERE node", "node WHERE orphaned_at IS NOT NULL AND id")))
            reader = os.open(path, os.O_RDONLY | os.O_DIRECT)
            errors = ways.in_time(way, path, new, once(moment, purge))
            try: got = os.preadv(reader, [mmap.mmap(-1, ways.BLOCK)], 0)
            except OSError as e: got = errno.errorcode[e.errno]
            # The mount keeps unstored bytes in memory as long as a process has the file open.
            is_(name, way is by_rename or got == "ESTALE" or way is not ways.by_truncate and got == ways.BLOCK, "a reader got", got)
            readers[got] = readers.get(got, 0) + (way is not by_rename)
            try: os.close(reader)
            except OSError as e: is_(name, e.errno == errno.ESTALE, "closing a reader said", e) # each handle gets the error of unstored bytes
            is_(name, errors is not None, "did not come back")
            # A process that only closes a file without a name gets no error, as on a local file system: no process
            # will ever open that file again. It also gets no error about bytes that were stored before.
            told = moment == "opened" or way in (ways.by_fsync, by_mapping, by_rename) and os.path.exists(unstored) or way is ways.by_ftruncate
            is_(name, errors or way is by_exit or not told, "said nothing")
            is_(name, all(e in (("ESTALE", "EIO") if way is by_mapping else ("ESTALE", "ENOENT") if way is by_rename and moment == "written" else ("ESTALE",)) for e in errors or []), "said", errors)
            is_(name, os.path.exists(path) == (way is by_rename), "is there" if way is not by_rename else "is not there")
            errors = ways.in_time(ways.by_fsync, prepared(name, old), new)
            is_(name, errors == [], "another one of that name:", errors)
            whole(name, way=ways.by_fsync, stored=settled(name), old=old)

    is_("readers", readers.get("ESTALE", 0) > 0, readers)

def session():
    for moment in ("opened", "written"):
        for way in WAYS:
            name, old = "%s-%s-%s" % (case, moment, way.__name__), os.urandom(8192)
            judge(name, way, ways.in_time(way, prepared(name, old), new, once(moment, end_session)), old, (), False)

def locked():
    """The session went, and what it had locked with it: somebody else may have had the lock since."""
    for moment in ("opened", "written"):
        for way in WAYS:
            def under_lock(t, path, data):
                fd = os.open(path, os.O_RDWR)
                fcntl.lockf(fd, fcntl.LOCK_EX)
                way(t, path, data)
            name, old = "%s-%s-%s" % (case, moment, way.__name__), os.urandom(8192)
            must = way not in (by_sync, by_direct, by_copy, by_fallocate, by_rename) or moment == "opened" and way is not by_rename
            judge(name, way, ways.in_time(under_lock, prepared(name, old), new, once(moment, end_session)), old, ("EIO", "ESTALE"), must)

def compare():
    for name in os.listdir(m):
        is_(name, open(m + "/" + name, "rb").read() == rest("/files/" + name), "shows other bytes than HTTP")

{"limit": limit, "largest": largest, "gone": gone, "session": session, "locked": locked, "compare": compare}[case]()
sys.exit(failed > 0)
PY
try() { # CASE
	timeout 600 env PYTHONPATH="$E2E_ROOT/tests/lib" PYTHONDONTWRITEBYTECODE=1 PSQL="$PSQL" DATABASE="$DATABASE" \
		python3 "$WORK/refusals.py" "$M" "$DRIVES/$DRIVE" "$TOKEN" "$WORK/log" "$WORK/local" "$1"
}

check_status "a drive for this test is created" \
	201 "${AUTH[@]}" -H 'Content-Type: application/json' -d '{"name":"refusals"}' "$DRIVES"
DRIVE=$(jq -r .id "$WORK/body")
at_end 'umount -l "$M"; curl -s --noproxy "*" -X DELETE "${AUTH[@]}" "$DRIVES/$DRIVE"'
check "the new drive is mounted" put_on
head -c 900000 /dev/urandom >"$M/source"
cp "$M/source" "$WORK/local/source"
check "each way to write reports RLIMIT_FSIZE as on a local file system" try limit
check "a write beyond the largest file size gets EFBIG, and the bytes that fit are stored" try largest
check "a write to a purged document gets ESTALE, and its name can be used again" try gone
check "no write is lost when the mount's session ends" try session
check "a write under a lock that ended with the session gets EIO or ESTALE" try locked
check "the drive is unmounted" clean "$NEPHOS" umount "$M"
check "the drive is mounted anew" put_on
check "a fresh mount shows the same bytes of each file as HTTP" try compare
check "the fresh mount is unmounted" clean "$NEPHOS" umount "$M"
e2e_end
