#!/usr/bin/env bash
# Goal: routes x roles x states: the table in tests/lib/matrix_table.py says which role may use which route on which
# object. The store's answers agree with the table for every form of request. A refused request changes nothing, and
# its answer says nothing about another user's data. The routes are those that the services describe, and those that
# the sources name besides.
. "$(dirname "$0")/../lib/e2e.sh"
e2e_store
python3 "$E2E_ROOT/tests/lib/matrix.py" "$E2E_DATA" "$E2E_ROOT" ${E2E_LONG:+long} >"$WORK/matrix.out" 2>&1
status=$?
grep -E '^((not )?ok - |    |# )' "$WORK/matrix.out"
e2e_passed=$((e2e_passed + $(grep -c '^ok - ' "$WORK/matrix.out")))
e2e_failed=$((e2e_failed + $(grep -c '^not ok - ' "$WORK/matrix.out")))
[ "$status" = 0 ] || fail "matrix.py exits with 0 (it exited with $status)" "$(tail -n 5 "$WORK/matrix.out")"
e2e_end
