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
	check_eq "a change at one instance" 201 "$(put "$H/files/polled$i" "$WORK/small")"
	START=$(date +%s%N)
	wait "$POLL"
	echo "# heard $((($(date +%s%N) - START) / 1000)) us after its answer"
	check_eq "is heard at the other" "polled$i" "$(jq -r '.changes[0].name' "$WORK/poll")"
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
check_eq "a change at one instance, which cannot tell the other" 201 "$(put "$H/files/told-later" "$WORK/small")"
check "it fails to tell" eventually 5 failed_to_tell
rename_notify nobody_notifies pg_notify
wait "$POLL"
check_eq "is heard at the other when it can" "told-later" "$(jq -r '.changes[0].name' "$WORK/poll")"

# ---- death between COMMIT and answer ----
ids() { ask POST "$E/ids" '{"count":1}' >/dev/null; value .first; }
id_of() { ask GET "$E/items?path=$1" >/dev/null; value .id; }
check_eq "a file to work on" 201 "$(put "$H/files/victim" "$WORK/small")"
V=$(id_of /victim)
check_eq "one to clone to" 201 "$(put "$H/files/clone" /dev/null)"
C=$(id_of /clone)
says "a folder" 201 POST "$H/folders" '{"path":"/folder"}'
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
	check_eq "$kind: it dies without an answer" 000 "$(ask POST "$E/ops" "$BATCH" -H "Idempotency-Key: $kind")"
	wait "${!pid}" 2>/dev/null # without this the shell would print "Killed"
	check_eq "$kind: by SIGKILL" 137 $?
	check_eq "$kind: it is in the journal" 1 "$(U=$URL_docs_1 entries "$kind")"
	U=$URL_docs_2
	says "$kind: the other instance answers the repeat" 200 POST "$E/ops" "$BATCH" -H "Idempotency-Key: $kind"
	check_eq "$kind: from what was kept" true "$(header Idempotency-Replayed)"
	check_eq "$kind: with its result" 1 "$(value '.results|length')"
	check_eq "$kind: and it was done once" 1 "$(entries "$kind")"
	wait "$POLL"
	check_eq "$kind: who waits for changes hears of it, though the first was dead before it could say so" \
		"$kind" "$(jq -r '.changes[0].key' "$WORK/poll-$kind")"
	U=$URL_docs_1
done
start_docs dies-put --failpoint after-commit:write
U=$URL_dies_put
check_eq "a PUT too" 000 "$(put "$H/files/put" "$WORK/small" -H 'Idempotency-Key: put' -H 'Expect:')"
U=$URL_docs_1
check_eq "is repeated" \
	"201 true" "$(put "$H/files/put" "$WORK/small" -H 'Idempotency-Key: put') $(header Idempotency-Replayed)"
ask POST "$E/sessions" '{}' >/dev/null
SESSION=(-H "Nephos-Session: $(value .session)" -H 'Nephos-Batch: 1')
BATCH="{\"ops\":[{\"op\":\"create\",\"parent\":\"$ROOT\",\"name\":\"session\",\"type\":\"file\"}]}"
start_docs dies-session --failpoint after-commit:create
U=$URL_dies_session
COMPACT=(-H 'Accept: application/vnd.nephos.results, application/json')
check_eq "a mount's batch too" 000 "$(ask POST "$E/ops" "$BATCH" "${SESSION[@]}" "${COMPACT[@]}")"
U=$URL_docs_2
says "is answered by the other" 200 POST "$E/ops" "$BATCH" "${SESSION[@]}" "${COMPACT[@]}"
check_eq "once done" true "$(header Idempotency-Replayed)"
check_eq "in the form it was asked for" \
	"application/vnd.nephos.results NPR1" "$(header Content-Type) $(head -c 4 "$WORK/body")"
check "with its result" grep -qa session "$WORK/body"
cp "$WORK/body" "$WORK/first-body"
for i in 1 2; do
	url=URL_docs_$i
	U=${!url}
	says "instance $i repeats it to one who asks for no form" 200 POST "$E/ops" "$BATCH" "${SESSION[@]}"
	check "to the byte" cmp "$WORK/first-body" "$WORK/body"
	check_eq "and says what it is" application/vnd.nephos.results "$(header Content-Type)"
done
# The next batch at an instance uses what that instance has cached of the batch before. The stored answer is the same
# nevertheless.
U=$URL_docs_2
SESSION=("${SESSION[0]}" "${SESSION[1]}")
for names in 'session moved' 'moved again' 'again last'; do
	NUMBER=$((${NUMBER:-1} + 1))
	BATCH="{\"ops\":[{\"op\":\"rename\",\"parent\":\"$ROOT\",\"name\":\"${names% *}\",\"new_parent\":\"$ROOT\",\"new_name\":\"${names#* }\"}]}"
	says "a rename by the mount" 200 POST "$E/ops" "$BATCH" "${SESSION[@]}" -H "Nephos-Batch: $NUMBER" \
		"${COMPACT[@]}"
done
cp "$WORK/body" "$WORK/first-body"
U=$URL_docs_1
says "the last is repeated by the other" 200 POST "$E/ops" "$BATCH" "${SESSION[@]}" -H "Nephos-Batch: $NUMBER" \
	"${COMPACT[@]}"
check "to the byte" cmp "$WORK/first-body" "$WORK/body"
check_eq "with its headers" \
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
	check_eq "$change: it dies without an answer" 000 "$(ask "$1" "$2" "${3:-}" -H "Idempotency-Key: $change")"
	U=$URL_docs_2
	says "$change: the other instance answers the repeat" "$status" "$1" "$2" "${3:-}" -H "Idempotency-Key: $change"
	check_eq "$change: from what was kept" true "$(header Idempotency-Replayed)"
	cp "$WORK/body" "$WORK/first-body"
	U=$URL_docs_1
	says "$change: as often as it is asked" "$status" "$1" "$2" "${3:-}" -H "Idempotency-Key: $change"
	check "$change: in the same words" cmp "$WORK/first-body" "$WORK/body"
	says "$change: of another body there is no repeat" 422 "$1" "$2?other" "${3:-}" -H "Idempotency-Key: $change"
}
in_journal() { U=$URL_docs_1 entries "$1"; } # KEY: how many entries
in_database() { psql -X -A -t "$DATABASE" -c "$1"; }
# The simpler routes are translated into ops and keep the same promise.
dies_then_repeats v1-create:create 201 POST "$V1/" '{"title":"v1 once","text":"a","user_id":[1]}'
V1_DOC=$(jq .id "$WORK/first-body")
dies_then_repeats v1-change:write 200 PUT "$V1/$V1_DOC/" '{"text":"b"}'
dies_then_repeats v1-delete:unlink 204 DELETE "$V1/$V1_DOC"
check_eq "v1: one entry each, or two for title and text" \
	"2 1 1" "$(in_journal v1-create) $(in_journal v1-change) $(in_journal v1-delete)"
dies_then_repeats folders:create 201 POST "$H/folders" '{"path":"/once"}'
dies_then_repeats item-delete:rmdir 204 DELETE "$E/items/$(jq -r .id "$WORK/first-body")"
check_eq "a file to delete by path" 201 "$(put "$H/files/by-path" "$WORK/small")"
dies_then_repeats file-delete:unlink 204 DELETE "$H/files/by-path"
check_eq "folders, items, files: one entry each" \
	"1 1 1" "$(in_journal folders) $(in_journal item-delete) $(in_journal file-delete)"
NEXT=$(in_database "SELECT next_number FROM drive WHERE id = $D")
dies_then_repeats ids 201 POST "$E/ids" '{"count":7}'
check_eq "ids: they are reserved once" $((NEXT + 7)) "$(in_database "SELECT next_number FROM drive WHERE id = $D")"
dies_then_repeats session-create 201 POST "$E/sessions" '{"name":"once"}'
S=$(jq -r .session "$WORK/first-body")
check_eq "session-create: there is one" "$S" "$(in_database "SELECT id FROM session WHERE name = 'once'")"
dies_then_repeats session-end 204 DELETE "$E/sessions/$S"
check_eq "session-end: it is over" "" "$(in_database "SELECT id FROM session WHERE name = 'once'")"
dies_then_repeats drive-create 201 POST "$V2/drives" '{"name":"second"}'
SECOND=$(jq -r .id "$WORK/first-body")
check_eq "drive-create: there is one" "$SECOND" "$(in_database "SELECT id FROM drive WHERE name = 'second'")"
dies_then_repeats drive-change 200 PATCH "$V2/drives/$SECOND" '{"name":"changed"}'
says "drive-change: another change" 200 PATCH "$V2/drives/$SECOND" '{"name":"changed again"}'
says "drive-change: is not undone by a late repeat" 200 PATCH "$V2/drives/$SECOND" '{"name":"changed"}' \
	-H 'Idempotency-Key: drive-change'
says "drive-change: the drive" 200 GET "$V2/drives/$SECOND"
check_eq "drive-change: has the later name" "changed again" "$(value .name)"
dies_then_repeats drive-delete 204 DELETE "$V2/drives/$SECOND"
says "drive-delete: the drive is gone" 404 GET "$V2/drives/$SECOND"
as 2
says "drive-delete: another user has no such answer" 404 DELETE "$V2/drives/$SECOND" "" \
	-H 'Idempotency-Key: drive-delete'
as 3
ask GET "$H" >/dev/null
THIRD=$(value .id)
says "drive-delete: one's first drive" 204 DELETE "$H" "" -H 'Idempotency-Key: home'
ask GET "$H" >/dev/null
FOURTH=$(value .id)
check_not "drive-delete: has a successor" test "$THIRD" = "$FOURTH"
says "drive-delete: which a late repeat leaves alone" 204 DELETE "$H" "" -H 'Idempotency-Key: home'
says "drive-delete: so that it is there" 200 GET "$V2/drives/$FOURTH"
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
check_eq "forty at once make forty files and one folder" 40 "$(grep -c '^201$' "$WORK/codes")"
ask GET "$E/items/$(id_of /many)/children" >/dev/null
check_eq "all there" 40 "$(value '.items|length')"
ask GET "$E/changes?since=0&limit=1000" >/dev/null
check_eq "the journal has no gaps" true "$(value '[.changes[].seq|tonumber] as $s | $s == [range(1; ($s|length) + 1)]')"
rm -f "$WORK/codes"
WRITERS=()
for i in $(seq 1 10); do
	curl -s -o /dev/null -w '%{http_code}\n' -T "$WORK/small" -H 'If-None-Match: *' "${AS[@]}" \
		"$U$H/files/first" >>"$WORK/codes" &
	WRITERS+=($!)
done
wait "${WRITERS[@]}"
check_eq "of ten that make one file, one does" "1 9" "$(grep -c '^201$' "$WORK/codes") $(grep -c '^412$' "$WORK/codes")"

# ---- memory ----
rss() { awk '/^VmRSS/ {print $2}' "/proc/$1/status"; }
head -c 400000000 /dev/urandom >"$WORK/huge"
put "$H/files/warm" "$WORK/small" >/dev/null
BEFORE=$(rss "$PID_docs_1")
check_eq "400 MB are stored" 201 "$(put "$H/files/huge" "$WORK/huge")"
check "in flat memory" test $(($(rss "$PID_docs_1") - BEFORE)) -lt 16384
check "and read back as they are" cmp "$WORK/huge" <(curl -s "${AS[@]}" "$U$H/files/huge")
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
check "eight slow readers cost little" test $((PEAK - BEFORE)) -lt 32768
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
check "twenty uploads have eight buffers" test $((PEAK - BEFORE)) -lt 49152
check_eq "and all are stored" 20 "$(grep -c '^201$' "$WORK/uploads")"
check "an upload that is cut leaves no buffer" \
	eventually 5 sh -c "curl -s '$U/metrics' | grep -q 'nephos_docs_uploads{state=\"running\"} 0'"

SLOW=()
for i in 1 2 3 4 5 6 7 8 9; do
	curl -s -o /dev/null --limit-rate 20k --max-time 60 -H 'Expect:' -T "$WORK/huge" "${AS[@]}" \
		"$U$H/files/slow$i" &
	SLOW+=($!)
done
eventually 5 sh -c "curl -s '$U/metrics' | grep -q 'nephos_docs_uploads{state=\"waiting\"} 1'"
head -c 9000000 "$WORK/huge" >"$WORK/quick"
check_eq "slow senders do not keep others from sending" 201 "$(put "$H/files/quick" "$WORK/quick" --max-time 50)"
check "what came in turns is whole" cmp "$WORK/quick" <(curl -s "${AS[@]}" "$U$H/files/quick")
kill "${SLOW[@]}"
check "uploads that are cut leave no buffer" \
	eventually 10 sh -c "curl -s '$U/metrics' | grep -q 'nephos_docs_uploads{state=\"running\"} 0'"
says "and nothing else" 404 GET "$H/files/slow1"

# ---- collecting ----
blocks() { find "$WORK/blocks" -type f | wc -l; }
BEFORE=$(blocks)
for file in huge quick $(seq -f 'up%g' 1 20); do put "$H/files/$file" "$WORK/small" >/dev/null; done
check_eq "blocks stay for a while" "$BEFORE" "$(blocks)"
start_docs collects --upkeep-period 1 --block-grace 0
collected() { [ "$(blocks)" -lt "$1" ]; }
eventually 30 collected 5 || true
check "then they go" collected 5
says "what has them stays" 200 GET "$H/files/put"
check_eq "no failure of its own was logged" 0 "$(cat "$WORK"/*.log | grep -c '"level":"error"')"

# ---- damage ----
check_eq "a file" 201 "$(put "$H/files/damaged" "$WORK/quick")"
BLOCK=$(ask GET "$H/items?path=/damaged" >/dev/null && ask GET "$H/items/$(value .id)/extents" >/dev/null && value '.items[0].block')
printf 'X' | dd of="$(find "$WORK/blocks" -name "*-$BLOCK-*")" bs=1 seek=1000 conv=notrunc status=none
says "a block that is damaged on the disk is not given as if it were right" 500 GET "$H/files/damaged"
check_eq "but said to be so" /problems/corrupt "$(value .type)"
e2e_end
