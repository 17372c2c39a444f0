#!/usr/bin/env bash
# Goal: a store of many files (100,000 in the long form) is copied during writes, and the restored store is equal by
# digest. The test prints how long that takes, beside the times of other tools for the same store: pg_basebackup and
# cp -a of the blocks, and rsync the second time. Those tools check nothing, and their copy is not of one moment.
. "$(dirname "$0")/../lib/e2e.sh"
PORT=$((${E2E_PORT:-18050} + 60))
BIN=${NEPHOS_BUILD_DIR:-$E2E_ROOT/build/dev}/bin
FILES=${BACKUP_FILES:-$([ -n "${E2E_LONG:-}" ] && echo 100000 || echo 3000)}
D=$WORK/store B=$WORK/backup R=$WORK/restored M=$WORK/mount
export HOME=$WORK/home
unset NEPHOS_URL NEPHOS_USER NEPHOS_TOKEN NEPHOS_CREDENTIALS NEPHOS_PASSWORD
mkdir -p "$HOME" "$M"
URL=http://127.0.0.1:$PORT
up() { "$E2E_ROOT/scripts/up" --data "$1" --port "$2" --gateways 1 --user tester "${@:3}"; }
down() { "$E2E_ROOT/scripts/down" --data "$1"; }
acked() { wc -l <"$WORK/acked.1"; }
has_acked() { [ "$(acked)" -ge "$1" ]; }
digests() { (cd "$1/many" && find . -type f -print0 | xargs -0 -n 500 -P 4 sha256sum | sort -k 2); }
# timed NAME COMMAND…: runs the command, and sets TOOK_NAME to its seconds.
timed() {
	local begin=$EPOCHREALTIME status=0
	"${@:2}" >"$WORK/out" 2>"$WORK/err" || status=$?
	printf -v "TOOK_$1" %s "$(bc <<<"scale=1; ($EPOCHREALTIME - $begin) / 1")"
	return $status
}
ratio() { bc <<<"scale=2; $1 / $2"; }
at_end 'down "$D"; down "$R"'

check "scripts/up makes a store with one gateway" up "$D" $PORT
(umask 077; . "$D/credentials"; printf 'Authorization: Bearer %s\n' "$NEPHOS_TOKEN" >"$WORK/key")
check "$FILES files are written into the store" \
	timed fill python3 "$E2E_ROOT/tests/lib/fill_store.py" "$URL" "$WORK" "$FILES"
check_eq "the list of digests has $FILES lines" "$FILES" "$(wc -l <"$WORK/wanted")"

python3 "$E2E_ROOT/tests/lib/cut.py" write "$URL" "$WORK" 1 2>"$WORK/writer.err" &
writer=$!
at_end 'touch "$WORK/stop"'
check "the first 20 changes of a writer are acknowledged" eventually 60 has_acked 20
before=$(acked)
check "nephos backup copies the store during writes" timed first "$BIN/nephos" backup --data "$D" "$B"
sed 's/^/# /' "$WORK/out"
copy=$(tail -n 1 "$WORK/out")
check "nephos backup copies the store a second time during writes" timed second "$BIN/nephos" backup --data "$D" "$B"
sed 's/^/# /' "$WORK/out"
touch "$WORK/stop"
wait $writer
check_eq "the writer ends without an error" 0 $?
check "changes of the writer are acknowledged during the backups" [ "$(acked)" -gt "$before" ]

# ---- what other tools take, for the same store while nobody writes ----
basebackup() {
	rm -rf "$WORK/peer/rows"
	mkdir -p "$WORK/peer"
	"$(ls -d /usr/lib/postgresql/*/bin | sort -V | tail -n 1)/pg_basebackup" -h "$D/run/postgres" -U postgres -D "$WORK/peer/rows" -c fast &&
		"$@" && sync -f "$WORK/peer"
}
grep -q '^local replication' "$D/run/pg_hba.conf" || sed -i '1i local replication postgres peer map=nephos' "$D/run/pg_hba.conf"
psql -X -q -h "$D/run/postgres" -U postgres postgres -c 'SELECT pg_reload_conf()' >/dev/null
check "pg_basebackup and cp -a of the blocks succeed" timed peer basebackup cp -a "$D/blocks" "$WORK/peer/blocks"
check "pg_basebackup and rsync of the blocks succeed" timed again basebackup rsync -a "$D/blocks/" "$WORK/peer/blocks"
peer_back() { cp -a "$WORK/peer" "$WORK/peer2" && sync -f "$WORK/peer2"; }
check "cp -a of the copied rows and blocks succeeds" timed back peer_back
size=$(du -sm "$B" | cut -f 1)
rm -rf "$WORK/peer" "$WORK/peer2"

# ---- back ----
check "nephos restore --check accepts the first copy" timed check "$BIN/nephos" restore --check "$copy"
check "nephos restore makes a store from the first copy" timed restore "$BIN/nephos" restore --data "$R" "$copy"
check "the restored store starts with a mount" up "$R" $((PORT + 5)) --mount "$M"
digests "$M" >"$WORK/got"
check "all restored files are equal to the originals by digest" cmp "$WORK/wanted" "$WORK/got"
check "the restored files of the writer are of one moment of the original" \
	python3 "$E2E_ROOT/tests/lib/cut.py" judge "http://127.0.0.1:$((PORT + 5))" "$WORK" 1 "$before"
sed 's/^/# /' "$WORK/check.out"
check "nephos fsck finds nothing wrong in the restored store" "$BIN/nephos" fsck --credentials "$R/credentials"
echo "# $FILES files, a backup of $size MB; seconds: first $TOOK_first, second $TOOK_second, check $TOOK_check, restore $TOOK_restore;" \
	"pg_basebackup and cp -a $TOOK_peer, again with rsync $TOOK_again, cp -a back $TOOK_back"
echo "# ratios: first / pg_basebackup and cp -a $(ratio "$TOOK_first" "$TOOK_peer")," \
	"second / again with rsync $(ratio "$TOOK_second" "$TOOK_again"), restore / cp -a back $(ratio "$TOOK_restore" "$TOOK_back")"
e2e_end
