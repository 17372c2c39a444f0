#!/usr/bin/env python3
"""checker: two mounts of one drive and its HTTP API all work on the same documents while processes are stopped and
killed. The checker judges what they see, during the run and at its end.

    checker.py A B URL TOKEN SECONDS [DISTURB ROUNDS]

A and B are the same folder on two mounts. DISTURB is a program that runs again and again during the test. Each time it
stops or kills something for a while. Its argument is the number of the round. After SECONDS the test goes on until all
ROUNDS have run. Before DISTURB kills mount A, it prints "kills A" and waits for a line of input; it prints "back A"
when the mount is there again.

What must hold for calls that succeeded:
  registers    One side replaces a file (open with O_TRUNC, write, close; or PUT). The others see the file as it was at
               some moment: whole, and never older than 3 s. They see it empty only while a mount replaces it. At the
               end the file has the content that was written last.
  appends      Every record that was written to a file with O_APPEND and synced is there once and in one piece. The
               records of one writer are in their order.
  streams      Bytes that were written and not synced may be lost when their mount is killed, but only from the end: the
               file has a prefix of the stream, with everything that fsync or close had acknowledged.
  sets         What was created in a folder is in it; what was removed is not.
  counters     Both sides try to rename a name to its successor; each time exactly one of them succeeds.
A call that fails because its mount was killed may have taken effect or not, and may take effect later.

How old a read may be: nothing is ever older than 3 s. While all processes run, each read of a register begins less than
50 ms after its content was replaced. That time begins when the writing call returns, and ends before the reading call
begins. The time that threads of the store were ready to run but waited for a processor is subtracted (waited.py). On an
idle machine that is next to nothing. On a busy machine it is so much that little is left to judge. Therefore 99 of 100
reads also have to meet the 50 ms by the clock alone, or be younger than two changes take on that machine.
No call on a mount may fail with EIO or EINTR, whatever else is stopped or killed: the call waits.

CHECKER_FOLDER: the path of the folder in the drive.
CHECKER_PARTS: "NAME=PID …", the processes that a change passes before others see it; A and B are the mounts.
"""
import collections
import contextlib
import ctypes
import errno
import http.client
import os
import random
import subprocess
import sys
import threading
import time
import urllib.parse

from waited import Waited

URL, TOKEN = sys.argv[3:5]
DISTURB, ROUNDS = (sys.argv[6], int(sys.argv[7])) if len(sys.argv) > 6 else (None, 0)
FOLDER = os.environ["CHECKER_FOLDER"]
BEGIN = time.monotonic()
END = BEGIN + float(sys.argv[5])
OLD_S = 3.0                 # nothing older may ever be shown
SOON_S = 0.05               # nothing older may be shown while all processes run
DOUBT_S = 30.0              # for so long a request of a killed mount may still take effect
JOIN_S = 90                 # a call that takes longer hangs
REGISTERS, SIZES, REGISTER_BYTES, REGISTER_SIZES = 3, 2, 6000, 3000
STREAM_BYTES = 600000
# The errors that a caller on a killed mount may get: for a call in progress, for an open file, for a name before the
# remount, and for a page that was not read.
KILLED = (errno.ECONNABORTED, errno.ENOTCONN, errno.ENOENT, errno.EIO)
over = threading.Event()
faults = []
counts = collections.Counter()
libc = ctypes.CDLL(None, use_errno=True)
lock = threading.Lock()


def fault(what):
    with lock:
        if len(faults) < 20:
            faults.append("after %.2f s: %s" % (time.monotonic() - BEGIN, what))


def count(what, n=1):
    with lock:
        counts[what] += n


def going():
    return not over.is_set() and not faults


class Side:
    """A mount, which may be killed and mounted again: then a new life of it begins, and open files are lost."""

    def __init__(self, name, root):
        self.name, self.root = name, root
        self.life, self.is_up = 0, True

    def path(self, *names):
        return os.path.join(self.root, *names)

    def now(self):
        """The number of the mount's current life; None while it is away."""
        with lock:
            return self.life if self.is_up else None

    def is_killed(self):
        with lock:
            self.life += 1
            self.is_up = False

    def is_back(self):
        with lock:
            self.is_up = True

    @contextlib.contextmanager
    def call(self, life, doubt=None):
        """Wraps calls in that life: an error that the end of the life explains calls doubt and becomes Killed."""
        try:
            yield
        except OSError as e:
            if self.life == life or e.errno not in KILLED:
                raise
            count("calls that %s took along: %s" % (self.name, errno.errorcode[e.errno]))
            if doubt:
                doubt()
            raise Killed from e

    def lives(self, work):
        """Runs work(life) again in each life, until the test is over."""
        while going():
            life = self.now()
            if life is None:
                time.sleep(0.02)
                continue
            with contextlib.suppress(Killed), self.call(life):
                work(life)


class Killed(Exception):
    pass


sides = {"A": Side("A", sys.argv[1]), "B": Side("B", sys.argv[2])}


class Rest:
    """One connection at a time; repeats a request with the same key until there is an answer."""

    def __init__(self):
        self.connection = None

    def ask(self, method, rest, body=None):
        key = "%032x" % random.getrandbits(128)
        until = time.monotonic() + 60
        path = "/api/v2/docs/drives/home/files/" + urllib.parse.quote(os.path.join(FOLDER, rest))
        while True:
            try:
                if not self.connection:
                    self.connection = http.client.HTTPConnection(urllib.parse.urlparse(random.choice(URL.split(","))).netloc, timeout=10)
                headers = {"Authorization": "Bearer " + TOKEN}
                if method != "GET":
                    headers["Idempotency-Key"] = key
                self.connection.request(method, path, body, headers)
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
    """A register's versions differ in their bytes, or in their sizes. A size is taken from stat and not by a read: a
    descriptor that was opened before may see the size of one version with the bytes of another."""

    def __init__(self, number, by_size):
        self.name = "%s%d" % ("size" if by_size else "register", number)
        self.by_size = by_size
        self.version = 0
        self.acknowledged = [(0.0, 0)]      # (time, version)
        # [begin, end or None]: a mount was replacing the file, which might be empty.
        self.emptied = collections.deque(maxlen=2000)
        self.doubted = {}                   # version: the time when its mount was killed

    def bytes_of(self, n):
        return b"." * (1 + n % REGISTER_SIZES) if self.by_size else version_bytes(n)

    def floor(self, before):
        """The newest version that was acknowledged at or before that time."""
        with lock:
            return next((version for at, version in reversed(self.acknowledged) if at <= before), 0)

    def may_be_empty(self, began, ended):
        with lock:
            return any(b <= ended and (e is None or e >= began - OLD_S) for b, e in reversed(self.emptied))

    def replaced_at(self, n):
        """The time when the first version newer than n was acknowledged."""
        with lock:
            at = None
            for when, version in reversed(self.acknowledged):
                if version <= n:
                    break
                at = when
            return at

    def write(self, side, life, n):
        """Writes by a mount, which may be killed meanwhile."""
        span = [time.monotonic(), None]

        def doubt():
            with lock:
                self.doubted[n] = time.monotonic()
                span[1] = time.monotonic() + DOUBT_S

        with lock:
            self.emptied.append(span)
        with side.call(life, doubt), open(side.path(self.name), "wb", buffering=0) as f:
            f.write(self.bytes_of(n))
        span[1] = time.monotonic()

    def written(self, n):
        with lock:
            self.acknowledged.append((time.monotonic(), n))


def register_writer(register, seed, took):
    chance, rest = random.Random(seed), Rest()
    while going():
        side = sides.get(chance.choice(["A", "B", "REST"]))
        life = side.now() if side else None
        register.version = n = register.version + 1
        if life is None:
            status, _ = rest.ask("PUT", register.name, register.bytes_of(n))
            if status not in (200, 201):
                fault("PUT of %s: %d" % (register.name, status))
        else:
            began = time.monotonic()
            try:
                register.write(side, life, n)
            except Killed:
                continue
            if side.name == "A":
                took.append(time.monotonic() - began)
        register.written(n)
        count("register writes")
        time.sleep(chance.choice([0.002, 0.02, 0.1]))


Age = collections.namedtuple("Age", "seconds where since ended")
ages = []


def judge_version(register, n, began, ended, where):
    if n in register.doubted and ended < register.doubted[n] + DOUBT_S:
        count("reads of what may have been written")
        return
    if n < register.floor(began - OLD_S):
        fault("%s by %s: version %d, although %d was acknowledged %.1f s before" % (register.name, where, n,
                register.floor(began - OLD_S), OLD_S))
    replaced = register.replaced_at(n)
    with lock:
        ages.append(Age(max(0.0, began - replaced) if replaced else 0.0, where, replaced, ended))


def judge_register(register, data, began, where):
    ended = time.monotonic()
    text = data[:12]
    if not data:
        if not register.may_be_empty(began, ended):
            fault("%s by %s is empty, and nobody replaces it" % (register.name, where))
    elif not text.isdigit() or data != version_bytes(int(text)):
        fault("%s by %s is torn: %d bytes, %r…" % (register.name, where, len(data), data[:40]))
    else:
        judge_version(register, int(text), began, ended, where)


def judge_size(register, size, began, where):
    """stat is answered from the mount's memory; a read comes from the store as long as others write."""
    ended, newest = time.monotonic(), register.version
    if size == 0:
        judge_register(register, b"", began, where)
    else:
        judge_version(register, newest - (newest - (size - 1)) % REGISTER_SIZES, began, ended, where)


def register_reader_rest(register, seed):
    chance, rest = random.Random(seed), Rest()
    while going():
        began = time.monotonic()
        judge_register(register, rest.ask("GET", register.name)[1], began, "REST")
        count("register reads")
        time.sleep(chance.choice([0.001, 0.01, 0.03]))


def register_reader(side, register, seed):
    chance = random.Random(seed)

    def work(_):
        """The mount checks an open with the store, so most reads use a file that is open already."""
        while going():
            with open(side.path(register.name), "rb", buffering=0) as f:
                for _ in range(5):
                    began = time.monotonic()
                    judge_register(register, os.pread(f.fileno(), REGISTER_BYTES + 1, 0), began, side.name)
                    count("register reads")
                    time.sleep(chance.choice([0.001, 0.01, 0.03]))

    side.lives(work)


def size_reader(side, register, seed):
    chance = random.Random(seed)

    def work(_):
        while going():
            began = time.monotonic()
            judge_size(register, os.stat(side.path(register.name)).st_size, began, side.name + "'s stat")
            count("register reads")
            time.sleep(chance.choice([0.001, 0.01, 0.03]))

    side.lives(work)


def judge_register_end(side, register):
    """The file has what was written last, or what a killed mount may have written since."""
    with open(side.path(register.name), "rb") as f:
        data = f.read()
    doubted = [n for n, at in register.doubted.items() if time.monotonic() < at + DOUBT_S]
    if data not in [register.bytes_of(n) for n in [register.acknowledged[-1][1], *doubted]] and not (data == b""
            and doubted):
        fault("%s by %s is not what was written last, %d, but %r…" % (register.name, side.name,
                register.acknowledged[-1][1], data[:12]))


# ---- appends ----

appended = {}
append_doubts = set()


def appender(side):
    done, n = appended.setdefault(side.name, []), 0

    def work(life):
        nonlocal n
        fd = os.open(side.path("log"), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        while going():
            record = b"<%s:%06d:%s>\n" % (side.name.encode(), n, b"x" * (n * 7 % 300))
            n += 1
            with side.call(life, lambda: append_doubts.add(record)):    # pylint: disable=cell-var-from-loop
                os.write(fd, record)
                os.fsync(fd)
            done.append(record)
            count("appends")
            if n % 10 == 0:     # also in the way of "echo >>"
                os.close(fd)
                fd = os.open(side.path("log"), os.O_WRONLY | os.O_APPEND)
            time.sleep(0.005)
        os.close(fd)

    side.lives(work)


def judge_appends(side):
    with open(side.path("log"), "rb") as f:
        lines = f.read().splitlines(keepends=True)
    known = {r for done in appended.values() for r in done}
    strange = [line for line in lines if line not in known and line not in append_doubts]
    if strange:
        fault("the log has a record that was never written, or a part of one: %r" % strange[0][:80])
    if len(set(lines)) < len(lines):
        fault("%d records are double" % (len(lines) - len(set(lines))))
    for who, done in appended.items():
        here = [line for line in lines if line in known and line.startswith(b"<%s:" % who.encode())]
        if here != done:
            fault("records of %s: %d were synced, %d are there, %d are lost" % (who, len(done), len(here),
                    len(set(done) - set(here))))


# ---- streams ----

STREAM = b"".join(b"%07d\n" % i for i in range(STREAM_BYTES // 8))


class Stream:
    def __init__(self, name):
        self.name = name
        self.written = 0        # handed to write(), in full or not
        self.synced = 0         # acknowledged by fsync or close


streams = []


def judge_stream(side, stream, until=0.0):
    """until: the time up to which the other mount may not have seen all of the file yet."""
    try:
        with open(side.path(stream.name), "rb") as f:
            data = f.read()
    except FileNotFoundError:
        if time.monotonic() > until:
            raise
        data = b""
    if len(data) < stream.synced and time.monotonic() < until:
        time.sleep(0.02)
        judge_stream(side, stream, until)
    elif data != STREAM[:len(data)]:
        at = next(i for i, (a, b) in enumerate(zip(data, STREAM + b"\0" * len(data))) if a != b)
        fault("%s by %s is not a prefix of the written bytes: from byte %d on %r, of %d" % (stream.name, side.name, at,
                data[at:at + 20], len(data)))
    elif not stream.synced <= len(data) <= stream.written:
        fault("%s by %s has %d bytes; %d were written, and %d synced" % (stream.name, side.name, len(data),
                stream.written, stream.synced))


def streamer(side, other, seed):
    chance, made = random.Random(seed), 0

    def fill(fd, stream):
        while going() and stream.written < STREAM_BYTES:
            size = min(chance.choice([100, 3000, 20000, 100000]), STREAM_BYTES - stream.written)
            begin, stream.written = stream.written, stream.written + size
            done = os.write(fd, STREAM[begin:begin + size])
            if done != size:
                # When a mount is killed in the middle of a write(), the kernel answers that call with what the mount
                # had taken by then; the next call fails like every other. On a mount that lives, a short write is a
                # fault.
                os.write(fd, STREAM[begin + done:begin + size])
                fault("a short write to %s" % stream.name)
            if chance.random() < 0.15:
                os.fsync(fd)
                stream.synced = stream.written
            count("stream writes")
            time.sleep(chance.choice([0.002, 0.02, 0.1]))

    def work(life):
        nonlocal made
        # Judges the streams of the mount's life before this one.
        for stream in streams:
            if stream.name.startswith("stream" + side.name):
                judge_stream(side, stream)
        while going():
            stream = Stream("stream%s.%d" % (side.name, made))
            made += 1
            fd = os.open(side.path(stream.name), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
            with lock:
                streams.append(stream)
            fill(fd, stream)
            os.close(fd)
            stream.synced = stream.written
            seen = other.now()
            if seen is not None:
                with contextlib.suppress(Killed), other.call(seen):
                    judge_stream(other, stream, time.monotonic() + OLD_S)
            if stream.written == STREAM_BYTES:
                with lock:
                    streams.remove(stream)
                os.unlink(side.path(stream.name))
            count("streams")

    side.lives(work)


# ---- sets ----

members = set()
unsure = set()


def change_member(name, change, there):
    """change(doubt) makes or removes the name."""
    with lock:
        members.discard(name)
    change(lambda: unsure.add(name))
    if there:
        with lock:
            members.add(name)
    count("set changes")


def names_of(who, chance):
    """Endless: yields (name, whether to make or to remove it)."""
    mine, n = [], 0
    while True:
        if mine and chance.random() < 0.3:
            yield mine.pop(chance.randrange(len(mine))), False
        else:
            mine.append("%s-%d" % (who, n))
            n += 1
            yield mine[-1], True


def setter(side):
    names = names_of(side.name, random.Random(side.name))

    def work(life):
        while going():
            name, make = next(names)
            if name in unsure:
                continue

            def change(doubt, name=name, make=make):
                with side.call(life, doubt):
                    if make:
                        fd = os.open(side.path("set", name), os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
                    else:
                        os.unlink(side.path("set", name))
                if make:
                    # The name is made, whatever happens to the descriptor.
                    with contextlib.suppress(Killed), side.call(life):
                        os.close(fd)

            change_member(name, change, make)
            time.sleep(0.003)

    side.lives(work)


def setter_rest():
    rest = Rest()
    for name, make in names_of("R", random.Random("R")):
        if not going():
            return

        def change(_, name=name, make=make):
            status = rest.ask("PUT", "set/" + name, b"x")[0] if make else rest.ask("DELETE", "set/" + name)[0]
            if status != (201 if make else 204):
                fault("%s of %s: %d" % ("PUT" if make else "DELETE", name, status))

        change_member(name, change, make)
        time.sleep(0.003)


def judge_set(side):
    there = set(os.listdir(side.path("set")))
    if there - unsure != members - unsure:
        fault("the folder differs from what was acknowledged: missing %s, too many %s" % (
            sorted(members - unsure - there)[:5], sorted(there - unsure - members)[:5]))


# ---- counters ----

wins = collections.Counter()


def rename_to_new(old, new):
    """RENAME_NOREPLACE: with a plain rename, the kernel takes both names for links of one file while one of them is out
    of date, and succeeds without asking the mount."""
    if libc.renameat2(-100, os.fsencode(old), -100, os.fsencode(new), ctypes.c_uint(1)) < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), new)


def renamer(side):
    n = 0

    def maybe():
        with lock:
            wins["maybe"] += 1

    def work(life):
        nonlocal n
        while going():
            # The file's name may be missing because the mount is away: then no other writer was faster.
            try:
                with side.call(life, maybe):
                    rename_to_new(side.path("counter.%d" % n), side.path("counter.%d" % (n + 1)))
                with lock:
                    wins["sure"] += 1
                n += 1
            except (FileNotFoundError, FileExistsError):
                # The other side was faster. The folder shows how far the counter is.
                there = [int(name.split(".")[1]) for name in os.listdir(side.root) if name.startswith("counter.")]
                n = max(there) if there else n
            time.sleep(0.002)

    side.lives(work)


def judge_counter(side):
    there = [name for name in os.listdir(side.root) if name.startswith("counter.")]
    if len(there) != 1 or not wins["sure"] <= int(there[0].split(".")[1]) <= wins["sure"] + wins["maybe"]:
        fault("%d renames succeeded, %d may have, and there is %s" % (wins["sure"], wins["maybe"], there))


# ---- other load ----

def busy(side, number):
    def work(_):
        n = 0
        while going():
            name = side.path("busy", "%s%d-%d" % (side.name, number, n % 50))
            with open(name, "wb", buffering=0) as f:
                f.write(b"busy")
            if n % 3 == 0:
                os.unlink(name)
            n += 1
            count("busy creates")

    side.lives(work)


def disturb(n):
    with subprocess.Popen([DISTURB, str(n)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as run:
        said = []
        for line in run.stdout:
            what, _, name = line.rstrip().partition(" ")
            if what == "kills":
                sides[name].is_killed()
                print("", file=run.stdin, flush=True)
            elif what == "back":
                sides[name].is_back()
            else:
                said.append(line.rstrip())
    if run.returncode != 0:
        fault("the disturbed processes did not come back: %s" % " / ".join(said[-5:]))


def disturber():
    n = 0
    while not faults and (n < ROUNDS or time.monotonic() < END):
        disturb(n)
        n += 1
    count("disturbances", n)


def guarded(function, *args):
    def run():
        try:
            function(*args)
        except Exception as e:      # pylint: disable=broad-except
            fault("%s %s: %r" % (function.__name__, " ".join(arg.name for arg in args if isinstance(arg, Side)), e))
    t = threading.Thread(target=run, daemon=True)
    t.start()
    return t


# ---- the result ----

def judge_end(registers):
    time.sleep(OLD_S + 0.2)     # by then every mount must know: this is part of the test
    for side in sides.values():
        judge_appends(side)
        judge_set(side)
        judge_counter(side)
        for register in registers:
            judge_register_end(side, register)
        for stream in streams:
            judge_stream(side, stream)


def judge_ages(took, waited):
    ages.sort(key=lambda a: a.seconds)
    change = sorted(took)[len(took) // 2] if took else 0.0
    soon, age = max(SOON_S, 2 * change), ages[len(ages) * 99 // 100].seconds
    late = [a for a in ages if a.seconds > SOON_S]
    print("age of the data read: 99 of 100 reads below %.0f ms, worst %.0f ms, %d of %d older than %.0f ms; a change took %.0f ms" % (
        age * 1000, ages[-1].seconds * 1000, len(late), len(ages), SOON_S * 1000, change * 1000))
    if DISTURB:
        return
    if age > soon:
        fault("one in a hundred reads is older than %.0f ms" % (soon * 1000))
    for a in late:
        wait = waited.during([name for name in parts() if name not in sides or name == a.where[0]], a.since, a.ended)
        print("%s: %.0f ms old, of which the processes on its way waited up to %.0f ms for a processor" % (a.where,
                a.seconds * 1000, wait * 1000))
        if a.seconds - wait > SOON_S:
            fault("a read by %s is older than %.0f ms" % (a.where, SOON_S * 1000))


def parts():
    of = collections.defaultdict(list)
    for word in os.environ.get("CHECKER_PARTS", "").split():
        name, _, pid = word.partition("=")
        of[name].append(int(pid))
    return of


def prepare(registers):
    for r in registers:
        # Makes each mount notice that others write the register, before any read.
        for side in sides.values():
            r.write(side, 0, 0)
        for side in sides.values():
            os.close(os.open(side.path(r.name), os.O_RDONLY))
    os.makedirs(sides["A"].path("set"))
    os.makedirs(sides["A"].path("busy"))
    open(sides["A"].path("counter.0"), "wb").close()


def start(registers, took):
    threads = []
    for i, r in enumerate(registers):
        threads.append(guarded(register_writer, r, i, took))
        if not r.by_size:
            threads.append(guarded(register_reader_rest, r, 10 * i))
        for k, side in enumerate(sides.values()):
            threads.append(guarded(size_reader if r.by_size else register_reader, side, r, 10 * i + k + 1))
    for side, other in ((sides["A"], sides["B"]), (sides["B"], sides["A"])):
        threads.append(guarded(appender, side))
        threads.append(guarded(setter, side))
        threads.append(guarded(renamer, side))
        threads.append(guarded(streamer, side, other, side.name))
        for i in range(4):
            threads.append(guarded(busy, side, i))
    threads.append(guarded(setter_rest))
    return threads


def main():
    registers, took = [Register(i, False) for i in range(REGISTERS)] + [Register(i, True) for i in range(SIZES)], []
    prepare(registers)
    waited = Waited({} if DISTURB else parts())
    threads = start(registers, took)
    if DISTURB:
        disturber()
    else:
        while going() and time.monotonic() < END:
            time.sleep(0.1)
    over.set()
    until = time.monotonic() + JOIN_S
    for t in threads:
        t.join(max(0.1, until - time.monotonic()))
        if t.is_alive():
            fault("a thread did not end: a call hangs")
            break
    waited.end()
    if not faults:
        judge_end(registers)
    count("renames", wins["sure"])
    print(", ".join("%d %s" % (n, what) for what, n in sorted(counts.items())))
    if ages:
        judge_ages(took, waited)
    for f in faults:
        print(f)
    os._exit(1 if faults else 0)


main()
