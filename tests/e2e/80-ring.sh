#!/usr/bin/env bash
# Goal: gateways agree on the members of their ring and on its epoch, whatever happens to one of them. A gateway
# leaves the ring when it is asked to end. The others drop a gateway that is killed or stopped, which then comes back
# as a new member.
. "$(dirname "$0")/../lib/e2e.sh"
BIN=${NEPHOS_BUILD_DIR:-$E2E_ROOT/build/dev}/bin
NEPHOS=$BIN/nephos
DATA=$WORK/store
UP=("$E2E_ROOT/scripts/up" --data "$DATA" --user tester)
at_end '"$E2E_ROOT/scripts/down" --data "$DATA"'
PORT=$((${E2E_PORT:-8050} + 60))
check "scripts/up makes a store with three gateways" "${UP[@]}" --port "$PORT" --gateways 3
URLS=(x "http://127.0.0.1:$PORT" "http://127.0.0.1:$((PORT + 1))" "http://127.0.0.1:$((PORT + 2))")
pid() { cat "$DATA/run/$1.pid"; }

# ring_of N FILTER: what gateway N reports about the ring.
ring_of() { curl -s --noproxy '*' --max-time 5 "${URLS[$1]}/status" | jq -c ".ring | $2"; }
names_of() { ring_of "$1" '[.members[].name] | sort' | tr -d '[]"'; }
# agree NAMES GATEWAY…: these gateways report the same epoch and these members, and each has a lease.
agree() {
	local names=$1 n epochs=
	shift
	for n in "$@"; do
		[ "$(names_of "$n")" = "$names" ] && [ "$(ring_of "$n" '.lease_ms > 0')" = true ] || return 1
		epochs+="$(ring_of "$n" .epoch) "
	done
	[ "$(tr ' ' '\n' <<<"$epochs" | grep -c .)" = $# ] && [ "$(tr ' ' '\n' <<<"$epochs" | grep . | sort -u | wc -l)" = 1 ]
}
ALL=gateway-1,gateway-2,gateway-3

check "the three gateways become members of one ring" eventually 20 agree $ALL 1 2 3
check_eq "each member has over 30% of the keys, and together they have all" true \
	"$(ring_of 1 '([.members[].share] | add) >= 997 and ([.members[].share] | min) > 300')"
check_eq "all gateways report the same share for each member" 1 \
	"$(for n in 1 2 3; do ring_of $n '[.members[] | [.name, .share]] | sort'; done | sort -u | wc -l)"
check_eq "gateway-2 marks itself in its list of members" \
	gateway-2 "$(ring_of 2 '.members[] | select(.self) | .name' | tr -d '"')"
"$NEPHOS" status --credentials "$DATA/credentials" --ring >"$WORK/status"
check_eq "nephos status --ring prints a line for each of the three gateways" \
	3 "$(grep -c '^ring .*epoch.*member.*one of 3' "$WORK/status")"
check_eq "nephos status --ring names the members of the ring for each gateway" \
	3 "$(grep -c '^ring .*one of 3 (gateway-1, gateway-2, gateway-3)' "$WORK/status")"
for line in reads fills forwards; do
	check_eq "nephos status --ring prints a line \"$line\" for each gateway" 3 "$(grep -c "^$line *gateway-" "$WORK/status")"
done
check_eq "the metrics of a gateway have the number of members" 3 \
	"$(curl -s --noproxy '*' "${URLS[1]}/metrics" | sed -n 's/^nephos_gateway_ring_members //p')"
check_eq "the metrics of a gateway have its share of the keys" "$(ring_of 1 '.members[] | select(.self) | .share')" \
	"$(curl -s --noproxy '*' "${URLS[1]}/metrics" | sed -n 's/^nephos_gateway_ring_share_thousandths //p')"
check "the metrics of a gateway have what is left of its lease" \
	sh -c 'curl -s --noproxy "*" "$1/metrics" | grep -q "^nephos_gateway_ring_lease_milliseconds [0-9]"' - "${URLS[1]}"
# ---- who owns a path ----
nephos() { "$NEPHOS" "$@" --credentials "$DATA/credentials"; }
check "nephos mkdir makes a folder" nephos mkdir /owned
check "nephos put stores a file in the folder" nephos put - /owned/file <<<hello
nephos status --ring /owned/file --json >"$WORK/owner"
HOME_NAME=$(jq -r '.owner.owners[0].name' "$WORK/owner")
check_eq "nephos status --ring names two owners of a path" \
	2 "$(jq '[.owner.owners[].name] | unique | length' "$WORK/owner")"
check_eq "nephos status --ring reports that an unread file is not in memory" \
	false "$(jq .owner.in_memory "$WORK/owner")"
check "nephos get reads the file" nephos get /owned/file -
nephos status --ring /owned/file >"$WORK/owner"
check "nephos status --ring reports the file in memory at its home after a read" \
	grep -q "^path .*: home $HOME_NAME, after it gateway-[123], in memory there$" \
	"$WORK/owner"
owners_by() { # N
	curl -s --noproxy '*' -H "Authorization: Bearer $(sed -n 's/^NEPHOS_TOKEN=//p' "$DATA/credentials")" \
		"${URLS[$1]}/api/v2/gateways/owners?drive=1" | jq -c '[.owners[].name]'
}
check_eq "all gateways report the same owners of the drive" \
	1 "$(for n in 1 2 3; do owners_by $n; done | sort -u | wc -l)"
nephos status --ring /owned/nothing >"$WORK/status" 2>"$WORK/why"
check_eq "nephos status --ring fails for a path that does not exist" 1 $?
check "the error of nephos status --ring names the missing path" grep -q '/owned/nothing' "$WORK/why"
check_refused "nephos status refuses a path without --ring" '/owned/file: a path goes with --ring' \
	nephos status /owned/file
check_refused "nephos status --ring refuses an empty path" 'the path is empty' nephos status --ring ''
check_refused "nephos status --ring fails for a path without a key" '/owned: .* there is no key' \
	env -u NEPHOS_TOKEN NEPHOS_URL="${URLS[1]}" HOME="$WORK" "$NEPHOS" status --ring /owned

"$NEPHOS" status --credentials "$DATA/credentials" --ring --json >"$WORK/status"
check_eq "nephos status --ring --json lists three members for each gateway" \
	3 "$(jq '[.gateways[].ring.members | length] | min' "$WORK/status")"
check_eq "nephos status --json without --ring prints nothing about the ring" null \
	"$("$NEPHOS" status --credentials "$DATA/credentials" --json | jq '.gateways[0].ring')"
check_eq "the metrics of a gateway have the epoch of the ring" "$(ring_of 1 .epoch)" \
	"$(curl -s --noproxy '*' "${URLS[1]}/metrics" | sed -n 's/^nephos_gateway_ring_epoch //p')"
check "nephos-gateway --print-fsm prints the states of a member" \
	sh -c 'env -i "$1" --print-fsm | grep -q "^stopped *next epoch *member"' - \
	"$BIN/nephos-gateway"

# ---- a client that uses another host than localhost gets the gateways' addresses by that host ----
# These gateways publish 127.0.0.1 as their address, as those of docker-compose publish localhost.
TOKEN=$(sed -n 's/^NEPHOS_TOKEN=//p' "$DATA/credentials")
by() { # HOST GATEWAY PATH [FLAG…]
	curl -s --noproxy '*' -H "Host: $1" -H "Authorization: Bearer $TOKEN" "${@:4}" "${URLS[$2]}/api/v2/$3"
}
all_at() { echo "http://$1:$PORT http://$1:$((PORT + 1)) http://$1:$((PORT + 2))"; }
check_eq "a client that uses a host name gets all gateways' addresses under that name" "$(all_at nephos.example)" \
	"$(by nephos.example:80 1 gateways | jq -r '.gateways | join(" ")')"
check_eq "a client that uses localhost gets the gateways' addresses under 127.0.0.1" "$(all_at 127.0.0.1)" \
	"$(by localhost:80 1 gateways | jq -r '.gateways | join(" ")')"
check_eq "a request with an invalid Host gets no address of a gateway" \
	0 "$(by 'nephos!example' 1 gateways | jq '.gateways | length')"
check_eq "the addresses of a drive's owners have the host name that the client uses" nephos.example \
	"$(by nephos.example 1 'gateways/owners?drive=1' | jq -r '.owners[].url' | sed 's|http://\(.*\):.*|\1|' | sort -u)"
HOME_PORT=$(by localhost 1 docs/drives/home/files/owned/file -o /dev/null -D - | tr -d '\r' | sed -n 's/^Nephos-Home: .*://p')
for n in 1 2 3; do
	check_eq "gateway $n names the home under the host of the request" "http://[2001:db8::1]:$HOME_PORT" \
		"$(by '[2001:db8::1]:80' $n docs/drives/home/files/owned/file -o /dev/null -D - | tr -d '\r' | sed -n 's/^Nephos-Home: //p')"
done

# ---- an administrator makes documents for another user, whose drive has another home ----
check_status "an administrator's POST of a user gets 201" 201 -H "Authorization: Bearer $TOKEN" \
	-H 'Content-Type: application/json' -d '{"name":"carol","password":"correct horse 9"}' "${URLS[1]}/api/v2/user/users"
CAROL=$(jq -r .id "$WORK/body")
for n in 1 2 3; do
	check_status "an administrator's POST of a document for another user through gateway $n gets 201" 201 \
		-H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' "${URLS[n]}/api/v1/docs" \
		-d "{\"title\":\"for carol $n\",\"text\":\"hello\",\"user_id\":[$CAROL]}"
	check_eq "the document that gateway $n made belongs to the other user" "$CAROL" "$(jq '.user_id[0]' "$WORK/body")"
done

# ---- every answer that was passed on says where it came from ----
cache_status() { # GATEWAY PATH [FLAG…]
	by localhost "$1" "${@:2}" -o /dev/null -D - | tr -d '\r' | sed -n 's/^Cache-Status: //p'
}
at_home=${HOME_NAME#gateway-}
other=$((at_home % 3 + 1))
for path in docs/drives docs/accounts/me user/me; do
	check_eq "the answer to GET $path has a Cache-Status" "gateway-1; fwd=bypass" "$(cache_status 1 "$path")"
done
check_eq "a Cache-Status of a client changes nothing" "gateway-1; fwd=bypass" \
	"$(cache_status 1 docs/drives -H 'Cache-Status: forged; hit')"
check_eq "a 404 by id from a service has a Cache-Status" "$HOME_NAME; fwd=bypass" \
	"$(cache_status "$at_home" docs/drives/home/items/999999999)"
check_eq "a 404 by id through another gateway names both gateways" \
	"$HOME_NAME; fwd=bypass, gateway-$other; fwd=bypass; detail=home" \
	"$(cache_status "$other" docs/drives/home/items/999999999)"
check_eq "a 412 to a change has a Cache-Status" "$HOME_NAME; fwd=method" \
	"$(cache_status "$at_home" docs/drives/home/files/owned/file -X PUT -H 'If-Match: "no"' -d x)"
check "nephos put stores a second file" nephos put - /owned/unread <<<hello
check_eq "a part of a file that is not in memory is a miss" "$HOME_NAME; fwd=miss" \
	"$(cache_status "$at_home" docs/drives/home/files/owned/unread -H 'Range: bytes=1-2')"
check_eq "the head of a file that is not in memory is a miss" "$HOME_NAME; fwd=miss" \
	"$(cache_status "$at_home" docs/drives/home/files/owned/unread -I)"
session() { by localhost "$at_home" docs/drives/home/files/owned/file -o /dev/null -w '%{http_code}' -H 'Nephos-Session: abc'; }
nephos get /owned/file - >/dev/null
check_eq "a malformed Nephos-Session gets 400 also when the answer is in memory" 400 "$(session)"

# ---- the hit ratio counts reads of what can be kept ----
reads() { # GATEWAY KIND: "HITS MISSES"
	curl -s --noproxy '*' "${URLS[$1]}/status" | jq -r ".cache | \"\(.hits.$2) \(.misses.$2)\""
}
read -r hits misses <<<"$(reads "$at_home" content)"
items=$(reads "$at_home" item)
for _ in 1 2 3 4; do by localhost "$at_home" docs/drives/home/files/owned/unread -o /dev/null; done
by localhost "$at_home" docs/drives -o /dev/null
by localhost "$at_home" docs/drives/home -o /dev/null
check_eq "four reads of a file are one miss and three hits" "$((hits + 3)) $((misses + 1))" "$(reads "$at_home" content)"
check_eq "reads of the list of drives and of a drive are no misses" "$items" "$(reads "$at_home" item)"

# A name of this machine that does not look local, only for processes that see this hosts file.
if [ "$(id -u)" = 0 ]; then
	away=$PORT
	[ "$away" != "$HOME_PORT" ] || away=$((PORT + 1))
	hops() { curl -s --noproxy '*' "http://127.0.0.1:$away/metrics" | sed -n 's/^nephos_gateway_hops_total //p'; }
	printf '127.0.0.1 localhost nephos.example\n' >"$WORK/hosts"
	mkdir "$WORK/there"
	cat >"$WORK/far" <<-'END'
		set -e
		mount --bind "$WORK/hosts" /etc/hosts
		"$NEPHOS" mount -o "credentials=$DATA/credentials,pidfile=$WORK/far.pid,log=$WORK/far.log" \
			"http://nephos.example:$away" "$WORK/there"
		trap 'umount "$WORK/there"' EXIT
		# The mount asks for the gateways after it has connected, and learns the home from its first answers.
		for try in $(seq 50); do
			before=$(hops)
			for n in $(seq 10); do echo "$try" >"$WORK/there/far-$n"; done
			[ "$(hops)" != "$before" ] || exit 0
		done
		echo "after $try tries each change still goes by way of the other gateway" >&2
		exit 1
	END
	export WORK NEPHOS DATA away
	export -f hops
	check "a mount that uses a host name sends its changes directly to the home" \
		env -u NEPHOS_URL -u NEPHOS_URLS unshare -m bash "$WORK/far"
fi

# ---- a gateway that is asked to end leaves first ----
before=$(ring_of 1 .epoch)
gone=$(pid gateway-3)
kill -TERM "$gone"
left_by_asking() { agree gateway-1,gateway-2 1 2; }
has_ended() { ! kill -0 "$gone" 2>/dev/null; }
check "gateway-3 ends after SIGTERM" eventually 30 has_ended
check "the other gateways drop gateway-3 within 5 seconds after it has ended" eventually 5 left_by_asking
check_eq "the epoch rises by one when gateway-3 leaves" "$((before + 1))" "$(ring_of 1 .epoch)"
check "scripts/up starts gateway-3 again" "${UP[@]}"
check "gateway-3 is a member again after its restart" eventually 20 agree $ALL 1 2 3

# ---- the others wait for a killed gateway until its lease is over, and no longer ----
before=$(ring_of 1 .epoch)
kill -9 "$(pid gateway-3)"
check_eq "gateway-3 is still a member right after it is killed" $ALL "$(names_of 1)"
check "the other gateways drop the killed gateway-3 within 20 seconds" eventually 20 agree gateway-1,gateway-2 1 2
check "scripts/up starts the killed gateway-3 again" "${UP[@]}"
check "the killed gateway-3 is a member again after its restart" eventually 20 agree $ALL 1 2 3

# ---- a gateway that was stopped has no lease when it continues, and comes back ----
before=$(ring_of 1 .epoch)
kill -STOP "$(pid gateway-2)"
at_end 'kill -CONT "$(pid gateway-2)"'
check "the other gateways drop gateway-2 while it is stopped by SIGSTOP" eventually 20 agree gateway-1,gateway-3 1 3
kill -CONT "$(pid gateway-2)"
check "gateway-2 becomes a member again after SIGCONT" eventually 20 agree $ALL 1 2 3
check "the epoch is higher after the return of gateway-2" test "$(ring_of 1 .epoch)" -gt "$before"

# The rest needs leases that run out, and runs in the long form only; tests/unit/common/ring/test_members.c tests the
# rules alone.
if [ -n "${E2E_LONG:-}" ]; then
	# ---- a gateway that comes back within its lease is another process, and waits for the end of the first ----
	before=$(ring_of 1 .epoch)
	kill -9 "$(pid gateway-2)"
	check "scripts/up starts gateway-2 again right after it is killed" "${UP[@]}"
	another_epoch() { [ "$(ring_of 1 .epoch)" -gt "$before" ] && agree $ALL 1 2 3; }
	check "the new process of gateway-2 becomes a member in a later epoch" eventually 20 another_epoch

	# ---- one docs service is enough, none is too few ----
	kill -9 "$(pid docs-1)"
	sleep 4 # A lease lasts 3 s: what a gateway has after this, it has got after the kill.
	kept_lease() { [ "$(ring_of 1 .lease_ms)" -gt 0 ] && [ "$(ring_of 2 .lease_ms)" -gt 0 ]; }
	check "two gateways renew their leases while only one docs service runs" eventually 10 kept_lease
	kill -9 "$(pid docs-2)"
	no_lease() {
		[ "$(ring_of 1 .lease_ms)" = 0 ] && [ "$(ring_of 2 .lease_ms)" = 0 ] && [ "$(ring_of 3 .lease_ms)" = 0 ]
	}
	check "all gateways lose their leases while no docs service runs" eventually 15 no_lease
	check "scripts/up starts the docs services again" "${UP[@]}"
	check "all three gateways are members again after the docs services return" eventually 20 agree $ALL 1 2 3
fi

# ---- calls that are refused ----
check_status "POST /internal/v1/ring at a gateway's public port gets 404" \
	404 -X POST "${URLS[1]}/internal/v1/ring" -d '{}'
e2e_end
