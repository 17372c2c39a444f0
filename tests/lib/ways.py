"""Every way to store bytes in a file: each tries to put data over the file from ways.base on, in a process of its own,
and reports the errors of its calls.

A way has moments at which a test can act: "opened", and "written", which comes before the written data must be stored.
"""
import errno
import json
import mmap
import os
import select
import traceback

BLOCK = 4096
DEADLINE_S = 60
source = None  # a file with the data, for copy_file_range
base = 0


class Tried:
    """The errors of a way's calls, in their order."""

    def __init__(self, moment):
        self.errors = []
        self.moment = moment

    def __call__(self, call, *arguments):
        try:
            return call(*arguments)
        except OSError as e:
            self.errors.append(errno.errorcode[e.errno])


def store_all(t, fd, data):
    at = 0
    while at < len(data):
        n = t(os.pwrite, fd, data[at : at + 128 * 1024], base + at)
        if n is None:
            return
        at += n


def opened(t, path, flags=0):
    fd = os.open(path, os.O_RDWR | flags)
    t.moment("opened")
    return fd


def closed(t, fd):
    t.moment("written")
    t(os.close, fd)


def by_write(t, path, data, flags=0):
    fd = opened(t, path, flags)
    store_all(t, fd, data)
    closed(t, fd)


def by_one_write(t, path, data):
    fd = opened(t, path)
    t(os.pwrite, fd, data, base)
    closed(t, fd)


def by_sync(t, path, data):
    by_write(t, path, data, os.O_SYNC)


def by_fsync(t, path, data):
    fd = opened(t, path)
    store_all(t, fd, data)
    t.moment("written")
    t(os.fsync, fd)
    t(os.close, fd)


def by_direct(t, path, data):
    fd = opened(t, path, os.O_DIRECT)
    size = len(data) // BLOCK * BLOCK
    page = mmap.mmap(-1, size)
    page.write(data[:size])
    t(os.pwritev, fd, [page], base)
    closed(t, fd)


def by_exit(t, path, data):
    fd = opened(t, path)
    store_all(t, fd, data)
    t.moment("written")
    os._exit(0)


def by_mapping(t, path, data):
    fd = opened(t, path)
    t(os.ftruncate, fd, base + len(data))
    if not t.errors:
        page = mmap.mmap(fd, len(data), offset=base)
        page[:] = data
        t.moment("written")
        t(page.flush)
        page.close()
    t(os.close, fd)


def by_truncate(t, path, data):
    t(os.truncate, path, base + len(data))  # takes no room
    by_write(t, path, data)


def by_ftruncate(t, path, data):
    fd = opened(t, path)
    store_all(t, fd, data)
    t.moment("written")
    t(os.ftruncate, fd, base + len(data) + 100)
    t(os.fsync, fd)
    t(os.close, fd)


def by_fallocate(t, path, data):
    fd = opened(t, path)
    t(os.posix_fallocate, fd, base, len(data))
    if not t.errors:
        store_all(t, fd, data)
    closed(t, fd)


def by_copy(t, path, data):
    taken, fd = os.open(source, os.O_RDONLY), opened(t, path)
    t(os.copy_file_range, taken, fd, len(data), 0, base)
    closed(t, fd)


def by_append(t, path, data):
    fd = opened(t, path, os.O_APPEND)
    for at in range(0, len(data), 100000):
        t(os.write, fd, data[at : at + 100000])
    closed(t, fd)


def by_rename(t, path, data):  # what editors do
    try:
        with open(path + ".new", "wb", 0) as f:
            t.moment("opened")
            while data:
                data = data[f.write(data[:100000]) :]
            t.moment("written")
            os.fsync(f.fileno())
        os.rename(path + ".new", path)
    except OSError as e:
        t.errors.append(errno.errorcode[e.errno])
    if t.errors and os.path.exists(path + ".new"):
        os.unlink(path + ".new")


WAYS = [by_write, by_one_write, by_sync, by_fsync, by_direct, by_exit, by_mapping, by_truncate, by_ftruncate,
        by_fallocate, by_copy, by_append, by_rename]


def in_time(way, path, data, moment=lambda name: None):
    """Runs the way in a process of its own, so that a call that hangs does not hang the test. Returns the errors, or
    None if the way did not come back."""
    r, w = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(r)
        t = Tried(moment)
        try:
            way(t, path, data)
        except BaseException:
            t.errors.append(traceback.format_exc())
        os.write(w, json.dumps(t.errors).encode())
        os._exit(0)
    os.close(w)
    ready = select.select([r], [], [], DEADLINE_S)[0]
    said = os.read(r, 1 << 16) if ready else None
    os.close(r)
    if said is None:
        os.kill(pid, 9)
        return None
    os.waitpid(pid, 0)
    return json.loads(said or b"[]")
