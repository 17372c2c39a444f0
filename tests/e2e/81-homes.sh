#!/usr/bin/env bash
# Goal: what docs services do for the homes of drives. A claim succeeds in the ring's epoch only. After it, only the
# home can change the drive, by any route. The home is notified of everything that a change has made stale. A request
# that is meant for one drive changes no other drive.
. "$(dirname "$0")/../lib/e2e.sh"
. "$(dirname "$0")/../lib/docs.sh"

start_docs docs-1
start_docs docs-2
U=$URL_docs_1
ask GET "$H" >/dev/null
D=$(value .id) ROOT=$(value .root)
E=$V2/drives/$D
R=/internal/v1/ring
touched() { sed -n 's/^[Nn]ephos-[Tt]ouched: \([^\r]*\).*/\1/p' "$WORK/headers"; }

call() { # NAME BOOT VIEW SAID: a gateway calls
	ask POST $R '{"name":"'"$1"'","boot":"'"$2"'","url":"http://'"$1"'","hop_url":"http://'"$1"':1","weight":1,"view":'"$3"',"said":'"$4"',"leaving":false,"silent":[]}'
}
claim() { ask POST $R/claims "{\"drive\":$1,\"epoch\":$2}"; } # DRIVE EPOCH

# ---- the book ----
says "a claim before there is a ring is refused" 409 POST $R/claims "{\"drive\":$D,\"epoch\":1}"
check_eq "a gateway calls" 200 "$(call g1 a 0 0)"
check_eq "and is the first member" "1 true" "$(value '"\(.epoch) \(.gateways[0].member)"')"
U=$URL_docs_2
check_eq "through the other service it has its lease" "200 true" "$(call g1 a 1 0) $(value .lease)"
U=$URL_docs_1
says "a call that is none is refused" 400 POST $R '{"name":"g1"}'
says "a call of a name that cannot be is refused" 400 POST $R \
	'{"name":"g 1","boot":"a","url":"http://x","hop_url":"","weight":1,"view":0,"said":0,"leaving":false,"silent":[]}'
says "what is no JSON is refused" 400 POST $R '{'

# ---- a drive without a home ----
says "a drive without a home is changed by anybody" 201 POST "$E/folders" '{"path":"/before"}'
check_eq "who says no epoch is told nothing of what it touched" "" "$(touched)"
says "one who says an epoch that is none is refused" 409 POST "$E/folders" '{"path":"/before2"}' -H 'Nephos-Epoch: 1'

# ---- the claim ----
for wrong in '{}' "{\"drive\":0,\"epoch\":1}" "{\"drive\":$D,\"epoch\":0}" "{\"drive\":\"$D\",\"epoch\":1}" '[' \
	"{\"drive\":2147483648,\"epoch\":1}"; do
	says "no claim: $wrong" 400 POST $R/claims "$wrong"
done
says "a claim in an epoch that is not the ring's is refused" 409 POST $R/claims "{\"drive\":$D,\"epoch\":2}"
says "a claim of no drive is refused" 404 POST $R/claims '{"drive":2147483647,"epoch":1}'
check_eq "the home claims" 204 "$(claim "$D" 1)"
AT=$(sed -n 's/^[Nn]ephos-[Ss]eq: \([^\r]*\).*/\1/p' "$WORK/headers")
ask GET "$E" >/dev/null
check_eq "and hears where the drive stands" "$(value '"\(.incarnation).\(.seq)"')" "$AT"
INCARNATION=${AT%.*}

# ---- no other gateway changes the drive ----
HOME_EPOCH=(-H 'Nephos-Epoch: 1')
key() { KEY=(-H "Idempotency-Key: $1"); }
for U in "$URL_docs_1" "$URL_docs_2"; do
	says "a folder is made by its home only" 409 POST "$E/folders" '{"path":"/x"}'
	says "so by the name home" 409 POST "$H/folders" '{"path":"/x"}'
	check_eq "so is a file" 409 "$(http "${AS[@]}" -T "$E2E_ROOT/README.md" "$U$E/files/x")"
	says "so is a document of version 1" 409 POST $V1 '{"title":"x","text":"y","user_id":[1]}'
	says "so is a batch" 409 POST "$E/ops" \
		'{"ops":[{"op":"create","parent":"'"$ROOT"'","name":"x","type":"file"}]}'
	says "so is a removal" 409 DELETE "$E/files/before"
	says "an epoch of the past is refused" 409 POST "$E/folders" '{"path":"/x"}' -H 'Nephos-Epoch: 0'
	key "refused-$U"
	says "with a key, too" 409 POST "$E/folders" '{"path":"/x"}' "${KEY[@]}"
	check_eq "the problem says why" epoch-changed "$(value '.type | split("/") | last')"
done
U=$URL_docs_1
says "what is beside the drive asks for no epoch: a new drive" 201 POST $V2/drives '{"name":"second"}'
SECOND=$(value .id)
says "the home changes it" 201 POST "$E/folders" '{"path":"/by-home"}' "${HOME_EPOCH[@]}"
BY_HOME=$(value .id)
says "and the key that was refused is still free" 201 POST "$E/folders" '{"path":"/x"}' \
	"${HOME_EPOCH[@]}" -H "Idempotency-Key: refused-$U"

# ---- what a change touched ----
hex() { printf '%x' $(($1 & 4294967295)); }
seq_now() { ask GET "$E" >/dev/null; value .seq; }
S=$(seq_now)
says "a change by the home" 201 POST "$E/folders" '{"path":"/told"}' "${HOME_EPOCH[@]}" -H 'Idempotency-Key: told'
TOLD=$(touched)
check_eq "its answer says from where to where" "$INCARNATION.$((S + 1))-$((S + 1)) $D" "$(cut -d' ' -f1,2 <<<"$TOLD")"
check "the listing of the folder is touched" grep -q " l$(hex "$ROOT")\b" <<<"$TOLD"
check "a name in it" grep -q " n$(hex "$ROOT")\.[0-9a-f]\{16\}" <<<"$TOLD"
says "the repeat" 201 POST "$E/folders" '{"path":"/told"}' "${HOME_EPOCH[@]}" -H 'Idempotency-Key: told'
check_eq "touches nothing, and says where the drive stands" "$INCARNATION.$((S + 2))-$((S + 1)) $D" "$(touched)"
says "a repeat by somebody else is no answer" 409 POST "$E/folders" '{"path":"/told"}' -H 'Idempotency-Key: told'
ops=$(jq -nc --arg root "$ROOT" '{ops: [range(400) | {op: "create", parent: $root, name: "many\(.)", type: "file"}]}')
says "a batch of 400 files" 200 POST "$E/ops" "$ops" "${HOME_EPOCH[@]}"
check_eq "touches all of the drive" "$INCARNATION.$((S + 2))-$((S + 401)) *" "$(touched)"
says "a session is opened" 201 POST "$E/sessions" '{"name":"m"}' "${HOME_EPOCH[@]}" -H 'Idempotency-Key: session'
check_eq "which touches nothing" "$INCARNATION.$((S + 402))-$((S + 401)) $D" "$(touched)"
says "a new name of the drive" 200 PATCH "$E" '{"name":"renamed"}' "${HOME_EPOCH[@]}" -H 'Idempotency-Key: name'
check_eq "touches all, as the journal does not tell" "$INCARNATION.$((S + 402))-$((S + 401)) *" "$(touched)"

# ---- changes that the home missed ----
check_eq "who knows all is told of nothing" "$INCARNATION.$((S + 402))-$((S + 401)) $D" \
	"$(ask GET "$R/journal?drive=$D&since=$((S + 401))" >/dev/null; cat "$WORK/body")"
check_eq "who has missed one change is told what it was told with the answer" "$TOLD" \
	"$(psql -X -q "$DATABASE" -c "DELETE FROM journal WHERE drive = $D AND seq > $((S + 1))" -c \
		"UPDATE drive SET seq = $((S + 1)) WHERE id = $D" >/dev/null; U=$URL_docs_2
	ask GET "$R/journal?drive=$D&since=$S" >/dev/null; cat "$WORK/body")"
says "who knows more than there is, is refused" 409 GET "$R/journal?drive=$D&since=$((S + 9))"
psql -X -q "$DATABASE" -c "DELETE FROM journal WHERE drive = $D AND seq < $S" >/dev/null
check_eq "what is no longer kept is all" "$INCARNATION.1-$((S + 1)) *" \
	"$(ask GET "$R/journal?drive=$D&since=0" >/dev/null; cat "$WORK/body")"
for wrong in '' '?drive=1' '?since=1' '?drive=x&since=1' '?drive=1&since=-1' '?drive=1&since=9223372036854775807'; do
	says "not asked for: $wrong" 400 GET "$R/journal$wrong"
done
says "the journal of no drive" 404 GET "$R/journal?drive=2147483647&since=0"

# ---- the next home ----
check_eq "a second gateway calls" 200 "$(call g2 b 0 0)"
check_eq "the ring prepares" true "$(value .preparing)"
check_eq "the first one has stopped" 200 "$(call g1 a 1 2)"
check_eq "the epoch is the next" 2 "$(value .epoch)"
says "a claim of the past is refused" 409 POST $R/claims "{\"drive\":$D,\"epoch\":1}"
says "the old home is so until another claims" 201 POST "$E/folders" '{"path":"/late"}' "${HOME_EPOCH[@]}"
check_eq "the new one claims" 204 "$(claim "$D" 2)"
says "and the old one changes nothing any more" 409 POST "$E/folders" '{"path":"/later"}' "${HOME_EPOCH[@]}"
says "the new one does" 201 POST "$E/folders" '{"path":"/later"}' -H 'Nephos-Epoch: 2'
says "a drive that nobody has claimed is as it was" 201 POST "$V2/drives/$SECOND/folders" '{"path":"/free"}'

# ---- which drive of a user is the first one, "home" ----
start_docs docs-quota --quota 1000000
home_of() { ask GET "$R/home?user=$1" >/dev/null; cat "$WORK/body"; }
check_eq "the first drive of a user is known" "$D" "$(home_of 1)"
U=$URL_docs_quota
says "one is made for a user who has none" 200 GET "$R/home?user=4"
FOURTH=$(cat "$WORK/body")
as 4
check_eq "it is his home, with the quota that new drives have" "200 $FOURTH 1000000" \
	"$(ask GET "$H") $(value '"\(.id) \(.quota)"')"
check_eq "and stays so" "$FOURTH" "$(home_of 4)"
as 1
U=$URL_docs_1
for wrong in '' '?user=' '?user=0' '?user=01' '?user=-1' '?user=x' '?user=9223372036854775808'; do
	says "no user: $wrong" 400 GET "$R/home$wrong"
done

# A gateway caches the answer for two seconds, so restoring a first drive over its replacement takes at least that
# long.
milliseconds() { sed 's/\([0-9]*\)\.\([0-9]*\).*/\1\20/' /proc/uptime; }
as 3
U=$URL_docs_1
THIRD_USER=$(home_of 3)
ask POST "$V2/drives/$THIRD_USER/folders" '{"path":"/kept"}' >/dev/null
says "a first drive goes to the trash" 204 DELETE "$V2/drives/$THIRD_USER?confirm=home"
check "another one is home then" test "$(home_of 3)" != "$THIRD_USER"
BEGAN=$(milliseconds)
says "the first one is restored" 200 POST "$V2/drives/$THIRD_USER/restore"
TOOK=$(($(milliseconds) - BEGAN))
check "and nobody hears that before all know it" test "$TOOK" -ge 2040 # two readings of a clock of hundredths
U=$URL_docs_2
check_eq "it is home again" "$THIRD_USER" "$(home_of 3)"
U=$URL_docs_1
as 1

# ---- a request that is meant for one drive ----
HOME_EPOCH=(-H 'Nephos-Epoch: 2')
MEANT=(-H "Nephos-Drive: $D")
ELSE=(-H "Nephos-Drive: $SECOND")
actual() { sed -n 's/^[Nn]ephos-[Dd]rive: \([^\r]*\).*/\1/p' "$WORK/headers"; }
says "a document by the home" 201 POST $V1 '{"title":"doc","text":"text"}' "${HOME_EPOCH[@]}" "${MEANT[@]}" -H 'Idempotency-Key: doc'
DOC=$(value .id)
says "a session" 201 POST "$E/sessions" '{"name":"m"}' "${HOME_EPOCH[@]}" "${MEANT[@]}"
SESSION=$(value .session)
head -c 70000 /dev/urandom >"$WORK/bytes"
HASH=$(sha256sum "$WORK/bytes" | cut -c1-64)
check_eq "a block" 201 "$(http "${AS[@]}" "${MEANT[@]}" -T "$WORK/bytes" -H 'Content-Type: application/octet-stream' "$U$E/blocks/$HASH")"
check_eq "a file of it" 201 "$(http "${AS[@]}" "${MEANT[@]}" "${HOME_EPOCH[@]}" -H 'Idempotency-Key: file' -T "$WORK/bytes" "$U$E/files/file")"
as 2
ask GET "$H" >/dev/null
SECOND_USER=$(value .id)
as 1 1
# Everything that a request could have changed. A drive that waits to be purged (the replacement of the restored one)
# is left out: a service removes it when it has time.
state() {
	psql -X -A -t -q "$DATABASE" -c "SELECT id, seq, name, used, trashed_at, next_number FROM drive
			WHERE trashed_at IS DISTINCT FROM '-infinity' ORDER BY id" \
		-c 'SELECT count(*) FROM session' -c 'SELECT count(*) FROM idempotency' -c 'SELECT count(*) FROM block' \
		-c 'SELECT count(*) FROM file_lock' -c 'SELECT count(*) FROM extent'
}
BEFORE=$(state)
elsewhere() { # WHAT METHOD PATH BODY …: it is refused, as it would be for the drive that the last word names
	local what=$1 drive=${*: -1} got
	shift
	got="$(ask "${@:1:$# - 1}" "${ELSE[@]}" "${HOME_EPOCH[@]}") $(value '.type | split("/") | last') $(actual)"
	check_eq "what is meant for another drive is refused: $what" "421 not-home $drive" "$got"
}
BIG=$(jq -nc --arg root "$ROOT" '{ops: [range(1000) | {op: "create", parent: $root, name: "\(.) of a large batch", type: "file"}]}')
OPS='{"ops":[{"op":"create","parent":"'$ROOT'","name":"by batch","type":"file"}]}'
LOCK='{"id":"'$DOC'","kind":"posix","number":"1","held":[[0,9,true]]}'
WANT='{"id":"'$DOC'","kind":"posix","want":[0,9,true],"wait":1}'
IN_SESSION=(-H "Nephos-Session: $SESSION")
for P in "$H" "$E"; do
	by=number
	[ "$P" = "$H" ] && by="name home"
	elsewhere "a drive by $by" GET "$P" "" "$D"
	elsewhere "an item by $by" GET "$P/items/$DOC" "" "$D"
	elsewhere "an item by $by and path" GET "$P/items?path=/file" "" "$D"
	elsewhere "a name by $by" GET "$P/items/$ROOT/lookup?name=file" "" "$D"
	elsewhere "a listing by $by" GET "$P/items/$ROOT/children" "" "$D"
	elsewhere "extents by $by" GET "$P/items/$DOC/extents" "" "$D"
	elsewhere "xattrs by $by" GET "$P/items/$DOC/xattrs" "" "$D"
	elsewhere "content by $by" GET "$P/files/file" "" "$D"
	elsewhere "content by $by and id" GET "$P/items/$DOC/content" "" "$D"
	elsewhere "a block by $by" GET "$P/blocks/$HASH" "" "$D"
	elsewhere "the journal by $by" GET "$P/changes?since=0" "" "$D"
	elsewhere "a poll by $by" GET "$P/changes?since=999999&wait=5" "" "$D"
	elsewhere "events by $by" GET "$P/changes?since=0" "" -H 'Accept: text/event-stream' "$D"
	elsewhere "a mount's poll by $by" POST "$P/changes" '{"since":"0","session":"'"$SESSION"'"}' "$D"
	elsewhere "a folder by $by" POST "$P/folders" '{"path":"/elsewhere"}' "$D"
	elsewhere "a folder by $by, with a key" POST "$P/folders" '{"path":"/elsewhere"}' -H 'Idempotency-Key: else' "$D"
	elsewhere "a batch by $by" POST "$P/ops" "$OPS" "$D"
	elsewhere "a batch by $by, with a key" POST "$P/ops" "$OPS" -H 'Idempotency-Key: else' "$D"
	elsewhere "a batch by $by of a session" POST "$P/ops" "$OPS" "${IN_SESSION[@]}" -H 'Nephos-Batch: 1' "$D"
	elsewhere "a large batch by $by" POST "$P/ops" "$BIG" "$D"
	elsewhere "a file by $by" PUT "$P/files/elsewhere" "" -T "$WORK/bytes" "$D"
	elsewhere "a file by $by under a key that has an answer" PUT "$P/files/file" "" -T "$WORK/bytes" \
		-H 'Idempotency-Key: file' "$D"
	elsewhere "a removal by $by" DELETE "$P/files/file" "" "$D"
	elsewhere "a removal by $by, with a key" DELETE "$P/items/$DOC" "" -H 'Idempotency-Key: else' "$D"
	elsewhere "a new block by $by" PUT "$P/blocks/$(sha256sum "$E2E_ROOT/README.md" | cut -c1-64)" "" \
		-T "$E2E_ROOT/README.md" -H 'Content-Type: application/octet-stream' "$D"
	elsewhere "ids by $by" POST "$P/ids" '{"count":1}' "$D"
	elsewhere "a session by $by" POST "$P/sessions" '{"name":"n"}' "$D"
	elsewhere "a session by $by, with a key" POST "$P/sessions" '{"name":"n"}' -H 'Idempotency-Key: else' "$D"
	elsewhere "the end of a session by $by" DELETE "$P/sessions/$SESSION" "" "$D"
	elsewhere "a file lock by $by" POST "$P/locks" "$LOCK" "${IN_SESSION[@]}" "$D"
	elsewhere "a wait for one by $by" POST "$P/locks/wait" "$WANT" "${IN_SESSION[@]}" "$D"
	elsewhere "a look for one by $by" GET "$P/locks?id=$DOC&kind=posix" "" "${IN_SESSION[@]}" "$D"
	elsewhere "a new name by $by" PATCH "$P" '{"name":"elsewhere"}' "$D"
	elsewhere "a drive's deletion by $by" DELETE "$P?confirm=renamed" "" "$D"
done
elsewhere "the list of version 1" GET $V1 "" "$D"
elsewhere "a document" GET "$V1/$DOC" "" "$D"
elsewhere "a new document" POST $V1 '{"title":"elsewhere","text":"y"}' "$D"
elsewhere "a new document, with a key" POST $V1 '{"title":"elsewhere","text":"y"}' -H 'Idempotency-Key: else' "$D"
elsewhere "a new document under a key that has an answer" POST $V1 '{"title":"doc","text":"text"}' \
	-H 'Idempotency-Key: doc' "$D"
elsewhere "a new document of another user" POST $V1 '{"title":"x","text":"y","user_id":[2]}' "$SECOND_USER"
elsewhere "another text" PUT "$V1/$DOC" '{"text":"elsewhere"}' "$D"
elsewhere "another text, with a key" PUT "$V1/$DOC" '{"text":"elsewhere"}' -H 'Idempotency-Key: else' "$D"
elsewhere "a document's removal" DELETE "$V1/$DOC" "" "$D"
elsewhere "a document's removal, with a key" DELETE "$V1/$DOC" "" -H 'Idempotency-Key: else' "$D"
check_eq "all of it has changed nothing, and kept no answer" "$BEFORE" "$(state)"
for wrong in 0 01 -1 x "$D " "$D.0" 2147483648 4294967297; do
	says "a drive that is none is refused: $wrong" 400 GET "$E" "" -H "Nephos-Drive: ${wrong/ /,}"
done
says "an empty one, too" 400 GET "$E" "" -H 'Nephos-Drive;'

# ---- a request with the drive that it is meant for ----
for P in "$H" "$E"; do
	says "what is meant for its drive passes" 200 GET "$P" "" "${MEANT[@]}"
	check_eq "and nothing is said of another" "" "$(actual)"
	says "its content is read" 200 GET "$P/files/file" "" "${MEANT[@]}"
	says "its journal" 200 GET "$P/changes?since=$(($(seq_now) - 1))" "" "${MEANT[@]}"
done
says "the list of version 1" 200 GET $V1 "" "${MEANT[@]}"
says "a document" 200 GET "$V1/$DOC" "" "${MEANT[@]}"
says "the key that was refused elsewhere is free" 201 POST "$E/folders" '{"path":"/here"}' "${MEANT[@]}" \
	"${HOME_EPOCH[@]}" -H 'Idempotency-Key: else'
check_eq "a kept answer is found in its drive" "201 true $DOC" \
	"$(ask POST $V1 '{"title":"doc","text":"text"}' "${MEANT[@]}" "${HOME_EPOCH[@]}" -H 'Idempotency-Key: doc') $(sed -n \
		's/^[Ii]dempotency-[Rr]eplayed: \([a-z]*\).*/\1/p' "$WORK/headers") $(value .id)"
says "a batch of its session" 200 POST "$E/ops" "$OPS" "${MEANT[@]}" "${HOME_EPOCH[@]}" "${IN_SESSION[@]}" -H 'Nephos-Batch: 1'
says "a document of another user, in his drive" 201 POST $V1 '{"title":"x","text":"y","user_id":[2]}' \
	-H "Nephos-Drive: $SECOND_USER"
says "what is beside all drives is meant for none: the list" 200 GET $V2/drives "" "${ELSE[@]}"
says "a new drive" 201 POST $V2/drives '{"name":"third"}' "${ELSE[@]}" -H 'Idempotency-Key: third'
THIRD=$(value .id)
ask POST "$V2/drives/$THIRD/folders" '{"path":"/kept"}' >/dev/null
says "an account" 200 PUT $V2/accounts/2 '{"quota":null}' "${ELSE[@]}" -H 'Idempotency-Key: account'
says "a drive goes to the trash" 204 DELETE "$V2/drives/$THIRD?confirm=third" "" -H "Nephos-Drive: $THIRD"
says "comes out of it" 200 POST "$V2/drives/$THIRD/restore" "" "${ELSE[@]}" -H 'Idempotency-Key: restored'
says "and goes for good" 204 DELETE "$V2/drives/$THIRD?confirm=third" ""
says "from the trash" 204 DELETE "$V2/drives/$THIRD?trashed=1&confirm=third" "" "${ELSE[@]}" -H 'Idempotency-Key: gone'
e2e_end
