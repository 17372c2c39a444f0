#!/usr/bin/env bash
# Goal: a long read through a running gateway ends well when a process behind the gateway is killed or stopped during
# the answer: the home of the drive, or a docs service.
. "$(dirname "$0")/../lib/e2e.sh"
DATA=$WORK/store
UP=("$E2E_ROOT/scripts/up" --data "$DATA" --user tester)
at_end '"$E2E_ROOT/scripts/down" --data "$DATA"'
PORT=$((${E2E_PORT:-18050} + 54))
check "scripts/up starts a store with three gateways" "${UP[@]}" --port "$PORT" --gateways 3
# shellcheck disable=SC1091
. "$DATA/credentials"
AUTH=(-H "Authorization: Bearer $NEPHOS_TOKEN")
url() { echo "http://127.0.0.1:$((PORT + $1 - 1))"; } # of gateway N
file() { echo "$(url "$1")/api/v2/docs/drives/home/files/long"; }
pid() { cat "$DATA/run/$1.pid"; }
whole() {
	local n
	for n in 1 2 3; do
		[ "$(curl -s --noproxy '*' --max-time 5 "$(url $n)/status" |
			jq '(.ring.members | length) == 3 and .ring.lease_ms > 0')" = true ] || return 1
	done
}
metric() { curl -s --noproxy '*' "$(url "$1")/metrics" | awk -v name="$2" '$1 == name { print $2 }'; } # GATEWAY NAME
# find_home: sets HOME_OF to the number of the home, and A to the number of another gateway.
find_home() {
	http "${AUTH[@]}" "$(url 1)/api/v2/docs/drives/home/items?path=/" >/dev/null
	HOME_OF=$(($(header Nephos-Home | sed 's/.*://') - PORT + 1))
	A=$((HOME_OF % 3 + 1))
}
# begin_read RATE: reads the file through gateway A. has_read MIB: that much of the file has come. ends: how curl
# ended, and the status.
begin_read() {
	rm -f "$WORK/got"
	curl -s --noproxy '*' --max-time 240 --limit-rate "$1" -o "$WORK/got" -w '%{http_code}' "${AUTH[@]}" "${@:2}" \
		"$(file "$A")" >"$WORK/code" &
	READER=$!
}
has_read() { [ "$(stat -c %s "$WORK/got")" -ge $(($1 * 1048576)) ]; }
ends() { # SENTENCE WANTED
	local error=0
	wait $READER || error=$?
	check_eq "$1" "$2" "$error $(cat "$WORK/code")"
}

check "the three gateways form a ring" eventually 30 whole
head -c 64M /dev/urandom >"$WORK/long"
check_eq "a PUT of a file of 64 MiB gets 201" 201 "$(http "${AUTH[@]}" -T "$WORK/long" "$(file 1)")"

# ---- the home is killed, and then whichever docs service sends the rest ----
find_home
begin_read 4M
check "a slow GET through a gateway that is not the home has returned 2 MiB" eventually 30 has_read 2
kill -9 "$(pid "gateway-$HOME_OF")"
check "the GET continues after the home is killed" eventually 60 has_read 12
kill -9 "$(pid docs-1)"
check "scripts/up starts the killed home and docs service again" "${UP[@]}"
kill -9 "$(pid docs-2)"
ends "the GET ends with 200 although the home and then each docs service was killed" "0 200"
check "the GET returns the right bytes although its senders were killed" cmp "$WORK/long" "$WORK/got"
check "the gateway has requested the rest of an answer at least twice" \
	test "$(metric $A nephos_gateway_resumed_total)" -ge 2
check "scripts/up starts the other killed docs service again" "${UP[@]}"
check "the three gateways form a ring again" eventually 30 whole

# ---- a part of the file, while the home is stopped ----
find_home
before=$(metric $A nephos_gateway_resumed_total)
begin_read 8M -r 1000000-64000000
check "a slow GET with a Range has returned 2 MiB" eventually 30 has_read 2
kill -STOP "$(pid "gateway-$HOME_OF")"
at_end 'kill -CONT "$(pid "gateway-$HOME_OF")"'
ends "the GET with a Range ends with 206 although the home is stopped" "0 206"
check "the GET with a Range returns the right bytes although the home is stopped" \
	cmp <(tail -c +1000001 "$WORK/long" | head -c 63000001) "$WORK/got"
check "the gateway has requested the rest of the answer while the home is stopped" \
	test "$(metric $A nephos_gateway_resumed_total)" -gt "$before"
kill -CONT "$(pid "gateway-$HOME_OF")"
check "the three gateways form a ring again after the stopped home continues" eventually 30 whole

# ---- the file has changed when the rest is asked for ----
find_home
begin_read 4M
check "a slow GET of the file that will change has returned 2 MiB" eventually 30 has_read 2
{ tail -c 1000 "$WORK/long"; head -c 64000000 "$WORK/long"; } >"$WORK/other"
check_eq "a PUT over the file gets 200 while the GET is running" \
	200 "$(http "${AUTH[@]}" -T "$WORK/other" "$(file "$A")")"
kill -9 "$(pid "gateway-$HOME_OF")"
ends "the GET of the changed file is cut off with a 200 when the home is killed" "18 200"
check "all bytes of the cut-off GET are of the version that it began with" \
	cmp -n "$(stat -c %s "$WORK/got")" "$WORK/long" "$WORK/got"
e2e_end
