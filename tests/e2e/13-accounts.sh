#!/usr/bin/env bash
# Goal: the rules for changing an account hold for every caller and every route, and also for a repeated request. One
# administrator always remains. A new password that revokes ends the other keys and sessions of the account. The test
# asks two user services, as a gateway does.
. "$(dirname "$0")/../lib/e2e.sh"
. "$(dirname "$0")/../lib/users.sh"

"$PROGRAM" --database "$DATABASE" --first-user root --url http://localhost >"$WORK/credentials"
start_service user-1
start_service user-2
U=$URL_user_1
authenticate "$(. "$WORK/credentials" && echo "$NEPHOS_TOKEN")" >/dev/null
ROOT=$(value .user.id)
as "$ROOT" 1 k1
says "an administrator can create an ordinary user" \
	201 POST /api/v2/user/users '{"name":"ann","password":"correct horse"}'
ANN=$(value .id)

# ---- the last administrator ----
says "the last administrator cannot give up the role by PATCH of their id" \
	409 PATCH "/api/v2/user/users/$ROOT" '{"admin":false}'
check_eq "the refusal to the last administrator has the type last-administrator" \
	"/problems/last-administrator" "$(value .type)"
says "the last administrator cannot give up the role by PATCH of /me" 409 PATCH /api/v2/user/me '{"admin":false}'
says "v2: DELETE of the last administrator gets 409" 409 DELETE "/api/v2/user/users/$ROOT"
says "v1: DELETE of the last administrator gets 409" 409 DELETE "/api/v1/user/$ROOT"
says "the account of the last administrator still exists" 200 GET "/api/v1/user/$ROOT"
says "an administrator can create a second administrator" \
	201 POST /api/v2/user/users '{"name":"bea","password":"correct horse","admin":true}'
BEA=$(value .id)
for round in 1 2 3; do
	for who in "$ROOT" "$BEA"; do
		[ "$who" = "$ROOT" ] && at=$URL_user_1 || at=$URL_user_2
		curl -s --noproxy '*' -o /dev/null -w '%{http_code}\n' -H "Nephos-User: $who" -H 'Nephos-Admin: 1' -H 'Nephos-Token-Id: k9' \
			-X PATCH -H 'Content-Type: application/json' -d '{"admin":false}' \
				"$at/api/v2/user/users/$who" >"$WORK/race.$who" &
		RACERS[$who]=$!
	done
	wait "${RACERS[@]}"
	check_eq "two administrators give up the role at once, and one of them is refused (round $round)" \
		"200 409" "$(cat "$WORK/race.$ROOT" "$WORK/race.$BEA" | sort | xargs)"
	psql -X -q "$DATABASE" -c "UPDATE account SET admin = true WHERE id IN ($ROOT, $BEA)"
done

# ---- one rule, every route ----
as "$ANN" 0 s1
for route in "PUT /api/v1/user/$ANN" "PATCH /api/v2/user/me" "PATCH /api/v2/user/users/$ANN"; do
	# shellcheck disable=SC2086 # two words
	says "a user cannot set their own password without the old one: $route" 422 $route '{"password":"third horse"}'
done
as "$BEA" 1 s2
for route in "PUT /api/v1/user/$BEA" "PATCH /api/v2/user/me" "PATCH /api/v2/user/users/$BEA"; do
	# shellcheck disable=SC2086
	says "an administrator cannot set their own password without the old one: $route" \
		422 $route '{"password":"third horse"}'
done
says "PATCH of a user gets 422 if admin is neither true nor false" 422 PATCH "/api/v2/user/users/$ANN" '{"admin":"yes"}'

# ---- a repeat is judged anew ----
check_eq "an administrator can change a user's email under an idempotency key" \
	200 "$(ask PATCH "/api/v2/user/users/$ANN" '{"email":"ann@example.org"}' -H 'Idempotency-Key: once')"
check_eq "a repeat of the change of email gets 200" \
	200 "$(ask PATCH "/api/v2/user/users/$ANN" '{"email":"ann@example.org"}' -H 'Idempotency-Key: once')"
check_eq "the answer to the repeated change of email is marked as replayed" true "$(header Idempotency-Replayed)"
check_eq "an administrator can create an account under an idempotency key" \
	201 "$(ask POST /api/v2/user/users '{"name":"cleo","password":"correct horse"}' -H 'Idempotency-Key: made')"
as "$ROOT" 1 k1
says "one administrator can take the role from another" 200 PATCH "/api/v2/user/users/$BEA" '{"admin":false}'
for admin in 0 1; do # the flag of gateways now, and of one that has not learned of the change
	as "$BEA" $admin s2
	check_eq "a former administrator's repeat of the change of email gets 404 (Nephos-Admin: $admin)" \
		404 "$(ask PATCH "/api/v2/user/users/$ANN" '{"email":"ann@example.org"}' -H 'Idempotency-Key: once')"
	check_eq "the 404 to the former administrator names the id that was not found (Nephos-Admin: $admin)" \
		"User with id:$ANN not found" "$(value .detail)"
	check_eq "a former administrator's repeat of the account's creation gets 403 (Nephos-Admin: $admin)" \
		403 "$(ask POST /api/v2/user/users '{"name":"cleo","password":"correct horse"}' -H 'Idempotency-Key: made')"
done

# ---- a new password, and the keys and sessions that open the account ----
AS=()
ask POST /api/v2/user/sessions '{"name":"ann","password":"correct horse"}' >/dev/null
SESSION=$(value .token)
as "$ANN" 0 s1
ask POST /api/v2/user/keys '{"name":"own"}' >/dev/null
OWN=$(value .token) OWN_ID=k$(value .id)
ask POST /api/v2/user/keys '{"name":"other"}' >/dev/null
OTHER=$(value .token)
as "$ANN" 0 "$OWN_ID"
says "a password change gets 422 if revoke is neither true nor false" 422 PATCH /api/v2/user/me \
	'{"password":"third horse","old_password":"correct horse","revoke":"all"}'
says "PATCH of a user gets 422 if it has revoke without a password" 422 PATCH /api/v2/user/me '{"revoke":true}'
: >"$WORK/heard"
says "a password change that revokes gets 200" 200 PATCH /api/v2/user/me \
	'{"password":"third horse","old_password":"correct horse","revoke":true}'
check_eq "a password change that revokes notifies the gateway to forget the user's tokens" \
	"$ANN" "$(jq -r 'select(.path == "/internal/v1/tokens/forget") | .body.user_id' "$WORK/heard")"
check_eq "the device key that changed the password is still valid" 200 "$(authenticate "$OWN")"
check_eq "a password change that revokes ends the user's other device key" 401 "$(authenticate "$OTHER")"
check_eq "a password change that revokes ends the user's session" 401 "$(authenticate "$SESSION")"
as "$ROOT" 1 k1
says "an administrator can set a user's password and revoke all of the user's tokens" \
	200 PATCH "/api/v2/user/users/$ANN" \
		'{"password":"fourth horse","revoke":true}'
check_eq "a revocation by an administrator ends the user's last device key" 401 "$(authenticate "$OWN")"

# ---- a storm of log-ins ----
cat >"$WORK/storm.py" <<'PY'
# Many clients from one network log in under a name that does not exist, all the time. Another client logs in from
# another network. Prints what each was answered, and how long the answers took on average.
import http.client, json, statistics, sys, threading, time
host, = sys.argv[1:]
def log_in(name, password, client):
    connection = http.client.HTTPConnection(host, timeout=60)
    begun = time.monotonic()
    connection.request("POST", "/api/v2/user/sessions", json.dumps({"name": name, "password": password}),
        {"Content-Type": "application/json", "Nephos-Client": client})
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status, time.monotonic() - begun, answer.getheader("Retry-After")
over = threading.Event()
storm = []
def storming(n):
    while not over.is_set():
        storm.append(log_in("nobody %d %d" % (n, len(storm)), "wrong horse", "203.0.113.%d" % (n % 250)))
threads = [threading.Thread(target=storming, args=(n,)) for n in range(48)]
for thread in threads:
    thread.start()
until = time.monotonic() + 20
while not any(s[0] == 429 for s in list(storm)) and time.monotonic() < until:
    time.sleep(0.01)
calm = [log_in("cleo", "correct horse", "198.51.100.7") for _ in range(5)]
over.set()
for thread in threads:
    thread.join()
served = [s[1] for s in storm if s[0] == 401]
print(json.dumps({"calm": sorted({c[0] for c in calm}), "storm": sorted({s[0] for s in storm}),
    "retry": sorted({s[2] for s in storm if s[0] == 429}),
    "ratio": statistics.mean(c[1] for c in calm) / statistics.mean(served)}))
PY
python3 "$WORK/storm.py" "${URL_user_1#http://}" >"$WORK/storm" || cat "$WORK/storm"
check_eq "log-ins from another network all succeed during a storm of log-ins" '[201]' "$(jq -c .calm "$WORK/storm")"
check_eq "log-ins of the storm get 401 or 429, and both occur" '[401,429]' "$(jq -c .storm "$WORK/storm")"
check_eq "every 429 during the storm has a Retry-After of one second" '["1"]' "$(jq -c .retry "$WORK/storm")"
check "a log-in from another network takes on average under half as long as the storm's" \
	jq -e '.ratio < 0.5' "$WORK/storm"

# ---- names and passwords as people write them ----
as "$ROOT" 1 k1
says "an account name in Devanagari with combining marks is accepted" 201 POST /api/v2/user/users \
	'{"name":"नमस्ते","password":"caf\u00e9 au lait"}'
says "a full-width spelling of an existing account name gets 409" 409 POST /api/v2/user/users \
	'{"name":"ｒｏｏｔ","password":"correct horse"}'
says "an account name that mixes Latin and Cyrillic letters gets 422" \
	422 POST /api/v2/user/users '{"name":"r\u043eot","password":"correct horse"}'
check_eq "the 422 for a name in mixed scripts names both scripts" \
	"a name must be written in one script, not in Latin and Cyrillic" "$(value .detail)"
says "an account name with a right-to-left override gets 422" \
	422 POST /api/v2/user/users '{"name":"a\u202eb","password":"correct horse"}'
says "an account name that is too long when written out gets 422" 422 POST /api/v1/user \
	"{\"name\":\"$(printf 'ﷺ%.0s' {1..64})\",\"password\":\"correct horse\"}"
says "a password with a control character gets 422" 422 POST /api/v2/user/users \
	'{"name":"dan","password":"correct\u0007 horse"}'
says "a search for a full-width spelling of a name gets 200" \
	200 GET '/api/v2/user/users?name=%EF%BD%92%EF%BD%8F%EF%BD%8F%EF%BD%94'
check_eq "a search for a full-width spelling of a name finds the user" "$ROOT" "$(value '.items[0].id')"
AS=()
says "a log-in succeeds with the password in decomposed Unicode form" 201 POST /api/v2/user/sessions \
	'{"name":"नमस्ते","password":"cafe\u0301 au lait"}'
# An account made by an earlier version: its key is its name in lower case, and its name folds to another account's
# name.
psql -X -q "$DATABASE" -c "UPDATE account SET name = 'Ｒoot', name_key = 'ｒoot', folded = false WHERE id = $BEA"
start_service user-3
U=$URL_user_3
says "a log-in to an account of an earlier version succeeds by its unfolded name" 201 POST /api/v2/user/sessions \
	'{"name":"Ｒoot","password":"correct horse"}'
check_eq "a log-in by an unfolded name opens the account of the earlier version" "$BEA" "$(value .user.id)"

# ---- the set-up ----
AS=()
says "a set-up with a wrong token gets 403 even if name and password are invalid" 403 POST /api/v2/user/setup \
	'{"token":"npt_no","name":"a/b","password":"short"}'
e2e_end
