#!/usr/bin/env bash
# Goal: routes x roles x states: who may do what of what is there, in whatever way it is asked, is as the table in
# tests/lib/matrix_table.py says; what is refused changes nothing, and says nothing of what is another's. The routes are
# those that the services describe, and those that the sources name beside them.
. "$(dirname "$0")/../lib/e2e.sh"
e2e_store
python3 "$E2E_ROOT/tests/lib/matrix.py" "$E2E_DATA" "$E2E_ROOT" ${E2E_LONG:+long} >"$WORK/matrix.out" 2>&1
status=$?
grep -E '^((not )?ok - |    |# )' "$WORK/matrix.out"
e2e_passed=$((e2e_passed + $(grep -c '^ok - ' "$WORK/matrix.out")))
e2e_failed=$((e2e_failed + $(grep -c '^not ok - ' "$WORK/matrix.out")))
[ "$status" = 0 ] || fail "the matrix ended with $status" "$(tail -n 5 "$WORK/matrix.out")"
e2e_end
