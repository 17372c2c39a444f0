"""Begins every kind of call on a mount at the start of an outage, and reports their results.

outage_calls.py FOLDER prepare               makes the files for the calls; a later mount has cached nothing of them
outage_calls.py FOLDER SECONDS SIGNAL PID…    sends the signal to the processes; stopped ones go on after SECONDS
                                              (0: another program ends the outage)

Prints for each call how long it took and how it ended. Fails when a call got an error. With more SECONDS than the
promised 60, it fails when a call ended with another error than that of an outage, sooner than that, or much later, or
without an error during the outage.
"""
import ctypes
import errno
import fcntl
import os
import signal
import sys
import threading
import time

folder = sys.argv[1]
PROMISED, LATEST = 59, 73 # as in late.py of e2e/42
MB = 1 << 20
libc = ctypes.CDLL(None, use_errno=True)


def path(kind, name="file"):
    return "%s/%s/%s" % (folder, kind, name)


def opened(kind, flags=os.O_RDWR, name="file"):
    return os.open(path(kind, name), flags)


def then(sync, size, flags=0):
    """A write, and the call that stores it."""
    def make(kind):
        file = opened(kind, os.O_RDWR | flags)

        def call():
            os.write(file, os.urandom(size))
            sync(file)
        return call
    return make


def on_file(what):
    def make(kind):
        file = opened(kind)
        return lambda: what(file)
    return make


def punch(file):
    if libc.fallocate(file, 3, ctypes.c_long(0), ctypes.c_long(1000)) < 0:
        raise OSError(ctypes.get_errno(), "fallocate")


def copy(kind):
    source, file = opened(kind, os.O_RDONLY, "large"), opened(kind)

    def call():
        os.copy_file_range(source, file, 3 * MB, 0, 0)
        os.fsync(file)
    return call


def read(kind):
    with open(path(kind, "large"), "rb") as file:
        if len(file.read()) != 3 * MB:
            raise OSError(errno.ENODATA, "short")


def unlock(kind):
    file = opened(kind)
    fcntl.lockf(file, fcntl.LOCK_EX)
    return lambda: (fcntl.lockf(file, fcntl.LOCK_UN), os.close(file))


def late(what):
    return lambda kind: lambda: what(kind)


CALLS = {
    "create": late(lambda k: os.close(os.open(path(k, "new"), os.O_CREAT | os.O_WRONLY))),
    "mkdir": late(lambda k: os.mkdir(path(k, "folder"))),
    "symlink": late(lambda k: os.symlink("x", path(k, "symlink"))),
    "link": late(lambda k: os.link(path(k), path(k, "linked"))),
    "rename": late(lambda k: os.rename(path(k), path(k, "renamed"))),
    "unlink": late(lambda k: os.unlink(path(k))),
    "chmod": late(lambda k: os.chmod(path(k), 0o600)),
    "utimens": late(lambda k: os.utime(path(k), (1, 1))),
    "truncate": late(lambda k: os.truncate(path(k), 10)),
    "setxattr": late(lambda k: os.setxattr(path(k), "user.a", b"1")),
    "removexattr": late(lambda k: os.removexattr(path(k), "user.x")),
    "fallocate": on_file(lambda f: os.posix_fallocate(f, 0, 100000)),
    "punch": on_file(punch),
    "write, fsync": then(os.fsync, 100),
    "write, close": then(os.close, 100),
    "write of blocks": then(os.fsync, 8 * MB),
    "O_SYNC": then(lambda f: None, 100, os.O_SYNC),
    "append, fsync": then(os.fsync, 100, os.O_APPEND),
    "append, close": then(os.close, 100, os.O_APPEND),
    "append of a block": then(os.fsync, 3 * MB, os.O_APPEND),
    "append, O_SYNC": then(lambda f: None, 100, os.O_APPEND | os.O_SYNC),
    "copy_file_range": copy,
    "flock": on_file(lambda f: fcntl.flock(f, fcntl.LOCK_EX)),
    "fcntl lock": on_file(lambda f: fcntl.lockf(f, fcntl.LOCK_EX)),
    "unlock, close": unlock,
    # The folders of these calls were not looked at before.
    "unknown: read": late(read),
    "unknown: open": late(lambda k: os.close(opened(k, os.O_RDONLY))),
    "unknown: stat": late(lambda k: os.stat(path(k))),
    "unknown: listdir": late(lambda k: os.listdir(path(k, ""))),
    "unknown: getxattr": late(lambda k: os.getxattr(path(k), "user.x")),
}


def prepare():
    for kind in CALLS:
        os.mkdir(path(kind, ""))
        for name, size in (("file", 3000), ("large", 3 * MB)):
            if name == "file" or kind in ("copy_file_range", "unknown: read"):
                with open(path(kind, name), "wb") as file:
                    file.write(os.urandom(size))
        os.setxattr(path(kind), "user.x", b"1")


def run(seconds, number, pids):
    said, began = [], time.monotonic()

    def call(kind, what):
        begin, error = time.monotonic(), "no error"
        try:
            what()
        except OSError as e:
            error = errno.errorcode.get(e.errno, str(e.errno))
        said.append((kind, begin - began, time.monotonic() - begin, error))

    ready = {}
    for kind, make in CALLS.items():
        if not kind.startswith("unknown"):
            os.listdir(path(kind, ""))
            os.stat(path(kind))
        ready[kind] = make(kind)
    threads = [threading.Thread(target=call, args=item) for item in ready.items()]
    for pid in pids:
        os.kill(int(pid), number)
    if seconds > 0:
        threading.Timer(seconds, lambda: [os.kill(int(pid), signal.SIGCONT) for pid in pids]).start()
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    for one in said:
        print("%s: begun at %.1f, %.1f s, %s" % one)
    return said


if sys.argv[2] == "prepare":
    prepare()
    sys.exit()
lasts = float(sys.argv[2])
wrong = False
for kind, begin, took, error in run(lasts, getattr(signal, "SIG" + sys.argv[3]), sys.argv[4:]):
    # A call about unknown files may be answered at once from a gateway's memory. Any other call that succeeds during
    # the outage shows that there was no outage.
    wrong = wrong or (error == "no error" and begin + took < lasts and not kind.startswith("unknown"))
    if lasts < PROMISED:
        wrong = wrong or error != "no error"
    else:
        # copy_file_range makes several requests to the mount, each with its own wait.
        wrong = wrong or (took > LATEST and kind != "copy_file_range") or (error != "no error" and took < PROMISED) or error not in ("no error", "EIO", "ENOLCK")
sys.exit(wrong)
