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
says "an administrator makes a user" 201 POST /api/v2/user/users '{"name":"ann","password":"correct horse"}'
ANN=$(value .id)

# ---- the last administrator ----
says "the last administrator cannot become none" 409 PATCH "/api/v2/user/users/$ROOT" '{"admin":false}'
check_eq "and is told why" "/problems/last-administrator" "$(value .type)"
says "by no route" 409 PATCH /api/v2/user/me '{"admin":false}'
says "nor delete himself" 409 DELETE "/api/v2/user/users/$ROOT"
says "by either version" 409 DELETE "/api/v1/user/$ROOT"
says "he is there" 200 GET "/api/v1/user/$ROOT"
says "a second one" 201 POST /api/v2/user/users '{"name":"bea","password":"correct horse","admin":true}'
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
	check_eq "of two who go at once one stays ($round)" \
		"200 409" "$(cat "$WORK/race.$ROOT" "$WORK/race.$BEA" | sort | xargs)"
	psql -X -q "$DATABASE" -c "UPDATE account SET admin = true WHERE id IN ($ROOT, $BEA)"
done

# ---- one rule, every route ----
as "$ANN" 0 s1
for route in "PUT /api/v1/user/$ANN" "PATCH /api/v2/user/me" "PATCH /api/v2/user/users/$ANN"; do
	# shellcheck disable=SC2086 # two words
	says "a user's own password needs the old one: $route" 422 $route '{"password":"third horse"}'
done
as "$BEA" 1 s2
for route in "PUT /api/v1/user/$BEA" "PATCH /api/v2/user/me" "PATCH /api/v2/user/users/$BEA"; do
	# shellcheck disable=SC2086
	says "an administrator's too: $route" 422 $route '{"password":"third horse"}'
done
says "what is no switch is none" 422 PATCH "/api/v2/user/users/$ANN" '{"admin":"yes"}'

# ---- a repeat is judged anew ----
check_eq "an administrator changes another's account" \
	200 "$(ask PATCH "/api/v2/user/users/$ANN" '{"email":"ann@example.org"}' -H 'Idempotency-Key: once')"
check_eq "a repeat has the same answer" \
	200 "$(ask PATCH "/api/v2/user/users/$ANN" '{"email":"ann@example.org"}' -H 'Idempotency-Key: once')"
check_eq "from what was kept" true "$(header Idempotency-Replayed)"
check_eq "and makes an account" \
	201 "$(ask POST /api/v2/user/users '{"name":"cleo","password":"correct horse"}' -H 'Idempotency-Key: made')"
as "$ROOT" 1 k1
says "he is administrator no more" 200 PATCH "/api/v2/user/users/$BEA" '{"admin":false}'
for admin in 0 1; do # the flag of gateways now, and of one that has not learned of the change
	as "$BEA" $admin s2
	check_eq "his repeat answers with nobody's account ($admin)" \
		404 "$(ask PATCH "/api/v2/user/users/$ANN" '{"email":"ann@example.org"}' -H 'Idempotency-Key: once')"
	check_eq "in the words for who is not there ($admin)" "User with id:$ANN not found" "$(value .detail)"
	check_eq "nor with one that he has made ($admin)" \
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
says "revoke is true or false" 422 PATCH /api/v2/user/me \
	'{"password":"third horse","old_password":"correct horse","revoke":"all"}'
says "and goes with a password" 422 PATCH /api/v2/user/me '{"revoke":true}'
: >"$WORK/heard"
says "a new password that revokes" 200 PATCH /api/v2/user/me \
	'{"password":"third horse","old_password":"correct horse","revoke":true}'
check_eq "the gateways forget what they knew of the user" \
	"$ANN" "$(jq -r 'select(.path == "/internal/v1/tokens/forget") | .body.user_id' "$WORK/heard")"
check_eq "the key that asked holds" 200 "$(authenticate "$OWN")"
check_eq "another does not" 401 "$(authenticate "$OTHER")"
check_eq "nor does a session" 401 "$(authenticate "$SESSION")"
as "$ROOT" 1 k1
says "an administrator revokes all of another's" 200 PATCH "/api/v2/user/users/$ANN" \
	'{"password":"fourth horse","revoke":true}'
check_eq "then nothing holds" 401 "$(authenticate "$OWN")"

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
check_eq "in a storm of log-ins somebody from elsewhere is let in each time" '[201]' "$(jq -c .calm "$WORK/storm")"
check_eq "who storms is answered, or told to come back" '[401,429]' "$(jq -c .storm "$WORK/storm")"
check_eq "and when" '["1"]' "$(jq -c .retry "$WORK/storm")"
check "he waits for one of theirs, not for all: less than half as long as they do" jq -e '.ratio < 0.5' "$WORK/storm"

# ---- names and passwords as people write them ----
as "$ROOT" 1 k1
says "letters with their marks are a name" 201 POST /api/v2/user/users \
	'{"name":"नमस्ते","password":"caf\u00e9 au lait"}'
says "a name that looks like another's is taken" 409 POST /api/v2/user/users \
	'{"name":"ｒｏｏｔ","password":"correct horse"}'
says "one in two scripts is none" 422 POST /api/v2/user/users '{"name":"r\u043eot","password":"correct horse"}'
check_eq "and it is said why" "a name must be written in one script, not in Latin and Cyrillic" "$(value .detail)"
says "nor is one that turns the line round" 422 POST /api/v2/user/users '{"name":"a\u202eb","password":"correct horse"}'
says "nor one that is too long written out" 422 POST /api/v1/user \
	"{\"name\":\"$(printf 'ﷺ%.0s' {1..64})\",\"password\":\"correct horse\"}"
says "a password has no control characters" 422 POST /api/v2/user/users \
	'{"name":"dan","password":"correct\u0007 horse"}'
says "a user is found by any spelling" 200 GET '/api/v2/user/users?name=%EF%BD%92%EF%BD%8F%EF%BD%8F%EF%BD%94'
check_eq "as who he is" "$ROOT" "$(value '.items[0].id')"
AS=()
says "a password is the same in pieces" 201 POST /api/v2/user/sessions \
	'{"name":"नमस्ते","password":"cafe\u0301 au lait"}'
# An account made by an earlier version: its key is its name in lower case, and its name folds to another account's
# name.
psql -X -q "$DATABASE" -c "UPDATE account SET name = 'Ｒoot', name_key = 'ｒoot', folded = false WHERE id = $BEA"
start_service user-3
U=$URL_user_3
says "an account of before is found by its name" 201 POST /api/v2/user/sessions \
	'{"name":"Ｒoot","password":"correct horse"}'
check_eq "and is nobody else" "$BEA" "$(value .user.id)"

# ---- the set-up ----
AS=()
says "a wrong set-up token is refused before anything else is looked at" 403 POST /api/v2/user/setup \
	'{"token":"npt_no","name":"a/b","password":"short"}'
e2e_end
