#!/usr/bin/env bash
# Goal: a mount can be exported by NFS. A server in user space (NFS-Ganesha) answers clients. Their handles lead to
# the same documents after the kernel dropped its caches, after the server was killed, and after the mount was
# unmounted and mounted again as another device. Client and server have a network of their own, and the server has a
# /run of its own.
. "$(dirname "$0")/../lib/e2e.sh"
e2e_store
LIBNFS=$(ldconfig -p 2>/dev/null | grep -c 'libnfs\.so\.13 ')
if [ "$(id -u)" != 0 ] || ! command -v ganesha.nfsd >/dev/null || ! command -v rpcbind >/dev/null ||
	! command -v nfs-ls >/dev/null || [ "$LIBNFS" = 0 ]; then
	echo "# skipped: needs root, nfs-ganesha with nfs-ganesha-vfs, rpcbind, libnfs-utils and libnfs.so.13 (scripts/deps test, on Debian 12)"
	e2e_end
fi
NEPHOS=${NEPHOS_BUILD_DIR:?}/bin/nephos
M=$WORK/m
D=$M/posix-75
mkdir "$M" "$WORK/recovery" "$WORK/taken"
clean() { env -u NEPHOS_BUILD_DIR -u NEPHOS_URL -u NEPHOS_USER -u NEPHOS_TOKEN "$@"; }
put_on() { clean "$NEPHOS" mount -o "credentials=$E2E_DATA/credentials,pidfile=$WORK/m.pid,log=$WORK/m.log" "$URL" \
	"$M"; }
take_off() { clean "$NEPHOS" umount "$M"; }
sha() { sha256sum "$1" | cut -c 1-64; }

# A process holds a network namespace that has only a loopback device.
unshare -n python3 -c '
import fcntl, signal, socket, struct
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
fcntl.ioctl(s, 0x8914, struct.pack("16sh22x", b"lo", 0x49))  # SIOCSIFFLAGS: up
print("up", flush=True)
signal.pause()' >"$WORK/net" &
NET=$!
at_end 'rm -rf "$E2E_MOUNT/posix-75"; umount -l "$M"; while umount "$WORK/taken"; do :; done'
at_end 'kill $NET'
if ! eventually 30 grep -q up "$WORK/net"; then
	echo "# skipped: no network namespace can be made here"
	e2e_end
fi
cat >"$WORK/ganesha.conf" <<CONF
NFS_CORE_PARAM {
	Protocols = 3, 4; Enable_NLM = false; Enable_RQUOTA = false; Enable_UDP = false;
	NFS_Port = 2049; MNT_Port = 20048;
}
NFSv4 { Graceless = true; RecoveryRoot = $WORK/recovery; }
EXPORT {
	Export_Id = 75; Filesystem_Id = 75.75; Path = $M; Pseudo = /nephos; Access_Type = RW;
	Squash = No_Root_Squash; SecType = sys; Transports = TCP;
	FSAL { Name = VFS; }
}
# Logs which file systems the server found, by which numbers, and which handles it cannot resolve.
LOG { COMPONENTS { FSAL = INFO; } }
CONF
# The server sees only this mount: if it held the others, they would not end while it runs. The handles contain the
# number of the file system, which the server gets from nfs_fsid.c; see there.
cat >"$WORK/serve.sh" <<'SH'
mount -t tmpfs tmpfs /run
awk -v mine="$1" '$3 == "fuse.nephos" && $2 != mine {print $2}' /proc/mounts | while read -r other; do umount -l "$other"; done
echo "the mounts of the server:"
cat /proc/self/mountinfo
rpcbind -w
exec env NFS_FSID_OF="$1" LD_PRELOAD="$3" ganesha.nfsd -F -f "$2/ganesha.conf" -L "$2/ganesha.log" -p "$2/ganesha.pid"
SH
start_server() {
	nsenter -t "$NET" -n unshare -m --propagation slave -p --fork --kill-child sh "$WORK/serve.sh" "$M" "$WORK" \
		"$NEPHOS_BUILD_DIR/bin/nfs_fsid.so" >>"$WORK/serve.out" 2>&1 &
	SERVER=$!
}
kill_server() {
	kill -9 "$SERVER"
	wait "$SERVER" 2>/dev/null # the signal ends it, which the shell would print
}
# This timeout is reached only when something hangs: on a busy machine a server takes long to come back.
HANGS_S=180
inside() { nsenter -t "$NET" -n timeout $HANGS_S "$@"; }
# Question and answer carry a number, so that a late answer to a question that was given up is not taken for the
# answer to the next.
ask() { # COMMAND ARGUMENTS…, of tests/lib/nfs.py
	local number=$EPOCHREALTIME to_which answer
	echo "$number $*" >&"$to"
	while read -r -t $HANGS_S to_which answer <&"$from"; do
		[ "$to_which" != "$number" ] || { echo "$answer" && return; }
	done
	echo "no answer"
}

# The kernel gives out the lowest free device number. The tmpfs takes the old number before the mount comes back,
# unless another process had that number at this moment and releases it later.
put_on_as_another() {
	for _ in 1 2 3 4 5; do
		mount -t tmpfs tmpfs "$WORK/taken" && put_on || return
		[ "$(stat -c %d "$M")" = "$DEVICE" ] || return 0
		eventually 60 take_off || return
	done
	echo "the mount got device $DEVICE again, each time"
	return 1
}

check "the drive is mounted" put_on
DEVICE=$(stat -c %d "$M")
mkdir -p "$D/folder/deep"
echo small >"$D/folder/deep/small"
head -c 700000 /dev/urandom >"$D/large"
head -c 700000 /dev/urandom >"$WORK/new"
echo gone >"$D/gone"
start_server
at_end 'kill_server'
coproc NFS { nsenter -t "$NET" -n python3 "$E2E_ROOT/tests/lib/nfs.py" 127.0.0.1 "$M" 2049 20048 2>"$WORK/nfs.err"; }
exec {from}<&"${NFS[0]}" {to}>&"${NFS[1]}"
CLIENT=$NFS_PID
at_end 'kill $CLIENT'
read -r -t $HANGS_S mounted <&"$from"
check_eq "an NFSv3 client mounts the export" mounted "${mounted:-$(tail -n 3 "$WORK/nfs.err" "$WORK/serve.out")}"

check_eq "the NFSv3 client lists a folder" "folder gone large" "$(ask list /posix-75)"
check_eq "an NFSv4 client reads a file" \
	small "$(inside nfs-cat 'nfs://127.0.0.1/nephos/posix-75/folder/deep/small?version=4')"
for f in folder/deep/small large gone; do check_eq "the NFSv3 client opens $f" ok "$(ask open "/posix-75/$f")"; done
check_eq "the NFSv3 client creates a file" ok "$(ask create /posix-75/made)"
check_eq "the NFSv3 client writes and commits the new file" \
	"$(sha "$WORK/new")" "$(ask write /posix-75/made "$WORK/new")"
check_eq "the mount shows the bytes that the NFS client wrote" "$(sha "$WORK/new")" "$(sha "$D/made")"
check_status "GET of the file that the NFS client wrote gets 200" \
	200 "${AUTH[@]}" "$URL/api/v2/docs/drives/home/files/posix-75/made"
check "GET returns exactly the bytes that the NFS client wrote" cmp "$WORK/body" "$WORK/new"

SMALL=$(sha "$D/folder/deep/small") LARGE=$(sha "$D/large")
same() { # WHEN
	check_eq "the handle of a small file reads its content $1" "$SMALL" "$(ask read /posix-75/folder/deep/small)"
	check_eq "the handle of a large file reads its content $1" "$LARGE" "$(ask read /posix-75/large)"
	check_eq "the handle of a file that the client made reads its content $1" \
		"$(sha "$WORK/new")" "$(ask read /posix-75/made)"
}
same "before any restart"
echo 2 >/proc/sys/vm/drop_caches
same "after the kernel has dropped its caches"
rm "$D/gone"
kill_server
check "the drive is unmounted after the NFS server was killed" eventually 60 take_off
echo 2 >/proc/sys/vm/drop_caches
check "the drive is mounted again as another device" put_on_as_another
start_server
same "on a new server and a new mount"
check_eq "the handle of a file that was removed meanwhile is stale" ESTALE "$(ask size /posix-75/gone)"
check_eq "the NFS client no longer lists the removed file" "folder large made" "$(ask list /posix-75)"

check_eq "the NFS client moves a file to another folder" ok "$(ask rename /posix-75/made /posix-75/folder/renamed)"
check_eq "the handle of the moved file reads its content" "$(sha "$WORK/new")" "$(ask read /posix-75/made)"
check_eq "the mount shows the moved file under its new name" "$(sha "$WORK/new")" "$(sha "$D/folder/renamed")"
head -c 500000 /dev/urandom >"$WORK/new"
check_eq "the NFS client writes the moved file by its old handle" \
	"$(sha "$WORK/new")" "$(ask write /posix-75/made "$WORK/new")"
check "the mount shows the bytes written by the old handle" \
	eventually 60 sh -c 'head -c 500000 "$1" | cmp - "$2"' - "$D/folder/renamed" "$WORK/new"
check_eq "the NFS client gets the size of the moved file by its old handle" 700000 "$(ask size /posix-75/made)"
check_eq "the NFS client makes a folder" ok "$(ask mkdir /posix-75/folder/new)"
check_eq "the NFS client lists the new folder and the moved file" "deep new renamed" "$(ask list /posix-75/folder)"
check_eq "the NFS client removes a file" ok "$(ask remove /posix-75/folder/deep/small)"
check_not "the file that the NFS client removed is gone from the mount" test -e "$D/folder/deep/small"
check_status "GET of the file that the NFS client removed gets 404" \
	404 "${AUTH[@]}" "$URL/api/v2/docs/drives/home/files/posix-75/folder/deep/small"
kill_server
check "the drive is unmounted at the end" eventually 60 take_off
# If a check failed, prints the logs of the server and the mount.
if [ "$e2e_failed" != 0 ]; then
	{ cat "$WORK/ganesha.log" "$WORK/m.log" "$WORK/serve.out" "$WORK/nfs.err"; grep -s "$M" /proc/[0-9]*/mounts; } |
		sed 's/^/# /'
fi
e2e_end
