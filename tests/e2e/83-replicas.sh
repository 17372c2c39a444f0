#!/usr/bin/env bash
# Goal: the next gateway on the ring keeps a copy of what the home of a drive caches, and does not answer from it
# until it is the home itself. Then it answers as many requests from memory as the old home did, however that one
# ended, and none with content that was changed meanwhile.
. "$(dirname "$0")/../lib/e2e.sh"
LIB=$E2E_ROOT/tests/lib
NEPHOS=${NEPHOS_BUILD_DIR:-$E2E_ROOT/build/dev}/bin/nephos
DATA=$WORK/store
UP=("$E2E_ROOT/scripts/up" --data "$DATA" --user tester)
SEED=${E2E_SEED:-$RANDOM}
at_end '"$E2E_ROOT/scripts/down" --data "$DATA"'
PORT=$((${E2E_PORT:-18050} + 83))
check "scripts/up makes a store with three gateways" "${UP[@]}" --port "$PORT" --gateways 3
# shellcheck disable=SC1091
. "$DATA/credentials"
url() { echo "http://127.0.0.1:$((PORT + ${1#gateway-} - 1))"; }
status_of() { curl -s --noproxy '*' --max-time 5 "$(url "$1")/status" | jq -c "$2"; }
whole() { # GATEWAY…: these are the ring
	local name
	for name in "$@"; do
		[ "$(status_of "$name" "(.ring.members | length) == $# and .ring.lease_ms > 0")" = true ] || return 1
	done
}
ALL=(gateway-1 gateway-2 gateway-3)
# home: prints the gateway that answers name as the home of the drive.
home() {
	local of
	curl -s --noproxy '*' -o /dev/null -D "$WORK/headers" -H "Authorization: Bearer $NEPHOS_TOKEN" \
		"$(url "${1:-gateway-1}")/api/v2/docs/drives/home/items?path=/"
	of=$(header Nephos-Home)
	echo "gateway-$((${of##*:} - PORT + 1))"
}
others() { printf '%s\n' "${ALL[@]}" | grep -vx "$1"; }
# read_set NAME ARGUMENT…: reads the hot set, and writes the results to $WORK/NAME.
read_set() {
	python3 "$LIB/hot_set.py" read "$DATA" "$WORK/list" "${@:2}" >"$WORK/$1" && tail -n 1 "$WORK/$1"
}
seen() { tail -n 1 "$WORK/$1" | jq -r "$2"; }
# as_warm BEFORE NOW CHANGED: checks that no read failed, that exactly CHANGED answers differ, and that the hit ratio
# is at most two points lower.
as_warm() {
	echo "# $1: $(tail -n 1 "$WORK/$1"); $2: $(tail -n 1 "$WORK/$2")"
	check_eq "$2: no read failed, and exactly $3 answers differ" "0 $3" "$(seen "$2" '"\(.failed) \(.odd)"')"
	check "$2: the hit ratio is at most two points below that of $1" \
		jq -ne --slurpfile b "$WORK/$1" --slurpfile n "$WORK/$2" '$n[0].hits / $n[0].all >= $b[0].hits / $b[0].all - 0.02'
}
# copied HOME: everything that the home caches of the drive is copied to another gateway, and the queue is empty.
# (Answers that this gateway cached when it was the home itself are not copies.)
copied() {
	local name
	[ "$(status_of "$1" '.replication.queued')" = 0 ] || return 1
	for name in $(others "$1"); do
		[ "$(status_of "$name" '.cache.entries')" -ge 2000 ] && SUCCESSOR=$name && return 0
	done
	return 1
}

check "the three gateways are members of one ring" eventually 30 whole "${ALL[@]}"
check "a thousand documents are made" python3 "$LIB/hot_set.py" make "$DATA" "$WORK/list" 1000
check "two answers about each document are read" read_set first
check "the two answers about each document are read again" read_set before
check_eq "none of the 2000 repeated reads fails or differs" "2000 0 0" "$(seen before '"\(.all) \(.failed) \(.odd)"')"
check "more than 1980 of the repeated reads are answered from memory" test "$(seen before .hits)" -gt 1980
HOME_1=$(home)
check "the cached answers of the home are copied to another gateway" eventually 20 copied "$HOME_1"
check_eq "the gateway that has the copies is not the home of any drive" 0 "$(status_of "$SUCCESSOR" '.homes.held')"
"$NEPHOS" status --credentials "$DATA/credentials" --ring >"$WORK/status"
check "nephos status --ring counts the copied answers" \
	grep -q "^copies  *$SUCCESSOR .*of 1 drives, 2[0-9]* answers" "$WORK/status"
check_eq "nephos_gateway_replica_copied_total counts at least 2000 copied answers" \
	true "$(curl -s --noproxy '*' "$(url "$SUCCESSOR")/metrics" |
	awk '$1 == "nephos_gateway_replica_copied_total" { print ($2 >= 2000 ? "true" : $2) }')"

# ---- the home is killed, right after a change ----
change() { # GATEWAY NUMBER…: of documents of the hot set
	local n
	for n in "${@:2}"; do
		curl -fsS --noproxy '*' -o /dev/null -X PUT --data-binary "new-$RANDOM-$n" \
			-H "Authorization: Bearer $NEPHOS_TOKEN" \
			"$(url "$1")/api/v2/docs/drives/home/files/hot-$(printf %05d "$n")" || return 1
	done
}
# serves GATEWAY: the gateway is the home, and has read from the journal what it had missed. A request for the drive
# makes it the home.
serves() {
	home "$1" >/dev/null
	[ "$(status_of "$1" .homes.held)" = 1 ]
}
check "ten documents are changed through the home" change "$HOME_1" 1 2 3 4 5 6 7 8 9 10
kill -KILL "$(cat "$DATA/run/$HOME_1.pid")"
mapfile -t LEFT < <(others "$HOME_1")
check "the other two gateways form a ring without the killed home" eventually 20 whole "${LEFT[@]}"
check "a request makes the gateway that has the copies the home" eventually 10 serves "$SUCCESSOR"
check "the answers are read while other documents are written" \
	read_set killed --gateway "${LEFT[0]}" --gateway "${LEFT[1]}" --write 20
as_warm before killed 20
check_eq "answers name the gateway that had the copies as the home" "$SUCCESSOR" "$(home "${LEFT[0]}")"

# ---- the next home leaves by itself ----
check "scripts/up starts the killed home again" "${UP[@]}"
check "the three gateways form a ring again after the killed home is started" eventually 30 whole "${ALL[@]}"
check "the answers are read after the first home has returned" read_set back
check "the answers are read again after the first home has returned" read_set again
HOME_2=$(home)
check_eq "the gateway that was killed is the home again" "$HOME_1" "$HOME_2"
check "the cached answers of the returned home are copied to another gateway" eventually 20 copied "$HOME_2"
kill -TERM "$(cat "$DATA/run/$HOME_2.pid")"
mapfile -t LEFT < <(others "$HOME_2")
check "the other two gateways form a ring after the home got SIGTERM" eventually 20 whole "${LEFT[@]}"
check "a request makes the gateway that has the copies the home after the SIGTERM" eventually 10 serves "$SUCCESSOR"
check "the answers are read after the home got SIGTERM" read_set left --gateway "${LEFT[0]}" --gateway "${LEFT[1]}"
as_warm again left 0

# ---- a home is stopped, dropped from the ring, and comes back ----
HOME_3=$(home "${LEFT[0]}")
kill -STOP "$(cat "$DATA/run/$HOME_3.pid")"
at_end 'kill -CONT "$(cat "$DATA/run/$HOME_3.pid")"'
OTHER=$(printf '%s\n' "${LEFT[@]}" | grep -vx "$HOME_3")
check "the third gateway forms a ring alone while the home is stopped" eventually 20 whole "$OTHER"
check "a document is changed while the former home is stopped" change "$OTHER" 1
kill -CONT "$(cat "$DATA/run/$HOME_3.pid")"
check "the stopped gateway is in the ring again after SIGCONT" eventually 30 whole "${LEFT[@]}"
check "a request makes the continued gateway the home again" eventually 10 serves "$HOME_3"
check "the answers are read after the stopped gateway continues" \
	read_set stood --gateway "${LEFT[0]}" --gateway "${LEFT[1]}"
check_eq "no read fails, and only the two answers about the changed document differ" \
	"0 2" "$(seen stood '"\(.failed) \(.odd)"')"
check "1950 or more reads are answered from memory after the stop" jq -e '.hits >= 1950' "$WORK/stood"
check_eq "no gateway has refused a message about copies" 0 \
	"$(for name in "${LEFT[@]}"; do status_of "$name" '[.replicas.refused[]] | add'; done | sort -u)"

# ---- during all that, nothing is stale ----
check "scripts/up starts the gateway that got SIGTERM again" "${UP[@]}"
check "the three gateways form a ring again before the load" eventually 30 whole "${ALL[@]}"
python3 "$LIB/stale_load.py" "$DATA" "$WORK/load.log" --prefix load- --seed "$SEED" --clients 6 --documents 24 \
	--seconds 14 --do "kill home 1" --do "stop home 4" --do "kill home 1" >"$WORK/load.out" 2>&1
check_eq "a load ends without an error while homes are killed and stopped (seed $SEED)" 0 $?
check "the judge finds no stale read in the load" python3 "$LIB/stale_judge.py" "$WORK/load.log"
echo "# $(tail -n 1 "$WORK/load.out")"
e2e_end
