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
check "scripts/up starts a store with one gateway" up "$D"
(umask 077; . "$D/credentials"; printf 'Authorization: Bearer %s\n' "$NEPHOS_TOKEN" >"$WORK/key")
head -c 9000000 /dev/urandom >"$WORK/large"
yes "a line that comes again" | head -c 3000000 >"$WORK/lines"
check_eq "a PUT of a large file gets 201" 201 "$(put "$WORK/large" large)"
check_eq "a PUT of a file that zstd can shorten gets 201" 201 "$(put "$WORK/lines" lines)"
(umask 077; cp "$D/credentials" "$WORK/credentials")
check "nephos mount mounts the store" \
	"$BIN/nephos" mount -o "credentials=$WORK/credentials,log=$WORK/mount.log" "$URL" "$M"
at_end '"$BIN/nephos" umount --force "$M"'
echo before >"$M/changed"
sync "$M/changed"
before=$(incarnation)
for n in 1 2; do
	python3 "$E2E_ROOT/tests/lib/cut.py" write "$URL" "$WORK" $n &
	writers[n]=$!
done
at_end 'touch "$WORK/stop"'
for n in 1 2; do check "writer $n has 30 changes acknowledged before the first backup" \
	eventually 60 has_acked $n 30; done
acked_1=$(acked 1) acked_2=$(acked 2)
check "nephos backup succeeds while two writers change the store" backup "$D" "$B"
FIRST=$(tail -n 1 "$WORK/out")
check "the first backup copies more than three blocks" [ "$(copied)" -gt 3 ]
for n in 1 2; do check "writer $n has five more changes acknowledged after the first backup" \
	eventually 60 has_acked $n $(($(acked $n) + 5)); done
touch "$WORK/stop"
for n in 1 2; do wait "${writers[n]}"; check_eq "writer $n ends without a refused change" 0 $?; done
check_eq "the folder of the backup has mode 700" 700 "$(stat -c %a "$B")"

# ---- the second one ----
check "a second backup succeeds after the writers ended" backup "$D" "$B"
second=$(tail -n 1 "$WORK/out")
head -c 6000000 /dev/urandom >"$WORK/late"
check_eq "a PUT of another file gets 201 after the second backup" 201 "$(put "$WORK/late" late)"
check "a third backup succeeds after the PUT" backup "$D" "$B"
third=$(tail -n 1 "$WORK/out")
hashes() { cut -d ' ' -f 4 "$1/blocks.list" | sort -u; }
check_eq "the third backup copies just the blocks that the second does not have" \
	"$(comm -13 <(hashes "$second") <(hashes "$third") | wc -l)" "$(copied)"
check "the third backup copies at least one block" [ "$(copied)" -gt 0 ]
check "a fourth backup succeeds without a change since the third" backup "$D" "$B"
check_eq "the fourth backup copies no blocks" 0 "$(copied)"
echo after >"$M/changed"
echo after >"$M/after"
sync "$M/changed" "$M/after"
check_eq "the mount shows the content that was written after the backups" \
	"after after" "$(cat "$M/changed" "$M/after" | xargs)"
old_etag=$(etag_of after)
check_refused "nephos backup refuses a folder in a mount of the store" "lies in a mount of a store, $M," \
	"$BIN/nephos" backup --data "$D" "$M/backup"
check_not "a refused backup makes no folder in the mount" test -e "$M/backup"

# ---- a damaged backup, and a place that is in use ----
check_not "nephos restore refuses a folder that has a store in it" restore "$D" "$B"
check "the error of nephos restore says that there is a store in the folder" grep -q 'there is a store in' "$WORK/err"
cp -r "$B" "$WORK/bad"
copy=$WORK/bad/copies/$(basename "$FIRST")
refused() { # WHAT WORD: restoring it is refused with that word, and leaves nothing
	check_not "nephos restore refuses $1" restore "$WORK/none" "$copy"
	check "the error for $1 names the reason" grep -q "$2" "$WORK/err"
	check_not "nephos restore leaves no files when it refuses $1" \
		test -e "$WORK/none/postgres" -o -e "$WORK/none/blocks" -o -e "$WORK/none/credentials"
}
flip() { printf '\xa5\x5a\xa5' | dd of="$1" bs=1 seek="$2" conv=notrunc status=none; }
flip "$copy/docs.dump" 2000
refused "a backup whose dump has changed bytes" damaged
cp "$FIRST/docs.dump" "$copy/docs.dump"
sed -i '/users.dump/d' "$copy/manifest"
refused "a backup whose manifest lacks a part" damaged
cp "$FIRST/manifest" "$copy/manifest"
hash=$(sed -n '3p' "$copy/blocks.list" | cut -d ' ' -f 4)
block=$WORK/bad/blocks/${hash:0:2}/$hash
flip "$block" 40
refused "a backup with a block that has changed bytes" "block $hash of drive [0-9]*: has other bytes"
rm "$block"
refused "a backup with a missing block" "block $hash of drive [0-9]*: is not in the backup"

# ---- a restore that is killed ----
H=$WORK/half
up_half() { "$E2E_ROOT/scripts/up" --data "$H" --port $((PORT + 5)) --user tester --gateways 1; }
incarnation_half() {
	curl -s --noproxy '*' -H "@$WORK/key" "http://127.0.0.1:$((PORT + 5))/api/v2/docs/drives/home" | jq -r .incarnation
}
setsid "$BIN/nephos" restore --data "$H" "$FIRST" >"$WORK/out" 2>"$WORK/err" &
killed=$!
has_blocks() { find "$H/blocks" -type f | grep -q .; }
at_end 'kill -9 "$(head -n 1 "$H/postgres/postmaster.pid")"'
check "a restore puts blocks into the folder of the store before it is killed" eventually 120 has_blocks
kill -9 -- -$killed
wait $killed 2>/dev/null # it ends by the signal, which says nothing here; only the shell's message is kept away
check_refused "scripts/up refuses what a killed restore left" 'the restore to .* was killed before its end' up_half
check_not "a refused scripts/up makes no cluster.key" test -e "$H/cluster.key"
check_refused "nephos backup refuses what a killed restore left" 'the restore to .* was killed before its end' \
	"$BIN/nephos" backup --data "$H" "$WORK/of-half"
check "the killed restore has left its work folder" sh -c 'ls -d "$1"/run/restore.work.*' - "$H"
echo "NEPHOS_URL=$URL" >"$H/credentials"
check_refused "nephos restore refuses what a killed restore left when a store was started there since" \
	'a store in .* already, which was started' "$BIN/nephos" restore --data "$H" "$FIRST"
check "nephos restore leaves blocks when it refuses what was started" has_blocks
rm "$H/credentials"
check "nephos restore makes a store where another restore was killed" restore "$H" "$FIRST"
check_eq "nephos restore removes the work folders of a killed one, and its own" \
	"" "$(find "$H/run" -name 'restore.work.*')"
check_eq "the store made after a killed restore has the cluster key of its backup" \
	"$(cat "$FIRST/cluster.key")" "$(cat "$H/cluster.key")"
check "scripts/up starts the store that was made after a killed restore" up_half
R=$H
at_end 'down "$H"'
check "the drive has a higher incarnation after the repeated restore" [ "$(incarnation_half)" -gt "$before" ]
check "nephos fsck finds nothing wrong after the repeated restore" fsck
check "scripts/down stops the store that was made after a killed restore" down "$H"
R=$WORK/restored

# ---- back ----
check "scripts/down stops the store after its backups" down "$D"
check "nephos restore makes a store from the first backup" restore "$R" "$FIRST"
check "scripts/up starts the restored store on the port of the old store" up "$R"
check "nephos fsck finds nothing wrong in the restored store" fsck
check "the restored store's credentials have its URL" grep -qx "NEPHOS_URL=$URL" "$R/credentials"
for n in 1 2; do
	acked=acked_$n
	check "the restored store has just the changes of writer $n up to one moment" \
		python3 "$E2E_ROOT/tests/lib/cut.py" judge "$URL" "$WORK" $n "${!acked}"
	sed 's/^/# /' "$WORK/check.out"
done
check_eq "the restored store has the content of the large file" "$(sha256sum <"$WORK/large")" "$(sum_of large)"
check_eq "the restored store has the content of the file that zstd can shorten" \
	"$(sha256sum <"$WORK/lines")" "$(sum_of lines)"
check_eq "a GET of a file that was stored after the first backup gets 404" 404 "$(http -H "@$WORK/key" "$FILES/late")"

# ---- clients of the old store ----
after=$(incarnation)
check "the drive has a higher incarnation after the restore" [ "$after" -gt "$before" ]
shows() { [ "$(cat "$M/changed")" = before ] && [ ! -e "$M/after" ]; }
check "the mount of the old store shows the files of the restored store" eventually 60 shows
writes() { echo again >"$M/again" && sync "$M/again"; }
check "the mount of the old store writes to the restored store" eventually 60 writes
check_eq "a GET returns the file that the mount wrote to the restored store" \
	again "$(curl -s --noproxy '*' -H "@$WORK/key" "$FILES/again")"
echo other >"$WORK/other"
check_eq "a PUT under the name of a file that the restore undid gets 201" 201 "$(put "$WORK/other" after)"
check "the new file of that name has another ETag than the undone file" [ "$(etag_of after)" != "$old_etag" ]
check_eq "a PUT with the ETag of the undone file in If-Match gets 412" \
	412 "$(http -T "$WORK/other" -H "If-Match: $old_etag" -H "@$WORK/key" "$FILES/after")"
check "the mount reads the large file after the restore" cmp "$M/large" "$WORK/large"

check "nephos umount unmounts the restored store" "$BIN/nephos" umount "$M"

# ---- blocks in rows ----
move() { # FROM:TO [COMMAND…]: by the command
	"${@:2}" "$BIN/nephos-docs" --name mover --blocks-move "$1" --blocks-dir "$R/blocks" \
		--database "host=$R/run/postgres port=5432 user=nephos dbname=docs" --cluster-key "$R/cluster.key"
}
by_services=()
[ "$(id -u)" != 0 ] || by_services=("$E2E_ROOT/scripts/lib/as-user" nephos "$BIN" "$R" "$R/blocks" "$R/run/postgres" --)
if [ "$(id -u)" = 0 ]; then
	check_refused "nephos-docs --blocks-move by root refuses a folder of blocks that belongs to another user" \
		'the folder belongs to the user nephos' move dir:pg
	check_eq "a refused move leaves the blocks in files" \
		dir "$(psql -X -q -A -t -h "$R/run/postgres" -U postgres docs -c 'SELECT kind FROM block_place')"
fi
check "nephos-docs --blocks-move moves the blocks of the restored store into rows" move dir:pg "${by_services[@]}"
check "a backup of blocks in rows succeeds" backup "$R" "$B"
check_eq "a backup of blocks in rows copies no block that an earlier backup copied from a file" 0 "$(copied)"
psql_r() { psql -X -q -A -t -h "$R/run/postgres" -U postgres docs -c "$1"; }
check "an UPDATE sets the kind of the block place in the database to s3" psql_r "UPDATE block_place SET kind = 's3'"
check_not "nephos backup without S3 settings refuses a store with its blocks in S3" backup "$R" "$B"
check "the error of nephos backup without S3 settings names the service of S3" grep -q 'service of S3' "$WORK/err"
check "scripts/down stops the restored store" down "$R"
check "nephos restore makes a store from the backup of blocks in rows" restore "$WORK/rows" "$B"
up_rows() { "$E2E_ROOT/scripts/up" --data "$WORK/rows" --port $PORT --gateways 1 >"$WORK/said"; }
check "scripts/up without --user starts the store with blocks in rows" up_rows
check "scripts/up prints the first user of the backup, and not the caller" grep -q '(user tester;' "$WORK/said"
check "the settings of the restored store name the first user of the backup" \
	grep -qx FIRST_USER=tester "$WORK/rows/settings"
R=$WORK/rows
check "nephos fsck finds nothing wrong in the store with blocks in rows" fsck
check_eq "the store with blocks in rows has no block in a file" 0 "$(find "$R/blocks" -type f | wc -l)"
check_eq "the large file is read from the store with blocks in rows" "$(sha256sum <"$WORK/large")" "$(sum_of large)"
check_eq "the store with blocks in rows has the file that was written last" \
	again "$(curl -s --noproxy '*' -H "@$WORK/key" "$FILES/again")"
check "the drive has a higher incarnation again after the second restore" [ "$(incarnation)" -gt "$after" ]
e2e_end
