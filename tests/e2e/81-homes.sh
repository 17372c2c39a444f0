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
says "a claim of a drive gets 409 while no ring exists" 409 POST $R/claims "{\"drive\":$D,\"epoch\":1}"
check_eq "the first call of gateway g1 gets 200" 200 "$(call g1 a 0 0)"
check_eq "the first call makes g1 a member in epoch 1" "1 true" "$(value '"\(.epoch) \(.gateways[0].member)"')"
U=$URL_docs_2
check_eq "a call of g1 through the second docs service confirms its lease" "200 true" "$(call g1 a 1 0) $(value .lease)"
U=$URL_docs_1
says "a call of a gateway gets 400 when fields are missing" 400 POST $R '{"name":"g1"}'
says "a call of a gateway gets 400 when its name has a space" 400 POST $R \
	'{"name":"g 1","boot":"a","url":"http://x","hop_url":"","weight":1,"view":0,"said":0,"leaving":false,"silent":[]}'
says "a call of a gateway gets 400 when its body is not JSON" 400 POST $R '{'

# ---- a drive without a home ----
says "a change without Nephos-Epoch succeeds in a drive without a home" 201 POST "$E/folders" '{"path":"/before"}'
check_eq "the answer to a change without Nephos-Epoch has no Nephos-Touched" "" "$(touched)"
says "a change with Nephos-Epoch gets 409 in a drive without a home" \
	409 POST "$E/folders" '{"path":"/before2"}' -H 'Nephos-Epoch: 1'

# ---- the claim ----
for wrong in '{}' "{\"drive\":0,\"epoch\":1}" "{\"drive\":$D,\"epoch\":0}" "{\"drive\":\"$D\",\"epoch\":1}" '[' \
	"{\"drive\":2147483648,\"epoch\":1}"; do
	says "an invalid claim gets 400: $wrong" 400 POST $R/claims "$wrong"
done
says "a claim gets 409 when its epoch is not the ring's" 409 POST $R/claims "{\"drive\":$D,\"epoch\":2}"
says "a claim of a drive that does not exist gets 404" 404 POST $R/claims '{"drive":2147483647,"epoch":1}'
check_eq "a claim of the drive in the ring's epoch gets 204" 204 "$(claim "$D" 1)"
AT=$(sed -n 's/^[Nn]ephos-[Ss]eq: \([^\r]*\).*/\1/p' "$WORK/headers")
ask GET "$E" >/dev/null
check_eq "the answer to the claim has the position of the drive" "$(value '"\(.incarnation).\(.seq)"')" "$AT"
INCARNATION=${AT%.*}

# ---- no other gateway changes the drive ----
HOME_EPOCH=(-H 'Nephos-Epoch: 1')
key() { KEY=(-H "Idempotency-Key: $1"); }
for U in "$URL_docs_1" "$URL_docs_2"; do
	says "$U: a new folder without an epoch gets 409 in a claimed drive" 409 POST "$E/folders" '{"path":"/x"}'
	says "$U: a new folder without an epoch gets 409 when the drive is named home" 409 POST "$H/folders" '{"path":"/x"}'
	check_eq "$U: a PUT of a file without an epoch gets 409" \
		409 "$(http "${AS[@]}" -T "$E2E_ROOT/README.md" "$U$E/files/x")"
	says "$U: a new document of version 1 without an epoch gets 409" \
		409 POST $V1 '{"title":"x","text":"y","user_id":[1]}'
	says "$U: a batch without an epoch gets 409" 409 POST "$E/ops" \
		'{"ops":[{"op":"create","parent":"'"$ROOT"'","name":"x","type":"file"}]}'
	says "$U: a DELETE of a folder without an epoch gets 409" 409 DELETE "$E/files/before"
	says "$U: a new folder with an epoch older than the claim gets 409" \
		409 POST "$E/folders" '{"path":"/x"}' -H 'Nephos-Epoch: 0'
	key "refused-$U"
	says "$U: a new folder with an idempotency key but no epoch gets 409" \
		409 POST "$E/folders" '{"path":"/x"}' "${KEY[@]}"
	check_eq "$U: the problem in the answer is epoch-changed" epoch-changed "$(value '.type | split("/") | last')"
done
U=$URL_docs_1
says "the request for a new drive needs no epoch" 201 POST $V2/drives '{"name":"second"}'
SECOND=$(value .id)
says "the home makes a folder in the drive" 201 POST "$E/folders" '{"path":"/by-home"}' "${HOME_EPOCH[@]}"
BY_HOME=$(value .id)
says "an idempotency key whose request got 409 can be used again" 201 POST "$E/folders" '{"path":"/x"}' \
	"${HOME_EPOCH[@]}" -H "Idempotency-Key: refused-$U"

# ---- what a change touched ----
hex() { printf '%x' $(($1 & 4294967295)); }
seq_now() { ask GET "$E" >/dev/null; value .seq; }
S=$(seq_now)
says "the home makes a folder with an idempotency key" \
	201 POST "$E/folders" '{"path":"/told"}' "${HOME_EPOCH[@]}" -H 'Idempotency-Key: told'
TOLD=$(touched)
check_eq "Nephos-Touched has the positions of the change and its drive" \
	"$INCARNATION.$((S + 1))-$((S + 1)) $D" "$(cut -d' ' -f1,2 <<<"$TOLD")"
check "Nephos-Touched has the tag of the parent folder's listing" grep -q " l$(hex "$ROOT")\b" <<<"$TOLD"
check "Nephos-Touched has the tag of a name in the parent folder" grep -q " n$(hex "$ROOT")\.[0-9a-f]\{16\}" <<<"$TOLD"
says "a repeat of the change under its idempotency key gets 201" \
	201 POST "$E/folders" '{"path":"/told"}' "${HOME_EPOCH[@]}" -H 'Idempotency-Key: told'
check_eq "Nephos-Touched of the repeat has only the position of the drive" \
	"$INCARNATION.$((S + 2))-$((S + 1)) $D" "$(touched)"
says "a repeat under the same key without an epoch gets 409" \
	409 POST "$E/folders" '{"path":"/told"}' -H 'Idempotency-Key: told'
ops=$(jq -nc --arg root "$ROOT" '{ops: [range(400) | {op: "create", parent: $root, name: "many\(.)", type: "file"}]}')
says "the home makes 400 files in one batch" 200 POST "$E/ops" "$ops" "${HOME_EPOCH[@]}"
check_eq "Nephos-Touched of the batch of 400 files names the whole drive" \
	"$INCARNATION.$((S + 2))-$((S + 401)) *" "$(touched)"
says "the home opens a session" 201 POST "$E/sessions" '{"name":"m"}' "${HOME_EPOCH[@]}" -H 'Idempotency-Key: session'
check_eq "Nephos-Touched of the new session has no tag" "$INCARNATION.$((S + 402))-$((S + 401)) $D" "$(touched)"
says "the home renames the drive" 200 PATCH "$E" '{"name":"renamed"}' "${HOME_EPOCH[@]}" -H 'Idempotency-Key: name'
check_eq "Nephos-Touched of the drive's new name names the whole drive" \
	"$INCARNATION.$((S + 402))-$((S + 401)) *" "$(touched)"

# ---- changes that the home missed ----
check_eq "the journal since the newest position has no tag" "$INCARNATION.$((S + 402))-$((S + 401)) $D" \
	"$(ask GET "$R/journal?drive=$D&since=$((S + 401))" >/dev/null; cat "$WORK/body")"
check_eq "the journal of one missed change equals the Nephos-Touched of its answer" "$TOLD" \
	"$(psql -X -q "$DATABASE" -c "DELETE FROM journal WHERE drive = $D AND seq > $((S + 1))" -c \
		"UPDATE drive SET seq = $((S + 1)) WHERE id = $D" >/dev/null; U=$URL_docs_2
	ask GET "$R/journal?drive=$D&since=$S" >/dev/null; cat "$WORK/body")"
says "the journal since a position beyond its end gets 409" 409 GET "$R/journal?drive=$D&since=$((S + 9))"
psql -X -q "$DATABASE" -c "DELETE FROM journal WHERE drive = $D AND seq < $S" >/dev/null
check_eq "the journal since a removed entry names the whole drive" "$INCARNATION.1-$((S + 1)) *" \
	"$(ask GET "$R/journal?drive=$D&since=0" >/dev/null; cat "$WORK/body")"
for wrong in '' '?drive=1' '?since=1' '?drive=x&since=1' '?drive=1&since=-1' '?drive=1&since=9223372036854775807'; do
	says "GET $R/journal$wrong gets 400" 400 GET "$R/journal$wrong"
done
says "the journal of a drive that does not exist gets 404" 404 GET "$R/journal?drive=2147483647&since=0"

# ---- the next home ----
check_eq "the first call of a second gateway, g2, gets 200" 200 "$(call g2 b 0 0)"
check_eq "the call of g2 makes the ring prepare the next epoch" true "$(value .preparing)"
check_eq "the call in which g1 reports that it has stopped gets 200" 200 "$(call g1 a 1 2)"
check_eq "the epoch of the ring is 2 after g1 has stopped" 2 "$(value .epoch)"
says "a claim in epoch 1 gets 409 when the ring's epoch is 2" 409 POST $R/claims "{\"drive\":$D,\"epoch\":1}"
says "the old home still changes the drive before the next claim" \
	201 POST "$E/folders" '{"path":"/late"}' "${HOME_EPOCH[@]}"
check_eq "a claim of the drive in epoch 2 gets 204" 204 "$(claim "$D" 2)"
says "a change by the old home gets 409 after the next claim" \
	409 POST "$E/folders" '{"path":"/later"}' "${HOME_EPOCH[@]}"
says "a change by the new home succeeds" 201 POST "$E/folders" '{"path":"/later"}' -H 'Nephos-Epoch: 2'
says "a change without an epoch still succeeds in an unclaimed drive" \
	201 POST "$V2/drives/$SECOND/folders" '{"path":"/free"}'

# ---- which drive of a user is the first one, "home" ----
start_docs docs-quota --quota 1000000
home_of() { ask GET "$R/home?user=$1" >/dev/null; cat "$WORK/body"; }
check_eq "GET $R/home returns the first drive of user 1" "$D" "$(home_of 1)"
U=$URL_docs_quota
says "GET $R/home gets 200 for a user without a drive" 200 GET "$R/home?user=4"
FOURTH=$(cat "$WORK/body")
as 4
check_eq "the home of user 4 is the returned drive, with the default quota" "200 $FOURTH 1000000" \
	"$(ask GET "$H") $(value '"\(.id) \(.quota)"')"
check_eq "GET $R/home returns the same drive for user 4 again" "$FOURTH" "$(home_of 4)"
as 1
U=$URL_docs_1
for wrong in '' '?user=' '?user=0' '?user=01' '?user=-1' '?user=x' '?user=9223372036854775808'; do
	says "GET $R/home$wrong gets 400" 400 GET "$R/home$wrong"
done

# A gateway caches the answer for two seconds, so restoring a first drive over its replacement takes at least that
# long.
milliseconds() { sed 's/\([0-9]*\)\.\([0-9]*\).*/\1\20/' /proc/uptime; }
as 3
U=$URL_docs_1
THIRD_USER=$(home_of 3)
ask POST "$V2/drives/$THIRD_USER/folders" '{"path":"/kept"}' >/dev/null
says "a DELETE moves the first drive of user 3 to the trash" 204 DELETE "$V2/drives/$THIRD_USER?confirm=home"
check "user 3 has another home while the first drive is in the trash" test "$(home_of 3)" != "$THIRD_USER"
BEGAN=$(milliseconds)
says "a restore of the first drive of user 3 gets 200" 200 POST "$V2/drives/$THIRD_USER/restore"
TOOK=$(($(milliseconds) - BEGAN))
check "the restore takes longer than gateways cache which drive is the home" \
	test "$TOOK" -ge 2040 # two readings of a clock of hundredths
U=$URL_docs_2
check_eq "the restored drive is the home of user 3 again" "$THIRD_USER" "$(home_of 3)"
U=$URL_docs_1
as 1

# ---- a request that is meant for one drive ----
HOME_EPOCH=(-H 'Nephos-Epoch: 2')
MEANT=(-H "Nephos-Drive: $D")
ELSE=(-H "Nephos-Drive: $SECOND")
actual() { sed -n 's/^[Nn]ephos-[Dd]rive: \([^\r]*\).*/\1/p' "$WORK/headers"; }
says "a new document with the right Nephos-Drive gets 201" \
	201 POST $V1 '{"title":"doc","text":"text"}' "${HOME_EPOCH[@]}" "${MEANT[@]}" -H 'Idempotency-Key: doc'
DOC=$(value .id)
says "a new session with the right Nephos-Drive gets 201" \
	201 POST "$E/sessions" '{"name":"m"}' "${HOME_EPOCH[@]}" "${MEANT[@]}"
SESSION=$(value .session)
head -c 70000 /dev/urandom >"$WORK/bytes"
HASH=$(sha256sum "$WORK/bytes" | cut -c1-64)
check_eq "a PUT of a block with the right Nephos-Drive gets 201" \
	201 "$(http "${AS[@]}" "${MEANT[@]}" -T "$WORK/bytes" -H 'Content-Type: application/octet-stream' "$U$E/blocks/$HASH")"
check_eq "a PUT of a file with the right Nephos-Drive gets 201" \
	201 "$(http "${AS[@]}" "${MEANT[@]}" "${HOME_EPOCH[@]}" -H 'Idempotency-Key: file' -T "$WORK/bytes" "$U$E/files/file")"
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
	check_eq "a request that is meant for another drive gets 421: $what" "421 not-home $drive" "$got"
}
BIG=$(jq -nc --arg root "$ROOT" '{ops: [range(1000) | {op: "create", parent: $root, name: "\(.) of a large batch", type: "file"}]}')
OPS='{"ops":[{"op":"create","parent":"'$ROOT'","name":"by batch","type":"file"}]}'
LOCK='{"id":"'$DOC'","kind":"posix","number":"1","held":[[0,9,true]]}'
WANT='{"id":"'$DOC'","kind":"posix","want":[0,9,true],"wait":1}'
IN_SESSION=(-H "Nephos-Session: $SESSION")
for P in "$H" "$E"; do
	by=number
	[ "$P" = "$H" ] && by="name home"
	elsewhere "GET of a drive by $by" GET "$P" "" "$D"
	elsewhere "GET of an item (drive by $by)" GET "$P/items/$DOC" "" "$D"
	elsewhere "GET of an item by its path (drive by $by)" GET "$P/items?path=/file" "" "$D"
	elsewhere "GET of a name in a folder (drive by $by)" GET "$P/items/$ROOT/lookup?name=file" "" "$D"
	elsewhere "GET of a folder's listing (drive by $by)" GET "$P/items/$ROOT/children" "" "$D"
	elsewhere "GET of a file's extents (drive by $by)" GET "$P/items/$DOC/extents" "" "$D"
	elsewhere "GET of a file's xattrs (drive by $by)" GET "$P/items/$DOC/xattrs" "" "$D"
	elsewhere "GET of a file's content by its path (drive by $by)" GET "$P/files/file" "" "$D"
	elsewhere "GET of a file's content by its id (drive by $by)" GET "$P/items/$DOC/content" "" "$D"
	elsewhere "GET of a block (drive by $by)" GET "$P/blocks/$HASH" "" "$D"
	elsewhere "GET of the journal (drive by $by)" GET "$P/changes?since=0" "" "$D"
	elsewhere "a long poll of the journal (drive by $by)" GET "$P/changes?since=999999&wait=5" "" "$D"
	elsewhere "GET of the journal as events (drive by $by)" \
		GET "$P/changes?since=0" "" -H 'Accept: text/event-stream' "$D"
	elsewhere "a mount's poll of the journal (drive by $by)" \
		POST "$P/changes" '{"since":"0","session":"'"$SESSION"'"}' "$D"
	elsewhere "a new folder (drive by $by)" POST "$P/folders" '{"path":"/elsewhere"}' "$D"
	elsewhere "a new folder with an idempotency key (drive by $by)" \
		POST "$P/folders" '{"path":"/elsewhere"}' -H 'Idempotency-Key: else' "$D"
	elsewhere "a batch (drive by $by)" POST "$P/ops" "$OPS" "$D"
	elsewhere "a batch with an idempotency key (drive by $by)" POST "$P/ops" "$OPS" -H 'Idempotency-Key: else' "$D"
	elsewhere "a batch of a session (drive by $by)" POST "$P/ops" "$OPS" "${IN_SESSION[@]}" -H 'Nephos-Batch: 1' "$D"
	elsewhere "a batch of 1,000 ops (drive by $by)" POST "$P/ops" "$BIG" "$D"
	elsewhere "PUT of a new file (drive by $by)" PUT "$P/files/elsewhere" "" -T "$WORK/bytes" "$D"
	elsewhere "PUT of a file under a key with a kept answer (drive by $by)" PUT "$P/files/file" "" -T "$WORK/bytes" \
		-H 'Idempotency-Key: file' "$D"
	elsewhere "DELETE of a file (drive by $by)" DELETE "$P/files/file" "" "$D"
	elsewhere "DELETE of an item with an idempotency key (drive by $by)" \
		DELETE "$P/items/$DOC" "" -H 'Idempotency-Key: else' "$D"
	elsewhere "PUT of a new block (drive by $by)" PUT "$P/blocks/$(sha256sum "$E2E_ROOT/README.md" | cut -c1-64)" "" \
		-T "$E2E_ROOT/README.md" -H 'Content-Type: application/octet-stream' "$D"
	elsewhere "a request for new ids (drive by $by)" POST "$P/ids" '{"count":1}' "$D"
	elsewhere "a new session (drive by $by)" POST "$P/sessions" '{"name":"n"}' "$D"
	elsewhere "a new session with an idempotency key (drive by $by)" \
		POST "$P/sessions" '{"name":"n"}' -H 'Idempotency-Key: else' "$D"
	elsewhere "DELETE of a session (drive by $by)" DELETE "$P/sessions/$SESSION" "" "$D"
	elsewhere "a file lock (drive by $by)" POST "$P/locks" "$LOCK" "${IN_SESSION[@]}" "$D"
	elsewhere "a wait for a file lock (drive by $by)" POST "$P/locks/wait" "$WANT" "${IN_SESSION[@]}" "$D"
	elsewhere "GET of file locks (drive by $by)" GET "$P/locks?id=$DOC&kind=posix" "" "${IN_SESSION[@]}" "$D"
	elsewhere "a new name of the drive (drive by $by)" PATCH "$P" '{"name":"elsewhere"}' "$D"
	elsewhere "DELETE of the drive (drive by $by)" DELETE "$P?confirm=renamed" "" "$D"
done
elsewhere "GET of the list of version 1" GET $V1 "" "$D"
elsewhere "GET of a document of version 1" GET "$V1/$DOC" "" "$D"
elsewhere "a new document of version 1" POST $V1 '{"title":"elsewhere","text":"y"}' "$D"
elsewhere "a new document with an idempotency key" \
	POST $V1 '{"title":"elsewhere","text":"y"}' -H 'Idempotency-Key: else' "$D"
elsewhere "a new document under a key with a kept answer" POST $V1 '{"title":"doc","text":"text"}' \
	-H 'Idempotency-Key: doc' "$D"
elsewhere "a new document of another user" POST $V1 '{"title":"x","text":"y","user_id":[2]}' "$SECOND_USER"
elsewhere "a new text of a document" PUT "$V1/$DOC" '{"text":"elsewhere"}' "$D"
elsewhere "a new text of a document with an idempotency key" \
	PUT "$V1/$DOC" '{"text":"elsewhere"}' -H 'Idempotency-Key: else' "$D"
elsewhere "DELETE of a document" DELETE "$V1/$DOC" "" "$D"
elsewhere "DELETE of a document with an idempotency key" DELETE "$V1/$DOC" "" -H 'Idempotency-Key: else' "$D"
check_eq "the requests that got 421 changed no drive and left no kept answer" "$BEFORE" "$(state)"
for wrong in 0 01 -1 x "$D " "$D.0" 2147483648 4294967297; do
	says "an invalid Nephos-Drive gets 400: $wrong" 400 GET "$E" "" -H "Nephos-Drive: ${wrong/ /,}"
done
says "an empty Nephos-Drive gets 400" 400 GET "$E" "" -H 'Nephos-Drive;'

# ---- a request with the drive that it is meant for ----
for P in "$H" "$E"; do
	says "GET $P with the right Nephos-Drive gets 200" 200 GET "$P" "" "${MEANT[@]}"
	check_eq "the answer to GET $P names no other drive" "" "$(actual)"
	says "GET $P/files/file with the right Nephos-Drive gets 200" 200 GET "$P/files/file" "" "${MEANT[@]}"
	says "GET $P/changes with the right Nephos-Drive gets 200" \
		200 GET "$P/changes?since=$(($(seq_now) - 1))" "" "${MEANT[@]}"
done
says "GET of the list of version 1 with the right Nephos-Drive gets 200" 200 GET $V1 "" "${MEANT[@]}"
says "GET of a document of version 1 with the right Nephos-Drive gets 200" 200 GET "$V1/$DOC" "" "${MEANT[@]}"
says "an idempotency key whose requests got 421 can be used again" \
	201 POST "$E/folders" '{"path":"/here"}' "${MEANT[@]}" \
	"${HOME_EPOCH[@]}" -H 'Idempotency-Key: else'
check_eq "a repeat with the right Nephos-Drive gets the kept answer" "201 true $DOC" \
	"$(ask POST $V1 '{"title":"doc","text":"text"}' "${MEANT[@]}" "${HOME_EPOCH[@]}" -H 'Idempotency-Key: doc') $(sed -n \
		's/^[Ii]dempotency-[Rr]eplayed: \([a-z]*\).*/\1/p' "$WORK/headers") $(value .id)"
says "a batch of a session with the right Nephos-Drive gets 200" \
	200 POST "$E/ops" "$OPS" "${MEANT[@]}" "${HOME_EPOCH[@]}" "${IN_SESSION[@]}" -H 'Nephos-Batch: 1'
says "a new document of another user succeeds when Nephos-Drive is that user's drive" \
	201 POST $V1 '{"title":"x","text":"y","user_id":[2]}' \
	-H "Nephos-Drive: $SECOND_USER"
says "GET of the list of drives succeeds whichever drive Nephos-Drive names" 200 GET $V2/drives "" "${ELSE[@]}"
says "a new drive is made whichever drive Nephos-Drive names" \
	201 POST $V2/drives '{"name":"third"}' "${ELSE[@]}" -H 'Idempotency-Key: third'
THIRD=$(value .id)
ask POST "$V2/drives/$THIRD/folders" '{"path":"/kept"}' >/dev/null
says "a PUT of an account succeeds whichever drive Nephos-Drive names" \
	200 PUT $V2/accounts/2 '{"quota":null}' "${ELSE[@]}" -H 'Idempotency-Key: account'
says "a DELETE with the right Nephos-Drive moves a drive to the trash" \
	204 DELETE "$V2/drives/$THIRD?confirm=third" "" -H "Nephos-Drive: $THIRD"
says "a restore from the trash succeeds whichever drive Nephos-Drive names" \
	200 POST "$V2/drives/$THIRD/restore" "" "${ELSE[@]}" -H 'Idempotency-Key: restored'
says "a DELETE moves the restored drive to the trash again" 204 DELETE "$V2/drives/$THIRD?confirm=third" ""
says "a DELETE from the trash succeeds whichever drive Nephos-Drive names" \
	204 DELETE "$V2/drives/$THIRD?trashed=1&confirm=third" "" "${ELSE[@]}" -H 'Idempotency-Key: gone'
e2e_end
