#!/usr/bin/env bash
# Goal: docs services that keep blocks in a real S3 service (--blocks s3) keep them nowhere else. Content of any size
# is read back completely and in parts, at every instance and after a restart. Blocks without a reference and the
# leftovers of an upload are removed. While the S3 service is gone, silent or busy, a client that needs it is told to
# come back later, everything else continues, and nothing is lost.
. "$(dirname "$0")/../lib/e2e.sh"
. "$(dirname "$0")/../lib/s3.sh"
s3_start
. "$(dirname "$0")/../lib/docs.sh"

# The block memory is smaller than one file of several blocks, so that a read of such a file has to ask the S3
# service and gets an error while that is gone.
BLOCKS=(--block-memory 4M --blocks s3 --s3-endpoint "$S3_URL" --s3-bucket $S3_BUCKET --s3-prefix store/ --s3-keys "$WORK/s3.keys")
at_s3() { start_docs "$@" "${BLOCKS[@]}" --upkeep-period 1; }
whole() { curl -s --max-time 60 "${AS[@]}" "$1$H/files/$2" | sha256sum; }
part() { curl -s --max-time 60 "${AS[@]}" -H "Range: bytes=$3-$4" "$1$H/files/$2" | sha256sum; }
cut() { tail -c "+$(($2 + 1))" "$WORK/$1" | head -c "$(($3 - $2 + 1))" | sha256sum; }
put() { http -T "$WORK/$2" "${AS[@]}" "$1$H/files/${3:-$2}"; }
put_block() { http -T "$2" -H 'Expect:' "${AS[@]}" "$1$E/blocks/$(sha256sum "$2" | head -c 64)"; }

# ---- the block store alone ----
SUITE=$(dirname "$DOCS_PROGRAM")/../tests/bin/test_block_s3
if [ -x "$SUITE" ]; then
	check "the store passes the suite of all stores" env S3_TEST_ENDPOINT="$S3_URL" S3_TEST_BUCKET=$S3_BUCKET \
		S3_TEST_KEYS="$WORK/s3.keys" "$SUITE"
	s3 PUT /blocks2 >/dev/null
	S3_BUCKET=blocks2 # the objects that the suite left are not counted
	BLOCKS[7]=$S3_BUCKET
fi

at_s3 docs-1
at_s3 docs-2
U=$URL_docs_1
ask GET "$H" >/dev/null
D=$(value .id)
E=$V2/drives/$D

# ---- sizes ----
: >"$WORK/empty"
printf x >"$WORK/byte"
head -c 5000000 /dev/urandom >"$WORK/five"
head -c 40000000 /dev/urandom >"$WORK/forty"
yes "a line that comes again, and is not worth its room" | head -c 20000000 >"$WORK/lines"
for name in empty byte five forty lines; do check_eq "$name comes" 201 "$(put "$U" "$name")"; done
for url in "$URL_docs_1" "$URL_docs_2"; do
	for name in empty byte five forty lines; do
		check_eq "$name is whole at ${url##*:}" "$(sha256sum <"$WORK/$name")" "$(whole "$url" "$name")"
	done
	for range in "0 0" "262143 262144" "4194303 4194304" "1000000 4999999" "4999999 4999999"; do
		# shellcheck disable=SC2086 # two numbers
		check_eq "bytes $range of five" "$(cut five $range)" "$(part "$url" five $range)"
	done
	check_eq "and a range of forty" "$(cut forty 7777777 33333333)" "$(part "$url" forty 7777777 33333333)"
done
check_eq "no byte of it lies in a file" 0 "$(find "$WORK/blocks" -type f | wc -l)"
check "but in objects" test "$(s3_count)" -ge 12
s3_bytes() { s3 GET "/$S3_BUCKET?list-type=2&max-keys=1000" | grep -o '<Size>[0-9]*' | tr -dc '0-9\n' | paste -sd+ | bc; }
check "which are shorter where they can be" test "$(s3_bytes)" -lt 46000000
check_eq "all of which have the prefix" 0 "$(s3_names | grep -cv '^store/')"
head -c 100000 "$WORK/five" >"$WORK/block"
check_eq "a block is new" 201 "$(put_block "$URL_docs_1" "$WORK/block")"
check_eq "and known at the other" 200 "$(put_block "$URL_docs_2" "$WORK/block")"

# ---- a service that is busy, and one whose answers are lost ----
s3_proxy
start_docs proxied "${BLOCKS[@]}" --s3-endpoint "$S3_PROXY"
head -c 9000000 /dev/urandom >"$WORK/nine"
s3_mode busy 3
check_eq "a busy service is asked again" 201 "$(put "$URL_proxied" nine)"
before=$(s3_count)
head -c 3000000 /dev/urandom >"$WORK/three"
s3_mode lose 1
check_eq "an answer that was lost is no second block" 201 "$(put "$URL_proxied" three)"
check_eq "but one" $((before + 1)) "$(s3_count)"
check_eq "which is whole" "$(sha256sum <"$WORK/three")" "$(whole "$URL_docs_2" three)"
s3_mode busy 100000
head -c 3000000 /dev/urandom >"$WORK/later"
check_eq "while it stays busy a writer is told so" 503 "$(put "$URL_proxied" later)"
check "and when to come back" test -n "$(header Retry-After)"
check_eq "a reader, too" 503 "$(http "${AS[@]}" "$URL_proxied$H/files/nine")"
check_eq "what lies in the database is there" 200 "$(http "${AS[@]}" "$URL_proxied$H/files/byte")"
check_eq "there is no such file yet" 404 "$(http "${AS[@]}" "$URL_docs_1$H/files/later")"
s3_mode pass
check_eq "then it comes" 201 "$(put "$URL_proxied" later)"
check "all of this is in the log" grep -q 'SlowDown.*it counts as down' "$WORK/proxied.log"

# ---- silent, and gone ----
kill -STOP "$(s3_daemon rgw)"
at_end 'kill -CONT $(s3_daemon rgw)'
check_eq "of a silent service a reader is told" 503 "$(http "${AS[@]}" "$U$H/files/five")"
head -c 100000 /dev/urandom >"$WORK/never"
check_eq "a writer, too" 503 "$(put "$U" never)"
check_eq "a small file is written meanwhile" 201 "$(http -T "$WORK/byte" "${AS[@]}" "$U$H/files/small")"
kill -CONT "$(s3_daemon rgw)"
check_eq "when it speaks again all is there" "$(sha256sum <"$WORK/five")" "$(whole "$U" five)"
kill -9 "$(s3_daemon rgw)"
check_eq "of one that is gone a reader is told" 503 "$(http "${AS[@]}" "$U$H/files/five")"
check_eq "a writer, too" 503 "$(put "$U" never)"
at_s3 early
check "a docs service starts without it, with a word" grep -q 'does not answer; it is tried out' "$WORK/early.log"
s3_again rgw
stored() { [ "$(put "$URL_early" later early)" = 201 ]; }
check "and stores when it is there" eventually 60 stored
is_whole() { [ "$(sha256sum <"$WORK/$1")" = "$(whole "$URL_docs_2" "$1")" ]; }
for name in empty byte five forty lines nine three later; do
	check "nothing of $name is lost" eventually 60 is_whole "$name" # this service retries at its own intervals
done

# ---- restart ----
kill -9 "$PID_docs_1" "$PID_docs_2" "$PID_proxied" "$PID_early"
wait "$PID_docs_1" "$PID_docs_2" "$PID_proxied" "$PID_early" 2>/dev/null # killed: the status says nothing
at_s3 docs-3
U=$URL_docs_3
check_eq "forty is whole after a restart" "$(sha256sum <"$WORK/forty")" "$(whole "$U" forty)"

# ---- an upload that dies between bytes and row; deletion ----
# Meanwhile the collector removes the blocks of failed uploads above, with their rows.
collected() { [ "$(s3_count)" = "$(psql -X -q -A -t "$DATABASE" -c "SELECT count(*) FROM block")" ]; }
all_collected() { [ "$(s3_count)" = 0 ]; }
head -c 100000 /dev/urandom >"$WORK/lost"
start_docs dies "${BLOCKS[@]}" --failpoint after-commit:block-file
before=$(s3_count)
check_eq "an upload whose service dies between bytes and row" 000 "$(put_block "$URL_dies" "$WORK/lost")"
wait "$PID_dies" 2>/dev/null # without this the shell would print "Killed"
check_eq "leaves its bytes" $((before + 1)) "$(s3_count)"
at_s3 docs-4 --file-grace 2 --block-grace 0 --block-young 0
check "which go when they are old, and only they" eventually 120 collected
check_eq "forty is whole" "$(sha256sum <"$WORK/forty")" "$(whole "$U" forty)"
for name in byte small five forty lines nine three later early; do
	check_eq "$name goes" 204 "$(http -X DELETE "${AS[@]}" "$U$H/files/$name")"
done
# A mount may keep the files open for a while; the test does not wait for that.
psql -X -q "$DATABASE" -c "UPDATE node SET orphaned_at = orphaned_at - interval '1 h' WHERE orphaned_at IS NOT NULL"
check "and its blocks with it" eventually 120 all_collected
# This service collects blocks of any age, even those of an upload in progress; no upload runs beside it.
kill -9 "$PID_docs_4"
wait "$PID_docs_4" 2>/dev/null # it was killed: its exit status says nothing
check_eq "no failure was logged" 0 "$(cat "$WORK"/docs-*.log | grep -c '"level":"error"')"

# ---- settings, keys, TLS ----
refused() { # NAME WORD ARGUMENTS…
	local name=$1 word=$2
	shift 2
	timeout 30 "$DOCS_PROGRAM" --name odd --database "$DATABASE" --cluster-key "$WORK/cluster.key" --blocks s3 \
		--user-service "http://127.0.0.1:$USERS_PORT" --port 0 "$@" 2>"$WORK/odd.log"
	check_eq "$name is refused" 1 $?
	check "with a word" grep -q -e "$word" "$WORK/odd.log"
}
AT=(--s3-bucket $S3_BUCKET --s3-keys "$WORK/s3.keys")
refused "a service without an address" '--s3-endpoint (NEPHOS_S3_ENDPOINT) is missing' "${AT[@]}"
refused "an address with a path" 'without a path' "${AT[@]}" --s3-endpoint "$S3_URL/x"
refused "a bucket that is not there" 'no such bucket' "${AT[@]}" --s3-endpoint "$S3_URL" --s3-bucket no-such
install -m 600 "$WORK/s3.keys" "$WORK/odd.keys"
echo 'AWS_SECRET_ACCESS_KEY=x' | cat <(head -n 1 "$WORK/s3.keys") - >"$WORK/odd.keys"
refused "a wrong key" 'does not know these keys' "${AT[@]}" --s3-endpoint "$S3_URL" --s3-keys "$WORK/odd.keys"
chmod 640 "$WORK/odd.keys"
refused "a file of keys that others may read" 'chmod 600' "${AT[@]}" --s3-endpoint "$S3_URL" --s3-keys "$WORK/odd.keys"
check_eq "no key was logged" 0 "$(cat "$WORK"/*.log | grep -c "$S3_SECRET")"
TLS=https://127.0.0.1:$((S3_PORT + 2))
refused "a certificate that nobody signed" 'certificate' "${AT[@]}" --s3-endpoint "$TLS"
start_docs tls "${BLOCKS[@]}" --s3-endpoint "$TLS" --s3-ca "$WORK/s3-ca.pem"
check_eq "one that is known is not: five comes" 201 "$(put "$URL_tls" five)"
check_eq "and is whole" "$(sha256sum <"$WORK/five")" "$(whole "$URL_tls" five)"
e2e_end
