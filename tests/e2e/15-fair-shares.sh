#!/usr/bin/env bash
# Goal: an account that takes all it can get does not hinder others. An ordinary user uploads beside uploads that
# trickle, and makes requests and uses a mount beside hundreds of long polls of one account. The test compares
# durations within one run and sets no absolute limits. Only the long form tests slow request heads, which take ten
# seconds; tests/unit/common/http/server/test_heads.c tests them with a short limit.
. "$(dirname "$0")/../lib/e2e.sh"
e2e_store
FILES=$URL/api/v2/docs/drives/home/files
JSON=(-H 'Content-Type: application/json')
greedy() { exec python3 "$E2E_ROOT/tests/lib/greedy.py" "$1" "$URL" "$2" "${@:3}"; }

# ---- the ordinary user ----
name=ordinary$$
check_status "an administrator creates an ordinary user" \
	201 "${AUTH[@]}" "${JSON[@]}" -d "{\"name\":\"$name\",\"password\":\"correct horse battery\"}" \
		"$URL/api/v1/user/"
other=$(jq -r .id "$WORK/body")
at_end 'curl -s --noproxy "*" -X DELETE "${AUTH[@]}" "$URL/api/v1/user/$other"'
check_status "the ordinary user logs in with a password" \
	201 "${JSON[@]}" -d "{\"name\":\"$name\",\"password\":\"correct horse battery\"}" "$URL/api/v2/user/sessions"
OTHER=(-H "Authorization: Bearer $(jq -r .token "$WORK/body")")
head -c 12000000 /dev/urandom >"$WORK/file"

# uploads NAME: uploads four files of three blocks each. Prints the milliseconds, or a very large number when one
# failed.
uploads() {
	local i status begin=$EPOCHREALTIME
	for i in 1 2 3 4; do
		status=$(http "${OTHER[@]}" -T "$WORK/file" "$FILES/$1-$i")
		case $status in 20?) ;; *) echo "# an upload was answered $status" >&2 && echo 1000000 && return ;; esac
	done
	echo $(((${EPOCHREALTIME/./} - ${begin/./}) / 1000))
}

uploads first >/dev/null # creates all that is created at first use
alone=$(uploads alone)
# Each drive has its home at one docs service, and a test cannot choose which. With several drives there is a crowd
# at both services.
drives=()
for i in 1 2 3 4 5 6; do
	check_status "the greedy account creates its drive $i" \
		201 "${AUTH[@]}" "${JSON[@]}" -d "{\"name\":\"crowd-$$-$i\"}" "$URL/api/v2/docs/drives"
	drives+=("$(jq -r .id "$WORK/body")")
done
at_end 'for drive in "${drives[@]}"; do curl -s --noproxy "*" -X DELETE "${AUTH[@]}" "$URL/api/v2/docs/drives/$drive"; done'
greedy trickle "$TOKEN" 120 "${drives[@]}" >"$WORK/ready" &
trickle=$!
at_end "kill $trickle"
eventually 20 grep -q ready "$WORK/ready"
beside=$(uploads beside)
echo "# uploads alone $alone ms, beside 120 that trickle $beside ms"
check "uploads beside 120 slow ones take at most five times as long as alone, plus 0.5 s" \
	[ "$beside" -le $((5 * alone + 500)) ]
kill "$trickle"
wait "$trickle"
check_eq "all 120 slow uploads are in progress until their client ends them" "ready ended 0" "$(xargs <"$WORK/ready")"

# ---- polls ----
seq=$(curl -s --noproxy '*' "${AUTH[@]}" "$URL/api/v2/docs/drives/home" | jq -r .seq)
greedy polls "$TOKEN" 600 "$seq" >"$WORK/polls" &
polls=$!
at_end "kill $polls"
eventually 30 test -s "$WORK/polls"
read -r _ held _ refused _ strange <"$WORK/polls"
echo "# $(cat "$WORK/polls")"
check "some of 600 long polls by one account wait, and the others get 429" \
	[ "$held" -gt 0 -a "$refused" -gt 0 ]
check_eq "every answer to the 600 long polls is a 429 with Retry-After" 0 "$strange"
check_status "a request of another user gets 200 beside 600 long polls" 200 "${OTHER[@]}" "$URL/api/v2/docs/drives"
check_status "a long poll of another user gets 200 beside 600 long polls" \
	200 "${OTHER[@]}" "$URL/api/v2/docs/drives/home/changes?since=0&wait=1"
check_status "a request of the polling account gets 200 beside its 600 long polls" \
	200 "${AUTH[@]}" "$URL/api/v2/docs/drives"
ls "$E2E_MOUNT" >/dev/null
check_status "the polling account can store a file beside its 600 long polls" \
	201 "${AUTH[@]}" -T /etc/hostname "$FILES/15-seen"
at_end 'curl -s --noproxy "*" -X DELETE "${AUTH[@]}" "$FILES/15-seen"'
check "the mount of the polling account shows the new file within 10 s" eventually 10 test -e "$E2E_MOUNT/15-seen"
check "a file lock can be taken on the mount of the polling account" timeout 20 flock "$E2E_MOUNT/15-seen" true
kill "$polls"

if [ -n "${E2E_LONG:-}" ]; then
	check_eq "400 connections whose request heads arrive byte by byte are closed within 30 s" \
		"closed 400" "$(greedy heads "$TOKEN" 400)"
fi
e2e_end
