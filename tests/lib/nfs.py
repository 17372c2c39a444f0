#!/usr/bin/env python3
"""An NFSv3 client for tests, with libnfs, which needs neither the kernel's NFS client nor a port mapper. Usage: nfs.py
HOST PATH NFS-PORT MOUNT-PORT

Reads lines of a number and a command from stdin. Writes for each a line with that number and the answer to stdout: the
result, "ok", or the name of the errno. A file that was opened is asked by the handle that it had then, whatever happens
to its name and to the server: the protocol has no open files, and the server defines its handles. Contents are named by
their SHA-256.
"""
import ctypes
import errno
import hashlib
import sys
import time

SERVER_COMES_BACK_S = 150  # on a very busy machine
CHUNK = 128 * 1024
lib = ctypes.CDLL("libnfs.so.13")
lib.nfs_init_context.restype = ctypes.c_void_p
lib.nfs_get_error.restype = ctypes.c_char_p
lib.nfs_parse_url_dir.restype = ctypes.c_void_p


class Entry(ctypes.Structure):
    _fields_ = [("next", ctypes.c_void_p), ("name", ctypes.c_char_p)]  # its head: the other fields are not used


lib.nfs_readdir.restype = ctypes.POINTER(Entry)


class Client:
    def __init__(self, host, path, port, mount_port):
        self.open_files = {}
        end = time.monotonic() + SERVER_COMES_BACK_S
        while not self.mount(host, path, port, mount_port):
            error = lib.nfs_get_error(self.nfs)
            if time.monotonic() > end:
                raise OSError(error)
            lib.nfs_destroy_context(self.nfs)
            time.sleep(0.05)

    # Each attempt uses a new context. A context whose attempt fails half-way, as with a server that is just
    # starting, may stay connected, and then rejects every further attempt for that reason.
    def mount(self, host, path, port, mount_port):
        self.nfs = ctypes.c_void_p(lib.nfs_init_context())
        # The ports can only be given in a URL.
        options = "version=3&dircache=0&uid=0&gid=0&autoreconnect=-1&nfsport=%s&mountport=%s" % (port, mount_port)
        if not lib.nfs_parse_url_dir(self.nfs, ("nfs://%s%s?%s" % (host, path, options)).encode()):
            raise OSError(lib.nfs_get_error(self.nfs))
        lib.nfs_set_timeout(self.nfs, SERVER_COMES_BACK_S * 1000)
        return lib.nfs_mount(self.nfs, host.encode(), path.encode()) >= 0

    def done(self, result):
        if result < 0:
            raise OSError(-result, lib.nfs_get_error(self.nfs))
        return result

    def open(self, name):
        file = ctypes.c_void_p()
        self.done(lib.nfs_open(self.nfs, name.encode(), 2, ctypes.byref(file)))
        self.open_files[name] = file
        return "ok"

    def create(self, name):
        file = ctypes.c_void_p()
        self.done(lib.nfs_creat(self.nfs, name.encode(), 0o644, ctypes.byref(file)))
        self.open_files[name] = file
        return "ok"

    def write(self, name, source):
        with open(source, "rb") as f:
            data = f.read()
        file = self.open_files[name]
        for at in range(0, len(data), CHUNK):
            part = data[at : at + CHUNK]
            written = self.done(lib.nfs_pwrite(self.nfs, file, ctypes.c_uint64(at), ctypes.c_uint64(len(part)), part))
            assert written == len(part), (written, len(part))
        self.done(lib.nfs_fsync(self.nfs, file))
        return hashlib.sha256(data).hexdigest()

    def read(self, name):
        file, digest, at = self.open_files[name], hashlib.sha256(), 0
        data = ctypes.create_string_buffer(CHUNK)
        while True:
            size = self.done(lib.nfs_pread(self.nfs, file, ctypes.c_uint64(at), ctypes.c_uint64(CHUNK), data))
            if size == 0:
                return digest.hexdigest()
            digest.update(data.raw[:size])
            at += size

    def size(self, name):
        attributes = (ctypes.c_uint64 * 32)()  # struct nfs_stat_64, whose eighth field is the size, and more
        self.done(lib.nfs_fstat64(self.nfs, self.open_files[name], ctypes.byref(attributes)))
        return str(attributes[7])

    def list(self, name):
        folder = ctypes.c_void_p()
        self.done(lib.nfs_opendir(self.nfs, name.encode(), ctypes.byref(folder)))
        names = []
        while entry := lib.nfs_readdir(self.nfs, folder):
            names.append(entry.contents.name.decode())
        lib.nfs_closedir(self.nfs, folder)
        return " ".join(sorted(n for n in names if n not in (".", "..")))

    def mkdir(self, name):
        return "ok" if self.done(lib.nfs_mkdir(self.nfs, name.encode())) == 0 else "?"

    def rename(self, old, new):
        return "ok" if self.done(lib.nfs_rename(self.nfs, old.encode(), new.encode())) == 0 else "?"

    def remove(self, name):
        return "ok" if self.done(lib.nfs_unlink(self.nfs, name.encode())) == 0 else "?"


client = Client(*sys.argv[1:5])
print("mounted", flush=True)
for line in sys.stdin:
    number, command, *arguments = line.split()
    try:
        print(number, getattr(client, command)(*arguments), flush=True)
    except OSError as e:
        print(number, errno.errorcode.get(e.errno, e), flush=True)
