#!/bin/sh
# Goal: every C file is formatted as clang-format 14 formats it. Usage: check_format.sh [--fix] Exits 77 (skipped) if
# version 14 is not installed, because other versions format differently.
set -eu

cd "$(dirname "$0")/../.."

format=$(command -v clang-format-14) || { echo "no clang-format-14 here (scripts/deps test, Debian 12)"; exit 77; }

c_files() {
	if git rev-parse --git-dir >/dev/null 2>&1; then
		git ls-files -z '*.c' '*.h'
	else
		find common backend gateway fusefs cli tests -name '*.[ch]' -print0
	fi
}

if [ "${1-}" = --fix ]; then
	c_files | xargs -0r "$format" -i
	exit 0
fi
if ! c_files | xargs -0r -P2 -n16 "$format" --dry-run -Werror; then
	echo "tests/arch/check_format.sh --fix formats the tree"
	exit 1
fi
