#!/usr/bin/env bash
# Goal: what one account takes without end, others do not miss: an ordinary user's uploads beside those that trickle,
# requests and a mount beside hundreds of long polls of the same account. Ratios within one run, no seconds. Slow heads,
# which take ten of them, only in the long form; tests/unit/common/http/server/test_heads.c has them short.
. "$(dirname "$0")/../lib/e2e.sh"
e2e_store
FILES=$URL/api/v2/docs/drives/home/files
JSON=(-H 'Content-Type: application/json')
greedy() { exec python3 "$E2E_ROOT/tests/lib/greedy.py" "$1" "$URL" "$2" "${@:3}"; }

# ---- the ordinary user ----
name=ordinary$$
check_status "another user is made" \
	201 "${AUTH[@]}" "${JSON[@]}" -d "{\"name\":\"$name\",\"password\":\"correct horse battery\"}" \
		"$URL/api/v1/user/"
other=$(jq -r .id "$WORK/body")
at_end 'curl -s --noproxy "*" -X DELETE "${AUTH[@]}" "$URL/api/v1/user/$other"'
check_status "and logs in" \
	201 "${JSON[@]}" -d "{\"name\":\"$name\",\"password\":\"correct horse battery\"}" "$URL/api/v2/user/sessions"
OTHER=(-H "Authorization: Bearer $(jq -r .token "$WORK/body")")
head -c 12000000 /dev/urandom >"$WORK/file"

# uploads NAME: four of three blocks each; prints the milliseconds, very many when one failed.
uploads() {
	local i status begin=$EPOCHREALTIME
	for i in 1 2 3 4; do
		status=$(http "${OTHER[@]}" -T "$WORK/file" "$FILES/$1-$i")
		case $status in 20?) ;; *) echo "# an upload was answered $status" >&2 && echo 1000000 && return ;; esac
	done
	echo $(((${EPOCHREALTIME/./} - ${begin/./}) / 1000))
}

uploads first >/dev/null # what is made at first use is made
alone=$(uploads alone)
# Each drive has a home among the docs services, which no test can choose: with several there is a crowd at both.
drives=()
for i in 1 2 3 4 5 6; do
	check_status "a drive for the crowd, $i" \
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
check "uploads beside 120 that trickle take no more than five times as long" [ "$beside" -le $((5 * alone + 500)) ]
check "and those still go on" kill -0 "$trickle"
kill "$trickle"
wait "$trickle" 2>/dev/null # it ends by the signal, which the shell would print

# ---- polls ----
seq=$(curl -s --noproxy '*' "${AUTH[@]}" "$URL/api/v2/docs/drives/home" | jq -r .seq)
greedy polls "$TOKEN" 600 "$seq" >"$WORK/polls" &
polls=$!
at_end "kill $polls"
eventually 30 test -s "$WORK/polls"
read -r _ held _ refused _ strange <"$WORK/polls"
echo "# $(cat "$WORK/polls")"
check "of 600 polls of one account on one drive some wait, and the others are told to come later" \
	[ "$held" -gt 0 -a "$refused" -gt 0 ]
check_eq "and nothing else" 0 "$strange"
check_status "another user is answered" 200 "${OTHER[@]}" "$URL/api/v2/docs/drives"
check_status "and may poll" 200 "${OTHER[@]}" "$URL/api/v2/docs/drives/home/changes?since=0&wait=1"
check_status "the account itself is answered" 200 "${AUTH[@]}" "$URL/api/v2/docs/drives"
ls "$E2E_MOUNT" >/dev/null
check_status "it stores a file" 201 "${AUTH[@]}" -T /etc/hostname "$FILES/15-seen"
at_end 'curl -s --noproxy "*" -X DELETE "${AUTH[@]}" "$FILES/15-seen"'
check "and its mount hears of it" eventually 10 test -e "$E2E_MOUNT/15-seen"
check "locks are taken on the mount" timeout 20 flock "$E2E_MOUNT/15-seen" true
kill "$polls"

if [ -n "${E2E_LONG:-}" ]; then
	check_eq "400 heads that come by the byte are gone after their time" "closed 400" "$(greedy heads "$TOKEN" 400)"
fi
e2e_end
