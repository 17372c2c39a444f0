#!/usr/bin/env bash
# Goal: where a backup may lie, and what happens when that place is unusable: other files in it, another store's
# backups, no room, a killed backup. A backup in a real S3 service is as good as one in a folder: the next one copies
# what is new, damaged and missing objects are named, and a store can be restored from it.
. "$(dirname "$0")/../lib/e2e.sh"
. "$(dirname "$0")/../lib/s3.sh"
PORT=$((${E2E_PORT:-18050} + 60))
BIN=${NEPHOS_BUILD_DIR:-$E2E_ROOT/build/dev}/bin
D=$WORK/'a $tore`s "own"' R=$WORK/restored # backup puts this path into a line for sh
FIRST_D=$D
unset NEPHOS_URL NEPHOS_USER NEPHOS_TOKEN NEPHOS_CREDENTIALS NEPHOS_PASSWORD
URL=http://127.0.0.1:$PORT
FILES=$URL/api/v2/docs/drives/home/files
up() { "$E2E_ROOT/scripts/up" --data "$1" --port "$2" --user tester --gateways 1; }
down() { "$E2E_ROOT/scripts/down" --data "$1"; }
backup() { "$BIN/nephos" backup --data "$D" "$@" >"$WORK/out" 2>"$WORK/err"; }
restore() { "$BIN/nephos" restore "$@" >"$WORK/out" 2>"$WORK/err"; }
restore_says() { restore "$@" || { cat "$WORK/err"; return 1; }; }
copied() { sed -n 's/^\([0-9]*\) blocks of .* copied.*/\1/p' "$WORK/out" | tail -n 1; }
put() { http -T "$1" -H "@$WORK/key" "$FILES/$2"; }
refused() { # WHAT WORD PLACE…
	check_not "nephos backup refuses $1" backup "${@:3}"
	check "the error for $1 names the reason" grep -q -e "$2" "$WORK/err"
}
at_end 'down "$FIRST_D"; down "$R"'

check "scripts/up starts a store with special characters in its path" up "$D" $PORT
(umask 077; . "$D/credentials"; printf 'Authorization: Bearer %s\n' "$NEPHOS_TOKEN" >"$WORK/key")
head -c 9000000 /dev/urandom >"$WORK/large"
head -c 100000 /dev/urandom >"$WORK/small"
check_eq "a PUT of a large file gets 201" 201 "$(put "$WORK/large" large)"
check_eq "a PUT of a small file gets 201" 201 "$(put "$WORK/small" small)"

# ---- no place for a backup ----
refused "a folder in the store" 'lies in the store' "$D/backup"
refused "a folder that has the store in it" 'choose a folder that has nothing but backups' "$WORK"
mkdir -p "$WORK/full" "$WORK/open" && echo mine >"$WORK/full/letter" && chmod 777 "$WORK/open"
refused "a folder with other files in it" 'other things in it, such as letter' "$WORK/full"
check_eq "nephos backup adds nothing to the refused folder with other files" "letter" "$(ls -A "$WORK/full")"
refused "a folder that others can write to" 'others than its owner can write' "$WORK/open"
if [ "$(id -u)" = 0 ]; then
	install -d -o nobody "$WORK/foreign"
	refused "a folder that belongs to another user" 'belongs to nobody' "$WORK/foreign"
fi
refused "a file instead of a folder" 'is no folder' "$WORK/full/letter"
refused "a place of an unknown kind" 'a backup lies in a folder, or at s3://' "ftp://host/x"
refused "a bucket without the settings of an S3 service" '--s3-endpoint URL and --s3-keys FILE' s3://bucket/x
refused "a folder with S3 settings" 'not in the folder' "$WORK/b" --s3-keys "$WORK/key"
check_refused "nephos backup of a folder without a store fails" "no store in $WORK/none" \
	"$BIN/nephos" backup --data "$WORK/none" "$WORK/b"
check_eq "nephos backup without arguments exits with 2" 2 "$("$BIN/nephos" backup >/dev/null 2>&1; echo $?)"

# ---- a backup that is killed between the two databases, and the next backup ----
B=$WORK/backup
psql_d() { psql -X -q -A -t -h "$D/run/postgres" -U postgres "$@"; }
mkfifo "$WORK/hold"
psql_d users <"$WORK/hold" >"$WORK/held" &
exec {hold}>"$WORK/hold"
printf 'BEGIN;\nLOCK TABLE account;\nSELECT 1;\n' >&$hold
check "a transaction locks the table of accounts" eventually 20 test -s "$WORK/held"
setsid "$BIN/nephos" backup --data "$D" "$B" >"$WORK/out" 2>"$WORK/err" &
killed=$!
check "a backup begins its dump of the accounts, which are locked" eventually 30 test -e "$B/copies/.new/users.dump"
check_refused "nephos backup fails while another backup of the store is running" 'another backup of the store in ' \
	"$BIN/nephos" backup --data "$D" "$WORK/b"
kill -9 -- -$killed
wait $killed 2>/dev/null
exec {hold}>&-
check "nephos restore --check says that the killed backup is no whole copy" \
	grep -q 'no copy that is whole' <(restore --check "$B"; cat "$WORK/err")
head -c 70 /dev/urandom >"$B/blocks/half.1.new"
check "nephos backup succeeds after a killed backup" backup "$B"
check_eq "the next backup removes all .new files of the killed backup" "" "$(find "$B" -name '*.new' 2>&1)"
check "nephos restore --check finds the backup after the killed one whole" restore --check "$B"
check_refused "nephos restore --check with --data fails" '--check makes no store: leave --data out' \
	restore_says --check --data "$R" "$B"
check_refused "nephos restore refuses to make a store in the backup" "$B/inside lies in the backup, $B" \
	restore_says --data "$B/inside" "$B"
check_not "nothing is in the backup after the refused restore" test -e "$B/inside"
if [ "$(id -u)" = 0 ]; then
	mkdir -m 700 "$WORK/closed"
	closed() { (cd / && setpriv --reuid=nobody --regid=nogroup --clear-groups "$E2E_ROOT/scripts/restore" --data "$WORK/none" "$@"); }
	chmod o+x "$WORK"
	check_refused "a restore by a user who may not read the backup says whose it is" \
		"$WORK/closed belongs to root, and cannot be read by you" closed "$WORK/closed"
fi
mkdir "$WORK/nothing"
check_refused "nephos restore --check of a folder below /tmp without a backup says that it is no copy" \
	"$WORK/nothing is no copy of a store: it has no manifest" restore_says --check "$WORK/nothing"
for kept in credentials store.id etcd-1; do
	mkdir "$WORK/kept" && echo mine >"$WORK/kept/$kept"
	check_refused "nephos restore refuses a folder with a file $kept in it" "there is a store in .* already: $kept" \
		restore_says --data "$WORK/kept" "$B"
	check_eq "the file $kept is unchanged after the refused restore" mine "$(cat "$WORK/kept/$kept")"
	rm -r "$WORK/kept"
done
mkdir "$WORK/other" && cp "$B/store.id" "$WORK/other" && sed -i 's/^..../ffff/' "$WORK/other/store.id"
refused "a folder with the backups of another store" 'backups of another store' "$WORK/other"

# ---- no room ----
if [ "$(id -u)" = 0 ]; then
	mkdir "$WORK/disk"
	mount -t tmpfs -o size=6m,mode=700 tmpfs "$WORK/disk" || exit 2
	at_end 'umount "$WORK/disk"'
	refused "a disk without room for the backup" 'no room left' "$WORK/disk"
	check_eq "the disk without room has no copy after the failed backup" "" "$(ls -A "$WORK/disk/copies" 2>&1)"
	check_eq "the disk without room has no .new files after the failed backup" \
		"" "$(find "$WORK/disk" -name '*.new' 2>&1)"
	mount -o remount,size=64m "$WORK/disk"
	check "nephos backup succeeds once the disk has more room" backup "$WORK/disk"
	check "nephos restore --check finds the backup on the disk with more room whole" restore --check "$WORK/disk"
fi

# ---- in an S3 service ----
s3_start
s3_proxy
AT=(--s3-endpoint "$S3_URL" --s3-keys "$WORK/s3.keys")
BEHIND=(--s3-endpoint "$S3_PROXY" --s3-keys "$WORK/s3.keys")
P=s3://$S3_BUCKET/backups/ours
check "the unit test of backup places passes against a real S3 service" \
	env S3_TEST_ENDPOINT="$S3_URL" S3_TEST_BUCKET=$S3_BUCKET \
	S3_TEST_KEYS="$WORK/s3.keys" "$BIN/../tests/bin/test_vault"
refused "a bucket that does not exist" 'no such bucket' s3://no-such/x "${AT[@]}"
sed 's/SECRET_ACCESS_KEY=.*/SECRET_ACCESS_KEY=x/' "$WORK/s3.keys" >"$WORK/odd.keys" && chmod 600 "$WORK/odd.keys"
refused "keys that the S3 service does not know" \
	'does not know these keys' "$P" --s3-endpoint "$S3_URL" --s3-keys "$WORK/odd.keys"
chmod 666 "$WORK/odd.keys"
refused "a file of keys that others can write" 'chmod 600' "$P" --s3-endpoint "$S3_URL" --s3-keys "$WORK/odd.keys"

blocks_there() { s3 GET "/$S3_BUCKET?list-type=2&max-keys=1000&prefix=backups%2Fours%2Fblocks" | grep -o '<Key>[^<]*' | wc -l; }
check "nephos backup to an S3 service succeeds" backup "$P" "${BEHIND[@]}"
check_eq "the S3 service has as many block objects as the backup copied blocks" "$(blocks_there)" "$(copied)"
FIRST=$(tail -n 1 "$WORK/out")
check "a second backup to the S3 service succeeds" backup "$P" "${AT[@]}"
check_eq "the second backup to the S3 service copies no blocks" 0 "$(copied)"
head -c 6000000 /dev/urandom >"$WORK/late"
check_eq "a PUT of another file gets 201 after the second backup" 201 "$(put "$WORK/late" late)"
s3_mode busy 100000
setsid "$BIN/nephos" backup --data "$D" "$P" "${BEHIND[@]}" >"$WORK/out" 2>"$WORK/err" &
killed=$!
check "a backup to a busy S3 service is running before it is killed" eventually 30 pgrep -g $killed nephos-docs
kill -9 -- -$killed
wait $killed 2>/dev/null
s3_mode lose 1
check "nephos backup succeeds after a killed one, although the answer to one S3 PUT is lost" backup "$P" "${BEHIND[@]}"
check_eq "the backup after the killed one copies just 2 blocks" 2 "$(copied)"
LAST=$(tail -n 1 "$WORK/out")
moment=${LAST##*/}
s3_mode pass
check "nephos restore --check finds the newest copy in S3 whole" restore --check "$P" "${AT[@]}"
check "nephos restore --check of the place names the newest copy" grep -q "$moment" "$WORK/out"
check "nephos restore --check finds the first copy in S3 whole" restore --check "$FIRST" "${AT[@]}"

at_s3() { # DO NAME, of the place itself
	"$BIN/nephos-docs" --database none --cluster-key none --backup "$P" --backup-endpoint "$S3_URL" --backup-keys "$WORK/s3.keys" --backup-do "$1" --backup-name "$2"
}
broken() { # WHAT WORD COPY
	check_not "nephos restore refuses $1" restore --data "$WORK/none" "$3" "${AT[@]}"
	check "the error for $1 names the reason" grep -q -e "$2" "$WORK/err"
	check_not "nephos restore leaves no files when it refuses $1" \
		test -e "$WORK/none/postgres" -o -e "$WORK/none/credentials" -o -e "$WORK/none/settings"
}
name=copies/$moment
at_s3 get "$name/docs.dump" >"$WORK/dump"
head -c 3000 "$WORK/dump" | at_s3 put "$name/docs.dump"
broken "a copy whose dump is cut short" damaged "$LAST"
at_s3 put "$name/docs.dump" <"$WORK/dump"
at_s3 remove "$name/users.dump.000000"
broken "a copy with a missing dump" 'users.dump of the copy .* is missing' "$LAST"
at_s3 remove "$name/manifest.000000"
broken "a copy without its manifest" 'has no manifest' "$LAST"
hash=$(at_s3 get "${FIRST#"$P/"}/blocks.list" | sed -n 2p | cut -d ' ' -f 4)
at_s3 remove "blocks/${hash:0:2}/$hash"
check_not "nephos restore --check fails when a block is missing in S3" restore --check "$P" "${AT[@]}"
check "the error of nephos restore --check names the missing block" \
	grep -q "block $hash of drive [0-9]*: is not in the backup" "$WORK/err"
check "nephos backup succeeds when a block is missing in S3" backup "$P" "${AT[@]}"
check_eq "the backup after the loss of a block copies one block" 1 "$(copied)"
at_s3 list copies/ >"$WORK/names"
check "an incomplete copy that is not old stays in S3 after the next backup" grep -q "$name/docs.dump" "$WORK/names"
at_s3 put copies/2020-01-01T00.00.00.000Z/docs.dump <"$WORK/small"
check "nephos backup succeeds beside an incomplete copy from 2020" backup "$P" "${AT[@]}"
at_s3 list copies/ >"$WORK/names"
check "nephos backup removes the incomplete copy from 2020 and leaves whole copies" \
	sh -c 'grep -q "^copies/2[^/]*/manifest" "$1" && ! grep -q copies/2020 "$1"' - "$WORK/names"

check "nephos restore makes a store from S3" restore --data "$R" "$P" "${AT[@]}"
check "scripts/up starts the store that was restored from S3" up "$R" $((PORT + 5))
check "nephos fsck finds nothing wrong in the store that was restored from S3" \
	"$BIN/nephos" fsck --credentials "$R/credentials"
for file in large small late; do
	check_eq "the store that was restored from S3 has the content of the file $file" "$(sha256sum <"$WORK/$file")" \
		"$(curl -s --noproxy '*' -H "@$WORK/key" "http://127.0.0.1:$((PORT + 5))/api/v2/docs/drives/home/files/$file" | sha256sum)"
done
D=$R
check "nephos backup of the restored store to the same place in S3 succeeds" backup "$P" "${AT[@]}"
check_eq "the backup of the restored store copies no blocks" 0 "$(copied)"
check_eq "neither the last backup's output nor the restored store's logs have the S3 secret" \
	0 "$(cat "$WORK/out" "$WORK/err" "$D/log"/*.log | grep -c "$S3_SECRET")"
e2e_end
