#!/usr/bin/env bash
# Goal: another user of the machine, the squatter, takes the port of a stopped service or of a stopped gateway. No
# part sends any secret to the squatter, no client gets an answer from it, and nothing that the squatter records is
# of any use.
. "$(dirname "$0")/../lib/e2e.sh"
e2e_store
PYTHON=$(python3 -c "import sys; print(sys._base_executable)")
[ ! -x /usr/bin/python3 ] || PYTHON=/usr/bin/python3 # a Python that another user may run
mkdir "$WORK/nobody"
chmod 777 "$WORK/nobody"
cp "$E2E_ROOT/tests/lib/squatter.py" "$WORK/nobody/"
# The gateways' logs have lines from earlier scripts, too. Only what is beyond these sizes counts.
declare -A LOGGED
for log in "$E2E_DATA"/log/gateway-*.log; do LOGGED[$log]=$(stat -c %s "$log"); done

# squat NAME PORT [URL]: starts the squatter as user nobody. It takes the port as soon as the port is free.
squat() {
	setpriv --reuid=nobody --regid=nogroup --clear-groups "$PYTHON" "$WORK/nobody/squatter.py" "$2" \
		"$WORK/nobody/$1" "$WORK/nobody/$1.ready" "${@:3}" &
	SQUATTER=$!
	at_end "kill $SQUATTER"
}
# Restarts the part that was killed: later scripts need it.
back() { "$E2E_ROOT/scripts/up" --data "$E2E_DATA"; }
url_of() { tail -n 2000 "$E2E_DATA/log/$1.log" | sed -n 's/.*op=start url=\([^ ]*\) .*/\1/p' | tail -n 1; }
kill_part() { kill -9 "$(cat "$E2E_DATA/run/$1.pid")"; }
# refused_greetings: prints how many lines about a refused greeting the gateways have logged since this script began.
refused_greetings() {
	local log
	for log in "$E2E_DATA"/log/gateway-*.log; do tail -c "+$((${LOGGED[$log]:-0} + 1))" "$log"; done |
		grep -c 'op=greet .*outcome=refused'
}
# wrong_answers NAME: sends a client's requests while the squatter has the port, and prints how many answers are
# wrong.
wrong_answers() {
	local wrong=0 i
	for i in 1 2 3 4 5; do
		[ "$(curl -s --noproxy '*' --max-time 60 -H "Authorization: Bearer $TOKEN" "$URL/api/v2/docs/drives/home/files/secret.txt")" = "$SECRET" ] || wrong=$((wrong + 1))
		[ "$(curl -s --noproxy '*' --max-time 60 -o /dev/null -w '%{http_code}' -H "Authorization: Bearer $TOKEN" "$URL/api/v2/docs/drives")" = 200 ] || wrong=$((wrong + 1))
		# The gateway remembers no unknown token. It asks the user services in turn about each.
		[ "$(curl -s --noproxy '*' --max-time 60 -o /dev/null -w '%{http_code}' \
			-H "Authorization: Bearer npk_unknown-$i" "$URL/api/v2/docs/drives")" = 401 ] || wrong=$((wrong + 1))
		# A change without an Idempotency-Key must not be made twice, and must not be answered as one that
		# may have happened.
		[ "$(curl -s --noproxy '*' --max-time 60 -o /dev/null -w '%{http_code}' -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' \
			-d "{\"path\":\"/$1-$i\"}" \
				"$URL/api/v2/docs/drives/home/folders")" = 201 ] || wrong=$((wrong + 1))
	done
	echo "$wrong"
}
learned() { grep \
	-aqE "$TOKEN|secret\.txt|$SECRET|Nephos-User|Nephos-Cluster|confirm|/api/|/internal/v1/(registry|authenticate|tokens)|$(cat "$E2E_DATA/cluster.key")" "$1"; }
# replay URL RECORD: sends the record to the part at the URL. Succeeds if the part answers, but completes no greeting.
replay() {
	python3 - "$1" "$2" >"$WORK/replayed" <<'PY' || return 1
import socket, sys, urllib.parse
at = urllib.parse.urlsplit(sys.argv[1])
with socket.create_connection((at.hostname, at.port), 5) as s:
    s.settimeout(2)
    try:
        s.sendall(open(sys.argv[2], "rb").read())
    except OSError:
        pass # the part may refuse the record before it has read all of it
    try:
        while data := s.recv(65536):
            sys.stdout.buffer.write(data)
    except OSError:
        pass
PY
	grep -aq '^HTTP/1[.]1 [0-9]' "$WORK/replayed" && ! grep -aqi '^Nephos-Hello: known' "$WORK/replayed"
}

# ---- without taking any port: requests by a client that proves nothing ----
python3 "$E2E_ROOT/tests/lib/unproven.py" "$URL" "$TOKEN" "$(url_of docs-1)" "$(url_of user-1)" >"$WORK/unproven"
echo "# $(head -n 1 "$WORK/unproven") requests"
check "the test sends more than 100 requests without a valid greeting" test "$(head -n 1 "$WORK/unproven")" -gt 100
check_eq "services refuse requests without a greeting, and gateways hide internal routes" \
	"" "$(tail -n +2 "$WORK/unproven")"

# ---- where gateways listen for each other ----
# Strangers and services get no answer there, and a gateway must name the user it asks for.
hops=$(tail -n 2000 "$E2E_DATA/log/gateway-1.log" | sed -n 's/.*op=start .* ring=\([^ ]*\) .*/\1/p' | tail -n 1)
FIELDS=(-H 'Nephos-Hop: 1 other' -H 'Nephos-User: 1' -H 'Nephos-User-Name: root' -H 'Nephos-Admin: 1' -H 'Nephos-Token-Id: k1')
for method in GET POST OPTIONS; do
	check_status "$method without a greeting gets 401 at the listener for other gateways" \
		401 -X "$method" "${FIELDS[@]}" -H "Authorization: Bearer $TOKEN" \
			"$hops/api/v2/docs/drives"
done
check_status "POST /internal/v1/registry gets 404 at the listener for other gateways" \
	404 -X POST "$hops/internal/v1/registry"
# as_part KIND FIELDS: prints the status for a client that has the cluster key and claims to be a part of that kind.
as_part() {
	python3 - "$E2E_ROOT/tests/lib" "$E2E_DATA/cluster.key" "$hops" "$@" <<'PY'
import sys
sys.path.insert(0, sys.argv[1])
import cluster
s = cluster.connect(sys.argv[3], cluster.keys_of(sys.argv[2])[0], sys.argv[4] + "/other/0a")
s.sendall(("GET /api/v2/docs/drives HTTP/1.1\r\nHost: x\r\nConnection: close\r\n%s\r\n" % "".join(f + "\r\n" for f in sys.argv[5:])).encode())
print(cluster.read_head(s).split(" ")[1])
PY
}
WHO=("Nephos-User: 1" "Nephos-User-Name: root" "Nephos-Admin: 1" "Nephos-Token-Id: k1")
check_eq "a docs service with the cluster key gets 401 at the listener for other gateways" \
	401 "$(as_part docs "Nephos-Hop: 1 other" "${WHO[@]}")"
check_eq "a user service with the cluster key gets 401 at the listener for other gateways" \
	401 "$(as_part user "Nephos-Hop: 1 other" "${WHO[@]}")"
check_eq "a gateway with the cluster key gets 200 at the listener for other gateways" \
	200 "$(as_part gateway "Nephos-Hop: 1 other" "${WHO[@]}")"
check_eq "a gateway's request without Nephos-Hop gets 400" 400 "$(as_part gateway "${WHO[@]}")"
check_eq "a gateway's request with a malformed Nephos-Hop gets 400" \
	400 "$(as_part gateway "Nephos-Hop: one other" "${WHO[@]}")"
check_eq "a gateway's request without the identity of the user gets 400" 400 "$(as_part gateway "Nephos-Hop: 1 other")"
check_eq "a request that returns to the gateway that sent it gets 508" \
	508 "$(as_part gateway "Nephos-Hop: 1 gateway-1" "${WHO[@]}")"

SECRET="not for you $RANDOM"
check_eq "a client stores a file with secret content" \
	201 "$(printf %s "$SECRET" | http -T - -H "Authorization: Bearer $TOKEN" "$URL/api/v2/docs/drives/home/files/secret.txt")"

# take_port NAME PART HOW [URL]: kills the part, and lets clients ask while the squatter has its port. The gateways
# call the squatter only as long as they know the part, which is for seconds. On a busy machine the squatter may take
# longer to get the port: then its record stays empty, and the caller tries again.
take_port() {
	local at
	at=$(url_of "$2")
	squat "$1" "${at##*:}" "${@:4}"
	kill_part "$2"
	check "$2 is killed, and another user takes its port ($3)" eventually 20 test -e "$WORK/nobody/$1.ready"
	check_eq "clients get only right answers while another user has the port of $2 ($3)" 0 "$(wrong_answers "$1")"
	eventually 5 test -s "$WORK/nobody/$1"
}

for how in answers passes-on; do
	for part in docs-1 user-1; do
		# The short form tests one part in each way.
		[ -n "${E2E_LONG:-}" ] || [ "$how $part" = "answers user-1" ] ||
			[ "$how $part" = "passes-on docs-1" ] || continue
		other=${part%1}2
		relay_to=
		[ "$how" = answers ] || relay_to=$(url_of "$other")
		for try in 1 2 3 4 5; do
			name=$how-$part-$try
			take_port "$name" "$part" "$how" ${relay_to:+"$relay_to"}
			[ ! -s "$WORK/nobody/$name" ] || break
			[ "$try" = 5 ] || back >/dev/null
		done
		check "the squatter on the port of $part receives bytes and records them ($how)" \
			test -s "$WORK/nobody/$name"
		check_not "the squatter on the port of $part has recorded no secret ($how)" learned "$WORK/nobody/$name"
		# The bytes that the squatter recorded are sent to a part that runs.
		check "a replay of the squatter's record for $part does not complete a greeting ($how)" \
			replay "${relay_to:-$(url_of "$other")}" "$WORK/nobody/$name"
		check "up restarts $part after another user took its port ($how)" back
	done
done
check "a gateway has logged at least one refused greeting" test "$(refused_greetings)" -gt 0

# ---- a gateway's ports: services reach a gateway over a socket that no other user can make ----
second=$(curl -s --noproxy '*' "$URL/status" | jq -r '.gateways[1]')
squat gateway "${second##*:}"
kill_part gateway-2
check "gateway-2 is killed, and another user takes its port" eventually 20 test -e "$WORK/nobody/gateway.ready"
check "docs-2 logs that a gateway does not take its registration" \
	eventually 20 sh -c "tail -n 20 '$E2E_DATA/log/docs-2.log' | grep -q 'does not take the registration'"
check_eq "the squatter on the port of gateway-2 receives no bytes" 0 "$(cat "$WORK/nobody/gateway" 2>/dev/null | wc -c)"
check_refused "another user cannot create a file beside the gateways' internal sockets" 'Permission denied' \
	setpriv --reuid=nobody --regid=nogroup --clear-groups sh -c ": >'$E2E_DATA/run/internal/gateway-2.sock.new'"
check_refused "another user cannot connect to the internal socket of gateway-1" '^curl: \(7\)' sh -c '
	test -S "$1" && exec setpriv --reuid=nobody --regid=nogroup --clear-groups \
		curl -sS --unix-socket "$1" http://g/internal/v1/registry' - "$E2E_DATA/run/internal/gateway-1.sock"
kill "$SQUATTER"
wait "$SQUATTER" 2>/dev/null # the signal ends it, which the shell would print
check "up restarts gateway-2 after the squatter has released its port" back
e2e_end
