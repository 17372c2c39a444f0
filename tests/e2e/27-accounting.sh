#!/usr/bin/env bash
# Goal: a user with a small quota cannot make the store keep more than twice that quota and the slack below,
# whichever way the user takes. The test measures the files on the disk and the rows.
. "$(dirname "$0")/../lib/e2e.sh"
e2e_store
V2=$URL/api/v2
DRIVES=$V2/docs/drives
JSON=(-H 'Content-Type: application/json')
NEPHOS=$NEPHOS_BUILD_DIR/bin/nephos
export NEPHOS_URL NEPHOS_TOKEN
name=holder$$
QUOTA=2000000
SLACK=16777216 # BLOCKS_SLACK_BYTES
in_database() { psql -X -A -t -q "host=$E2E_DATA/run/postgres port=5432 user=nephos dbname=docs" -c "$1"; }

check_status "POST of a new user gets 201" \
	201 "${AUTH[@]}" "${JSON[@]}" -d "{\"name\":\"$name\",\"password\":\"correct horse battery\"}" \
		"$URL/api/v1/user/"
user=$(jq -r .id "$WORK/body")
at_end 'curl -s --noproxy "*" -X DELETE "${AUTH[@]}" "$URL/api/v1/user/$user"'
check_status "the new user can log in" \
	201 "${JSON[@]}" -d "{\"name\":\"$name\",\"password\":\"correct horse battery\"}" "$V2/user/sessions"
THEIRS=(-H "Authorization: Bearer $(jq -r .token "$WORK/body")")

# ---- the quota ----
check_status "PUT of one's own quota by an ordinary user gets 403" \
	403 -X PUT "${THEIRS[@]}" "${JSON[@]}" -d '{"quota":1}' "$V2/docs/accounts/me"
check_status "POST of a second new user gets 201" \
	201 "${AUTH[@]}" "${JSON[@]}" -d "{\"name\":\"beside$$\",\"password\":\"correct horse battery\"}" \
		"$URL/api/v1/user/"
second=$(jq -r .id "$WORK/body")
at_end 'curl -s --noproxy "*" -X DELETE "${AUTH[@]}" "$URL/api/v1/user/$second"'
check_status "GET of another user's account by an administrator gets 200" 200 "${AUTH[@]}" "$V2/docs/accounts/$second"
check_status "GET of another user's account by an ordinary user gets 404" 404 "${THEIRS[@]}" "$V2/docs/accounts/$second"
check_status "PUT of the new user's quota by an administrator gets 200" \
	200 -X PUT "${AUTH[@]}" "${JSON[@]}" -d "{\"quota\":$QUOTA}" "$V2/docs/accounts/$user"
check "nephos user quota shows the quota of a user" \
	sh -c '"$1" user quota "$2" | grep -q "of $3"' _ "$NEPHOS" "$name" "$QUOTA"
check "nephos user quota with another size succeeds" "$NEPHOS" user quota "$name" $((2 * QUOTA))
check_status "GET of the account after nephos user quota gets 200" 200 "${THEIRS[@]}" "$V2/docs/accounts/me"
check_eq "the account has the quota that nephos user quota set" $((2 * QUOTA)) "$(jq .quota "$WORK/body")"
check "nephos user quota with the first size succeeds" "$NEPHOS" user quota "$name" "$QUOTA"
check_refused "nephos user quota refuses a word as a size" 'much: a size is bytes, or with K, M, G or T' \
	"$NEPHOS" user quota "$name" much
check_status "GET of the new user's own account gets 200" 200 "${THEIRS[@]}" "$V2/docs/accounts/me"
check_eq "the new user's account has the quota that was set and no used bytes" \
	"$QUOTA true 0" "$(jq -r '[.quota, .own, .used] | map(tostring) | join(" ")' "$WORK/body")"
check_status "GET of the new user's home drive gets 200" 200 "${THEIRS[@]}" "$DRIVES/home"
D=$(jq -r .id "$WORK/body")
check_eq "the home drive has the quota of the user's account" "$QUOTA" "$(jq .quota "$WORK/body")"

# ---- uploads that come to nothing ----
on_disk() { find "$E2E_DATA/blocks" -type f -name "$D-*" -printf '%s\n' | awk '{s += $1} END {print s + 0}'; }
head -c 1900000 /dev/urandom >"$WORK/large"
check_status "PUT of a file with a wrong digest gets 400" \
	400 -X PUT -T "$WORK/large" "${THEIRS[@]}" \
		-H 'Repr-Digest: sha-256=:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=:' "$DRIVES/$D/files/wrong"
check "PUT with a wrong digest leaves no block file" \
	eventually 20 sh -c 'test "$(find "$1" -type f -name "$2-*" | wc -l)" = 0' _ "$E2E_DATA/blocks" "$D"
check_status "PUT of a file within the quota gets 201" 201 -T "$WORK/large" "${THEIRS[@]}" "$DRIVES/$D/files/fits"
check_eq "the block files of the stored file have 1,900,000 bytes" 1900000 "$(on_disk)"
check_status "POST of a second drive by the new user gets 201" \
	201 "${THEIRS[@]}" "${JSON[@]}" -d '{"name":"second"}' "$DRIVES"
E=$(jq -r .id "$WORK/body")
check_status "PUT to the second drive gets 507 when the first drive leaves too little of the quota" \
	507 -T "$WORK/large" "${THEIRS[@]}" "$DRIVES/$E/files/f"
check_eq "the 507 of the second drive has the errno EDQUOT" EDQUOT "$(jq -r .errno "$WORK/body")"

# ---- blocks that nothing refers to ----
cat >"$WORK/blocks.py" <<'PY'
import hashlib, os, sys, urllib.error, urllib.request
url, token, size, most = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
for n in range(most):
    data = os.urandom(size)
    r = urllib.request.Request(f"{url}/blocks/{hashlib.sha256(data).hexdigest()}", data, {"Authorization": token, "Content-Type": "application/octet-stream"}, method="PUT")
    try: opener.open(r, timeout=60).read()
    except urllib.error.HTTPError as e:
        print(n, e.code)
        break
else: print(most, "all")
PY
refused=$(python3 "$WORK/blocks.py" "$DRIVES/$D" "${THEIRS[1]#Authorization: }" 1000000 30)
check_eq "uploads of blocks that no document uses get 507 in the end" 507 "${refused#* }"
check "the block files have at most twice the quota and the slack after the unused blocks" \
	test "$(on_disk)" -le $((2 * QUOTA + SLACK))
check_status "GET of the account after the unused blocks gets 200" 200 "${THEIRS[@]}" "$V2/docs/accounts/me"
check_eq "the account counts exactly the bytes of the block files" "$(on_disk)" "$(jq .blocks "$WORK/body")"

# ---- what is written over again and again ----
SMALL=5000000
M=$WORK/mnt
mkdir "$M"
encoded=small-27-$$
check_status "POST of a drive with its own quota gets 201" \
	201 "${AUTH[@]}" "${JSON[@]}" -d "{\"name\":\"$encoded\",\"quota\":$SMALL}" "$DRIVES"
S=$(jq -r .id "$WORK/body")
check "the drive with its own quota can be mounted" \
	env -u NEPHOS_URL -u NEPHOS_USER -u NEPHOS_TOKEN "$NEPHOS" mount -o "credentials=$E2E_DATA/credentials" \
		"$URL/$encoded" "$M"
at_end '"$NEPHOS" umount "$M" || umount -l "$M"; http -X DELETE "${AUTH[@]}" "$DRIVES/$S?confirm=$encoded"; http -X DELETE "${AUTH[@]}" "$DRIVES/$S?confirm=$encoded&trashed=1"'
cat >"$WORK/rewrite.py" <<'PY'
import os, sys
for n in range(20):
    f = os.open(sys.argv[1], os.O_CREAT | os.O_WRONLY, 0o644)
    data = os.urandom(4000000)
    assert os.pwrite(f, data, 0) == len(data)
    os.fsync(f)
    os.close(f)
assert open(sys.argv[1], "rb").read() == data
PY
check "a file of 4 MB on the mount can be overwritten twenty times" python3 "$WORK/rewrite.py" "$M/f"
check "the block files have at most twice the quota and the slack after the overwrites" \
	test "$(D=$S on_disk)" -le $((2 * SMALL + SLACK))

check_eq "the mount's number of inodes is the number of documents that the quota allows" \
	$((4096 + SMALL / 4096)) "$(stat -f -c %c "$M")"

# ---- ops that are refused ----
cat >"$WORK/refused.py" <<'PY'
import hashlib, json, os, sys, urllib.error, urllib.request
url, token = sys.argv[1:3]
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
def ask(method, path, body, type):
    r = urllib.request.Request(url + path, body, {"Authorization": token, "Content-Type": type}, method=method)
    try:
        with opener.open(r, timeout=60) as a: return a.status
    except urllib.error.HTTPError as e: return e.code
data = os.urandom(1500000)
block = hashlib.sha256(data).hexdigest()
print("block", ask("PUT", f"/blocks/{block}", data, "application/octet-stream"))
drive = json.loads(opener.open(urllib.request.Request(url, headers={"Authorization": token})).read())
earlier = {"op": "create", "parent": drive["root"], "name": "f", "type": "file"}
write = {"op": "write", "id": str((int(drive["id"]) << 32) + 4000000), "extents": [{"at": 0, "len": len(data), "block": block, "from": 0}]}
ops = [earlier, write] if len(sys.argv) > 3 else [write]
print("refused", ask("POST", "/ops", json.dumps({"ops": ops}).encode(), "application/json"))
PY
before=$(D=$S on_disk)
check_eq "PUT of a block gets 201, and a write of the block to a missing document gets 404" "block 201
refused 404" "$(python3 "$WORK/refused.py" "$DRIVES/$S" "${AUTH[1]#Authorization: }")"
there() { D=$S on_disk | grep -qx "$before"; }
check "the block of the refused write is removed" eventually 20 there
check_eq "PUT of a block gets 201, and a write of it behind a create of a name that exists gets 409" "block 201
refused 409" "$(python3 "$WORK/refused.py" "$DRIVES/$S" "${AUTH[1]#Authorization: }" behind)"
check "the block of the write behind the refused create is removed" eventually 20 there

# ---- a quota beyond all bounds ----
HUGE=9223372036854775807
check_status "POST of a drive with a quota of 2^63-1 bytes gets 422" \
	422 "${AUTH[@]}" "${JSON[@]}" -d "{\"name\":\"huge\",\"quota\":$HUGE}" "$DRIVES"
check_status "PATCH of a drive to a quota of 2^63-1 bytes gets 422" \
	422 -X PATCH "${AUTH[@]}" "${JSON[@]}" -d "{\"quota\":$HUGE}" "$DRIVES/$S"
in_database "UPDATE drive SET quota = $HUGE WHERE id = $S"
check_status "PUT of 1.9 MB to a drive that has such a quota all the same gets 201" \
	201 -T "$WORK/large" "${AUTH[@]}" "$DRIVES/$S/files/huge"
check_status "PATCH of the drive to its former quota gets 200" \
	200 -X PATCH "${AUTH[@]}" "${JSON[@]}" -d "{\"quota\":$SMALL}" "$DRIVES/$S"

# ---- rows ----
cat >"$WORK/rows.py" <<'PY'
import base64, json, sys, urllib.error, urllib.request
url, token = sys.argv[1:3]
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
def ask(method, path, body=None, **headers):
    r = urllib.request.Request(url + path, None if body is None else json.dumps(body).encode(), {"Authorization": token, "Content-Type": "application/json", **headers}, method=method)
    try:
        with opener.open(r, timeout=60) as a: return a.status, json.loads(a.read() or b"{}")
    except urllib.error.HTTPError as e: return e.code, json.loads(e.read() or b"{}")
session = ask("POST", "/sessions", {"name": "m"})[1]["session"]
drive = int(ask("GET", "")[1]["id"])
status, item = ask("GET", "/items?path=/fits")
held = [str(drive << 32 | 5000000 + i) for i in range(20000)] + [item["id"]]
print("held", ask("POST", "/changes", {"since": 0, "wait": 0, "limit": 1, "session": session, "held": held})[0])
value = base64.b64encode(bytes(65536)).decode()
for n in range(20):
    status, answer = ask("POST", "/ops", {"ops": [{"op": "setxattr", "id": item["id"], "name": f"user.{n}", "value_b64": value}]})
    if status != 200: break
print("xattrs", n, status, answer.get("errno"))
def folders(count): return ask("POST", "/ops", {"ops": [{"op": "create", "parent": item["parent"], "name": f"folder {made + n}", "type": "dir"} for n in range(count)]})
made, status, answer = 0, 200, {}
while status == 200 and made < 10000:
    status, answer = folders(500)
    made += 500 * (status == 200)
drive = ask("GET", "")[1]
print("folders", status, answer.get("errno"), drive["documents_max"] - drive["documents"] < 500)
pages, seqs, names, cursor = 0, set(), [], ""
while cursor is not None:
    status, page = ask("GET", f"/items/{item['id']}/xattrs" + (f"?cursor={cursor}" if cursor else ""))
    pages, cursor = pages + 1, page["next"]
    seqs.add(page["seq"])
    names += [x["name"] for x in page["xattrs"]]
print("listed", status, pages, len(seqs), len(set(names)), len(names))
PY
check_status "PUT of a larger quota for the new user by an administrator gets 200" \
	200 -X PUT "${AUTH[@]}" "${JSON[@]}" -d '{"quota":5000000}' "$V2/docs/accounts/$user"
python3 "$WORK/rows.py" "$DRIVES/$D" "${THEIRS[1]#Authorization: }" >"$WORK/rows"
check_eq "a poll that reports 20,000 missing documents and an existing one as held gets 200" \
	"held 200" "$(sed -n 1p "$WORK/rows")"
check_eq "of the 20,001 documents that a poll reports as held, the database records only the existing one" \
	1 "$(in_database "SELECT count(*) FROM hold WHERE node >> 32 = $D")"
check_eq "the sixteenth xattr of 64 KiB of a document gets 507 ENOSPC" \
	"xattrs 15 507 ENOSPC" "$(sed -n 2p "$WORK/rows")"
check_eq "empty folders get 507 EDQUOT when the drive has no more documents left" \
	"folders 507 EDQUOT True" "$(sed -n 3p "$WORK/rows")"
check_eq "all fifteen xattrs are listed once, in five pages with one seq" \
	"listed 200 5 1 15 15" "$(sed -n 4p "$WORK/rows")"

# ---- drives ----
for ((i = 0; i < 40; i++)); do
	http "${THEIRS[@]}" "${JSON[@]}" -d '{"name":"more"}' "$DRIVES" | grep -qx 201 || break
done
check "the user can make at most thirty more drives" test "$i" -le 30
check_eq "the refusal of one more drive has the errno EDQUOT" EDQUOT "$(jq -r .errno "$WORK/body")"
e2e_end
