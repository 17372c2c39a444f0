#!/bin/sh
# Goal: SQL lies in backend/sql, and every file there is used. The check fails for a source that contains the text of a
# statement (except in backend/pg, which uses only its own tables and has a few words of SQL), for a statement that no
# source runs, and for a piece that no statement uses. Usage: check_sql.sh [ROOT]
set -eu

cd "${1:-$(dirname "$0")/../..}"

words='SELECT|INSERT INTO|UPDATE|DELETE FROM|WITH|LISTEN|NOTIFY|LOCK TABLE|CREATE|ALTER|DROP|TRUNCATE|SET|FROM|WHERE|JOIN|LEFT JOIN|ORDER BY|RETURNING|VALUES'
bad=0
files=$(find . -path './tests' -prune -o -path './build' -prune -o -name '*.[ch]' ! -path './backend/pg/*' -print | sed 's|^\./||')
[ -n "$files" ] || { echo "no sources were found"; exit 1; }
# shellcheck disable=SC2086 # a list
if grep -nE "\"[ (,;]*(($words) |(BEGIN|COMMIT|ROLLBACK)[ ;\"])" $files /dev/null; then
	echo "SQL in a source: a statement is a file of backend/sql/*/statements"
	bad=1
fi

statements=$(find backend/sql -path '*/statements/*.sql' 2>/dev/null | sort)
# shellcheck disable=SC2086 # a list
run=$(cat $(echo "$files" | grep '\.c$') /dev/null | grep -oE 'SQL_[A-Z0-9_]+' | sort -u)
for file in $statements; do
	name=SQL_$(basename "$file" .sql | tr '[:lower:]' '[:upper:]')
	echo "$run" | grep -qx "$name" || { echo "$file: no source runs $name"; bad=1; }
done
for file in $(find backend/sql -path '*/pieces/*.sql' 2>/dev/null | sort); do
	piece=$(basename "$file" .sql)
	grep -rqE "\{\{$piece[ }]" "${file%/pieces/*}" || { echo "$file: no statement uses {{$piece}}"; bad=1; }
done
[ $bad = 1 ] || echo "no source contains SQL, and sources run $(echo "$statements" | grep -c .) statements"
exit $bad
