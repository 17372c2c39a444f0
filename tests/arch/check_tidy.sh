#!/bin/sh
# Goal: clang-tidy 14 reports nothing about any file.
# Usage: check_tidy.sh BUILD_DIR [FILE…]     BUILD_DIR has compile_commands.json; FILE from the root; no FILE: all in it
#
# A file that passed is remembered in BUILD_DIR/tidy under the hash of its preprocessed text, so that only changed files
# cost time. When all files passed, that is remembered under the hash of all sources. Each file has a process of its
# own: in a process for several files, version 14 recognises va_start in the first of them only.
#
# The analyzer looks at up to NEPHOS_TIDY_NODES states of a function (default 5,000). The limit of the analyzer itself
# is 225,000, and scripts/test long uses it: most of the time is spent on the last states of a few long functions.
# Without NEPHOS_TIDY_NODES, tests are left out, too: they are almost half of the files, and run under the sanitizers.
#
# Exits 77 (skipped) if version 14 is not installed, because other versions report other things.
set -eu

build=$(cd "${1:?usage: check_tidy.sh BUILD_DIR [FILE…]}" && pwd)
shift
root=$(cd "$(dirname "$0")/../.." && pwd)
commands=$build/compile_commands.json
model=$root/tests/arch/analyzer_uthash.h
nodes=${NEPHOS_TIDY_NODES:-5000}
cd "$root"

# Prints the compiled files of the tree. The generated files that check headers lie in the build directory.
compiled_files() {
	sed -n 's/^ *"file": "\(.*\)",\{0,1\}$/\1/p' "$commands" | sort -u | while read -r file; do
		case $file in
		"$build"/*) ;;
		"$root"/tests/*) [ -z "${NEPHOS_TIDY_NODES:-}" ] || echo "${file#"$root"/}" ;;
		"$root"/*) [ -f "$file" ] && echo "${file#"$root"/}" ;;
		esac
	done
}

# Prints a hash of all that the result depends on: the checks, and the text after preprocessing, comments (NOLINT)
# included.
fingerprint() {
	flags=$(grep -B1 "\"file\": \"$root/$1\"" "$commands" | grep -oE -- '-(I|isystem |D)[^ "]+' | sort -u)
	# shellcheck disable=SC2086 # each flag is a word
	text=$(cpp -C -P $flags "$1" 2>/dev/null) || return 1
	{ cat .clang-tidy tests/.clang-tidy "$model"; printf '%s' "$nodes$text"; } | sha256sum | cut -c1-40
}

check_one() {
	passed=
	if hash=$(fingerprint "$1"); then
		passed=$build/tidy/$hash
		[ ! -e "$passed" ] || return 0
	fi
	if ! said=$(clang-tidy-14 --quiet -p "$build" --extra-arg-before=-include"$model" \
		--extra-arg=-Xclang --extra-arg=-analyzer-config --extra-arg=-Xclang --extra-arg=max-nodes="$nodes" \
			"$1" 2>/dev/null); then
		printf '%s\n' "$said"
		return 1
	fi
	[ -z "$passed" ] || : >"$passed"
}

# Prints a hash of the whole tree as this script sees it. The hash does not include the headers of the system.
tree_name() {
	{
		cat "$0" "$commands" .clang-tidy tests/.clang-tidy "$model"
		echo "$nodes ${NEPHOS_TIDY_NODES:+tests}"
		find common backend gateway fusefs cli tests -name '*.[ch]' | sort | xargs sha256sum
	} | sha256sum | cut -c1-40
}

if [ "${1-}" = --one ]; then
	check_one "$2"
	exit
fi

command -v clang-tidy-14 >/dev/null || { echo "no clang-tidy-14 here (scripts/deps test, Debian 12)"; exit 77; }
[ -f "$commands" ] || { echo "no compile_commands.json in $build"; exit 1; }
mkdir -p "$build/tidy"

whole=
[ $# -gt 0 ] || whole=$build/tidy/tree-$(tree_name)
if [ -z "$whole" ] || [ ! -e "$whole" ]; then
	if [ $# -gt 0 ]; then printf '%s\n' "$@"; else compiled_files; fi |
		xargs -r -P"$(nproc)" -n1 "$0" "$build" --one || exit 1
	[ -z "$whole" ] || : >"$whole"
fi
echo "clang-tidy reports nothing"
