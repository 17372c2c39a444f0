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
	check_eq "all steps were taken" 62 "$(wc -l <"$WORK/local.txt")"
	check "each is refused or not as on a local file system" diff "$WORK/local.txt" "$WORK/mount.txt"
fi

check "another mount" put_on
echo text >"$M/fixed"
echo text >"$M/log"
mkdir "$M/folder"
exec 7>>"$M/fixed"
echo "before it was set" >&7
chattr +i "$M/fixed" "$M/folder"
chattr +a "$M/log"
check_eq "what was written before it was immutable is stored" \
	"$(printf 'text\nbefore it was set')" "$(curl -s --noproxy '*' "${AUTH[@]}" "$FILES/fixed")"
check_not "who has it open writes no more" sh -c 'echo more >&7'
exec 7>&-
N=$B/posix-78
check_eq "the other mount shows it" \
	"i a i" "$(lsattr -d "$N/fixed" "$N/log" "$N/folder" | awk '{gsub("[^ai]", "", $1); print $1}' | xargs)"
check_not "there, too, it is not written" sh -c 'echo more >>"$1/fixed"' - "$N"
check_not "nor removed" rm -f "$N/fixed"
check_not "nor is a file made in the folder" touch "$N/folder/new"
check "a log grows there" sh -c 'echo more >>"$1/log"' - "$N"
check_not "but is not written anew" sh -c 'echo new >"$1/log"' - "$N"

check_status "over HTTP it is not replaced" 403 "${AUTH[@]}" -X PUT --data new "$FILES/fixed"
check_eq "which says why" EPERM "$(jq -r .errno "$WORK/body")"
check_status "nor removed" 403 "${AUTH[@]}" -X DELETE "$FILES/log"
check_status "nor is a file made in the folder" 403 "${AUTH[@]}" -X PUT --data new "$FILES/folder/new"
check_status "the item says what it is" 200 "${AUTH[@]}" "$URL/api/v2/docs/drives/home/items?path=/posix-78/fixed"
check_eq "in a list" '["immutable"]' "$(jq -c .protect "$WORK/body")"
id=$(jq -r .id "$WORK/body")
protect() { check_status "$1" "$2" "${AUTH[@]}" -H 'Content-Type: application/json' \
	-d "{\"ops\": [{\"op\": \"setattr\", \"id\": \"$id\", \"protect\": $3}]}" "$URL/api/v2/docs/drives/home/ops"; }
protect "a protection that there is not is refused" 422 '["undeletable"]'
protect "and one that is no list" 400 '"immutable"'

clean "$NEPHOS" umount "$B"
check "the other mount is put on again" put_on
check_eq "and shows it still" "i a" "$(lsattr -d "$N/fixed" "$N/log" | awk '{gsub("[^ai]", "", $1); print $1}' | xargs)"
check_not "and refuses" sh -c 'echo more >>"$1/fixed"' - "$N"
protect "the owner of the drive takes it away over HTTP" 200 '[]'
check "then the other mount writes" eventually 5 sh -c 'echo more >>"$1/fixed"' - "$N"
check_not "who may not, does not set it" setpriv --reuid 4711 --clear-groups chattr +i "$M/fixed"
check_not "a flag that is not kept is refused" chattr +d "$M/fixed"
e2e_end
