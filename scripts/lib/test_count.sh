# Counts and prints what passed in scripts/test; sourced by it. Sets passed and failed.
# shellcheck shell=bash

passed=0
failed=0

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
		echo "FAILED: $2"
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
		grep -vE ' Passed ' "$work/ctest.log" | tail -n 150
	fi
	if ! grep -qE 'tests passed|No tests were found' "$work/ctest.log"; then
		one 1 "ctest in $dir"
		tail -n 20 "$work/ctest.log"
	fi
}
