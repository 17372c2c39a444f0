#!/usr/bin/env bash
# Goal: a gateway is strict about HTTP where two parsers could read a message differently, and tolerant where the
# standard allows it.
. "$(dirname "$0")/../lib/e2e.sh"
e2e_store
python3 "$(dirname "$0")/../lib/wire.py" "$URL" "$TOKEN" >"$WORK/wire.out" 2>&1
status=$?
grep -E '^((not )?ok - |    )' "$WORK/wire.out"
e2e_passed=$((e2e_passed + $(grep -c '^ok - ' "$WORK/wire.out")))
e2e_failed=$((e2e_failed + $(grep -c '^not ok - ' "$WORK/wire.out")))
[ "$status" = 0 ] || fail "wire.py exits with 0, not with $status" "$(tail -n 5 "$WORK/wire.out")"
e2e_end
