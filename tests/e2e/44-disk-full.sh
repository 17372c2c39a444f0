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
check "a store comes up" up
check "goes down" down
cp -a "$D/postgres/base" "$WORK/base"
mount -t tmpfs -o "size=256m,mode=700,uid=$(id -u postgres),gid=$(id -g postgres)" tmpfs "$D/postgres/base" || exit 2
cp -a "$WORK/base/." "$D/postgres/base/"
check "and up again" up
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
check_eq "a file of many small pieces is stored" none "$(error_of 'f = os.open(m + "/pieces", os.O_CREAT | os.O_WRONLY, 0o644)
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
check_status "blocks, without any room: a file of many small pieces can be read" 200 "${AUTH[@]}" "$FILES/pieces"
check "whole" cmp "$WORK/body" "$M/pieces"
truncate -s -1M "$D/blocks/ballast"
random 8000000 >"$WORK/large"
http -T "$WORK/large" "${AUTH[@]}" "$FILES/put" >/dev/null
check_eq "blocks, full: a PUT says so" "507 ENOSPC" "$(problem)"
# A megabyte is left, which is less than the room that docs services keep free on this disk.
random 100000 >"$WORK/block"
http -T "$WORK/block" "${AUTH[@]}" -H 'Content-Type: application/octet-stream' \
	"$NEPHOS_URL/api/v2/docs/drives/home/blocks/$(sha256sum "$WORK/block" | cut -d ' ' -f 1)" >/dev/null
check_eq "blocks, nearly full: what is kept free is not taken by a block that would fit" "507 ENOSPC" "$(problem)"
check "and is still there" test "$(df --output=avail -B1 "$D/blocks" | tail -n 1)" -ge 1000000
check_status "blocks, full: and nothing of it is there" 404 "${AUTH[@]}" "$FILES/put"
check_eq "blocks, full: the program that writes and syncs is told" ENOSPC "$(error_of "$write_and_sync")"
check "blocks, full: what was stored can be read" cmp "$WORK/kept" "$M/kept"
check_eq "blocks, full: what needs no block goes on" stored "$(echo stored >"$M/small" && cat "$M/small")"
empty "$D/blocks"
check_eq "blocks, with room again: the same program goes through" none "$(error_of "$write_and_sync")"
check_status "blocks, with room again: and a PUT" 201 -T "$WORK/large" "${AUTH[@]}" "$FILES/put"
check "byte for byte, on the mount, too" eventually 5 cmp "$WORK/large" "$M/put"
check_eq "no process has ended" "$before" "$(pids)"

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
	check_eq "blocks, broken: a PUT says so" EIO "$(jq -r .errno "$WORK/body")"
	check "with a status of the server's own failures" test "$(jq -r .status "$WORK/body")" -ge 500
	check_eq "blocks, broken: the program that writes and syncs is told" EIO "$(error_of "$write_and_sync")"
	check_eq "blocks, broken: what needs no block goes on" \
		"still stored" "$(echo still stored >"$M/small" && cat "$M/small")"
else
	fail "strace does not attach" "$(cat "$WORK"/*.trace)"
fi
kill "${tracers[@]}"
wait "${tracers[@]}" 2>/dev/null # without this the shell would print "Terminated"
check_status "nothing of it is there" 404 "${AUTH[@]}" "$FILES/broken"
check_eq "blocks, mended: the same program goes through" none "$(error_of "$write_and_sync")"
check_eq "no process has ended" "$before" "$(pids)"

# ---- the database's disk is full ----
fill_tables='for i in range(40000):
    with open(m + "/tables/%d" % i, "wb") as f: f.write(os.urandom(3000))
    made = i'
mkdir "$M/tables"
fill "$D/postgres/base" 1M
check_eq "database, full: the program that makes files is told" ENOSPC "$(error_of "$fill_tables")"
check "database, full: what was stored can be read" cmp "$WORK/kept" "$M/kept"
check_eq "and what is small, too" "still stored" "$(cat "$M/small")"
full_v1() { http -X POST "${AUTH[@]}" -H 'Content-Type: application/json' \
	-d "{\"title\":\"full$1\",\"text\":\"$(random 3000 | base64 -w0)\",\"user_id\":[$ME]}" \
		"$NEPHOS_URL/api/v1/docs/"; }
until_full() { for ((n = 0; n < 2000; n++)); do case $(full_v1 $n) in 2*) ;; *) return 0 ;; esac; done; return 1; }
check "database, full: a document over HTTP is refused at last" until_full
check_eq "and says why" "507 ENOSPC" "$(problem)"
empty "$D/postgres/base"
check "database, with room again: files can be made" eventually 10 sh -c 'echo later >"$1/tables/later"' - "$M"
check_eq "and have their content" later "$(cat "$M/tables/later")"
check "what was made before is whole" python3 -c "
import os, sys
sizes = [os.stat(e).st_size for e in os.scandir(sys.argv[1]) if e.name != 'later']
assert len(sizes) > 1, sizes
assert sorted(set(sizes)) in ([3000], [0, 3000]), set(sizes)
assert sizes.count(0) <= 1, sizes.count(0)" "$M/tables"
check_eq "no process has ended" "$before" "$(pids)"
check "the store goes down with all stored" down

# ---- blocks fill the disk that they share with the database ----
mkdir "$WORK/disk"
mount -t tmpfs -o size=300m,mode=711 tmpfs "$WORK/disk" || exit 2
D=$WORK/disk/store
up() { "$E2E_ROOT/scripts/up" --data "$D" --port $((PORT + 5)) --user tester "$@"; }
at_end 'umount "$WORK/disk"'
at_end down
check "one disk for all: a store comes up" up
# shellcheck disable=SC1091
. "$D/credentials"
AUTH=(-H "Authorization: Bearer $NEPHOS_TOKEN")
FILES=$NEPHOS_URL/api/v2/docs/drives/home/files
put_large() { random 4000000 | http -T - "${AUTH[@]}" "$FILES/large$1"; }
for ((n = 0; n < 100; n++)); do [ "$(put_large $n)" = 201 ] || break; done
check_eq "a PUT says that it is full" "507 ENOSPC" "$(problem)"
check "when there is room left for the database" \
	test "$(df --output=avail -BM "$D" | tail -n 1 | tr -dc 0-9)" -ge 30
random 30000 >"$WORK/inline"
overwrites() { for ((i = 0; i < 600; i++)); do http -T "$WORK/inline" "${AUTH[@]}" "$FILES/inline"; echo; done | sort | uniq -c; }
check_eq "it goes on with what needs no block, though that makes its log longer" "599 200 1 201" \
	"$(overwrites | tr -s ' \n' ' ' | sed 's/^ //;s/ $//')"
check_status "what was stored can be read" 200 "${AUTH[@]}" "$FILES/large0"
for ((i = 0; i < 12; i++)); do
	check_status "a large file becomes a small one" 200 -T "$WORK/inline" "${AUTH[@]}" "$FILES/large$i"
done
check_status "a file is removed" 204 -X DELETE "${AUTH[@]}" "$FILES/large12"
check_eq "and what was let go makes room at once" 201 "$(put_large 99)"

# ---- and so do rows, from small files, names and xattrs ----
# This disk lets the database's log grow to a length that it can keep. On the small disk above, the log has the
# shortest length that PostgreSQL allows, which is more than half of what is kept free there. A foreign file fills
# most of this disk.
check "the store goes down" down
mkdir "$WORK/rows"
mount -t tmpfs -o size=2g,mode=711 tmpfs "$WORK/rows" || exit 2
at_end 'umount "$WORK/rows"'
D=$WORK/rows/store
at_end down
check "another disk for all: a store comes up with a mount" up --mount "$M"
# shellcheck disable=SC1091
. "$D/credentials"
AUTH=(-H "Authorization: Bearer $NEPHOS_TOKEN")
FILES=$NEPHOS_URL/api/v2/docs/drives/home/files
before=$(pids)
left_kb() { df --output=avail -k "$D" | tail -n 1 | tr -dc 0-9; }
check_status "a file is made" 201 -T "$WORK/inline" "${AUTH[@]}" "$FILES/inline"
check "the disk fills up" fallocate -l "$(($(left_kb) - 170 * 1024))K" "$WORK/rows/others"
mkdir "$M/tables"
fill_names='for i in range(40000): os.symlink("x" * 4000, m + "/tables/name%d" % i)'
check_eq "rows: the program that makes small files is told" ENOSPC "$(error_of "$fill_tables")"
check "when there is room left for the database's log" test "$(left_kb)" -ge 90000
check_eq "as is who makes names" ENOSPC "$(error_of "$fill_names")"
check_eq "or sets an xattr" ENOSPC "$(error_of 'os.setxattr(m + "/inline", "user.more", b"x" * 5000)')"
check_eq "or writes a file longer" ENOSPC "$(error_of 'f = os.open(m + "/tables/1", os.O_WRONLY | os.O_APPEND)
try:
    os.write(f, b"more")
    os.fsync(f)
finally:
    try: os.close(f)
    except OSError: pass')"
random 30 >"$WORK/tiny"
http -T "$WORK/tiny" "${AUTH[@]}" "$FILES/tiny" >/dev/null
check_eq "or puts one by HTTP" "507 ENOSPC" "$(problem)"
http -d '{"name":"more"}' -H 'Content-Type: application/json' "${AUTH[@]}" "$NEPHOS_URL/api/v2/docs/drives" >/dev/null
check_eq "or makes a drive" "507 ENOSPC" "$(problem)"
check_status "what is there is written over" 200 -T "$WORK/inline" "${AUTH[@]}" "$FILES/inline"
check_status "and becomes shorter" 200 -T "$WORK/tiny" "${AUTH[@]}" "$FILES/inline"
check_eq "on the mount, too" none "$(error_of 'os.truncate(m + "/tables/1", 10)')"
check "names and modes can be changed" sh -c 'mv "$1/tables/2" "$1/tables/two" && chmod 600 "$1/tables/two"' - "$M"
check "files can be removed" rm -r "$M/tables"
# PostgreSQL's files now have free room inside for other rows; whether the file system gets any of it back is chance
# (docs/threat-model.md).
rm "$WORK/rows/others"
room_again() { echo made >"$M/made"; }
check "once the disk has room again, others can be made" eventually 30 room_again
check_eq "which are whole" made "$(cat "$M/made")"
check_eq "no process has ended" "$before" "$(pids)"
e2e_end
