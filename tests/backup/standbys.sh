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
	check "what was written is there up to one moment, behind $1" python3 "$E2E_ROOT/tests/lib/cut.py" judge "$URL" "$WORK" 1 "$1"
	sed 's/^/# /' "$WORK/check.out"
}
at_end 'down "$D"; down "$R"; down "$S"'
check "a store with standbys" up "$D" --standbys 2 --port $PORT --gateways 1 --user tester
(umask 077; . "$D/credentials"; printf 'Authorization: Bearer %s\n' "$NEPHOS_TOKEN" >"$WORK/key")
python3 "$E2E_ROOT/tests/lib/cut.py" write "$URL" "$WORK" 1 patient 2>"$WORK/writer.err" &
writer=$!
at_end 'touch "$WORK/stop"'
check "somebody writes" eventually 60 has_acked 1 20
check "a backup of it" "$BIN/nephos" backup --data "$D" "$B"
check "he goes on" eventually 60 has_acked 1 $(($(acked 1) + 5))

is_primary() { [ "$(psql -X -q -A -t -h "$D/run/postgres-$1" -U postgres -c 'SELECT NOT pg_is_in_recovery()' postgres)" = t ]; }
for n in 1 2 3; do ! is_primary $n || primary=$n; done
before=$(acked 1)
psql_primary() { psql -X -q -A -t -h "$D/run/postgres-$primary" -U postgres "$@"; }
mkfifo "$WORK/hold"
psql_primary users <"$WORK/hold" >"$WORK/held" 2>&1 &
exec {hold}>"$WORK/hold"
printf 'BEGIN;\nLOCK TABLE account;\nSELECT 1;\n' >&$hold
check "while somebody holds the accounts" eventually 20 test -s "$WORK/held"
"$BIN/nephos" backup --data "$D" "$B" >"$WORK/out" 2>"$WORK/err" &
backup=$!
waiting="SELECT FROM pg_stat_activity WHERE application_name = 'pg_dump' AND wait_event_type = 'Lock'"
dump_waits() { [ "$(psql_primary users -c "SELECT EXISTS ($waiting)")" = t ]; }
check "a backup waits for them" eventually 30 dump_waits
kill -9 "$(cat "$D/run/postgres-$primary.pid")"
exec {hold}>&-
wait $backup
check_eq "a backup whose primary is killed meanwhile ends well" 0 $?
check "by another dump" grep -q 'pg_dump: error' "$WORK/err"
sed 's/^/# /' "$WORK/err"
copy=$(tail -n 1 "$WORK/out")
check "and he goes on" eventually 60 has_acked 1 $(($(acked 1) + 5))
touch "$WORK/stop"
wait $writer
check_eq "he was never refused" 0 $?
check "the store ends" down "$D"

check_not "standbys are none or two" "$BIN/nephos" restore --data "$R" --standbys 1 "$copy"
check "it is restored with standbys" "$BIN/nephos" restore --data "$R" --standbys 2 --port $PORT --gateways 1 "$copy"
check "and starts" up "$R"
judge "$before"
check_eq "each node has a database" 3 "$(find "$R" -maxdepth 3 -path '*/postgres-?/data/PG_VERSION' | wc -l)"
check "it is whole" "$BIN/nephos" fsck --credentials "$R/credentials"
check "a backup of it goes on at the same place" "$BIN/nephos" backup --data "$R" "$B"
check "it ends" down "$R"

check "it is restored without" "$BIN/nephos" restore --data "$S" "$B"
check_not "and is not started with them" up "$S" --standbys 2 --port $PORT
check "but without" up "$S" --port $PORT --gateways 1 --user tester
judge "$before"
check "it is whole" "$BIN/nephos" fsck --credentials "$S/credentials"
psql_single() { psql -X -q -A -t -h "$S/run/postgres" -U postgres docs -c "$1"; }
check "its server is told to wait for a standby that is not there" psql_single "ALTER SYSTEM SET synchronous_standby_names = 'nobody'"
check "and hears it" psql_single 'SELECT pg_reload_conf()'
names() { [ "$(psql_single "SHOW synchronous_standby_names")" = nobody ]; }
check "and does so" eventually 20 names
timeout 150 "$BIN/nephos" backup --data "$S" "$B" >"$WORK/out" 2>"$WORK/err"
check_eq "a backup of what waits for ever ends" 1 $?
check "and says why" grep -q 'no standby has confirmed' "$WORK/err"
waiting="SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE application_name = 'psql' AND wait_event = 'SyncRep')"
nobody_waits() { [ "$(psql_single "$waiting")" = t ]; }
check "and nothing of it waits there any more" eventually 20 nobody_waits
e2e_end
