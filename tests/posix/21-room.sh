#!/usr/bin/env bash
# Goal: room that a program reserves (fallocate) is there when the program writes. The room counts against the quota,
# a reservation beyond the quota is refused, nothing is charged twice, and the room can be given back.
. "$(dirname "$0")/../lib/e2e.sh"
e2e_store
M=$WORK/m
NEPHOS=${NEPHOS_BUILD_DIR:?}/bin/nephos
DRIVES=$URL/api/v2/docs/drives
clean() { env -u NEPHOS_BUILD_DIR -u NEPHOS_URL -u NEPHOS_USER -u NEPHOS_TOKEN "$@"; }
mkdir -p "$M"
check_status "a drive of its own" 201 "${AUTH[@]}" -H 'Content-Type: application/json' -d '{"name":"room"}' "$DRIVES"
DRIVE=$(jq -r .id "$WORK/body")
at_end 'umount -l "$M"; curl -s --noproxy "*" -X DELETE "${AUTH[@]}" "$DRIVES/$DRIVE"'
quota() { http -X PATCH "${AUTH[@]}" -H 'Content-Type: application/json' -d "{\"quota\":$1}" \
	"$DRIVES/$DRIVE" >/dev/null; }
quota 1000000
check "is mounted" \
	clean "$NEPHOS" mount -o "credentials=$E2E_DATA/credentials,pidfile=$WORK/pid,log=$WORK/log" "$URL/$DRIVE" "$M"

cat >"$WORK/room.py" <<'PY'
import ctypes, errno, os, subprocess, sys
m, drive, token = sys.argv[1:4]
libc = ctypes.CDLL(None, use_errno=True)
KEEP, PUNCH, ZERO = 1, 2, 16
failed = 0
def allocate(fd, mode, at, size):
    if libc.fallocate(fd, mode, ctypes.c_longlong(at), ctypes.c_longlong(size)) == 0: return "ok"
    return errno.errorcode[ctypes.get_errno()]
def call(f, *a):
    try: return f(*a)
    except OSError as e: return errno.errorcode[e.errno]
def used():
    import json, urllib.request
    r = urllib.request.Request(drive, headers={"Authorization": "Bearer " + token})
    return json.load(urllib.request.build_opener(urllib.request.ProxyHandler({})).open(r))["used"]
def is_(what, wanted, got):
    global failed
    if wanted != got: failed += 1; print("%s: wanted %.80r, got %.80r" % (what, wanted, got))
def new(name): return os.open(m + "/" + name, os.O_CREAT | os.O_RDWR, 0o644)

f = new("f")
is_("more than there is", "EDQUOT", allocate(f, 0, 0, 2000000))
is_("posix_fallocate, more than there is", "EDQUOT", call(os.posix_fallocate, f, 0, 2000000))
is_("size after it", 0, os.fstat(f).st_size)
is_("nothing is charged for it", 0, used())
is_("what fits", None, call(os.posix_fallocate, f, 0, 800000))
is_("size", 800000, os.fstat(f).st_size)
is_("st_blocks", 1563, os.fstat(f).st_blocks)
is_("charged", 800000, used())
is_("again", "ok", allocate(f, 0, 0, 800000))
is_("charged once", 800000, used())
is_("statfs", 200000 // 4096, os.statvfs(m).f_bavail)
g = new("g")
is_("another file takes what is left", 190000, call(os.pwrite, g, b"g" * 190000, 0))
is_("and is stored", None, call(os.fsync, g))
is_("reserved is not data", "ENXIO", call(os.lseek, f, 0, os.SEEK_DATA))
is_("but a hole", 0, call(os.lseek, f, 0, os.SEEK_HOLE))
for at in range(0, 800000, 100000):
    is_("write at %d" % at, 100000, call(os.pwrite, f, b"w" * 100000, at))
is_("what is reserved cannot fail", None, call(os.fsync, f))
is_("nor is it charged again", 990000, used())
is_("content", b"w" * 800000, os.pread(f, 900000, 0))
is_("beyond it there is none", "EDQUOT", call(os.pwrite, f, b"x" * 100000, 800000))
is_("a hole gives back", "ok", allocate(f, PUNCH | KEEP, 100000, 500000))
is_("used", 490000, used())
is_("zeros", bytes(10) + b"w" * 10, os.pread(f, 20, 599990))
is_("beyond the end", "ok", allocate(f, KEEP, 800000, 300000))
is_("the size stays", 800000, os.fstat(f).st_size)
is_("and it counts", 790000, used())
is_("too much beyond the end", "EDQUOT", allocate(f, KEEP, 800000, 900000))
h = new("h")
is_("a third takes the rest", 200000, call(os.pwrite, h, b"h" * 200000, 0))
is_("and is stored", None, call(os.fsync, h))
is_("the file grows into it", 300000, call(os.pwrite, f, b"k" * 300000, 800000))
is_("and is stored", None, call(os.fsync, f))
is_("zeros keep their room", "ok", allocate(f, ZERO, 700000, 400000))
is_("used by all", 990000, used())
is_("zeros", b"w" + bytes(10), os.pread(f, 11, 699999))
is_("zeros of more than there is", "EDQUOT", allocate(f, ZERO, 0, 2000000))
is_("SEEK_DATA finds what was written", 600000, call(os.lseek, f, 100000, os.SEEK_DATA))
is_("a copy of room is a hole", 0, call(os.copy_file_range, f, g, 0, 700000, 0) or 0)
os.ftruncate(f, 0)
is_("a smaller file gives back", 390000, used())
is_("once more", "ok", allocate(f, KEEP, 0, 600000))
os.unlink(m + "/f")
is_("what has no name is not charged", 390000, used())
for mode, what in ((8, "FALLOC_FL_COLLAPSE_RANGE"), (32, "FALLOC_FL_INSERT_RANGE")):
    is_(what + ", which the kernel does not pass on", "EOPNOTSUPP", allocate(h, mode, 0, 65536).replace("ENOTSUP", "EOPNOTSUPP"))
is_("what it would have moved stays", b"h" * 200000, os.pread(h, 300000, 0))
is_("too large", "EFBIG", allocate(f, 0, 2**62, 2**61))
os.close(f)
sys.exit(failed > 0)
PY
check "room is reserved, charged once, and given back" timeout 60 python3 "$WORK/room.py" "$M" "$DRIVES/$DRIVE" "$TOKEN"
check "util-linux's fallocate agrees" \
	sh -c 'fallocate -l 100000 "$1/u" && [ "$(stat -c %s "$1/u")" = 100000 ] && fallocate -p -o 0 -l 100000 "$1/u" && [ "$(stat -c %b "$1/u")" = 0 ]' - "$M"
check "it is unmounted" clean "$NEPHOS" umount "$M"
check "and what was reserved over one mount is there over the next" \
	sh -c 'env -u NEPHOS_URL -u NEPHOS_TOKEN -u NEPHOS_USER "$@"' - "$NEPHOS" mount \
		-o "credentials=$E2E_DATA/credentials,pidfile=$WORK/pid,log=$WORK/log" "$URL/$DRIVE" "$M"
check_eq "byte for byte" 200000 "$(tr -d -c h <"$M/h" | wc -c)"
check "it is unmounted again" clean "$NEPHOS" umount "$M"
e2e_end
