#!/usr/bin/env bash
# Goal: a client that asks for changes older than the trimmed journal is notified, and reads anew: a client of the
# API gets 410; a mount that was stopped and a gateway that was not the home meanwhile read anew. None of them shows
# the old state.
. "$(dirname "$0")/../lib/e2e.sh"
# The test has a store of its own, because other tests ask theirs for the whole journal.
E2E_DATA=$WORK/store E2E_MOUNT=$WORK/mount
at_end '"$E2E_ROOT/scripts/down" --data "$E2E_DATA"'
check "scripts/up starts a store with a mount" \
	"$E2E_ROOT/scripts/up" --data "$E2E_DATA" --port $((${E2E_PORT:-18050} + 20)) --mount "$E2E_MOUNT" --user tester
e2e_store # the store above
M=$E2E_MOUNT/46
FILES=$URL/api/v2/docs/drives/home/files/46
cd / || exit 2 # no command of this script may wait for the mount while the mount is stopped
mkdir -p "$M"
at_end 'rm -rf "$M"'
drive=$(curl -s --noproxy '*' "${AUTH[@]}" "$URL/api/v2/docs/drives/home" | jq -r .id)
CHANGES=$URL/api/v2/docs/drives/$drive/changes
# Trims the journal as the services' upkeep does, which keeps more of it for longer.
trim() { psql -X -q "host=$E2E_DATA/run/postgres port=5432 user=nephos dbname=docs" -c "DELETE FROM journal WHERE drive = $drive"; }
put() { printf '%s' "$2" | http "${AUTH[@]}" -T - "$FILES/$1"; }
text() { curl -s --noproxy '*' "${AUTH[@]}" "$1/api/v2/docs/drives/home/files/46/$2"; }
seq_now() { curl -s --noproxy '*' "${AUTH[@]}" "$URL/api/v2/docs/drives/$drive" | jq -r .seq; }

# ---- the API ----
for name in a b; do printf before >"$M/$name"; done
sync "$M"/*
since=$(seq_now)
check_eq "a PUT over a file gets 200" 200 "$(put a changed)"
id=$(jq -r .id "$WORK/body")
check_status "a GET of the changes since a seq before that PUT gets 200" 200 "${AUTH[@]}" "$CHANGES?since=$since"
check_eq "the answer for the seq before that PUT names the file that was PUT" \
	true "$(jq --arg id "$id" 'any(.changes[]; .id == $id)' "$WORK/body")"
trim
check_status "a GET of the changes since a seq that was trimmed from the journal gets 410" \
	410 "${AUTH[@]}" "$CHANGES?since=$since"
check_status "a GET of the changes since the drive's current seq gets 200 after the trim" \
	200 "${AUTH[@]}" "$CHANGES?since=$(seq_now)"
check_eq "the answer for the drive's current seq lists no changes" 0 "$(jq '.changes | length' "$WORK/body")"

# ---- a mount that was stopped ----
check_eq "the mount shows the content that the PUT stored" changed "$(cat "$M/a")"
check_eq "the mount lists both files of the folder" "a b" "$(ls "$M" | xargs)"
# A process holds a file open until it is killed below. If this shell held the descriptor, each of its children would
# close it and wait for the mount.
sh -c 'printf "from the mount"; exec sleep 1000' >>"$M/own" &
holder=$!
at_end 'kill $holder'
eventually 10 test -s "$M/own"
mount_pid=$(cat "$E2E_DATA/run/mount.pid")
at_end 'kill -CONT "$mount_pid"'
kill -STOP "$mount_pid"
check_eq "a PUT over a file gets 200 while the mount is stopped" 200 "$(put a 'changed again')"
check_status "a DELETE of another file gets 204 while the mount is stopped" 204 "${AUTH[@]}" -X DELETE "$FILES/b"
check_eq "a PUT of a new file gets 201 while the mount is stopped" 201 "$(put c new)"
trim
kill -CONT "$mount_pid"
shows() { [ "$(cat "$M/a" 2>&1)" = 'changed again' ] && [ "$(ls "$M" | xargs)" = "a c own" ] && [ "$(cat "$M/c" 2>&1)" = new ]; }
check "the continued mount shows all three changes, although the journal was trimmed" eventually 10 shows
check "sync of a file that was open while the mount was stopped succeeds" sync "$M/own"
kill $holder
check_eq "a GET returns the content of the file that was open while the mount was stopped" \
	"from the mount" "$(text "$URL" own)"
check_eq "a new file can be written and synced on the continued mount" \
	0 "$(printf more >"$M/d" && sync "$M/d"; echo $?)"
check_eq "a GET returns the content of the file that the continued mount wrote" more "$(text "$URL" d)"

# ---- a gateway that was not the home for a while ----
home_url() { curl -s --noproxy '*' "${AUTH[@]}" -o /dev/null -D - "$1/api/v2/docs/drives/home/files/46/a" | tr -d '\r' | sed -n 's/^Nephos-Home: //Ip'; }
home=$(home_url "$URL")
for n in 1 2; do
	at=http://127.0.0.1:$(sed -n 's/.*op=start listen=[^ ]* port=\([0-9]*\) .*/\1/p' "$E2E_DATA/log/gateway-$n.log" | tail -n 1)
	if [ "$at" = "$home" ]; then pid=$(cat "$E2E_DATA/run/gateway-$n.pid"); else other=$at; fi
done
check_eq "the drive's home answers two GETs of a file with its content" \
	"changed again changed again" "$(text "$home" a) $(text "$home" a)"
from_memory() {
	[ "$(http "${AUTH[@]}" "$home/api/v2/docs/drives/home/files/46/a")" = 200 ] &&
		[ "$(cat "$WORK/body")" = 'changed again' ] && header Cache-Status | grep -q '; hit'
}
check "the drive's home answers a later GET of the file from its memory" eventually 5 from_memory
at_end 'kill -CONT "$pid"'
kill -STOP "$pid"
moved() { [ "$(home_url "$other")" = "$other" ]; }
check "another gateway becomes the drive's home while the old home is stopped" eventually 20 moved
check_eq "a PUT over a file at the new home gets 200" \
	200 "$(printf 'by the other' | http "${AUTH[@]}" -T - "$other/api/v2/docs/drives/home/files/46/a")"
trim
kill -CONT "$pid"
old=0
back() {
	[ "$(text "$home" a)" = 'by the other' ] || old=$((old + 1))
	[ "$(home_url "$home")" = "$home" ]
}
check "the continued gateway becomes the drive's home again" eventually 30 back
check_eq "the continued gateway answers no GET with the content from before that PUT" \
	"0 by the other" "$old $(text "$home" a)"
check_eq "the mount shows the content that was PUT at the other gateway" "by the other" "$(cat "$M/a")"
e2e_end
