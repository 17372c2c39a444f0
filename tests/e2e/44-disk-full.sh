#!/usr/bin/env bash
# Goal: a disk below the blocks or below PostgreSQL that is full or fails makes the call that met it fail, with the
# right errno. Every process stays up, nothing that was acknowledged is lost, and later calls work.
# shellcheck disable=SC2016 # for sh -c
. "$(dirname "$0")/../lib/e2e.sh"
[ -n "${E2E_DATA:-}" ] || { echo "E2E_DATA is not set: run it by scripts/test" >&2; exit 2; }
if [ "$(id -u)" != 0 ]; then
	echo "# not root: no disk can be made here"
	e2e_end
fi
# The test has a store of its own. Its blocks and its tables each have a small disk: a tmpfs, which a ballast file
# fills, and which has room again when the ballast is shortened.
D=$WORK/store
M=$WORK/mount
PORT=$((${E2E_PORT:-18050} + 20))
mkdir -p "$D/blocks" "$M"
up() { "$E2E_ROOT/scripts/up" --data "$D" --port $PORT --mount "$M" --user tester; }
down() { "$E2E_ROOT/scripts/down" --data "$D"; }
at_end 'umount "$WORK/store/postgres/base" "$WORK/store/blocks"'
at_end down
mount -t tmpfs -o size=64m,mode=700 tmpfs "$D/blocks" || exit 2
check "scripts/up starts a store with its blocks on a small disk" up
check "scripts/down stops the store before its tables move to another small disk" down
cp -a "$D/postgres/base" "$WORK/base"
mount -t tmpfs -o "size=256m,mode=700,uid=$(id -u postgres),gid=$(id -g postgres)" tmpfs "$D/postgres/base" || exit 2
cp -a "$WORK/base/." "$D/postgres/base/"
check "scripts/up starts the store with its tables on another small disk" up
# shellcheck disable=SC1091
. "$D/credentials"
AUTH=(-H "Authorization: Bearer $NEPHOS_TOKEN")
FILES=$NEPHOS_URL/api/v2/docs/drives/home/files
pids() { (cd "$D/run" && for p in user-1 user-2 docs-1 docs-2 gateway-1 gateway-2 mount postgres; do printf '%s ' "$p" "$(cat $p.pid)" "$(kill -0 "$(cat $p.pid)" && echo runs)"; done); }
ME=$(curl -s --noproxy '*' "${AUTH[@]}" "$NEPHOS_URL/api/v2/user/me" | jq -r .id)
before=$(pids)
problem() { jq -r '"\(.status) \(.errno)"' "$WORK/body"; }
random() { head -c "$1" /dev/urandom; }

# error_of SCRIPT: prints the name of the errno that the Python SCRIPT ends with, or "none".
error_of() {
	python3 -c "
import errno, os, sys
m = sys.argv[1]
try:
    exec(sys.argv[2])
    print('none')
except OSError as e:
    print(errno.errorcode[e.errno])" "$M" "$1"
}
write_and_sync='f = os.open(m + "/large", os.O_CREAT | os.O_WRONLY, 0o644)
try:
    for i in range(8): os.write(f, os.urandom(1 << 20))
    os.fsync(f)
finally:
    try: os.close(f)
    except OSError: pass'

random 3000000 >"$WORK/kept"
cp "$WORK/kept" "$M/kept"
echo small >"$M/small"
# The pieces lie in rows, and are more than a docs service keeps in memory for one answer.
check_eq "a file of 120 small pieces is written and synced on the mount" \
	none "$(error_of 'f = os.open(m + "/pieces", os.O_CREAT | os.O_WRONLY, 0o644)
for i in range(120):
    os.pwrite(f, b"%4000d" % i, i * 8192)
    os.fsync(f)')"

# ---- the blocks' disk is full ----
fill() { # fill DIR BYTES-LEFT
	dd if=/dev/zero of="$1/ballast" bs=64k 2>/dev/null # until it fails
	truncate -s "-$2" "$1/ballast"
}
empty() { rm -f "$1/ballast"; }
fill "$D/blocks" 0
check_status "a GET of the file of small pieces gets 200 while the blocks' disk has no room at all" \
	200 "${AUTH[@]}" "$FILES/pieces"
check "the GET of the file of small pieces returns what the mount shows" cmp "$WORK/body" "$M/pieces"
truncate -s -1M "$D/blocks/ballast"
random 8000000 >"$WORK/large"
http -T "$WORK/large" "${AUTH[@]}" "$FILES/put" >/dev/null
check_eq "a PUT of a large file gets 507 with ENOSPC while the blocks' disk is full" "507 ENOSPC" "$(problem)"
# A megabyte is left, which is less than the room that docs services keep free on this disk.
random 100000 >"$WORK/block"
http -T "$WORK/block" "${AUTH[@]}" -H 'Content-Type: application/octet-stream' \
	"$NEPHOS_URL/api/v2/docs/drives/home/blocks/$(sha256sum "$WORK/block" | cut -d ' ' -f 1)" >/dev/null
check_eq "a PUT of a block gets 507 with ENOSPC if it would use the reserve of the blocks' disk" \
	"507 ENOSPC" "$(problem)"
check "the reserve of the blocks' disk, 1,000,000 bytes, is still free after that PUT" \
	test "$(df --output=avail -B1 "$D/blocks" | tail -n 1)" -ge 1000000
check_status "a GET of the file whose PUT got 507 gets 404" 404 "${AUTH[@]}" "$FILES/put"
check_eq "a program that writes 8 MiB and syncs gets ENOSPC while the blocks' disk is full" \
	ENOSPC "$(error_of "$write_and_sync")"
check "a file that was stored before can be read while the blocks' disk is full" cmp "$WORK/kept" "$M/kept"
check_eq "a small file, which needs no block, can be written while the blocks' disk is full" \
	stored "$(echo stored >"$M/small" && cat "$M/small")"
empty "$D/blocks"
check_eq "a program that writes 8 MiB and syncs succeeds once the blocks' disk has room again" \
	none "$(error_of "$write_and_sync")"
check_status "a PUT of a large file gets 201 once the blocks' disk has room again" \
	201 -T "$WORK/large" "${AUTH[@]}" "$FILES/put"
check "the mount shows the large file with the bytes that were PUT" eventually 5 cmp "$WORK/large" "$M/put"
check_eq "no process of the store has ended after the blocks' disk was full" "$before" "$(pids)"

# ---- the blocks' disk fails ----
# fsync fails in both docs services, with the error that the kernel gives for a broken disk.
tracers=()
for p in docs-1 docs-2; do
	strace -f -qq -o "$WORK/$p.trace" -e trace=fsync,fdatasync -e inject=fsync,fdatasync:error=EIO \
		-p "$(cat "$D/run/$p.pid")" &
	tracers+=($!)
done
traced() { for p in docs-1 docs-2; do for t in "/proc/$(cat "$D/run/$p.pid")"/task/*; do
	grep -q 'TracerPid:[[:space:]]*[1-9]' "$t/status" || return 1; done; done; }
if eventually 10 traced; then
	random 3000000 >"$WORK/new" # new content: content that is there already would need no block
	http -T "$WORK/new" "${AUTH[@]}" "$FILES/broken" >/dev/null
	check_eq "a PUT of a large file gets EIO while the docs services' fsync fails" EIO "$(jq -r .errno "$WORK/body")"
	check "the answer to the PUT that gets EIO has a 5xx status" test "$(jq -r .status "$WORK/body")" -ge 500
	check_eq "a program that writes 8 MiB and syncs gets EIO while the docs services' fsync fails" \
		EIO "$(error_of "$write_and_sync")"
	check_eq "a small file, which needs no block, can be written while the docs services' fsync fails" \
		"still stored" "$(echo still stored >"$M/small" && cat "$M/small")"
else
	fail "strace attaches to both docs services" "$(cat "$WORK"/*.trace)"
fi
kill "${tracers[@]}"
wait "${tracers[@]}" 2>/dev/null # without this the shell would print "Terminated"
check_status "a GET of the file whose PUT got EIO gets 404" 404 "${AUTH[@]}" "$FILES/broken"
check_eq "a program that writes 8 MiB and syncs succeeds once fsync works again" none "$(error_of "$write_and_sync")"
check_eq "no process of the store has ended after fsync failed" "$before" "$(pids)"

# ---- the database's disk is full ----
fill_tables='for i in range(40000):
    with open(m + "/tables/%d" % i, "wb") as f: f.write(os.urandom(3000))
    made = i'
mkdir "$M/tables"
fill "$D/postgres/base" 1M
check_eq "a program that makes many files gets ENOSPC when the database's disk is full" \
	ENOSPC "$(error_of "$fill_tables")"
check "a file that was stored before can be read while the database's disk is full" cmp "$WORK/kept" "$M/kept"
check_eq "a small file that was stored before can be read while the database's disk is full" \
	"still stored" "$(cat "$M/small")"
full_v1() { http -X POST "${AUTH[@]}" -H 'Content-Type: application/json' \
	-d "{\"title\":\"full$1\",\"text\":\"$(random 3000 | base64 -w0)\",\"user_id\":[$ME]}" \
		"$NEPHOS_URL/api/v1/docs/"; }
until_full() { for ((n = 0; n < 2000; n++)); do case $(full_v1 $n) in 2*) ;; *) return 0 ;; esac; done; return 1; }
check "a POST of a document is refused when the database's disk is full" until_full
check_eq "the refused POST of a document gets 507 with ENOSPC" "507 ENOSPC" "$(problem)"
empty "$D/postgres/base"
check "a file can be made on the mount once the database's disk has room again" \
	eventually 10 sh -c 'echo later >"$1/tables/later"' - "$M"
check_eq "the file that was made once there was room has its content" later "$(cat "$M/tables/later")"
check "files made before ENOSPC have all their bytes, except for at most one empty file" python3 -c "
import os, sys
sizes = [os.stat(e).st_size for e in os.scandir(sys.argv[1]) if e.name != 'later']
assert len(sizes) > 1, sizes
assert sorted(set(sizes)) in ([3000], [0, 3000]), set(sizes)
assert sizes.count(0) <= 1, sizes.count(0)" "$M/tables"
check_eq "no process of the store has ended after the database's disk was full" "$before" "$(pids)"
check "scripts/down stops the store with the two small disks" down

# ---- blocks fill the disk that they share with the database ----
mkdir "$WORK/disk"
mount -t tmpfs -o size=300m,mode=711 tmpfs "$WORK/disk" || exit 2
D=$WORK/disk/store
up() { "$E2E_ROOT/scripts/up" --data "$D" --port $((PORT + 5)) --user tester "$@"; }
at_end 'umount "$WORK/disk"'
at_end down
check "scripts/up starts a store with blocks and database on one small disk" up
# shellcheck disable=SC1091
. "$D/credentials"
AUTH=(-H "Authorization: Bearer $NEPHOS_TOKEN")
FILES=$NEPHOS_URL/api/v2/docs/drives/home/files
put_large() { random 4000000 | http -T - "${AUTH[@]}" "$FILES/large$1"; }
for ((n = 0; n < 100; n++)); do [ "$(put_large $n)" = 201 ] || break; done
check_eq "a PUT of a large file gets 507 with ENOSPC when blocks have filled the shared disk" "507 ENOSPC" "$(problem)"
check "the shared disk has at least 30 MiB free for the database after ENOSPC" \
	test "$(df --output=avail -BM "$D" | tail -n 1 | tr -dc 0-9)" -ge 30
random 30000 >"$WORK/inline"
overwrites() { for ((i = 0; i < 600; i++)); do http -T "$WORK/inline" "${AUTH[@]}" "$FILES/inline"; echo; done | sort | uniq -c; }
check_eq "600 PUTs of a small file succeed while the shared disk is full for blocks" "599 200 1 201" \
	"$(overwrites | tr -s ' \n' ' ' | sed 's/^ //;s/ $//')"
check_status "a large file that was stored before can be read while the shared disk is full for blocks" \
	200 "${AUTH[@]}" "$FILES/large0"
for ((i = 0; i < 12; i++)); do
	check_status "a PUT of small content over the large file large$i gets 200" \
		200 -T "$WORK/inline" "${AUTH[@]}" "$FILES/large$i"
done
check_status "a DELETE of the large file large12 gets 204" 204 -X DELETE "${AUTH[@]}" "$FILES/large12"
check_eq "a PUT of a large file gets 201 right after others were shortened and deleted" 201 "$(put_large 99)"

# ---- and so do rows, from small files, names and xattrs ----
# This disk lets the database's log grow to a length that it can keep. On the small disk above, the log has the
# shortest length that PostgreSQL allows, which is more than half of what is kept free there. A foreign file fills
# most of this disk.
check "scripts/down stops the store on the shared disk" down
mkdir "$WORK/rows"
mount -t tmpfs -o size=2g,mode=711 tmpfs "$WORK/rows" || exit 2
at_end 'umount "$WORK/rows"'
D=$WORK/rows/store
at_end down
check "scripts/up starts a store with a mount, and with blocks and database on a larger disk" up --mount "$M"
# shellcheck disable=SC1091
. "$D/credentials"
AUTH=(-H "Authorization: Bearer $NEPHOS_TOKEN")
FILES=$NEPHOS_URL/api/v2/docs/drives/home/files
before=$(pids)
left_kb() { df --output=avail -k "$D" | tail -n 1 | tr -dc 0-9; }
check_status "a PUT of a small file to the store on the larger disk gets 201" \
	201 -T "$WORK/inline" "${AUTH[@]}" "$FILES/inline"
check "a foreign file fills the disk except for 170 MiB" \
	fallocate -l "$(($(left_kb) - 170 * 1024))K" "$WORK/rows/others"
mkdir "$M/tables"
fill_names='for i in range(40000): os.symlink("x" * 4000, m + "/tables/name%d" % i)'
check_eq "a program that makes many small files gets ENOSPC when rows have filled the disk" \
	ENOSPC "$(error_of "$fill_tables")"
check "the disk has at least 90,000 KiB free for the database's log after ENOSPC" test "$(left_kb)" -ge 90000
check_eq "a program that makes symlinks gets ENOSPC while the disk is full for rows" ENOSPC "$(error_of "$fill_names")"
check_eq "setxattr with a long value gets ENOSPC while the disk is full for rows" \
	ENOSPC "$(error_of 'os.setxattr(m + "/inline", "user.more", b"x" * 5000)')"
check_eq "an append to a file gets ENOSPC while the disk is full for rows" \
	ENOSPC "$(error_of 'f = os.open(m + "/tables/1", os.O_WRONLY | os.O_APPEND)
try:
    os.write(f, b"more")
    os.fsync(f)
finally:
    try: os.close(f)
    except OSError: pass')"
random 30 >"$WORK/tiny"
http -T "$WORK/tiny" "${AUTH[@]}" "$FILES/tiny" >/dev/null
check_eq "a PUT of a new tiny file gets 507 with ENOSPC while the disk is full for rows" "507 ENOSPC" "$(problem)"
http -d '{"name":"more"}' -H 'Content-Type: application/json' "${AUTH[@]}" "$NEPHOS_URL/api/v2/docs/drives" >/dev/null
check_eq "a POST of a new drive gets 507 with ENOSPC while the disk is full for rows" "507 ENOSPC" "$(problem)"
check_status "a PUT over a small file gets 200 while the disk is full for rows" \
	200 -T "$WORK/inline" "${AUTH[@]}" "$FILES/inline"
check_status "a PUT that makes a file shorter gets 200 while the disk is full for rows" \
	200 -T "$WORK/tiny" "${AUTH[@]}" "$FILES/inline"
check_eq "truncate on the mount makes a file shorter while the disk is full for rows" \
	none "$(error_of 'os.truncate(m + "/tables/1", 10)')"
check "mv and chmod succeed on the mount while the disk is full for rows" \
	sh -c 'mv "$1/tables/2" "$1/tables/two" && chmod 600 "$1/tables/two"' - "$M"
check "rm -r removes files on the mount while the disk is full for rows" rm -r "$M/tables"
# PostgreSQL's files now have free room inside for other rows; whether the file system gets any of it back is chance
# (docs/threat-model.md).
rm "$WORK/rows/others"
room_again() { echo made >"$M/made"; }
check "a file can be made on the mount once the disk has room again for rows" eventually 30 room_again
check_eq "the file that was made once rows had room has its content" made "$(cat "$M/made")"
check_eq "no process of the store has ended after rows filled the disk" "$before" "$(pids)"
e2e_end
