#!/usr/bin/env bash
# Goal: a mount follows its options (a drive by its name, masks, read only and back), and a refusal says what would
# work. "nephos watch" reports the changes of every client.
. "$(dirname "$0")/../lib/e2e.sh"
e2e_store
M=$WORK/m
mkdir -p "$M" "$E2E_MOUNT/88"
NEPHOS=${NEPHOS_BUILD_DIR:?}/bin/nephos
clean() { env -u NEPHOS_BUILD_DIR -u NEPHOS_URL -u NEPHOS_USER -u NEPHOS_TOKEN "$@"; }
at_end 'rm -rf "$E2E_MOUNT/88"'
at_end 'clean "$NEPHOS" umount "$M" || umount -l "$M"'
mounted() { clean "$NEPHOS" mount -o "credentials=$E2E_DATA/credentials${1:+,$1}" "${2:-$URL}" "$M"; }
# refused "a sentence" TEXT COMMAND…: checks that the command fails and prints TEXT.
refused() {
	local sentence=$1 text=$2
	shift 2
	if ! "$@" >"$WORK/said" 2>&1 && grep -qF "$text" "$WORK/said"; then pass "$sentence"; else
		fail "$sentence" "$(cat "$WORK/said")"; fi
}
unmounted() { clean "$NEPHOS" umount "$M"; }

# ---- masks ----

printf 'x' >"$E2E_MOUNT/88/f"
chmod 0640 "$E2E_MOUNT/88/f"
chmod 0700 "$E2E_MOUNT/88"
check "a mount with fmask and dmask" mounted fmask=0117,dmask=0027
check_eq "the permissions of a file are those that its mask leaves" 660 "$(stat -c %a "$M/88/f")"
check_eq "and those of a folder, too" 750 "$(stat -c %a "$M/88")"
check_eq "what is stored stays what it was" 640 "$(stat -c %a "$E2E_MOUNT/88/f")"
check "it is unmounted" unmounted
refused "a mask that is no octal number is refused, and it is said what would go" \
	"takes an octal number from 0 to 777" mounted umask=9
refused "a cache that is too small is refused, and it is said what would go" '"cache" takes a size from 4M to 64G' \
	mounted cache=1M

# ---- a drive by its name ----

name="prüf 88-$$"
check_status "another drive" \
	201 "${AUTH[@]}" -X POST -H 'Content-Type: application/json' -d "{\"name\":\"$name\"}" "$URL/api/v2/docs/drives"
drive=$(jq -r .id "$WORK/body")
at_end 'curl -s -X DELETE -H "Authorization: Bearer $TOKEN" "$URL/api/v2/docs/drives/$drive?confirm=$encoded"'
encoded=$(printf %s "$name" | jq -sRr @uri)
check "the drive is mounted by its name" mounted "" "$URL/$encoded"
check "what is written there" sh -c 'echo there >"$1/only-there"' _ "$M"
check_status "is in that drive" 200 "${AUTH[@]}" "$URL/api/v2/docs/drives/$drive/files/only-there"
check_not "and not in the first one" test -e "$E2E_MOUNT/only-there"
check "it is unmounted" unmounted
refused "a drive that is not there cannot be mounted, and is named" "there is no drive \"nowhere-$$\"" mounted "" \
	"$URL/nowhere-$$"

# ---- read only, and back ----

check "a mount of the first drive" mounted nosuid
check "remount,ro" clean "$NEPHOS" mount -o remount,ro "$M"
check_not "then nothing can be written" sh -c 'echo x >"$1/88/new"' _ "$M"
check_not "nor removed" rm "$M/88/f"
check_eq "what is there can be read" x "$(cat "$M/88/f")"
check "the flags that were not named are still there" grep -q " $M fuse.nephos ro,nosuid" /proc/self/mounts
check "remount,rw" clean "$NEPHOS" mount -o remount,rw "$M"
check "then it can be written again" sh -c 'echo y >"$1/88/new"' _ "$M"
exec 7>>"$M/88/new"
refused "while a file is open for writing it stays writable, and it is said why" "open for writing" clean "$NEPHOS" \
	mount -o remount,ro "$M"
exec 7>&-
check "it is unmounted" unmounted
check_not "what is not mounted cannot be remounted" clean "$NEPHOS" mount -o remount,ro "$M"
check "a mount that began read only" mounted ro
check_not "takes no change" mkdir "$M/88/folder"
check "remount,rw" clean "$NEPHOS" mount -o remount,rw "$M"
check "makes it writable" mkdir "$M/88/folder"
# mount(8) runs the program "nephos" that it finds in its own PATH. If one is there already, the test does not
# replace it.
if [ "$(id -u)" = 0 ] && [ -x /sbin/mount.fuse3 ] && ln -s "$NEPHOS" /usr/local/bin/nephos 2>/dev/null; then
	at_end 'rm -f /usr/local/bin/nephos'
	check "mount(8) remounts it read only" mount -o remount,ro "$M"
	check_not "then no folder can be made" mkdir "$M/88/folder2"
	check "mount(8) remounts it writable" mount -o remount,rw "$M"
	check "then it can" mkdir "$M/88/folder2"
fi

# ---- watch ----

told() { grep -qxF "$1" "$WORK/told"; }
# Not through the function clean: the background process then is the program itself.
env -u NEPHOS_BUILD_DIR -u NEPHOS_URL -u NEPHOS_USER -u NEPHOS_TOKEN "$NEPHOS" watch \
	--credentials "$E2E_DATA/credentials" "$M/88" >"$WORK/told" 2>"$WORK/told.err" &
watcher=$!
at_end 'kill $watcher'
# The watch reports changes from its first poll on. The test makes changes until the watch reports one.
begun() { touch "$M/88/begin" && grep -q begin "$WORK/told"; }
check "a watch begins" eventually 20 begun
mkdir "$E2E_MOUNT/88/by-another"
echo content >"$E2E_MOUNT/88/by-another/file"
mv "$E2E_MOUNT/88/by-another/file" "$E2E_MOUNT/88/moved"
check_status "a file comes by curl" \
	201 "${AUTH[@]}" -T /etc/hostname "$URL/api/v2/docs/drives/home/files/88/by-another/curl"
check "the mount that made the folder removes it with what came" rm -r "$E2E_MOUNT/88/by-another"
check "what another mount makes is told" eventually 20 told "create      $M/88/by-another"
check "and what it makes in the new folder" eventually 20 told "create      $M/88/by-another/file"
check "a rename is told with both paths" eventually 20 told "rename      $M/88/by-another/file -> $M/88/moved"
check "what curl makes is told" eventually 20 told "create      $M/88/by-another/curl"
check "and what is removed" eventually 20 told "rmdir       $M/88/by-another"
kill $watcher
check "a command is run for a change" timeout 20 bash -c '
	"$1" watch --credentials "$2" -n 1 -e "printf %s \"\$2\" >$3/ran" "$4" & p=$!
	while kill -0 $p 2>/dev/null; do touch "$4/again"; sleep 0.05; done
	wait $p' _ "$NEPHOS" "$E2E_DATA/credentials" "$WORK" "$M/88"
check_eq "with its path" "$M/88/again" "$(cat "$WORK/ran")"
e2e_end
