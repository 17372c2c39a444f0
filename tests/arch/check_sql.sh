#!/bin/sh
# Goal: no source has the text of a statement: SQL lies in backend/sql, one statement a file. Only backend/pg, which
# knows no tables but its own, has a few words of it. Usage: check_sql.sh [ROOT]
set -eu

cd "${1:-$(dirname "$0")/../..}"

words='SELECT|INSERT INTO|UPDATE|DELETE FROM|WITH|LISTEN|NOTIFY|LOCK TABLE|CREATE|ALTER|DROP|TRUNCATE|SET|FROM|WHERE|JOIN|LEFT JOIN|ORDER BY|RETURNING|VALUES'
files=$(find . -path './tests' -prune -o -path './build' -prune -o -name '*.[ch]' ! -path './backend/pg/*' -print | sed 's|^\./||')
[ -n "$files" ] || { echo "no sources were found"; exit 1; }
# shellcheck disable=SC2086 # a list
if grep -nE "\"[ (,;]*(($words) |(BEGIN|COMMIT|ROLLBACK)[ ;\"])" $files /dev/null; then
	echo "SQL in a source: a statement is a file of backend/sql/*/statements"
	exit 1
fi
echo "no source has a statement of SQL in it"
