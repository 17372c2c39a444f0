"""Whole contents that are replaced: the head of each names its version, from which all its other bytes follow. No
reader ever gets a torn content, with one exception: a read on a mount, in several calls, while the file is replaced
over HTTP may get parts of two versions. The reads also go into the log of stale_judge.py: none is older than it may
be."""
import errno, os, threading
from client import FULL, Hand, TOP
from stale_store import now

PIECE = 1 << 17  # bytes of one write()
# Inline, one block, within an entry of the gateways' cache, and beyond; the last two are replaced on a mount.
SIZES = (3000, 90000, 700000, 2500000, 90000, 2500000)
FILES, BY_MOUNT = len(SIZES), 2
NEVER = 1 << 62
OLD_NS = 3 * 10**9  # a mount may show others' changes this late


def name(number):
    return "contents/f%d" % number


def content(number, version):
    line = b"%02d %010d\n" % (number, version)
    size = SIZES[number] + version % 97
    return (line * (size // len(line) + 1))[:size]


def version_of(number, body):
    """The version as text; "torn" if the body is not one whole version."""
    try:
        version = int(body[3:13])
    except ValueError:
        return "torn"
    return str(version) if body == content(number, version) else "torn"


class Files:
    """A writer holds the lock of its file, so that the file's versions come one after the other."""

    def __init__(self):
        self.locks, self.versions = [threading.Lock() for _ in range(FILES)], [0] * FILES
        self.numbers = [0] * FILES  # of the writes in the log of stale_judge.py, where a refused write has no number
        self.dead = [False] * FILES  # a write of unknown outcome is the last one
        self.replaced = [0] * FILES  # when the last replacement ended; NEVER during one

    def may_be_mixed(self, number, begin):
        """For a read on a mount that began then and has ended now."""
        return number < FILES - BY_MOUNT and self.replaced[number] > begin - OLD_NS


def set_up(hand):
    hand.crew.files = Files()
    for number in range(FILES):
        begin = now()
        hand.ask("PUT", "/files/%s/%s?parents=true" % (TOP, name(number)), content(number, 0))
        hand.crew.log.write("c/" + name(number), 0, 0, begin, now(), "http")


class Writer(Hand):
    def run(self):
        while self.crew.pause(self.rng) and self.crew.pause(self.rng):
            at_http = FILES - BY_MOUNT
            number = self.rng.randrange(at_http) if self.where == "http" else self.rng.randrange(at_http, FILES)
            if not self.crew.files.locks[number].acquire(blocking=False):
                continue
            try:
                if not self.crew.files.dead[number]:
                    self.replace(number)
            finally:
                self.crew.files.locks[number].release()

    def replace(self, number):
        files, begin = self.crew.files, now()
        files.versions[number] += 1
        version = files.versions[number]
        files.replaced[number] = NEVER
        store = self.over_http if self.where == "http" else self.on_mount
        how = store(number, content(number, version))
        files.dead[number] = how == "unknown"
        if how != "unknown":
            files.replaced[number] = now()
        if how == "refused":
            return  # nothing happened: a read that shows this version shows what was never written
        files.numbers[number] += 1
        by, end = "http" if self.where == "http" else "mount-" + self.where, now() if how == "ok" else None
        self.crew.log.write("c/" + name(number), files.numbers[number], version, begin, end, by)
        self.history.note("content", file=name(number), version=version, how=how)

    def over_http(self, number, body):
        """ "ok", "refused": nothing happened, or "unknown". When an attempt is refused, an earlier attempt that got no
        answer may have been done, or may still be in progress."""
        vain = self.rest.vain
        answer = self.ask("PUT", "/files/%s/%s" % (TOP, name(number)), body)
        if answer is not None and answer.status < 300:
            return "ok"
        if answer is not None:
            self.refused("PUT of " + name(number), answer)
        return "refused" if answer is not None and answer.status == FULL and self.rest.vain == vain else "unknown"

    def on_mount(self, number, body):
        """As programs replace a file atomically: writes a new file beside it, and renames it into place. Until the
        rename a full disk concerns the new file alone."""
        beside, outcome, begin = self.path(name(number) + ".new"), "refused", now()
        try:
            with open(beside, "wb", buffering=0) as f:
                left = memoryview(body)
                while left:
                    left = left[f.write(left[:PIECE]):]
                os.fsync(f.fileno())
            outcome = "unknown"
            os.rename(beside, self.path(name(number)))
            return "ok"
        except OSError as e:
            if e.errno == errno.ENOSPC:
                self.met_full("replacement of " + name(number), begin)
                return outcome
            self.failed("replacement of " + name(number), repr(e))
            return "unknown"


class Reader(Hand):
    def run(self):
        while self.crew.pause(self.rng):
            number, begin = self.rng.randrange(FILES), now()
            if self.where == "http":
                answer = self.look("/files/%s/%s" % (TOP, name(number)))
                if answer is None:
                    continue
                if answer.status != 200:
                    self.unexpected("GET of " + name(number), answer)
                    continue
                body, begin, end, by = answer.body, answer.begin, answer.end, "http"
            else:
                body, by = self.on_mount(number), "mount-" + self.where
                if body is None:
                    continue
                end = now()
            version = version_of(number, body)
            if version == "torn":
                if by != "http" and self.crew.files.may_be_mixed(number, begin):
                    continue
                self.history.note("torn", file=name(number), by=by, at=begin, size=len(body), head=repr(body[:20]))
            self.crew.log.read("c/" + name(number), version, begin, end, by, "whole")

    def on_mount(self, number):
        try:
            with open(self.path(name(number)), "rb", buffering=0) as f:
                return f.readall()
        except OSError as e:
            self.failed("read of " + name(number), e)
            return None
