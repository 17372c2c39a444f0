#!/usr/bin/env bash
# Goal: SQLite works on the mount, with a rollback journal and with WAL (whose index is a shared mapping). Several
# processes write at the same time and are killed. What was committed is there, and nothing is damaged.
. "$(dirname "$0")/../lib/e2e.sh"
e2e_store
M=$E2E_MOUNT/13
WRITERS=4
ROWS=${E2E_LONG:+300}
KILLS=${E2E_LONG:+20}
mkdir -p "$M" || exit 2
at_end 'rm -rf "$M"'

cat >"$WORK/writer.py" <<'PY'
# Each transaction increments a counter and adds a row. Prints the number of each committed transaction.
import sqlite3, sys
path, name, rows = sys.argv[1], sys.argv[2], int(sys.argv[3])
db = sqlite3.connect(path, timeout=60, isolation_level=None)
db.execute("pragma synchronous = full")
for i in range(rows):
    db.execute("begin immediate")
    db.execute("update counter set n = n + 1")
    db.execute("insert into rows values (?, ?)", (name, i))
    db.execute("commit")
    print(i, flush=True)
PY
ask() { sqlite3 -cmd ".timeout 60000" "$M/$mode.db" "$1"; }

for mode in delete wal; do
	check_eq "$mode: SQLite uses this journal mode" "$mode" "$(ask "pragma journal_mode = $mode")"
	check "$mode: SQLite makes its tables on the mount" \
		ask "create table counter (n int); insert into counter values (0); create table rows (who text, i int, primary key (who, i))"
	writers=()
	for ((w = 0; w < WRITERS; w++)); do
		python3 "$WORK/writer.py" "$M/$mode.db" "w$w" "${ROWS:-5}" >"$WORK/w$w" 2>&1 &
		writers+=($!)
	done
	bad=0
	for w in "${writers[@]}"; do wait "$w" || bad=$((bad + 1)); done
	check_eq "$mode: $WRITERS concurrent writers finish without an error" 0 $bad
	all=$((WRITERS * ${ROWS:-5}))
	check_eq "$mode: the counter and the rows include every transaction" \
		"$all $all" "$(ask "select (select n from counter) || ' ' || (select count(*) from rows)")"

	for ((k = 1; k <= ${KILLS:-1}; k++)); do
		rm -f "$WORK/killed" "$WORK/killed-too" # the round before wrote as many lines
		python3 "$WORK/writer.py" "$M/$mode.db" "k$k" 100000 >"$WORK/killed" 2>&1 &
		killed=$!
		python3 "$WORK/writer.py" "$M/$mode.db" "l$k" 100000 >"$WORK/killed-too" 2>&1 &
		too=$!
		at_work() { [ "$(wc -l <"$WORK/killed")" -ge 3 ] && [ "$(wc -l <"$WORK/killed-too")" -ge 3 ]; }
		check "$mode, kill $k: two writers commit transactions before the kill" eventually 60 at_work
		kill -KILL $killed $too
		wait $killed $too 2>/dev/null
		last=$(grep -c . "$WORK/killed")
		check_eq "$mode, kill $k: no row that a killed writer reported as committed is missing" \
			1 "$(ask "select count(*) >= $last from rows where who = 'k$k'")"
		check_eq "$mode, kill $k: the counter equals the number of rows" \
			1 "$(ask "select (select n from counter) = (select count(*) from rows)")"
		check_eq "$mode, kill $k: SQLite's integrity check finds no damage" ok "$(ask "pragma integrity_check")"
	done
done
e2e_end
