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

since=$(cut -d' ' -f1 /proc/uptime) # the kernel's log also has messages from before
complaints() { dmesg 2>/dev/null | awk -F'[][ ]+' -v since="$since" '$2 >= since' | grep -E "overlayfs: upper fs (does not|missing|needs)"; }
check "overlayfs takes the mount as its upper layer" overlay
check_not "and does not find that something is missing" complaints
check "files are made, changed, moved and removed in the merged folder" steps "$O"
steps "$LOCAL"
check_eq "it shows what the same steps leave in a plain folder" "$(tree "$LOCAL")" "$(tree "$O")"
check_eq "the xattr of what was copied up came along" yes "$(getfattr --only-values -n user.kept "$O/f1" 2>/dev/null)"
check_eq "what is below was not touched" "lower 2" "$(cat "$LOWER/f2")"
check_eq "what was removed is a whiteout above" "character special file 0 0" "$(stat -c '%F %t %T' "$U/upper/f2")"
check "it is unmounted" umount "$O"
check "and mounted again" overlay
check_eq "and shows the same" "$(tree "$LOCAL")" "$(tree "$O")"
check "git works in it" \
	sh -c 'cd "$1" && git init -q g && cd g && echo 1 >f && git add f && git -c user.name=t -c user.email=t@t commit -qm 1 && git mv f g && git -c user.name=t -c user.email=t@t commit -qm 2 && git fsck --full' - "$O"
umount "$O"

# The other kind of xattrs, used for overlays that are not root's.
rm -rf "$U/upper" "$U/work" && mkdir "$U/upper" "$U/work"
check "it is an upper layer with xattrs of users (userxattr), too" \
	mount -t overlay nephos -o "userxattr,lowerdir=$LOWER,upperdir=$U/upper,workdir=$U/work" "$O"
check "in which the same steps can be taken" steps "$O"
check_eq "with the same end" "$(tree "$LOCAL")" "$(tree "$O")"
umount "$O"

# While another mount is present, this mount has to ask for a folder's content. overlayfs reads a folder once, and
# expects more entries than the two dots.
B=$WORK/b
mkdir "$B"
check "another mount comes" clean "$NEPHOS" mount -o "credentials=$E2E_DATA/credentials" "$URL" "$B"
at_end 'clean "$NEPHOS" umount "$B" || umount -l "$B"'
touch "$B/posix-72/there"
# The first change of another mount is seen as late as the journal reports it (docs/posix.md).
check "it is seen" eventually 10 test -e "$U/there"
rm -rf "$U/upper" "$U/work" && mkdir "$U/upper" "$U/work"
check "beside it overlayfs takes the mount as its upper layer, too" overlay
umount "$O"
e2e_end
