#!/usr/bin/env bash
# Goal: extended attributes of every namespace behave as on a local file system. A file loses its capabilities when
# it is changed. Two mounts agree. On a drive without extended attributes, ls makes no extra requests.
. "$(dirname "$0")/../lib/e2e.sh"
e2e_store
NEPHOS=${NEPHOS_BUILD_DIR:?}/bin/nephos
clean() { env -u NEPHOS_BUILD_DIR -u NEPHOS_URL -u NEPHOS_USER -u NEPHOS_TOKEN "$@"; }
M=$E2E_MOUNT/82
L=$WORK/local # the local folder, whose results are the expected ones
at_end 'rm -rf "$E2E_MOUNT/82"'
mkdir -p "$M" "$L"
for p in "$E2E_MOUNT" "$WORK" "$(dirname "$E2E_MOUNT")"; do chmod o+x "$p"; done
as() { setpriv --reuid "$1" --regid "$1" --clear-groups "${@:2}"; }

# same SENTENCE COMMAND: the command, run in both folders, prints and leaves the same.
same() {
	local where
	for where in "$L" "$M"; do
		(
			cd "$where" || exit
			eval "$2"
			echo "exit $?"
			find . ! -name . -type f -printf '%P %M %U %G %s\n' -o ! -name . -printf '%P %M %U %G\n' | sort
			find . ! -name . | sort | xargs -d '\n' getfattr -hd -m - -e hex 2>&1 | sed 's/^# file: //'
		) >"$WORK/same.$([ "$where" = "$M" ] && echo mount || echo local)" 2>&1
	done
	if diff "$WORK/same.local" "$WORK/same.mount" >"$WORK/same.diff"; then pass "$1"; else
		fail "$1" "$(head -n 20 "$WORK/same.diff")"; fi
}

cat >"$WORK/try.py" <<'PY'
import os, sys
def t(what, f, *a, **k):
    try: r = f(*a, **k)
    except OSError as e: r = e.strerror
    print(what, repr(r)[:80])
path = sys.argv[1]
for name in ("user.a", "trusted.a", "security.ima", "security.selinux", "security.SMACK64", "security.x.y", "user.", "trusted.", "security.", "user", "nobody.a", "system.a", "", "user." + "n" * 250, "user." + "n" * 251):
    label = name[:20] + "/%d" % len(name)
    t("get " + label, os.getxattr, path, name)
    t("set " + label, os.setxattr, path, name, b"value")
    t("get " + label, os.getxattr, path, name)
    t("replace " + label, os.setxattr, path, name, b"", os.XATTR_REPLACE)
    t("create " + label, os.setxattr, path, name, b"", os.XATTR_CREATE)
    t("get " + label, os.getxattr, path, name)
    t("create and replace one that is there " + label, os.setxattr, path, name, b"", os.XATTR_CREATE | os.XATTR_REPLACE)
    t("remove " + label, os.removexattr, path, name)
    t("create and replace one that is not " + label, os.setxattr, path, name, b"", os.XATTR_CREATE | os.XATTR_REPLACE)
    t("again " + label, os.removexattr, path, name)
    t("replace " + label, os.setxattr, path, name, b"x", os.XATTR_REPLACE)
    t("create " + label, os.setxattr, path, name, b"y", os.XATTR_CREATE)
t("list", lambda: sorted(os.listxattr(path)))
for name in os.listxattr(path): os.removexattr(path, name)
PY
same "xattr calls on a file have the same results as on a local file system" 'touch f; python3 "$WORK/try.py" f'
same "xattr calls on a folder have the same results as on a local file system" 'mkdir d; python3 "$WORK/try.py" d'
same "xattr calls on a fifo have the same results as on a local file system" 'mkfifo p; python3 "$WORK/try.py" p'
same "xattr calls on a symlink have the same results as on a local file system" \
	'ln -s f l; setfattr -h -n user.a -v 1 l; setfattr -h -n trusted.a -v 1 l; setfattr -h -n security.a -v 1 l'
same "a user without privileges cannot read or set trusted.* xattrs" \
	'chmod 666 f; setfattr -n trusted.a -v 1 f; setfattr -n security.a -v 2 f; setfattr -n user.a -v 3 f
	as 1234 getfattr -m - f; as 1234 getfattr -n trusted.a f; as 1234 getfattr --only-values -n user.a f
	as 1234 setfattr -n trusted.b -v 1 f; as 1234 setfattr -n security.b -v 1 f
	as 1234 setfattr -n security.capability -v 1 f; as 1234 setfattr -n user.b -v 4 f; as 1234 setfattr -x security.a f'
same "user.* xattrs need the permissions of the file" \
	'chmod 600 f; as 1234 setfattr -n user.c -v 1 f; as 1234 getfattr -n user.a f; chmod 644 f; as 1234 setfattr -n user.c -v 1 f; as 1234 getfattr --only-values -n user.a f'
same "a user who does not own a sticky folder cannot set its user.* xattrs" \
	'mkdir s; chmod 1777 s; as 1234 setfattr -n user.a -v 1 s; setfattr -n user.a -v 1 s'

# ---- capabilities ----
same "getcap shows the capability that setcap has set" 'cp /bin/true c; setcap cap_net_raw+ep c; getcap c'
cat >"$WORK/change.py" <<'PY'
import ctypes, mmap, os, sys
how, path = sys.argv[1:3]
fd = os.open(path, os.O_RDWR | (os.O_DIRECT if how == "direct" else 0) | (os.O_TRUNC if how == "trunc" else 0))
if how == "write": os.pwrite(fd, b"x", 5)
elif how == "direct":
    m = mmap.mmap(-1, 4096)
    os.pwritev(fd, [m], 0)
elif how == "truncate": os.ftruncate(fd, 100)
elif how == "fallocate": ctypes.CDLL(None).fallocate(fd, 0, ctypes.c_long(0), ctypes.c_long(1 << 20))
elif how == "copy": os.copy_file_range(os.open("/bin/true" if not os.path.exists("src") else "src", os.O_RDONLY), fd, 100)
elif how == "mmap":
    with mmap.mmap(fd, 4096) as m: m[0] = 1
os.close(fd)
PY
for how in write direct trunc truncate fallocate mmap copy; do
	same "a change of a file by '$how' has the same effect on its capability as locally" \
		"echo src >src; cp /bin/true c; setcap cap_net_raw+ep c; python3 \"\$WORK/change.py\" $how c; getcap c"
done
same "chown, chmod, mv and ln have the same effect on a capability as locally" \
	'cp /bin/true c; setcap cap_net_raw+ep c; chmod 700 c; getcap c; mv c c2; ln c2 c3; getcap c3; chown 1234 c3; getcap c3'
same "cp -a, tar and rsync copy capabilities and user.* xattrs" \
	'cp /bin/true c; setcap cap_net_raw+ep c; setfattr -n user.k -v v c; cp -a c c4; tar --xattrs --xattrs-include="*" -cf ../t.tar c; mkdir t; tar --xattrs --xattrs-include="*" -C t -xf ../t.tar; rsync -aX c r/; getcap c4 t/c r/c'
cp /bin/true "$M/put" && setcap cap_net_raw+ep "$M/put" && setfattr -n user.k -v v "$M/put"
check_status "a PUT replaces the content of a file with a capability" \
	200 -X PUT "${AUTH[@]}" --data-binary new "$URL/api/v2/docs/drives/home/files/82/put"
check "the file loses its capability after a PUT of new content" \
	eventually 5 sh -c '[ -z "$(getcap "$1")" ] && [ "$(cat "$1")" = new ]' - "$M/put"
check_eq "the file keeps its user.* xattr after a PUT of new content" \
	v "$(getfattr --only-values -n user.k "$M/put" 2>/dev/null)"

cat >"$WORK/many.py" <<'PY'
import os, sys
names, value = ["user.%02d" % n for n in range(15)], bytes(range(256)) * 256
for name in names if sys.argv[2:] else []: os.setxattr(sys.argv[1], name, value)
print(sorted(os.listxattr(sys.argv[1])) == names, all(os.getxattr(sys.argv[1], name) == value for name in names))
PY
check_eq "15 xattrs of 64 KiB on one file can be set, listed and read" "True True" \
	"$(touch "$M/many" && python3 "$WORK/many.py" "$M/many" set 2>&1)"

# ---- two mounts ----
B=$WORK/b
mkdir -p "$B"
at_end 'clean "$NEPHOS" umount "$B" || umount -l "$B"'
check "the drive is mounted a second time" \
	clean "$NEPHOS" mount -o "credentials=$E2E_DATA/credentials,pidfile=$WORK/b.pid,log=$WORK/b.log" "$URL" "$B"
check_eq "the second mount lists and reads 15 xattrs of 64 KiB that the first has set" \
	"True True" "$(python3 "$WORK/many.py" "$B/82/many" 2>&1)"
echo >"$M/two"
getfattr -d "$B/82/two"
names() { [ "$(getfattr -d "$1" 2>/dev/null | grep -c "^user")" = "$2" ]; }
# The changes follow one another directly: the first mount's own change must not hide the other mount's change from
# it.
for i in $(seq 20); do
	setfattr -n "user.b$i" -v b "$B/82/two"
	setfattr -n "user.a$i" -v a "$M/two"
done
check "the first mount shows the 40 xattrs that both mounts have set" eventually 3 names "$M/two" 40
check "the second mount shows the 40 xattrs that both mounts have set" eventually 3 names "$B/82/two" 40

# ---- a drive without extended attributes ----
check_status "a new drive without xattrs is created" \
	201 "${AUTH[@]}" -H "Idempotency-Key: 82-$RANDOM$RANDOM" -H 'Content-Type: application/json' \
		-d '{"name":"plain82"}' "$URL/api/v2/docs/drives"
drive=$(jq -r .id "$WORK/body")
P=$WORK/p
mkdir -p "$P"
at_end 'clean "$NEPHOS" umount "$P" || umount -l "$P"; http -X DELETE "${AUTH[@]}" -H "Idempotency-Key: 82-$RANDOM$RANDOM" "$URL/api/v2/docs/drives/$drive"'
check "the new drive is mounted" \
	clean "$NEPHOS" mount -o "credentials=$E2E_DATA/credentials,pidfile=$WORK/p.pid,log=$WORK/p.log" "$URL/$drive" \
		"$P"
mkdir "$P/d"
for i in $(seq 50); do : >"$P/d/f$i"; done
asked() { strace -f -e trace=getxattr,lgetxattr -o "$WORK/ls.strace" ls -l "$P/d" >"$WORK/ls.out" &&
	grep -c xattr "$WORK/ls.strace"; }
check "ls -l of 50 files on a drive without xattrs makes fewer than 10 xattr calls" test "$(asked)" -lt 10
check "setfacl sets a default ACL on a drive without xattrs" setfacl -d -m u:1234:rwx "$P/d"
touch "$P/d/inherits"
check_eq "getfacl shows the default ACL that was just set on the drive" \
	"user:1234:rwx" "$(getfacl -cn "$P/d" 2>/dev/null | sed -n 's/^default:\(user:1234.*\)/\1/p')"
setfacl -m u:1234:r "$P/d/f7"
check "ls -l of 51 files makes more than 50 xattr calls after the drive has ACLs" test "$(asked)" -gt 50
check_eq "ls -l marks exactly the two files with an ACL by a plus sign" \
	"f7 inherits" "$(awk '$1 ~ /\+$/ {print $NF}' "$WORK/ls.out" | paste -sd' ')"
e2e_end
