#!/bin/sh
# Goal: cmake/SqlStatements.cmake translates statements and pieces as its first lines describe, and refuses all other
# input with the name of the file. Usage: check_sql_statements.sh
set -eu

script=$(cd "$(dirname "$0")/../.." && pwd)/cmake/SqlStatements.cmake
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir "$folder/statements" "$folder/pieces"
failed=0

statement() { printf '%s\n' "$@" >"$folder/statements/a.sql"; }
make() { cmake -D FOLDER="$folder" -D OUTPUT="$folder/made.c" -D INCLUDES=x.h -P "$script" >"$folder/says" 2>&1; }

# makes TEXT WHY: the last statement must be translated to TEXT.
makes() {
	if ! make || ! grep -qF -- "$1" "$folder/made.c"; then
		echo "$2 is not translated to: $1"
		cat "$folder/says" "$folder/made.c"
		failed=1
	fi
}

refuses() {
	if make || ! grep -q 'statements/a.sql' "$folder/says"; then
		echo "the translation does not refuse $1"
		failed=1
	fi
}

printf '%s\n' '-- sum x, y: two, added; y may have commas' '{{x}} + f({{y}})' >"$folder/pieces/sum.sql"
printf '%s\n' '-- twice x: by way of another piece' '{{sum {{x}}, {{x}}}}' >"$folder/pieces/twice.sql"

statement '-- read: $1 id' '-- Why it is so; with a semicolon.' 'SELECT' '	"a"' '	FROM t' 'WHERE (' '	id = $1' ')'
makes 'SQL_A = {"a", "SELECT \"a\" FROM t WHERE (id = $1)", true};' "a statement with comments and several lines"
statement '-- write' 'DELETE FROM t'
makes 'SQL_A = {"a", "DELETE FROM t", false};' "a statement that writes"
statement '-- read' 'SELECT {{sum 1, 2, 3}}, {{twice 4}}'
makes '"SELECT 1 + f(2, 3), 4 + f(4)"' "a piece within a piece"
statement '-- read' 'SELECT {{sum 1, {{LIMIT}}}}'
makes '"SELECT 1 + f(" SQL_NUMBER(LIMIT) ")"' "a statement with a number from the headers"
statement '-- read' '-- variants: one two' 'SELECT 0{{if one}}, {{sum 1, 1}}{{end}}' '{{if two}}, 2{{end}}'
makes 'SQL_A[4] = {' "a statement with variants"
makes '{"a_0", "SELECT 0", true}' "the variant without parts"
makes '{"a_1", "SELECT 0, 1 + f(1)", true}' "the variant with the first part"
makes '{"a_2", "SELECT 0, 2", true}' "the variant with the second part"
makes '{"a_3", "SELECT 0, 1 + f(1), 2", true}' "the variant with both parts"

statement '-- reads' 'SELECT 1'
refuses "a statement that does not say whether it only reads"
statement '-- read' 'SELECT {{difference 1, 2}}'
refuses "a piece that does not exist"
statement '-- read' 'SELECT {{sum 1}}'
refuses "a piece with too few arguments"
statement '-- read' 'SELECT {{ sum 1, 2 }}'
refuses "braces that enclose spaces"

[ $failed = 0 ] && echo "statements are translated as their files describe"
exit $failed
