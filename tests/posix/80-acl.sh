#!/usr/bin/env bash
# Goal: POSIX ACLs are set, shown, inherited, enforced and kept in step with modes as on a local file system. cp, tar
# and rsync copy them, and another mount sees their changes.
. "$(dirname "$0")/../lib/e2e.sh"
e2e_store
NEPHOS=${NEPHOS_BUILD_DIR:?}/bin/nephos
clean() { env -u NEPHOS_BUILD_DIR -u NEPHOS_URL -u NEPHOS_USER -u NEPHOS_TOKEN "$@"; }
M=$E2E_MOUNT/80
L=$WORK/local # the local folder, whose results are the expected ones
at_end 'rm -rf "$E2E_MOUNT/80"'
mkdir -p "$M" "$L"
# Other users can reach the two folders.
for p in "$E2E_MOUNT" "$WORK" "$(dirname "$E2E_MOUNT")"; do chmod o+x "$p"; done
setfacl -m u:1234:r-- "$L" 2>/dev/null ||
	{ echo "the folder for temporary files has no ACLs: set TMPDIR to one that does" >&2; exit 2; }
setfacl -b "$L"
as() { setpriv --reuid "$1" --regid "$1" --clear-groups "${@:2}"; }

# same SENTENCE COMMAND: the command, run in both folders, prints and leaves the same.
same() {
	local where
	for where in "$L" "$M"; do
		(
			cd "$where" || exit
			eval "$2"
			echo "exit $?"
			find . ! -name . -printf '%P %M %U %G\n' | sort
			find . ! -name . ! -type l | sort | xargs -d '\n' getfacl -np 2>&1
		) >"$WORK/same.$([ "$where" = "$M" ] && echo mount || echo local)" 2>&1
	done
	if diff "$WORK/same.local" "$WORK/same.mount" >"$WORK/same.diff"; then pass "$1"; else
		fail "$1" "$(head -n 20 "$WORK/same.diff")"; fi
}

same "setfacl of a named user and group adds a mask" \
	'touch f; chmod 640 f; setfacl -m u:1234:rwx,g:77:r f; stat -c %a f'
same "setfacl sets a given mask" 'setfacl -m m::r f; stat -c %a f'
same "chmod sets the mask, not the group" 'chmod 671 f; getfacl -nc f'
same "chmod sets set-user-id on a file with an ACL" 'chmod 4750 f; stat -c %a f'
same "setfacl -x removes one entry" 'setfacl -x u:1234 f; getfacl -nc f'
same "setfacl -b removes all entries and leaves a mode" 'setfacl -b f; stat -c %a f; getfattr -m - f'
same "setfacl with only the entries of a mode stores no ACL" \
	'setfacl --set u::rw,g::-,o::r f; stat -c %a f; getfattr -m - f'
same "setfacl -d sets a folder's default ACL and leaves its mode" \
	'mkdir d; chmod 755 d; setfacl -d -m u:1234:rwx,g::r-x,o::- d; stat -c %a d; getfacl -nc d'
same "new entries inherit a folder's default ACL and ignore the umask" \
	'umask 077; touch d/f; mkdir d/sub; mkfifo d/fifo; ln -s x d/link; mkdir -m 700 d/m700; stat -c "%n %a" d/*'
same "new entries in subfolders inherit the default ACL, too" \
	'umask 022; mkdir -p d/sub/a/b; touch d/sub/a/b/f; stat -c %a d/sub/a/b/f'
same "a file created with mode 0600 gets no more permissions from a default ACL" \
	'umask 0; python3 -c "import os; os.close(os.open(\"d/o600\", os.O_CREAT | os.O_WRONLY, 0o600))"; stat -c %a d/o600'
same "the umask applies again after the default ACL is removed" \
	'setfacl -k d; umask 027; touch d/g; mkdir d/h; stat -c %a d/g d/h'
same "new entries in a set-group-id folder inherit its group and default ACL" \
	'mkdir s; chgrp 77 s; chmod 2775 s; setfacl -d -m g:78:rwx s; umask 022; mkdir s/x; touch s/y; stat -c "%a %g" s/x s/y'
same "a default ACL on a file and malformed ACLs are refused as on a local file system" \
	'touch p; setfacl -d -m u:1:r p; python3 - <<PY
import os
full = bytes.fromhex("02000000" "01000700ffffffff" "04000500ffffffff" "20000500ffffffff")
for path, name, value in (("p", "system.posix_acl_default", full), ("p", "system.posix_acl_access", full[:-8]), ("p", "system.posix_acl_access", full[:-1]),
        ("p", "system.posix_acl_access", b"\1" + full[1:]), ("p", "system.posix_acl_access", full), ("p", "system.posix_acl_access", b"")):
    try: os.setxattr(path, name, value); print("ok", oct(os.stat(path).st_mode))
    except OSError as e: print(e.strerror)
PY'
same "removal of ACL xattrs that do not exist ends as on a local file system" \
	'setfattr -x system.posix_acl_access p; setfattr -x system.posix_acl_default p'
same "an ACL with 200 named users can be set and read" \
	'for i in $(seq 1 200); do printf "u:%d:r\n" $((5000 + i)); done >../acls; setfacl -M ../acls p; getfacl -nc p | wc -l; rm -f ../acls'
same "cp -a copies access and default ACLs" 'cp -a d d2; cp -a s s2'
same "cp without -p does not copy ACLs" 'setfacl -m u:1234:r f; cp f f2; getfacl -nc f2'
same "mv keeps a file's ACL" 'mv f2 f3; mv f f4; getfacl -nc f4'
same "hard links of a file share one ACL" 'ln f4 f5; setfacl -m u:99:rw f5; getfacl -nc f4'
same "tar --acls stores and restores ACLs" \
	'tar --acls --xattrs -cf ../t.tar d2 s2 f4; mkdir t; tar --acls --xattrs -C t -xf ../t.tar; rm ../t.tar'
same "rsync -A copies access and default ACLs" 'rsync -aA d2 s2 f4 r/'
same "setfacl -R changes the ACLs of a tree, and setfacl --restore restores them" \
	'setfacl -R -m u:42:rX d2; getfacl -Rnp d2 >../saved; setfacl -R -b d2; setfacl --restore=../saved; rm ../saved'

# ---- enforced ----
same "an ACL gives access to a named user and to no other user" \
	'mkdir e; echo secret >e/f; chmod 700 e; chmod 600 e/f; as 1234 cat e/f; setfacl -m u:1234:x e; setfacl -m u:1234:r e/f; as 1234 cat e/f; as 1235 cat e/f; as 1234 sh -c "echo x >e/f"'
same "a named user has no access after the entry is removed or masked" \
	'setfacl -x u:1234 e/f; as 1234 cat e/f; setfacl -m u:1234:rw e/f; as 1234 sh -c "echo more >>e/f"; chmod 600 e/f; as 1234 cat e/f; chmod 660 e/f; as 1234 cat e/f'
same "an entry of a named group gives access to its members only" \
	'setfacl -m g:77:x e; setfacl -m g:77:r e/f; setpriv --reuid 1300 --regid 77 --clear-groups cat e/f; setpriv --reuid 1300 --regid 1300 --groups 77 cat e/f; as 1300 cat e/f'
same "a named user can make files in a folder, and only their owner can set their ACLs" \
	'setfacl -m u:1234:rwx e; as 1234 touch e/mine; as 1234 setfacl -m u:1235:r e/mine; as 1235 setfacl -m u:1235:rw e/mine; as 1235 cat e/mine'
same "setfacl by an owner outside the file's group clears set-group-id" \
	'touch g; chown 1234:77 g; chmod 2775 g; as 1234 setfacl -m u:9:r g; stat -c %a g; chmod 2775 g; setpriv --reuid 1234 --regid 1234 --groups 77 setfacl -m u:9:rw g; stat -c %a g; setfacl -m u:9:r g; stat -c %a g'

# ---- two mounts ----
B=$WORK/b
mkdir -p "$B"
chmod o+x "$B"
at_end 'clean "$NEPHOS" umount "$B" || umount -l "$B"'
check "the drive is mounted a second time" \
	clean "$NEPHOS" mount -o "credentials=$E2E_DATA/credentials,pidfile=$WORK/b.pid,log=$WORK/b.log" "$URL" "$B"
mkdir "$M/two"
chmod 711 "$M/two"
echo two >"$M/two/f"
chmod 600 "$M/two/f"
check "the second mount refuses a read by another user than the owner" test "$(as 1234 cat "$B/80/two/f" 2>&1 | grep -c denied)" = 1
setfacl -m u:1234:r "$M/two/f"
check "an ACL set on the first mount gives a user access on the second" eventually 3 as 1234 cat "$B/80/two/f"
check_eq "the second mount shows the ACL that was set on the first" \
	"$(getfacl -cn "$M/two/f" 2>&1)" "$(getfacl -cn "$B/80/two/f" 2>&1)"
chmod 600 "$M/two/f"
gone() { ! as 1234 cat "$B/80/two/f"; }
check "a chmod on the first mount ends the user's access on the second" eventually 3 gone
check_eq "the second mount shows the same ACL as the first after the chmod" \
	"$(getfacl -cn "$M/two/f" 2>&1)" "$(getfacl -cn "$B/80/two/f" 2>&1)"
setfacl -d -m u:1234:rw "$B/80/two"
(umask 077; touch "$M/two/made")
check_eq "a default ACL set on the second mount applies on the first at once" \
	"user:1234:rw-" "$(getfacl -cn "$M/two/made" | grep :1234:)"

# ---- through the API ----
id=$(stat -c %i "$M/two/f")
xattrs() { curl -sf --noproxy '*' "${AUTH[@]}" "$URL/api/v2/docs/drives/home/items/$id/xattrs" |
	jq -r '.xattrs[].name'; }
check_eq "the API lists the ACL as an xattr" system.posix_acl_access "$(xattrs)"
ops() { http "${AUTH[@]}" -H "Idempotency-Key: 80-$RANDOM$RANDOM" -H 'Content-Type: application/json' \
	-d "{\"ops\":[$1]}" "$URL/api/v2/docs/drives/home/ops"; }
check_eq "a setxattr of a malformed ACL by the API gets 422" \
	422 "$(ops "{\"op\":\"setxattr\",\"id\":\"$id\",\"name\":\"system.posix_acl_access\",\"value_b64\":\"AgAAAAE=\"}")"
check_eq "a setxattr in an unknown namespace by the API gets 501" \
	501 "$(ops "{\"op\":\"setxattr\",\"id\":\"$id\",\"name\":\"nobody.x\",\"value_b64\":\"\"}")"
check_eq "a setattr of a mode on a file with an ACL by the API gets 200" \
	200 "$(ops "{\"op\":\"setattr\",\"id\":\"$id\",\"mode\":416}")"
check "the mount shows the mask that the API set as part of a mode" \
	eventually 3 sh -c 'getfacl -cn "$1" | grep -q "^mask::r--"' - "$M/two/f"

# ---- a mount that shows one owner for all ----
O=$WORK/o
mkdir -p "$O"
at_end 'clean "$NEPHOS" umount "$O" || umount -l "$O"'
check "the drive is mounted with uid= and gid=" \
	clean "$NEPHOS" mount -o "credentials=$E2E_DATA/credentials,uid=1234,gid=1234" "$URL" "$O"
check_eq "setfacl on a mount with uid= fails as not supported" \
	1 "$(setfacl -m u:1:r "$O/80/two/f" 2>&1 | grep -c 'not supported')"
check_eq "a mount with uid= lists no xattrs of a file with an ACL" "" "$(getfattr -m - "$O/80/two/f" 2>&1)"
e2e_end
