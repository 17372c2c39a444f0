#!/usr/bin/env bash
# Goal: on a full drive every way to store something is answered in time, each refusal is told to whoever wrote, nothing is lost that was promised, nothing is shown
# that is not stored, and whoever comes later is not held up. Long form: also a full disk below the blocks, which needs root and a store of its own.
# shellcheck disable=SC2016 # for sh -c
. "$(dirname "$0")/../lib/e2e.sh"
e2e_store
M=$WORK/m
NEPHOS=${NEPHOS_BUILD_DIR:?}/bin/nephos
clean() { env -u NEPHOS_BUILD_DIR -u NEPHOS_URL -u NEPHOS_USER -u NEPHOS_TOKEN "$@"; }
mkdir -p "$M"

cat >"$WORK/full.py" <<'PY'
"""full.py MOUNT DRIVE-URL TOKEN ERRNO TIGHT-COMMAND: each way to store 900000 bytes where there is room for some 500000."""
import ctypes, errno, json, mmap, os, subprocess, sys, traceback, urllib.request
m, drive, token, refusal, tight = sys.argv[1:6]
SIZE, DEADLINE, BLOCK = 900000, 60, 4096
libc = ctypes.CDLL(None, use_errno=True)
web = urllib.request.build_opener(urllib.request.ProxyHandler({}))
failed = 0

def rest(path="", data=None, method="GET"):
    r = urllib.request.Request(drive + path, data=data, method=method, headers={"Authorization": "Bearer " + token, "Content-Type": "application/json"})
    return web.open(r, timeout=30).read()
def used(): return json.loads(rest())["used"]
def is_(what, ok, *said):
    global failed
    if not ok: failed += 1; print("%s:" % what, *said)

class Tried:
    """What the calls of a way said: the errors, and the content that was promised."""
    def __init__(self): self.errors = []
    def __call__(self, f, *a):
        try: return f(*a)
        except OSError as e: self.errors.append(errno.errorcode[e.errno])

def store_all(t, fd, data):
    at = 0
    while at < len(data):
        n = t(os.pwrite, fd, data[at:at + 128 * 1024], at)
        if n is None: return
        at += n
def by_write(t, path, data, flags=0):
    fd = os.open(path, os.O_RDWR | flags)
    store_all(t, fd, data)
    t(os.close, fd)
def by_one_write(t, path, data):
    fd = os.open(path, os.O_RDWR)
    t(os.pwrite, fd, data, 0)
    t(os.close, fd)
def by_sync(t, path, data): by_write(t, path, data, os.O_SYNC)
def by_fsync(t, path, data):
    fd = os.open(path, os.O_RDWR)
    store_all(t, fd, data)
    t(os.fsync, fd)
    t(os.close, fd)
def by_direct(t, path, data):
    fd = os.open(path, os.O_RDWR | os.O_DIRECT)
    size = len(data) // BLOCK * BLOCK
    page = mmap.mmap(-1, size)
    page.write(data[:size])
    t(os.pwritev, fd, [page], 0)
    t(os.close, fd)
def by_exit(t, path, data):
    fd = os.open(path, os.O_RDWR)
    store_all(t, fd, data)
    os._exit(0)
def by_mapping(t, path, data):
    fd = os.open(path, os.O_RDWR)
    t(os.ftruncate, fd, len(data))
    page = mmap.mmap(fd, len(data))
    page[:] = data
    t(page.flush)
    page.close()
    t(os.close, fd)
def by_truncate(t, path, data):
    t(os.truncate, path, len(data)) # takes no room
    by_write(t, path, data)
def by_ftruncate(t, path, data):
    fd = os.open(path, os.O_RDWR)
    store_all(t, fd, data)
    t(os.ftruncate, fd, len(data) + 100)
    t(os.fsync, fd)
    t(os.close, fd)
def by_fallocate(t, path, data):
    fd = os.open(path, os.O_RDWR)
    if t(os.posix_fallocate, fd, 0, len(data)) is None and not t.errors: store_all(t, fd, data)
    t(os.close, fd)
def by_copy(t, path, data):
    source, fd = os.open(m + "/source", os.O_RDONLY), os.open(path, os.O_RDWR)
    t(os.copy_file_range, source, fd, SIZE, 0, 0)
    t(os.close, fd)
def by_append(t, path, data):
    fd = os.open(path, os.O_RDWR | os.O_APPEND)
    for at in range(0, len(data), 100000): t(os.write, fd, data[at:at + 100000])
    t(os.close, fd)
def by_rename(t, path, data): # what editors do
    with open(path + ".new", "wb", 0) as f:
        try:
            while data: data = data[f.write(data[:100000]):]
            os.fsync(f.fileno())
            os.rename(path + ".new", path)
        except OSError as e: t.errors.append(errno.errorcode[e.errno])
    if t.errors: os.unlink(path + ".new")

WAYS = [by_write, by_one_write, by_sync, by_fsync, by_direct, by_exit, by_mapping, by_truncate, by_ftruncate, by_fallocate, by_copy, by_append, by_rename]

def in_time(way, path, data):
    """In a process of its own: a call that hangs does not hang this. What it saw, or None."""
    r, w = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(r)
        t = Tried()
        try: way(t, path, data)
        except BaseException: t.errors.append(traceback.format_exc())
        os.write(w, json.dumps(t.errors).encode())
        os._exit(0)
    os.close(w)
    import select
    ready = select.select([r], [], [], DEADLINE)[0]
    said = os.read(r, 1 << 16) if ready else None
    os.close(r)
    if said is None: os.kill(pid, 9); return None
    os.waitpid(pid, 0)
    return json.loads(said or b"[]")

def later_user(t, path, data):
    fd = os.open(path, os.O_RDWR)
    t(os.pwrite, fd, b"later", 100)
    t(os.fsync, fd)
    t(os.close, fd)

for way in WAYS:
    if refusal == "ENOSPC" and way is by_copy: continue # blocks that are there take no room
    name, old, new = way.__name__, os.urandom(8192), os.urandom(SIZE)
    path = "%s/%s" % (m, name)
    with open(path, "wb") as f: f.write(old); f.flush(); os.fsync(f.fileno())
    if subprocess.call(tight, shell=True) != 0: print("not tight"); sys.exit(2)
    os.statvfs(m) # the mount knows
    errors = in_time(way, path, new)
    is_(name, errors is not None, "did not come back in %d s" % DEADLINE)
    if errors is None: continue
    wanted = ("EIO", "ENOSPC", refusal) if way is by_mapping else (refusal,) # what msync has for all but ENOSPC
    is_(name, way is by_exit or (errors and all(e in wanted for e in errors)), "said", errors)
    # The last handle goes a moment after its close: then what is shown is what is stored.
    for i in range(500):
        stored = rest("/files/" + name)
        shown = open(path, "rb").read()
        if shown == stored and os.stat(path).st_size == len(stored): break
        import time; time.sleep(0.01)
    is_(name, shown == stored, "shows other bytes than are stored: %d, %d" % (len(shown), len(stored)))
    shift = len(old) if way is by_append else 0
    for at, b in enumerate(stored):
        if 0 <= at - shift < SIZE and b == new[at - shift]: continue
        if b == (old[at] if at < len(old) else 0): continue
        is_(name, False, "byte %d is neither old nor new" % at); break
    later = in_time(later_user, path, None)
    is_(name, later == [], "a later user of the file:", later)
    is_(name, open(path, "rb").read()[100:105] == b"later", "the later user's bytes are not there")
    os.unlink(path)

# What was accepted before a refused write stays.
def beside(t, path, data):
    fd = os.open(path, os.O_RDWR)
    t(os.pwrite, fd, b"A" * 4096, 0)
    assert not t.errors
    t(os.pwrite, fd, data, 0)
    assert t.errors == [refusal], t.errors
    t.errors = []
    t(os.pwrite, fd, b"C", 9000)
    t(os.fsync, fd)
    assert os.pread(fd, 4096, 0) == b"A" * 4096
    t(os.close, fd)
open(m + "/beside", "wb").close()
subprocess.call(tight, shell=True)
os.statvfs(m)
if refusal == "EDQUOT":
    errors = in_time(beside, m + "/beside", os.urandom(SIZE))
    is_("a write beside a refused one", errors == [], errors)
    is_("what it left", open(m + "/beside", "rb").read() == b"A" * 4096 + bytes(4904) + b"C")
os.unlink(m + "/beside")
for what in ("cp '%s/source' '%s/copy'" % (m, m), "dd if=/dev/urandom of='%s/copy' bs=%d count=1 oflag=sync" % (m, SIZE), "cat '%s/source' > '%s/copy'" % (m, m)):
    if refusal == "ENOSPC" and "/dev/urandom" not in what: continue
    subprocess.call(tight, shell=True)
    p = subprocess.run(["timeout", "-k", "1", str(DEADLINE), "sh", "-c", what], stderr=subprocess.PIPE)
    is_(what.split()[0], p.returncode not in (0, 124, 137), "ended with", p.returncode, p.stderr)
    if os.path.exists(m + "/copy"): os.unlink(m + "/copy")
sys.exit(failed > 0)
PY

DRIVES=$URL/api/v2/docs/drives
check_status "a drive of its own" 201 "${AUTH[@]}" -H 'Content-Type: application/json' -d '{"name":"full"}' "$DRIVES"
DRIVE=$DRIVES/$(jq -r .id "$WORK/body")
at_end 'umount -l "$M"; curl -s --noproxy "*" -X DELETE "${AUTH[@]}" "$DRIVE"'
check "is mounted" clean "$NEPHOS" mount -o "credentials=$E2E_DATA/credentials,pidfile=$WORK/pid,log=$WORK/log" "$URL/${DRIVE##*/}" "$M"
head -c 900000 /dev/urandom >"$M/source"
cat >"$WORK/tight" <<SH
used=\$(curl -s --noproxy '*' -H "Authorization: Bearer $TOKEN" "$DRIVE" | jq .used)
curl -s --noproxy '*' -X PATCH -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' -d "{\"quota\":\$((used + 500000))}" "$DRIVE" >/dev/null
SH
check "without quota for it, every way to store is answered, and honest" timeout 600 python3 "$WORK/full.py" "$M" "$DRIVE" "$TOKEN" EDQUOT "sh $WORK/tight"
sh "$WORK/tight"
check "what waits for room does not outlive it" sh -c 'timeout 60 sh -c "cat \"$1/source\" >\"$1/held\"" - 2>/dev/null; test $? != 124' - "$M"
curl -s --noproxy '*' -X PATCH "${AUTH[@]}" -H 'Content-Type: application/json' -d '{"quota":0}' "$DRIVE" >/dev/null
check "with room again all goes on" cp "$M/source" "$M/held"
check "byte for byte" cmp "$M/source" "$M/held"
check "it is unmounted" clean "$NEPHOS" umount "$M"

if [ -n "${E2E_LONG:-}" ] && [ "$(id -u)" = 0 ]; then
	# A store whose blocks have a small disk: a tmpfs, which a ballast fills but for what fits.
	D=$WORK/store
	M=$WORK/mount
	mkdir -p "$D/blocks" "$M"
	at_end 'umount "$D/blocks"'
	at_end '"$E2E_ROOT/scripts/down" --data "$D"'
	mount -t tmpfs -o size=64m,mode=700 tmpfs "$D/blocks" || exit 2
	check "a store on a small disk comes up" "$E2E_ROOT/scripts/up" --data "$D" --port $((${E2E_PORT:-18050} + 20)) --mount "$M" --user tester
	# shellcheck disable=SC1091
	. "$D/credentials"
	cat >"$WORK/tight" <<SH
rm -f "$D/blocks/ballast"
dd if=/dev/zero of="$D/blocks/ballast" bs=64k 2>/dev/null
truncate -s -500000 "$D/blocks/ballast"
SH
	head -c 900000 /dev/urandom >"$M/source"
	check "without a disk for it, every way to store is answered, and honest" timeout 900 python3 "$WORK/full.py" "$M" "$NEPHOS_URL/api/v2/docs/drives/home" "$NEPHOS_TOKEN" ENOSPC "sh $WORK/tight"
	rm -f "$D/blocks/ballast"
	check "with room again all goes on" sh -c 'head -c 900000 /dev/urandom >"$2/new" && cp "$2/new" "$1/new" && cmp "$2/new" "$1/new"' - "$M" "$WORK"
fi
e2e_end
