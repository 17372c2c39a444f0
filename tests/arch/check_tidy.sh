#!/bin/sh
# Goal: clang-tidy 14 has nothing to say about any file.
# Usage: check_tidy.sh BUILD_DIR [FILE…]     BUILD_DIR has compile_commands.json; FILE from the root; no FILE: all in it
#
# What passed is remembered in BUILD_DIR/tidy under the hash of the preprocessed text, so that only changes cost time;
# and, under the hash of all sources, that all of them passed. Each file has a process of its own: in one that looks at
# several, version 14 knows va_start in the first of them only.
#
# The analyzer looks at up to NEPHOS_TIDY_NODES states of a function (5,000 unless told). The library's own bound is
# 225,000, which scripts/test long takes: most of the time goes into the last states of a few long functions. Unless it
# is told, tests are left out, too: they are near half of the files, and run under the sanitizers.
#
# Exits 77 (skipped) where version 14 is not to be had: other versions say other things.
set -eu

build=$(cd "${1:?usage: check_tidy.sh BUILD_DIR [FILE…]}" && pwd)
shift
root=$(cd "$(dirname "$0")/../.." && pwd)
commands=$build/compile_commands.json
model=$root/tests/arch/analyzer_uthash.h
nodes=${NEPHOS_TIDY_NODES:-5000}
cd "$root"

# The files of the tree that are compiled. The header probes are generated and lie in the build directory.
compiled_files() {
	sed -n 's/^ *"file": "\(.*\)",\{0,1\}$/\1/p' "$commands" | sort -u | while read -r file; do
		case $file in
		"$build"/*) ;;
		"$root"/tests/*) [ -z "${NEPHOS_TIDY_NODES:-}" ] || echo "${file#"$root"/}" ;;
		"$root"/*) [ -f "$file" ] && echo "${file#"$root"/}" ;;
		esac
	done
}

# A name for all that the verdict depends on: the checks, and the text after preprocessing, comments (NOLINT) included.
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

# A name for the whole tree as this looks at it. What the system's headers say is not in it.
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
echo "clang-tidy has nothing to say"
