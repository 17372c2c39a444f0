#!/usr/bin/env bash
# Goal: a file that is append-only or immutable (chattr) is so for all clients: as on a local file system, on another
# mount, over HTTP, and after a remount.
. "$(dirname "$0")/../lib/e2e.sh"
e2e_store
if [ "$(id -u)" != 0 ] || ! type chattr >/dev/null 2>&1; then
	echo "# skipped: needs root and chattr"
	e2e_end
fi
NEPHOS=${NEPHOS_BUILD_DIR:?}/bin/nephos
M=$E2E_MOUNT/posix-78
B=$WORK/b
LOCAL=$WORK/local
FILES=$URL/api/v2/docs/drives/home/files/posix-78
mkdir -p "$M/steps" "$LOCAL" "$B"
clean() { env -u NEPHOS_BUILD_DIR -u NEPHOS_URL -u NEPHOS_USER -u NEPHOS_TOKEN "$@"; }
put_on() { clean "$NEPHOS" mount -o "credentials=$E2E_DATA/credentials,pidfile=$WORK/b.pid,log=$WORK/b.log" "$URL" \
	"$B"; }
at_end 'chattr -R -ia "$LOCAL" "$M"; rm -rf "$M"; clean "$NEPHOS" umount "$B" || umount -l "$B"'
if touch "$LOCAL/try" && chattr +i "$LOCAL/try" 2>/dev/null; then
	chattr -i "$LOCAL/try"
	rm "$LOCAL/try"
	python3 "$E2E_ROOT/tests/lib/protect.py" "$LOCAL" >"$WORK/local.txt" 2>&1
	python3 "$E2E_ROOT/tests/lib/protect.py" "$M/steps" >"$WORK/mount.txt" 2>&1
	check_eq "the local run takes 62 steps with protected files" 62 "$(wc -l <"$WORK/local.txt")"
	check "each step with a protected file has the same result as on a local file system" \
		diff "$WORK/local.txt" "$WORK/mount.txt"
fi

check "the drive is mounted a second time" put_on
echo text >"$M/fixed"
echo text >"$M/log"
mkdir "$M/folder"
# Another user can reach the file: chattr of his is refused for its own sake.
for p in "$(dirname "$E2E_MOUNT")" "$E2E_MOUNT" "$M"; do chmod o+x "$p"; done
chmod o+r "$M/fixed"
exec 7>>"$M/fixed"
echo "before it was set" >&7
chattr +i "$M/fixed" "$M/folder"
chattr +a "$M/log"
check_eq "bytes written before a file became immutable are stored" \
	"$(printf 'text\nbefore it was set')" "$(curl -s --noproxy '*' "${AUTH[@]}" "$FILES/fixed")"
check_not "a write by a descriptor that was opened before chattr +i fails" sh -c 'echo more >&7'
exec 7>&-
N=$B/posix-78
check_eq "the second mount shows the flags of both files and the folder" \
	"i a i" "$(lsattr -d "$N/fixed" "$N/log" "$N/folder" | awk '{gsub("[^ai]", "", $1); print $1}' | xargs)"
check_not "the second mount refuses an append to the immutable file" sh -c 'echo more >>"$1/fixed"' - "$N"
check_not "the second mount refuses to remove the immutable file" rm -f "$N/fixed"
check_not "the second mount refuses a new file in the immutable folder" touch "$N/folder/new"
check "the second mount appends to the append-only file" sh -c 'echo more >>"$1/log"' - "$N"
check_not "the second mount refuses to truncate the append-only file" sh -c 'echo new >"$1/log"' - "$N"

check_status "a PUT over an immutable file gets 403" 403 "${AUTH[@]}" -X PUT --data new "$FILES/fixed"
check_eq "the refusal of a PUT over an immutable file has the errno EPERM" EPERM "$(jq -r .errno "$WORK/body")"
check_status "a DELETE of an append-only file gets 403" 403 "${AUTH[@]}" -X DELETE "$FILES/log"
check_status "a PUT of a new file into an immutable folder gets 403" \
	403 "${AUTH[@]}" -X PUT --data new "$FILES/folder/new"
check_status "a GET of the immutable file's item gets 200" \
	200 "${AUTH[@]}" "$URL/api/v2/docs/drives/home/items?path=/posix-78/fixed"
check_eq "the item of the immutable file lists its protection" '["immutable"]' "$(jq -c .protect "$WORK/body")"
id=$(jq -r .id "$WORK/body")
protect() { check_status "$1" "$2" "${AUTH[@]}" -H 'Content-Type: application/json' \
	-d "{\"ops\": [{\"op\": \"setattr\", \"id\": \"$id\", \"protect\": $3}]}" "$URL/api/v2/docs/drives/home/ops"; }
protect "a setattr with an unknown protection gets 422" 422 '["undeletable"]'
protect "a setattr with a protection that is not a list gets 400" 400 '"immutable"'

clean "$NEPHOS" umount "$B"
check "the second mount is mounted again" put_on
check_eq "the remounted second mount still shows the flags of both files" \
	"i a" "$(lsattr -d "$N/fixed" "$N/log" | awk '{gsub("[^ai]", "", $1); print $1}' | xargs)"
check_not "the remounted second mount still refuses an append to the immutable file" \
	sh -c 'echo more >>"$1/fixed"' - "$N"
protect "a setattr by the owner of the drive removes the protection" 200 '[]'
check "the second mount appends after the protection is removed" eventually 5 sh -c 'echo more >>"$1/fixed"' - "$N"
check "chattr +i by a user without privileges fails with EPERM" \
	sh -c 'LC_ALL=C setpriv --reuid 4711 --clear-groups chattr +i "$1" 2>&1 |
		grep "Operation not permitted while setting flags"' - "$M/fixed"
check_not "chattr with a flag that the mount does not keep fails" chattr +d "$M/fixed"
e2e_end
