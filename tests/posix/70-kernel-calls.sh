#!/usr/bin/env bash
# Goal: the rarer calls of the kernel's file interface do on the mount what they do on a local file system, which is asked in the same minute.
. "$(dirname "$0")/../lib/e2e.sh"
e2e_store
M=$E2E_MOUNT/posix-70
LOCAL=$WORK/local
mkdir -p "$M" "$LOCAL"
at_end 'rm -rf "$M"'
LIB=$E2E_ROOT/tests/lib

# ---- set-id bits ----
if [ "$(id -u)" = 0 ]; then
	chmod 755 "$WORK"
	python3 "$LIB/setid.py" "$LOCAL" >"$WORK/local.txt" 2>&1
	python3 "$LIB/setid.py" "$M" >"$WORK/mount.txt" 2>&1
	check_eq "all ways to change a file were tried" 76 "$(grep -c '^[0-7]* .*: [0-7]*$' "$WORK/local.txt")"
	check "each clears set-id bits as it does on a local file system" diff "$WORK/local.txt" "$WORK/mount.txt"
	echo old >"$M/put"
	chmod 6755 "$M/put"
	check_status "a set-id file is replaced over HTTP" 200 "${AUTH[@]}" -X PUT --data new "$URL/api/v2/docs/drives/home/files/posix-70/put"
	check_eq "which clears the bits" 755 "$(jq -r '.mode' "$WORK/body" | xargs printf %o)"
fi

e2e_end
