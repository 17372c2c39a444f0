#!/usr/bin/env python3
"""twin: makes the same random calls on two folders, one on the file system under test and one on a local file system;
every difference is a fault.

    twin.py FOLDER TWIN SEED OPERATIONS [WITHOUT…]      WITHOUT: operations to leave out, as tmpfile

Each call must end alike on both: with the same errno, or the same answer. Now and then, and at the end, everything that
programs can see is compared: names, types, modes, owners, links, sizes, times that were set, targets, extended
attributes, content, and what open files show. After a difference it prints the operation and those before it, and ends
with 1.
"""
import ctypes
import errno
import fcntl
import hashlib
import mmap
import os
import random
import stat
import sys

libc = ctypes.CDLL(None, use_errno=True)
AT_FDCWD = -100
AT_SYMLINK_FOLLOW = 0x400
RENAME_NOREPLACE, RENAME_EXCHANGE = 1, 2
KEEP_SIZE, PUNCH_HOLE, ZERO_RANGE = 1, 2, 16
SIZE_MAX = 400_000      # of a file: several inline pieces, and some blocks
NAMES = ["a", "b", "c", "d", "e e", "\xe9", "x" * 255, "y" * 256]
XATTRS = ["user.a", "user.b", "user." + "n" * 249, "user.empty", "trusted.t", "user." + "n" * 251]
FILES_MAX = 12          # open at a time
HISTORY = 30            # operations that are printed


def call(name, *args):
    """A C library call that Python does not offer."""
    if getattr(libc, name)(*args) < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return 0


def rename2(old, new, flags):
    return call("renameat2", AT_FDCWD, os.fsencode(old), AT_FDCWD, os.fsencode(new), ctypes.c_uint(flags))


def fallocate(fd, mode, at, size):
    return call("fallocate", fd, mode, ctypes.c_int64(at), ctypes.c_int64(size))


class Side:
    """One of the two folders, and its open files."""

    def __init__(self, root):
        self.root = os.path.join(root, "top")   # "../b" of a symlink stays on its own side
        os.mkdir(self.root)
        self.files = {}

    def path(self, names):
        return os.path.join(self.root, *names) if names else self.root


class Twin:
    def __init__(self, left, right, seed):
        self.sides = [Side(left), Side(right)]
        self.random = random.Random(seed)
        self.next_file = 0
        self.history = []
        self.step = 0

    # ---- choices, the same for both ----

    def names(self):
        """A path: mostly short, mostly of existing names."""
        depth = self.random.choice([1, 1, 1, 2, 2, 3])
        chosen, folder = [], self.sides[1].root
        for _ in range(depth):
            there = []
            try:
                there = sorted(os.listdir(folder))
            except OSError:
                pass
            name = self.random.choice(there) if there and self.random.random() < 0.7 else self.random.choice(NAMES)
            chosen.append(name)
            folder = os.path.join(folder, name)
        return chosen

    def file(self):
        return self.random.choice(sorted(self.sides[0].files)) if self.sides[0].files else None

    def is_regular(self, number):
        return stat.S_ISREG(os.fstat(self.sides[1].files[number]).st_mode)

    def range(self):
        at = self.random.choice([0, self.random.randrange(SIZE_MAX), self.random.randrange(8192)])
        size = self.random.choice([1, self.random.randrange(1, 200), self.random.randrange(1, 20000), 4096, 131072])
        return at, min(size, SIZE_MAX - at) or 1

    def data(self, size):
        return self.random.randbytes(size)

    # ---- the same on both ----

    def both(self, what, function):
        results = []
        for side in self.sides:
            try:
                results.append(("ok", function(side)))
            except OSError as e:
                results.append(("error", errno.errorcode.get(e.errno, e.errno)))
        self.history.append("%d %s: %s" % (self.step, what, str(results[1])[:120]))
        del self.history[:-HISTORY]
        if results[0] != results[1]:
            self.differ("%s: %s here, %s there" % (what, str(results[0])[:300], str(results[1])[:300]))
        return results[0]

    def differ(self, what):
        print("\n".join(self.history))
        print("operation %d: %s" % (self.step, what))
        sys.exit(1)

    # ---- operations ----

    def op_open(self):
        if len(self.sides[0].files) >= FILES_MAX:
            return self.op_close()
        names = self.names()
        flags = self.random.choice([os.O_RDONLY, os.O_RDWR, os.O_RDWR, os.O_WRONLY])
        for flag, chance in ((os.O_CREAT, 0.7), (os.O_EXCL, 0.1), (os.O_TRUNC, 0.15), (os.O_APPEND, 0.2),
                (os.O_NOFOLLOW, 0.1),
                             (os.O_DIRECTORY, 0.03), (os.O_SYNC, 0.05)):
            if self.random.random() < chance:
                flags |= flag
        if flags & os.O_EXCL and not flags & os.O_CREAT:
            flags &= ~os.O_EXCL     # undefined
        mode = self.random.choice([0o644, 0o600, 0o444, 0o755, 0o666])
        number = self.next_file
        self.next_file += 1

        def do(side):
            path = side.path(names)
            # Opening a fifo would wait for its other end.
            there = os.stat(path).st_mode if os.path.exists(path) else stat.S_IFREG
            if not stat.S_ISREG(there) and not stat.S_ISDIR(there):
                return "special"
            side.files[number] = os.open(path, flags | os.O_CLOEXEC, mode)
            return "opened"
        self.both("open %s %o" % (names, flags), do)

    def op_tmpfile(self):
        if len(self.sides[0].files) >= FILES_MAX:
            return self.op_close()
        names = self.names()[:-1]
        number = self.next_file
        self.next_file += 1

        def do(side):
            side.files[number] = os.open(side.path(names), os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o640)
        self.both("tmpfile in %s" % names, do)

    def op_linkat(self):
        number, names = self.file(), self.names()
        if number is None:
            return
        self.both("linkat %s %s" % (number, names), lambda side: call(
            "linkat", AT_FDCWD, b"/proc/self/fd/%d" % side.files[number], AT_FDCWD, os.fsencode(side.path(names)),
                    AT_SYMLINK_FOLLOW))

    def op_close(self):
        number = self.file()
        if number is not None:
            self.both("close %d" % number, lambda side: os.close(side.files.pop(number)))

    def op_pwrite(self):
        number, (at, size) = self.file(), self.range()
        if number is not None:
            data = self.data(size)
            self.both("pwrite %d %d+%d" % (number, at, size), lambda side: os.pwrite(side.files[number], data, at))

    def op_write(self):
        number, (_, size) = self.file(), self.range()
        if number is None or os.fstat(self.sides[1].files[number]).st_size + size > 2 * SIZE_MAX:
            return
        data = self.data(size)
        self.both("write %d %d" % (number, size), lambda side: os.write(side.files[number], data))

    def op_pread(self):
        number, (at, size) = self.file(), self.range()
        if number is not None:
            self.both("pread %d %d+%d" % (number, at, size),
                      lambda side: hashlib.sha256(os.pread(side.files[number], size, at)).hexdigest()[:16])

    def op_read(self):
        number, (_, size) = self.file(), self.range()
        if number is not None:
            self.both("read %d %d" % (number, size),
                    lambda side: hashlib.sha256(os.read(side.files[number], size)).hexdigest()[:16])

    def op_seek(self):
        number, (at, _) = self.file(), self.range()
        how = self.random.choice([os.SEEK_SET, os.SEEK_END])
        # The offset at the end of a folder differs between file systems.
        if number is not None and self.is_regular(number):
            self.both("lseek %d" % number, lambda side: os.lseek(side.files[number], at if how == os.SEEK_SET else 0,
                    how))

    def op_ftruncate(self):
        number, (at, _) = self.file(), self.range()
        if number is not None:
            self.both("ftruncate %d %d" % (number, at), lambda side: os.ftruncate(side.files[number], at))

    def op_truncate(self):
        names, (at, _) = self.names(), self.range()

        def do(side):
            if stat.S_ISFIFO(os.stat(side.path(names)).st_mode):
                return "special"
            return os.truncate(side.path(names), at)
        self.both("truncate %s %d" % (names, at), do)

    def op_fallocate(self):
        number, (at, size) = self.file(), self.range()
        mode = self.random.choice([0, KEEP_SIZE, PUNCH_HOLE | KEEP_SIZE, ZERO_RANGE, ZERO_RANGE | KEEP_SIZE])
        if number is not None:
            self.both("fallocate %d %d %d+%d" % (number, mode, at, size),
                    lambda side: fallocate(side.files[number], mode, at, size))

    def op_copy(self):
        source, target, (at, size), (to, _) = self.file(), self.file(), self.range(), self.range()
        if source is not None:
            self.both("copy %d %d+%d to %d %d" % (source, at, size, target, to),
                      lambda side: os.copy_file_range(side.files[source], side.files[target], size, at, to))

    def op_fsync(self):
        number = self.file()
        if number is not None:
            how = self.random.choice([os.fsync, os.fdatasync])
            self.both("fsync %d" % number, lambda side: how(side.files[number]))

    def op_mmap(self):
        number, (at, size) = self.file(), self.range()
        if number is None or not self.is_regular(number):
            return
        data = self.data(size)

        def do(side):
            fd = side.files[number]
            end = min(os.fstat(fd).st_size, at + size)
            if end <= at:
                return "beyond"
            with mmap.mmap(fd, end, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE) as m:
                before = m[at:end]
                m[at:end] = data[:end - at]
                m.flush()
                return hashlib.sha256(before).hexdigest()[:16]
        self.both("mmap %d %d+%d" % (number, at, size), do)

    def op_mkdir(self):
        names, mode = self.names(), self.random.choice([0o755, 0o700, 0o2775, 0o1777])
        self.both("mkdir %s" % names, lambda side: os.mkdir(side.path(names), mode))

    def op_rmdir(self):
        names = self.names()
        self.both("rmdir %s" % names, lambda side: os.rmdir(side.path(names)))

    def op_unlink(self):
        names = self.names()
        self.both("unlink %s" % names, lambda side: os.unlink(side.path(names)))

    def op_rename(self):
        old, new, flags = self.names(), self.names(), self.random.choice([0, 0, 0, RENAME_NOREPLACE, RENAME_EXCHANGE])
        self.both("rename %s %s %d" % (old, new, flags), lambda side: rename2(side.path(old), side.path(new), flags))

    def op_link(self):
        old, new = self.names(), self.names()
        self.both("link %s %s" % (old, new), lambda side: os.link(side.path(old), side.path(new),
                follow_symlinks=False))

    def op_symlink(self):
        target, names = self.random.choice(["a", "../b", "nowhere", "t" * 300, "./c/d"]), self.names()
        self.both("symlink %s %s" % (target[:20], names), lambda side: os.symlink(target, side.path(names)))

    def op_mknod(self):
        names, kind = self.names(), self.random.choice([stat.S_IFIFO, stat.S_IFSOCK, stat.S_IFREG])
        self.both("mknod %s %o" % (names, kind), lambda side: os.mknod(side.path(names), kind | 0o640))

    def op_chmod(self):
        names, mode = self.names(), self.random.choice([0o644, 0o600, 0o755, 0o4755, 0o2755, 0o1777, 0o000, 0o666])
        self.both("chmod %s %o" % (names, mode), lambda side: os.chmod(side.path(names), mode))

    def op_fchmod(self):
        number, mode = self.file(), self.random.choice([0o644, 0o600, 0o6711])
        # A folder that was removed while it was open accepts no more changes: see docs/posix.md.
        if number is not None and self.is_regular(number):
            self.both("fchmod %d %o" % (number, mode), lambda side: os.fchmod(side.files[number], mode))

    def op_chown(self):
        names, uid, gid = self.names(), self.random.choice([-1, 0, 1, 12345]), self.random.choice([-1, 0, 1, 12345])
        self.both("chown %s %d %d" % (names, uid, gid),
                lambda side: os.chown(side.path(names), uid, gid, follow_symlinks=False))

    def op_utime(self):
        names = self.names()
        times = tuple(self.random.choice([0, 1, 999_999_999, 1_500_000_000_123_456_789, -5_000_000_000,
                self.random.randrange(1 << 60)]) for _ in range(2))
        self.both("utime %s %s" % (names, times),
                lambda side: os.utime(side.path(names), ns=times, follow_symlinks=False))
        self.both("times of %s" % names, lambda side: (os.lstat(side.path(names)).st_mtime_ns,
                os.lstat(side.path(names)).st_atime_ns))

    def op_setxattr(self):
        names, key = self.names(), self.random.choice(XATTRS)
        value, flags = self.data(self.random.choice([0, 1, 30, 300])), self.random.choice([0, 0, os.XATTR_CREATE,
                os.XATTR_REPLACE])
        self.both("setxattr %s %s %d" % (names, key[:12], flags),
                  lambda side: os.setxattr(side.path(names), key, value, flags, follow_symlinks=False))

    def op_removexattr(self):
        names, key = self.names(), self.random.choice(XATTRS)
        self.both("removexattr %s %s" % (names, key[:12]),
                lambda side: os.removexattr(side.path(names), key, follow_symlinks=False))

    def op_stat(self):
        names = self.names()
        self.both("stat %s" % names, lambda side: self.seen(os.stat(side.path(names))))

    def op_access(self):
        names, how = self.names(), self.random.choice([os.F_OK, os.R_OK, os.X_OK])
        self.both("access %s" % names, lambda side: os.access(side.path(names), how))

    def op_list(self):
        names = self.names()
        self.both("list %s" % names, lambda side: sorted(os.listdir(side.path(names))))

    def op_lock(self):
        number, (at, size) = self.file(), self.range()
        how = self.random.choice([fcntl.LOCK_SH | fcntl.LOCK_NB, fcntl.LOCK_EX | fcntl.LOCK_NB, fcntl.LOCK_UN])
        if number is not None:
            self.both("lockf %d %d" % (number, how), lambda side: fcntl.lockf(side.files[number], how, size, at))

    def op_compare(self):
        if self.random.random() < 0.1:
            self.compare()

    # ---- what programs see ----

    @staticmethod
    def seen(st):
        folder = stat.S_ISDIR(st.st_mode)
        return (stat.filemode(st.st_mode), st.st_uid, st.st_gid, 0 if folder else st.st_nlink,
                0 if folder else st.st_size)

    def tree(self, side):
        found = []
        for where, folders, files in os.walk(side.root):
            folders.sort()
            for name in sorted(folders + files):
                path = os.path.join(where, name)
                st = os.lstat(path)
                one = [os.path.relpath(path, side.root), self.seen(st)]
                # Links between the names are compared by the first name.
                if stat.S_ISLNK(st.st_mode):
                    one.append(os.readlink(path))
                elif stat.S_ISREG(st.st_mode):
                    with open(path, "rb") as f:
                        one.append(hashlib.sha256(f.read()).hexdigest()[:16])
                if not stat.S_ISLNK(st.st_mode):
                    one.append(sorted((k, os.getxattr(path, k)) for k in os.listxattr(path)
                            if not k.startswith("security.")))
                found.append(one)
        return found

    def opened(self, side):
        return [(n, self.seen(os.fstat(fd))) for n, fd in sorted(side.files.items())]

    def compare(self):
        for look in (self.opened, self.tree):
            left, right = look(self.sides[0]), look(self.sides[1])
            for a, b in zip(left, right):
                if a != b:
                    self.differ("%s here, %s there" % (a, b))
            if len(left) != len(right):
                self.differ("%d here, %d there: %s" % (len(left), len(right),
                        [x[0] for x in left if x not in right] + [x[0] for x in right if x not in left]))

    def run(self, count, without):
        weights = {"op_open": 8, "op_pwrite": 8, "op_write": 5, "op_pread": 5, "op_rename": 4, "op_unlink": 3,
                "op_mkdir": 3}
        ops = [name for name in sorted(dir(self)) if name.startswith("op_") and name[3:] not in without]
        for self.step in range(count):
            name = self.random.choices(ops, [weights.get(o, 2) for o in ops])[0]
            getattr(self, name)()
        if os.environ.get("TWIN_PLANTED"):      # a difference that must be found
            os.mkdir(os.path.join(self.sides[0].root, "planted"))
        self.compare()
        for side in self.sides:
            for fd in side.files.values():
                os.close(fd)
            side.files.clear()
        self.compare()


def main():
    left, right, seed, count = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    os.umask(0o022)
    Twin(left, right, seed).run(count, sys.argv[5:])


main()
