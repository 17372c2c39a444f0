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
check_not "settings that others can change are not told" refused_up
check "which is said" grep -q 'others than its owner can write' "$WORK/err"
chmod 644 "$D/docs.conf"
check "a store with its blocks at S3" up "$D" $PORT
(umask 077; . "$D/credentials"; printf 'Authorization: Bearer %s\n' "$NEPHOS_TOKEN" >"$WORK/key")
head -c 9000000 /dev/urandom >"$WORK/large"
check_eq "a large file" 201 "$(http -T "$WORK/large" -H "@$WORK/key" "http://127.0.0.1:$PORT/api/v2/docs/drives/home/files/large")"
objects=$(s3_count)
check "is objects" [ "$objects" -ge 3 ]
check_eq "and no file" 0 "$(find "$D/blocks" -type f | wc -l)"

check "a backup of it" backup "$B"
check_eq "has each" "$objects" "$(find "$B/blocks" -type f | wc -l)"
check "one beside the blocks, in the same bucket" backup "s3://$S3_BUCKET/backups" --s3-endpoint "$S3_URL" --s3-keys "$WORK/s3.keys"
check_not "a service that is not there has none" backup s3://x-y-z/b --s3-endpoint http://127.0.0.1:1 --s3-keys "$WORK/s3.keys"
check "which is said" grep -q 'cannot be read' "$WORK/err"
mv "$D/docs.conf" "$WORK/"
check_not "where nobody says how they are reached there is none" backup "$B"
check "which is said, and what to do" grep -q "write NEPHOS_S3_ENDPOINT=.* into $D/docs.conf" "$WORK/err"
mv "$WORK/docs.conf" "$D/"
kill -STOP "$(s3_daemon rgw)"
at_end 'kill -CONT $(s3_daemon rgw)'
check_not "nor while the service is silent" backup "$WORK/other"
check "which is said" grep -q 'could not be copied' "$WORK/err"
kill -CONT "$(s3_daemon rgw)"

check "it comes back" "$BIN/nephos" restore --data "$R" "$B"
check "and starts beside it" up "$R" $((PORT + 5))
check_eq "with the file" "$(sha256sum <"$WORK/large")" "$(sum_of $((PORT + 5)) large)"
check_eq "in files" "$objects" "$(find "$R/blocks" -type f | wc -l)"
check "whole" "$BIN/nephos" fsck --credentials "$R/credentials"
check_eq "the other store has its own" "$(sha256sum <"$WORK/large")" "$(sum_of $PORT large)"
e2e_end
