#!/usr/bin/env python3
"""File handles. Usage, as root: handles.py save DIR FILE: writes the handles of all entries of DIR, with their
attributes, to FILE. handles.py check DIR FILE: checks that each handle leads to the same entry now; prints their
number. handles.py same DIR FILE PATH NOW: checks that the handle of PATH leads to the same document, which has the
path NOW by now; prints "same". handles.py error DIR FILE PATH: prints the error of opening the handle of PATH."""
import ctypes
import json
import os
import stat
import sys

libc = ctypes.CDLL(None, use_errno=True)
AT_FDCWD, HANDLE_BYTES = -100, 128


class Handle(ctypes.Structure):
    _fields_ = [("bytes", ctypes.c_uint), ("type", ctypes.c_int), ("data", ctypes.c_ubyte * HANDLE_BYTES)]


def handle_of(path):
    h, mount = Handle(bytes=HANDLE_BYTES), ctypes.c_int()
    if libc.name_to_handle_at(AT_FDCWD, os.fsencode(path), ctypes.byref(h), ctypes.byref(mount), 0) < 0:
        raise OSError(ctypes.get_errno(), "name_to_handle_at", path)
    return {"type": h.type, "data": bytes(h.data[: h.bytes]).hex()}


def opened(mount, handle, flags):
    data = bytes.fromhex(handle["data"])
    h = Handle(bytes=len(data), type=handle["type"])
    h.data[: len(data)] = data
    f = libc.open_by_handle_at(mount, ctypes.byref(h), flags)
    if f < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return f


def what(f, root):
    st = os.fstat(f)
    seen = {"ino": st.st_ino, "mode": st.st_mode, "size": 0 if stat.S_ISDIR(st.st_mode) else st.st_size,
            "uid": st.st_uid}
    if stat.S_ISDIR(st.st_mode):
        seen["entries"] = sorted(os.listdir(f))
        seen["path"] = os.path.relpath(os.readlink("/proc/self/fd/%d" % f),
                root)  # connected: the kernel knows its place in the tree
    elif stat.S_ISREG(st.st_mode):
        seen["content"] = os.pread(f, 1 << 20, 0).hex()
    return seen


def flags_for(mode):
    return os.O_RDONLY if stat.S_ISREG(mode) or stat.S_ISDIR(mode) else os.O_PATH


def save(where, to):
    found = []
    for folder, folders, files in os.walk(where):
        for path in [folder] + [os.path.join(folder, f) for f in files]:
            if os.path.islink(path):
                continue
            f = os.open(path, flags_for(os.lstat(path).st_mode))
            found.append({"handle": handle_of(path), "path": path, "what": what(f, where)})
            os.close(f)
    with open(to, "w") as out:
        json.dump(found, out)


def check(where, saved):
    mount = os.open(where, os.O_RDONLY | os.O_DIRECTORY)
    with open(saved) as f:
        entries = json.load(f)
    # The deepest entries first: the kernel has none of the folders above them then.
    for entry in sorted(entries, key=lambda e: -e["path"].count("/")):
        f = opened(mount, entry["handle"], flags_for(entry["what"]["mode"]))
        now = what(f, where)
        assert now == entry["what"], (entry["path"], now, entry["what"])
        os.close(f)
    print(len(entries))


def entry_of(saved, path):
    with open(saved) as f:
        return next(e for e in json.load(f) if e["path"] == path)


def same(where, saved, path, path_now):
    mount = os.open(where, os.O_RDONLY | os.O_DIRECTORY)
    entry = entry_of(saved, path)
    wanted = dict(entry["what"])
    if "path" in wanted:
        wanted["path"] = os.path.relpath(path_now, where)
    f = opened(mount, entry["handle"], os.O_RDONLY)
    now = what(f, where)
    assert now == wanted, (path, now, wanted)
    assert os.path.samestat(os.fstat(f), os.stat(path_now)), (path, path_now)
    os.close(f)
    print("same")


def error_of(where, saved, path):
    mount = os.open(where, os.O_RDONLY | os.O_DIRECTORY)
    entry = entry_of(saved, path)
    try:
        os.close(opened(mount, entry["handle"], os.O_RDONLY))
        print("no error")
    except OSError as e:
        print(e.strerror)


if __name__ == "__main__":
    {"save": save, "check": check, "same": same, "error": error_of}[sys.argv[1]](*sys.argv[2:])
