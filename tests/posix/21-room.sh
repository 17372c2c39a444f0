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
check_status "a drive with a quota of its own is created" \
	201 "${AUTH[@]}" -H 'Content-Type: application/json' -d '{"name":"room"}' "$DRIVES"
DRIVE=$(jq -r .id "$WORK/body")
at_end 'umount -l "$M"; curl -s --noproxy "*" -X DELETE "${AUTH[@]}" "$DRIVES/$DRIVE"'
quota() { http -X PATCH "${AUTH[@]}" -H 'Content-Type: application/json' -d "{\"quota\":$1}" \
	"$DRIVES/$DRIVE" >/dev/null; }
quota 1000000
check "the new drive is mounted" \
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
is_("fallocate beyond the quota", "EDQUOT", allocate(f, 0, 0, 2000000))
is_("posix_fallocate beyond the quota", "EDQUOT", call(os.posix_fallocate, f, 0, 2000000))
is_("size after refused reservations", 0, os.fstat(f).st_size)
is_("charge after refused reservations", 0, used())
is_("posix_fallocate within the quota", None, call(os.posix_fallocate, f, 0, 800000))
is_("size after the reservation", 800000, os.fstat(f).st_size)
is_("st_blocks after the reservation", 1563, os.fstat(f).st_blocks)
is_("charge after the reservation", 800000, used())
is_("fallocate of the same range again", "ok", allocate(f, 0, 0, 800000))
is_("charge after the second reservation of a range", 800000, used())
is_("free blocks of statfs after the reservation", 200000 // 4096, os.statvfs(m).f_bavail)
g = new("g")
is_("write to a second file within the rest of the quota", 190000, call(os.pwrite, g, b"g" * 190000, 0))
is_("fsync of the second file", None, call(os.fsync, g))
is_("SEEK_DATA in reserved space", "ENXIO", call(os.lseek, f, 0, os.SEEK_DATA))
is_("SEEK_HOLE in reserved space", 0, call(os.lseek, f, 0, os.SEEK_HOLE))
for at in range(0, 800000, 100000):
    is_("write into reserved space at %d" % at, 100000, call(os.pwrite, f, b"w" * 100000, at))
is_("fsync of writes into reserved space", None, call(os.fsync, f))
is_("charge after writes into reserved space", 990000, used())
is_("content after writes into reserved space", b"w" * 800000, os.pread(f, 900000, 0))
is_("write beyond reserved space and quota", "EDQUOT", call(os.pwrite, f, b"x" * 100000, 800000))
is_("punching a hole", "ok", allocate(f, PUNCH | KEEP, 100000, 500000))
is_("charge after the hole", 490000, used())
is_("content around the end of the hole", bytes(10) + b"w" * 10, os.pread(f, 20, 599990))
is_("fallocate beyond the end with KEEP_SIZE", "ok", allocate(f, KEEP, 800000, 300000))
is_("size after fallocate with KEEP_SIZE", 800000, os.fstat(f).st_size)
is_("charge after fallocate with KEEP_SIZE", 790000, used())
is_("fallocate beyond the end and the quota", "EDQUOT", allocate(f, KEEP, 800000, 900000))
h = new("h")
is_("write to a third file within the rest of the quota", 200000, call(os.pwrite, h, b"h" * 200000, 0))
is_("fsync of the third file", None, call(os.fsync, h))
is_("write into space reserved beyond the end", 300000, call(os.pwrite, f, b"k" * 300000, 800000))
is_("fsync of the write beyond the end", None, call(os.fsync, f))
is_("ZERO_RANGE", "ok", allocate(f, ZERO, 700000, 400000))
is_("charge after ZERO_RANGE", 990000, used())
is_("content after ZERO_RANGE", b"w" + bytes(10), os.pread(f, 11, 699999))
is_("ZERO_RANGE beyond the quota", "EDQUOT", allocate(f, ZERO, 0, 2000000))
is_("SEEK_DATA after hole and writes", 600000, call(os.lseek, f, 100000, os.SEEK_DATA))
is_("copy_file_range from reserved space", 100000, call(os.copy_file_range, f, g, 100000, 700000, 0))
is_("content after a copy of reserved space", bytes(100000) + b"g" * 90000, os.pread(g, 200000, 0))
is_("charge after a copy of reserved space, which makes a hole", 890000, used())
os.ftruncate(f, 0)
is_("charge after truncation", 290000, used())
is_("fallocate with KEEP_SIZE of a truncated file", "ok", allocate(f, KEEP, 0, 600000))
os.unlink(m + "/f")
is_("charge after unlink of an open file", 290000, used())
for mode, what in ((8, "FALLOC_FL_COLLAPSE_RANGE"), (32, "FALLOC_FL_INSERT_RANGE")):
    is_(what + ", which the kernel does not pass on", "EOPNOTSUPP", allocate(h, mode, 0, 65536).replace("ENOTSUP", "EOPNOTSUPP"))
is_("content after refused modes of fallocate", b"h" * 200000, os.pread(h, 300000, 0))
is_("fallocate beyond the largest file", "EFBIG", allocate(f, 0, 2**62, 2**61))
os.close(f)
sys.exit(failed > 0)
PY
check "fallocate reserves space that is charged once and can be given back" \
	timeout 60 python3 "$WORK/room.py" "$M" "$DRIVES/$DRIVE" "$TOKEN"
check "fallocate(1) of util-linux reserves space and punches a hole" \
	sh -c 'fallocate -l 100000 "$1/u" && [ "$(stat -c %s "$1/u")" = 100000 ] && fallocate -p -o 0 -l 100000 "$1/u" && [ "$(stat -c %b "$1/u")" = 0 ]' - "$M"
check "fallocate(1) reserves 600,000 bytes in a new file" fallocate -l 600000 "$M/kept"
check "the drive is unmounted" clean "$NEPHOS" umount "$M"
check "the drive is mounted again" \
	sh -c 'env -u NEPHOS_URL -u NEPHOS_TOKEN -u NEPHOS_USER "$@"' - "$NEPHOS" mount \
		-o "credentials=$E2E_DATA/credentials,pidfile=$WORK/pid,log=$WORK/log" "$URL/$DRIVE" "$M"
check_eq "the second mount shows all 200,000 bytes that a file got on the first" 200000 "$(tr -d -c h <"$M/h" | wc -c)"
check_eq "space that was reserved on the first mount is still charged after the remount" \
	890000 "$(curl -s --noproxy '*' "${AUTH[@]}" "$DRIVES/$DRIVE" | jq .used)"
cat >"$WORK/kept.py" <<'PY'
# Uses up the quota, apart from 10,000 bytes, and then writes into the space that was reserved before the remount.
import errno, os, sys
def stored(name, flags, size):
    fd = os.open(sys.argv[1] + "/" + name, os.O_WRONLY | flags, 0o644)
    try:
        got = os.pwrite(fd, b"r" * size, 0)
        os.fsync(fd)
        result = "ok" if got == size else "%d bytes" % got
    except OSError as e: result = errno.errorcode[e.errno]
    try: os.close(fd)
    except OSError: pass # close reports the refusal once more
    return result
print(stored("rest", os.O_CREAT, 100000), stored("more", os.O_CREAT, 100000), stored("kept", 0, 600000))
PY
check_eq "after the remount a write beyond the quota gets EDQUOT, and one into reserved space succeeds" \
	"ok EDQUOT ok" "$(timeout 60 python3 "$WORK/kept.py" "$M" 2>&1)"
check "the second mount of the drive is unmounted" clean "$NEPHOS" umount "$M"
e2e_end
