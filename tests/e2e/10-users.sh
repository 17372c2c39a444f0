#!/usr/bin/env bash
# Goal: accounts, sessions, device keys and administrators work. The test asks two user services directly, as a
# gateway does, and checks the notices of revocation that a gateway gets. PostgreSQL is real; the gateway is a small
# script that records each request it gets.
. "$(dirname "$0")/../lib/e2e.sh"

. "$(dirname "$0")/../lib/users.sh"

# ---- the set-up ----
check_not "without a cluster key it does not serve" "$PROGRAM" --database "$DATABASE" --port 0
check_not "a misspelt flag is refused" "$PROGRAM" --databse x
SETUP=$("$PROGRAM" --database "$DATABASE" --setup-token)
chmod 644 "$WORK/cluster.key"
check_not "a cluster key that others can read is refused" \
	timeout 20 "$PROGRAM" --database "$DATABASE" --cluster-key "$WORK/cluster.key" --port 0
chmod 600 "$WORK/cluster.key"
start_service user-1
start_service user-2
U=$URL_user_1
check_eq "the pid file holds the serving process" "$PID_user_1" "$(cat "$WORK/user-1.pid")"
check_status "it says that it is alive without credentials" 200 "$U/healthz"
check_status "and that it is ready" 200 "$U/readyz"
check_status "everything else needs a greeting" 401 "$AT_user_1/api/v2/user/me" -H 'Nephos-User: 1'
check_eq "and says so as a Bearer challenge" Bearer "$(header WWW-Authenticate)"
check_status "whatever the request says" \
	401 "$AT_user_1/internal/v1/deleted" -H "Nephos-Hello: known" -H 'Nephos-User: 1' -H 'Nephos-Admin: 1'
says "nobody is nobody" 401 GET /api/v2/user/me
says "a wrong set-up token makes nobody" 403 POST /api/v2/user/setup \
	'{"token":"npt_no","name":"mallory","password":"long enough"}'
says "the set-up token makes the first administrator" 201 POST /api/v2/user/setup \
	"{\"token\":\"$SETUP\",\"name\":\"Root\",\"password\":\"long enough\"}"
ROOT=$(value .id)
check_eq "who is one" true "$(value .admin)"
says "it does so once" 403 POST /api/v2/user/setup \
	"{\"token\":\"$SETUP\",\"name\":\"root2\",\"password\":\"long enough\"}"
check_not "a second set-up token is not made" "$PROGRAM" --database "$DATABASE" --setup-token

# ---- version 1 ----
says "who may not make accounts is told so whatever the body is" 401 POST /api/v1/user/ '{"name":'
says "by either version" 401 POST /api/v2/user/users '{"name":'
says "without an administrator no account is made" 401 POST /api/v1/user/ '{"name":"ann","password":"correct horse"}'
as "$ROOT" 1 s0
says "an administrator makes one" 201 POST /api/v1/user/ \
	'{"name":"Ann","email":"ann@example.org","password":"correct horse"}'
ANN=$(value .id)
check_eq "its id is a number" number "$(value '.id|type')"
check_eq "the answer has no password" '["email","id","name"]' "$(jq -c keys "$WORK/body")"
says "a name is unique without case" 409 POST /api/v1/user/ '{"name":"aNN","password":"correct horse"}'
says "a short password is refused" 422 POST /api/v1/user '{"name":"bob","password":"short"}'
says "so is a name that is none" 422 POST /api/v1/user '{"name":"a/b","password":"correct horse"}'
says "so is one of 65 characters" 422 POST /api/v1/user \
	"{\"name\":\"$(printf 'ä%.0s' {1..65})\",\"password\":\"correct horse\"}"
says "one of 64 letters of any script is accepted" 201 POST /api/v1/user \
	"{\"name\":\"$(printf 'Ä%.0s' {1..64})\",\"password\":\"correct horse\"}"
says "a number is no name" 422 POST /api/v1/user '{"name":5,"password":"correct horse"}'
says "bad JSON is refused as such" 400 POST /api/v1/user '{"name":'
head -c 1100000 /dev/zero | tr '\0' ' ' >"$WORK/large"
check_status "JSON over 1 MiB is too large" 413 -X POST "${AS[@]}" --data-binary "@$WORK/large" "$U/api/v1/user"
says "a method that is not there is 405" 405 PATCH "/api/v1/user/$ANN"
says "bob" 201 POST /api/v1/user '{"name":"bob","password":"correct horse"}'
BOB=$(value .id)
as "$ANN" 0 k0
says "one sees oneself" 200 GET "/api/v1/user/$ANN/"
check_eq "with the address" ann@example.org "$(value .email)"
says "another's account is not found" 404 GET "/api/v1/user/$BOB/"
check_eq "in the ancestor's words" "User with id:$BOB not found" "$(value .detail)"
says "nor can it be changed" 404 PUT "/api/v1/user/$BOB" '{"name":"x"}'
says "nor deleted" 404 DELETE "/api/v1/user/$BOB"
says "an id that is no number is not found" 404 GET /api/v1/user/abc
says "one's own name can be changed" 200 PUT "/api/v1/user/$ANN" '{"name":"Anne","email":null}'
check_eq "and the address taken away" "Anne null" "$(value '.name + " " + (.email|tostring)')"
says "a new password needs the old one" 422 PUT "/api/v1/user/$ANN" '{"password":"another horse"}'
says "the right one" 403 PUT "/api/v1/user/$ANN" '{"password":"another horse","old_password":"wrong horse"}'
says "and then it is set" 200 PUT "/api/v1/user/$ANN" '{"password":"another horse","old_password":"correct horse"}'
as "$ROOT" 1 s0
says "an administrator needs no old one" 200 PUT "/api/v1/user/$ANN" '{"password":"correct horse"}'

# ---- version 2: sessions ----
AS=()
says "the right password opens a session" 201 POST /api/v2/user/sessions '{"name":"anne","password":"correct horse"}'
check_eq "ids are texts" string "$(value '.user.id|type')"
SESSION=$(value .token)
check_eq "it ends in thirty days" \
	30 "$(((${EXPIRES:=$(value '.expires_at|split(".")[0]')} - $(date +%s) + 60) / 86400))"
check_eq "a wrong password is 401" 401 "$(ask POST /api/v2/user/sessions '{"name":"anne","password":"wrong horse"}')"
WRONG=$(value .detail)
check_eq "an unknown name too" 401 "$(ask POST /api/v2/user/sessions '{"name":"nobody","password":"wrong horse"}')"
check_eq "in the same words" "$WRONG" "$(value .detail)"
check_eq "the token means the user" 200 "$(authenticate "$SESSION")"
check_eq "and says which token it is" "$ANN s" "$(value '.user.id + " " + .token_id[0:1]')"
TOKEN_ID=$(value .token_id)
check_eq "at the other instance too" 200 "$(U=$URL_user_2 && authenticate "$SESSION")"
check_eq "a token with another letter means nobody" 401 "$(authenticate "${SESSION%?}g")"
check_eq "no token is stored as it is" \
	0 "$(psql -X -At "$DATABASE" -c "SELECT count(*) FROM session s WHERE s::text LIKE '%${SESSION#nps_}%'")"
as "$ANN" 0 "$TOKEN_ID"
says "me" 200 GET /api/v2/user/me
check_eq "is me" "Anne false" "$(value '.name + " " + (.admin|tostring)')"
: >"$WORK/heard"
says "logging out" 204 DELETE /api/v2/user/sessions/current
check_eq "has told the gateways which token to forget" "$TOKEN_ID" \
	"$(jq -r 'select(.path == "/internal/v1/tokens/forget") | .body.token_ids[]' "$WORK/heard")"
check_eq "after a greeting" true "$(jq -r 'select(.path == "/internal/v1/tokens/forget") | .known' "$WORK/heard")"
check_not "and shows nothing of the key" grep -qE "$(cat "$WORK/cluster.key")|[0-9a-f]{64}" "$WORK/heard"
check_eq "the token means nobody any more" 401 "$(authenticate "$SESSION")"
AS=()

# ---- exponential delay ----
NEW=(-H 'Nephos-Client: 192.0.2.7') # bob has never logged in from this address
for i in 1 2 3 4; do
	ask POST /api/v2/user/sessions '{"name":"BOB","password":"wrong horse"}' "${NEW[@]}" >/dev/null
done
says "after four wrong passwords even the right one waits" 429 POST /api/v2/user/sessions \
	'{"name":"bob","password":"correct horse"}' "${NEW[@]}"
check "Retry-After says how long" test "$(header Retry-After)" -ge 1
says "at the other instance too" 429 POST "/api/v2/user/sessions" '{"name":"bob","password":"correct horse"}' \
	-H 'Nephos-Client: 192.0.2.8' --connect-to "::${URL_user_2#http://}"
says "others do not wait" 201 POST /api/v2/user/sessions '{"name":"anne","password":"correct horse"}' "${NEW[@]}"
says "nor does he elsewhere" 201 POST /api/v2/user/sessions '{"name":"bob","password":"correct horse"}'
bob_logs_in() { [ "$(ask POST /api/v2/user/sessions '{"name":"bob","password":"correct horse"}' "${NEW[@]}")" = 201 ]; }
check "it is over by itself" eventually 10 bob_logs_in
check_eq "and forgotten after a success" \
	0 "$(psql -X -At "$DATABASE" -c "SELECT count(*) FROM login_failure WHERE network = '192.0.2.0/24'")"

# ---- device keys ----
as "$ANN" 0 s1
says "a key is made" 201 POST /api/v2/user/keys '{"name":"laptop"}'
KEY=$(value .token)
KEY_ID=$(value .id)
check_eq "its token is named by its kind" npk_ "${KEY:0:4}"
says "keys are listed" 200 GET /api/v2/user/keys
check_eq "without their tokens" \
	"laptop null null" "$(value '.items[0] | .name + " " + (.token|tostring) + " " + (.last_used_at|tostring)')"
says "a key needs a name" 422 POST /api/v2/user/keys '{}'
check_eq "the key means the user" 200 "$(authenticate "$KEY")"
check_eq "and does not end" null "$(value .expires_at)"
ask GET /api/v2/user/keys >/dev/null
check_eq "when it was used is written down" string "$(value '.items[0].last_used_at|type')"
as "$BOB" 0 s2
says "another's key is not found" 404 DELETE "/api/v2/user/keys/$KEY_ID"
as "$ANN" 0 "k$KEY_ID"
says "a key cannot log out" 404 DELETE /api/v2/user/sessions/current
: >"$WORK/heard"
says "a key is revoked" 204 DELETE "/api/v2/user/keys/$KEY_ID"
check_eq "the gateways forget it" \
	"k$KEY_ID" "$(jq -r 'select(.path == "/internal/v1/tokens/forget") | .body.token_ids[]' "$WORK/heard")"
check_eq "it means nobody any more" 401 "$(authenticate "$KEY")"

# ---- a gateway that does not confirm ----
touch "$WORK/deaf"
ask POST /api/v2/user/keys '{"name":"phone"}' >/dev/null
DEAF=$(value .id)
STARTED=$(date +%s%N)
says "a revocation that a gateway does not confirm is answered all the same" 204 DELETE "/api/v2/user/keys/$DEAF"
check "when that gateway's cache has run out" test $(($(date +%s%N) - STARTED)) -ge 5000000000
rm "$WORK/deaf"

# ---- idempotency ----
check_eq "a key with Idempotency-Key" 201 "$(ask POST /api/v2/user/keys '{"name":"once"}' -H 'Idempotency-Key: one')"
ONCE=$(cat "$WORK/body")
U=$URL_user_2
check_eq "a repeat at the other instance" \
	201 "$(ask POST /api/v2/user/keys '{"name":"once"}' -H 'Idempotency-Key: one')"
check_eq "gets the same answer, token included" "$ONCE" "$(cat "$WORK/body")"
check_eq "there is one key of that name" \
	1 "$(psql -X -At "$DATABASE" -c "SELECT count(*) FROM device_key WHERE name = 'once'")"
check_eq "the token is not in the database" 0 \
	"$(psql -X -At "$DATABASE" -c "SELECT count(*) FROM idempotency WHERE position('npk_' in encode(answer, 'escape')) > 0")"
check_eq "another body under the same key" \
	422 "$(ask POST /api/v2/user/keys '{"name":"twice"}' -H 'Idempotency-Key: one')"
as "$BOB" 0 s2
check_eq "the same key of another user is another key" \
	201 "$(ask POST /api/v2/user/keys '{"name":"once"}' -H 'Idempotency-Key: one')"
U=$URL_user_1
as "$ROOT" 1 s0
for i in $(seq 12); do
	curl -s --noproxy '*' -o "$WORK/race.$i" "${AS[@]}" -H 'Idempotency-Key: race' -d '{"name":"racer","password":"correct horse"}' \
		"$([ $((i % 2)) = 0 ] && echo "$URL_user_1" || echo "$URL_user_2")/api/v2/user/users" &
	RACERS[i]=$!
done
wait "${RACERS[@]}"
check_eq "twelve requests with one key at once have one answer" \
	1 "$(cat "$WORK"/race.* | sort -u | wc -l | sed 's/^0$/1/')"
check_eq "which is a success" racer "$(jq -r .name "$WORK/race.1")"

# ---- administrators ----
says "users are listed page by page" 200 GET '/api/v2/user/users?limit=2'
check_eq "two a page" 2 "$(value '.items|length')"
says "to the end" 200 GET "/api/v2/user/users?limit=1000&cursor=$(value .next)"
check_eq "which has no next" null "$(value .next)"
says "a limit over 1,000 is refused" 400 GET '/api/v2/user/users?limit=1001'
says "a user is found by name" 200 GET '/api/v2/user/users?name=BOB'
check_eq "without case" "$BOB" "$(value '.items[0].id')"
as "$ANN" 0 s1
says "nobody else lists users" 403 GET /api/v2/user/users
says "nor makes any" 403 POST /api/v2/user/users '{"name":"eve","password":"correct horse"}'
says "nor an administrator of himself" 403 PATCH "/api/v2/user/users/$ANN" '{"admin":true}'
says "nor reaches another" 404 PATCH "/api/v2/user/users/$BOB" '{"password":"correct horse"}'
says "and needs the old password there too" 422 PATCH "/api/v2/user/users/$ANN" '{"password":"third horse"}'
AS=()
ask POST /api/v2/user/sessions '{"name":"anne","password":"correct horse"}' >/dev/null
KEPT=$(value .token)
authenticate "$KEPT" >/dev/null
KEPT_ID=$(value .token_id)
ask POST /api/v2/user/sessions '{"name":"anne","password":"correct horse"}' >/dev/null
LOST=$(value .token)
as "$ANN" 0 "$KEPT_ID"
says "a new password" 200 PATCH /api/v2/user/me '{"password":"third horse","old_password":"correct horse"}'
check_eq "keeps the session that asked" 200 "$(authenticate "$KEPT")"
check_eq "and ends the others" 401 "$(authenticate "$LOST")"

# ---- the first user from the command line ----
"$PROGRAM" --database "$DATABASE" --first-user carol --url https://store.example/ >"$WORK/credentials"
check_eq "credentials can be sourced" "https://store.example carol npk_" \
	"$(. "$WORK/credentials" && echo "$NEPHOS_URL $NEPHOS_USER ${NEPHOS_TOKEN:0:4}")"
AS=()
check_eq "its key means an administrator" 200 "$(authenticate "$(. "$WORK/credentials" && echo "$NEPHOS_TOKEN")")"
check_eq "who is one" true "$(value .user.admin)"
CAROL=$(value .user.id)
says "without a password nobody logs in by one" 401 POST /api/v2/user/sessions '{"name":"carol","password":""}'
as "$CAROL" 1 k1
says "the first password needs no old one" 200 PATCH /api/v2/user/me '{"password":"fourth horse"}'
check_eq "several gateways are named, the first alone for curl" "http://a http://a,http://b:8050" \
	"$("$PROGRAM" --database "$DATABASE" --first-user carol --url http://a/,http://b:8050 >"$WORK/several" &&
		. "$WORK/several" && echo "$NEPHOS_URL $NEPHOS_URLS")"
check_eq "variables set the same" \
	carol "$(NEPHOS_DATABASE=$DATABASE NEPHOS_FIRST_USER=carol "$PROGRAM" | sed -n 's/^NEPHOS_USER=//p')"

# ---- deletion ----
as "$ANN" 0 "$KEPT_ID"
: >"$WORK/heard"
says "one deletes oneself" 204 DELETE "/api/v1/user/$ANN"
check_eq "the gateways forget all of one's tokens" \
	"$ANN" "$(jq -r 'select(.path == "/internal/v1/tokens/forget") | .body.user_id' "$WORK/heard")"
check_eq "they mean nobody any more" 401 "$(authenticate "$KEPT")"
check_eq "services ask whether a user exists" 404 "$(ask GET "/internal/v1/users/$ANN")"
check_eq "one who does" 200 "$(ask GET "/internal/v1/users/$BOB")"
check_eq "who was deleted is told" 200 "$(ask GET '/internal/v1/deleted?since=0')"
check_eq "once" "[\"$ANN\"] 1" "$(value '([.deleted[].user_id]|tostring) + " " + .last')"
check_eq "and not again" 200 "$(ask GET '/internal/v1/deleted?since=1')"
check_eq "when it is known" "[] 1" "$(value '(.deleted|tostring) + " " + .last')"
as "$ROOT" 1 s0
says "the name is free again" 201 POST /api/v2/user/users '{"name":"anne","password":"correct horse"}'
check "with another id" test "$(value .id)" -gt "$ANN"

# ---- death between COMMIT and answer ----
dies_then_repeats() { # NAME STATUS METHOD PATH [BODY]: at an instance that dies, then at another
	local name=$1 status=$2 url=URL_dies_$1 pid=PID_dies_$1
	shift 2
	start_service "dies-$name" --failpoint after-commit
	U=${!url}
	check_eq "$name: it dies without an answer" 000 "$(ask "$1" "$2" "${3:-}" -H "Idempotency-Key: dies-$name")"
	wait "${!pid}" 2>/dev/null # the shell would say "Killed", as is meant
	check_eq "$name: by SIGKILL" 137 $?
	U=$URL_user_2
	says "$name: the other instance answers the repeat" "$status" "$1" "$2" "${3:-}" \
		-H "Idempotency-Key: dies-$name"
	check_eq "$name: from what was kept" true "$(header Idempotency-Replayed)"
	U=$URL_user_1
}
in_database() { psql -X -At "$DATABASE" -c "$1"; }
dies_then_repeats create 201 POST /api/v2/user/users '{"name":"dora","password":"correct horse"}'
DORA=$(value .id)
check_eq "create: there is one of the name" "$DORA" "$(in_database "SELECT id FROM account WHERE name = 'dora'")"
check_eq "create: nothing that lies there is the plain digest of the password's request" 0 \
	"$(in_database "SELECT count(*) FROM idempotency WHERE request = sha256(convert_to('POST /api/v2/user/users'||chr(10)||'{\"name\":\"dora\",\"password\":\"correct horse\"}', 'UTF8'))")"
dies_then_repeats change 200 PATCH "/api/v2/user/users/$DORA" '{"email":"dora@example.org"}'
check_eq "change: it holds" dora@example.org "$(value .email)"
dies_then_repeats delete 204 DELETE "/api/v1/user/$DORA"
check_eq "delete: it is in the list once" 1 "$(in_database "SELECT count(*) FROM deletion WHERE user_id = $DORA")"
dies_then_repeats key 201 POST /api/v2/user/keys '{"name":"dies"}'
check_eq "key: there is one, and the answer has its token" 200 "$(T=$(value .token); authenticate "$T")"
check_eq "key: there is one" 1 "$(in_database "SELECT count(*) FROM device_key WHERE name = 'dies'")"
dies_then_repeats revoke 204 DELETE "/api/v2/user/keys/$(in_database "SELECT id FROM device_key WHERE name = 'dies'")"
SESSIONS=$(in_database "SELECT count(*) FROM session WHERE account_id = $BOB")
AS=()
dies_then_repeats login 201 POST /api/v2/user/sessions '{"name":"bob","password":"correct horse"}'
OPENED=$(value .token)
check_eq "login: it opened one session" \
	$((SESSIONS + 1)) "$(in_database "SELECT count(*) FROM session WHERE account_id = $BOB")"
check_eq "login: whose token the repeat was given" 200 "$(authenticate "$OPENED")"
says "login: without the password the key says nothing" 401 POST /api/v2/user/sessions \
	'{"name":"bob","password":"wrong horse"}' -H 'Idempotency-Key: dies-login'
check_eq "login: the token is not in the database" 0 \
	"$(in_database "SELECT count(*) FROM idempotency WHERE position('nps_' in encode(answer, 'escape')) > 0")"
authenticate "$OPENED" >/dev/null
as "$BOB" 0 "$(value .token_id)"
dies_then_repeats logout 204 DELETE /api/v2/user/sessions/current
check_eq "logout: it is over" 401 "$(authenticate "$OPENED")"
as "$ROOT" 1 s0

# ---- descriptions ----
AS=()
says "version 1 describes itself" 200 GET /api/v1/user/docs/openapi.json
check_eq "as OpenAPI 3.1" 3.1 "$(value '.openapi[0:3]')"
check_eq "in JSON" application/json "$(header Content-Type)"
says "version 2 too" 200 GET /api/v2/user/docs/openapi.json
check_eq "with every public route, and no other" '["/api/v2/user/docs/openapi.json","/api/v2/user/keys","/api/v2/user/keys/{id}","/api/v2/user/me","/api/v2/user/sessions","/api/v2/user/sessions/current","/api/v2/user/setup","/api/v2/user/users","/api/v2/user/users/{id}"]' \
	"$(jq -c '.paths|keys' "$WORK/body")"

# ---- registration, the database's absence, the end ----
registers() { jq -es --arg url "$AT_user_1" \
	'any(.path == "/internal/v1/registry" and (.body | .kind == "user" and .name == "user-1" and .url == $url and .ready))' "$WORK/heard"; }
check "it registers where it is reached" eventually 5 registers
psql -X -q "$PG" -c 'ALTER DATABASE users ALLOW_CONNECTIONS false' \
	-c "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = 'users'" >/dev/null
not_ready() { [ "$(http "$U/readyz")" = 503 ]; }
check "without its database it is not ready" eventually 10 not_ready
says "and says that nothing happened" 503 GET "/internal/v1/users/$BOB"
psql -X -q "$PG" -c 'ALTER DATABASE users ALLOW_CONNECTIONS true'
ready() { [ "$(http "$U/readyz")" = 200 ]; }
check "it finds its database again by itself" eventually 10 ready
says "and serves" 200 GET "/internal/v1/users/$BOB"
: >"$WORK/heard"
kill "$PID_user_1"
wait "$PID_user_1"
check_eq "asked to end, it ends well" 0 $?
check_eq "after saying good-bye" "user-1 true" \
	"$(jq -rs '[.[] | select(.path == "/internal/v1/registry" and .body.leaving)][-1].body | "\(.name) \(.leaving)"' "$WORK/heard")"
check_not "and takes its pid file away" test -e "$WORK/user-1.pid"
start_service user-3 --open-registration
U=$URL_user_3
says "with open registration anybody makes an account" 201 POST /api/v1/user/ \
	'{"name":"walk-in","password":"correct horse"}'
says "but no administrator" 401 POST /api/v2/user/users '{"name":"walk-in2","password":"correct horse","admin":true}'
e2e_end
