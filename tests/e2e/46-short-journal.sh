#!/usr/bin/env bash
# Goal: a client that asks for changes older than the trimmed journal is notified, and reads anew: a client of the
# API gets 410; a mount that was stopped and a gateway that was not the home meanwhile read anew. None of them shows
# the old state.
. "$(dirname "$0")/../lib/e2e.sh"
# The test has a store of its own, because other tests ask theirs for the whole journal.
E2E_DATA=$WORK/store E2E_MOUNT=$WORK/mount
at_end '"$E2E_ROOT/scripts/down" --data "$E2E_DATA"'
check "a store comes up" "$E2E_ROOT/scripts/up" --data "$E2E_DATA" --port $((${E2E_PORT:-18050} + 20)) --mount "$E2E_MOUNT" --user tester
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
check_eq "a file is changed" 200 "$(put a changed)"
check_status "the journal tells of it" 200 "${AUTH[@]}" "$CHANGES?since=$since"
trim
check_status "when it was trimmed, who asks behind that is told so" 410 "${AUTH[@]}" "$CHANGES?since=$since"
check_status "and who knows where the drive stands goes on from there" 200 "${AUTH[@]}" "$CHANGES?since=$(seq_now)"
check_eq "with nothing to tell" 0 "$(jq '.changes | length' "$WORK/body")"

# ---- a mount that was stopped ----
check_eq "a mount shows the change" changed "$(cat "$M/a")"
check_eq "and what is beside it" "a b" "$(ls "$M" | xargs)"
# A process holds a file open until it is killed below. If this shell held the descriptor, each of its children would
# close it and wait for the mount.
sh -c 'printf "from the mount"; exec sleep 1000' >>"$M/own" &
holder=$!
at_end 'kill $holder'
eventually 10 test -s "$M/own"
mount_pid=$(cat "$E2E_DATA/run/mount.pid")
at_end 'kill -CONT "$mount_pid"'
kill -STOP "$mount_pid"
check_eq "a file is changed while it stands still" 200 "$(put a 'changed again')"
check_status "another one goes" 204 "${AUTH[@]}" -X DELETE "$FILES/b"
check_eq "a new one comes" 201 "$(put c new)"
trim
kill -CONT "$mount_pid"
shows() { [ "$(cat "$M/a" 2>&1)" = 'changed again' ] && [ "$(ls "$M" | xargs)" = "a c own" ] && [ "$(cat "$M/c" 2>&1)" = new ]; }
check "when it goes on it shows all of that" eventually 10 shows
check "what it had not stored yet is stored" sync "$M/own"
kill $holder
check_eq "whole" "from the mount" "$(text "$URL" own)"
check_eq "and what it does next is told to others" 0 "$(printf more >"$M/d" && sync "$M/d"; echo $?)"
check_eq "as it is" more "$(text "$URL" d)"

# ---- a gateway that was not the home for a while ----
home_url() { curl -s --noproxy '*' "${AUTH[@]}" -o /dev/null -D - "$1/api/v2/docs/drives/home/files/46/a" | tr -d '\r' | sed -n 's/^Nephos-Home: //Ip'; }
home=$(home_url "$URL")
for n in 1 2; do
	at=http://127.0.0.1:$(sed -n 's/.*op=start listen=[^ ]* port=\([0-9]*\) .*/\1/p' "$E2E_DATA/log/gateway-$n.log" | tail -n 1)
	if [ "$at" = "$home" ]; then pid=$(cat "$E2E_DATA/run/gateway-$n.pid"); else other=$at; fi
done
check_eq "the home has a file in memory" "changed again changed again" "$(text "$home" a) $(text "$home" a)"
at_end 'kill -CONT "$pid"'
kill -STOP "$pid"
moved() { [ "$(home_url "$other")" = "$other" ]; }
check "it stands still, and another one is the home" eventually 20 moved
check_eq "a file is changed there" 200 "$(printf 'by the other' | http "${AUTH[@]}" -T - "$other/api/v2/docs/drives/home/files/46/a")"
trim
kill -CONT "$pid"
old=0
back() {
	[ "$(text "$home" a)" = 'by the other' ] || old=$((old + 1))
	[ "$(home_url "$home")" = "$home" ]
}
check "it is the home again" eventually 30 back
check_eq "it shows the change, from the first moment on" "0 by the other" "$old $(text "$home" a)"
check_eq "and so does the mount" "by the other" "$(cat "$M/a")"
e2e_end
