#!/usr/bin/env bash
# Goal: docs services that keep blocks in the database (--blocks pg) keep them nowhere else. Content of any size is
# read back completely and in parts, at every instance and after a restart. Blocks without a reference and the
# leftovers of an upload are removed.
. "$(dirname "$0")/../lib/e2e.sh"
. "$(dirname "$0")/../lib/docs.sh"

rows() { start_docs "$@" --blocks pg --upkeep-period 1 --file-grace 600; }
rows docs-1
rows docs-2
U=$URL_docs_1
ask GET "$H" >/dev/null
D=$(value .id)
E=$V2/drives/$D
number() { psql -X -q -A -t "$DATABASE" -c "$1"; }
blocks() { number "SELECT count(*) FROM block_data"; }
pieces() { number "SELECT count(*) FROM block_piece"; }
whole() { curl -s "${AS[@]}" "$1$H/files/$2" | sha256sum; }
part() { curl -s "${AS[@]}" -H "Range: bytes=$3-$4" "$1$H/files/$2" | sha256sum; }
cut() { tail -c "+$(($2 + 1))" "$WORK/$1" | head -c "$(($3 - $2 + 1))" | sha256sum; }

# ---- sizes ----
: >"$WORK/empty"
printf x >"$WORK/byte"
head -c 5000000 /dev/urandom >"$WORK/five"
head -c 40000000 /dev/urandom >"$WORK/forty"
yes "a line that comes again, and is not worth its room" | head -c 20000000 >"$WORK/lines"
for name in empty byte five forty lines; do
	check_eq "PUT of the file $name gets 201" 201 "$(http -T "$WORK/$name" "${AS[@]}" "$U$H/files/$name")"
done
for url in "$URL_docs_1" "$URL_docs_2"; do
	for name in empty byte five forty lines; do
		check_eq "GET of the file $name at port ${url##*:} returns the bytes that were put" \
			"$(sha256sum <"$WORK/$name")" "$(whole "$url" "$name")"
	done
	for range in "0 0" "262143 262144" "4194303 4194304" "1000000 4999999" "4999999 4999999"; do
		# shellcheck disable=SC2086 # two numbers
		check_eq "GET of bytes ${range/ /-} of the file five at port ${url##*:} returns these bytes" \
			"$(cut five $range)" "$(part "$url" five $range)"
	done
	check_eq "GET of a range of 25 MB of the file forty at port ${url##*:} returns these bytes" \
		"$(cut forty 7777777 33333333)" "$(part "$url" forty 7777777 33333333)"
done
check_eq "no block is stored in a file" 0 "$(find "$WORK/blocks" -type f | wc -l)"
check "the database has at least twelve blocks" test "$(blocks)" -ge 12
check "the rows of 65 MB of content, 20 MB of it repeated lines, have less than 46 MB" \
	test "$(number "SELECT sum(length(bytes)) FROM block_piece")" -lt 46000000
check_eq "the longest piece of a block has 256 KiB" t "$(number "SELECT max(length(bytes)) = 262144 FROM block_piece")"

# ---- by their hash ----
hash=$(head -c 100000 "$WORK/five" | tee "$WORK/block" | sha256sum | head -c 64)
put_block() { http -T "$2" -H 'Expect:' "${AS[@]}" "$1$E/blocks/$(sha256sum "$2" | head -c 64)"; }
check_eq "PUT of a new block at docs-1 gets 201" 201 "$(put_block "$URL_docs_1" "$WORK/block")"
check_eq "PUT of the same block at docs-2 gets 200" 200 "$(put_block "$URL_docs_2" "$WORK/block")"

# ---- restart ----
kill -9 "$PID_docs_1" "$PID_docs_2"
wait "$PID_docs_1" "$PID_docs_2" 2>/dev/null # they were killed: their exit status says nothing
rows docs-3
U=$URL_docs_3
check_eq "GET of the file forty after a restart returns the bytes that were put" \
	"$(sha256sum <"$WORK/forty")" "$(whole "$U" forty)"

# ---- an upload that dies between bytes and row ----
before=$(blocks)
head -c 100000 /dev/urandom >"$WORK/lost"
start_docs dies --blocks pg --failpoint after-commit:block-file
check_eq "PUT of a block to a service that dies before it writes the row of the block gets no answer" \
	000 "$(put_block "$URL_dies" "$WORK/lost")"
wait "$PID_dies" 2>/dev/null # without this the shell would print "Killed"
check_eq "the upload that died leaves the bytes of its block in the database" $((before + 1)) "$(blocks)"
number "UPDATE block_data SET written_at = now() - interval '1 h'" >/dev/null
collected() { [ "$(blocks)" = "$1" ]; }
KEPT=$(number "SELECT count(*) FROM block")
check "old bytes without a row are collected until there are as many blocks as rows" eventually 30 collected "$KEPT"
check_eq "GET of the file forty after the collection returns the bytes that were put" \
	"$(sha256sum <"$WORK/forty")" "$(whole "$U" forty)"

# ---- deletion ----
rows docs-4 --block-grace 0 --block-young 0
for name in byte five forty lines; do
	check_eq "DELETE of the file $name gets 204" 204 "$(http -X DELETE "${AS[@]}" "$U$H/files/$name")"
done
# A mount may keep the files open for a while; the test does not wait for that.
number "UPDATE node SET orphaned_at = orphaned_at - interval '1 h' WHERE orphaned_at IS NOT NULL" >/dev/null
check "the bytes of all blocks are collected after all files were deleted" eventually 60 collected 0
check_eq "no piece of a block is left after all files were deleted" 0 "$(pieces)"
check_eq "the docs services have logged no error" 0 "$(cat "$WORK"/docs-*.log | grep -c '"level":"error"')"

# ---- settings ----
"$DOCS_PROGRAM" --name odd --database "$DATABASE" --cluster-key "$WORK/cluster.key" --blocks rows \
	--user-service "http://127.0.0.1:$USERS_PORT" --port 0 2>"$WORK/odd.log"
check_eq "nephos-docs with --blocks rows exits with 1" 1 $?
check "nephos-docs with --blocks rows logs that the value is neither dir nor pg" \
	grep -q 'neither dir nor pg' "$WORK/odd.log"
e2e_end
