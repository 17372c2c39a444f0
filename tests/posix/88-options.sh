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
check "the drive is mounted with fmask and dmask" mounted fmask=0117,dmask=0027
check_eq "a file shows the permissions that fmask leaves" 660 "$(stat -c %a "$M/88/f")"
check_eq "a folder shows the permissions that dmask leaves" 750 "$(stat -c %a "$M/88")"
check_eq "the stored mode of the file does not change" 640 "$(stat -c %a "$E2E_MOUNT/88/f")"
check "the mount with fmask and dmask is unmounted" unmounted
refused "a mask that is not an octal number is refused with the valid range" \
	"takes an octal number from 0 to 777" mounted umask=9
refused "a cache size that is too small is refused with the valid range" '"cache" takes a size from 4M to 64G' \
	mounted cache=1M

# ---- a drive by its name ----

name="prüf 88-$$"
check_status "a drive with a name that is not ASCII is created" \
	201 "${AUTH[@]}" -X POST -H 'Content-Type: application/json' -d "{\"name\":\"$name\"}" "$URL/api/v2/docs/drives"
drive=$(jq -r .id "$WORK/body")
at_end 'curl -s -X DELETE -H "Authorization: Bearer $TOKEN" "$URL/api/v2/docs/drives/$drive?confirm=$encoded"'
encoded=$(printf %s "$name" | jq -sRr @uri)
check "the drive is mounted by its name" mounted "" "$URL/$encoded"
check "a file can be written on the mount of the named drive" sh -c 'echo there >"$1/only-there"' _ "$M"
check_status "a GET of the file from the named drive gets 200" \
	200 "${AUTH[@]}" "$URL/api/v2/docs/drives/$drive/files/only-there"
check_not "the file of the named drive is not in the first drive" test -e "$E2E_MOUNT/only-there"
check "the mount of the named drive is unmounted" unmounted
refused "a mount of an unknown drive is refused, and the refusal names the drive" \
	"there is no drive \"nowhere-$$\"" mounted "" \
	"$URL/nowhere-$$"

# ---- read only, and back ----

check "the first drive is mounted with nosuid" mounted nosuid
check "remount,ro succeeds on a writable mount" clean "$NEPHOS" mount -o remount,ro "$M"
check_not "a file cannot be made after remount,ro" sh -c 'echo x >"$1/88/new"' _ "$M"
check_not "a file cannot be removed after remount,ro" rm "$M/88/f"
check_eq "a file can be read after remount,ro" x "$(cat "$M/88/f")"
check "remount,ro leaves the flag nosuid set" grep -q " $M fuse.nephos ro,nosuid" /proc/self/mounts
check "remount,rw succeeds after remount,ro" clean "$NEPHOS" mount -o remount,rw "$M"
check "a file can be made after remount,rw" sh -c 'echo y >"$1/88/new"' _ "$M"
exec 7>>"$M/88/new"
refused "remount,ro is refused with the reason while a file is open for writing" "open for writing" clean "$NEPHOS" \
	mount -o remount,ro "$M"
exec 7>&-
check "the first drive is unmounted" unmounted
check_not "a remount of a folder that is not a mount fails" clean "$NEPHOS" mount -o remount,ro "$M"
check "the first drive is mounted read-only" mounted ro
check_not "mkdir fails on a mount that began read-only" mkdir "$M/88/folder"
check "remount,rw succeeds on a mount that began read-only" clean "$NEPHOS" mount -o remount,rw "$M"
check "mkdir succeeds after remount,rw of a mount that began read-only" mkdir "$M/88/folder"
# mount(8) runs the program "nephos" that it finds in its own PATH. If one is there already, the test does not
# replace it.
if [ "$(id -u)" = 0 ] && [ -x /sbin/mount.fuse3 ] && ln -s "$NEPHOS" /usr/local/bin/nephos 2>/dev/null; then
	at_end 'rm -f /usr/local/bin/nephos'
	check "mount(8) remounts the drive read-only" mount -o remount,ro "$M"
	check_not "mkdir fails after mount(8) remounted the drive read-only" mkdir "$M/88/folder2"
	check "mount(8) remounts the drive writable" mount -o remount,rw "$M"
	check "mkdir succeeds after mount(8) remounted the drive writable" mkdir "$M/88/folder2"
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
check "nephos watch reports a first change" eventually 20 begun
mkdir "$E2E_MOUNT/88/by-another"
echo content >"$E2E_MOUNT/88/by-another/file"
mv "$E2E_MOUNT/88/by-another/file" "$E2E_MOUNT/88/moved"
check_status "curl uploads a file into the new folder" \
	201 "${AUTH[@]}" -T /etc/hostname "$URL/api/v2/docs/drives/home/files/88/by-another/curl"
check "the mount that made the folder removes it with the uploaded file" rm -r "$E2E_MOUNT/88/by-another"
check "nephos watch reports a folder that another mount makes" eventually 20 told "create      $M/88/by-another"
check "nephos watch reports a file that another mount makes in the new folder" \
	eventually 20 told "create      $M/88/by-another/file"
check "nephos watch reports a rename with both paths" \
	eventually 20 told "rename      $M/88/by-another/file -> $M/88/moved"
check "nephos watch reports a file that curl uploads" eventually 20 told "create      $M/88/by-another/curl"
check "nephos watch reports a folder that another mount removes" eventually 20 told "rmdir       $M/88/by-another"
kill $watcher
check "nephos watch -n 1 -e runs a command for a change" timeout 20 bash -c '
	"$1" watch --credentials "$2" -n 1 -e "printf %s \"\$2\" >$3/ran" "$4" & p=$!
	while kill -0 $p 2>/dev/null; do touch "$4/again"; sleep 0.05; done
	wait $p' _ "$NEPHOS" "$E2E_DATA/credentials" "$WORK" "$M/88"
check_eq "the command of nephos watch -e gets the path of the change" "$M/88/again" "$(cat "$WORK/ran")"
e2e_end
