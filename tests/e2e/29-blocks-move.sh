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
for i in $(seq 14); do check_eq "file $i comes" 201 "$(put "$U" "f$i")"; done

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
check "a writer writes" more

# ---- killed at each step ----
for step in begin copy page; do
	move --failpoint after-commit:move-$step
	check_eq "a move that dies behind its first $step" 137 $?
	check "leaves a store that is written" more
	for url in "$URL_docs_1" "$URL_docs_2"; do
		check_eq "and read at ${url##*:}" "$(sha256sum <"$WORK/f14")" "$(whole "$url" f14)"
	done
	check_eq "which does not count as moved" dir "$(number "SELECT kind FROM block_place")"
done
move --failpoint after-commit:move-switch
check_eq "a move that dies behind its switch" 137 $?
check_eq "has switched" pg "$(number "SELECT kind FROM block_place")"
check "and is written" more
check_eq "and read" "$(sha256sum <"$WORK/f14")" "$(whole "$URL_docs_2" f14)"
move --failpoint after-commit:move-remove
check_eq "a move that dies while it clears up" 137 $?
check "is read, whatever is gone" [ "$(sha256sum <"$WORK/f14")" = "$(whole "$URL_docs_1" f14)" ]
move
check_eq "at last it ends" 0 $?
check "and says so" grep -q 'outcome=\\"done\\"' "$WORK/mover.log"
check "a writer goes on" more
touch "$WORK/stop"
wait $WRITER 2>/dev/null
check_eq "every write was answered 201, and read at once" 0 "$(grep -cv ' 201 same$' "$WORK/written")"
check_eq "no block is left in a file" 0 "$(files)"
check_eq "each has its rows" 0 "$(number "SELECT count(*) FROM block b WHERE NOT EXISTS (SELECT FROM block_data d
	WHERE (d.drive, d.sha256, d.generation) = (b.drive, b.sha256, b.generation))")"
for i in $(seq 14); do check_eq "file $i is whole" "$(sha256sum <"$WORK/f$i")" "$(whole "$URL_docs_2" "f$i")"; done
while read -r name _; do
	cmp -s "$WORK/$name" <(curl -s "${AS[@]}" "$URL_docs_1$H/files/$name") || fail "$name is not what was written"
done <"$WORK/written"
check_eq "no failure was logged" 0 "$(cat "$WORK"/docs-*.log | grep -c '"level":"error"')"
move
check_eq "once more it does nothing" 0 $?

# ---- a service that is started with the old place ----
start_docs docs-3
check_eq "a service that is told the old place reads the new one" "$(sha256sum <"$WORK/f14")" "$(whole "$URL_docs_3" f14)"
check "with a word" grep -q 'where the database says' "$WORK/docs-3.log"

# ---- back, with damage ----
back() { move --blocks-move pg:dir "$@"; }
hash=$(sha256sum <"$WORK/f3" | head -c 64)
number "UPDATE block_piece SET bytes = overlay(bytes PLACING '\\x00ff'::bytea FROM 50) WHERE encode(sha256, 'hex') = '$hash'
	AND piece = 0" >/dev/null
back
check_eq "a block that is damaged ends a move" 1 $?
check "which names it" grep -q "block=$hash" "$WORK/mover.log"
check_eq "and switches nothing" pg "$(number "SELECT kind FROM block_place")"
check_eq "all else is read" "$(sha256sum <"$WORK/f14")" "$(whole "$URL_docs_1" f14)"
check_eq "its file goes" 204 "$(http -X DELETE "${AS[@]}" "$U$H/files/f3")"
number "DELETE FROM block WHERE encode(sha256, 'hex') = '$hash'" >/dev/null # as the collector does, days later
back
check_eq "then it ends" 0 $?
check_eq "no row is left but the damaged one's" 0 "$(number "SELECT count(*) FROM block_data WHERE encode(sha256, 'hex') <> '$hash'")"
for i in 1 13 14; do check_eq "file $i is whole" "$(sha256sum <"$WORK/f$i")" "$(whole "$URL_docs_2" "f$i")"; done

# ---- moves that are refused ----
for what in dir dir:dir dir:tape :; do
	move --blocks-move "$what"
	check_eq "a move '$what' is refused" 1 $?
done
check "with a word" grep -q 'FROM:TO' "$WORK/mover.log"
move --blocks-move dir:s3
check_eq "a move to where it was not told how to come is refused" 1 $?
check "with a word" grep -q 'how to reach both' "$WORK/mover.log"
move --blocks-move pg:s3 --s3-endpoint http://127.0.0.1:1 --s3-bucket none --s3-keys "$WORK/none"
check_eq "a move from where they are not is refused" 1 $?

# ---- to an S3 service, and a docs service that was not configured for it ----
s3_start
AT_S3=(--s3-endpoint "$S3_URL" --s3-bucket $S3_BUCKET --s3-keys "$WORK/s3.keys")
start_docs told "${AT_S3[@]}"
move --blocks-move dir:s3 "${AT_S3[@]}" --failpoint after-commit:move-copy
check_eq "a move to S3 dies, too" 137 $?
move --blocks-move dir:s3 "${AT_S3[@]}"
check_eq "and ends when it is begun again" 0 $?
check_eq "no block is left in a file" 0 "$(files)"
check_eq "each is an object" "$(number "SELECT count(*) FROM block")" "$(s3_count)"
for i in 1 13 14; do check_eq "file $i is whole" "$(sha256sum <"$WORK/f$i")" "$(whole "$URL_told" "f$i")"; done
check_eq "a service that was not told how to reach them says: not now" 503 "$(http "${AS[@]}" "$URL_docs_1$H/files/f14")"
check "with a word in its log" grep -q 'was not told how to reach it' "$WORK/docs-1.log"
e2e_end
