# The further lanes of scripts/test: their suites run at the same time as those of the first lane, so that one lane
# computes while another waits for disks and timers. Each lane has its own store and ports. Its output is shown when it
# has ended. Sourced by scripts/test.
# shellcheck shell=bash

# How many ports the stores of one lane have: more than its scripts use.
LANE_PORTS=200

beside=()

# begin_beside LANE…: each is a list of suites.
begin_beside() {
	local lane words
	for lane in "$@"; do
		read -ra words <<<"$lane"
		E2E_PORT=$((${E2E_PORT:-18050} + (${#beside[@]} + 1) * LANE_PORTS)) NEPHOS_TEST_LANE=1 \
			setsid "$ROOT/scripts/test" "${words[@]}" >"$work/beside-${#beside[@]}.log" 2>&1 </dev/null &
		beside+=($!)
	done
}

# show_beside INDEX
show_beside() {
	local log=$work/beside-$1.log counts
	wait "${beside[$1]}"
	beside[$1]=
	counts=$(tail -n 1 "$log" | sed -n 's/^\([0-9]*\) passed, \([0-9]*\) failed$/\1 \2/p')
	if [ -z "$counts" ]; then
		cat "$log"
		one 1 "the suites beside did not come to their end"
		return
	fi
	# Without its last line, whose counts are added to ours, and without what is to be shown at the end.
	sed "/^$AGAIN_TITLE\$/,\$d; \$d" "$log"
	sed -n "1,/^$AGAIN_TITLE\$/d; \$d; p" "$log" >>"$work/again"
	passed=$((passed + ${counts% *}))
	failed=$((failed + ${counts#* }))
}

# Ends the lanes that still run; each stops its store when it ends.
stop_beside() {
	local lane
	for lane in "${beside[@]}"; do
		[ -z "$lane" ] || kill -TERM -- "-$lane" 2>/dev/null
	done
	wait
}
