#!/usr/bin/env bash
# Goal: an answer from a gateway's memory is the same as the docs service's, for every part of a file and under every
# condition. When many clients ask for the same thing at the same moment, through any gateways, a docs service is asked
# once.
# E2E_TRIES: the number of random parts and conditions. E2E_SEED repeats those of a run that printed that seed.
. "$(dirname "$0")/../lib/e2e.sh"
LIB=$E2E_ROOT/tests/lib
DATA=$WORK/store
TRIES=${E2E_TRIES:-${E2E_LONG:+20000}}
at_end '"$E2E_ROOT/scripts/down" --data "$DATA"'
PORT=$((${E2E_PORT:-18050} + 83))
check "scripts/up makes a store with three gateways" \
	"$E2E_ROOT/scripts/up" --data "$DATA" --port "$PORT" --gateways 3 --user tester

# ---- parts and conditions ----
check "answers from memory equal those of the docs service, byte for byte" \
	python3 "$LIB/kept_twin.py" "$DATA" --tries "${TRIES:-1000}" --seed "${E2E_SEED:-$RANDOM}"
echo "# twin: $(tail -n 1 "$WORK/check.out")"
check "copies that another gateway has of answers equal those of the docs service" \
	python3 "$LIB/kept_twin.py" "$DATA" --tries "${TRIES:-1000}" --seed "${E2E_SEED:-$RANDOM}" --elsewhere
echo "# twin elsewhere: $(tail -n 1 "$WORK/check.out")"

# ---- the same, by many at once ----
together() { python3 "$LIB/read_together.py" "$DATA" "$@"; }
together_is() { # SENTENCE ARGUMENT…
	check "$1" together "${@:2}"
	sed 's/^/# together: /' "$WORK/check.out"
}
ulimit -n 2048
together_is "1,000 GETs of a document at the same moment cause one request to the docs services" --clients 1000
together_is "60 GETs of 300,000 bytes at the same moment cause one request to the docs services" \
	--clients 60 --bytes 300000
check "nephos_gateway_collapsed_total counts requests that waited for another one" \
	test "$(for n in 0 1 2; do curl -s --noproxy '*' "http://127.0.0.1:$((PORT + n))/metrics"; done |
		awk '/^nephos_gateway_collapsed_total/ {s += $2} END {print s + 0}')" -gt 0
e2e_end
