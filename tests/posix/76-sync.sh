#!/usr/bin/env bash
# Goal: fsync of the mount's root (sync DIR) stores everything that was written before, and fails when it cannot.
# syncfs(2) does the same where the kernel forwards it.
. "$(dirname "$0")/../lib/e2e.sh"
e2e_store
M=$E2E_MOUNT
D=$M/posix-76
mkdir -p "$D"
at_end 'rm -rf "$D"'

# The files are open and written, and neither synced nor closed. The script asks for their sizes over HTTP, which
# does not involve the mount. The mount would store the files after a while anyway, so each round begins with new
# ones.
cat >"$WORK/sync.py" <<'PY'
import json, os, subprocess, sys, urllib.request
how, mount, folder, url, token = sys.argv[1:6]
def size(path):
    r = urllib.request.Request(url + "/api/v2/docs/drives/home/items?path=/" + path, headers={"Authorization": "Bearer " + token})
    return json.load(urllib.request.urlopen(r))["size"]
def sync():
    if how == "command": return subprocess.check_call(["sync", mount])
    f = os.open(mount if how == "root" else os.path.join(mount, folder), os.O_RDONLY)
    os.fsync(f)
    os.close(f)
late = 0
for turn in range(10):
    files = [open("%s/%s/%s-%d-%d" % (mount, folder, how, turn, i), "wb", 0) for i in range(10)]
    for i, f in enumerate(files): f.write(os.urandom(1 + i * 20000))
    sync()
    late += sum(size("%s/%s-%d-%d" % (folder, how, turn, i)) != 1 + i * 20000 for i in (0, 5, 9))
    for f in files: f.close()
print(late)
PY
run() { python3 "$WORK/sync.py" "$1" "$M" posix-76 "$URL" "$TOKEN"; }
check_eq "fsync of the mount's root stores everything that was written before" 0 "$(run root)"
check_eq "sync DIR stores everything that was written before" 0 "$(run command)"

quota() { http -X PATCH "${AUTH[@]}" -H 'Content-Type: application/json' -d "{\"quota\": $1}" \
	"$URL/api/v2/docs/drives/home"; }
used=$(curl -s --noproxy '*' "${AUTH[@]}" "$URL/api/v2/docs/drives/home" | jq .used)
at_end 'quota 0'
check_eq "fsync of the mount's root gets EDQUOT when bytes cannot be stored" \
	"Disk quota exceeded" "$(python3 - "$M" "$D/full" "$URL" "$TOKEN" "$used" <<'PY'
import json, os, sys, urllib.request
mount, path, url, token, used = sys.argv[1:6]
def quota(n):
    r = urllib.request.Request(url + "/api/v2/docs/drives/home", method="PATCH", data=json.dumps({"quota": n}).encode(),
        headers={"Authorization": "Bearer " + token, "Content-Type": "application/json"})
    urllib.request.urlopen(r).read()
f = os.open(path, os.O_WRONLY | os.O_CREAT)
root = os.open(mount, os.O_RDONLY)
os.write(f, os.urandom(300000)) # there is room
quota(int(used) + 1000)         # and then there is none
try: os.fsync(root); print("stored")
except OSError as e: print(e.strerror)
quota(0)
PY
)"
rm -f "$D/full"
check "sync DIR succeeds again after the quota is lifted" sync "$M"

# A mount on a block device, of which nothing is used: for such a mount the kernel (6.18) forwards syncfs(2).
if [ "$(id -u)" = 0 ] && truncate -s 1M "$WORK/device" && LOOP=$(losetup -f --show "$WORK/device" 2>/dev/null); then
	at_end "losetup -d $LOOP"
	mkdir "$WORK/m"
	MOUNT_MEM_DEVICE=$LOOP "$NEPHOS_BUILD_DIR/bin/mount_mem" "$WORK/m" 2>"$WORK/mem.log" &
	mem=$!
	at_end "kill $mem"
	check "a mount on a block device is in /proc/mounts" eventually 10 grep -q " $WORK/m fuseblk" /proc/mounts
	told() { [ "$(grep -c asked: "$WORK/mem.log")" -gt "$1" ]; } # more often than $1
	ops() { kill -USR1 "$mem" && eventually 20 told "$1" && sed -n 's/.* ops \([0-9]*\) .*/\1/p' "$WORK/mem.log" |
		tail -n 1; }
	exec 7>"$WORK/m/open"
	before=$(ops 0)
	echo written >&7
	sync -f "$WORK/m"
	after=$(ops 1)
	if printf '%s\n' 6.18 "$(uname -r)" | sort -CV; then
		check "syncfs stores written bytes (ops: $before before, $after after)" test "$after" -gt "$before"
	fi
	exec 7>&-
	umount "$WORK/m"
fi
e2e_end
