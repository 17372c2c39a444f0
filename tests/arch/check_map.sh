#!/bin/sh
# Goal: the code map of ARCHITECTURE.md has a line for each module (a .c, a .h, or both), and none for what is gone; and
# its tables of includes speak of no folder and no file that is not there. Usage: check_map.sh [ROOT]
set -eu

cd "${1:-$(dirname "$0")/../..}"

# Rows of the tables, as patterns of the shell.
dead=0
rows() { sed -n "/<!-- layers: $1 -->/,/<!-- end -->/s/^| *\([a-z][^ ]*\) *|.*\$/\1/p" ARCHITECTURE.md; }
for row in $(rows folders | sed 's|$|/|') $(rows files); do
	case $row in folder/ | files) continue ;; esac
	# shellcheck disable=SC2086 # a pattern
	ls -d $row >/dev/null 2>&1 || { echo "ARCHITECTURE.md: a row of its tables speaks of $row, which matches nothing"; dead=1; }
done

{
	sed -n '/<!-- code map -->/,/<!-- end -->/p' ARCHITECTURE.md | sed -n 's/^### /F|/p; s/^- `\([^`]*\)`: ..*/M|\1/p'
	find common backend gateway fusefs cli -name '*.[ch]' | sed 's/\.[ch]$//' | sort -u | sed 's/^/@|/'
} | awk -F'|' -v bad=$dead '
$1 == "F" { folder = $2; next }
$1 == "M" {
	name = folder "/" $2
	if (name in mapped) {
		print "ARCHITECTURE.md: the code map has " name " twice"
		bad = 1
	}
	mapped[name] = 1
	next
}
{
	found[$2] = 1
	if (!($2 in mapped)) {
		print $2 ": the code map of ARCHITECTURE.md has no line for it"
		bad = 1
	} else
		count++
}
END {
	for (name in mapped)
		if (!(name in found)) {
			print "ARCHITECTURE.md: the code map has " name ", which is no file"
			bad = 1
		}
	if (!bad && count == 0) {
		print "ARCHITECTURE.md: the code map was not found"
		bad = 1
	}
	if (!bad)
		print count " modules are in the code map"
	exit bad
}'
