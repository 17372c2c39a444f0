"""Unique records that several clients append to one file at once, over HTTP and on mounts. Each record must be there
once and in one piece, and the records of one hand (a client thread) in their order."""
import os
from client import Hand, TOP, full_disk
from stale_store import now

NAME = "log"
PAD_MOST = 200
REOPEN = 20  # after this many records a hand on a mount opens the file anew, as ">>" does


def record(who, number):
    return "<%s:%06d:%s>\n" % (who, number, "x" * (number * 7 % PAD_MOST))


def set_up(hand):
    hand.ask("PUT", "/files/%s/%s" % (TOP, NAME), b"")


class Appender(Hand):
    def __init__(self, crew, where, rng, number):
        super().__init__(crew, where, rng)
        self.who, self.number, self.fd, self.id = "%s%d" % (where, number), 0, None, None
        self.opened = None

    def run(self):
        while self.crew.pause(self.rng):
            text = record(self.who, self.number)
            self.over_http(text) if self.where == "http" else self.on_mount(text)
            self.number += 1
        if self.fd is not None:
            os.close(self.fd)

    def note(self, how):
        self.history.note("append", who=self.who, n=self.number, how=how)

    def over_http(self, text):
        self.id = self.id or self.id_of(NAME)
        op = {"op": "write", "id": self.id, "append": True, "extents": [{"at": 0, "len": len(text), "data": 0}]}
        answer = self.ops(op, text.encode())
        if answer is not None and answer.status != 200:
            self.refused("append", answer)
        self.note("ok" if answer is not None and answer.status == 200 else "unknown")

    def on_mount(self, text):
        with full_disk(self, lambda: self.note("unknown")):
            if self.fd is None:
                self.opened = now()
                self.fd = os.open(self.path(NAME), os.O_WRONLY | os.O_APPEND)
            if os.write(self.fd, text.encode()) != len(text):
                self.failed("append", "a short write")
            os.fsync(self.fd)
            self.note("ok")
            if self.number % REOPEN == 0:
                fd, self.fd = self.fd, None
                os.close(fd)
