#!/usr/bin/env bash
# Goal: revoking a key ends all that began under the key: an event stream, a long poll, and an upload whose last
# bytes are still missing.
. "$(dirname "$0")/../lib/e2e.sh"
e2e_store
DRIVE=$URL/api/v2/docs/drives/home
trap "" PIPE # the gateway reads no more of an upload that it has refused
JSON=(-H 'Content-Type: application/json')

check_status "POST of a device key gets 201" \
	201 "${AUTH[@]}" "${JSON[@]}" -d '{"name":"16-revoked"}' "$URL/api/v2/user/keys"
key=$(jq -r '.id // .key.id' "$WORK/body")
KEY=(-H "Authorization: Bearer $(jq -r .token "$WORK/body")")
seq=$(curl -s --noproxy '*' "${KEY[@]}" "$DRIVE" | jq -r .seq)
at_end 'curl -s --noproxy "*" -X DELETE "${AUTH[@]}" "$DRIVE/files/16-after"'

curl -s -N --noproxy '*' "${KEY[@]}" -H 'Accept: text/event-stream' "$DRIVE/changes?since=$seq" >"$WORK/events" &
events=$!
curl -s --noproxy '*' "${KEY[@]}" -o /dev/null -w '%{http_code}' \
	"$DRIVE/changes?since=999999999&wait=50" >"$WORK/poll" &
poll=$!
mkfifo "$WORK/pipe"
curl -s --noproxy '*' "${KEY[@]}" -T - -o /dev/null -w '%{http_code}' "$DRIVE/files/16-late" \
	<"$WORK/pipe" >"$WORK/upload" &
upload=$!
at_end "kill $events $poll $upload"
exec 9>"$WORK/pipe"
head -c 6000000 /dev/zero >&9
opened() { grep -q '^: nephos' "$WORK/events" && kill -0 "$events"; }
check "the event stream of the key is open before the key is revoked" eventually 10 opened
check_status "DELETE of the device key gets 204" 204 "${AUTH[@]}" -X DELETE "$URL/api/v2/user/keys/$key"
check_status "a file can be stored with another key after the revocation" \
	201 "${AUTH[@]}" -T /etc/hostname "$DRIVE/files/16-after"
echo end >&9 2>/dev/null || :
exec 9>&-
check "the event stream of the revoked key ends within 10 s" eventually 10 bash -c "! kill -0 $events"
check_not "the event stream of the revoked key does not report a later change" grep -q 16-after "$WORK/events"
wait "$poll" "$upload"
check_eq "the long poll of the revoked key gets 401" 401 "$(cat "$WORK/poll")"
check_eq "the unfinished upload of the revoked key gets 401" 401 "$(cat "$WORK/upload")"
check_status "the unfinished upload of the revoked key has stored no file" 404 "${AUTH[@]}" "$DRIVE/files/16-late"
e2e_end
