#!/usr/bin/env bash
# Goal: all that a mount only caches stays within one memory bound, whatever kind of data it is.
. "$(dirname "$0")/../lib/e2e.sh"
e2e_store
B=$WORK/b
mkdir -p "$B"
NEPHOS=${NEPHOS_BUILD_DIR:?}/bin/nephos
clean() { env -u NEPHOS_BUILD_DIR -u NEPHOS_URL -u NEPHOS_USER -u NEPHOS_TOKEN "$@"; }
IN_USE=$B/61/d0/file-000000
at_end 'exec 7<&-; ! mountpoint -q "$IN_USE" || umount "$IN_USE"; clean "$NEPHOS" umount "$B" || umount -l "$B"; rm -rf "$E2E_MOUNT/61" "$E2E_MOUNT/61s" "$E2E_MOUNT/61c"'
# The short form uses the lowest possible bound, so that fewer files exceed it.
bound=4
[ -z "${E2E_LONG:-}" ] || bound=80
# The limit includes what malloc wastes, which is more where threads wait for a processor, and the program's own
# buffers. Without a bound the short form has 13 MiB after the attributes, and 17 after the small files.
most=$((bound + bound / 5 + 9))
mount_b() {
	clean "$NEPHOS" mount \
		-o "credentials=$E2E_DATA/credentials,pidfile=$WORK/b.pid,log=$WORK/b.log,memory=${bound}M" "$URL" "$B"
}
# Prints the process's memory that is not shared with a file, in MiB.
memory() { awk '/^RssAnon/ {print int($2 / 1024)}' "/proc/$(cat "$WORK/b.pid")/status"; }

cat >"$WORK/make.py" <<'PY'
# Makes many files in one request: FOLDER COUNT BYTES XATTR-BYTES EXTRA-LETTERS-IN-THE-NAME
import base64, json, os, struct, sys, urllib.request, uuid
url, token, name, count, size, xattr, letters = sys.argv[1:4] + [int(a) for a in sys.argv[4:8]]
drives = url + "/api/v2/docs/drives"
def call(method, path, body=None, kind="application/json"):
    r = urllib.request.Request(drives + path, data=body, method=method,
        headers={"Authorization": "Bearer " + token, "Content-Type": kind, "Idempotency-Key": str(uuid.uuid4())})
    return json.load(urllib.request.urlopen(r))
def ops(list, data=b""):
    head = json.dumps({"ops": list}).encode()
    return call("POST", "/home/ops", struct.pack("<I", len(head)) + head + data, "application/vnd.nephos.ops")["results"]
top = ops([{"op": "create", "parent": call("GET", "")["drives"][0]["root"], "name": name, "type": "dir"}])[0]["id"]
per = 10 if xattr else 1000
folder = None
for at in range(0, count, per):
    if at % 1000 == 0: folder = ops([{"op": "create", "parent": top, "name": "d%d" % at, "type": "dir"}])[0]["id"]
    first = int(call("POST", "/home/ids", json.dumps({"count": per}).encode())["first"])
    list = []
    for i in range(per):
        id = str(first + i)
        list.append({"op": "create", "parent": folder, "name": "file-%06d" % (at + i) + "-" * letters, "type": "file", "id": id})
        if size: list.append({"op": "write", "id": id, "extents": [{"at": 0, "len": size, "data": 0}]})
        if xattr: list.append({"op": "setxattr", "id": id, "name": "user.large", "value_b64": base64.b64encode(os.urandom(xattr)).decode()})
    ops(list, b"z" * size)
PY
make() { python3 "$WORK/make.py" "$URL" "$TOKEN" "$@"; }

# ---- extended attributes ----
count=200
[ -z "${E2E_LONG:-}" ] || count=2000
check "$count files with 60 KB of extended attributes each are made" make 61 "$count" 0 60000 0
check "the drive is mounted with memory=${bound}M" mount_b
check_eq "the mount reads the extended attributes of all files" "$count" "$(python3 -c "
import os, sys
print(sum(len(os.getxattr(os.path.join(d, n), 'user.large')) == 60000 for d, _, names in os.walk(sys.argv[1]) for n in names))" "$B/61")"
check "the mount uses $(memory) MiB after it has read attributes, fewer than $most" test "$(memory)" -lt "$most"
clean "$NEPHOS" umount "$B" >/dev/null

# ---- small files ----
# The long form reads all files that it lists. The short form lists files with long names, which without a bound would
# take twice the bound, and reads fewer but larger files, which would take one and a half times the bound.
files=8000 read=1000 size=6000 contents=61c
if [ -n "${E2E_LONG:-}" ]; then
	files=200000 read=200000 size=300 contents=61s
	check "$files small files are made" make 61s "$files" "$size" 0 0
else
	check "$files files with long names are made" make 61s "$files" 0 0 200
	check "$read small files are made" make 61c "$read" "$size" 0 0
fi
check "the drive is mounted anew with memory=${bound}M" mount_b
[ "$(id -u)" -ne 0 ] || check "a bind mount covers a file of the mount" mount --bind "$WORK/make.py" "$IN_USE"
exec 7<"$B/61/d0"
check_eq "find lists all $files files on the mount" "$files" "$(find "$B/61s" -type f -size -2 | wc -l)"
check_eq "all bytes of $read files are read on the mount" \
	$((read * size)) "$(find "$B/$contents" -type f -exec cat {} + | wc -c)"
check "the mount uses $(memory) MiB after it has listed and read files, fewer than $most" test "$(memory)" -lt "$most"
# The mount has dropped the files' names; the kernel keeps those that are in use.
[ "$(id -u)" -ne 0 ] || check "the bind mount on a file is still there after its name was dropped" \
	cmp "$WORK/make.py" "$IN_USE"
check_eq "the open folder still has its path after its name was dropped" "$B/61/d0" "$(readlink "/proc/$$/fd/7")"
e2e_end
