#!/usr/bin/env bash
# Goal: a backup of a store under writes is the store at one moment, with all that was acknowledged before. A second
# backup copies only what is new. A damaged backup is refused. A restored store is clean, and no client of the old
# store mistakes it for that, not even a mount that stays mounted. The test runs with blocks in files and with blocks
# in rows.
. "$(dirname "$0")/../lib/e2e.sh"
PORT=$((${E2E_PORT:-18050} + 60))
BIN=${NEPHOS_BUILD_DIR:-$E2E_ROOT/build/dev}/bin
D=$WORK/store B=$WORK/backup R=$WORK/restored M=$WORK/mount
export HOME=$WORK/home XDG_CONFIG_HOME=$WORK/config
unset NEPHOS_URL NEPHOS_USER NEPHOS_TOKEN NEPHOS_CREDENTIALS NEPHOS_PASSWORD
mkdir -p "$HOME" "$M"
URL=http://127.0.0.1:$PORT
HOME_DRIVE=$URL/api/v2/docs/drives/home
FILES=$HOME_DRIVE/files
up() { "$E2E_ROOT/scripts/up" --data "$1" --port $PORT --user tester --gateways 1; }
down() { "$E2E_ROOT/scripts/down" --data "$1"; }
backup() { "$BIN/nephos" backup --data "$@" >"$WORK/out" 2>"$WORK/err"; }
restore() { "$BIN/nephos" restore --data "$@" >"$WORK/out" 2>"$WORK/err"; }
copied() { sed -n 's/^\([0-9]*\) blocks of .* copied.*/\1/p' "$WORK/out" | tail -n 1; }
fsck() { "$BIN/nephos" fsck --credentials "$R/credentials"; }
put() { http -T "$1" -H "@$WORK/key" "$FILES/$2"; }
sum_of() { curl -s --noproxy '*' -H "@$WORK/key" "$FILES/$1" | sha256sum; }
incarnation() { curl -s --noproxy '*' -H "@$WORK/key" "$HOME_DRIVE" | jq -r .incarnation; }
etag_of() { curl -s --noproxy '*' -I -H "@$WORK/key" "$FILES/$1" | tr -d '\r' | sed -n 's/^ETag: //Ip'; }
acked() { wc -l <"$WORK/acked.$1"; }
has_acked() { [ "$(acked "$1")" -ge "$2" ]; }
at_end 'down "$D"; down "$R"; down "$WORK/rows"'

# ---- a store that is written, and mounted ----
check "a store" up "$D"
(umask 077; . "$D/credentials"; printf 'Authorization: Bearer %s\n' "$NEPHOS_TOKEN" >"$WORK/key")
head -c 9000000 /dev/urandom >"$WORK/large"
yes "a line that comes again" | head -c 3000000 >"$WORK/lines"
check_eq "a large file" 201 "$(put "$WORK/large" large)"
check_eq "one that lies in a short form" 201 "$(put "$WORK/lines" lines)"
(umask 077; cp "$D/credentials" "$WORK/credentials")
check "a mount" "$BIN/nephos" mount -o "credentials=$WORK/credentials,log=$WORK/mount.log" "$URL" "$M"
at_end '"$BIN/nephos" umount --force "$M"'
echo before >"$M/changed"
sync "$M/changed"
before=$(incarnation)
for n in 1 2; do
	python3 "$E2E_ROOT/tests/lib/cut.py" write "$URL" "$WORK" $n &
	writers[n]=$!
done
at_end 'touch "$WORK/stop"'
for n in 1 2; do check "writer $n writes" eventually 60 has_acked $n 30; done
acked_1=$(acked 1) acked_2=$(acked 2)
check "a backup of it" backup "$D" "$B"
FIRST=$(tail -n 1 "$WORK/out")
check "copies blocks" [ "$(copied)" -gt 3 ]
for n in 1 2; do check "and writer $n goes on" eventually 60 has_acked $n $(($(acked $n) + 5)); done
touch "$WORK/stop"
for n in 1 2; do wait "${writers[n]}"; check_eq "writer $n was never refused" 0 $?; done
check_eq "nobody else may read it" 700 "$(stat -c %a "$B")"

# ---- the second one ----
check "another backup" backup "$D" "$B"
second=$(tail -n 1 "$WORK/out")
head -c 6000000 /dev/urandom >"$WORK/late"
check_eq "a file that comes later" 201 "$(put "$WORK/late" late)"
check "a third backup" backup "$D" "$B"
third=$(tail -n 1 "$WORK/out")
hashes() { cut -d ' ' -f 4 "$1/blocks.list" | sort -u; }
check_eq "copies its blocks, and no others" "$(comm -13 <(hashes "$second") <(hashes "$third") | wc -l)" "$(copied)"
check "which are some" [ "$(copied)" -gt 0 ]
check "a fourth" backup "$D" "$B"
check_eq "copies none" 0 "$(copied)"
echo after >"$M/changed"
echo after >"$M/after"
sync "$M/changed" "$M/after"
check_eq "the mount knows what came after the first" "after after" "$(cat "$M/changed" "$M/after" | xargs)"
old_etag=$(etag_of after)

# ---- a damaged backup, and a place that is in use ----
check_not "a store is not restored over another" restore "$D" "$B"
check "which is said" grep -q 'there is a store in' "$WORK/err"
cp -r "$B" "$WORK/bad"
copy=$WORK/bad/copies/$(basename "$FIRST")
refused() { # SENTENCE WORD: restoring it is refused with that word, and leaves nothing
	check_not "$1" restore "$WORK/none" "$copy"
	check "with a word" grep -q "$2" "$WORK/err"
	check_not "and nothing stays" test -e "$WORK/none/postgres" -o -e "$WORK/none/blocks" -o -e "$WORK/none/credentials"
}
flip() { printf '\xa5\x5a\xa5' | dd of="$1" bs=1 seek="$2" conv=notrunc status=none; }
flip "$copy/docs.dump" 2000
refused "a dump with other bytes is refused" damaged
cp "$FIRST/docs.dump" "$copy/docs.dump"
sed -i '/users.dump/d' "$copy/manifest"
refused "a manifest that lacks a part is refused" damaged
cp "$FIRST/manifest" "$copy/manifest"
hash=$(sed -n '3p' "$copy/blocks.list" | cut -d ' ' -f 4)
block=$WORK/bad/blocks/${hash:0:2}/$hash
flip "$block" 40
refused "a block with other bytes is refused" "block $hash of drive [0-9]*: has other bytes"
rm "$block"
refused "a block that is gone is refused" "block $hash of drive [0-9]*: is not in the backup"

# ---- back ----
check "the store ends" down "$D"
check "a copy is restored" restore "$R" "$FIRST"
check "and starts, where the store was" up "$R"
check "by its own credentials all of it is whole" fsck
check "which say where it is" grep -qx "NEPHOS_URL=$URL" "$R/credentials"
for n in 1 2; do
	acked=acked_$n
	check "what writer $n wrote is there up to one moment" python3 "$E2E_ROOT/tests/lib/cut.py" judge "$URL" "$WORK" $n "${!acked}"
	sed 's/^/# /' "$WORK/check.out"
done
check_eq "the large file" "$(sha256sum <"$WORK/large")" "$(sum_of large)"
check_eq "the short one" "$(sha256sum <"$WORK/lines")" "$(sum_of lines)"
check_eq "what came later is not" 404 "$(http -H "@$WORK/key" "$FILES/late")"

# ---- clients of the old store ----
after=$(incarnation)
check "a drive has another incarnation" [ "$after" -gt "$before" ]
shows() { [ "$(cat "$M/changed")" = before ] && [ ! -e "$M/after" ]; }
check "the mount that stayed shows what is there now" eventually 60 shows
writes() { echo again >"$M/again" && sync "$M/again"; }
check "and writes" eventually 60 writes
check_eq "what everybody sees" again "$(curl -s --noproxy '*' -H "@$WORK/key" "$FILES/again")"
echo other >"$WORK/other"
check_eq "a file of the name that had come after" 201 "$(put "$WORK/other" after)"
check "has another ETag than that had" [ "$(etag_of after)" != "$old_etag" ]
check_eq "and is no match for it" 412 "$(http -T "$WORK/other" -H "If-Match: $old_etag" -H "@$WORK/key" "$FILES/after")"
check "a mount reads on: the large file" cmp "$M/large" "$WORK/large"

check "and comes off" "$BIN/nephos" umount "$M"

# ---- blocks in rows ----
check "its blocks move into rows" "$BIN/nephos-docs" --name mover --blocks-move dir:pg --blocks-dir "$R/blocks" \
	--database "host=$R/run/postgres port=5432 user=nephos dbname=docs" --cluster-key "$R/cluster.key"
check "a backup of them" backup "$R" "$B"
check_eq "copies none that it has" 0 "$(copied)"
psql_r() { psql -X -q -A -t -h "$R/run/postgres" -U postgres docs -c "$1"; }
check "the place can be said" psql_r "UPDATE block_place SET kind = 's3'"
check_not "blocks at a service of S3 that nobody says how to reach are not copied" backup "$R" "$B"
check "which is said" grep -q 'service of S3' "$WORK/err"
check "the store ends" down "$R"
check "they are restored, from the newest copy" restore "$WORK/rows" "$B"
check "and start" up "$WORK/rows"
R=$WORK/rows
check "whole" fsck
check_eq "no block is in a file" 0 "$(find "$R/blocks" -type f | wc -l)"
check_eq "they are read" "$(sha256sum <"$WORK/large")" "$(sum_of large)"
check_eq "with what came last" again "$(curl -s --noproxy '*' -H "@$WORK/key" "$FILES/again")"
check "and have another incarnation again" [ "$(incarnation)" -gt "$after" ]
e2e_end
