# Counts and prints what passed in scripts/test; sourced by it. Sets passed and failed.
# shellcheck shell=bash

passed=0
failed=0

# Lines of each failure that are shown once more at the end: reports of a whole run often keep only its last lines.
AGAIN_LINES=40
AGAIN_TITLE="== what failed, once more"

# Prints its input, and keeps the last lines of it for show_again.
print_and_keep() {
	tee "$work/printed"
	tail -n "$AGAIN_LINES" "$work/printed" >>"$work/again"
}

show_again() {
	[ -s "$work/again" ] || return 0
	printf '\n%s\n' "$AGAIN_TITLE"
	cat "$work/again"
}

# suite NAME COMMAND…: runs COMMAND, prints a title before it, and its counts and seconds after it.
suite() {
	local name=$1 began=$SECONDS good=$passed bad=$failed
	shift
	printf '\n== %s\n' "$name"
	"$@"
	printf -- '-- %s: %d passed, %d failed, %d s\n' "$name" $((passed - good)) $((failed - bad)) \
		$((SECONDS - began))
}

one() { # one RESULT NAME
	if [ "$1" = 0 ]; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
		echo "FAILED: $2" | tee -a "$work/again"
	fi
}

# run_ctest DIR ARGUMENTS…: counts each test. It runs more tests at a time than there are processors, because many wait.
run_ctest() {
	local dir=$1 line
	shift
	ctest --test-dir "$dir" --output-on-failure -j "$((jobs * 3))" "$@" >"$work/ctest.log" 2>&1
	while read -r line; do
		case $line in
		*' Passed '*) passed=$((passed + 1)) ;;
		*'***'*)
			case $line in *'***Skipped'*) continue ;; esac
			failed=$((failed + 1))
			echo "FAILED: $line"
			;;
		esac
	done < <(grep -E '^ *[0-9]+/[0-9]+ Test +#' "$work/ctest.log")
	if grep -qE '\*\*\*(Failed|Timeout|Exception|Not Run)' "$work/ctest.log"; then
		grep -vE ' Passed |^ +Start +[0-9]+: |^\[ RUN  |^\[       OK ' "$work/ctest.log" | tail -n 150 | print_and_keep
	fi
	if ! grep -qE 'tests passed|No tests were found' "$work/ctest.log"; then
		one 1 "ctest in $dir"
		tail -n 20 "$work/ctest.log"
	fi
}
