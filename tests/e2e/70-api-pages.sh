#!/usr/bin/env bash
# Goal: the four API pages draw our OpenAPI in a real browser, their examples work as they stand, the token is stored
# nowhere, and the pages make no request to any other server.
. "$(dirname "$0")/../lib/e2e.sh"
e2e_store
second=$(curl -s --noproxy '*' "$URL/status" | jq -r '.gateways[1]')
for page in "$URL/api/v1/docs/docs" "$URL/api/v1/user/docs" "$second/api/v2/docs/docs" "$second/api/v2/user/docs"; do
	check_status "GET $page without a token gets 200" 200 "$page"
	check_status "GET $page/openapi.json without a token gets 200" 200 "$page/openapi.json"
	check_eq "$page/openapi.json is a document of OpenAPI 3.1" 3.1 "$(jq -r .openapi "$WORK/body" | cut -c1-3)"
done
python3 "$(dirname "$0")/../lib/examples.py" "$URL" "$TOKEN" >"$WORK/examples.out" 2>&1 ||
	fail "examples.py ends without an error" "$(tail -n 5 "$WORK/examples.out")"
grep -E '^((not )?ok - |    )' "$WORK/examples.out"
e2e_passed=$((e2e_passed + $(grep -c '^ok - ' "$WORK/examples.out")))
e2e_failed=$((e2e_failed + $(grep -c '^not ok - ' "$WORK/examples.out")))
if ! command -v chromedriver >/dev/null; then
	fail "the program chromedriver is installed"
	e2e_end
fi
python3 "$(dirname "$0")/../lib/browser.py" "$URL" "$second" "$TOKEN" >"$WORK/browser.out" 2>&1
status=$?
grep -E '^(not )?ok - ' "$WORK/browser.out"
e2e_passed=$((e2e_passed + $(grep -c '^ok - ' "$WORK/browser.out")))
e2e_failed=$((e2e_failed + $(grep -c '^not ok - ' "$WORK/browser.out")))
[ "$status" = 0 ] || fail "browser.py ends without an error (status $status)" "$(tail -n 5 "$WORK/browser.out")"
e2e_end
