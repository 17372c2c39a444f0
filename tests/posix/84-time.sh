#!/usr/bin/env bash
# Goal: a time that a program sets reads back unchanged, or as the end of the range when it lies beyond, by every
# interface. The first second of 1970 is a valid time. Reading changes no time, and the mount reports that (noatime).
. "$(dirname "$0")/../lib/e2e.sh"
e2e_store
M=$E2E_MOUNT/84
NEPHOS=${NEPHOS_BUILD_DIR:?}/bin/nephos
clean() { env -u NEPHOS_BUILD_DIR -u NEPHOS_URL -u NEPHOS_USER -u NEPHOS_TOKEN "$@"; }
at_end 'rm -rf "$E2E_MOUNT/84"'
mkdir -p "$M"
FIRST=-9223372036.000000000 LAST=9223372036.000000000 # the range that is stored: common/base/clock.h

# set_times FILE TIME: sets both times with utimensat(2), and prints what stat shows then.
set_times() {
	python3 - "$1" "$2" <<'PY'
import ctypes, os, sys
class timespec(ctypes.Structure): _fields_ = [("s", ctypes.c_int64), ("ns", ctypes.c_long)]
whole, _, part = sys.argv[2].partition(".")
t = timespec(int(whole), int(part or 0))
libc = ctypes.CDLL(None, use_errno=True)
if libc.utimensat(-100, os.fsencode(sys.argv[1]), (timespec * 2)(t, t), 0) != 0:
    print(os.strerror(ctypes.get_errno())); sys.exit()
st = os.stat(sys.argv[1])
for ns in (st.st_mtime_ns, st.st_atime_ns):
    print("%d.%09d" % (ns // 10**9, ns % 10**9))
PY
}
# both SENTENCE FILE GIVEN WANTED
both() { check_eq "$1" "$4 $4" "$(set_times "$2" "$3" | paste -sd' ')"; }

touch "$M/f"
mkdir "$M/d"
ln -s nowhere "$M/l"
for what in f d; do
	both "$what: the first second of 1970" "$M/$what" 0.000000000 0.000000000
	both "$what: a nanosecond before it" "$M/$what" -1.999999999 -1.999999999
	both "$what: an ordinary time" "$M/$what" 1700000000.123456789 1700000000.123456789
	both "$what: the year 2261" "$M/$what" 9214646400.000000001 9214646400.000000001
	both "$what: 2300 is the last that is kept" "$M/$what" 10413792000.500000000 $LAST
	both "$what: 1600 is the first that is kept" "$M/$what" -11676096000.500000000 $FIRST
	both "$what: what 64 bits hold at the one end" "$M/$what" 9223372036854775807.999999999 $LAST
	both "$what: what 64 bits hold at the other end" "$M/$what" -9223372036854775808.000000000 $FIRST
done
check_eq "nanoseconds beyond a second are refused" "Invalid argument" "$(set_times "$M/f" 5.1000000000)"
touch -h -d 2300-01-01 "$M/l"
check_eq "a symlink: 2300" "9223372036" "$(stat -c %Y "$M/l")"
# A file with unstored data: the time is stored with the data.
python3 - "$M/w" <<'PY' >"$WORK/w.out"
import os, sys
fd = os.open(sys.argv[1], os.O_CREAT | os.O_WRONLY)
os.write(fd, b"x" * 5000)
os.utime(fd, ns=(0, 10413792000 * 10**9))
os.close(fd)
st = os.stat(sys.argv[1])
print(st.st_atime_ns, st.st_mtime_ns)
PY
check_eq "set with data that was just written" "0 9223372036000000000" "$(cat "$WORK/w.out")"

# The store keeps the time that the mount shows.
item() { curl -sf --noproxy '*' "${AUTH[@]}" "$URL/api/v2/docs/drives/home/$1"; }
id=$(stat -c %i "$M/f")
touch -d @0 "$M/f"
check_eq "the store has the first second of 1970" 0.000000000 "$(item "items/$id" | jq -r .mtime)"
touch -d 2300-01-01 "$M/f"
check_eq "and the last for 2300" $LAST "$(item "items/$id" | jq -r .mtime)"
# ops TIME: prints the mtime in the answer, or the status of a refusal.
ops() {
	http "${AUTH[@]}" -H "Idempotency-Key: 84-$RANDOM$RANDOM" -H 'Content-Type: application/json' \
		-d "{\"ops\":[{\"op\":\"setattr\",\"id\":\"$id\",\"mtime\":\"$1\"}]}" \
			"$URL/api/v2/docs/drives/home/ops" >"$WORK/status"
	jq -r '.results[0].item.mtime // .status' "$WORK/body"
}
check_eq "by the API: 2300" $LAST "$(ops 10413792000.500000000)"
check_eq "by the API: 1600" $FIRST "$(ops -11676096000)"
check_eq "by the API: nanoseconds beyond a second are refused" 400 "$(ops 5.1000000000)"
check_eq "by the API: the first second of 1970" 0.000000000 "$(ops 0)"
is_1970() { [ "$(stat -c %Y "$M/f")" = 0 ]; }
eventually 5 is_1970
check_eq "and the mount shows it" 0 "$(stat -c %Y "$M/f")"
check_eq "ls of the command shows it as a date" \
	1 "$(TZ=UTC NEPHOS_URL="$URL" NEPHOS_TOKEN="$TOKEN" "$NEPHOS" ls -l /84 2>/dev/null | grep -c '1970-01-01 00:00.* f$')"

# Only utimensat changes a time of access, and /proc/mounts shows that.
check "/proc/mounts shows noatime" grep -q " ${E2E_MOUNT//\//\\/} fuse.nephos [^ ]*noatime" /proc/mounts
touch -a -d @1000000000 "$M/w"
cat "$M/w" >"$WORK/w"
check_eq "reading moves no time of access" 1000000000 "$(stat -c %X "$M/w")"
for option in atime relatime strictatime; do
	mkdir -p "$WORK/$option"
	check_not "-o $option is refused" \
		clean "$NEPHOS" mount -o "credentials=$E2E_DATA/credentials,$option" "$URL" "$WORK/$option"
	cp "$WORK/check.out" "$WORK/why"
	check "and says why" grep -q "$option.*noatime" "$WORK/why"
done
e2e_end
