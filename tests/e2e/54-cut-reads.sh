#!/usr/bin/env bash
# Goal: a long read through a running gateway ends well when a process behind the gateway is killed or stopped during
# the answer: the home of the drive, or a docs service.
. "$(dirname "$0")/../lib/e2e.sh"
DATA=$WORK/store
UP=("$E2E_ROOT/scripts/up" --data "$DATA" --user tester)
at_end '"$E2E_ROOT/scripts/down" --data "$DATA"'
PORT=$((${E2E_PORT:-18050} + 54))
check "a store with three gateways" "${UP[@]}" --port "$PORT" --gateways 3
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

check "the gateways are a ring" eventually 30 whole
head -c 64M /dev/urandom >"$WORK/long"
check_eq "a file of 64 MiB is made" 201 "$(http "${AUTH[@]}" -T "$WORK/long" "$(file 1)")"

# ---- the home is killed, and then whichever docs service sends the rest ----
find_home
begin_read 4M
check "the file is being read through another gateway than the home" eventually 30 has_read 2
kill -9 "$(pid "gateway-$HOME_OF")"
check "the home is killed, and it goes on" eventually 60 has_read 12
kill -9 "$(pid docs-1)"
check "up again" "${UP[@]}"
kill -9 "$(pid docs-2)"
ends "each docs service is killed, and it ends well" "0 200"
check "with the right bytes" cmp "$WORK/long" "$WORK/got"
check "the rest was asked for after the home and after a docs service" \
	test "$(metric $A nephos_gateway_resumed_total)" -ge 2
check "up again" "${UP[@]}"
check "the ring is whole" eventually 30 whole

# ---- a part of the file, while the home is stopped ----
find_home
before=$(metric $A nephos_gateway_resumed_total)
begin_read 8M -r 1000000-64000000
check "a part is being read" eventually 30 has_read 2
kill -STOP "$(pid "gateway-$HOME_OF")"
at_end 'kill -CONT "$(pid "gateway-$HOME_OF")"'
ends "the home stands still, and it ends well" "0 206"
check "with the right bytes" cmp <(tail -c +1000001 "$WORK/long" | head -c 63000001) "$WORK/got"
check "the rest was asked for" test "$(metric $A nephos_gateway_resumed_total)" -gt "$before"
kill -CONT "$(pid "gateway-$HOME_OF")"
check "it goes on, and the ring is whole" eventually 30 whole

# ---- the file has changed when the rest is asked for ----
find_home
begin_read 4M
check "the file is being read" eventually 30 has_read 2
{ tail -c 1000 "$WORK/long"; head -c 64000000 "$WORK/long"; } >"$WORK/other"
check_eq "it is changed" 200 "$(http "${AUTH[@]}" -T "$WORK/other" "$(file "$A")")"
kill -9 "$(pid "gateway-$HOME_OF")"
ends "the home is killed, and the read is cut" "18 200"
check "what came of it is of the version that was begun" cmp -n "$(stat -c %s "$WORK/got")" "$WORK/long" "$WORK/got"
