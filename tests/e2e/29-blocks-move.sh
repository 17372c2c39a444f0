#!/usr/bin/env bash
# Goal: --blocks-move moves all blocks of a live store to another kind of block store. The services go on reading and
# writing meanwhile. A move that is killed at any of its steps continues when it is started again. Nothing is lost
# and nothing stays behind. A damaged block is named, and then the store is not switched.
. "$(dirname "$0")/../lib/e2e.sh"
. "$(dirname "$0")/../lib/docs.sh"
. "$(dirname "$0")/../lib/s3.sh"

start_docs docs-1
start_docs docs-2 --upkeep-period 1 --file-grace 600
U=$URL_docs_1
ask GET "$H" >/dev/null
number() { psql -X -q -A -t "$DATABASE" -c "$1"; }
files() { find "$WORK/blocks" -type f | wc -l; }
whole() { curl -s "${AS[@]}" "$1$H/files/$2" | sha256sum; }
put() { http -T "$WORK/$2" "${AS[@]}" "$1$H/files/$2"; }
move() { # ARGUMENTS…: from files to rows unless they say otherwise; the status
	timeout 120 "$DOCS_PROGRAM" --name mover --database "$DATABASE" --cluster-key "$WORK/cluster.key" \
		--blocks-dir "$WORK/blocks" --user-service "http://127.0.0.1:$USERS_PORT" --blocks-move dir:pg "$@" \
		2>"$WORK/mover.log" >"$WORK/mover.out" &
	wait $! 2>/dev/null # without this the shell would print "Killed"
}

# ---- what there is ----
for i in $(seq 12); do head -c $((100000 * i)) /dev/urandom >"$WORK/f$i"; done
yes "a line that comes again" | head -c 6000000 >"$WORK/f13"
head -c 20000000 /dev/urandom >"$WORK/f14"
for i in $(seq 14); do check_eq "PUT of the file f$i gets 201" 201 "$(put "$U" "f$i")"; done

# ---- a writer writes all the time, at both services; the content that every file must have is recorded ----
writer() {
	local i=0 url
	while [ ! -e "$WORK/stop" ]; do
		i=$((i + 1))
		[ $((i % 2)) = 0 ] && url=$URL_docs_1 || url=$URL_docs_2
		head -c 150000 /dev/urandom >"$WORK/w$i"
		status=$(curl -s -o /dev/null -w '%{http_code}' -T "$WORK/w$i" "${AS[@]}" "$url$H/files/w$i")
		echo "w$i $status $(curl -s "${AS[@]}" "$url$H/files/w$i" | cmp - "$WORK/w$i" >/dev/null && echo same)" \
			>>"$WORK/written"
	done
}
writer &
WRITER=$!
at_end "touch '$WORK/stop'; kill $WRITER"
written() { [ "$(wc -l <"$WORK/written" 2>/dev/null)" -ge "$1" ]; }
more() { eventually 60 written $(($(wc -l <"$WORK/written" 2>/dev/null || echo 0) + ${1:-4})); }
check "the background writer writes files before the first move" more

# ---- killed at each step ----
for step in begin copy page; do
	move --failpoint after-commit:move-$step
	check_eq "a move that is killed after its first $step exits with 137" 137 $?
	check "the background writer goes on after a move was killed after its first $step" more
	for url in "$URL_docs_1" "$URL_docs_2"; do
		check_eq "GET of f14 at port ${url##*:} returns its bytes after a move was killed after its first $step" \
			"$(sha256sum <"$WORK/f14")" "$(whole "$url" f14)"
	done
	check_eq "the place of the blocks is still dir after a move was killed after its first $step" \
		dir "$(number "SELECT kind FROM block_place")"
done
move --failpoint after-commit:move-switch
check_eq "a move that is killed after its switch exits with 137" 137 $?
check_eq "the place of the blocks is pg after a move was killed after its switch" \
	pg "$(number "SELECT kind FROM block_place")"
check "the background writer goes on after a move was killed after its switch" more
check_eq "GET of f14 returns its bytes after a move was killed after its switch" \
	"$(sha256sum <"$WORK/f14")" "$(whole "$URL_docs_2" f14)"
move --failpoint after-commit:move-remove
check_eq "a move that is killed while it removes the old blocks exits with 137" 137 $?
check "GET of f14 returns its bytes after a move was killed while it removed the old blocks" \
	[ "$(sha256sum <"$WORK/f14")" = "$(whole "$URL_docs_1" f14)" ]
move
check_eq "a move that is started again after the last kill exits with 0" 0 $?
check "the move that was started again logs the outcome done" grep -q 'outcome=\\"done\\"' "$WORK/mover.log"
check "the background writer goes on after the finished move" more
touch "$WORK/stop"
wait $WRITER 2>/dev/null
check_eq "every PUT of the background writer got 201, and its file was read back at once" \
	0 "$(grep -cv ' 201 same$' "$WORK/written")"
check_eq "no block is left in a file after the move to pg" 0 "$(files)"
check_eq "each block has its bytes in rows after the move to pg" \
	0 "$(number "SELECT count(*) FROM block b WHERE NOT EXISTS (SELECT FROM block_data d
	WHERE (d.drive, d.sha256, d.generation) = (b.drive, b.sha256, b.generation))")"
for i in $(seq 14); do
	check_eq "GET of the file f$i returns its bytes after the move to pg" \
		"$(sha256sum <"$WORK/f$i")" "$(whole "$URL_docs_2" "f$i")"
done
while read -r name _; do
	cmp -s "$WORK/$name" <(curl -s "${AS[@]}" "$URL_docs_1$H/files/$name") ||
		fail "GET of the file $name returns what the background writer wrote"
done <"$WORK/written"
check_eq "the docs services have logged no error" 0 "$(cat "$WORK"/docs-*.log | grep -c '"level":"error"')"
move
check_eq "a move to pg when all blocks are already there exits with 0" 0 $?

# ---- a service that is started with the old place ----
start_docs docs-3
check_eq "a service that is started with the old place of the blocks reads a file from the new place" \
	"$(sha256sum <"$WORK/f14")" "$(whole "$URL_docs_3" f14)"
check "a service that is started with the old place logs that it uses the place in the database" \
	grep -q 'where the database says' "$WORK/docs-3.log"

# ---- back, with damage ----
back() { move --blocks-move pg:dir "$@"; }
hash=$(sha256sum <"$WORK/f3" | head -c 64)
number "UPDATE block_piece SET bytes = overlay(bytes PLACING '\\x00ff'::bytea FROM 50) WHERE encode(sha256, 'hex') = '$hash'
	AND piece = 0" >/dev/null
back
check_eq "a move to dir that finds a damaged block exits with 1" 1 $?
check "the failed move logs the hash of the damaged block" grep -q "block=$hash" "$WORK/mover.log"
check_eq "the place of the blocks is still pg after the failed move" pg "$(number "SELECT kind FROM block_place")"
check_eq "GET of f14 returns its bytes after the failed move" "$(sha256sum <"$WORK/f14")" "$(whole "$URL_docs_1" f14)"
check_eq "DELETE of the file with the damaged block gets 204" 204 "$(http -X DELETE "${AS[@]}" "$U$H/files/f3")"
unused() { [ "$(number "SELECT count(*) FROM extent WHERE encode(sha256, 'hex') = '$1'")" = 0 ]; }
check "no document uses the damaged block after the DELETE" eventually 60 unused "$hash"
number "DELETE FROM block WHERE encode(sha256, 'hex') = '$hash'" >/dev/null # as the collector does, days later
back
check_eq "the move to dir exits with 0 after the row of the damaged block was deleted" 0 $?
check_eq "no block but the damaged one is left in rows after the move to dir" \
	0 "$(number "SELECT count(*) FROM block_data WHERE encode(sha256, 'hex') <> '$hash'")"
for i in 1 13 14; do
	check_eq "GET of the file f$i returns its bytes after the move to dir" \
		"$(sha256sum <"$WORK/f$i")" "$(whole "$URL_docs_2" "f$i")"
done

# ---- blocks that documents use and that have no row ----
# sha256sum of the file's only block: f1 is shorter than a block.
rowless=$(sha256sum <"$WORK/f1" | head -c 64)
has_row() { [ "$(number "SELECT count(*) FROM block WHERE encode(sha256, 'hex') = '$rowless'")" = 1 ]; }
block_file() { find "$WORK/blocks" -type f -name "*$1*"; }
check "the block of f1 has a row" has_row
number "DELETE FROM block WHERE encode(sha256, 'hex') = '$rowless'" >/dev/null
check "the block of f1 has a file and no row" test -f "$(block_file "$rowless")"
move
check_eq "a move to pg exits with 0 when a block that is in use has no row" 0 $?
check "the move logs that documents use a block without a row" grep -q 'blocks=1 .*have no row' "$WORK/mover.log"
check_eq "the block without a row has its bytes in rows after the move to pg" \
	1 "$(number "SELECT count(*) FROM block_data WHERE encode(sha256, 'hex') = '$rowless'")"
as 1 1
says "fsck --repair starts after the move" 202 POST $V2/fsck '{"repair":true}'
is_over() { ask GET $V2/fsck >/dev/null && [ "$(value .state)" != running ]; }
check "fsck --repair ends" eventually 120 is_over
as 1
check "fsck --repair makes the row of a block that was moved without one" has_row
check_eq "GET of f1 returns its bytes after the move and the repair" \
	"$(sha256sum <"$WORK/f1")" "$(whole "$URL_docs_2" f1)"
back
check_eq "the move back to dir after the repair exits with 0" 0 $?

# ---- a block that is lost altogether, and one that cannot be read ----
number "DELETE FROM block WHERE encode(sha256, 'hex') = '$rowless'" >/dev/null
rm "$(block_file "$rowless")"
unread=$(sha256sum <"$WORK/f2" | head -c 64)
file=$(block_file "$unread")
mv "$file" "$WORK/unread" && mkdir "$file" # root could read a file of any mode
move
check_eq "a move to pg exits with 1 when one block is lost and another one unreadable" 1 $?
check "the failed move logs the hash of the block that has neither row nor bytes" \
	grep -q "block=$rowless .*missing" "$WORK/mover.log"
check "the failed move logs the hash of the unreadable block" \
	grep -q "block=$unread .*cannot be read" "$WORK/mover.log"
check_eq "the failed move names no other block" 2 "$(grep -c 'block=' "$WORK/mover.log")"
check_eq "the place of the blocks is still dir after the failed move to pg" \
	dir "$(number "SELECT kind FROM block_place")"
check_eq "the failed move has copied all other blocks" \
	"$(number "SELECT count(*) - 1 FROM block")" "$(number "SELECT count(*) FROM block_data")"
rmdir "$file" && mv "$WORK/unread" "$file"
check_eq "DELETE of f1, which has lost its block, gets 204" 204 "$(http -X DELETE "${AS[@]}" "$U$H/files/f1")"
check "no document uses the lost block of f1 any more" eventually 60 unused "$rowless"
move
check_eq "the move to pg exits with 0 when the block can be read again" 0 $?
check_eq "no block is left in a file after the move to pg that was repeated" 0 "$(files)"

# ---- a folder of another user ----
if [ "$(id -u)" = 0 ]; then
	rows=$(number "SELECT count(*) FROM block_data")
	chown nobody "$WORK/blocks"
	back
	check_eq "a move by root into a folder of another user exits with 1" 1 $?
	check "the refused move logs whose folder it is, and as whom to run it" \
		grep -q 'belongs to the user nobody.*runuser -u nobody' "$WORK/mover.log"
	check_eq "the refused move puts no block into the folder" 0 "$(files)"
	check_eq "the refused move leaves all blocks in rows" "$rows" "$(number "SELECT count(*) FROM block_data")"
	check_eq "the refused move has not begun" "pg 0" \
		"$(number "SELECT kind || ' ' || count(target) FROM block_place GROUP BY kind")"
	chown root "$WORK/blocks"
fi
back
check_eq "the move back to dir exits with 0" 0 $?

# ---- moves that are refused ----
for what in dir dir:dir dir:tape :; do
	move --blocks-move "$what"
	check_eq "nephos-docs with --blocks-move $what exits with 1" 1 $?
done
check "nephos-docs with a malformed --blocks-move logs the form FROM:TO" grep -q 'FROM:TO' "$WORK/mover.log"
move --blocks-move dir:s3
check_eq "a move to s3 without the settings for S3 exits with 1" 1 $?
check "a move to s3 without the settings for S3 logs that it needs to know how to reach both places" \
	grep -q 'how to reach both' "$WORK/mover.log"

# ---- a move whose target cannot be used, and one that is taken back ----
place() { number "SELECT kind || coalesce(':' || target, '') FROM block_place"; }
check_eq "the blocks lie in files before a move to an S3 service that does not answer" dir "$(place)"
(umask 077 && printf 'AWS_ACCESS_KEY_ID=a\nAWS_SECRET_ACCESS_KEY=b\n' >"$WORK/no.keys")
NOWHERE=(--s3-endpoint http://127.0.0.1:1 --s3-bucket nowhere --s3-keys "$WORK/no.keys")
move --blocks-move dir:s3 "${NOWHERE[@]}"
check_eq "a move to an S3 service that does not answer exits with 1" 1 $?
check_eq "a move to an S3 service that does not answer has not begun" dir "$(place)"
check "a move to an S3 service that does not answer logs that a trial block could not be stored" \
	grep -q 'a trial block could not be stored' "$WORK/mover.log"
# test_block_place has the rules without the services.
taken_back() {
	move --failpoint after-commit:move-copy
	check_eq "a move to pg that is killed after its first copy exits with 137" 137 $?
	check_eq "the killed move is under way" dir:pg "$(place)"
	head -c 300000 /dev/urandom >"$WORK/f15"
	check_eq "PUT of the file f15 while blocks move gets 201" 201 "$(put "$U" f15)"
	back
	check_eq "the opposite move, which takes the killed move back, exits with 0" 0 $?
	check_eq "the blocks lie in files after the move was taken back" dir "$(place)"
	check_eq "no block is left in rows after the move was taken back" 0 "$(number "SELECT count(*) FROM block_data")"
	check_eq "the folder has as many files as there are blocks after the move was taken back" \
		"$(number "SELECT count(*) FROM block")" "$(files)"
	for i in 13 14 15; do
		check_eq "GET of the file f$i returns its bytes after the move was taken back" \
			"$(sha256sum <"$WORK/f$i")" "$(whole "$URL_docs_2" "f$i")"
	done
}
[ -z "${E2E_LONG:-}" ] || taken_back

# ---- a folder that has the blocks of another store ----
# test_block_place has the rule without the services.
other_store() {
	cp -r "$WORK/blocks" "$WORK/clone"
	file=$(find "$WORK/clone" -type f | head -n 1)
	mkdir -p "$WORK/other/ab/cd"
	cp "$file" "$WORK/other/ab/cd/1-abcd$(printf 0%.0s {1..60})-7"
	move
	check_eq "the move to pg after the move that was taken back exits with 0" 0 $?
	move --blocks-dir "$WORK/clone"
	check_eq "a move from the folder of a clone, when all blocks lie in pg, exits with 0" 0 $?
	check_eq "a move when all blocks lie in the target removes nothing from the folder of a clone" \
		"$(number "SELECT count(*) FROM block")" "$(find "$WORK/clone" -type f | wc -l)"
	back
	check_eq "the move to dir before the move from another store's folder exits with 0" 0 $?
	move --failpoint after-commit:move-switch
	check_eq "a move to pg that is killed after its switch exits with 137 again" 137 $?
	move --blocks-dir "$WORK/other"
	check_eq "a move that removes the old blocks, with the folder of another store, exits with 0" 0 $?
	check_eq "a block that the database does not know stays in the folder of another store" \
		1 "$(find "$WORK/other" -type f | wc -l)"
	check "a move that leaves unknown blocks logs how many" grep -q 'blocks=1 .*does not know them' "$WORK/mover.log"
	move
	check_eq "the same move with the right folder exits with 0" 0 $?
	check_eq "the same move with the right folder leaves no block in a file" 0 "$(files)"
	back
	check_eq "the move to dir after the move from another store's folder exits with 0" 0 $?
}
[ -z "${E2E_LONG:-}" ] || other_store

# ---- to an S3 service, and a docs service that was not configured for it ----
s3_start
AT_S3=(--s3-endpoint "$S3_URL" --s3-bucket $S3_BUCKET --s3-keys "$WORK/s3.keys")
start_docs told "${AT_S3[@]}"
move --blocks-move pg:s3 "${AT_S3[@]}"
check_eq "a move from pg to s3 while the blocks are in dir exits with 1" 1 $?
check "a move from pg to s3 while the blocks are in dir logs that the blocks lie elsewhere" \
	grep -q 'kind=dir .*blocks lie, or move, elsewhere' "$WORK/mover.log"
move --blocks-move dir:s3 "${AT_S3[@]}" --failpoint after-commit:move-copy
check_eq "a move to s3 that is killed after its first copy exits with 137" 137 $?
move --blocks-move dir:s3 "${AT_S3[@]}"
check_eq "a move to s3 that is started again after the kill exits with 0" 0 $?
check_eq "no block is left in a file after the move to s3" 0 "$(files)"
check_eq "the bucket has as many objects as there are blocks after the move to s3" \
	"$(number "SELECT count(*) FROM block")" "$(s3_count)"
for i in 2 13 14; do
	check_eq "GET of the file f$i returns its bytes after the move to s3" \
		"$(sha256sum <"$WORK/f$i")" "$(whole "$URL_told" "f$i")"
done
check_eq "GET of f14 at a service without the settings for S3 gets 503" \
	503 "$(http "${AS[@]}" "$URL_docs_1$H/files/f14")"
check "a service without the settings for S3 logs that it was not told how to reach S3" \
	grep -q 'was not told how to reach it' "$WORK/docs-1.log"
e2e_end
