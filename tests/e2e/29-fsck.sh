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
ROOT="$D::bigint << 32 | 1"
F=$V2/fsck
# Findings of one kind: check_details SENTENCE KIND WANTED, as "path removed is detail" without the generation's number.
check_details() {
	check_eq "$1" "$3" "$(jq -r --arg k "$2" '.items[] | select(.kind == $k) | "\(.path) \(.removed) \(.is) \(.detail)"' \
		"$WORK/findings" | sed 's/generation [0-9]*/generation N/' | sort -u)"
}
number() { psql -X -q -A -t "$DATABASE" -c "$1"; }
id_of() { ask GET "$H/items?path=/$1" >/dev/null; value .id; }
over() { [ "$(ask GET "$F")" = 200 ] && [ "$(value .state)" != running ]; }

# check_store [REPAIR]: runs a check to its end. Sets FOUND and MENDED; $WORK/found has the findings as "kind path
# mended".
check_store() {
	local status
	status=$(ask POST "$F" "{\"repair\":${1:-false}}")
	[ "$status" = 202 ] || { fail "POST of a check gets 202" "$status"; return; }
	eventually 60 over
	if [ "$(value .state)" != done ]; then
		fail "the check ends in the state done" \
			"$(cat "$WORK/body")" "$(cat "$WORK"/docs-*.log | grep op=fsck | tail -n 3)"
		e2e_end
		exit 1
	fi
	FOUND=$(value .found) MENDED=$(value .mended)
	ask GET "$F/findings" >/dev/null
	cp "$WORK/body" "$WORK/findings"
	jq -r '.items[] | "\(.kind) \(.path // "-") \(.mended)"' "$WORK/body" | sort -u >"$WORK/found"
}

# planted DAMAGE KIND PATH MENDED SQL: the SQL does damage; the check finds it at that path, and repairs it or not.
# Then the store is whole again.
planted() {
	number "$5" >/dev/null || fail "the SQL that makes $1 succeeds"
	check_store
	check "a check reports $1" grep -qxE "$2 $3 false" "$WORK/found"
	check_store true
	check "a check with repair reports $1 with mended=$4" grep -qxE "$2 $3 $4" "$WORK/found"
	[ "$4" = true ] || return
	check_store
	check_eq "a check reports nothing after the repair of $1" "0 0" "$FOUND $MENDED"
	[ "$FOUND" = 0 ] || cat "$WORK/found"
}

# ---- a store with every kind of content ----
head -c 9000000 /dev/urandom >"$WORK/large"
head -c 5000 /dev/urandom >"$WORK/small"
check_eq "PUT of a file of 9 MB gets 201" 201 "$(http -T "$WORK/large" "${AS[@]}" "$U$H/files/a/b/large?parents=true")"
check_eq "PUT of a second file with the same 9 MB gets 201" \
	201 "$(http -T "$WORK/large" "${AS[@]}" "$U$H/files/a/copy")"
check_eq "PUT of a file of 5 kB gets 201" 201 "$(http -T "$WORK/small" "${AS[@]}" "$U$H/files/a/small")"
for i in 1 2 3 4 5; do http -T "$WORK/small" "${AS[@]}" "$U$H/files/many/f$i?parents=true" >/dev/null; done
LARGE=$(id_of a/b/large) A=$(id_of a) B=$(id_of a/b) SMALL=$(id_of a/small)
ops() { ask POST "$H/ops" "{\"ops\":[$1]}"; }
check_eq "a batch that gives the file of 9 MB a second name gets 200" \
	200 "$(ops "{\"op\":\"link\",\"id\":\"$LARGE\",\"parent\":\"$A\",\"name\":\"second\"}")"
check_eq "a batch that sets an xattr of the file of 5 kB gets 200" \
	200 "$(ops "{\"op\":\"setxattr\",\"id\":\"$SMALL\",\"name\":\"user.a\",\"value_b64\":\"AAAA\"}")"
check_eq "DELETE of a file gets 204" 204 "$(ask DELETE "$H/files/many/f5")"
as 2
ask GET "$H" >/dev/null
ask GET "$H" >/dev/null
D2=$(value .id)
check_eq "PUT of a file by a second user gets 201" 201 "$(http -T "$WORK/small" "${AS[@]}" "$U$H/files/theirs")"

# ---- permissions ----
check_eq "POST of a check by an ordinary user gets 403" 403 "$(ask POST "$F" '{}')"
check_eq "GET of the findings by an ordinary user gets 403" 403 "$(ask GET "$F/findings")"
as 1 1
check_eq "GET of the check of a store that was never checked gets 200 and the state never" \
	"200 never" "$(ask GET "$F") $(value .state)"
check_eq "POST of a check with a word as repair gets 422" 422 "$(ask POST "$F" '{"repair":"much"}')"
check_store
check_eq "a check of a store without damage reports nothing" "0 0" "$FOUND $MENDED"
[ "$FOUND" = 0 ] || cat "$WORK/found"
check_eq "a check of the store counts two drives and three blocks" \
	"2 3" "$(jq -r '"\(.drives)"' <(ask GET "$F" >/dev/null; cat "$WORK/body")) $(value .blocks)"

# ---- damage that can be repaired ----
planted "a wrong link count of a file" links /a/b/large true "UPDATE node SET nlink = 5 WHERE id = $LARGE"
planted "a wrong link count of a folder" links /a true "UPDATE node SET nlink = 9 WHERE id = $A"
planted "a wrong count of a folder's entries" children /a true "UPDATE node SET children = 77 WHERE id = $A"
planted "a wrong number of a file's allocated bytes" \
	allocated /a/b/large true "UPDATE node SET allocated = allocated + 1 WHERE id = $LARGE"
planted "a wrong count of a file's extents" \
	extents /a/b/large true "UPDATE node SET extents = extents + 3 WHERE id = $LARGE"
planted "a wrong number of a file's charged bytes" charged /a/small true "UPDATE node SET charged = 1 WHERE id = $SMALL"
planted "an xattr of a file that is marked as having none" xattrs /a/small true \
	"UPDATE node SET mode = mode & ~65536 WHERE id = $SMALL"
planted "a name of a document that does not exist" entry-without-document /a/ghost true \
	"INSERT INTO entry VALUES ($A, ($D::bigint << 32) + 999999, false, 'ghost')"
planted "a name in a folder that does not exist" entry-without-folder /lost true \
	"INSERT INTO entry VALUES (($D::bigint << 32) + 888888, $LARGE, true, 'lost')"
planted "a second name that is not marked as a further one" entry-unmarked /a/second true \
	"UPDATE entry SET linked = false WHERE parent = $A AND name = 'second'"
planted "a file that has lost its only name" name-lost /a/small true "DELETE FROM entry WHERE child = $SMALL"
planted "a file that has lost the first of its two names" \
	name-lost /a/b/large true "DELETE FROM entry WHERE child = $LARGE AND name = 'large'"
planted "an extent of a document that does not exist" extent-without-document - true \
	"INSERT INTO extent (node, at, len, generation, kind, from_, block_size, data) VALUES (($D::bigint << 32) + 777777, 0, 1, 0, 0, 0, 0, 'x')"
planted "an xattr of a document that does not exist" xattr-without-document - true \
	"INSERT INTO xattr VALUES (($D::bigint << 32) + 777777, 'user.a', 'x')"
planted "a wrong number of a drive's used bytes" drive-used - true "UPDATE drive SET used = used + 1000 WHERE id = $D"
planted "a wrong count of a drive's documents" drive-documents - true "UPDATE drive SET documents = 1 WHERE id = $D"
planted "a wrong count of a drive's extents" drive-extents - true "UPDATE drive SET extents = 99 WHERE id = $D"
planted "a wrong sum of a drive's block bytes" \
	drive-blocks - true "UPDATE drive_blocks SET bytes = bytes + 5 WHERE drive = $D"
check_eq "PUT of a block that no document uses gets 201" 201 \
	"$(http -T "$WORK/small" -H 'Expect:' "${AS[@]}" "$U$V2/drives/$D/blocks/$(sha256sum "$WORK/small" | head -c 64)")"
planted "an unused block that is not marked for collection" block-leaked - true \
	"UPDATE block SET doubtful = false WHERE sha256 = '\\x$(sha256sum "$WORK/small" | head -c 64)'"
planted "a used block whose row is missing" block-missing /a/copy true \
	"DELETE FROM block WHERE drive = $D AND sha256 = (SELECT sha256 FROM extent WHERE node = $LARGE OR node IN (SELECT child FROM entry WHERE name = 'copy') ORDER BY sha256 LIMIT 1)"
planted "a gap in a journal" journal-gap - true "DELETE FROM journal WHERE drive = $D AND seq = 4"
check_eq "GET of the changes since a seq before the gap gets 410" 410 "$(as 1; ask GET "$H/changes?since=2")"
check_eq "GET of the changes since a seq after the gap gets 200" 200 "$(as 1; ask GET "$H/changes?since=5")"
planted "a journal without its last entry" journal-end - true \
	"DELETE FROM journal j WHERE drive = $D AND seq = (SELECT seq FROM drive WHERE id = $D)"
check_eq "PUT of a file after the repair of the journal's end gets 201" \
	201 "$(as 1; http -T "$WORK/small" "${AS[@]}" "$U$H/files/after")"
as 1 1
check_store
check_eq "a check after all repairs and one more PUT reports nothing" 0 "$FOUND"

# ---- a folder whose row is wrong is still found by its only entry ----
check_eq "PUT of a file below the folder gets 201" 201 "$(as 1; http -T "$WORK/small" "${AS[@]}" "$U$H/files/a/b/below")"
reachable() { check_eq "GET of a file below the folder gets 200 after the repair of $1" 200 "$(as 1; ask GET "$H/files/a/b/below")"; }
planted "a folder's row with the name of another document" entry-unmarked /a/b true \
	"UPDATE node SET name = 'copy' WHERE id = $B"
reachable "a row with the name of another document"
planted "a folder's row with a parent that does not exist" entry-unmarked /a/b true \
	"UPDATE node SET parent = ($D::bigint << 32) + 888888 WHERE id = $B"
reachable "a row with a parent that does not exist"
planted "a folder's row with a name that no entry has" entry-unmarked /a/b true \
	"UPDATE node SET name = 'garbage' WHERE id = $B"
reachable "a row with a name that no entry has"
check_eq "the repaired row of the folder has the name of the entry" b "$(number "SELECT convert_from(name, 'UTF8') FROM node WHERE id = $B")"
planted "a second name of a folder" entry-unmarked /b-again true \
	"INSERT INTO entry VALUES ($ROOT, $B, false, 'b-again')"
reachable "a second name of a folder"

# ---- documents that have lost their types ----
as 1
AFTER=$(id_of after)
check_eq "a batch that makes a symlink, an empty file and a further link gets 200" 200 "$(ops "
	{\"op\":\"create\",\"parent\":\"$A\",\"name\":\"symlink\",\"type\":\"symlink\",\"target\":\"small\"},
	{\"op\":\"create\",\"parent\":\"$A\",\"name\":\"empty\",\"type\":\"file\"},
	{\"op\":\"link\",\"id\":\"$AFTER\",\"parent\":\"$A\",\"name\":\"further\"}")"
SYMLINK=$(id_of a/symlink) EMPTY=$(id_of a/empty)
as 1 1
mode_of() { number "SELECT to_hex(mode) FROM node WHERE id = $1"; }
# typeless NAME PATH ID: the document of that sentence and path loses its type, and gets it back.
typeless() {
	local before
	before=$(mode_of "$3")
	planted "$1 whose row has lost its type" type-bad "$2" true "UPDATE node SET mode = mode & ~61440 WHERE id = $3"
	check_eq "the mode of $1 is the former one" "$before" "$(mode_of "$3")"
	[ -n "${E2E_LONG:-}" ] || return 0
	planted "$1 whose row has a type that does not exist" type-bad "$2" true \
		"UPDATE node SET mode = mode | 61440 WHERE id = $3"
	check_eq "the mode of $1 is the former one again" "$before" "$(mode_of "$3")"
}
typeless "a folder" /a "$A"
reachable "a folder that had lost its type"
further() { check_eq "a further link in $1 is still there" 200 "$(as 1; ask GET "$H/items?path=/a/further")"; }
further "a folder that had lost its type"
if [ -n "${E2E_LONG:-}" ]; then
	typeless "the root" / "($ROOT)"
	typeless "a file" /a/small "$SMALL"
	typeless "a symlink" /a/symlink "$SYMLINK"
fi
planted "an empty file whose row has lost its type" type-bad /a/empty false \
	"UPDATE node SET mode = mode & 4095 WHERE id = $EMPTY"
check_eq "nothing else is found beside an empty file that has lost its type" "type-bad /a/empty false" "$(cat "$WORK/found")"
number "UPDATE node SET mode = mode | 32768 WHERE id = $EMPTY" >/dev/null
planted "a folder that has lost its type, and has the target of a symlink" type-bad /a false \
	"UPDATE node SET mode = mode & 4095, target = 'x' WHERE id = $A"
check_not "a check reports no entry of a folder that has lost its type" grep -q entry- "$WORK/found"
check_eq "a repair leaves the mode of such a folder as it is" "$(number "SELECT to_hex(mode & 4095) FROM node WHERE id = $A")" \
	"$(mode_of "$A")"
number "UPDATE node SET target = '' WHERE id = $A" >/dev/null
check_store true
check "a check with repair gives the folder its type once the target is gone" grep -qx "type-bad /a true" "$WORK/found"
check_store
check_eq "a check reports nothing after the folder has its type again" 0 "$FOUND"
[ "$FOUND" = 0 ] || cat "$WORK/found"
reachable "a folder that had lost its type and had a target"
further "a folder that had lost its type and had a target"
planted "a folder that has lost its type, whose only entry leads nowhere" type-bad /a/hollow true \
	"INSERT INTO node SELECT (n.id >> 32 << 32) + 66666, $A, 0, 0, 0, 0, 0, 0, 0, 0, 0, n.seq, n.seq, 1, 0, 493, 2, NULL, 'hollow', '' FROM node n WHERE n.id = $A;
	INSERT INTO entry VALUES ($A, ($D::bigint << 32) + 66666, false, 'hollow'), (($D::bigint << 32) + 66666, ($D::bigint << 32) + 55555, false, 'nowhere');
	UPDATE node SET children = children + 1, nlink = nlink + 1 WHERE id = $A; UPDATE drive SET documents = documents + 1, next_number = 100000 WHERE id = $D"
check_eq "rmdir of that folder gets 200 after the repair" 200 "$(as 1; ops "{\"op\":\"rmdir\",\"parent\":\"$A\",\"name\":\"hollow\"}")"

# ---- rows of the document with the number 0, which no document has, and other numbers below 1 ----
# test_fsck_pg has the same cases without the services.
impossible_numbers() {
	ZERO="($D::bigint << 32)"
	planted "an entry without a name in a folder with the number 0" entry-without-folder / true \
		"INSERT INTO entry VALUES ($ZERO, $LARGE, true, '')"
	planted "an extent of a document with the number 0" extent-without-document - true \
		"INSERT INTO extent (node, at, len, generation, kind, from_, block_size, data) VALUES ($ZERO, 0, 1, 0, 0, 0, 0, 'x')"
	planted "an extent at a negative offset of a document with the number 0" extent-without-document - true \
		"INSERT INTO extent (node, at, len, generation, kind, from_, block_size, data) VALUES ($ZERO, -9, 1, 0, 0, 0, 0, 'x')"
	planted "an xattr without a name of a document with the number 0" xattr-without-document - true \
		"INSERT INTO xattr VALUES ($ZERO, '', 'x')"
	planted "a document with the number 0" number /zero false \
		"INSERT INTO node SELECT $ZERO, n.parent, 0, 0, 0, 0, 0, 0, 0, 0, 0, n.seq, n.seq, 0, 0, 33188, 1, NULL, 'zero', '' FROM node n WHERE n.id = ($ROOT);
		INSERT INTO entry VALUES ($ROOT, $ZERO, false, 'zero')"
	number "DELETE FROM node WHERE id = $ZERO; DELETE FROM entry WHERE child = $ZERO" >/dev/null
	check_store true
	planted "a document with the number 0 that is nowhere" name-lost /zero false \
		"INSERT INTO node SELECT $ZERO, n.id + 44444, 0, 0, 0, 0, 0, 0, 0, 0, 0, n.seq, n.seq, 0, 0, 33188, 1, NULL, 'zero', '' FROM node n WHERE n.id = ($ROOT)"
	number "DELETE FROM node WHERE id = $ZERO" >/dev/null
	check_store true
	for seq in 0 -9; do
		planted "a journal entry with the number $seq" journal-number - true \
			"INSERT INTO journal SELECT drive, op, what, $seq, id, parent, old_parent, replaced, from_, len, made_at, name, old_name, key FROM journal WHERE drive = $D LIMIT 1"
	done
	number "INSERT INTO journal SELECT drive, op, what, 0, id, parent, old_parent, replaced, from_, len, made_at, name, old_name, key FROM journal WHERE drive = $D LIMIT 1" >/dev/null
	check_store
	check_details "the finding of a journal entry with the number 0 says its number" journal-number "null null null it is 0"
	check_store true
	planted "a block whose hash is empty" block-lost - false \
		"INSERT INTO block (drive, size, generation, uploader, sha256) VALUES ($D, 0, 1, 1, '')"
	planted "a block whose hash is too short" block-lost - false \
		"UPDATE block SET sha256 = '\\xff00' WHERE drive = $D AND sha256 = ''"
	number "DELETE FROM block WHERE length(sha256) < 32" >/dev/null
	for id in 0 -9; do
		planted "a drive with the number $id" stray - false \
			"INSERT INTO drive (id, owner, name, home) OVERRIDING SYSTEM VALUE VALUES ($id, 99, 'x', false)"
		number "DELETE FROM drive WHERE id = $id" >/dev/null
	done
	check_store true
	check_store
	check_eq "a check reports nothing after all rows with impossible numbers are gone" 0 "$FOUND"
	[ "$FOUND" = 0 ] || cat "$WORK/found"
}
[ -z "${E2E_LONG:-}" ] || impossible_numbers

# ---- rows that contradict each other ----
planted "a name of a document that is marked as removed" entry-to-removed /a/small true \
	"UPDATE node SET orphaned_at = now() - interval '1 h' WHERE id = $SMALL"
planted "a name of another drive's document" entry-without-document /foreign true \
	"INSERT INTO entry VALUES ($D2::bigint << 32 | 1, $SMALL, true, 'foreign')"
planted "an entry whose name has a slash" name-bad /a/x/y true "UPDATE entry SET name = 'x/y' WHERE child = $SMALL"
planted "an entry without a name" name-bad /a/ true "UPDATE entry SET name = '' WHERE child = $SMALL"
planted "an entry whose name is too long" name-bad "/a/x{300}" true \
	"UPDATE entry SET name = convert_to(repeat('x', 300), 'UTF8') WHERE child = $SMALL"
planted "a folder's entry with the name .." name-bad "/a/\\.\\." true "UPDATE entry SET name = '..' WHERE child = $B"
planted "a file's row whose name has a slash" name-lost /a/x/y true "UPDATE node SET name = 'x/y' WHERE id = $SMALL"
planted "an entry and a row with the name ." name-bad "/a/\\." false \
	"UPDATE node SET name = '.' WHERE id = $SMALL; UPDATE entry SET name = '.' WHERE child = $SMALL"
number "UPDATE node SET name = 'small' WHERE id = $SMALL; UPDATE entry SET name = 'small' WHERE child = $SMALL" >/dev/null
planted "a size below 0" size-bad /a/small false "UPDATE node SET size = -1 WHERE id = $SMALL"
number "UPDATE node SET size = 5000 WHERE id = $SMALL" >/dev/null
head -c 100000 /dev/urandom >"$WORK/block"
check_eq "PUT of a file of one block gets 201" 201 "$(as 1; http -T "$WORK/block" "${AS[@]}" "$U$H/files/a/one")"
ONE=$(as 1; id_of a/one)
as 1 1
planted "a digest that is not the hash of a file's only block" digest /a/one true \
	"UPDATE node SET digest = sha256('x'), digest_seq = content_seq WHERE id = $ONE"
planted "a digest of content that the file does not have yet" digest /a/one true \
	"UPDATE node SET digest = sha256('x'), digest_seq = content_seq + 1 WHERE id = $ONE"
number "UPDATE node n SET digest = sha256(x.data), digest_seq = content_seq FROM extent x WHERE n.id = $SMALL AND x.node = n.id" >/dev/null
number "UPDATE node n SET digest = x.sha256, digest_seq = content_seq FROM extent x WHERE n.id = $ONE AND x.node = n.id" >/dev/null
check_store
check_eq "a check of two files with the right digests reports nothing" 0 "$FOUND"
planted "altered bytes of small content with a digest" digest-inline /a/small false \
	"UPDATE extent SET data = overlay(data placing 'XY' from 100) WHERE node = $SMALL"
number "UPDATE node SET digest = NULL WHERE id = $SMALL" >/dev/null
planted "a block's row with another size than its bytes" block-missing /a/one true \
	"UPDATE block SET size = size + 1 WHERE sha256 = (SELECT sha256 FROM extent WHERE node = $ONE)"
planted "a block's row with another generation than its bytes" block-missing /a/one true \
	"UPDATE block SET generation = generation + 1000000 WHERE sha256 = (SELECT sha256 FROM extent WHERE node = $ONE)"
number "DELETE FROM entry WHERE child = $ONE; UPDATE node SET orphaned_at = now() WHERE id = $ONE;
	DELETE FROM block WHERE sha256 = (SELECT sha256 FROM extent WHERE node = $ONE)" >/dev/null
check_store true
check_details "a finding about a removed document has no path and says so" block-missing "null true null at byte 0, generation N"
number "INSERT INTO entry VALUES ($A, $ONE, false, 'one'); UPDATE node SET orphaned_at = NULL WHERE id = $ONE" >/dev/null
check_store true
check_store
check_eq "a check reports nothing after the removed document has its name again" 0 "$FOUND"
[ "$FOUND" = 0 ] || cat "$WORK/found"

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
	eventually 10 traced || fail "strace attaches to every thread of both docs services" "$(cat "$WORK"/trace.*)"
}
end_tracers() {
	[ ${#TRACERS[@]} -gt 0 ] || return 0
	kill "${TRACERS[@]}"
	wait "${TRACERS[@]}" 2>/dev/null # without this the shell would print "Terminated"
	TRACERS=()
}
damaged() { # DAMAGE KIND COMMAND…: what the command does to the largest block of a/copy
	local sentence=$1 kind=$2
	shift 2
	cp -p "$BLOCK" "$WORK/kept"
	"$@"
	check_store true
	check "a check reports $sentence" grep -qx "$kind /a/copy false" "$WORK/found"
	check_eq "the finding of $sentence has the id of the document" "$(id_of a/copy)" \
		"$(jq -r --arg k "$kind" '[.items[] | select(.kind == $k and .path == "/a/copy") | .id][0]' "$WORK/findings")"
	cp -p "$WORK/kept" "$BLOCK"
	end_tracers
	check_store
	check_eq "a check reports nothing after the test has undone $sentence" 0 "$FOUND"
}
hash=$(number "SELECT encode(sha256, 'hex') FROM extent WHERE node = $(id_of a/copy) AND kind = 1 ORDER BY at LIMIT 1")
BLOCK=$(find "$WORK/blocks" -type f -name "$D-*$hash*" | head -1)
[ -n "$BLOCK" ] || BLOCK=$(find "$WORK/blocks" -type f | xargs sha256sum | sed -n "s/^$hash  //p" | head -1)
flip() { printf 'X' | dd of="$BLOCK" bs=1 seek=1234567 conv=notrunc status=none; printf 'Y' | dd of="$BLOCK" bs=1 seek=1234568 conv=notrunc status=none; }
details() { # the finding of the damage, without a repair
	cp -p "$BLOCK" "$WORK/kept"
	rm "$BLOCK"
	check_store
	cp -p "$WORK/kept" "$BLOCK"
	check_details "the finding of a missing block says its generation, and no numbers to compare" \
		block-lost "/a/copy null null generation N
/a/second null null generation N"
}
details
damaged "a block with two changed bytes" block-digest flip
damaged "a truncated block" block-size truncate -s 1000 "$BLOCK"
damaged "a missing block" block-lost rm "$BLOCK"
damaged "a block that the disk refuses to read" block-unreadable refuse_reads
planted "two extents that overlap" extents-overlap /a/second false \
	"UPDATE extent SET at = at - 1 WHERE node = $LARGE AND at > 0 AND at = (SELECT max(at) FROM extent WHERE node = $LARGE)"
number "UPDATE extent SET at = at + 1 WHERE node = $LARGE AND at = (SELECT max(at) FROM extent WHERE node = $LARGE)" >/dev/null
planted "an extent beyond the end of its file" extent-bad /a/small false "UPDATE node SET size = 10 WHERE id = $SMALL"
number "UPDATE node SET size = 5000 WHERE id = $SMALL" >/dev/null
planted "a folder that is its own parent" unreachable "(/b)+" false \
	"UPDATE node SET parent = id WHERE id = $B; UPDATE entry SET parent = $B WHERE child = $B"
number "UPDATE node SET parent = $A WHERE id = $B; UPDATE entry SET parent = $A WHERE child = $B" >/dev/null
planted "a document with a seq beyond the drive's seq" \
	ahead /a/small false "UPDATE node SET seq = seq + 1000000 WHERE id = $SMALL"
number "UPDATE node SET seq = seq - 1000000 WHERE id = $SMALL" >/dev/null
planted "a next document number that is already in use" \
	number /a/small false "UPDATE drive SET next_number = 3 WHERE id = $D"
number "UPDATE drive SET next_number = 100000 WHERE id = $D" >/dev/null
planted "a root folder that is not its own parent" root - false "UPDATE node SET parent = id + 1 WHERE id = ($ROOT)"
number "UPDATE node SET parent = id WHERE id = ($ROOT)" >/dev/null
planted "a journal entry of a drive that does not exist" stray - false \
	"INSERT INTO journal SELECT 4711, op, what, seq, id, parent, old_parent, replaced, from_, len, made_at, name, old_name, key FROM journal WHERE drive = $D LIMIT 1"
number "DELETE FROM journal WHERE drive = 4711" >/dev/null
planted "a journal entry of drive 0" stray - false \
	"INSERT INTO journal SELECT 0, op, what, seq, id, parent, old_parent, replaced, from_, len, made_at, name, old_name, key FROM journal WHERE drive = $D LIMIT 1"
number "DELETE FROM journal WHERE drive = 0" >/dev/null
planted "an xattr of a document with a negative id" stray - false "INSERT INTO xattr VALUES (-5, 'user.a', 'x')"
check_details "the finding of rows of a negative drive says its number" stray "null null null it is -1"
number "DELETE FROM xattr WHERE node = -5" >/dev/null
planted "an entry in a folder of no drive" stray - false "INSERT INTO entry VALUES (5, $SMALL, true, 'nowhere')"
check_eq "an entry in a folder of no drive is no link of its document" 1 "$(number "SELECT nlink FROM node WHERE id = $SMALL")"
number "DELETE FROM entry WHERE parent = 5" >/dev/null
check_store true
check_store
check_eq "a check after all damage was undone reports nothing" 0 "$FOUND"
[ "$FOUND" = 0 ] || cat "$WORK/found"

# ---- a block that the services have in memory ----
yes 'a line of a text that is stored in a short form' | head -c 5000000 >"$WORK/text"
check_eq "PUT of a file of 5 MB of text gets 201" 201 "$(as 1; http -T "$WORK/text" "${AS[@]}" "$U$H/files/text")"
for i in 1 2 3; do
	http "${AS[@]}" "$URL_docs_1$H/files/text" >/dev/null
	http "${AS[@]}" "$URL_docs_2$H/files/text" >/dev/null
	check_store
done
check_eq "a check of a store with a short block reports nothing" 0 "$FOUND"
hash=$(head -c 4194304 "$WORK/text" | sha256sum | head -c 64)
BLOCK=$(find "$WORK/blocks" -type f -name "$D-$hash-*")
check "the block of the text is stored in a short form" test "$(stat -c %s "$BLOCK")" -lt 100000
cp -p "$BLOCK" "$WORK/kept"
printf 'XXXXXXXX' | dd of="$BLOCK" bs=1 seek=100 conv=notrunc status=none
check_store
check "a check reports altered bytes of a short block that the services have read before" \
	grep -qx "block-digest /text false" "$WORK/found"
rm "$BLOCK"
check_store
check "a check reports a missing block that the services have read before" grep -qx "block-lost /text false" "$WORK/found"
cp -p "$WORK/kept" "$BLOCK"
check_store
check_eq "a check reports nothing after the block of the text is back" 0 "$FOUND"

# ---- clients see a repair ----
as 1
incarnation() { ask GET "$H" >/dev/null; value .incarnation; }
before=$(incarnation)
number "UPDATE node SET nlink = 7 WHERE id = $SMALL" >/dev/null
as 1 1
check_store true
as 1
check "a repair raises the incarnation of the drive" test "$(incarnation)" -gt "$before"
check_eq "a batch that links the repaired file gets 200" 200 \
	"$(ops "{\"op\":\"link\",\"id\":\"$SMALL\",\"parent\":\"$A\",\"name\":\"third\"}")"
ask GET "$H/items/$SMALL" >/dev/null
check_eq "the repaired file has the right link count after a new link" 2 "$(value .nlink)"
as 1 1

# ---- while the store is in use, and when an instance dies ----
cat >"$WORK/writer.py" <<'PY'
import json, os, sys, time, urllib.request
url, work, n = sys.argv[1], sys.argv[2], sys.argv[3]
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
def ask(method, path, body=None, kind="application/octet-stream"):
    r = urllib.request.Request(url + path, body, {"Nephos-User": "1", "Nephos-Admin": "0", "Content-Type": kind}, method=method)
    try:
        opener.open(r, timeout=60).read()
        return True
    except urllib.error.HTTPError: return False
i = stored = 0
while not os.path.exists(work + "/stop"):
    i += 1
    stored += ask("PUT", f"/files/w{n}/{i % 20}/f?parents=true", os.urandom(40000 if i % 3 else 100))
    if i % 4 == 0: ask("DELETE", f"/files/w{n}/{(i + 7) % 20}/f")
    if i % 5 == 0: ask("DELETE", f"/files/w{n}/{(i + 3) % 20}")
print(stored)
PY
URL_DRIVE=$URL_docs_2$V2/drives/$D
python3 "$WORK/writer.py" "$URL_DRIVE" "$WORK" 1 >"$WORK/w1" & W1=$!
python3 "$WORK/writer.py" "$URL_DRIVE" "$WORK" 2 >"$WORK/w2" & W2=$!
rounds=0
for ((i = 0; i < 8; i++)); do
	check_store
	[ "$FOUND" = 0 ] || { fail "a check beside two writers reports nothing" "$(cat "$WORK/found")"; break; }
	rounds=$((rounds + 1))
done
check_eq "eight checks beside two writers report nothing" 8 "$rounds"
touch "$WORK/stop"
wait "$W1" "$W2"
check "more than twenty PUTs of the first writer succeed during the eight checks" test "$(cat "$WORK/w1")" -gt 20
number "UPDATE fsck SET state = 1, run = run + 1, phase = 0, drive = 0, found = 0, mended = 0, holder = 'somebody', seen_at = now()" >/dev/null
check_eq "POST of a check of the same kind as a running one gets 200 and the state running" \
	"200 running" "$(ask POST "$F" '{"repair":false}') $(value .state)"
check_eq "POST of a check with repair while one without repair runs gets 409 EBUSY" \
	"409 EBUSY" "$(ask POST "$F" '{"repair":true}') $(value .errno)"
# The first instance has read two of the blocks of the first drive (phase 6 is FSCK_PHASE_BLOCKS), and reads one at a
# time, as after a failure. A full page of that size is not the last one.
number "UPDATE fsck SET seen_at = now() - interval '2 min', phase = 6, drive = $D, at_number = $D::bigint << 32,
	page = 1, drives = 0, blocks = 0,
	at_bytes = (SELECT sha256 FROM block WHERE drive = $D ORDER BY sha256 OFFSET 1 LIMIT 1)" >/dev/null
check "a check whose instance is gone is finished by another instance" eventually 30 over
check_eq "the check that another instance finished counts two drives, and all blocks but two" \
	"done 2 $(number "SELECT count(*) - 2 FROM block")" "$(value .state) $(value .drives) $(value .blocks)"
# A service of an earlier version has begun the drive with its entries (phase 1), and has not looked for lost types.
number "UPDATE node SET mode = mode & 4095 WHERE id = $A;
	UPDATE fsck SET state = 1, run = run + 1, repair = true, phase = 1, drive = $D, at_number = $D::bigint << 32,
	page = 100, at_bytes = '', found = 0, mended = 0, holder = 'somebody', seen_at = now() - interval '2 min'" >/dev/null
check "a check with repair that an earlier version began is finished" eventually 30 over
ask GET "$F/findings" >/dev/null
check_eq "that check has given a folder its type back, and found nothing else" \
	"type-bad /a true" "$(jq -r '.items[] | "\(.kind) \(.path) \(.mended)"' "$WORK/body")"
further "a folder whose type such a check gave back"
check_store
check_eq "a check reports nothing after that" 0 "$FOUND"
number "UPDATE fsck SET state = 1, holder = 'somebody', seen_at = now()" >/dev/null
check_eq "DELETE of a running check gets 200 and the state stopped" "200 stopped" "$(ask DELETE "$F") $(value .state)"
check_eq "the docs services have logged no error" 0 "$(cat "$WORK"/docs-*.log | grep -c '"level":"error"')"
e2e_end
