#!/usr/bin/env bash
# Goal: the tests detect what must never happen. Each patch here removes one safeguard and names in its head the test
# that must fail then. With the names of patches, or their numbers, as arguments or in SABOTAGE, the script uses only
# these.
#
# A patch is applied to a copy: an overlay over the tree at its own place, in a mount namespace of this script. So the
# build continues from the existing build, and the tree itself does not change.
. "$(dirname "$0")/../lib/e2e.sh"
here=$(cd "$(dirname "$0")" && pwd)
BUILD_NAME=build/dev
SEEN_WITHIN_S=120 # a test without a safeguard may wait for an event that never comes, after or before it has failed

field() { sed -n "s/^$2: //p" "$1"; }
# With -V the output of the test is printed at once, so it is complete even if timeout ends the test.
run_test() { timeout "$SEEN_WITHIN_S" ctest --test-dir "$BUILD_NAME" -R "^$1\$" --no-tests=error -V; }
build() { ninja -C "$BUILD_NAME" "$1"; }
# failed_assertion FILE: in this output of a unit test, cmocka reports a test function that ran and whose assertion
# failed. A crash, a failed setup, a timeout, and a test that is not there are none.
failed_assertion() {
	awk '/\[ RUN      \]|\[==========\]/ { failed = 0 }
		/\[   LINE   \] --- .*: error: Failure!/ { failed = 1 }
		/\[  FAILED  \] [a-z]/ && failed { seen = 1 }
		END { exit !seen }' "$1"
}

# in_copy COMMAND…: runs COMMAND at the root of a copy that is removed afterwards.
in_copy() {
	local layer status user=()
	[ "$(id -u)" = 0 ] || user=(--user --map-root-user)
	layer=$(mktemp -d "$WORK/copy.XXXXXX")
	mkdir "$layer/upper" "$layer/work"
	export -f run_test build failed_assertion is_seen
	export BUILD_NAME SEEN_WITHIN_S WORK
	# shellcheck disable=SC2016 # the other shell expands it
	unshare "${user[@]}" --mount --propagation private bash -c '
		mount -t overlay overlay -o "lowerdir=$1,upperdir=$2/upper,workdir=$2/work" "$1" || exit 3
		cd "$1" && "${@:3}"' - "$E2E_ROOT" "$layer" "$@"
	status=$?
	rm -rf "$layer"
	return "$status"
}

# Succeeds if an assertion of the test fails without the safeguard that the patch removes. Everything before the test
# must succeed.
is_seen() { # PATCH TEST
	git apply "$1" || { echo "The patch does not apply any more: write it anew for what the code is now."; return 1; }
	build "$2" || return 1
	run_test "$2" >"$WORK/test.out" 2>&1
	failed_assertion "$WORK/test.out" && return
	tail -n 12 "$WORK/test.out"
	echo "No assertion of $2 failed."
	return 1
}

wanted() { # NAME
	local one
	[ "${#names[@]}" -gt 0 ] || return 0
	for one in "${names[@]}"; do [[ $1 != "$one"* ]] || return 0; done
	return 1
}
names=("$@")
[ $# -gt 0 ] || read -ra names <<<"${SABOTAGE:-}"
for name in "${names[@]}"; do
	compgen -G "$here/$name*.patch" >/dev/null || fail "a patch exists whose name begins with $name"
done

tests=()
for patch in "$here"/*.patch; do
	wanted "$(basename "$patch")" || continue
	tests+=("$(field "$patch" "Seen by")")
done
for test in $(printf '%s\n' "${tests[@]}" | sort -u); do
	check "$test passes with all safeguards in place" env -C "$E2E_ROOT" bash -c "$(declare -f run_test build)
		BUILD_NAME=$BUILD_NAME SEEN_WITHIN_S=$SEEN_WITHIN_S; build $test && run_test $test"
done
for patch in "$here"/*.patch; do
	wanted "$(basename "$patch")" || continue
	check "$(field "$patch" "Seen by") fails when $(field "$patch" Fault)" \
		in_copy is_seen "$patch" "$(field "$patch" "Seen by")"
done

e2e_end
