#!/usr/bin/env bash
# Goal: the check of the whole store finds each kind of damage that rows and blocks can have, and names it by the
# path of the document. It repairs what it can derive from other data. It does not take a concurrent change for
# damage.
. "$(dirname "$0")/../lib/e2e.sh"
. "$(dirname "$0")/../lib/docs.sh"

start_docs docs-1 --upkeep-period 3600
start_docs docs-2 --upkeep-period 3600
U=$URL_docs_1
ask GET "$H" >/dev/null
D=$(value .id)
F=$V2/fsck
number() { psql -X -q -A -t "$DATABASE" -c "$1"; }
id_of() { ask GET "$H/items?path=/$1" >/dev/null; value .id; }
over() { [ "$(ask GET "$F")" = 200 ] && [ "$(value .state)" != running ]; }

# check_store [REPAIR]: runs a check to its end. Sets FOUND and MENDED; $WORK/found has the findings as "kind path
# mended".
check_store() {
	local status
	status=$(ask POST "$F" "{\"repair\":${1:-false}}")
	[ "$status" = 202 ] || { fail "a check begins" "$status"; return; }
	eventually 60 over
	if [ "$(value .state)" != done ]; then
		fail "a check comes to its end" "$(cat "$WORK/body")" "$(cat "$WORK"/docs-*.log | grep op=fsck | tail -n 3)"
		e2e_end
		exit 1
	fi
	FOUND=$(value .found) MENDED=$(value .mended)
	ask GET "$F/findings" >/dev/null
	cp "$WORK/body" "$WORK/findings"
	jq -r '.items[] | "\(.kind) \(.path // "-") \(.mended)"' "$WORK/body" | sort -u >"$WORK/found"
}

# planted SENTENCE KIND PATH MENDED SQL: the SQL does damage; the check finds it at that path, and repairs it or not.
# Then the store is whole again.
planted() {
	number "$5" >/dev/null || fail "$1: the damage is done"
	check_store
	check "$1: it is found" grep -qxE "$2 $3 false" "$WORK/found"
	check_store true
	check "$1: it is ${4/true/mended}" grep -qxE "$2 $3 $4" "$WORK/found"
	[ "$4" = true ] || return
	check_store
	check_eq "$1: nothing is left of it" "0 0" "$FOUND $MENDED"
	[ "$FOUND" = 0 ] || cat "$WORK/found"
}

# ---- a store with every kind of content ----
head -c 9000000 /dev/urandom >"$WORK/large"
head -c 5000 /dev/urandom >"$WORK/small"
check_eq "a file" 201 "$(http -T "$WORK/large" "${AS[@]}" "$U$H/files/a/b/large?parents=true")"
check_eq "another" 201 "$(http -T "$WORK/large" "${AS[@]}" "$U$H/files/a/copy")"
check_eq "a small one" 201 "$(http -T "$WORK/small" "${AS[@]}" "$U$H/files/a/small")"
for i in 1 2 3 4 5; do http -T "$WORK/small" "${AS[@]}" "$U$H/files/many/f$i?parents=true" >/dev/null; done
LARGE=$(id_of a/b/large) A=$(id_of a) B=$(id_of a/b) SMALL=$(id_of a/small)
ops() { ask POST "$H/ops" "{\"ops\":[$1]}"; }
check_eq "a further name" 200 "$(ops "{\"op\":\"link\",\"id\":\"$LARGE\",\"parent\":\"$A\",\"name\":\"second\"}")"
check_eq "an xattr" 200 "$(ops "{\"op\":\"setxattr\",\"id\":\"$SMALL\",\"name\":\"user.a\",\"value_b64\":\"AAAA\"}")"
check_eq "a file that goes" 204 "$(ask DELETE "$H/files/many/f5")"
as 2
ask GET "$H" >/dev/null
check_eq "a drive of another user" 201 "$(http -T "$WORK/small" "${AS[@]}" "$U$H/files/theirs")"

# ---- permissions ----
check_eq "a user does not start a check" 403 "$(ask POST "$F" '{}')"
check_eq "nor see what it found" 403 "$(ask GET "$F/findings")"
as 1 1
check_eq "nobody has checked the store yet" "200 never" "$(ask GET "$F") $(value .state)"
check_eq "repair is yes or no" 422 "$(ask POST "$F" '{"repair":"much"}')"
check_store
check_eq "a store as it was made is clean" "0 0" "$FOUND $MENDED"
[ "$FOUND" = 0 ] || cat "$WORK/found"
check_eq "all of it was looked at" "2 3" "$(jq -r '"\(.drives)"' <(ask GET "$F" >/dev/null; cat "$WORK/body")) $(value .blocks)"

# ---- damage that can be repaired ----
planted "a wrong link count" links /a/b/large true "UPDATE node SET nlink = 5 WHERE id = $LARGE"
planted "a wrong link count of a folder" links /a true "UPDATE node SET nlink = 9 WHERE id = $A"
planted "a wrong count of entries" children /a true "UPDATE node SET children = 77 WHERE id = $A"
planted "wrong bytes" allocated /a/b/large true "UPDATE node SET allocated = allocated + 1 WHERE id = $LARGE"
planted "a wrong count of extents" extents /a/b/large true "UPDATE node SET extents = extents + 3 WHERE id = $LARGE"
planted "a wrong charge" charged /a/small true "UPDATE node SET charged = 1 WHERE id = $SMALL"
planted "xattrs that nobody would look for" xattrs /a/small true \
	"UPDATE node SET mode = mode & ~65536 WHERE id = $SMALL"
planted "a name that leads nowhere" entry-without-document /a/ghost true \
	"INSERT INTO entry VALUES ($A, ($D::bigint << 32) + 999999, false, 'ghost')"
planted "a name in no folder" entry-without-folder /lost true \
	"INSERT INTO entry VALUES (($D::bigint << 32) + 888888, $LARGE, true, 'lost')"
planted "a further name that is not marked" entry-unmarked /a/second true \
	"UPDATE entry SET linked = false WHERE parent = $A AND name = 'second'"
planted "a name that is gone" name-lost /a/small true "DELETE FROM entry WHERE child = $SMALL"
planted "the first of two names" name-lost /a/b/large true "DELETE FROM entry WHERE child = $LARGE AND name = 'large'"
planted "content of no document" extent-without-document - true \
	"INSERT INTO extent (node, at, len, generation, kind, from_, block_size, data) VALUES (($D::bigint << 32) + 777777, 0, 1, 0, 0, 0, 0, 'x')"
planted "xattrs of no document" xattr-without-document - true \
	"INSERT INTO xattr VALUES (($D::bigint << 32) + 777777, 'user.a', 'x')"
planted "a wrong usage" drive-used - true "UPDATE drive SET used = used + 1000 WHERE id = $D"
planted "a wrong count of documents" drive-documents - true "UPDATE drive SET documents = 1 WHERE id = $D"
planted "a wrong count of all extents" drive-extents - true "UPDATE drive SET extents = 99 WHERE id = $D"
planted "a wrong sum of blocks" drive-blocks - true "UPDATE drive_blocks SET bytes = bytes + 5 WHERE drive = $D"
check_eq "a block that nothing names" 201 \
	"$(http -T "$WORK/small" -H 'Expect:' "${AS[@]}" "$U$V2/drives/$D/blocks/$(sha256sum "$WORK/small" | head -c 64)")"
planted "a block that nobody would collect" block-leaked - true \
	"UPDATE block SET doubtful = false WHERE sha256 = '\\x$(sha256sum "$WORK/small" | head -c 64)'"
planted "the row of a block that is gone" block-missing /a/copy true \
	"DELETE FROM block WHERE drive = $D AND sha256 = (SELECT sha256 FROM extent WHERE node = $LARGE OR node IN (SELECT child FROM entry WHERE name = 'copy') ORDER BY sha256 LIMIT 1)"
planted "a journal with a gap" journal-gap - true "DELETE FROM journal WHERE drive = $D AND seq = 4"
check_eq "who asks for what was in front of it is told so" 410 "$(as 1; ask GET "$H/changes?since=2")"
check_eq "who asks behind it is not" 200 "$(as 1; ask GET "$H/changes?since=5")"
planted "a journal that ends too early" journal-end - true \
	"DELETE FROM journal j WHERE drive = $D AND seq = (SELECT seq FROM drive WHERE id = $D)"
check_eq "the drive goes on behind it" 201 "$(as 1; http -T "$WORK/small" "${AS[@]}" "$U$H/files/after")"
as 1 1
check_store
check_eq "and is clean" 0 "$FOUND"

# ---- damage that cannot ----
# The disk refuses to read the block, for both instances: either of them may run the check.
TRACERS=()
traced() {
	local task
	for task in /proc/"$PID_docs_1"/task/* /proc/"$PID_docs_2"/task/*; do
		grep -q 'TracerPid:[[:space:]]*[1-9]' "$task/status" || return 1
	done
}
refuse_reads() {
	local pid
	for pid in "$PID_docs_1" "$PID_docs_2"; do
		strace -f -qq -o "$WORK/trace.$pid" -P "$BLOCK" -e trace=pread64 -e inject=pread64:error=EIO -p "$pid" &
		TRACERS+=($!)
	done
	eventually 10 traced || fail "strace does not attach" "$(cat "$WORK"/trace.*)"
}
end_tracers() {
	[ ${#TRACERS[@]} -gt 0 ] || return 0
	kill "${TRACERS[@]}"
	wait "${TRACERS[@]}" 2>/dev/null # without this the shell would print "Terminated"
	TRACERS=()
}
damaged() { # SENTENCE KIND COMMAND…: what the command does to the largest block of a/copy
	local sentence=$1 kind=$2
	shift 2
	cp -p "$BLOCK" "$WORK/kept"
	"$@"
	check_store true
	check "$sentence is found" grep -qx "$kind /a/copy false" "$WORK/found"
	check_eq "by the document's id" "$(id_of a/copy)" \
		"$(jq -r --arg k "$kind" '[.items[] | select(.kind == $k and .path == "/a/copy") | .id][0]' "$WORK/findings")"
	cp -p "$WORK/kept" "$BLOCK"
	end_tracers
	check_store
	check_eq "and it alone: with the bytes back all is well" 0 "$FOUND"
}
hash=$(number "SELECT encode(sha256, 'hex') FROM extent WHERE node = $(id_of a/copy) AND kind = 1 ORDER BY at LIMIT 1")
BLOCK=$(find "$WORK/blocks" -type f -name "$D-*$hash*" | head -1)
[ -n "$BLOCK" ] || BLOCK=$(find "$WORK/blocks" -type f | xargs sha256sum | sed -n "s/^$hash  //p" | head -1)
flip() { printf 'X' | dd of="$BLOCK" bs=1 seek=1234567 conv=notrunc status=none; printf 'Y' | dd of="$BLOCK" bs=1 seek=1234568 conv=notrunc status=none; }
damaged "a byte that has turned" block-digest flip
damaged "a block that is cut" block-size truncate -s 1000 "$BLOCK"
damaged "a block that is gone" block-lost rm "$BLOCK"
damaged "a block that cannot be read" block-unreadable refuse_reads
planted "extents over each other" extents-overlap /a/second false \
	"UPDATE extent SET at = at - 1 WHERE node = $LARGE AND at > 0 AND at = (SELECT max(at) FROM extent WHERE node = $LARGE)"
number "UPDATE extent SET at = at + 1 WHERE node = $LARGE AND at = (SELECT max(at) FROM extent WHERE node = $LARGE)" >/dev/null
planted "content beyond the end" extent-bad /a/small false "UPDATE node SET size = 10 WHERE id = $SMALL"
number "UPDATE node SET size = 5000 WHERE id = $SMALL" >/dev/null
planted "a folder in itself" unreachable "(/b)+" false \
	"UPDATE node SET parent = id WHERE id = $B; UPDATE entry SET parent = $B WHERE child = $B"
number "UPDATE node SET parent = $A WHERE id = $B; UPDATE entry SET parent = $A WHERE child = $B" >/dev/null
planted "a document of the future" ahead /a/small false "UPDATE node SET seq = seq + 1000000 WHERE id = $SMALL"
number "UPDATE node SET seq = seq - 1000000 WHERE id = $SMALL" >/dev/null
planted "a number that would be given again" number /a/small false "UPDATE drive SET next_number = 3 WHERE id = $D"
number "UPDATE drive SET next_number = 100000 WHERE id = $D" >/dev/null
ROOT="$D::bigint << 32 | 1"
planted "a drive without a root" root - false "UPDATE node SET parent = id + 1 WHERE id = ($ROOT)"
number "UPDATE node SET parent = id WHERE id = ($ROOT)" >/dev/null
planted "rows of no drive" stray - false \
	"INSERT INTO journal SELECT 4711, op, what, seq, id, parent, old_parent, replaced, from_, len, made_at, name, old_name, key FROM journal WHERE drive = $D LIMIT 1"
number "DELETE FROM journal WHERE drive = 4711" >/dev/null
check_store true
check_store
check_eq "with all of it undone the store is clean" 0 "$FOUND"
[ "$FOUND" = 0 ] || cat "$WORK/found"

# ---- clients see a repair ----
as 1
incarnation() { ask GET "$H" >/dev/null; value .incarnation; }
before=$(incarnation)
number "UPDATE node SET nlink = 7 WHERE id = $SMALL" >/dev/null
as 1 1
check_store true
as 1
check "a mend is another life of the drive: nothing that was kept of it holds" test "$(incarnation)" -gt "$before"
check_eq "and a change is made on what is true" 200 \
	"$(ops "{\"op\":\"link\",\"id\":\"$SMALL\",\"parent\":\"$A\",\"name\":\"third\"}")"
ask GET "$H/items/$SMALL" >/dev/null
check_eq "with the count that is right" 2 "$(value .nlink)"
as 1 1

# ---- while the store is in use, and when an instance dies ----
cat >"$WORK/writer.py" <<'PY'
import json, os, sys, time, urllib.request
url, work, n = sys.argv[1], sys.argv[2], sys.argv[3]
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
def ask(method, path, body=None, kind="application/octet-stream"):
    r = urllib.request.Request(url + path, body, {"Nephos-User": "1", "Nephos-Admin": "0", "Content-Type": kind}, method=method)
    try: return opener.open(r, timeout=60).read()
    except urllib.error.HTTPError: return b""
i = 0
while not os.path.exists(work + "/stop"):
    i += 1
    ask("PUT", f"/files/w{n}/{i % 20}/f?parents=true", os.urandom(40000 if i % 3 else 100))
    if i % 4 == 0: ask("DELETE", f"/files/w{n}/{(i + 7) % 20}/f")
    if i % 5 == 0: ask("DELETE", f"/files/w{n}/{(i + 3) % 20}")
print(i)
PY
URL_DRIVE=$URL_docs_2$V2/drives/$D
python3 "$WORK/writer.py" "$URL_DRIVE" "$WORK" 1 >"$WORK/w1" & W1=$!
python3 "$WORK/writer.py" "$URL_DRIVE" "$WORK" 2 >"$WORK/w2" & W2=$!
rounds=0
for ((i = 0; i < 8; i++)); do
	check_store
	[ "$FOUND" = 0 ] || { fail "changes are no damage" "$(cat "$WORK/found")"; break; }
	rounds=$((rounds + 1))
done
check_eq "eight checks while two write find nothing" 8 "$rounds"
touch "$WORK/stop"
wait "$W1" "$W2"
check "who wrote meanwhile was not kept waiting" test "$(cat "$WORK/w1")" -gt 20
number "UPDATE fsck SET state = 1, run = run + 1, phase = 0, drive = 0, found = 0, mended = 0, holder = 'somebody', seen_at = now()" >/dev/null
check_eq "a check that runs is not started again" "200 running" "$(ask POST "$F" '{"repair":false}') $(value .state)"
check_eq "nor one of the other kind" "409 EBUSY" "$(ask POST "$F" '{"repair":true}') $(value .errno)"
number "UPDATE fsck SET seen_at = now() - interval '2 min', phase = 3, drive = $D, at_number = $D::bigint << 32, page = 4, drives = 0" >/dev/null
check "whose instance is gone goes on elsewhere" eventually 30 over
check_eq "from where it was" "done 2" "$(value .state) $(value .drives)"
number "UPDATE fsck SET state = 1, holder = 'somebody', seen_at = now()" >/dev/null
check_eq "a check can be stopped" "200 stopped" "$(ask DELETE "$F") $(value .state)"
check_eq "no failure was logged" 0 "$(cat "$WORK"/docs-*.log | grep -c '"level":"error"')"
e2e_end
