#!/usr/bin/env python3
"""What chattr +i and +a refuse. Usage, as root: protect.py DIR, an empty folder. Prints one line per step: the call, as
root, the file, and the outcome. The output is the same on every file system that has the flags."""
import errno
import os
import subprocess
import sys

os.chdir(sys.argv[1])


def tried(what, call):
    try:
        call()
        print(what, "ok")
    except OSError as e:
        print(what, errno.errorcode[e.errno])


def write_to(name, flags, text=b"more"):
    f = os.open(name, flags)
    try:
        os.write(f, text)
        os.fsync(f)
    finally:
        os.close(f)


def chattr(what, name):
    subprocess.check_call(["chattr", what, name])


def lsattr(name):
    flags = subprocess.check_output(["lsattr", "-d", name], text=True).split()[0]
    return "".join(c for c in flags if c in "ai")


def content(name):
    with open(name, "rb") as f:
        return f.read()


def file_steps(name, kind):
    say = kind + " file:"
    tried(say + " read", lambda: content(name))
    tried(say + " write", lambda: write_to(name, os.O_WRONLY))
    tried(say + " append", lambda: write_to(name, os.O_WRONLY | os.O_APPEND))
    tried(say + " O_TRUNC", lambda: os.close(os.open(name, os.O_WRONLY | os.O_APPEND | os.O_TRUNC)))
    tried(say + " truncate", lambda: os.truncate(name, 1))
    tried(say + " chmod", lambda: os.chmod(name, 0o600))
    tried(say + " chmod to what it is", lambda: os.chmod(name, 0o644))
    tried(say + " chown", lambda: os.chown(name, 1, 1))
    tried(say + " utimes", lambda: os.utime(name, (1, 1)))
    tried(say + " setxattr", lambda: os.setxattr(name, "user.a", b"b"))
    tried(say + " link", lambda: os.link(name, "another"))
    tried(say + " rename", lambda: os.rename(name, "another"))
    tried(say + " rename over it", lambda: os.rename("other", name))
    tried(say + " unlink", lambda: os.unlink(name))
    print(say, lsattr(name), content(name), "%o" % (os.stat(name).st_mode & 0o7777), sorted(os.listdir(".")))


def folder_steps(name, kind):
    say = kind + " folder:"
    tried(say + " create", lambda: os.close(os.open(name + "/new", os.O_WRONLY | os.O_CREAT, 0o644)))
    tried(say + " mkdir", lambda: os.mkdir(name + "/folder"))
    tried(say + " link into", lambda: os.link("other", name + "/link"))
    tried(say + " unlink in", lambda: os.unlink(name + "/in"))
    tried(say + " rename in", lambda: os.rename(name + "/in", name + "/out"))
    tried(say + " rename out of", lambda: os.rename(name + "/in", "out"))
    tried(say + " rename into", lambda: os.rename("moved", name + "/moved"))
    tried(say + " change what is in", lambda: write_to(name + "/in", os.O_WRONLY))
    tried(say + " chmod", lambda: os.chmod(name, 0o700))
    tried(say + " rmdir", lambda: os.rmdir(name))
    print(say, lsattr(name), sorted(os.listdir(name)))


def plain(name):
    with open(name, "wb") as f:
        f.write(b"text")
    os.chmod(name, 0o644)


for kind, flag in (("immutable", "i"), ("append-only", "a")):
    plain("other")
    plain("moved")
    plain("f")
    before = os.open("f", os.O_WRONLY)
    os.write(before, b"open")
    chattr("+" + flag, "f")
    print(kind, "file: set", lsattr("f"))
    file_steps("f", kind)
    os.close(before)
    tried(kind + " file: flags that are not kept", lambda: subprocess.check_output(["lsattr", "f"]))
    chattr("-" + flag, "f")
    tried("not " + kind + " any more: write", lambda: write_to("f", os.O_WRONLY))
    tried("not " + kind + " any more: unlink", lambda: os.unlink("f"))
    os.mkdir("d")
    plain("d/in")
    chattr("+" + flag, "d")
    folder_steps("d", kind)
    chattr("-" + flag, "d")
    subprocess.check_call(["rm", "-rf", "d", "other", "moved", "out", "another"])
plain("f")
chattr("+i", "f")
child = os.fork()
if child == 0:
    os.setgid(4711)
    os.setuid(4711)
    os._exit(subprocess.call(["chattr", "-i", "f"], stderr=subprocess.DEVNULL))
print("chattr -i by a user without privileges is refused:", os.waitpid(child, 0)[1] != 0, lsattr("f"))
chattr("=", "f")
print("flags after chattr =:", lsattr("f"))
os.unlink("f")
