#!/usr/bin/env python3
"""Runs steps with O_TMPFILE, linkat of the opened file, and RENAME_WHITEOUT in an empty folder. Usage, as root:
nameless.py DIR. Prints one line per step, the same on every file system."""
import ctypes
import os
import stat
import sys

where = sys.argv[1]
libc = ctypes.CDLL(None, use_errno=True)
AT_FDCWD, AT_SYMLINK_FOLLOW, AT_EMPTY_PATH = -100, 0x400, 0x1000
NOREPLACE, EXCHANGE, WHITEOUT = 1, 2, 4


def path(name):
    return os.path.join(where, name)


def outcome(r):
    return "ok" if r == 0 else os.strerror(ctypes.get_errno())


def link_fd(f, name):
    return outcome(libc.linkat(AT_FDCWD, b"/proc/self/fd/%d" % f, AT_FDCWD, path(name).encode(), AT_SYMLINK_FOLLOW))


def rename(old, new, flags):
    return outcome(libc.renameat2(AT_FDCWD, path(old).encode(), AT_FDCWD, path(new).encode(), flags))


def made(flags=os.O_RDWR, mode=0o640):
    return os.open(where, os.O_TMPFILE | flags, mode)


def write(name, text):
    with open(path(name), "w") as f:
        f.write(text)


def read(name):
    with open(path(name)) as f:
        return f.read()


def kind(name):
    st = os.lstat(path(name))
    return "%s %o %d:%d links %d" % (stat.filemode(st.st_mode), st.st_mode, os.major(st.st_rdev), os.minor(st.st_rdev),
            st.st_nlink)


f = made()
os.write(f, b"nameless")
st = os.fstat(f)
print("made without a name:", oct(st.st_mode), "links", st.st_nlink, "size", st.st_size, "entries", os.listdir(where))
print("read back:", os.pread(f, 100, 0))
os.setxattr(f, "user.a", b"b")
print("linked:", link_fd(f, "named"), kind("named"), read("named"), os.getxattr(path("named"), "user.a"))
print("over a name that is there:", link_fd(f, "named"))
print("a second name:", link_fd(f, "second"), kind("second"))
os.unlink(path("named"))
os.unlink(path("second"))
print("a new name when the last is gone:", link_fd(f, "again"), os.listdir(where))
os.close(f)
f = made(os.O_RDWR | os.O_EXCL)
print("with O_EXCL it gets no name:", link_fd(f, "again"), os.listdir(where))
os.close(f)
f = made()
os.write(f, b"x" * 300000)
os.fsync(f)
print("by AT_EMPTY_PATH:", outcome(libc.linkat(f, b"", AT_FDCWD, path("empty").encode(), AT_EMPTY_PATH)),
        os.stat(path("empty")).st_size)
os.ftruncate(f, 5)
os.close(f)
print("written after it was linked:", read("empty"))
try:
    made(os.O_RDONLY)
    print("O_RDONLY: ok")
except OSError as e:
    print("O_RDONLY:", e.strerror)
os.mkdir(path("group"))
os.chown(path("group"), 0, 4242)
os.chmod(path("group"), 0o2777)
f = os.open(path("group"), os.O_TMPFILE | os.O_RDWR, 0o600)
print("the folder's group:", os.fstat(f).st_gid)
os.close(f)

write("a", "a")
print("whiteout:", rename("a", "b", WHITEOUT), kind("a"), read("b"))
print("onto a name that is there:", rename("b", "a", WHITEOUT), kind("b"), read("a"))
print("not onto one, with NOREPLACE:", rename("a", "b", WHITEOUT | NOREPLACE), read("a"))
print("onto a free one, with NOREPLACE:", rename("a", "c", WHITEOUT | NOREPLACE), kind("a"), read("c"))
print("no exchange:", rename("c", "a", WHITEOUT | EXCHANGE))
os.mkdir(path("d"))
print("of a folder:", rename("d", "e", WHITEOUT), kind("d"), kind("e").split()[0])
print("entries:", sorted(os.listdir(where)))
os.unlink(path("a"))
print("a whiteout is removed like a file:", os.path.lexists(path("a")))
