#!/usr/bin/env bash
# Goal: the file system stressors of stress-ng, which verify what they read, report nothing on the mount that they do
# not report on a local folder.
. "$(dirname "$0")/../lib/e2e.sh"
e2e_store
mkdir -p "$E2E_MOUNT/86" "$WORK/local"
at_end 'rm -rf "$E2E_MOUNT/86"'
seconds=1
[ -z "${E2E_LONG:-}" ] || seconds=30

# Counts what a stressor complains of, its own signals and stops included.
stress() { timeout 120 stress-ng --"$2" 2 --verify --temp-path "$1" -t "$seconds" >"$WORK/stress.out" 2>&1 &&
	! grep -q 'stress-ng: fail' "$WORK/stress.out"; }

for stressor in access filename xattr chmod fcntl flock lockf mmap rename; do
	if ! stress "$WORK/local" "$stressor"; then
		echo "# $stressor does not pass on a local folder here"
		continue
	fi
	if stress "$E2E_MOUNT/86" "$stressor"; then
		pass "stress-ng --$stressor passes on the mount, as it does on a local folder"
	else
		fail "stress-ng --$stressor passes on the mount, as it does on a local folder" \
			"$(grep -E 'fail|error' "$WORK/stress.out" | head -n 5)"
	fi
done
e2e_end
