#!/usr/bin/env bash
# Goal: a mount can be the upper layer of overlayfs. It has all that overlayfs needs (RENAME_WHITEOUT, O_TMPFILE,
# trusted xattrs, d_type), and the changes are there after the overlay is mounted again.
. "$(dirname "$0")/../lib/e2e.sh"
e2e_store
if [ "$(id -u)" != 0 ] || ! grep -qw overlay /proc/filesystems; then
	echo "# skipped: needs root and overlayfs"
	e2e_end
fi
U=$E2E_MOUNT/posix-72
LOWER=$WORK/lower
O=$WORK/merged
LOCAL=$WORK/local
mkdir -p "$U/upper" "$U/work" "$LOWER/tree/deep" "$O" "$LOCAL"
at_end 'umount "$O"; rm -rf "$U"'
for i in 1 2 3 4; do echo "lower $i" >"$LOWER/f$i"; done
echo a >"$LOWER/tree/a"
echo b >"$LOWER/tree/deep/b"
chmod 640 "$LOWER/f1"
setfattr -n user.kept -v yes "$LOWER/f1" 2>/dev/null
cp -a "$LOWER/." "$LOCAL/"

NEPHOS=${NEPHOS_BUILD_DIR:?}/bin/nephos
clean() { env -u NEPHOS_BUILD_DIR -u NEPHOS_URL -u NEPHOS_USER -u NEPHOS_TOKEN "$@"; }
overlay() { mount -t overlay nephos -o "lowerdir=$LOWER,upperdir=$U/upper,workdir=$U/work" "$O"; }
# The same steps in the merged folder and in a plain copy of the lower layer.
steps() (
	cd "$1" &&
		echo more >>f1 && rm f2 && mv f3 moved && echo new >new && ln f4 linked && chmod 600 f4 &&
		rm tree/deep/b && echo c >tree/deep/c && rm -r tree && mkdir tree && echo again >tree/again &&
		mkdir d && mv d d2 && mv new d2/new && ln -s d2/new symlink &&
			touch -d '2001-02-03 04:05:06 UTC' d2/new &&
		echo x >f2 && rm f2 && truncate -s 100000 large &&
			dd if=/dev/zero of=large bs=4096 count=1 conv=notrunc status=none
)
tree() { (cd "$1" && find . -printf '%P %y %m %s %l\n' | sed '/ d /s/ [0-9]* *$//' | sort && find . -type f -print0 | sort -z | xargs -0 sha256sum); }

# The kernel's log also has messages from before. Its clock drifts away from all others, so only its own times are
# compared.
since=$(dmesg 2>/dev/null | awk -F'[][ ]+' '$2 + 0 > t + 0 { t = $2 } END { print t }')
complaints() {
	dmesg | awk -F'[][ ]+' -v since="$since" '$2 + 0 > since + 0' |
		grep -E "overlayfs: upper fs (does not|missing|needs)"
}
check "overlayfs accepts the mount as its upper layer" overlay
if dmesg >/dev/null 2>&1; then
	check_not "overlayfs logs no missing feature of its upper layer" complaints
else
	echo "# skipped: dmesg is refused, so it is not checked that overlayfs logs no missing feature"
fi
check "files are made, changed, moved and removed in the merged folder" steps "$O"
steps "$LOCAL"
check_eq "the merged folder equals a plain folder after the same steps" "$(tree "$LOCAL")" "$(tree "$O")"
check_eq "a file that was copied up keeps its extended attribute" \
	yes "$(getfattr --only-values -n user.kept "$O/f1" 2>/dev/null)"
check_eq "a file removed in the overlay is unchanged in the lower layer" "lower 2" "$(cat "$LOWER/f2")"
check_eq "a file removed in the overlay is a whiteout in the upper layer" \
	"character special file 0 0" "$(stat -c '%F %t %T' "$U/upper/f2")"
check "the overlay is unmounted" umount "$O"
check "the overlay is mounted again" overlay
check_eq "the overlay shows the same tree after it is mounted again" "$(tree "$LOCAL")" "$(tree "$O")"
check "git init, commit, mv and fsck succeed in the overlay" \
	sh -c 'cd "$1" && git init -q g && cd g && echo 1 >f && git add f && git -c user.name=t -c user.email=t@t commit -qm 1 && git mv f g && git -c user.name=t -c user.email=t@t commit -qm 2 && git fsck --full' - "$O"
umount "$O"

# The other kind of xattrs, used for overlays that are not root's.
rm -rf "$U/upper" "$U/work" && mkdir "$U/upper" "$U/work"
check "overlayfs with userxattr accepts the mount as its upper layer" \
	mount -t overlay nephos -o "userxattr,lowerdir=$LOWER,upperdir=$U/upper,workdir=$U/work" "$O"
check "the same steps succeed in the overlay with userxattr" steps "$O"
check_eq "the overlay with userxattr equals a plain folder after the same steps" "$(tree "$LOCAL")" "$(tree "$O")"
umount "$O"

# While another mount is present, this mount has to ask for a folder's content. overlayfs reads a folder once, and
# expects more entries than the two dots.
B=$WORK/b
mkdir "$B"
check "the drive is mounted a second time" clean "$NEPHOS" mount -o "credentials=$E2E_DATA/credentials" "$URL" "$B"
at_end 'clean "$NEPHOS" umount "$B" || umount -l "$B"'
touch "$B/posix-72/there"
# The first change of another mount is seen as late as the journal reports it (docs/posix.md).
check "the first mount sees a file that the second mount made" eventually 10 test -e "$U/there"
rm -rf "$U/upper" "$U/work" && mkdir "$U/upper" "$U/work"
check "overlayfs accepts the mount as its upper layer while a second mount exists" overlay
umount "$O"
e2e_end
