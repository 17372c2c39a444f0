#!/usr/bin/env bash
# Goal: no gateway gives a stale answer. A version that was acknowledged, or shown to any client, is the least that
# every later read shows, through any gateway and by any kind of read, also while gateways are killed, stopped and
# restarted. A mount sees its own changes at once, and others' changes as late as docs/posix.md allows.
# E2E_CLIENTS, E2E_DOCUMENTS, E2E_SECONDS, E2E_TRIES: the size of the load. E2E_SEED repeats the disturbances of a run
# that printed that seed.
. "$(dirname "$0")/../lib/e2e.sh"
LIB=$E2E_ROOT/tests/lib
NEPHOS=${NEPHOS_BUILD_DIR:-$E2E_ROOT/build/dev}/bin/nephos
DATA=$WORK/store
A=$WORK/a
B=$WORK/b
SEED=${E2E_SEED:-$RANDOM}
if [ -n "${E2E_LONG:-}" ]; then
	CLIENTS=${E2E_CLIENTS:-50} DOCUMENTS=${E2E_DOCUMENTS:-1000}
	LASTS=${E2E_SECONDS:-3600} TRIES=${E2E_TRIES:-10000}
else
	CLIENTS=${E2E_CLIENTS:-12} DOCUMENTS=${E2E_DOCUMENTS:-60}
	LASTS=${E2E_SECONDS:-45} TRIES=${E2E_TRIES:-600}
fi
clean() { env -u NEPHOS_BUILD_DIR -u NEPHOS_URL -u NEPHOS_USER -u NEPHOS_TOKEN "$@"; }
at_end '"$E2E_ROOT/scripts/down" --data "$DATA"'
PORT=$((${E2E_PORT:-18050} + 80))
GATEWAYS=http://127.0.0.1:$PORT,http://127.0.0.1:$((PORT + 1)),http://127.0.0.1:$((PORT + 2))
mkdir -p "$A" "$B"
check "scripts/up makes a store with three gateways and a mount" \
	"$E2E_ROOT/scripts/up" --data "$DATA" --port "$PORT" --gateways 3 \
	--mount "$A" --user tester
at_end 'clean "$NEPHOS" umount "$B" || umount -l "$B"'
check "a second mount of the same drive succeeds" clean "$NEPHOS" mount \
	-o "credentials=$DATA/credentials,pidfile=$WORK/b.pid,log=$WORK/b.log" "$GATEWAYS" "$B"
# A load that was interrupted may leave a stopped gateway behind.
at_end 'for n in 1 2 3; do kill -CONT "$(cat "$DATA/run/gateway-$n.pid")"; done'
at_end '[ -z "${load:-}" ] || kill "$load"'

whole() {
	"$NEPHOS" status --credentials "$DATA/credentials" --ring --json | jq -e '(.gateways | length) == 3 and
		([.gateways[].ring.epoch] | unique | length) == 1 and
		all(.gateways[].ring; (.members | length) == 3 and .lease_ms > 0)'
}
ring_is_whole() { check "$1" eventually 30 whole; }
counted() { tail -n 1 "$WORK/$1.out" | jq -r "$2"; }
stale_py() { python3 "$LIB/stale_$1.py" "${@:2}"; }

# load NAME ARGUMENT…: starts a load in the background as $load; its log is $WORK/NAME.log. (stale_py would not do:
# $! would be the pid of a shell.)
load() {
	python3 "$LIB/stale_load.py" "$DATA" "$WORK/$1.log" --prefix "$1-" --mount "$A" --mount "$B" --seed "$SEED" "${@:2}" >"$WORK/$1.out" 2>&1 &
	load=$!
}
# ended NAME: checks what must be true of every load.
ended() {
	local name=$1
	wait "$load"
	check_eq "$name: the load ended without an error" 0 $?
	load=
	grep -v '^{' "$WORK/$name.out"
	echo "# $name: $(tail -n 1 "$WORK/$name.out")"
	check_eq "$name: no read over HTTP failed" 0 "$(counted "$name" '."failed reads" // 0')"
	check_eq "$name: no keyed write over HTTP failed" 0 "$(counted "$name" '."failed writes" // 0')"
	check_eq "$name: no call on a mount failed" 0 "$(counted "$name" '."failed calls of mounts" // 0')"
	check_eq "$name: no read or write was refused" \
		0 "$(counted "$name" '(."refused reads" // 0) + (."refused writes" // 0)')"
	check_eq "$name: no read returned parts of two versions" 0 "$(counted "$name" '."torn reads" // 0')"
	check "$name: no operation took 30 s or longer" test "$(counted "$name" '[.longest_ms[]] | max')" -lt 30000
	check "$name: the judge finds no stale read" stale_py judge "$WORK/$name.log"
	echo "# $name: $(tail -n 1 "$WORK/check.out")"
	check "$name: some reads got copies that another home had confirmed" \
		test "$(counted "$name" '.validated // 0')" -gt 0
}

# ---- the judge can find stale reads ----
ring_is_whole "the three gateways are members of one ring"
load quiet --clients 6 --documents 12 --seconds 3 --do "wait - 60"
ended quiet
for kind in old back gone mount own position; do
	check_not "the judge rejects a log with a planted stale read: $kind" stale_py judge "$WORK/quiet.log" --plant $kind
	check_eq "the judge counts exactly one stale read: $kind" \
		1 "$(sed -n 's/.* \([0-9]*\) stale$/\1/p' "$WORK/check.out")"
done
# A mount may show others' changes late. The first mount here is 2.9 s late, the second 3.1 s, and the third shows
# its own change late.
register() { printf '%s\n' "w c/d 0 0 1000 2000 http" "w c/d 1 1 10000000000 10000001000 mount-0" "$@" >"$WORK/made.log"; }
register "r c/d 0 12900000000 12900001000 mount-1 read"
check "the judge accepts a mount's read that shows others' changes 2.9 s late" stale_py judge "$WORK/made.log"
register "r c/d 0 13100000000 13100001000 mount-1 read"
check_refused "the judge rejects a mount's read that shows others' changes 3.1 s late" \
	' 1 stale$' stale_py judge "$WORK/made.log"
register "r c/d 0 10000002000 10000003000 mount-0 read"
check_refused "the judge rejects a mount's read that does not show the mount's own change" \
	' 1 stale$' stale_py judge "$WORK/made.log"
register "w c/d 2 2 20000000000 - http" "r c/d 2 21000000000 21000001000 http path" "r c/d 1 20500000000 20500001000 http path"
check "the judge accepts an old read before a write of unknown outcome was seen" stale_py judge "$WORK/made.log"
register "w c/d 2 2 20000000000 - http" "r c/d 2 21000000000 21000001000 http path" "r c/d 1 21500000000 21500001000 http path"
check_refused "the judge rejects an old read after a write of unknown outcome was seen" \
	' 1 stale$' stale_py judge "$WORK/made.log"
own=("w c/d 2 2 20000000000 23000000000 mount-0" "r c/d 2 21000000000 21000001000 mount-0 stat")
register "${own[@]}" "r c/d 1 22000000000 22000001000 http path"
check "the judge accepts others' old reads before a mount's own change is stored" stale_py judge "$WORK/made.log"
register "${own[@]}" "r c/d 1 24000000000 24000001000 http path"
check_refused "the judge rejects others' old reads after a mount's own change is stored" \
	' 1 stale$' stale_py judge "$WORK/made.log"
mkdir "$WORK/proxy" && install -m 600 "$DATA/credentials" "$WORK/proxy/credentials"
python3 "$LIB/stale_proxy.py" "http://127.0.0.1:$PORT" "$WORK/proxy" &
at_end "kill $!"
check "a proxy that caches answers without invalidation starts" \
	eventually 10 sh -c '! grep -q "$2" "$1/proxy/credentials"' - "$WORK" ":$PORT"
# found SENTENCE PATTERN COMMAND…: checks that the command fails, and prints a line that matches.
found() {
	local output
	output=$("${@:3}" 2>&1) && { fail "$1" "this should have failed: ${*:3}"; return; }
	check "$1" grep -q "$2" <<<"$output"
}
found "the race of GETs and PUTs detects stale answers of the caching proxy" \
	'^stale: ' stale_py race "$WORK/proxy" --tries 20 --seconds 20
check "a load through the caching proxy ends without an error" \
	stale_py load "$WORK/proxy" "$WORK/proxy.log" --prefix proxy- --clients 6 --documents 4 \
	--seconds 5 --do "wait - 60"
found "the judge detects stale reads in the load through the caching proxy" \
	' shows .*, although state ' stale_py judge "$WORK/proxy.log"

# ---- a GET in flight while a PUT is acknowledged ----
check "no GET that begins after a PUT is acknowledged returns an older version" \
	stale_py race "$DATA" --tries "$TRIES" --seconds $((60 + TRIES / 10)) --seed "$SEED"
echo "# race: $(tail -n 1 "$WORK/check.out")"

# ---- reads and writes everywhere, while gateways are killed and stopped ----
load load --clients "$CLIENTS" --documents "$DOCUMENTS" --seconds "$LASTS"
ended load
check "gateways were killed or stopped at least once per 15 s of the load" \
	test "$(counted load '(.kill // 0) + (.stop // 0)')" -ge $((LASTS / 15))

# ---- the home of the drive is killed under cp -r ----
ring_is_whole "the three gateways are members of one ring after the load"
SOURCE=/usr/include/linux
mkdir "$A/copies"
load home --clients 6 --documents 24 --seconds 9 --do "kill home 2"
copies=0
: >"$WORK/cp.err"
while kill -0 "$load" 2>/dev/null; do
	copies=$((copies + 1))
	cp -r "$SOURCE" "$A/copies/$copies" 2>>"$WORK/cp.err" || echo "cp: $?" >>"$WORK/cp.err"
done
check_eq "cp -r ends without an error although the home is killed" "" "$(cat "$WORK/cp.err")"
ended home
check_eq "the home was killed once during cp -r" 1 "$(counted home .kill)"
check "the first copy made by cp -r equals its source" diff -r "$SOURCE" "$A/copies/1"
echo "# home: $copies copies; longest stalls in ms: $(counted home '.longest_ms | tojson')"

# ---- while nobody writes, documents that were read once are answered from memory ----
ring_is_whole "the three gateways are members of one ring after cp -r"
# shellcheck disable=SC1091
. "$DATA/credentials"
# read_all FILE: reads each document through each gateway. FILE gets the cache status of each answer, "none" where
# there is none. The first document is larger than the answers that a gateway keeps whole.
read_all() {
	local n url
	for url in ${GATEWAYS//,/ }; do
		for n in $(seq -f %04g 1 23); do
			curl -s --noproxy '*' -o /dev/null -D "$WORK/headers" -H "Authorization: Bearer $NEPHOS_TOKEN" \
				"$url/api/v2/docs/drives/home/files/home-d$n"
			header Cache-Status | grep . || echo none
		done
	done >"$1"
}
read_all "$WORK/first"
read_all "$WORK/again"
check_eq "every answer to a GET of a document has a Cache-Status" \
	0 "$(cat "$WORK/first" "$WORK/again" | grep -c '^none$')"
HITS=$(grep -c '; hit' "$WORK/again")
check "more than 62 of 69 repeated GETs are answered from memory" test "$HITS" -gt 62
echo "# hits: $HITS of 69; the last one: $(tail -n 1 "$WORK/again")"
e2e_end
