#!/usr/bin/env python3
"""checker: two mounts of one drive and its HTTP API, all at work on the same documents while processes are stopped and killed; afterwards, and meanwhile, what was seen is judged.

    checker.py A B URL TOKEN SECONDS [DISTURB]

A and B are the same folder on two mounts. DISTURB: a program that is run again and again meanwhile, and stops or kills something for a while each time; it gets the number of the round.

What must hold, for calls that said that they succeeded:
  registers    a file that one side replaces (open with O_TRUNC, write, close; or PUT) is seen by the others as it was at some moment since: whole, never older than 3 s
  appends      every record that was written to a file with O_APPEND and synced stands there once, in one piece, and those of one writer in their order
  sets         what was created in a folder is in it, what was removed is not
  counters     a name that both sides try to rename to its successor is renamed by one of them each time
What was read is how old: while nothing is stopped or killed, 99 of 100 reads of registers began less than 50 ms after what they show was replaced. No age may be beyond 3 s, ever.
No call on a mount may fail by EIO or EINTR, whatever is stopped or killed: it waits.
"""
import ctypes
import http.client
import os
import random
import subprocess
import sys
import threading
import time
import urllib.parse

A, B, URL, TOKEN, SECONDS = sys.argv[1:6]
DISTURB = sys.argv[6] if len(sys.argv) > 6 else None
END = time.monotonic() + float(SECONDS)
OLD_S = 3.0                 # nothing older is ever shown
SOON_S = 0.05               # nor this, while all processes run
REGISTERS, REGISTER_BYTES = 3, 6000
faults = []
counts = {}
lags = []
writes = []                 # how long those of A took
libc = ctypes.CDLL(None, use_errno=True)
lock = threading.Lock()


def fault(what):
    with lock:
        if len(faults) < 20:
            faults.append("%.2f s before the end: %s" % (END - time.monotonic(), what))


def count(what, n=1):
    with lock:
        counts[what] = counts.get(what, 0) + n


def going():
    return time.monotonic() < END and not faults


def path_of(rest):
    """The path in the drive of what lies in the folder: mounts show the root of the drive."""
    return urllib.parse.quote(os.path.join(FOLDER, rest))


class Rest:
    """One connection at a time; asks again with the same key until there is an answer."""

    def __init__(self):
        self.connection = None

    def ask(self, method, rest, body=None):
        key = "%032x" % random.getrandbits(128)
        until = time.monotonic() + 60
        while True:
            try:
                if not self.connection:
                    self.connection = http.client.HTTPConnection(urllib.parse.urlparse(random.choice(URL.split(","))).netloc, timeout=10)
                headers = {"Authorization": "Bearer " + TOKEN}
                if method != "GET":
                    headers["Idempotency-Key"] = key
                self.connection.request(method, "/api/v2/docs/drives/home/files/" + path_of(rest), body, headers)
                answer = self.connection.getresponse()
                data = answer.read()
                if answer.status < 500:
                    return answer.status, data
            except (OSError, http.client.HTTPException):
                pass
            if self.connection:
                self.connection.close()
            self.connection = None
            if time.monotonic() > until:
                return 0, b""
            time.sleep(0.05)


# ---- registers ----

def version_bytes(n):
    line = b"%012d|" % n
    return (line * (REGISTER_BYTES // len(line) + 1))[:REGISTER_BYTES]


class Register:
    def __init__(self, number):
        self.name = "register%d" % number
        self.lock = threading.Lock()
        self.version = 0
        self.acknowledged = [(0.0, 0)]      # when, which
        self.changing = False

    def floor(self, before):
        """The newest version that was acknowledged so early."""
        with lock:
            for at, version in reversed(self.acknowledged):
                if at <= before:
                    return version
        return 0


def write_mount(root, register, n):
    with open(os.path.join(root, register.name), "wb", buffering=0) as f:
        f.write(version_bytes(n))


def register_writer(register, seed):
    chance, rest = random.Random(seed), Rest()
    while going():
        how = chance.choice(["A", "B", "REST"])
        n = register.version + 1
        if how == "REST":
            status, _ = rest.ask("PUT", register.name, version_bytes(n))
            if status not in (200, 201):
                fault("PUT of %s: %d" % (register.name, status))
        else:
            began = time.monotonic()
            write_mount(A if how == "A" else B, register, n)
            if how == "A":
                writes.append(time.monotonic() - began)
        now = time.monotonic()
        register.version = n
        with lock:
            register.acknowledged.append((now, n))
        count("register writes")
        time.sleep(chance.choice([0.002, 0.02, 0.1]))


class Reading:
    """Of one register: an open is checked with the store, so most reads use what is open already."""

    def __init__(self, register, root):
        self.path, self.rest, self.fd, self.reads = root and os.path.join(root, register.name), Rest(), -1, 0
        self.name = register.name

    def read(self):
        if not self.path:
            return self.rest.ask("GET", self.name)[1]
        if self.reads % 5 == 0:
            if self.fd >= 0:
                os.close(self.fd)
            self.fd = os.open(self.path, os.O_RDONLY)
        self.reads += 1
        return os.pread(self.fd, REGISTER_BYTES + 1, 0)


def judge_register(register, data, began, where):
    # A file that is being rewritten on a mount is empty for a moment; nothing else is part of a version.
    if not data:
        return
    text = data[:12]
    if not text.isdigit() or data != version_bytes(int(text)):
        fault("%s by %s is torn: %d bytes, %r…" % (register.name, where, len(data), data[:40]))
        return
    n = int(text)
    if n < register.floor(began - OLD_S):
        fault("%s by %s: version %d, although %d was acknowledged %.1f s before" % (register.name, where, n, register.floor(began - OLD_S), OLD_S))
    with lock:
        newer = [at for at, version in register.acknowledged if version == n + 1]
        lags.append(max(0.0, began - newer[0]) if newer else 0.0)


def register_reader(register, root, seed):
    chance, reading = random.Random(seed), Reading(register, root)
    where = "A" if root == A else "B" if root == B else "REST"
    while going():
        began = time.monotonic()
        judge_register(register, reading.read(), began, where)
        count("register reads")
        time.sleep(chance.choice([0.001, 0.01, 0.03]))


# ---- appends ----

appended = {}


def appender(root, who):
    done = appended.setdefault(who, [])
    fd = os.open(os.path.join(root, "log"), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    n = 0
    while going():
        record = b"<%s:%06d:%s>\n" % (who.encode(), n, b"x" * (n * 7 % 300))
        os.write(fd, record)
        os.fsync(fd)
        done.append(record)
        n += 1
        if n % 10 == 0:     # also as "echo >>" does it
            os.close(fd)
            fd = os.open(os.path.join(root, "log"), os.O_WRONLY | os.O_APPEND)
        count("appends")
        time.sleep(0.005)
    os.close(fd)


def judge_appends(root):
    with open(os.path.join(root, "log"), "rb") as f:
        lines = f.read().splitlines(keepends=True)
    known = {r for done in appended.values() for r in done}
    for line in lines:
        if not (line.startswith(b"<") and line.endswith(b">\n")):
            fault("a torn record in the log: %r" % line[:80])
            break
    for who, done in appended.items():
        mine = [line for line in lines if line.startswith(b"<%s:" % who.encode())]
        here = [line for line in mine if line in known]
        if here != done:
            lost = len(set(done) - set(here))
            fault("records of %s: %d were synced, %d are there, %d are lost, %d are double" % (who, len(done), len(here), lost, len(here) - len(set(here))))


# ---- sets ----

members = set()
unsure = set()


def setter(root, who, seed):
    chance, rest, mine, n = random.Random(seed), Rest(), [], 0
    while going():
        if mine and chance.random() < 0.3:
            name = mine.pop(chance.randrange(len(mine)))
            if root:
                os.unlink(os.path.join(root, "set", name))
            elif rest.ask("DELETE", "set/" + name)[0] != 204:
                fault("DELETE of %s was refused" % name)
            with lock:
                members.discard(name)
        else:
            name = "%s-%d" % (who, n)
            n += 1
            if root:
                os.close(os.open(os.path.join(root, "set", name), os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644))
            elif rest.ask("PUT", "set/" + name, b"x")[0] != 201:
                fault("PUT of %s was not a new file" % name)
            with lock:
                members.add(name)
            mine.append(name)
        count("set changes")
        time.sleep(0.003)


def judge_set(root):
    there = set(os.listdir(os.path.join(root, "set")))
    if there != members:
        fault("the folder differs from what was acknowledged: missing %s, too many %s" % (sorted(members - there)[:5], sorted(there - members)[:5]))


# ---- counters ----

wins = {}


def rename_to_new(old, new):
    """RENAME_NOREPLACE: without it the kernel takes both names for links of one file while one of them is out of date, and says success without asking anybody."""
    if libc.renameat2(-100, os.fsencode(old), -100, os.fsencode(new), ctypes.c_uint(1)) < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), new)


def renamer(root, who):
    won, n = 0, 0
    while going():
        try:
            rename_to_new(os.path.join(root, "counter.%d" % n), os.path.join(root, "counter.%d" % (n + 1)))
            won += 1
            n += 1
        except (FileNotFoundError, FileExistsError):
            # The other one was faster. How far it is, the folder says.
            there = [int(name.split(".")[1]) for name in os.listdir(root) if name.startswith("counter.")]
            n = max(there) if there else n
        wins[who] = won
        time.sleep(0.002)
    count("renames", won)


def judge_counter(root):
    there = [name for name in os.listdir(root) if name.startswith("counter.")]
    if there != ["counter.%d" % sum(wins.values())]:
        fault("%d renames succeeded, and there is %s" % (sum(wins.values()), there))


# ---- beside it ----

def busy(root, who):
    n = 0
    while going():
        name = os.path.join(root, "busy", "%s-%d" % (who, n % 50))
        with open(name, "wb", buffering=0) as f:
            f.write(b"busy")
        if n % 3 == 0:
            os.unlink(name)
        n += 1
        count("busy creates")


def disturber():
    n = 0
    while going() and time.monotonic() < END - 2:
        subprocess.run([DISTURB, str(n)], check=False)
        n += 1
    count("disturbances", n)


def guarded(function, *args):
    def run():
        try:
            function(*args)
        except OSError as e:
            fault("%s%s: %s" % (function.__name__, args[1:2], e))
        except Exception as e:      # pylint: disable=broad-except
            fault("%s: %r" % (function.__name__, e))
    t = threading.Thread(target=run, daemon=True)
    t.start()
    return t


def main():
    global FOLDER
    FOLDER = os.environ["CHECKER_FOLDER"]
    registers = [Register(i) for i in range(REGISTERS)]
    for r in registers:
        # Each mount knows that others write it, before anybody reads.
        for root in (A, B):
            write_mount(root, r, 0)
        for root in (A, B):
            os.close(os.open(os.path.join(root, r.name), os.O_RDONLY))
    os.makedirs(os.path.join(A, "set"))
    os.makedirs(os.path.join(A, "busy"))
    open(os.path.join(A, "counter.0"), "w").close()
    threads = []
    for i, r in enumerate(registers):
        threads.append(guarded(register_writer, r, i))
        for k, root in enumerate((A, B, None)):
            threads.append(guarded(register_reader, r, root, 10 * i + k))
    for root, who in ((A, "A"), (B, "B")):
        threads.append(guarded(appender, root, who))
        threads.append(guarded(setter, root, who, who))
        threads.append(guarded(renamer, root, who))
        for i in range(4):
            threads.append(guarded(busy, root, "%s%d" % (who, i)))
    threads.append(guarded(setter, None, "R", "R"))
    if DISTURB:
        threads.append(guarded(disturber))
    for t in threads:
        t.join(max(1.0, END - time.monotonic() + 90))
        if t.is_alive():
            fault("a thread did not end: a call hangs")
            break
    if not faults:
        time.sleep(OLD_S + 0.2)     # by then every mount must know: this is what is tested
        for root in (A, B):
            judge_appends(root)
            judge_set(root)
            judge_counter(root)
    lags.sort()
    print(", ".join("%d %s" % (n, what) for what, n in sorted(counts.items())))
    if lags:
        # On a machine that is busy with other things nothing is done in 50 ms: there it is two of the times that a change itself takes. One in a hundred may have waited for a processor.
        change = sorted(writes)[len(writes) // 2] if writes else 0.0
        soon, age = max(SOON_S, 2 * change), lags[len(lags) * 99 // 100]
        late = sum(1 for lag in lags if lag > SOON_S)
        print("age of what was read: 99 of 100 below %.0f ms, worst %.0f ms, %.2f %% older than %.0f ms; a change took %.0f ms" % (
            age * 1000, lags[-1] * 1000, 100.0 * late / len(lags), SOON_S * 1000, change * 1000))
        if not DISTURB and age > soon:
            fault("one in a hundred reads is older than %.0f ms" % (soon * 1000))
    for f in faults:
        print(f)
    os._exit(1 if faults else 0)


FOLDER = ""
main()
