#!/usr/bin/env python3
"""Which set-id bits are left after each way to change a file. Usage, as root: setid.py DIR. Prints one line per case:
mode, way, mode after."""
import mmap
import os
import sys

OTHER, GROUP = 4711, 4242  # the file's group: a user outside it also loses set-group-id on a file that the group may not execute, but not with FUSE
path = "setid"
os.chdir(sys.argv[1])  # folders above it may be closed to others


def made(mode):
    if os.path.exists(path):
        os.unlink(path)
    with open(path, "w") as f:
        f.write("x" * 10)
    os.chown(path, GROUP, GROUP)
    os.chmod(path, mode)


def opened(flags, then=None):
    f = os.open(path, flags)
    if then:
        then(f)
    os.close(f)


def copied(f):
    source = os.open("source", os.O_RDONLY)
    os.copy_file_range(source, f, 5, 0, 0)
    os.close(source)


def mapped(f):
    with mmap.mmap(f, 10) as m:
        m[0:1] = b"z"


WAYS = {
    "O_TRUNC": lambda: opened(os.O_WRONLY | os.O_TRUNC),
    "O_TRUNC|O_CREAT": lambda: opened(os.O_RDWR | os.O_TRUNC | os.O_CREAT),
    "truncate": lambda: os.truncate(path, 3),
    "ftruncate to the same size": lambda: opened(os.O_WRONLY, lambda f: os.ftruncate(f, 10)),
    "write": lambda: opened(os.O_WRONLY, lambda f: os.write(f, b"y")),
    "write with O_DIRECT": lambda: opened(os.O_WRONLY | os.O_DIRECT, lambda f: os.writev(f, [mmap.mmap(-1, 4096)])),
    "fallocate": lambda: opened(os.O_WRONLY, lambda f: os.posix_fallocate(f, 0, 100)),
    "copy_file_range": lambda: opened(os.O_WRONLY, copied),
    "mmap": lambda: opened(os.O_RDWR, mapped),
}


def as_other(way):
    child = os.fork()
    if child == 0:
        os.setgroups([])
        os.setgid(GROUP)
        os.setuid(OTHER)
        try:
            way()
        except OSError as e:
            print(e, flush=True)
            os._exit(1)
        os._exit(0)
    return os.waitpid(child, 0)[1] == 0


def after(mode, who, name, done):
    print("%o %s: %s: %s" % (mode, who, name, "%o" % (os.stat(path).st_mode & 0o7777) if done else "failed"))


os.chmod(".", 0o777)
with open("source", "w") as s:
    s.write("abcdefgh")
os.chmod("source", 0o666)
for bits in (0o6777, 0o6767, 0o2777, 0o2767):
    for title, how in WAYS.items():
        made(bits)
        after(bits, "another", title, as_other(how))
        made(bits)
        how()
        after(bits, "root", title, True)
    made(bits)
    os.chown(path, GROUP, GROUP + 1)
    after(bits, "root", "chown", True)
