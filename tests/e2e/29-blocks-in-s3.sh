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
	check "the S3 block store passes the test suite of all block stores" \
		env S3_TEST_ENDPOINT="$S3_URL" S3_TEST_BUCKET=$S3_BUCKET \
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
for name in empty byte five forty lines; do check_eq "PUT of the file $name gets 201" 201 "$(put "$U" "$name")"; done
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
check "the bucket has at least twelve objects" test "$(s3_count)" -ge 12
s3_bytes() { s3 GET "/$S3_BUCKET?list-type=2&max-keys=1000" | grep -o '<Size>[0-9]*' | tr -dc '0-9\n' | paste -sd+ | bc; }
check "the objects of 65 MB of content, 20 MB of it repeated lines, have less than 46 MB" \
	test "$(s3_bytes)" -lt 46000000
check_eq "the names of all objects begin with the prefix store/" 0 "$(s3_names | grep -cv '^store/')"
head -c 100000 "$WORK/five" >"$WORK/block"
check_eq "PUT of a new block at docs-1 gets 201" 201 "$(put_block "$URL_docs_1" "$WORK/block")"
check_eq "PUT of the same block at docs-2 gets 200" 200 "$(put_block "$URL_docs_2" "$WORK/block")"

# ---- a service that is busy, and one whose answers are lost ----
s3_proxy
start_docs proxied "${BLOCKS[@]}" --s3-endpoint "$S3_PROXY"
head -c 9000000 /dev/urandom >"$WORK/nine"
s3_mode busy 3
check_eq "PUT of a file gets 201 although the S3 service answers three requests with busy" \
	201 "$(put "$URL_proxied" nine)"
before=$(s3_count)
head -c 3000000 /dev/urandom >"$WORK/three"
s3_mode lose 1
check_eq "PUT of a file gets 201 although one answer of the S3 service is lost" 201 "$(put "$URL_proxied" three)"
check_eq "the PUT with a lost answer stores one object" $((before + 1)) "$(s3_count)"
check_eq "GET of the file whose PUT lost an answer returns the bytes that were put" \
	"$(sha256sum <"$WORK/three")" "$(whole "$URL_docs_2" three)"
s3_mode busy 100000
head -c 3000000 /dev/urandom >"$WORK/later"
check_eq "PUT of a file gets 503 while the S3 service stays busy" 503 "$(put "$URL_proxied" later)"
check "the 503 of a PUT has Retry-After while the S3 service stays busy" test -n "$(header Retry-After)"
check_eq "GET of a file gets 503 while the S3 service stays busy" 503 "$(http "${AS[@]}" "$URL_proxied$H/files/nine")"
check_eq "GET of a file with one byte gets 200 while the S3 service stays busy" \
	200 "$(http "${AS[@]}" "$URL_proxied$H/files/byte")"
check_eq "GET of the file whose PUT got 503 gets 404" 404 "$(http "${AS[@]}" "$URL_docs_1$H/files/later")"
s3_mode pass
check_eq "PUT of the file whose PUT got 503 gets 201 when the S3 service is no longer busy" \
	201 "$(put "$URL_proxied" later)"
check "the docs service logs SlowDown, and that the S3 service counts as down" \
	grep -q 'SlowDown.*it counts as down' "$WORK/proxied.log"

# ---- silent, and gone ----
kill -STOP "$(s3_daemon rgw)"
at_end 'kill -CONT $(s3_daemon rgw)'
check_eq "GET of a file of 5 MB gets 503 while the S3 service is silent" 503 "$(http "${AS[@]}" "$U$H/files/five")"
head -c 100000 /dev/urandom >"$WORK/never"
check_eq "PUT of a file of 100 kB gets 503 while the S3 service is silent" 503 "$(put "$U" never)"
check_eq "PUT of a file with one byte gets 201 while the S3 service is silent" \
	201 "$(http -T "$WORK/byte" "${AS[@]}" "$U$H/files/small")"
kill -CONT "$(s3_daemon rgw)"
check_eq "GET of a file of 5 MB returns its bytes after the S3 service answers again" \
	"$(sha256sum <"$WORK/five")" "$(whole "$U" five)"
kill -9 "$(s3_daemon rgw)"
check_eq "GET of a file of 5 MB gets 503 after the S3 service was killed" 503 "$(http "${AS[@]}" "$U$H/files/five")"
check_eq "PUT of a file of 100 kB gets 503 after the S3 service was killed" 503 "$(put "$U" never)"
at_s3 early
check "a docs service that starts without the S3 service logs that S3 does not answer" \
	grep -q 'does not answer; it is tried out' "$WORK/early.log"
s3_again rgw
stored() { [ "$(put "$URL_early" later early)" = 201 ]; }
check "the docs service that started without the S3 service stores a file after S3 is back" eventually 60 stored
is_whole() { [ "$(sha256sum <"$WORK/$1")" = "$(whole "$URL_docs_2" "$1")" ]; }
for name in empty byte five forty lines nine three later; do
	check "GET of the file $name returns its bytes after the S3 service is back" \
		eventually 60 is_whole "$name" # this service retries at its own intervals
done

# ---- restart ----
kill -9 "$PID_docs_1" "$PID_docs_2" "$PID_proxied" "$PID_early"
wait "$PID_docs_1" "$PID_docs_2" "$PID_proxied" "$PID_early" 2>/dev/null # killed: the status says nothing
at_s3 docs-3
U=$URL_docs_3
check_eq "GET of the file forty after a restart of the docs services returns its bytes" \
	"$(sha256sum <"$WORK/forty")" "$(whole "$U" forty)"

# ---- an upload that dies between bytes and row; deletion ----
# Meanwhile the collector removes the blocks of failed uploads above, with their rows.
collected() { [ "$(s3_count)" = "$(psql -X -q -A -t "$DATABASE" -c "SELECT count(*) FROM block")" ]; }
all_collected() { [ "$(s3_count)" = 0 ]; }
head -c 100000 /dev/urandom >"$WORK/lost"
start_docs dies "${BLOCKS[@]}" --failpoint after-commit:block-file
before=$(s3_count)
check_eq "PUT of a block to a service that dies before it writes the row of the block gets no answer" \
	000 "$(put_block "$URL_dies" "$WORK/lost")"
wait "$PID_dies" 2>/dev/null # without this the shell would print "Killed"
check_eq "the upload that died leaves the object of its block" $((before + 1)) "$(s3_count)"
at_s3 docs-4 --file-grace 2 --block-grace 0 --block-young 0
check "old objects without a row are collected until there are as many objects as rows" eventually 120 collected
check_eq "GET of the file forty after the collection returns the bytes that were put" \
	"$(sha256sum <"$WORK/forty")" "$(whole "$U" forty)"
for name in byte small five forty lines nine three later early; do
	check_eq "DELETE of the file $name gets 204" 204 "$(http -X DELETE "${AS[@]}" "$U$H/files/$name")"
done
# A mount may keep the files open for a while; the test does not wait for that.
psql -X -q "$DATABASE" -c "UPDATE node SET orphaned_at = orphaned_at - interval '1 h' WHERE orphaned_at IS NOT NULL"
check "all objects are collected after all files were deleted" eventually 120 all_collected
# This service collects blocks of any age, even those of an upload in progress; no upload runs beside it.
kill -9 "$PID_docs_4"
wait "$PID_docs_4" 2>/dev/null # it was killed: its exit status says nothing
check_eq "the docs services have logged no error" 0 "$(cat "$WORK"/docs-*.log | grep -c '"level":"error"')"

# ---- settings, keys, TLS ----
refused() { # NAME WORD ARGUMENTS…
	local name=$1 word=$2
	shift 2
	timeout 30 "$DOCS_PROGRAM" --name odd --database "$DATABASE" --cluster-key "$WORK/cluster.key" --blocks s3 \
		--user-service "http://127.0.0.1:$USERS_PORT" --port 0 "$@" 2>"$WORK/odd.log"
	check_eq "nephos-docs with $name exits with 1" 1 $?
	check "nephos-docs with $name logs the reason" grep -q -e "$word" "$WORK/odd.log"
}
AT=(--s3-bucket $S3_BUCKET --s3-keys "$WORK/s3.keys")
refused "no S3 endpoint" '--s3-endpoint (NEPHOS_S3_ENDPOINT) is missing' "${AT[@]}"
refused "an S3 endpoint with a path" 'without a path' "${AT[@]}" --s3-endpoint "$S3_URL/x"
refused "a bucket that does not exist" 'no such bucket' "${AT[@]}" --s3-endpoint "$S3_URL" --s3-bucket no-such
install -m 600 "$WORK/s3.keys" "$WORK/odd.keys"
echo 'AWS_SECRET_ACCESS_KEY=x' | cat <(head -n 1 "$WORK/s3.keys") - >"$WORK/odd.keys"
refused "a wrong secret key" 'does not know these keys' "${AT[@]}" --s3-endpoint "$S3_URL" --s3-keys "$WORK/odd.keys"
chmod 640 "$WORK/odd.keys"
refused "a key file that others may read" 'chmod 600' "${AT[@]}" --s3-endpoint "$S3_URL" --s3-keys "$WORK/odd.keys"
check_eq "no log contains the secret key" 0 "$(cat "$WORK"/*.log | grep -c "$S3_SECRET")"
TLS=https://127.0.0.1:$((S3_PORT + 2))
refused "an S3 service with an untrusted certificate" 'certificate' "${AT[@]}" --s3-endpoint "$TLS"
start_docs tls "${BLOCKS[@]}" --s3-endpoint "$TLS" --s3-ca "$WORK/s3-ca.pem"
check_eq "PUT of a file gets 201 when --s3-ca has the certificate of the S3 service" 201 "$(put "$URL_tls" five)"
check_eq "GET of the file that was stored over TLS returns the bytes that were put" \
	"$(sha256sum <"$WORK/five")" "$(whole "$URL_tls" five)"
e2e_end
