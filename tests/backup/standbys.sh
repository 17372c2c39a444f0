#!/usr/bin/env bash
# Goal: a store with standbys is copied during writes, and while its primary is lost. The copy has everything that
# was acknowledged before. It is restored as a store with standbys, and as one without.
. "$(dirname "$0")/../lib/e2e.sh"
PORT=$((${E2E_PORT:-18050} + 60))
BIN=${NEPHOS_BUILD_DIR:-$E2E_ROOT/build/dev}/bin
D=$WORK/store B=$WORK/backup R=$WORK/restored S=$WORK/single
export HOME=$WORK/home
unset NEPHOS_URL NEPHOS_USER NEPHOS_TOKEN NEPHOS_CREDENTIALS NEPHOS_PASSWORD
mkdir -p "$HOME"
URL=http://127.0.0.1:$PORT
up() { "$E2E_ROOT/scripts/up" --data "$@"; }
down() { "$E2E_ROOT/scripts/down" --data "$1"; }
acked() { wc -l <"$WORK/acked.$1"; }
has_acked() { [ "$(acked "$1")" -ge "$2" ]; }
judge() { # ACKED
	check "the restored files are of one moment of the store, not before change $1" \
		python3 "$E2E_ROOT/tests/lib/cut.py" judge "$URL" "$WORK" 1 "$1"
	sed 's/^/# /' "$WORK/check.out"
}
at_end 'down "$D"; down "$R"; down "$S"'
check "scripts/up makes a store with standbys" up "$D" --standbys 2 --port $PORT --gateways 1 --user tester
(umask 077; . "$D/credentials"; printf 'Authorization: Bearer %s\n' "$NEPHOS_TOKEN" >"$WORK/key")
python3 "$E2E_ROOT/tests/lib/cut.py" write "$URL" "$WORK" 1 patient 2>"$WORK/writer.err" &
writer=$!
at_end 'touch "$WORK/stop"'
check "the first 20 changes of a writer are acknowledged" eventually 60 has_acked 1 20
check "nephos backup copies the store during writes" "$BIN/nephos" backup --data "$D" "$B"
check "five more changes of the writer are acknowledged after the backup" eventually 60 has_acked 1 $(($(acked 1) + 5))

is_primary() { [ "$(psql -X -q -A -t -h "$D/run/postgres-$1" -U postgres -c 'SELECT NOT pg_is_in_recovery()' postgres)" = t ]; }
for n in 1 2 3; do ! is_primary $n || primary=$n; done
before=$(acked 1)
psql_primary() { psql -X -q -A -t -h "$D/run/postgres-$primary" -U postgres "$@"; }
mkfifo "$WORK/hold"
psql_primary users <"$WORK/hold" >"$WORK/held" 2>&1 &
exec {hold}>"$WORK/hold"
printf 'BEGIN;\nLOCK TABLE account;\nSELECT 1;\n' >&$hold
check "a transaction locks the table account" eventually 20 test -s "$WORK/held"
"$BIN/nephos" backup --data "$D" "$B" >"$WORK/out" 2>"$WORK/err" &
backup=$!
waiting="SELECT FROM pg_stat_activity WHERE application_name = 'pg_dump' AND wait_event_type = 'Lock'"
dump_waits() { [ "$(psql_primary users -c "SELECT EXISTS ($waiting)")" = t ]; }
check "pg_dump of a second backup waits for the locked table" eventually 30 dump_waits
kill -9 "$(cat "$D/run/postgres-$primary.pid")"
exec {hold}>&-
wait $backup
check_eq "the second backup succeeds although the primary is killed meanwhile" 0 $?
check "the log of the second backup has an error of pg_dump" grep -q 'pg_dump: error' "$WORK/err"
sed 's/^/# /' "$WORK/err"
copy=$(tail -n 1 "$WORK/out")
check "five more changes of the writer are acknowledged after the failover" \
	eventually 60 has_acked 1 $(($(acked 1) + 5))
touch "$WORK/stop"
wait $writer
check_eq "the writer ends without an error" 0 $?
check "scripts/down stops the original store" down "$D"

check_refused "nephos restore refuses --standbys 1" "there are no standbys, or 2 of them" "$BIN/nephos" restore --data "$R" --standbys 1 "$copy"
check "nephos restore makes a store with standbys from the second copy" \
	"$BIN/nephos" restore --data "$R" --standbys 2 --port $PORT --gateways 1 "$copy"
check "the restored store with standbys starts" up "$R"
judge "$before"
check_eq "each of the three nodes of the restored store has a database" \
	3 "$(find "$R" -maxdepth 3 -path '*/postgres-?/data/PG_VERSION' | wc -l)"
check "nephos fsck finds nothing wrong in the restored store with standbys" \
	"$BIN/nephos" fsck --credentials "$R/credentials"
check "nephos backup copies the restored store to the same place" "$BIN/nephos" backup --data "$R" "$B"
check "scripts/down stops the restored store with standbys" down "$R"

check "nephos restore makes a store without standbys from the newest copy" "$BIN/nephos" restore --data "$S" "$B"
check_refused "scripts/up refuses --standbys 2 for the store without standbys" "was restored without standbys" up "$S" --standbys 2 --port $PORT
check "scripts/up starts the store without standbys" up "$S" --port $PORT --gateways 1 --user tester
judge "$before"
check "nephos fsck finds nothing wrong in the restored store without standbys" \
	"$BIN/nephos" fsck --credentials "$S/credentials"
psql_single() { psql -X -q -A -t -h "$S/run/postgres" -U postgres docs -c "$1"; }
check "ALTER SYSTEM names a standby that does not exist" \
	psql_single "ALTER SYSTEM SET synchronous_standby_names = 'nobody'"
check "pg_reload_conf() on the restored server succeeds" psql_single 'SELECT pg_reload_conf()'
names() { [ "$(psql_single "SHOW synchronous_standby_names")" = nobody ]; }
check "PostgreSQL has the missing standby in synchronous_standby_names" eventually 20 names
timeout 150 "$BIN/nephos" backup --data "$S" "$B" >"$WORK/out" 2>"$WORK/err"
check_eq "nephos backup fails within 150 s when commits wait for a missing standby" 1 $?
check "the error of nephos backup says that no standby has confirmed" grep -q 'no standby has confirmed' "$WORK/err"
waiting="SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE application_name = 'psql' AND wait_event = 'SyncRep')"
nobody_waits() { [ "$(psql_single "$waiting")" = t ]; }
check "no session of psql still waits for the missing standby" eventually 20 nobody_waits
e2e_end
