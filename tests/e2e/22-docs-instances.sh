#!/usr/bin/env bash
# Goal: several docs services work on one database. A long poll at one service reports a change made at another. For
# each kind of op, a service that dies between COMMIT and answer has made the change once, and another service
# repeats the answer. Large content passes in constant memory. Blocks without a reference are collected.
. "$(dirname "$0")/../lib/e2e.sh"
. "$(dirname "$0")/../lib/docs.sh"

start_docs docs-1
start_docs docs-2
U=$URL_docs_1
ask GET "$H" >/dev/null
D=$(value .id) ROOT=$(value .root)
E=$V2/drives/$D
seq 1 500 >"$WORK/small"
put() { # PATH FILE [CURL-ARGUMENTS…]: prints the status
	local path=$1 file=$2
	shift 2
	http -T "$file" "${AS[@]}" "$@" "$U$path"
}

# ---- a poll at another instance ----
polls() { curl -s "$1/metrics" | sed -n 's/^nephos_docs_polls_waiting //p'; }
waits() { [ "$(polls "$1")" = "$2" ]; }
for i in 1 2 3; do
	ask GET "$E" >/dev/null
	SEQ=$(value .seq)
	curl -s --max-time 30 -w '\n' "${AS[@]}" "$URL_docs_2$E/changes?since=$SEQ&wait=30" >"$WORK/poll" &
	POLL=$!
	eventually 5 waits "$URL_docs_2" 1
	check_eq "round $i: PUT of a file at docs-1 gets 201" 201 "$(put "$H/files/polled$i" "$WORK/small")"
	START=$(date +%s%N)
	wait "$POLL"
	echo "# heard $((($(date +%s%N) - START) / 1000)) us after its answer"
	check_eq "round $i: a poll that waits at docs-2 gets the change made at docs-1" \
		"polled$i" "$(jq -r '.changes[0].name' "$WORK/poll")"
done

# A notification that fails is repeated later. For a while pg_notify does not exist under its name; a session that
# had already prepared the statement must prepare it again.
rename_notify() { PGOPTIONS='-c allow_system_table_mods=on' psql -X -q "$DATABASE" \
	-c "ALTER FUNCTION pg_catalog.$1(text, text) RENAME TO $2"; }
failed_to_tell() { grep -q op=notify "$WORK/docs-1.log"; }
ask GET "$E" >/dev/null
SEQ=$(value .seq)
curl -s --max-time 10 "${AS[@]}" "$URL_docs_2$E/changes?since=$SEQ&wait=30" >"$WORK/poll" &
POLL=$!
eventually 5 waits "$URL_docs_2" 1
rename_notify pg_notify nobody_notifies
psql -X -q "$PG" \
	-c "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'docs' AND query LIKE '%pg_notify%'" >/dev/null
check_eq "PUT of a file at docs-1 gets 201 while PostgreSQL has no pg_notify" \
	201 "$(put "$H/files/told-later" "$WORK/small")"
check "docs-1 logs that the notification failed" eventually 5 failed_to_tell
rename_notify nobody_notifies pg_notify
wait "$POLL"
check_eq "a poll that waits at docs-2 gets the change after pg_notify is back" \
	"told-later" "$(jq -r '.changes[0].name' "$WORK/poll")"

# ---- death between COMMIT and answer ----
ids() { ask POST "$E/ids" '{"count":1}' >/dev/null; value .first; }
id_of() { ask GET "$E/items?path=$1" >/dev/null; value .id; }
check_eq "PUT of a file for the ops gets 201" 201 "$(put "$H/files/victim" "$WORK/small")"
V=$(id_of /victim)
check_eq "PUT of an empty file as the target of a clone gets 201" 201 "$(put "$H/files/clone" /dev/null)"
C=$(id_of /clone)
says "POST of a folder for rmdir gets 201" 201 POST "$H/folders" '{"path":"/folder"}'
declare -A OPS=(
	[create]="\"parent\":\"$ROOT\",\"name\":\"created\",\"type\":\"file\""
	[write]="\"id\":\"$V\",\"size\":10"
	[setattr]="\"id\":\"$V\",\"mode\":384"
	[rename]="\"parent\":\"$ROOT\",\"name\":\"victim\",\"new_parent\":\"$ROOT\",\"new_name\":\"renamed\""
	[link]="\"id\":\"$V\",\"parent\":\"$ROOT\",\"name\":\"linked\""
	[setxattr]="\"id\":\"$V\",\"name\":\"user.a\",\"value_b64\":\"AA==\""
	[removexattr]="\"id\":\"$V\",\"name\":\"user.a\""
	[clone]="\"id\":\"$V\",\"from\":0,\"len\":5,\"to\":\"$C\",\"at\":0"
	[rmdir]="\"parent\":\"$ROOT\",\"name\":\"folder\""
	[unlink]="\"parent\":\"$ROOT\",\"name\":\"linked\""
)
entries() { ask GET "$E/changes?since=0&limit=1000" >/dev/null; jq --arg key "$1" \
	'[.changes[]|select(.key==$key)]|length' "$WORK/body"; }
for kind in create write setattr rename link setxattr removexattr clone rmdir unlink; do
	BATCH="{\"ops\":[{\"op\":\"$kind\",${OPS[$kind]}}]}"
	start_docs "dies-$kind" --failpoint "after-commit:$kind"
	url=URL_dies_$kind pid=PID_dies_$kind
	SEQ=$(ask GET "$E" >/dev/null; value .seq)
	curl -s --max-time 10 "${AS[@]}" "$URL_docs_1$E/changes?since=$SEQ&wait=30" >"$WORK/poll-$kind" &
	POLL=$!
	eventually 5 waits "$URL_docs_1" 1
	U=${!url}
	check_eq "$kind: a service that dies after COMMIT sends no answer" \
		000 "$(ask POST "$E/ops" "$BATCH" -H "Idempotency-Key: $kind")"
	wait "${!pid}" 2>/dev/null # without this the shell would print "Killed"
	check_eq "$kind: the service was ended by SIGKILL" 137 $?
	check_eq "$kind: the journal has one entry of the batch before the repeat" 1 "$(U=$URL_docs_1 entries "$kind")"
	U=$URL_docs_2
	says "$kind: docs-2 answers the repeated batch with 200" 200 POST "$E/ops" "$BATCH" -H "Idempotency-Key: $kind"
	check_eq "$kind: the answer to the repeat has Idempotency-Replayed: true" true "$(header Idempotency-Replayed)"
	check_eq "$kind: the answer to the repeat has one result" 1 "$(value '.results|length')"
	check_eq "$kind: the journal has one entry of the batch after the repeat" 1 "$(entries "$kind")"
	wait "$POLL"
	check_eq "$kind: a poll that waits at docs-1 gets the change of the service that died" \
		"$kind" "$(jq -r '.changes[0].key' "$WORK/poll-$kind")"
	U=$URL_docs_1
done
start_docs dies-put --failpoint after-commit:write
U=$URL_dies_put
check_eq "PUT of a file to a service that dies after COMMIT gets no answer" \
	000 "$(put "$H/files/put" "$WORK/small" -H 'Idempotency-Key: put' -H 'Expect:')"
U=$URL_docs_1
check_eq "the repeat of the PUT at docs-1 gets 201 with Idempotency-Replayed: true" \
	"201 true" "$(put "$H/files/put" "$WORK/small" -H 'Idempotency-Key: put') $(header Idempotency-Replayed)"
ask POST "$E/sessions" '{}' >/dev/null
SESSION=(-H "Nephos-Session: $(value .session)" -H 'Nephos-Batch: 1')
BATCH="{\"ops\":[{\"op\":\"create\",\"parent\":\"$ROOT\",\"name\":\"session\",\"type\":\"file\"}]}"
start_docs dies-session --failpoint after-commit:create
U=$URL_dies_session
COMPACT=(-H 'Accept: application/vnd.nephos.results, application/json')
check_eq "a session's batch to a service that dies after COMMIT gets no answer" \
	000 "$(ask POST "$E/ops" "$BATCH" "${SESSION[@]}" "${COMPACT[@]}")"
U=$URL_docs_2
says "docs-2 answers the repeated batch of the session with 200" \
	200 POST "$E/ops" "$BATCH" "${SESSION[@]}" "${COMPACT[@]}"
check_eq "the answer to the session's repeat has Idempotency-Replayed: true" true "$(header Idempotency-Replayed)"
check_eq "the answer to the session's repeat is in the compact form that Accept names" \
	"application/vnd.nephos.results NPR1" "$(header Content-Type) $(head -c 4 "$WORK/body")"
check "the answer to the session's repeat contains the name of the created file" grep -qa session "$WORK/body"
cp "$WORK/body" "$WORK/first-body"
for i in 1 2; do
	url=URL_docs_$i
	U=${!url}
	says "a repeat at docs-$i without Accept gets 200" 200 POST "$E/ops" "$BATCH" "${SESSION[@]}"
	check "a repeat at docs-$i without Accept gets the same bytes as before" cmp "$WORK/first-body" "$WORK/body"
	check_eq "a repeat at docs-$i without Accept has the Content-Type of the compact form" \
		application/vnd.nephos.results "$(header Content-Type)"
done
# The next batch at an instance uses what that instance has cached of the batch before. The stored answer is the same
# nevertheless.
U=$URL_docs_2
SESSION=("${SESSION[0]}" "${SESSION[1]}")
for names in 'session moved' 'moved again' 'again last'; do
	NUMBER=$((${NUMBER:-1} + 1))
	BATCH="{\"ops\":[{\"op\":\"rename\",\"parent\":\"$ROOT\",\"name\":\"${names% *}\",\"new_parent\":\"$ROOT\",\"new_name\":\"${names#* }\"}]}"
	says "a session's rename of ${names% *} to ${names#* } at docs-2 gets 200" \
		200 POST "$E/ops" "$BATCH" "${SESSION[@]}" -H "Nephos-Batch: $NUMBER" \
		"${COMPACT[@]}"
done
cp "$WORK/body" "$WORK/first-body"
U=$URL_docs_1
says "the repeat of the last rename at docs-1 gets 200" \
	200 POST "$E/ops" "$BATCH" "${SESSION[@]}" -H "Nephos-Batch: $NUMBER" \
	"${COMPACT[@]}"
check "the repeat of the last rename at docs-1 gets the same bytes as at docs-2" cmp "$WORK/first-body" "$WORK/body"
check_eq "the repeat of the last rename has Content-Type, Vary and Idempotency-Replayed" \
	"application/vnd.nephos.results Accept true" \
		"$(header Content-Type) $(header Vary) $(header Idempotency-Replayed)"
# Changes that are not ops: the change and its answer are in one transaction, so the repeat finds the answer at any
# instance.
dies_then_repeats() { # CHANGE[:OP] STATUS METHOD PATH [BODY]: OP is what it dies of, unless it is CHANGE itself
	local change=${1%:*} op=${1#*:} status=$2 url
	url=URL_dies_${change//-/_}
	shift 2
	start_docs "dies-$change" --failpoint "after-commit:$op"
	U=${!url}
	check_eq "$change: a service that dies after COMMIT sends no answer" \
		000 "$(ask "$1" "$2" "${3:-}" -H "Idempotency-Key: $change")"
	U=$URL_docs_2
	says "$change: docs-2 answers the repeat with $status" "$status" "$1" "$2" "${3:-}" -H "Idempotency-Key: $change"
	check_eq "$change: the answer to the repeat has Idempotency-Replayed: true" true "$(header Idempotency-Replayed)"
	cp "$WORK/body" "$WORK/first-body"
	U=$URL_docs_1
	says "$change: docs-1 answers a second repeat with $status" \
		"$status" "$1" "$2" "${3:-}" -H "Idempotency-Key: $change"
	check "$change: both repeats get the same body" cmp "$WORK/first-body" "$WORK/body"
	check_eq "$change: the same key with another query gets 422 key-reused" "422 /problems/key-reused" \
		"$(ask "$1" "$2?other" "${3:-}" -H "Idempotency-Key: $change") $(value .type)"
	[ -n "${3:-}" ] || return
	check_eq "$change: the same key with another body gets 422 key-reused" "422 /problems/key-reused" \
		"$(ask "$1" "$2" "$(other_body "$3")" -H "Idempotency-Key: $change") $(value .type)"
}
# other_body JSON: prints a body that the route takes as well, with other texts and numbers.
other_body() {
	jq -c 'map_values(if type == "string" then . + "x" elif type == "number" then . + 1 else . end)' <<<"$1"
}
in_journal() { U=$URL_docs_1 entries "$1"; } # KEY: how many entries
in_database() { psql -X -A -t "$DATABASE" -c "$1"; }
# The simpler routes are translated into ops and keep the same promise.
dies_then_repeats v1-create:create 201 POST "$V1/" '{"title":"v1 once","text":"a","user_id":[1]}'
V1_DOC=$(jq .id "$WORK/first-body")
dies_then_repeats v1-change:write 200 PUT "$V1/$V1_DOC/" '{"text":"b"}'
dies_then_repeats v1-delete:unlink 204 DELETE "$V1/$V1_DOC"
check_eq "v1: the journal has two entries of the POST, one of the PUT and one of the DELETE" \
	"2 1 1" "$(in_journal v1-create) $(in_journal v1-change) $(in_journal v1-delete)"
dies_then_repeats folders:create 201 POST "$H/folders" '{"path":"/once"}'
dies_then_repeats item-delete:rmdir 204 DELETE "$E/items/$(jq -r .id "$WORK/first-body")"
check_eq "PUT of a file for the DELETE by path gets 201" 201 "$(put "$H/files/by-path" "$WORK/small")"
dies_then_repeats file-delete:unlink 204 DELETE "$H/files/by-path"
check_eq "folders, items and files: the journal has one entry of each change" \
	"1 1 1" "$(in_journal folders) $(in_journal item-delete) $(in_journal file-delete)"
NEXT=$(in_database "SELECT next_number FROM drive WHERE id = $D")
dies_then_repeats ids 201 POST "$E/ids" '{"count":7}'
check_eq "ids: the request and its repeats reserve seven ids in all" \
	$((NEXT + 7)) "$(in_database "SELECT next_number FROM drive WHERE id = $D")"
dies_then_repeats session-create 201 POST "$E/sessions" '{"name":"once"}'
S=$(jq -r .session "$WORK/first-body")
check_eq "session-create: the database has one session with the name" \
	"$S" "$(in_database "SELECT id FROM session WHERE name = 'once'")"
dies_then_repeats session-end 204 DELETE "$E/sessions/$S"
check_eq "session-end: the database has no session with the name" \
	"" "$(in_database "SELECT id FROM session WHERE name = 'once'")"
dies_then_repeats drive-create 201 POST "$V2/drives" '{"name":"second"}'
SECOND=$(jq -r .id "$WORK/first-body")
check_eq "drive-create: the database has one drive with the name" \
	"$SECOND" "$(in_database "SELECT id FROM drive WHERE name = 'second'")"
dies_then_repeats drive-change 200 PATCH "$V2/drives/$SECOND" '{"name":"changed"}'
says "drive-change: a later PATCH of the drive's name gets 200" \
	200 PATCH "$V2/drives/$SECOND" '{"name":"changed again"}'
says "drive-change: a late repeat of the first PATCH gets 200" 200 PATCH "$V2/drives/$SECOND" '{"name":"changed"}' \
	-H 'Idempotency-Key: drive-change'
says "drive-change: GET of the drive after the late repeat gets 200" 200 GET "$V2/drives/$SECOND"
check_eq "drive-change: the drive keeps the later name after the late repeat" "changed again" "$(value .name)"
dies_then_repeats drive-delete 204 DELETE "$V2/drives/$SECOND"
says "drive-delete: GET of the deleted drive gets 404" 404 GET "$V2/drives/$SECOND"
as 2
says "drive-delete: a DELETE with the same key by another user gets 404" 404 DELETE "$V2/drives/$SECOND" "" \
	-H 'Idempotency-Key: drive-delete'
as 3
ask GET "$H" >/dev/null
THIRD=$(value .id)
says "drive-delete: DELETE of a user's first drive gets 204" 204 DELETE "$H" "" -H 'Idempotency-Key: home'
ask GET "$H" >/dev/null
FOURTH=$(value .id)
check_not "drive-delete: the user's home is a new drive after the first was deleted" test "$THIRD" = "$FOURTH"
says "drive-delete: a late repeat of the first drive's DELETE gets 204" 204 DELETE "$H" "" -H 'Idempotency-Key: home'
says "drive-delete: GET of the new home drive after the late repeat gets 200" 200 GET "$V2/drives/$FOURTH"
as 1

# ---- many writers, two instances ----
start_writers() {
	local url
	for i in $(seq 1 40); do
		url=$URL_docs_1
		[ $((i % 2)) = 0 ] && url=$URL_docs_2
		curl -s -o /dev/null -w '%{http_code}\n' -T "$WORK/small" "${AS[@]}" \
			"$url$H/files/many/$i?parents=1" >>"$WORK/codes" &
		WRITERS+=($!)
	done
}
WRITERS=()
start_writers
wait "${WRITERS[@]}"
check_eq "forty concurrent PUTs into one new folder all get 201" 40 "$(grep -c '^201$' "$WORK/codes")"
ask GET "$E/items/$(id_of /many)/children" >/dev/null
check_eq "the new folder has forty children after the forty PUTs" 40 "$(value '.items|length')"
ask GET "$E/changes?since=0&limit=1000" >/dev/null
check_eq "the sequence numbers of the journal have no gaps" \
	true "$(value '[.changes[].seq|tonumber] as $s | $s == [range(1; ($s|length) + 1)]')"
rm -f "$WORK/codes"
WRITERS=()
for i in $(seq 1 10); do
	curl -s -o /dev/null -w '%{http_code}\n' -T "$WORK/small" -H 'If-None-Match: *' "${AS[@]}" \
		"$U$H/files/first" >>"$WORK/codes" &
	WRITERS+=($!)
done
wait "${WRITERS[@]}"
check_eq "one of ten concurrent PUTs with If-None-Match: * gets 201, and the others get 412" \
	"1 9" "$(grep -c '^201$' "$WORK/codes") $(grep -c '^412$' "$WORK/codes")"

# ---- memory ----
rss() { awk '/^VmRSS/ {print $2}' "/proc/$1/status"; }
head -c 400000000 /dev/urandom >"$WORK/huge"
put "$H/files/warm" "$WORK/small" >/dev/null
BEFORE=$(rss "$PID_docs_1")
check_eq "PUT of a file of 400 MB gets 201" 201 "$(put "$H/files/huge" "$WORK/huge")"
check "the memory of docs-1 has grown by less than 16 MiB after the PUT of 400 MB" \
	test $(($(rss "$PID_docs_1") - BEFORE)) -lt 16384
check "GET of the file of 400 MB returns the bytes that were put" \
	cmp "$WORK/huge" <(curl -s "${AS[@]}" "$U$H/files/huge")
READERS=()
for i in 1 2 3 4 5 6 7 8; do
	curl -s -o /dev/null --limit-rate 2M --max-time 5 "${AS[@]}" "$U$H/files/huge" &
	READERS+=($!)
done
# A fixed time, not an event: memory is measured in the middle of the reads, each of which lasts 5 s.
sleep 3
PEAK=$(rss "$PID_docs_1")
wait "${READERS[@]}"
echo "# $((PEAK - BEFORE)) KiB more with eight slow readers"
check "the memory of docs-1 grows by less than 32 MiB under eight slow readers" test $((PEAK - BEFORE)) -lt 32768
for i in $(seq 1 20); do
	curl -s -o /dev/null -w '%{http_code}\n' --limit-rate 20M -T <(head -c 20000000 "$WORK/huge") "${AS[@]}" \
		"$U$H/files/up$i" >>"$WORK/uploads" &
	UPLOADS+=($!)
done
# As above: memory is measured during the uploads, each of which lasts at least a second.
sleep 1
PEAK=$(rss "$PID_docs_1")
wait "${UPLOADS[@]}"
echo "# $((PEAK - BEFORE)) KiB more with twenty uploads"
check "the memory of docs-1 grows by less than 48 MiB under twenty uploads" test $((PEAK - BEFORE)) -lt 49152
check_eq "all of the twenty uploads get 201" 20 "$(grep -c '^201$' "$WORK/uploads")"
check "docs-1 has no running upload after the twenty uploads" \
	eventually 5 sh -c "curl -s '$U/metrics' | grep -q 'nephos_docs_uploads{state=\"running\"} 0'"

SLOW=()
# An upload asks for a buffer once 256 KiB (HTTP_STREAM_BYTES) have arrived. A sender is slow below 1 MiB/s
# (UPLOAD_RATE_MIN).
for i in 1 2 3 4 5 6 7 8 9; do
	curl -s -o /dev/null --limit-rate 200k --max-time 120 -H 'Expect:' -T "$WORK/huge" "${AS[@]}" \
		"$U$H/files/slow$i" &
	SLOW+=($!)
done
check "one of nine slow uploads waits for a buffer" \
	eventually 20 sh -c "curl -s '$U/metrics' | grep -q 'nephos_docs_uploads{state=\"waiting\"} [1-9]'"
head -c 9000000 "$WORK/huge" >"$WORK/quick"
check_eq "PUT of 9 MB gets 201 within 50 s beside nine slow uploads" \
	201 "$(put "$H/files/quick" "$WORK/quick" --max-time 50)"
check "GET of the file that was put beside slow uploads returns its bytes" \
	cmp "$WORK/quick" <(curl -s "${AS[@]}" "$U$H/files/quick")
check "docs-1 has running uploads before the nine slow uploads are cut" \
	eventually 10 sh -c "curl -s '$U/metrics' | grep -q 'nephos_docs_uploads{state=\"running\"} [1-9]'"
kill "${SLOW[@]}"
check "docs-1 has no running upload after nine slow uploads were cut" \
	eventually 10 sh -c "curl -s '$U/metrics' | grep -q 'nephos_docs_uploads{state=\"running\"} 0'"
says "an upload that was cut leaves no file" 404 GET "$H/files/slow1"

# ---- collecting ----
blocks() { find "$WORK/blocks" -type f | wc -l; }
# A fixed time, not an event: a worker removes the blocks of the uploads that were cut a moment after they ended.
settled() { local count; count=$(blocks); sleep 1; [ "$(blocks)" = "$count" ]; }
check "the removal of the blocks of cut uploads comes to an end" eventually 30 settled
BEFORE=$(blocks)
for file in huge quick $(seq -f 'up%g' 1 20); do put "$H/files/$file" "$WORK/small" >/dev/null; done
check_eq "the blocks of overwritten files are still on the disk after the PUTs" "$BEFORE" "$(blocks)"
start_docs collects --upkeep-period 1 --block-grace 0
collected() { [ "$(blocks)" -lt "$1" ]; }
eventually 30 collected 5 || true
check "fewer than five block files remain after a collection without a grace period" collected 5
says "GET of a file whose block is in use gets 200 after the collection" 200 GET "$H/files/put"
check_eq "the docs services have logged no error" 0 "$(cat "$WORK"/*.log | grep -c '"level":"error"')"

# ---- damage ----
check_eq "PUT of the file that will be damaged gets 201" 201 "$(put "$H/files/damaged" "$WORK/quick")"
BLOCK=$(ask GET "$H/items?path=/damaged" >/dev/null && ask GET "$H/items/$(value .id)/extents" >/dev/null && value '.items[0].block')
printf 'X' | dd of="$(find "$WORK/blocks" -name "*-$BLOCK-*")" bs=1 seek=1000 conv=notrunc status=none
says "GET of a file with a damaged block gets 500" 500 GET "$H/files/damaged"
check_eq "the 500 for a damaged block has the type /problems/corrupt" /problems/corrupt "$(value .type)"
e2e_end
