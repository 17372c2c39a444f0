#!/usr/bin/env bash
# Goal: a user who writes single bytes far apart cannot make more rows than the quota allows. The data written until
# then can still be read, shortened, rewritten and removed, and other users are not affected. A user who writes whole
# pages, in any order, is refused only for the bytes of the quota.
. "$(dirname "$0")/../lib/e2e.sh"
e2e_store
V2=$URL/api/v2
DRIVES=$V2/docs/drives
JSON=(-H 'Content-Type: application/json')
NEPHOS=$NEPHOS_BUILD_DIR/bin/nephos
name=spreader$$
QUOTA=5000000
MOST=$((16384 + QUOTA / 4096)) # EXTENTS_BASE, and one for each EXTENT_QUOTA_BYTES
in_database() { psql -X -A -t -q "host=$E2E_DATA/run/postgres port=5432 user=nephos dbname=docs" -c "$1"; }

check_status "POST of a new user gets 201" \
	201 "${AUTH[@]}" "${JSON[@]}" -d "{\"name\":\"$name\",\"password\":\"correct horse battery\"}" "$URL/api/v1/user/"
user=$(jq -r .id "$WORK/body")
at_end 'curl -s --noproxy "*" -X DELETE "${AUTH[@]}" "$URL/api/v1/user/$user"'
check_status "the new user can log in" \
	201 "${JSON[@]}" -d "{\"name\":\"$name\",\"password\":\"correct horse battery\"}" "$V2/user/sessions"
THEIRS=(-H "Authorization: Bearer $(jq -r .token "$WORK/body")")
check_status "PUT of the new user's quota by an administrator gets 200" \
	200 -X PUT "${AUTH[@]}" "${JSON[@]}" -d "{\"quota\":$QUOTA}" "$V2/docs/accounts/$user"
check_status "GET of the new user's home drive gets 200" 200 "${THEIRS[@]}" "$DRIVES/home"
D=$(jq -r .id "$WORK/body")
check_eq "the home drive has no extents and the limit of extents that follows from the quota" \
	"0 $MOST" "$(jq -r '"\(.extents) \(.extents_max)"' "$WORK/body")"
check_status "POST of a second drive by the new user gets 201" \
	201 "${THEIRS[@]}" "${JSON[@]}" -d '{"name":"second"}' "$DRIVES"
E=$(jq -r .id "$WORK/body")
check_status "POST of a drive by the administrator gets 201" \
	201 "${AUTH[@]}" "${JSON[@]}" -d "{\"name\":\"beside-$$\"}" "$DRIVES"
S=$(jq -r .id "$WORK/body")
at_end 'http -X DELETE "${AUTH[@]}" "$DRIVES/$S?confirm=beside-$$"; http -X DELETE "${AUTH[@]}" "$DRIVES/$S?confirm=beside-$$&trashed=1"'

# ---- single bytes, until they are refused ----
cat >"$WORK/spread.py" <<'PY'
import json, struct, sys, urllib.error, urllib.request
url, token, mode = sys.argv[1:4]
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
def ask(method, path, body=None, data=b""):
    head = b"" if body is None else json.dumps(body).encode()
    type = "application/vnd.nephos.ops" if data else "application/json"
    r = urllib.request.Request(url + path, (struct.pack("<I", len(head)) + head + data if data else head) or None, {"Authorization": token, "Content-Type": type}, method=method)
    try:
        with opener.open(r, timeout=60) as a: return a.status, json.loads(a.read() or b"{}")
    except urllib.error.HTTPError as e: return e.code, json.loads(e.read() or b"{}")
def spread(id, at, count): return ask("POST", "/ops", {"ops": [{"op": "write", "id": id, "extents": [{"at": at + 2 * i, "len": 1, "data": i} for i in range(count)]}]}, b"x" * count)
def item(name):
    status, found = ask("GET", "/items?path=/" + name)
    if status == 404:
        root = ask("GET", "")[1]["root"]
        found = ask("POST", "/ops", {"ops": [{"op": "create", "parent": root, "name": name, "type": "file"}]})[1]["results"][0]["item"]
    return found["id"]
def size(id, to): return ask("POST", "/ops", {"ops": [{"op": "setattr", "id": id, "size": to}]})[0]
if mode == "fill":
    made, step = 0, 2000
    while step > 0:
        status, answer = spread(item("spread"), 2 * made, step)
        if status == 200: made += step
        elif status == 507: step //= 2; last = answer
        else: sys.exit(f"{status} {answer}")
    print(made, last["status"], last["errno"], last["type"], "pieces" in last["detail"])
elif mode == "beyond":
    print(spread(item(sys.argv[4]), int(sys.argv[6]) if len(sys.argv) > 6 else 10000000, int(sys.argv[5]))[0])
elif mode == "size":
    print(size(item("spread"), int(sys.argv[4])))
PY
spread() { python3 "$WORK/spread.py" "$DRIVES/$1" "$2" "${@:3}"; }
T=${THEIRS[1]#Authorization: }
before=$(in_database "SELECT pg_total_relation_size('extent')")
check_eq "single-byte writes far apart get 507 EDQUOT too-many-extents beyond the limit" \
	"$((MOST + 1)) 507 EDQUOT /problems/too-many-extents True" "$(spread "$D" "$T" fill)"
after=$(in_database "SELECT pg_total_relation_size('extent')")
check_eq "the database has one extent row for each single byte" \
	$((MOST + 1)) "$(in_database "SELECT count(*) FROM extent WHERE node >> 32 = $D")"
check_eq "the document counts one extent for each single byte" \
	$((MOST + 1)) "$(in_database "SELECT extents FROM node WHERE id >> 32 = $D AND name = 'spread'")"
check "the extent table grows by fewer bytes than the quota" test $((after - before)) -lt $QUOTA
echo "# $((MOST + 1)) extents of one byte: $((after - before)) bytes of tables and indexes"
check_status "GET of the user's account gets 200" 200 "${THEIRS[@]}" "$V2/docs/accounts/me"
check_eq "the user's account has as many extents as its limit" \
	"$MOST $MOST" "$(jq -r '"\(.extents) \(.extents_max)"' "$WORK/body")"
check_eq "a write of three extents to a new file in the user's second drive gets 507" \
	507 "$(spread "$E" "$T" beyond f 3)"
check_eq "a write of one extent to a new file in the user's second drive gets 200" 200 "$(spread "$E" "$T" beyond g 1)"
check_eq "a write of 3,000 extents in the administrator's drive gets 200" \
	200 "$(spread "$S" "${AUTH[1]#Authorization: }" beyond f 3000)"

# ---- what can be done at the limit ----
check_status "GET of the file of single bytes gets 200" 200 "${THEIRS[@]}" "$DRIVES/$D/files/spread"
check_eq "the file of single bytes has every byte and its full length" "$((MOST + 1)) $((2 * MOST + 1))" \
	"$(tr -dc x <"$WORK/body" | wc -c) $(stat -c %s "$WORK/body")"
head -c 4500000 /dev/urandom >"$WORK/large"
check_status "PUT of a file that needs two extents gets 507 at the limit" \
	507 -T "$WORK/large" "${THEIRS[@]}" "$DRIVES/$D/files/large"
check_eq "the 507 for a file of two extents has the type /problems/too-many-extents" \
	/problems/too-many-extents "$(jq -r .type "$WORK/body")"
echo small >"$WORK/small"
check_status "PUT of a small file gets 201 at the limit" 201 -T "$WORK/small" "${THEIRS[@]}" "$DRIVES/$D/files/small"
check_status "POST of a document to the first API gets 201 at the limit" \
	201 "${THEIRS[@]}" "${JSON[@]}" -d '{"title":"t","text":"text"}' "$URL/api/v1/docs/"
check_eq "a truncation of the file of single bytes gets 200" 200 "$(spread "$D" "$T" size 20001)"
check_eq "the truncated file counts only the extents that are left" \
	10001 "$(in_database "SELECT extents FROM node WHERE id >> 32 = $D AND name = 'spread'")"
check_eq "a write of three extents in the second drive gets 200 after the truncation" \
	200 "$(spread "$E" "$T" beyond f 3)"
check_eq "more single-byte writes get 507 again after the truncation" 507 "$(spread "$D" "$T" fill | cut -d ' ' -f 2)"
check_status "PUT of 4.5 MB over the file of single bytes gets 200" \
	200 -T "$WORK/large" "${THEIRS[@]}" "$DRIVES/$D/files/spread"
check_eq "the overwritten file counts two extents" \
	2 "$(in_database "SELECT extents FROM node WHERE id >> 32 = $D AND name = 'spread'")"
check_status "DELETE of the overwritten file gets 204" 204 -X DELETE "${THEIRS[@]}" "$DRIVES/$D/files/spread"

# ---- by a mount ----
M=$WORK/mnt
mkdir "$M"
DB=64000000
check "a drive without a quota can be mounted" \
	env -u NEPHOS_URL -u NEPHOS_USER -u NEPHOS_TOKEN "$NEPHOS" mount -o "credentials=$E2E_DATA/credentials" "$URL/$S" "$M"
at_end '"$NEPHOS" umount "$M" || umount -l "$M"'

# More rows than one batch may read (BATCH_ROWS_MAX).
check_eq "seven batches that write 98,000 single bytes to a new file get 200" "200 200 200 200 200 200 200" \
	"$(for n in 0 1 2 3 4 5 6; do spread "$S" "${AUTH[1]#Authorization: }" beyond many 14000 $((28000 * n)); done | tr '\n' ' ' | sed 's/ $//')"
count() { in_database "SELECT extents FROM node WHERE id >> 32 = $S AND name = '$1'"; }
check_eq "the file of 98,000 single bytes counts 98,000 extents" 98000 "$(count many)"
check "fallocate on the mount punches a hole through most of the extents" fallocate -p -o 1001 -l 180000 "$M/many"
check_eq "the file counts only the extents around the hole" $((501 + 7499)) "$(count many)"
check_eq "the mount reads only the bytes around the hole" "$((501 + 7499))" "$(tr -dc x <"$M/many" | wc -c)"
check_eq "seven batches that write all 98,000 single bytes again get 200" "200 200 200 200 200 200 200" \
	"$(for n in 0 1 2 3 4 5 6; do spread "$S" "${AUTH[1]#Authorization: }" beyond many 14000 $((28000 * n)); done | tr '\n' ' ' | sed 's/ $//')"
check "truncate on the mount cuts the file to 101 bytes" truncate -s 101 "$M/many"
check_eq "the file of 101 bytes counts 51 extents" 51 "$(count many)"
check_eq "the mount reads 51 single bytes in the file of 101 bytes" \
	"51 101" "$(tr -dc x <"$M/many" | wc -c) $(stat -c %s "$M/many")"
rm "$M/many"

check_status "PATCH of the mounted drive's quota by the administrator gets 200" \
	200 -X PATCH "${AUTH[@]}" "${JSON[@]}" -d "{\"quota\":$DB}" "$DRIVES/$S"
cat >"$WORK/pages.py" <<'PY'
import os, random, sqlite3, sys
m, quota = sys.argv[1], int(sys.argv[2])
# A file whose whole room is reserved at first. Then each page is written by itself, in a random order.
pages = quota * 6 // 10 // 4096
f = os.open(m + "/database", os.O_CREAT | os.O_RDWR, 0o644)
os.posix_fallocate(f, 0, pages * 4096)
order = list(range(pages))
random.seed(26)
random.shuffle(order)
for n, page in enumerate(order):
    assert os.pwrite(f, page.to_bytes(4, "big") * 1024, page * 4096) == 4096
    if n % 2000 == 1999: os.fsync(f)
os.fsync(f)
for page in order[:200]: assert os.pread(f, 4096, page * 4096) == page.to_bytes(4, "big") * 1024
os.close(f)
# Then a real database.
db = sqlite3.connect(m + "/db.sqlite")
db.execute("CREATE TABLE t (k INTEGER PRIMARY KEY, v BLOB)")
for n in range(20):
    db.executemany("INSERT OR REPLACE INTO t VALUES (?, ?)", [(random.randrange(4000), os.urandom(300)) for _ in range(400)])
    db.commit()
assert db.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
db.close()
PY
check "writes of whole pages in random order, and by SQLite, succeed on the mount" \
	timeout 300 python3 "$WORK/pages.py" "$M" "$DB"
check_eq "the extents that the drive's documents count are as many as the extent rows" \
	"$(in_database "SELECT count(*) FROM extent WHERE node >> 32 = $S")" \
	"$(in_database "SELECT sum(extents) FROM node WHERE id >> 32 = $S")"
echo "# extents of the database: $(in_database "SELECT extents FROM node WHERE id >> 32 = $S AND name = 'database'")"
cat >"$WORK/bytes.py" <<'PY'
import errno, os, sys
m = sys.argv[1]
f = os.open(m + "/bytes", os.O_CREAT | os.O_RDWR, 0o644)
at = 0
try:
    while at < 200000:
        for _ in range(2000): os.pwrite(f, b"x", at); at += 2
        os.fsync(f)
        stored = at
except OSError as e: print(errno.errorcode[e.errno])
os.ftruncate(f, 1001)
os.fsync(f)
os.close(f)
data = open(m + "/bytes", "rb").read()
assert len(data) == 1001 and data[::2] == b"x" * 501 and not any(data[1::2]), len(data)
os.unlink(m + "/bytes")
open(m + "/after", "w").write("as before")
print(open(m + "/after").read())
PY
check_eq "single-byte writes on the mount get EDQUOT, and the file can be cut, read and removed" \
	"EDQUOT as before" "$(timeout 120 python3 "$WORK/bytes.py" "$M" 2>&1 | tr '\n' ' ' | sed 's/ $//')"
e2e_end
