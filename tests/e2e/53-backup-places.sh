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
copied() { sed -n 's/^\([0-9]*\) blocks of .* copied.*/\1/p' "$WORK/out" | tail -n 1; }
put() { http -T "$1" -H "@$WORK/key" "$FILES/$2"; }
refused() { # SENTENCE WORD PLACE…
	check_not "$1" backup "${@:3}"
	check "which is said" grep -q -e "$2" "$WORK/err"
}
at_end 'down "$FIRST_D"; down "$R"'

check "a store" up "$D" $PORT
(umask 077; . "$D/credentials"; printf 'Authorization: Bearer %s\n' "$NEPHOS_TOKEN" >"$WORK/key")
head -c 9000000 /dev/urandom >"$WORK/large"
head -c 100000 /dev/urandom >"$WORK/small"
check_eq "a large file" 201 "$(put "$WORK/large" large)"
check_eq "and a small one" 201 "$(put "$WORK/small" small)"

# ---- no place for a backup ----
refused "a folder in the store is no place" 'lies in the store' "$D/backup"
refused "nor one that has the store in it" 'choose a folder that has nothing but backups' "$WORK"
mkdir -p "$WORK/full" "$WORK/open" && echo mine >"$WORK/full/letter" && chmod 777 "$WORK/open"
refused "a folder with other things is none" 'other things in it, such as letter' "$WORK/full"
check_eq "and stays as it was" "letter" "$(ls -A "$WORK/full")"
refused "nor one that others can write to" 'others than its owner can write' "$WORK/open"
if [ "$(id -u)" = 0 ]; then
	install -d -o nobody "$WORK/foreign"
	refused "nor somebody else's" 'belongs to nobody' "$WORK/foreign"
fi
refused "nor a file" 'is no folder' "$WORK/full/letter"
refused "nor what is not known" 'a backup lies in a folder, or at s3://' "ftp://host/x"
refused "a service of S3 has to be named" '--s3-endpoint URL and --s3-keys FILE' s3://bucket/x
refused "and only where one is meant" 'not in the folder' "$WORK/b" --s3-keys "$WORK/key"
check_not "a store has to be there" "$BIN/nephos" backup --data "$WORK/none" "$WORK/b"
check_eq "a place has to be said" 2 "$("$BIN/nephos" backup >/dev/null 2>&1; echo $?)"

# ---- a backup that is killed between the two databases, and the next backup ----
B=$WORK/backup
psql_d() { psql -X -q -A -t -h "$D/run/postgres" -U postgres "$@"; }
mkfifo "$WORK/hold"
psql_d users <"$WORK/hold" >"$WORK/held" &
exec {hold}>"$WORK/hold"
printf 'BEGIN;\nLOCK TABLE account;\nSELECT 1;\n' >&$hold
check "while somebody holds the accounts" eventually 20 test -s "$WORK/held"
setsid "$BIN/nephos" backup --data "$D" "$B" >"$WORK/out" 2>"$WORK/err" &
killed=$!
check "a backup waits for them" eventually 30 test -e "$B/copies/.new/users.dump"
check_not "another one beside it is refused" "$BIN/nephos" backup --data "$D" "$WORK/b"
kill -9 -- -$killed
wait $killed 2>/dev/null
exec {hold}>&-
check "the one that was killed is none" grep -q 'no copy that is whole' <(restore --check "$B"; cat "$WORK/err")
head -c 70 /dev/urandom >"$B/blocks/half.1.new"
check "the next one goes on" backup "$B"
check_eq "and leaves nothing of it" "" "$(find "$B" -name '*.new')"
check "all of it is there" restore --check "$B"
check_not "a check makes no store" restore --check --data "$R" "$B"
for kept in credentials store.id etcd-1; do
	mkdir "$WORK/kept" && echo mine >"$WORK/kept/$kept"
	check_not "a folder with a file $kept is none for a store" restore --data "$WORK/kept" "$B"
	check_eq "and the file stays" mine "$(cat "$WORK/kept/$kept")"
	rm -r "$WORK/kept"
done
mkdir "$WORK/other" && cp "$B/store.id" "$WORK/other" && sed -i 's/^..../ffff/' "$WORK/other/store.id"
refused "a place with the backups of another store is none" 'backups of another store' "$WORK/other"

# ---- no room ----
if [ "$(id -u)" = 0 ]; then
	mkdir "$WORK/disk"
	mount -t tmpfs -o size=6m,mode=700 tmpfs "$WORK/disk" || exit 2
	at_end 'umount "$WORK/disk"'
	refused "a disk that has no room for it" 'no room left' "$WORK/disk"
	check_eq "has no copy" "" "$(ls -A "$WORK/disk/copies")"
	check_eq "and no half of a block" "" "$(find "$WORK/disk" -name '*.new')"
	mount -o remount,size=64m "$WORK/disk"
	check "with more room the next one goes on" backup "$WORK/disk"
	check "and is whole" restore --check "$WORK/disk"
fi

# ---- in an S3 service ----
s3_start
s3_proxy
AT=(--s3-endpoint "$S3_URL" --s3-keys "$WORK/s3.keys")
BEHIND=(--s3-endpoint "$S3_PROXY" --s3-keys "$WORK/s3.keys")
P=s3://$S3_BUCKET/backups/ours
check "what is kept at a service is as in a folder" env S3_TEST_ENDPOINT="$S3_URL" S3_TEST_BUCKET=$S3_BUCKET \
	S3_TEST_KEYS="$WORK/s3.keys" "$BIN/../tests/bin/test_vault"
refused "a bucket that is not there" 'no such bucket' s3://no-such/x "${AT[@]}"
sed 's/SECRET_ACCESS_KEY=.*/SECRET_ACCESS_KEY=x/' "$WORK/s3.keys" >"$WORK/odd.keys" && chmod 600 "$WORK/odd.keys"
refused "keys that it does not know" 'does not know these keys' "$P" --s3-endpoint "$S3_URL" --s3-keys "$WORK/odd.keys"
chmod 666 "$WORK/odd.keys"
refused "keys that others can write" 'chmod 600' "$P" --s3-endpoint "$S3_URL" --s3-keys "$WORK/odd.keys"

blocks_there() { s3 GET "/$S3_BUCKET?list-type=2&max-keys=1000&prefix=backups%2Fours%2Fblocks" | grep -o '<Key>[^<]*' | wc -l; }
check "a backup there" backup "$P" "${BEHIND[@]}"
check_eq "has each block once" "$(blocks_there)" "$(copied)"
FIRST=$(tail -n 1 "$WORK/out")
check "a second one" backup "$P" "${AT[@]}"
check_eq "copies none" 0 "$(copied)"
head -c 6000000 /dev/urandom >"$WORK/late"
check_eq "a file that comes later" 201 "$(put "$WORK/late" late)"
s3_mode busy 100000
setsid "$BIN/nephos" backup --data "$D" "$P" "${BEHIND[@]}" >"$WORK/out" 2>"$WORK/err" &
killed=$!
check "one to a service that is busy waits" eventually 30 pgrep -g $killed nephos-docs
kill -9 -- -$killed
wait $killed 2>/dev/null
s3_mode lose 1
check "when that is killed the next one copies what is new, whatever answer is lost" backup "$P" "${BEHIND[@]}"
check_eq "and no more" 2 "$(copied)"
LAST=$(tail -n 1 "$WORK/out")
moment=${LAST##*/}
s3_mode pass
check "the newest is whole" restore --check "$P" "${AT[@]}"
check "and it is the one" grep -q "$moment" "$WORK/out"
check "the first is, too" restore --check "$FIRST" "${AT[@]}"

at_s3() { # DO NAME, of the place itself
	"$BIN/nephos-docs" --database none --cluster-key none --backup "$P" --backup-endpoint "$S3_URL" --backup-keys "$WORK/s3.keys" --backup-do "$1" --backup-name "$2"
}
broken() { # SENTENCE WORD COPY
	check_not "$1" restore --data "$WORK/none" "$3" "${AT[@]}"
	check "with a word" grep -q -e "$2" "$WORK/err"
	check_not "and nothing stays" test -e "$WORK/none/postgres" -o -e "$WORK/none/credentials" -o -e "$WORK/none/settings"
}
name=copies/$moment
at_s3 get "$name/docs.dump" >"$WORK/dump"
head -c 3000 "$WORK/dump" | at_s3 put "$name/docs.dump"
broken "a dump that is cut short is refused" damaged "$LAST"
at_s3 put "$name/docs.dump" <"$WORK/dump"
at_s3 remove "$name/users.dump.000000"
broken "one that is missing is refused" 'users.dump of the copy .* is missing' "$LAST"
at_s3 remove "$name/manifest.000000"
broken "a copy without its manifest is none" 'has no manifest' "$LAST"
hash=$(at_s3 get "${FIRST#"$P/"}/blocks.list" | sed -n 2p | cut -d ' ' -f 4)
at_s3 remove "blocks/${hash:0:2}/$hash"
check_not "a block that is gone is missed" restore --check "$P" "${AT[@]}"
check "by its name" grep -q "block $hash of drive [0-9]*: is not in the backup" "$WORK/err"
check "the next backup has it again" backup "$P" "${AT[@]}"
check_eq "and no other" 1 "$(copied)"
at_s3 list copies/ >"$WORK/names"
check "a half that is not old yet stays" grep -q "$name/docs.dump" "$WORK/names"
at_s3 put copies/2020-01-01T00.00.00.000Z/docs.dump <"$WORK/small"
check "one more backup" backup "$P" "${AT[@]}"
at_s3 list copies/ >"$WORK/names"
check_not "removes one that is old" grep -q copies/2020 "$WORK/names"

check "a store is made of it" restore --data "$R" "$P" "${AT[@]}"
check "which starts" up "$R" $((PORT + 5))
check "is whole" "$BIN/nephos" fsck --credentials "$R/credentials"
for file in large small late; do
	check_eq "and has $file" "$(sha256sum <"$WORK/$file")" \
		"$(curl -s --noproxy '*' -H "@$WORK/key" "http://127.0.0.1:$((PORT + 5))/api/v2/docs/drives/home/files/$file" | sha256sum)"
done
D=$R
check "its backups go on at the same place" backup "$P" "${AT[@]}"
check_eq "and copy none" 0 "$(copied)"
check_eq "no key was said" 0 "$(cat "$WORK/out" "$WORK/err" "$D/log"/*.log | grep -c "$S3_SECRET")"
e2e_end
