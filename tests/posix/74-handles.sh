#!/usr/bin/env bash
# Goal: a file handle leads to its document after the kernel has dropped it, after the mount was unmounted and
# mounted again, and through another mount. The handle of a removed document is stale.
. "$(dirname "$0")/../lib/e2e.sh"
e2e_store
if [ "$(id -u)" != 0 ]; then
	echo "# skipped: open_by_handle_at is root's"
	e2e_end
fi
NEPHOS=${NEPHOS_BUILD_DIR:?}/bin/nephos
LIB=$E2E_ROOT/tests/lib
M=$WORK/m
mkdir "$M"
clean() { env -u NEPHOS_BUILD_DIR -u NEPHOS_URL -u NEPHOS_USER -u NEPHOS_TOKEN "$@"; }
put_on() { clean "$NEPHOS" mount -o "credentials=$E2E_DATA/credentials,pidfile=$WORK/m.pid,log=$WORK/m.log" "$URL" \
	"$M"; }
take_off() { clean "$NEPHOS" umount "$M"; }
at_end 'rm -rf "$E2E_MOUNT/posix-74"; umount -l "$M"'
check "the drive is mounted" put_on
D=$M/posix-74
mkdir -p "$D/a/b/c/d" "$D/empty"
for i in 1 2 3; do
	echo "content $i" >"$D/f$i"
	echo "deep $i" >"$D/a/b/c/d/f$i"
done
head -c 300000 /dev/urandom >"$D/a/large"
mkfifo "$D/a/b/fifo"
ln "$D/f1" "$D/a/link"

check "handles of all files and folders can be taken" python3 "$LIB/handles.py" save "$D" "$WORK/handles"
check_eq "each of 15 handles leads to the entry that it was taken from" \
	15 "$(python3 "$LIB/handles.py" check "$D" "$WORK/handles" 2>&1)"
sync
echo 2 >/proc/sys/vm/drop_caches
check_eq "each handle leads to its entry after the kernel has dropped its caches" \
	15 "$(python3 "$LIB/handles.py" check "$D" "$WORK/handles" 2>&1)"
check "the drive is unmounted" take_off
check "the drive is mounted again" put_on
check_eq "each handle leads to its entry on the new mount, from the deepest entries up" \
	15 "$(python3 "$LIB/handles.py" check "$D" "$WORK/handles" 2>&1)"

mv "$D/a/b/c" "$D/moved"
mv "$D/f2" "$D/empty/f2"
rm "$D/f3" "$D/f1"
check "the drive is unmounted after moves and removals" take_off
check "the drive is mounted again after moves and removals" put_on
check_eq "the handle of a file leads to the same file after the file was moved" \
	same "$(python3 "$LIB/handles.py" same "$D" "$WORK/handles" "$D/f2" "$D/empty/f2" 2>&1)"
check_eq "the handle of a folder leads to its new place after a folder above it was moved" \
	same "$(python3 "$LIB/handles.py" same "$D" "$WORK/handles" "$D/a/b/c/d" "$D/moved/d" 2>&1)"
check_eq "the handle of a file leads to the same file after one of its two hard links was removed" \
	same "$(python3 "$LIB/handles.py" same "$D" "$WORK/handles" "$D/f1" "$D/a/link" 2>&1)"
check_eq "the handle of a file that was removed before a remount is stale" \
	"Stale file handle" "$(python3 "$LIB/handles.py" error "$D" "$WORK/handles" "$D/f3")"
check_eq "the handle of a file is stale right after its name is removed" \
	"Stale file handle" "$(rm "$D/a/large" && python3 "$LIB/handles.py" error "$D" "$WORK/handles" "$D/a/large")"
rm "$D/a/link"
check_eq "the handle of a file that another mount removed is stale" \
	"Stale file handle" \
		"$(eventually 5 test -e "$E2E_MOUNT/posix-74/empty/f2" && rm "$E2E_MOUNT/posix-74/empty/f2" &&
	eventually 5 test ! -e "$D/empty/f2" && python3 "$LIB/handles.py" error "$D" "$WORK/handles" "$D/f2")"
check_eq "a made-up handle is stale" "Stale file handle" "$(python3 - "$LIB" "$WORK/handles" "$D" <<'PY'
import json, os, sys
sys.path.insert(0, sys.argv[1])
import handles
given = json.load(open(sys.argv[2]))[0]["handle"]
mount = os.open(sys.argv[3], os.O_RDONLY)
seen = set()
for node in (0xffffffffffffffff, 0x7fffffffffffffff, 2, 1 << 33, (1 << 32) + 0xfffffff0):
    data = node.to_bytes(8, sys.byteorder)
    made_up = (data[4:8] + data[0:4]).hex() if sys.byteorder == "little" else data.hex()
    try: handles.opened(mount, {"type": given["type"], "data": made_up + given["data"][16:]}, os.O_RDONLY); seen.add("opened %x" % node)
    except OSError as e: seen.add(e.strerror)
print(" ".join(sorted(seen)))
PY
)"
take_off
e2e_end
