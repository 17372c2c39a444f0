#!/usr/bin/env bash
# Goal: calls that the kernel does not pass to a mount, or decides itself, behave as docs/posix.md says: they end in
# an error that programs expect, never in a false success. What the kernel decides itself applies to this mount only.
. "$(dirname "$0")/../lib/e2e.sh"
e2e_store
NEPHOS=${NEPHOS_BUILD_DIR:?}/bin/nephos
M=$E2E_MOUNT/posix-77
B=$WORK/b
mkdir -p "$M" "$B"
at_end 'rm -rf "$M"; env -u NEPHOS_BUILD_DIR "$NEPHOS" umount "$B" || umount -l "$B"'
[ "$(id -u)" = 0 ] && MORE=dev,suid, || MORE=
check "the drive is mounted a second time" \
	env -u NEPHOS_BUILD_DIR -u NEPHOS_URL -u NEPHOS_USER -u NEPHOS_TOKEN "$NEPHOS" mount \
		-o "${MORE}credentials=$E2E_DATA/credentials,pidfile=$WORK/b.pid,log=$WORK/b.log" "$URL" "$B"

cat >"$WORK/calls.py" <<'PY'
import ctypes, errno, fcntl, mmap, os, shutil, signal, stat, struct, subprocess, sys, time
libc = ctypes.CDLL(None, use_errno=True)
there = sys.argv[2]
os.chdir(sys.argv[1])
root, failed = os.geteuid() == 0, 0
def said(f, *a):
    try: r = f(*a)
    except OSError as e: return errno.errorcode[e.errno].replace("ENOTSUP", "EOPNOTSUPP")
    return "ok" if r is None or isinstance(r, bytes) else r
def libcall(name, *a):
    r = getattr(libc, name)(*a)
    if r < 0: raise OSError(ctypes.get_errno(), name)
    return None if r == 0 else r
def is_(what, wanted, got):
    global failed
    if got != wanted: failed += 1; print("%s: wanted %r, got %r" % (what, wanted, got))
content = os.urandom(65536)
for name in "fg":
    with open(name, "wb") as o: o.write(content)
f, g, here = os.open("f", os.O_RDWR), os.open("g", os.O_RDWR), os.open(".", os.O_RDONLY)

# The kernel does not forward these calls, or the mount does not support them.
is_("FICLONE", "EOPNOTSUPP", said(fcntl.ioctl, g, 0x40049409, f))
is_("FICLONERANGE", "EOPNOTSUPP", said(fcntl.ioctl, g, 0x4020940D, struct.pack("qQQQ", f, 0, 4096, 0)))
is_("FIDEDUPERANGE", "EOPNOTSUPP", said(fcntl.ioctl, f, 0xC0189436, bytearray(struct.pack("QQHHIqQQiI", 0, 4096, 1, 0, 0, g, 0, 0, 0, 0))))
is_("FIEMAP", "EOPNOTSUPP", said(fcntl.ioctl, f, 0xC020660B, bytearray(struct.pack("QQIIII", 0, 2**64 - 1, 0, 0, 1, 0) + bytes(56))))
is_("FS_IOC_GETVERSION", "ENOTTY", said(fcntl.ioctl, f, 0x80087601, bytearray(8)))
is_("FS_IOC_SETVERSION", "ENOTTY", said(fcntl.ioctl, f, 0x40087602, bytearray(8)))
is_("FS_IOC_GETFSLABEL", "ENOTTY", said(fcntl.ioctl, f, 0x81009431, bytearray(256)))
is_("FITRIM", "ENOTTY", said(fcntl.ioctl, here, 0xC0185879, bytearray(24)))
attributes = bytearray(28)
is_("FS_IOC_FSGETXATTR", 0, said(fcntl.ioctl, f, 0x801C581F, attributes))
struct.pack_into("I", attributes, 12, 42)
is_("a project of quotas", "EOPNOTSUPP", said(fcntl.ioctl, f, 0x401C5820, attributes))
Q_GETQUOTA, SYS_quotactl_fd = 0x80000700, 443
is_("quotactl_fd", "ENOSYS", said(libcall, "syscall", SYS_quotactl_fd, here, Q_GETQUOTA, 0, ctypes.create_string_buffer(256)))
RWF_NOWAIT, RWF_ATOMIC, RWF_DONTCACHE = 8, 0x40, 0x80
direct, page = os.open("f", os.O_RDWR | os.O_DIRECT), mmap.mmap(-1, 8192)
is_("RWF_NOWAIT, read", "EOPNOTSUPP", said(os.preadv, direct, [memoryview(page)[:4096]], 0, RWF_NOWAIT))
is_("RWF_NOWAIT, write", "EOPNOTSUPP", said(os.pwritev, f, [b"x"], 0, RWF_NOWAIT))
is_("RWF_ATOMIC", "EOPNOTSUPP", said(os.pwritev, f, [b"x"], 0, RWF_ATOMIC))
is_("RWF_DONTCACHE", "EOPNOTSUPP", said(os.pwritev, f, [b"x"], 0, RWF_DONTCACHE))
is_("the content of both files after the refused calls", content, open("f", "rb").read() if open("g", "rb").read() == content else b"g is another")

# O_DIRECT needs no alignment of offset, length or memory.
page[1:101] = b"d" * 100
is_("an odd write with O_DIRECT", 100, said(os.pwritev, direct, [memoryview(page)[1:101]], 3))
is_("the content after an odd write with O_DIRECT", b"d" * 100, os.pread(f, 100, 3))
is_("an odd read with O_DIRECT", 4096, said(os.preadv, direct, [memoryview(page)[1:4097]], 1))
is_("the content of an odd read with O_DIRECT", b"d" * 100, page[3:103])

# The kernel handles leases and notifications, among the processes that use this mount.
signal.signal(signal.SIGIO, lambda *a: None)
def awaited(seconds): return signal.sigtimedwait([signal.SIGIO], seconds) is not None
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGIO])
os.close(g)
leased = os.open("g", os.O_RDONLY)
is_("F_SETLEASE", 0, said(fcntl.fcntl, leased, fcntl.F_SETLEASE, fcntl.F_WRLCK))
is_("an open of the leased file on this mount", 3, subprocess.call([sys.executable, "-c", "import os\ntry: os.open('g', os.O_WRONLY | os.O_NONBLOCK)\nexcept BlockingIOError: exit(3)"]))
is_("a SIGIO that the lease is broken", True, awaited(10))
is_("F_SETLEASE after the lease was broken", 0, said(fcntl.fcntl, leased, fcntl.F_SETLEASE, fcntl.F_UNLCK) or said(fcntl.fcntl, leased, fcntl.F_SETLEASE, fcntl.F_RDLCK))
with open(there + "/g", "r+b") as other: other.write(b"other"); other.flush(); os.fsync(other.fileno())
is_("a SIGIO for a write on another mount", False, awaited(0))
os.close(leased)
is_("F_NOTIFY", 0, said(fcntl.fcntl, here, fcntl.F_NOTIFY, fcntl.DN_CREATE | fcntl.DN_MULTISHOT))
open("made", "w").close()
is_("a SIGIO for a file made on this mount", True, awaited(10))
while awaited(0): pass
open(there + "/elsewhere", "w").close()
while "elsewhere" not in os.listdir("."): time.sleep(0.01)
is_("a SIGIO for a file made on another mount", False, awaited(0))
# Folders can be locked, too.
os.mkdir("folder")
while not os.path.exists(there + "/folder"): time.sleep(0.01)
here_1, here_2, elsewhere = (os.open(p, os.O_RDONLY) for p in ("folder", "folder", there + "/folder"))
is_("flock of a folder", "ok", said(fcntl.flock, here_1, fcntl.LOCK_EX))
is_("flock of the locked folder on this mount", "EAGAIN", said(fcntl.flock, here_2, fcntl.LOCK_EX | fcntl.LOCK_NB))
is_("flock of the locked folder on another mount", "ok", said(fcntl.flock, elsewhere, fcntl.LOCK_EX | fcntl.LOCK_NB))
FAN_REPORT_FID, FAN_MARK_ADD, FAN_MARK_FILESYSTEM = 0x200, 1, 0x100
if root:
    watch = libc.fanotify_init(FAN_REPORT_FID, os.O_RDONLY)
    is_("fanotify of the whole file system by handles", "ENODEV", said(libcall, "fanotify_mark", watch, FAN_MARK_ADD | FAN_MARK_FILESYSTEM, ctypes.c_uint64(0x100), -100, b"."))
    for name, kind in (("chr", stat.S_IFCHR), ("blk", stat.S_IFBLK)):
        is_("mknod " + name, "ok", said(os.mknod, name, kind | 0o600, os.makedev(1, 3)))
        is_("the number of the new device", os.makedev(1, 3), os.stat(name).st_rdev)
        is_("an open of the new device", "EACCES", said(os.open, name, os.O_RDONLY))
    while not os.path.exists(there + "/blk"): time.sleep(0.01)
    is_("a read of the device on a mount with dev", b"", open(there + "/chr", "rb").read())
    shutil.copy("/usr/bin/id", "who")
    os.chmod("who", 0o4755)
    while not os.path.exists(there + "/who") or os.stat(there + "/who").st_mode & 0o7777 != 0o4755: time.sleep(0.01)
    for where, who in ((".", "1234"), (there, "0")): # nosuid, and suid
        at = os.open(where + "/who", os.O_RDONLY) # folders above it may be closed to other users
        run = subprocess.run(["/proc/self/fd/%d" % at, "-u"], pass_fds=[at], user=1234, group=1234, extra_groups=[], stdout=subprocess.PIPE)
        is_("a program with the set-user-id bit in " + where, who, run.stdout.decode().strip())
    with open("swap", "wb") as o: o.write(bytes(1 << 20))
    os.chmod("swap", 0o600)
    if subprocess.call(["mkswap", "-q", "swap"], stderr=subprocess.DEVNULL) == 0:
        is_("swapon", "EINVAL", said(libcall, "swapon", b"swap", 0))
        libc.swapoff(b"swap")
sys.exit(failed > 0)
PY
check "unsupported calls get the documented errors; leases and notifications end at the mount" \
	timeout 60 python3 "$WORK/calls.py" "$M" "$B/posix-77"
e2e_end
