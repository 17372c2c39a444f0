#!/usr/bin/env bash
# Goal: random calls end on the mount as they do on a local file system, call by call, and leave the same tree.
. "$(dirname "$0")/../lib/e2e.sh"
e2e_store
[ "$(id -u)" = 0 ] || { echo "# owners and modes of others are root's: nothing is compared"; e2e_end; }
mkdir -p "$E2E_MOUNT/85" "$WORK/twin"
at_end 'rm -rf "$E2E_MOUNT/85"'

# A seed that failed once stays in the list.
seeds=(2 12 1001 1002)
count=600
if [ -n "${E2E_LONG:-}" ]; then
	mapfile -t seeds < <({ printf '%s\n' "${seeds[@]}" && seq 1 200; } | sort -nu)
	count=3000
fi
for seed in "${seeds[@]}"; do
	mkdir "$E2E_MOUNT/85/$seed" "$WORK/twin/$seed"
	check "$count random calls of seed $seed end alike on the mount and on a local file system" \
		timeout 300 python3 "$E2E_ROOT/tests/lib/twin.py" "$E2E_MOUNT/85/$seed" "$WORK/twin/$seed" "$seed" \
			"$count"
	rm -rf "${E2E_MOUNT:?}/85/$seed"
done

mkdir "$WORK/one" "$WORK/two"
check_not "twin.py finds a planted folder that exists on one side only" \
	env TWIN_PLANTED=1 timeout 60 python3 "$E2E_ROOT/tests/lib/twin.py" "$WORK/one" "$WORK/two" 1 200
e2e_end
