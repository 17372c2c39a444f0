#!/usr/bin/env bash
# Goal: what a gateway answers from memory is what the docs service would say, whatever part of it is asked for and
# under whatever condition.
# E2E_TRIES: how many of both at random. E2E_SEED: those of a run that printed it.
. "$(dirname "$0")/../lib/e2e.sh"
LIB=$E2E_ROOT/tests/lib
DATA=$WORK/store
TRIES=${E2E_TRIES:-${E2E_LONG:+20000}}
at_end '"$E2E_ROOT/scripts/down" --data "$DATA"'
PORT=$((${E2E_PORT:-18050} + 83))
check "a store with three gateways" "$E2E_ROOT/scripts/up" --data "$DATA" --port "$PORT" --gateways 3 --user tester

# ---- parts and conditions ----
check "an answer from memory is that of the service, byte for byte" \
	python3 "$LIB/kept_twin.py" "$DATA" --tries "${TRIES:-1000}" --seed "${E2E_SEED:-$RANDOM}"
echo "# twin: $(tail -n 1 "$WORK/check.out")"
e2e_end
