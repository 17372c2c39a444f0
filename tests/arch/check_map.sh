#!/bin/sh
# Goal: ARCHITECTURE.md describes where everything lies. Its code map has a line for each module (a .c, a .h, or both)
# and none for a module that does not exist. Each path in this page, README, CONTRIBUTING or docs, in a row of a table
# or in a sentence, leads to a file or folder. Usage: check_map.sh [ROOT]
set -eu

cd "${1:-$(dirname "$0")/../..}"
bad=0

# leads_somewhere PATH: succeeds if PATH is a file, a folder, a module without its ending, a pattern that matches a
# file, or the number of a decision.
leads_somewhere() {
	# shellcheck disable=SC2086 # a pattern
	ls -d $1 >/dev/null 2>&1 || ls -d $1.[ch] >/dev/null 2>&1 ||
		ls -d docs/adr/"${1#docs/adr/}"-*.md >/dev/null 2>&1
}

# rows TABLE: prints the first column of a table of includes.
rows() { sed -n "/<!-- layers: $1 -->/,/<!-- end -->/s/^| *\([a-z][^ ]*\) *|.*\$/\1/p" ARCHITECTURE.md; }
for row in $(rows folders | sed 's|$|/|') $(rows files); do
	case $row in folder/ | files) continue ;; esac
	leads_somewhere "$row" ||
		{ echo "ARCHITECTURE.md: a row of its tables names $row, which matches no file"; bad=1; }
done

# Checks all other text that has the form of a path of the repository; X and NAME stand for any name.
for page in ARCHITECTURE.md README.md CONTRIBUTING.md $(find docs -name '*.md' 2>/dev/null); do
	[ -f "$page" ] || continue
	for path in $(grep -oE '(^|[ `(!])(common|backend|gateway|fusefs|cli|tests|scripts|cmake|docker|docs)/[A-Za-z0-9_./*-]+' "$page" |
		sed 's/^[ `(!]//; s/[.]*$//' | sort -u); do
		case $path in */X | */NN | */NNNN-* | *NAME*) continue ;; esac
		leads_somewhere "$path" || { echo "$page: $path is not a file or folder"; bad=1; }
	done
done

{
	sed -n '/<!-- code map -->/,/<!-- end -->/p' ARCHITECTURE.md |
		sed -n 's/^### /F|/p; s/^- `\([^`]*\)`: ..*/M|\1/p'
	find common backend gateway fusefs cli -name '*.[ch]' 2>/dev/null | sed 's/\.[ch]$//' | sort -u | sed 's/^/@|/'
} | awk -F'|' -v bad=$bad '
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
			print "ARCHITECTURE.md: the code map has " name ", which does not exist"
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
