#!/bin/sh
# Goal: an include that ARCHITECTURE.md does not allow is an error. The tables in that file are the only source.
# Usage: check_layers.sh [ROOT]
# The check also requires that includes start at the repository root and exist, that a .c file includes its own header
# first, and that every folder has a row.
set -eu

cd "${1:-$(dirname "$0")/../..}"

{
	sed -n '/<!-- layers: folders -->/,/<!-- end -->/s/^| *\([a-z].*\) *|$/F|\1/p' ARCHITECTURE.md
	sed -n '/<!-- layers: files -->/,/<!-- end -->/s/^| *\([a-z].*\) *|$/S|\1/p' ARCHITECTURE.md
	find common backend gateway fusefs cli tests/unit -name '*.[ch]' 2>/dev/null | sort | while read -r file; do
		[ -s "$file" ] || continue
		own=${file%.c}.h
		[ "$own" != "$file" ] && [ -f "$own" ] || own=-
		echo "@|$file|$own"
		grep -n '^[[:space:]]*#[[:space:]]*include' "$file" || :
	done
} | awk '
function trim(s) { gsub(/^[ \t`]+|[ \t`]+$/, "", s); return s }
function fail(line, why) { printf "%s:%s: %s\n", file, line, why; bad = 1 }
# A pattern of the tables: * matches any text within a name; a folder matches all files directly in it.
function matches(name, pattern,    re) {
	re = pattern
	gsub(/[.+]/, "\\\\&", re)
	gsub(/\*/, "[^/]*", re)
	return name ~ ("^" re "$") || name ~ ("^" re "/[^/]*$")
}
# Returns whether a list matches the name. An entry that begins with ! excludes names that earlier entries match.
function any(name, list,    n, i, parts, part, has) {
	n = split(list, parts, ",")
	for (i = 1; i <= n; i++) {
		part = trim(parts[i])
		if (sub(/^!/, "", part)) {
			if (matches(name, part))
				has = 0
		} else if (matches(name, part))
			has = 1
	}
	return has + 0
}
function folder_of(path) { sub("/[^/]*$", "", path); return path }
function check_quoted(line, name,    i) {
	if (system("test -f \"" name "\"") != 0) {
		fail(line, "\"" name "\" is not a file of the repository: includes start at its root")
		return
	}
	if (own != "-" && !seen_own) {
		if (name != own)
			fail(line, "its own header " own " comes first")
		seen_own = 1
	}
	if (unit && name ~ /^tests\//)
		return
	if (folder_of(name) != folder && !any(name, may[folder]))
		fail(line, folder " may not include \"" name "\"")
	if (!unit)
		for (i = 1; i <= strict; i++)
			if (matches(file, pattern[i]) && !matches(name, pattern[i]) && !any(name, strict_may[i]))
				fail(line, pattern[i] " may not include \"" name "\"")
}
function check_library(line, name,    i) {
	if (!any(name, all_libraries))
		return
	if (!any(name, libraries[folder]))
		fail(line, folder " may not include <" name ">")
	if (!unit)
		for (i = 1; i <= strict; i++)
			if (matches(file, pattern[i]) && !any(name, strict_libraries[i]))
				fail(line, pattern[i] " may not include <" name ">")
}
/^F\|/ {
	split($0, col, "|")
	row = trim(col[2])
	if (row == "folder")
		next
	may[row] = col[3]
	libraries[row] = col[4]
	all_libraries = all_libraries "," col[4]
	rows++
	next
}
/^S\|/ {
	split($0, col, "|")
	if (trim(col[2]) == "files")
		next
	pattern[++strict] = trim(col[2])
	strict_may[strict] = col[3]
	strict_libraries[strict] = col[4]
	next
}
/^@\|/ {
	split($0, col, "|")
	file = col[2]
	own = col[3]
	seen_own = 0
	folder = folder_of(file)
	unit = sub("^tests/unit/", "", folder)
	# A folder without a row follows the row of the nearest folder above.
	while (!(folder in may) && folder ~ /\//)
		folder = folder_of(folder)
	# Tests of a part may use its neighbours, so they follow the row of the topmost folder above that has one.
	if (unit)
		for (above = folder; above ~ /\//;) {
			above = folder_of(above)
			if (above in may)
				folder = above
		}
	if (!(folder in may))
		fail(1, "no row of ARCHITECTURE.md names this folder")
	files++
	next
}
{
	line = $0
	sub(/:.*/, "", line)
	if (match($0, /"[^"]+"/))
		check_quoted(line, substr($0, RSTART + 1, RLENGTH - 2))
	else if (match($0, /<[^>]+>/)) {
		if (own != "-" && !seen_own) {
			fail(line, "its own header " own " comes first")
			seen_own = 1
		}
		check_library(line, substr($0, RSTART + 1, RLENGTH - 2))
	}
}
END {
	if (rows == 0 || strict == 0) {
		print "ARCHITECTURE.md: the tables of allowed includes were not found"
		bad = 1
	}
	if (!bad)
		printf "%d files keep to %d folder rows and %d file rows\n", files, rows, strict
	exit bad
}'
