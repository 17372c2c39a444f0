#!/usr/bin/env bash
# Goal: on a full drive every way to store something is answered in time, and each refusal is an error of the process
# that wrote. Nothing that was acknowledged is lost, nothing is shown that is not stored, and later users of the file
# are not blocked. The long form also fills the disk below the blocks, which needs root and a store of its own.
# shellcheck disable=SC2016 # for sh -c
. "$(dirname "$0")/../lib/e2e.sh"
e2e_store
M=$WORK/m
NEPHOS=${NEPHOS_BUILD_DIR:?}/bin/nephos
clean() { env -u NEPHOS_BUILD_DIR -u NEPHOS_URL -u NEPHOS_USER -u NEPHOS_TOKEN "$@"; }
mkdir -p "$M"

cat >"$WORK/full.py" <<'PY'
"""full.py MOUNT DRIVE-URL TOKEN ERRNO TIGHT-COMMAND: each way to store 900000 bytes where there is room for some 500000."""
import json, os, subprocess, sys, urllib.request
m, drive, token, refusal, tight = sys.argv[1:6]
SIZE, DEADLINE = 900000, 60
web = urllib.request.build_opener(urllib.request.ProxyHandler({}))
failed = 0

def rest(path="", data=None, method="GET"):
    r = urllib.request.Request(drive + path, data=data, method=method, headers={"Authorization": "Bearer " + token, "Content-Type": "application/json"})
    return web.open(r, timeout=30).read()
def used(): return json.loads(rest())["used"]
def is_(what, ok, *said):
    global failed
    if not ok: failed += 1; print("%s:" % what, *said)

import ways
from ways import WAYS, by_append, by_copy, by_exit, by_mapping, in_time
ways.source, ways.DEADLINE_S = m + "/source", DEADLINE

def later_user(t, path, data):
    fd = os.open(path, os.O_RDWR)
    t(os.pwrite, fd, b"later", 100)
    t(os.fsync, fd)
    t(os.close, fd)

for way in WAYS:
    if refusal == "ENOSPC" and way is by_copy: continue # blocks that exist already take no room
    name, old, new = way.__name__, os.urandom(8192), os.urandom(SIZE)
    path = "%s/%s" % (m, name)
    with open(path, "wb") as f: f.write(old); f.flush(); os.fsync(f.fileno())
    if subprocess.call(tight, shell=True) != 0: print("not tight"); sys.exit(2)
    os.statvfs(m) # the mount learns of the quota
    errors = in_time(way, path, new)
    is_(name, errors is not None, "did not come back in %d s" % DEADLINE)
    if errors is None: continue
    wanted = ("EIO", "ENOSPC", refusal) if way is by_mapping else (refusal,) # the errors of msync, apart from ENOSPC
    is_(name, way is by_exit or (errors and all(e in wanted for e in errors)), "said", errors)
    # The kernel releases the last handle a moment after its close. From then on the mount shows what is stored.
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

# Data that was accepted before a refused write stays.
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
    is_("a write after a refused one", errors == [], errors)
    is_("the content after a refused write", open(m + "/beside", "rb").read() == b"A" * 4096 + bytes(4904) + b"C")
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
check_status "a drive with a quota of its own is created" \
	201 "${AUTH[@]}" -H 'Content-Type: application/json' -d '{"name":"full"}' "$DRIVES"
DRIVE=$DRIVES/$(jq -r .id "$WORK/body")
at_end 'umount -l "$M"; curl -s --noproxy "*" -X DELETE "${AUTH[@]}" "$DRIVE"'
check "the new drive is mounted" \
	clean "$NEPHOS" mount -o "credentials=$E2E_DATA/credentials,pidfile=$WORK/pid,log=$WORK/log" \
		"$URL/${DRIVE##*/}" "$M"
head -c 900000 /dev/urandom >"$M/source"
cat >"$WORK/tight" <<SH
used=\$(curl -s --noproxy '*' -H "Authorization: Bearer $TOKEN" "$DRIVE" | jq .used)
curl -s --noproxy '*' -X PATCH -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' -d "{\"quota\":\$((used + 500000))}" "$DRIVE" >/dev/null
SH
check "each way to write beyond the quota ends in time, and the mount shows only stored bytes" \
	timeout 600 env PYTHONPATH="$E2E_ROOT/tests/lib" PYTHONDONTWRITEBYTECODE=1 python3 "$WORK/full.py" "$M" \
		"$DRIVE" "$TOKEN" EDQUOT "sh $WORK/tight"
sh "$WORK/tight"
timeout 60 env LC_ALL=C sh -c 'cat "$1/source" >"$1/held"' - "$M" 2>"$WORK/cat.err"
check_eq "cat into a file beyond the quota fails with EDQUOT within 60 s" \
	"1 Disk quota exceeded" "$? $(sed 's/.*: //' "$WORK/cat.err" | sort -u)"
curl -s --noproxy '*' -X PATCH "${AUTH[@]}" -H 'Content-Type: application/json' -d '{"quota":0}' "$DRIVE" >/dev/null
check "cp succeeds after the quota is lifted" cp "$M/source" "$M/held"
check "the copy made after the quota is lifted equals its source" cmp "$M/source" "$M/held"
check "the drive is unmounted" clean "$NEPHOS" umount "$M"

if [ -n "${E2E_LONG:-}" ] && [ "$(id -u)" = 0 ]; then
	# A store whose blocks have a small disk: a tmpfs. A ballast file fills it, except for the room that the test
	# needs.
	D=$WORK/store
	M=$WORK/mount
	mkdir -p "$D/blocks" "$M"
	at_end 'umount "$D/blocks"'
	at_end '"$E2E_ROOT/scripts/down" --data "$D"'
	mount -t tmpfs -o size=64m,mode=700 tmpfs "$D/blocks" || exit 2
	check "a store whose blocks lie on a small disk starts" \
		"$E2E_ROOT/scripts/up" --data "$D" --port $((${E2E_PORT:-18050} + 20)) --mount "$M" --user tester
	# shellcheck disable=SC1091
	. "$D/credentials"
	cat >"$WORK/tight" <<SH
rm -f "$D/blocks/ballast"
dd if=/dev/zero of="$D/blocks/ballast" bs=64k 2>/dev/null
truncate -s -500000 "$D/blocks/ballast"
SH
	head -c 900000 /dev/urandom >"$M/source"
	check "each way to write to a full disk ends in time, and the mount shows only stored bytes" \
		timeout 900 env PYTHONPATH="$E2E_ROOT/tests/lib" PYTHONDONTWRITEBYTECODE=1 python3 "$WORK/full.py" \
			"$M" "$NEPHOS_URL/api/v2/docs/drives/home" "$NEPHOS_TOKEN" ENOSPC "sh $WORK/tight"
	rm -f "$D/blocks/ballast"
	check "cp succeeds and its copy equals the source when the disk has room again" \
		sh -c 'head -c 900000 /dev/urandom >"$2/new" && cp "$2/new" "$1/new" && cmp "$2/new" "$1/new"' - "$M" \
			"$WORK"
fi
e2e_end
