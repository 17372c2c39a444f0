#!/usr/bin/env bash
# Goal: a store whose blocks are objects of an S3 service is copied like any other store, once docs.conf says how to
# reach the service. The restored store has its blocks in files, and does not touch the blocks of the original store.
. "$(dirname "$0")/../lib/e2e.sh"
. "$(dirname "$0")/../lib/s3.sh"
PORT=$((${E2E_PORT:-18050} + 60))
BIN=${NEPHOS_BUILD_DIR:-$E2E_ROOT/build/dev}/bin
D=$WORK/store B=$WORK/backup R=$WORK/restored
unset NEPHOS_URL NEPHOS_USER NEPHOS_TOKEN NEPHOS_CREDENTIALS NEPHOS_PASSWORD
up() { "$E2E_ROOT/scripts/up" --data "$1" --port "$2" --user tester --gateways 1; }
down() { "$E2E_ROOT/scripts/down" --data "$1"; }
backup() { "$BIN/nephos" backup --data "$D" "$@" >"$WORK/out" 2>"$WORK/err"; }
sum_of() { curl -s --noproxy '*' -H "@$WORK/key" "http://127.0.0.1:$1/api/v2/docs/drives/home/files/$2" | sha256sum; }
at_end 'down "$D"; down "$R"'
s3_start
mkdir "$D"
install -m 600 "$WORK/s3.keys" "$D/s3.keys"
[ "$(id -u)" != 0 ] || { "$E2E_ROOT/scripts/deps" run && chown nephos: "$D/s3.keys"; }
cat >"$D/docs.conf" <<END
NEPHOS_BLOCKS=s3
NEPHOS_S3_ENDPOINT=$S3_URL
NEPHOS_S3_BUCKET=$S3_BUCKET
NEPHOS_S3_PREFIX=store/
NEPHOS_S3_KEYS=$D/s3.keys
END
chmod 666 "$D/docs.conf"
refused_up() { up "$D" $PORT >"$WORK/err" 2>&1; }
check_not "scripts/up refuses a docs.conf that other users can write" refused_up
check "the error of scripts/up says that others can write docs.conf" \
	grep -q 'others than its owner can write' "$WORK/err"
chmod 644 "$D/docs.conf"
check "scripts/up makes a store with its blocks in S3" up "$D" $PORT
(umask 077; . "$D/credentials"; printf 'Authorization: Bearer %s\n' "$NEPHOS_TOKEN" >"$WORK/key")
head -c 9000000 /dev/urandom >"$WORK/large"
check_eq "a PUT of a file of 9 MB gets 201" \
	201 "$(http -T "$WORK/large" -H "@$WORK/key" "http://127.0.0.1:$PORT/api/v2/docs/drives/home/files/large")"
objects=$(s3_count)
check "the bucket has at least three objects after the PUT" [ "$objects" -ge 3 ]
check_eq "the folder of blocks has no file after the PUT" 0 "$(find "$D/blocks" -type f | wc -l)"

check "nephos backup copies the store with blocks in S3" backup "$B"
check_eq "the backup has one file for each object" "$objects" "$(find "$B/blocks" -type f | wc -l)"
check "nephos backup copies the store into the bucket of its blocks" \
	backup "s3://$S3_BUCKET/backups" --s3-endpoint "$S3_URL" --s3-keys "$WORK/s3.keys"
check_not "nephos backup to an S3 service that does not exist fails" \
	backup s3://x-y-z/b --s3-endpoint http://127.0.0.1:1 --s3-keys "$WORK/s3.keys"
check "the error of nephos backup says that the place cannot be read" grep -q 'cannot be read' "$WORK/err"
mv "$D/docs.conf" "$WORK/"
check_not "nephos backup fails without docs.conf" backup "$B"
check "the error of nephos backup says which settings docs.conf needs" \
	grep -q "write NEPHOS_S3_ENDPOINT=.* into $D/docs.conf" "$WORK/err"
mv "$WORK/docs.conf" "$D/"
kill -STOP "$(s3_daemon rgw)"
at_end 'kill -CONT $(s3_daemon rgw)'
check_not "nephos backup fails while the S3 service does not answer" backup "$WORK/other"
check "the error of nephos backup says that blocks could not be copied" grep -q 'could not be copied' "$WORK/err"
kill -CONT "$(s3_daemon rgw)"

check "nephos restore makes a store from the backup" "$BIN/nephos" restore --data "$R" "$B"
check "the restored store starts beside the original store" up "$R" $((PORT + 5))
check_eq "the restored store has the bytes of the file" "$(sha256sum <"$WORK/large")" "$(sum_of $((PORT + 5)) large)"
check_eq "the restored store has one file for each object" "$objects" "$(find "$R/blocks" -type f | wc -l)"
check "nephos fsck finds nothing wrong in the restored store" "$BIN/nephos" fsck --credentials "$R/credentials"
check_eq "the original store still has the bytes of the file" "$(sha256sum <"$WORK/large")" "$(sum_of $PORT large)"
e2e_end
