#!/usr/bin/env bash
# Goal: an administrator replaces the key by which the parts of a store recognize each other, in three steps, while
# everything runs and without a failed request. Afterwards the old key gives no access. Endless answers that began
# under the old key are cut off.
. "$(dirname "$0")/../lib/e2e.sh"
e2e_store
KEY=$E2E_DATA/cluster.key
parts="user-1 user-2 docs-1 docs-2 gateway-1 gateway-2"
new_key() { head -c 32 /dev/urandom | od -An -v -tx1 | tr -d ' \n'; }
said() { grep -c 'cluster key.*outcome=changed' "$E2E_DATA/log/$1.log"; }
all_have_read() { local p; for p in $parts; do [ "$(said "$p")" -ge "$1" ] || return 1; done; }
# step N LINE…: replaces the key file, and waits until every part has read it for the Nth time.
step() {
	local n=$1 p
	shift
	printf '%s\n' "$@" >"$KEY.new" && chmod 600 "$KEY.new" && chown --reference="$KEY" "$KEY.new" &&
		mv "$KEY.new" "$KEY"
	for p in $parts; do kill -HUP "$(cat "$E2E_DATA/run/$p.pid")"; done
	eventually 20 all_have_read "$n"
}

# The load makes reads, and changes without an Idempotency-Key, which must not be made twice, through both gateways.
# It records the status of each answer.
second=$(curl -s --noproxy '*' "$URL/status" | jq -r '.gateways[1]')
load() {
	local i=0 gateway
	while [ ! -e "$WORK/enough" ]; do
		i=$((i + 1))
		for gateway in "$URL" "$second"; do
			curl -s --noproxy '*' --max-time 60 -o /dev/null -w '%{http_code}\n' -H "Authorization: Bearer $TOKEN" "$gateway/api/v2/docs/drives" --next \
				-s --noproxy '*' --max-time 60 -o /dev/null -w '%{http_code}\n' -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' \
				-d "{\"path\":\"/exchange-$1-${gateway##*:}-$i\"}" \
					"$gateway/api/v2/docs/drives/home/folders"
		done
	done >"$WORK/codes-$1"
}
codes() { cat "$WORK"/codes-*; }
answers() { codes | grep -c '^[1-5]'; } # 000: no answer
grown() { [ "$(answers)" -ge $(($1 + 40)) ]; }
goes_on() { eventually 60 grown "$(answers)"; }

old=$(cat "$KEY") new=$(new_key)
load a &
loads=($!)
load b &
loads+=($!)
at_end "touch '$WORK/enough'"
check "40 requests are answered under the old key" goes_on
check "every part reads a key file with the old key first and the new key second" step 1 "$old" "$new"
check "40 more requests are answered with the new key in second place" goes_on
check "every part reads a key file with the new key first and the old key second" step 2 "$new" "$old"
check "40 more requests are answered with the new key in first place" goes_on

# A holder of the old key opens endless event streams at a service and at the port where a gateway listens for other
# gateways. A user opens one, too.
echo "$old" >"$WORK/old.key"
at=$(sed -n 's/.*op=start url=\([^ ]*\) .*/\1/p' "$E2E_DATA/log/docs-1.log" | tail -n 1)
hop=$(sed -n 's/.*op=start .* ring=\([^ ]*\) .*/\1/p' "$E2E_DATA/log/gateway-1.log" | tail -n 1)
relay before "$at" "$WORK/old.key"
relay hop "$hop" "$WORK/old.key"
me=$(curl -s --noproxy '*' "${AUTH[@]}" "$URL/api/v2/user/me" | jq -r .id)
drive=$(curl -s --noproxy '*' "${AUTH[@]}" "$URL/api/v2/docs/drives/home" | jq -r .id)
seq_now() { curl -s --noproxy '*' "${AUTH[@]}" "$URL/api/v2/docs/drives/home" | jq -r .seq; }
as_part=(-H "Nephos-User: $me" -H 'Nephos-User-Name: x' -H 'Nephos-Admin: 0' -H 'Nephos-Token-Id: k1')
listeners=()
listen() { # NAME URL [FLAG…]
	curl -s -N --noproxy '*' --max-time 120 -H 'Accept: text/event-stream' "${@:3}" \
		"$2/api/v2/docs/drives/$drive/changes?since=$(seq_now)" >"$WORK/heard-$1" &
	listeners+=($!)
}
listen service "$URL_before" "${as_part[@]}"
listen gateway "$URL_hop" "${as_part[@]}" -H "Nephos-Drive: $drive" -H 'Nephos-Hop: 1000000000 third'
listen user "$second" "${AUTH[@]}"
# A mount's long poll waits like this, for a minute.
curl -s --noproxy '*' --max-time 120 "${as_part[@]}" "$URL_before/api/v2/docs/drives/$drive/changes?since=1000000000&wait=60" >/dev/null &
listeners+=($!)
all_hear() { local n; for n in service gateway user; do grep -q ^data: "$WORK/heard-$n" || return 1; done; }
all_listen() { kill -0 "${listeners[@]}"; }
none_listens() { local p; for p in "${listeners[@]}"; do ! kill -0 "$p" 2>/dev/null || return 1; done; }
check "the event streams of a service, of a gateway and of a user deliver changes" eventually 20 all_hear
check "the event streams and the long poll stay open while the old key is accepted" all_listen

check "every part reads a key file without the old key" step 3 "$new"
check "event streams and long polls that began under the old key end within 10 s" eventually 10 none_listens
listen again "$second" "${AUTH[@]}"
hears_again() { grep -q ^data: "$WORK/heard-again"; }
check "a user's new event stream delivers changes after the old key is removed" eventually 20 hears_again
kill "${listeners[4]}" # all other listeners have ended, see above
check "40 more requests are answered after the old key is removed" goes_on
touch "$WORK/enough"
wait "${loads[@]}"
check_eq "every request during the exchange of keys got 200 or 201" "" "$(codes | grep -vxE '200|201' | sort | uniq -c)"

relay old "$at" "$WORK/old.key"
relay new "$at" "$KEY"
check_eq "a client that greets with the old key gets no answer" \
	000 "$(http "$URL_old/api/v2/docs/drives" -H 'Nephos-User: 1')"
check_eq "a client that greets with the new key gets 200" \
	200 "$(http "$URL_new/api/v2/docs/drives" -H 'Nephos-User: 1')"
echo nonsense >"$KEY.bad"
cp -p "$KEY" "$WORK/kept"
chmod 600 "$KEY.bad" && chown --reference="$KEY" "$KEY.bad" && mv "$KEY.bad" "$KEY"
kill -HUP "$(cat "$E2E_DATA/run/gateway-1.pid")"
check "gateway-1 logs that it keeps its keys when the key file is malformed" \
	eventually 20 grep -q 'those from before stay' "$E2E_DATA/log/gateway-1.log"
cp -p "$WORK/kept" "$KEY"
check_status "the gateway still answers requests after it has read a malformed key file" \
	200 "$URL/api/v2/docs/drives" -H "Authorization: Bearer $TOKEN"
e2e_end
