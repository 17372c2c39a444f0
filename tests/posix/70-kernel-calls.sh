#!/usr/bin/env bash
# Goal: the rarer calls of the kernel's file interface do the same on the mount as on a local file system, on which
# the test runs the same calls.
. "$(dirname "$0")/../lib/e2e.sh"
e2e_store
M=$E2E_MOUNT/posix-70
LOCAL=$WORK/local
mkdir -p "$M" "$LOCAL"
at_end 'rm -rf "$M"'
LIB=$E2E_ROOT/tests/lib

# ---- set-id bits ----
if [ "$(id -u)" = 0 ]; then
	chmod 755 "$WORK"
	python3 "$LIB/setid.py" "$LOCAL" >"$WORK/local.txt" 2>&1
	python3 "$LIB/setid.py" "$M" >"$WORK/mount.txt" 2>&1
	check_eq "the local run tries 76 ways to change a set-id file" \
		76 "$(grep -c '^[0-7]* .*: [0-7]*$' "$WORK/local.txt")"
	check "each way to change a file clears set-id bits as on a local file system" \
		diff "$WORK/local.txt" "$WORK/mount.txt"
	echo old >"$M/put"
	chmod 6755 "$M/put"
	check_status "a PUT replaces a set-id file" \
		200 "${AUTH[@]}" -X PUT --data new "$URL/api/v2/docs/drives/home/files/posix-70/put"
	check_eq "a PUT clears the set-id bits of a file" 755 "$(jq -r '.mode' "$WORK/body" | xargs printf %o)"
fi

# ---- files without a name, whiteouts ----
if [ "$(id -u)" = 0 ]; then
	mkdir "$LOCAL/nameless" "$M/nameless"
	python3 "$LIB/nameless.py" "$LOCAL/nameless" >"$WORK/local.txt" 2>&1
	python3 "$LIB/nameless.py" "$M/nameless" >"$WORK/mount.txt" 2>&1
	check_eq "the local run takes 19 steps with O_TMPFILE and RENAME_WHITEOUT" 19 "$(wc -l <"$WORK/local.txt")"
	check "O_TMPFILE and RENAME_WHITEOUT have the same results as on a local file system" \
		diff "$WORK/local.txt" "$WORK/mount.txt"
fi
used() { curl -s --noproxy '*' "${AUTH[@]}" "$URL/api/v2/docs/drives/home" | jq .used; }
before=$(used)
check "bytes written to a file without a name count as used" python3 -c "
import os, subprocess, sys
f = os.open(sys.argv[1], os.O_TMPFILE | os.O_RDWR, 0o600)
os.write(f, os.urandom(300000))
os.fsync(f)
sys.exit(int(subprocess.check_output(sys.argv[3], shell=True)) < int(sys.argv[2]) + 300000)
" "$M" "$before" "curl -s --noproxy '*' -H '${AUTH[1]}' '$URL/api/v2/docs/drives/home' | jq .used"

# ---- statx: time of birth ----
before=$(date +%s)
echo born >"$M/born"
after=$(date +%s)
touch -d '2001-02-03 04:05:06 UTC' "$M/born"
chmod 600 "$M/born"
born=$(stat -c %W "$M/born")
check "a file's birth time is when it was made ($born, wanted $before to $after)" \
	test "$born" -ge "$((before - 1))" -a "$born" -le "$((after + 1))"
check_eq "stat shows the mode, size, mtime and type of the file that has a birth time" \
	"600 5 981173106 regular file" "$(stat -c '%a %s %Y %F' "$M/born")"
check_eq "the API reports the same birth time of the file as the mount" \
	"$born" "$(curl -s --noproxy '*' "${AUTH[@]}" "$URL/api/v2/docs/drives/home/items?path=/posix-70/born" | jq -r '.btime | split(".")[0]')"
mkdir "$M/folder"
check "a new folder has a birth time" test "$(stat -c %W "$M/folder")" -ge "$((before - 1))"

# ---- a shared mapping of a file that was opened with O_DIRECT ----
check "a shared mapping of an O_DIRECT file agrees with direct reads and writes" python3 -c "
import mmap, os, sys
f = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT | os.O_DIRECT, 0o644)
os.ftruncate(f, 8192)
m = mmap.mmap(f, 8192)
m[0:5] = b'hello'
m[4096:4100] = b'page'
m.flush()
b = mmap.mmap(-1, 4096)
assert os.preadv(f, [b], 0) == 4096 and b[0:5] == b'hello', b[0:5]
b[0:6] = b'direct'
assert os.pwritev(f, [b], 4096) == 4096
assert m[4096:4102] == b'direct', m[4096:4102]
m[8191:8192] = b'!'
m.flush()
os.close(f)
assert open(sys.argv[1], 'rb').read() == b'hello' + bytes(4091) + b'direct' + bytes(4089) + b'!'" "$M/direct"

e2e_end
