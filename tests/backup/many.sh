#!/usr/bin/env bash
# Goal: a store of many files (100,000 in the long form) is copied while it is written to, and comes back equal by
# digest. What that takes is printed beside what others take for the same store: pg_basebackup and cp -a of its blocks,
# which are no copy of one moment, and rsync of the mount.
. "$(dirname "$0")/../lib/e2e.sh"
PORT=$((${E2E_PORT:-18050} + 60))
BIN=${NEPHOS_BUILD_DIR:-$E2E_ROOT/build/dev}/bin
FILES=${BACKUP_FILES:-$([ -n "${E2E_LONG:-}" ] && echo 100000 || echo 3000)}
D=$WORK/store B=$WORK/backup R=$WORK/restored M=$WORK/mount N=$WORK/mount2
export HOME=$WORK/home
unset NEPHOS_URL NEPHOS_USER NEPHOS_TOKEN NEPHOS_CREDENTIALS NEPHOS_PASSWORD
mkdir -p "$HOME" "$M" "$N"
URL=http://127.0.0.1:$PORT
up() { "$E2E_ROOT/scripts/up" --data "$1" --port "$2" --gateways 1 --user tester --mount "$3"; }
down() { "$E2E_ROOT/scripts/down" --data "$1"; }
acked() { wc -l <"$WORK/acked.1"; }
has_acked() { [ "$(acked)" -ge "$1" ]; }
digests() { (cd "$1/many" && find . -type f -print0 | xargs -0 -n 500 -P 4 sha256sum | sort -k 2); }
# timed NAME COMMAND…: its seconds are TOOK_NAME
timed() {
	local begin=$EPOCHREALTIME status=0
	"${@:2}" >"$WORK/out" 2>"$WORK/err" || status=$?
	printf -v "TOOK_$1" %s "$(bc <<<"scale=1; ($EPOCHREALTIME - $begin) / 1")"
	return $status
}
ratio() { bc <<<"scale=2; $1 / $2"; }
at_end 'down "$D"; down "$R"'

check "a store" up "$D" $PORT "$M"
(umask 077; . "$D/credentials"; printf 'Authorization: Bearer %s\n' "$NEPHOS_TOKEN" >"$WORK/key")
# Four write at once: most files are small, some lie in blocks, no two are alike.
cat >"$WORK/fill.py" <<'END'
import os, random, sys
root, first, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
rng = random.Random(first)
for n in range(first, first + count):
    folder = f"{root}/many/{n // 500:04d}"
    os.makedirs(folder, exist_ok=True)
    size = rng.choice((300, 2000, 6000, 9000, 20000, 40000, 60000, 90000))
    with open(f"{folder}/f{n:06d}", "wb") as f:
        f.write(rng.randbytes(size))
END
fill() {
	local n pids=()
	for n in 0 1 2 3; do
		python3 "$WORK/fill.py" "$M" $((n * FILES / 4)) $((FILES / 4)) &
		pids+=($!)
	done
	wait "${pids[@]}"
}
check "$FILES files" timed fill fill
sync "$M"
check_eq "all of which are there" "$FILES" "$(find "$M/many" -type f | wc -l)"
digests "$M" >"$WORK/wanted"

python3 "$E2E_ROOT/tests/lib/cut.py" write "$URL" "$WORK" 1 2>"$WORK/writer.err" &
writer=$!
at_end 'touch "$WORK/stop"'
check "somebody writes" eventually 60 has_acked 20
before=$(acked)
check "a backup" timed first "$BIN/nephos" backup --data "$D" "$B"
sed 's/^/# /' "$WORK/out"
copy=$(tail -n 1 "$WORK/out")
check "a second one" timed second "$BIN/nephos" backup --data "$D" "$B"
sed 's/^/# /' "$WORK/out"
touch "$WORK/stop"
wait $writer
check_eq "who writes was never refused" 0 $?
check "he goes on meanwhile" [ "$(acked)" -gt "$before" ]

# ---- what others take, for the same store while nobody writes ----
basebackup() {
	rm -rf "$WORK/peer"
	mkdir -p "$WORK/peer"
	psql -X -q -h "$D/run/postgres" -U postgres postgres -c CHECKPOINT
	"$(ls -d /usr/lib/postgresql/*/bin | sort -V | tail -n 1)/pg_basebackup" -h "$D/run/postgres" -U postgres -D "$WORK/peer/rows" -c fast &&
		cp -a "$D/blocks" "$WORK/peer/blocks" && sync -f "$WORK/peer"
}
grep -q '^local replication' "$D/run/pg_hba.conf" || sed -i '1i local replication postgres peer map=nephos' "$D/run/pg_hba.conf"
psql -X -q -h "$D/run/postgres" -U postgres postgres -c 'SELECT pg_reload_conf()' >/dev/null
check "pg_basebackup and cp -a of the blocks" timed peer basebackup
check "rsync of the mount" timed rsync rsync -a "$M/many" "$WORK/rsync/"
check "and again" timed rsync2 rsync -a "$M/many" "$WORK/rsync/"
peer_back() { cp -a "$WORK/peer" "$WORK/peer2" && sync -f "$WORK/peer2"; }
check "cp -a of that back" timed back peer_back
size=$(du -sm "$B" | cut -f 1)
rm -rf "$WORK/peer" "$WORK/peer2" "$WORK/rsync"

# ---- back ----
check "the first copy is read and checked" timed check "$BIN/nephos" restore --check "$copy"
check "and restored" timed restore "$BIN/nephos" restore --data "$R" "$copy"
check "it starts" up "$R" $((PORT + 5)) "$N"
digests "$N" >"$WORK/got"
check "all files are equal by digest" cmp "$WORK/wanted" "$WORK/got"
check "and what was written meanwhile is one moment" python3 "$E2E_ROOT/tests/lib/cut.py" judge "http://127.0.0.1:$((PORT + 5))" "$WORK" 1 "$before"
sed 's/^/# /' "$WORK/check.out"
check "it is clean" "$BIN/nephos" fsck --credentials "$R/credentials"
echo "# $FILES files, a backup of $size MB; seconds: first $TOOK_first, second $TOOK_second, check $TOOK_check, restore $TOOK_restore;" \
	"pg_basebackup and cp -a $TOOK_peer, and back $TOOK_back; rsync of the mount $TOOK_rsync, again $TOOK_rsync2"
echo "# ratios: first / (pg_basebackup and cp -a) $(ratio "$TOOK_first" "$TOOK_peer"), first / rsync $(ratio "$TOOK_first" "$TOOK_rsync")," \
	"second / rsync again $(ratio "$TOOK_second" "$TOOK_rsync2"), restore / cp -a back $(ratio "$TOOK_restore" "$TOOK_back")"
e2e_end
