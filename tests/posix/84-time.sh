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
	both "path $what: the first second of 1970 reads back unchanged" "$M/$what" 0.000000000 0.000000000
	both "path $what: the last nanosecond of 1969 reads back unchanged" "$M/$what" -1.999999999 -1.999999999
	both "path $what: an ordinary time reads back unchanged" "$M/$what" 1700000000.123456789 1700000000.123456789
	both "path $what: the first second of 2262 reads back unchanged" \
		"$M/$what" 9214646400.000000001 9214646400.000000001
	both "path $what: a time in 2300 reads back as the end of the range" "$M/$what" 10413792000.500000000 $LAST
	both "path $what: a time in 1600 reads back as the beginning of the range" "$M/$what" -11676096000.500000000 $FIRST
	both "path $what: the largest 64-bit time reads back as the end of the range" \
		"$M/$what" 9223372036854775807.999999999 $LAST
	both "path $what: the smallest 64-bit time reads back as the beginning of the range" \
		"$M/$what" -9223372036854775808.000000000 $FIRST
done
check_eq "utimensat with 1,000,000,000 nanoseconds gets EINVAL" "Invalid argument" "$(set_times "$M/f" 5.1000000000)"
touch -h -d 2300-01-01 "$M/l"
check_eq "a time in 2300 on a symlink reads back as the end of the range" "9223372036" "$(stat -c %Y "$M/l")"
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
check_eq "times set right after a write are kept when the file is closed" "0 9223372036000000000" "$(cat "$WORK/w.out")"

# The store keeps the time that the mount shows.
item() { curl -sf --noproxy '*' "${AUTH[@]}" "$URL/api/v2/docs/drives/home/$1"; }
id=$(stat -c %i "$M/f")
touch -d @0 "$M/f"
check_eq "the API shows the first second of 1970 that was set on the mount" \
	0.000000000 "$(item "items/$id" | jq -r .mtime)"
touch -d 2300-01-01 "$M/f"
check_eq "the API shows the end of the range for a time in 2300 that was set on the mount" \
	$LAST "$(item "items/$id" | jq -r .mtime)"
# ops TIME: prints the mtime in the answer, or the status of a refusal.
ops() {
	http "${AUTH[@]}" -H "Idempotency-Key: 84-$RANDOM$RANDOM" -H 'Content-Type: application/json' \
		-d "{\"ops\":[{\"op\":\"setattr\",\"id\":\"$id\",\"mtime\":\"$1\"}]}" \
			"$URL/api/v2/docs/drives/home/ops" >"$WORK/status"
	jq -r '.results[0].item.mtime // .status' "$WORK/body"
}
check_eq "a setattr by the API of a time in 2300 stores the end of the range" $LAST "$(ops 10413792000.500000000)"
check_eq "a setattr by the API of a time in 1600 stores the beginning of the range" $FIRST "$(ops -11676096000)"
check_eq "a setattr by the API with 1,000,000,000 nanoseconds gets 400" 400 "$(ops 5.1000000000)"
check_eq "a setattr by the API of the first second of 1970 stores it unchanged" 0.000000000 "$(ops 0)"
is_1970() { [ "$(stat -c %Y "$M/f")" = 0 ]; }
eventually 5 is_1970
check_eq "the mount shows the first second of 1970 that was set by the API" 0 "$(stat -c %Y "$M/f")"
check_eq "nephos ls -l shows the first second of 1970 as a date" \
	1 "$(TZ=UTC NEPHOS_URL="$URL" NEPHOS_TOKEN="$TOKEN" "$NEPHOS" ls -l /84 2>/dev/null | grep -c '1970-01-01 00:00.* f$')"

# Only utimensat changes a time of access, and /proc/mounts shows that.
check "/proc/mounts shows the mount with noatime" grep -q " ${E2E_MOUNT//\//\\/} fuse.nephos [^ ]*noatime" /proc/mounts
touch -a -d @1000000000 "$M/w"
cat "$M/w" >"$WORK/w"
check_eq "reading a file does not change its access time" 1000000000 "$(stat -c %X "$M/w")"
for option in atime relatime strictatime; do
	mkdir -p "$WORK/$option"
	check_not "a mount with -o $option is refused" \
		clean "$NEPHOS" mount -o "credentials=$E2E_DATA/credentials,$option" "$URL" "$WORK/$option"
	cp "$WORK/check.out" "$WORK/why"
	check "the refusal of -o $option names noatime" grep -q "$option.*noatime" "$WORK/why"
done
e2e_end
