#!/usr/bin/env bash
# Goal: what docs services do for the homes of drives: a claim is made in the ring's epoch only; from then on nobody but
# the home changes the drive, by whichever way; and the home is told what each change has made untrue.
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

# ---- nobody else changes it ----
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

# ---- what it touched ----
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

# ---- what was missed ----
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
e2e_end
