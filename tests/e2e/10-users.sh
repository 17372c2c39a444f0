#!/usr/bin/env bash
# Goal: accounts, sessions, device keys and administrators work. The test asks two user services directly, as a
# gateway does, and checks the notices of revocation that a gateway gets. PostgreSQL is real; the gateway is a small
# script that records each request it gets.
. "$(dirname "$0")/../lib/e2e.sh"

. "$(dirname "$0")/../lib/users.sh"

# ---- the set-up ----
check_refused "nephos-user refuses to start without a cluster key" '--cluster-key .*is missing' \
	timeout 20 "$PROGRAM" --database "$DATABASE" --port 0
check_refused "nephos-user refuses a misspelt flag" 'unknown flag --databse' "$PROGRAM" --databse x
SETUP=$("$PROGRAM" --database "$DATABASE" --setup-token)
chmod 644 "$WORK/cluster.key"
check_refused "nephos-user refuses a cluster key file that others may read" 'cluster[.]key can be read by others' \
	timeout 20 "$PROGRAM" --database "$DATABASE" --cluster-key "$WORK/cluster.key" --port 0
chmod 600 "$WORK/cluster.key"
start_service user-1
start_service user-2
U=$URL_user_1
check_eq "the pid file of user-1 holds the pid of its process" "$PID_user_1" "$(cat "$WORK/user-1.pid")"
check_status "GET /healthz of the user service gets 200 without credentials" 200 "$U/healthz"
check_status "GET /readyz of the user service gets 200 without credentials" 200 "$U/readyz"
check_status "a request on a connection without a greeting gets 401" 401 "$AT_user_1/api/v2/user/me" -H 'Nephos-User: 1'
check_eq "the 401 for a missing greeting has a Bearer challenge" Bearer "$(header WWW-Authenticate)"
check_status "a request without a greeting gets 401 even if it claims to be a known administrator" \
	401 "$AT_user_1/internal/v1/deleted" -H "Nephos-Hello: known" -H 'Nephos-User: 1' -H 'Nephos-Admin: 1'
says "GET /api/v2/user/me without a caller's identity gets 401" 401 GET /api/v2/user/me
says "a set-up request with a wrong token gets 403" 403 POST /api/v2/user/setup \
	'{"token":"npt_no","name":"mallory","password":"long enough"}'
says "a set-up request with the right token creates an account" 201 POST /api/v2/user/setup \
	"{\"token\":\"$SETUP\",\"name\":\"Root\",\"password\":\"long enough\"}"
ROOT=$(value .id)
check_eq "the account made by the set-up token is an administrator" true "$(value .admin)"
says "a second set-up request with the same token gets 403" 403 POST /api/v2/user/setup \
	"{\"token\":\"$SETUP\",\"name\":\"root2\",\"password\":\"long enough\"}"
check_refused "nephos-user --setup-token fails after the store was set up" 'this store has been set up already' \
	"$PROGRAM" --database "$DATABASE" --setup-token

# ---- version 1 ----
says "v1: creating an account without credentials gets 401 even if the body is bad JSON" \
	401 POST /api/v1/user/ '{"name":'
says "v2: creating an account without credentials gets 401 even if the body is bad JSON" \
	401 POST /api/v2/user/users '{"name":'
says "v1: creating an account without credentials gets 401" \
	401 POST /api/v1/user/ '{"name":"ann","password":"correct horse"}'
as "$ROOT" 1 s0
says "v1: an administrator can create an account" 201 POST /api/v1/user/ \
	'{"name":"Ann","email":"ann@example.org","password":"correct horse"}'
ANN=$(value .id)
check_eq "v1: the id of the new account is a JSON number" number "$(value '.id|type')"
check_eq "v1: the new account is described by id, name and email, without the password" \
	'["email","id","name"]' "$(jq -c keys "$WORK/body")"
says "v1: a name that differs from an existing one only in case gets 409" \
	409 POST /api/v1/user/ '{"name":"aNN","password":"correct horse"}'
says "v1: a password of five characters gets 422" 422 POST /api/v1/user '{"name":"bob","password":"short"}'
says "v1: an account name with a slash gets 422" 422 POST /api/v1/user '{"name":"a/b","password":"correct horse"}'
says "v1: an account name of 65 characters gets 422" 422 POST /api/v1/user \
	"{\"name\":\"$(printf 'ä%.0s' {1..65})\",\"password\":\"correct horse\"}"
says "v1: an account name of 64 non-ASCII letters is accepted" 201 POST /api/v1/user \
	"{\"name\":\"$(printf 'Ä%.0s' {1..64})\",\"password\":\"correct horse\"}"
says "v1: an account name that is a JSON number gets 422" 422 POST /api/v1/user '{"name":5,"password":"correct horse"}'
says "v1: malformed JSON by an administrator gets 400" 400 POST /api/v1/user '{"name":'
head -c 1100000 /dev/zero | tr '\0' ' ' >"$WORK/large"
check_status "v1: a JSON body over 1 MiB gets 413" 413 -X POST "${AS[@]}" --data-binary "@$WORK/large" "$U/api/v1/user"
says "v1: PATCH of an account gets 405" 405 PATCH "/api/v1/user/$ANN"
says "v1: an administrator can create the account bob" 201 POST /api/v1/user '{"name":"bob","password":"correct horse"}'
BOB=$(value .id)
as "$ANN" 0 k0
says "v1: a user can read their own account" 200 GET "/api/v1/user/$ANN/"
check_eq "v1: a user's own account includes the email address" ann@example.org "$(value .email)"
says "v1: GET of another user's account gets 404" 404 GET "/api/v1/user/$BOB/"
check_eq "v1: the 404 for another user's account names the id that was not found" \
	"User with id:$BOB not found" "$(value .detail)"
says "v1: PUT to another user's account gets 404" 404 PUT "/api/v1/user/$BOB" '{"name":"x"}'
says "v1: DELETE of another user's account gets 404" 404 DELETE "/api/v1/user/$BOB"
says "v1: GET of an account id that is no number gets 404" 404 GET /api/v1/user/abc
says "v1: a user can change their own name and email" 200 PUT "/api/v1/user/$ANN" '{"name":"Anne","email":null}'
check_eq "v1: the changed account has the new name and no email address" \
	"Anne null" "$(value '.name + " " + (.email|tostring)')"
says "v1: changing one's own password without the old one gets 422" \
	422 PUT "/api/v1/user/$ANN" '{"password":"another horse"}'
says "v1: changing one's own password with a wrong old one gets 403" \
	403 PUT "/api/v1/user/$ANN" '{"password":"another horse","old_password":"wrong horse"}'
says "v1: changing one's own password with the right old one gets 200" \
	200 PUT "/api/v1/user/$ANN" '{"password":"another horse","old_password":"correct horse"}'
as "$ROOT" 1 s0
says "v1: an administrator can set a user's password without the old one" \
	200 PUT "/api/v1/user/$ANN" '{"password":"correct horse"}'

# ---- version 2: sessions ----
AS=()
says "a log-in with the right password opens a session" \
	201 POST /api/v2/user/sessions '{"name":"anne","password":"correct horse"}'
check_eq "the user id in the answer to a log-in is a JSON string" string "$(value '.user.id|type')"
SESSION=$(value .token)
check_eq "the new session expires in thirty days" \
	30 "$(((${EXPIRES:=$(value '.expires_at|split(".")[0]')} - $(date +%s) + 60) / 86400))"
check_eq "a log-in with a wrong password gets 401" \
	401 "$(ask POST /api/v2/user/sessions '{"name":"anne","password":"wrong horse"}')"
WRONG=$(value .detail)
check_eq "a log-in with an unknown name gets 401" \
	401 "$(ask POST /api/v2/user/sessions '{"name":"nobody","password":"wrong horse"}')"
check_eq "log-ins with a wrong password and with an unknown name get the same error text" "$WRONG" "$(value .detail)"
check_eq "the token of the session authenticates" 200 "$(authenticate "$SESSION")"
check_eq "authenticating the session's token returns its user and the id of a session" \
	"$ANN s" "$(value '.user.id + " " + .token_id[0:1]')"
TOKEN_ID=$(value .token_id)
check_eq "the token of the session authenticates at the second user service" \
	200 "$(U=$URL_user_2 && authenticate "$SESSION")"
check_eq "a token with one changed letter gets 401" 401 "$(authenticate "${SESSION%?}g")"
check_eq "no session row contains the token in plain text" \
	0 "$(psql -X -At "$DATABASE" -c "SELECT count(*) FROM session s WHERE s::text LIKE '%${SESSION#nps_}%'")"
as "$ANN" 0 "$TOKEN_ID"
says "GET /api/v2/user/me by a logged-in user gets 200" 200 GET /api/v2/user/me
check_eq "GET /api/v2/user/me returns the caller's name and that they are no administrator" \
	"Anne false" "$(value '.name + " " + (.admin|tostring)')"
: >"$WORK/heard"
says "DELETE of the current session gets 204" 204 DELETE /api/v2/user/sessions/current
check_eq "a log-out notifies the gateway to forget the session's token" "$TOKEN_ID" \
	"$(jq -r 'select(.path == "/internal/v1/tokens/forget") | .body.token_ids[]' "$WORK/heard")"
check_eq "the notice to forget a token is sent on a greeted connection" \
	true "$(jq -r 'select(.path == "/internal/v1/tokens/forget") | .known' "$WORK/heard")"
check_not "requests to the gateway contain neither the cluster key nor any 64 hex digits" \
	grep -qE "$(cat "$WORK/cluster.key")|[0-9a-f]{64}" "$WORK/heard"
check_eq "the session's token gets 401 after the log-out" 401 "$(authenticate "$SESSION")"
AS=()

# ---- exponential delay ----
NEW=(-H 'Nephos-Client: 192.0.2.7') # bob has never logged in from this address
for i in 1 2 3 4; do
	ask POST /api/v2/user/sessions '{"name":"BOB","password":"wrong horse"}' "${NEW[@]}" >/dev/null
done
says "a log-in with the right password gets 429 after four wrong ones from its network" 429 POST /api/v2/user/sessions \
	'{"name":"bob","password":"correct horse"}' "${NEW[@]}"
check "the 429 for a delayed log-in has a Retry-After of at least one second" test "$(header Retry-After)" -ge 1
says "a log-in at the second user service from the delayed network gets 429" \
	429 POST "/api/v2/user/sessions" '{"name":"bob","password":"correct horse"}' \
		-H 'Nephos-Client: 192.0.2.8' --connect-to "::${URL_user_2#http://}"
says "another user can log in from the delayed network" \
	201 POST /api/v2/user/sessions '{"name":"anne","password":"correct horse"}' "${NEW[@]}"
says "the delayed user can log in from another network" \
	201 POST /api/v2/user/sessions '{"name":"bob","password":"correct horse"}'
bob_logs_in() { [ "$(ask POST /api/v2/user/sessions '{"name":"bob","password":"correct horse"}' "${NEW[@]}")" = 201 ]; }
check "the delayed user can log in again within 10 s" eventually 10 bob_logs_in
check_eq "a successful log-in deletes the recorded failures of its network" \
	0 "$(psql -X -At "$DATABASE" -c "SELECT count(*) FROM login_failure WHERE network = '192.0.2.0/24'")"

# ---- device keys ----
as "$ANN" 0 s1
says "POST of a device key with a name creates it" 201 POST /api/v2/user/keys '{"name":"laptop"}'
KEY=$(value .token)
KEY_ID=$(value .id)
check_eq "the token of a device key begins with npk_" npk_ "${KEY:0:4}"
says "GET of the caller's device keys gets 200" 200 GET /api/v2/user/keys
check_eq "the listed device key has its name, but no token and no time of use" \
	"laptop null null" "$(value '.items[0] | .name + " " + (.token|tostring) + " " + (.last_used_at|tostring)')"
says "POST of a device key without a name gets 422" 422 POST /api/v2/user/keys '{}'
check_eq "the token of the device key authenticates" 200 "$(authenticate "$KEY")"
check_eq "the device key does not expire" null "$(value .expires_at)"
ask GET /api/v2/user/keys >/dev/null
check_eq "the listed device key has a time of use after it was authenticated" \
	string "$(value '.items[0].last_used_at|type')"
as "$BOB" 0 s2
says "DELETE of another user's device key gets 404" 404 DELETE "/api/v2/user/keys/$KEY_ID"
as "$ANN" 0 "k$KEY_ID"
says "DELETE of the current session gets 404 if the caller uses a device key" 404 DELETE /api/v2/user/sessions/current
: >"$WORK/heard"
says "DELETE of the caller's own device key gets 204" 204 DELETE "/api/v2/user/keys/$KEY_ID"
check_eq "a revocation notifies the gateway to forget the device key" \
	"k$KEY_ID" "$(jq -r 'select(.path == "/internal/v1/tokens/forget") | .body.token_ids[]' "$WORK/heard")"
check_eq "a revoked device key gets 401" 401 "$(authenticate "$KEY")"

# ---- a gateway that does not confirm ----
touch "$WORK/deaf"
ask POST /api/v2/user/keys '{"name":"phone"}' >/dev/null
DEAF=$(value .id)
STARTED=$(date +%s%N)
says "a revocation that the gateway does not confirm still gets 204" 204 DELETE "/api/v2/user/keys/$DEAF"
check "a revocation that the gateway does not confirm is answered after 5 s at the earliest" \
	test $(($(date +%s%N) - STARTED)) -ge 5000000000
rm "$WORK/deaf"

# ---- idempotency ----
check_eq "POST of a device key under an idempotency key gets 201" \
	201 "$(ask POST /api/v2/user/keys '{"name":"once"}' -H 'Idempotency-Key: one')"
ONCE=$(cat "$WORK/body")
U=$URL_user_2
check_eq "a repeat of the POST of a device key at the second user service gets 201" \
	201 "$(ask POST /api/v2/user/keys '{"name":"once"}' -H 'Idempotency-Key: one')"
check_eq "the repeat at the second user service gets the same body, token included" "$ONCE" "$(cat "$WORK/body")"
check_eq "the repeated POST made exactly one device key" \
	1 "$(psql -X -At "$DATABASE" -c "SELECT count(*) FROM device_key WHERE name = 'once'")"
check_eq "no kept answer contains a device key's token in plain text" 0 \
	"$(psql -X -At "$DATABASE" -c "SELECT count(*) FROM idempotency WHERE position('npk_' in encode(answer, 'escape')) > 0")"
check_eq "another body under a used idempotency key gets 422" \
	422 "$(ask POST /api/v2/user/keys '{"name":"twice"}' -H 'Idempotency-Key: one')"
as "$BOB" 0 s2
check_eq "another user may use the same idempotency key for a request of their own" \
	201 "$(ask POST /api/v2/user/keys '{"name":"once"}' -H 'Idempotency-Key: one')"
U=$URL_user_1
as "$ROOT" 1 s0
for i in $(seq 12); do
	curl -s --noproxy '*' -o "$WORK/race.$i" "${AS[@]}" -H 'Idempotency-Key: race' -d '{"name":"racer","password":"correct horse"}' \
		"$([ $((i % 2)) = 0 ] && echo "$URL_user_1" || echo "$URL_user_2")/api/v2/user/users" &
	RACERS[i]=$!
done
wait "${RACERS[@]}"
check_eq "twelve concurrent requests with one idempotency key get the same body" \
	12 "$(sha256sum "$WORK"/race.* | cut -d ' ' -f 1 | uniq -c | awk '{print $1}')"
check_eq "each of the twelve concurrent requests is answered with the new account" \
	"12 racer" "$(jq -r .name "$WORK"/race.* | sort | uniq -c | xargs)"

# ---- administrators ----
says "v2: an administrator can list users with a limit of two" 200 GET '/api/v2/user/users?limit=2'
check_eq "v2: a page of users with a limit of two has two users" 2 "$(value '.items|length')"
says "v2: the next page of users can be read by its cursor" \
	200 GET "/api/v2/user/users?limit=1000&cursor=$(value .next)"
check_eq "v2: the last page of users has no next cursor" null "$(value .next)"
says "v2: a list of users with a limit over 1,000 gets 400" 400 GET '/api/v2/user/users?limit=1001'
says "v2: a search for a user by name gets 200" 200 GET '/api/v2/user/users?name=BOB'
check_eq "v2: a search for a user by name ignores case" "$BOB" "$(value '.items[0].id')"
as "$ANN" 0 s1
says "v2: a list of users requested by an ordinary user gets 403" 403 GET /api/v2/user/users
says "v2: creating an account as an ordinary user gets 403" \
	403 POST /api/v2/user/users '{"name":"eve","password":"correct horse"}'
says "v2: an ordinary user's PATCH that makes them an administrator gets 403" \
	403 PATCH "/api/v2/user/users/$ANN" '{"admin":true}'
says "v2: PATCH of another user's account gets 404" 404 PATCH "/api/v2/user/users/$BOB" '{"password":"correct horse"}'
says "v2: PATCH of the caller's password by id without the old one gets 422" \
	422 PATCH "/api/v2/user/users/$ANN" '{"password":"third horse"}'
AS=()
ask POST /api/v2/user/sessions '{"name":"anne","password":"correct horse"}' >/dev/null
KEPT=$(value .token)
authenticate "$KEPT" >/dev/null
KEPT_ID=$(value .token_id)
ask POST /api/v2/user/sessions '{"name":"anne","password":"correct horse"}' >/dev/null
LOST=$(value .token)
as "$ANN" 0 "$KEPT_ID"
says "v2: PATCH of the caller's account with If-Match and an etag gets 412" \
	412 PATCH /api/v2/user/me '{"password":"third horse","old_password":"correct horse"}' -H 'If-Match: "x"'
says "v2: PATCH of the caller's password with the old one gets 200" \
	200 PATCH /api/v2/user/me '{"password":"third horse","old_password":"correct horse"}'
check_eq "the session that changed the password is still valid" 200 "$(authenticate "$KEPT")"
check_eq "a password change ends the user's other session" 401 "$(authenticate "$LOST")"

# ---- the first user from the command line ----
"$PROGRAM" --database "$DATABASE" --first-user carol --url https://store.example/ >"$WORK/credentials"
check_eq "a shell can source the credentials that --first-user prints" "https://store.example carol npk_" \
	"$(. "$WORK/credentials" && echo "$NEPHOS_URL $NEPHOS_USER ${NEPHOS_TOKEN:0:4}")"
AS=()
check_eq "the first user's key authenticates" 200 "$(authenticate "$(. "$WORK/credentials" && echo "$NEPHOS_TOKEN")")"
check_eq "the first user is an administrator" true "$(value .user.admin)"
CAROL=$(value .user.id)
says "a log-in with an empty password to an account without a password gets 401" \
	401 POST /api/v2/user/sessions '{"name":"carol","password":""}'
as "$CAROL" 1 k1
says "a user without a password can set one without naming an old one" \
	200 PATCH /api/v2/user/me '{"password":"fourth horse"}'
check_eq "credentials have the first gateway in NEPHOS_URL, and all in NEPHOS_URLS" "http://a http://a,http://b:8050" \
	"$("$PROGRAM" --database "$DATABASE" --first-user carol --url http://a/,http://b:8050 >"$WORK/several" &&
		. "$WORK/several" && echo "$NEPHOS_URL $NEPHOS_URLS")"
check_eq "NEPHOS_DATABASE and NEPHOS_FIRST_USER have the effect of the flags" \
	carol "$(NEPHOS_DATABASE=$DATABASE NEPHOS_FIRST_USER=carol "$PROGRAM" | sed -n 's/^NEPHOS_USER=//p')"

# ---- deletion ----
as "$ANN" 0 "$KEPT_ID"
: >"$WORK/heard"
says "v1: a user can delete their own account" 204 DELETE "/api/v1/user/$ANN"
check_eq "a deletion notifies the gateway to forget all tokens of the user" \
	"$ANN" "$(jq -r 'select(.path == "/internal/v1/tokens/forget") | .body.user_id' "$WORK/heard")"
check_eq "a session of a deleted user gets 401" 401 "$(authenticate "$KEPT")"
check_eq "GET of a deleted user at the services' internal route gets 404" 404 "$(ask GET "/internal/v1/users/$ANN")"
check_eq "GET of an existing user at the services' internal route gets 200" 200 "$(ask GET "/internal/v1/users/$BOB")"
check_eq "GET of all deletions at the services' internal route gets 200" 200 "$(ask GET '/internal/v1/deleted?since=0')"
check_eq "the list of all deletions has the deleted user once" \
	"[\"$ANN\"] 1" "$(value '([.deleted[].user_id]|tostring) + " " + .last')"
check_eq "GET of the deletions since the last one gets 200" 200 "$(ask GET '/internal/v1/deleted?since=1')"
check_eq "the list of deletions since the last one is empty" "[] 1" "$(value '(.deleted|tostring) + " " + .last')"
as "$ROOT" 1 s0
says "the name of a deleted account is free for a new one" \
	201 POST /api/v2/user/users '{"name":"anne","password":"correct horse"}'
check "the new account under a deleted account's name has a higher id" test "$(value .id)" -gt "$ANN"

# ---- death between COMMIT and answer ----
dies_then_repeats() { # NAME STATUS METHOD PATH [BODY]: at an instance that dies, then at another
	local name=$1 status=$2 url=URL_dies_$1 pid=PID_dies_$1
	shift 2
	start_service "dies-$name" --failpoint after-commit
	U=${!url}
	check_eq "$name: the service that dies after COMMIT sends no answer" \
		000 "$(ask "$1" "$2" "${3:-}" -H "Idempotency-Key: dies-$name")"
	wait "${!pid}" 2>/dev/null # the shell would say "Killed", as is meant
	check_eq "$name: the service at the failpoint is killed by SIGKILL" 137 $?
	U=$URL_user_2
	says "$name: a repeat at another service gets $status" "$status" "$1" "$2" "${3:-}" \
		-H "Idempotency-Key: dies-$name"
	check_eq "$name: the answer to the repeat is marked as replayed" true "$(header Idempotency-Replayed)"
	U=$URL_user_1
}
in_database() { psql -X -At "$DATABASE" -c "$1"; }
dies_then_repeats create 201 POST /api/v2/user/users '{"name":"dora","password":"correct horse"}'
DORA=$(value .id)
check_eq "create: the database has exactly one account with the new name" \
	"$DORA" "$(in_database "SELECT id FROM account WHERE name = 'dora'")"
check_eq "create: no kept request digest is the plain SHA-256 of the request" 0 \
	"$(in_database "SELECT count(*) FROM idempotency WHERE request = sha256(convert_to('POST /api/v2/user/users'||chr(10)||'{\"name\":\"dora\",\"password\":\"correct horse\"}', 'UTF8'))")"
dies_then_repeats change 200 PATCH "/api/v2/user/users/$DORA" '{"email":"dora@example.org"}'
check_eq "change: the answer to the repeat has the new email address" dora@example.org "$(value .email)"
dies_then_repeats delete 204 DELETE "/api/v1/user/$DORA"
check_eq "delete: the list of deletions has the user exactly once" \
	1 "$(in_database "SELECT count(*) FROM deletion WHERE user_id = $DORA")"
dies_then_repeats key 201 POST /api/v2/user/keys '{"name":"dies"}'
check_eq "key: the token in the answer to the repeat authenticates" 200 "$(T=$(value .token); authenticate "$T")"
check_eq "key: the database has exactly one device key with the name" \
	1 "$(in_database "SELECT count(*) FROM device_key WHERE name = 'dies'")"
dies_then_repeats revoke 204 DELETE "/api/v2/user/keys/$(in_database "SELECT id FROM device_key WHERE name = 'dies'")"
SESSIONS=$(in_database "SELECT count(*) FROM session WHERE account_id = $BOB")
AS=()
dies_then_repeats login 201 POST /api/v2/user/sessions '{"name":"bob","password":"correct horse"}'
OPENED=$(value .token)
check_eq "login: the repeated log-in opened exactly one session" \
	$((SESSIONS + 1)) "$(in_database "SELECT count(*) FROM session WHERE account_id = $BOB")"
check_eq "login: the token in the answer to the repeat authenticates" 200 "$(authenticate "$OPENED")"
says "login: a repeat with a wrong password gets 401" 401 POST /api/v2/user/sessions \
	'{"name":"bob","password":"wrong horse"}' -H 'Idempotency-Key: dies-login'
check_eq "login: no kept answer contains a session's token in plain text" 0 \
	"$(in_database "SELECT count(*) FROM idempotency WHERE position('nps_' in encode(answer, 'escape')) > 0")"
authenticate "$OPENED" >/dev/null
as "$BOB" 0 "$(value .token_id)"
dies_then_repeats logout 204 DELETE /api/v2/user/sessions/current
check_eq "logout: the token of the session gets 401" 401 "$(authenticate "$OPENED")"
as "$ROOT" 1 s0

# ---- descriptions ----
AS=()
says "GET of the OpenAPI description of version 1 gets 200" 200 GET /api/v1/user/docs/openapi.json
check_eq "the description of version 1 is OpenAPI 3.1" 3.1 "$(value '.openapi[0:3]')"
check_eq "the description of version 1 has the type application/json" application/json "$(header Content-Type)"
says "GET of the OpenAPI description of version 2 gets 200" 200 GET /api/v2/user/docs/openapi.json
check_eq "the description of version 2 has every public route, and no other" \
	'["/api/v2/user/docs/openapi.json","/api/v2/user/keys","/api/v2/user/keys/{id}","/api/v2/user/me","/api/v2/user/sessions","/api/v2/user/sessions/current","/api/v2/user/setup","/api/v2/user/users","/api/v2/user/users/{id}"]' \
		"$(jq -c '.paths|keys' "$WORK/body")"

# ---- registration, the database's absence, the end ----
registers() { jq -es --arg url "$AT_user_1" \
	'any(.path == "/internal/v1/registry" and (.body | .kind == "user" and .name == "user-1" and .url == $url and .ready))' "$WORK/heard"; }
check "the user service registers at the gateway with its address" eventually 5 registers
psql -X -q "$PG" -c 'ALTER DATABASE users ALLOW_CONNECTIONS false' \
	-c "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = 'users'" >/dev/null
not_ready() { [ "$(http "$U/readyz")" = 503 ]; }
check "the user service is not ready while it cannot reach its database" eventually 10 not_ready
says "a request gets 503 while the user service cannot reach its database" 503 GET "/internal/v1/users/$BOB"
psql -X -q "$PG" -c 'ALTER DATABASE users ALLOW_CONNECTIONS true'
ready() { [ "$(http "$U/readyz")" = 200 ]; }
check "the user service is ready again once its database accepts connections" eventually 10 ready
says "a request gets 200 once the database accepts connections again" 200 GET "/internal/v1/users/$BOB"
: >"$WORK/heard"
kill "$PID_user_1"
wait "$PID_user_1"
check_eq "the user service exits with status 0 after SIGTERM" 0 $?
check_eq "the user service announces to the gateway that it is leaving" "user-1 true" \
	"$(jq -rs '[.[] | select(.path == "/internal/v1/registry" and .body.leaving)][-1].body | "\(.name) \(.leaving)"' "$WORK/heard")"
check_not "the user service removes its pid file when it exits" test -e "$WORK/user-1.pid"
start_service user-3 --open-registration
U=$URL_user_3
says "open registration allows a caller without an account to create one" 201 POST /api/v1/user/ \
	'{"name":"walk-in","password":"correct horse"}'
says "open registration does not let a caller without an account create an administrator" \
	401 POST /api/v2/user/users '{"name":"walk-in2","password":"correct horse","admin":true}'
e2e_end
