"""Lines that are written on a mount, file after file, and synced only now and then. When the mount is killed, unsynced
lines may be gone, but only from the end: the files have a prefix of what was written, with all that was synced."""
import os
from client import Hand, KILLED
from life import Life

LINES = 60  # lines in a file
SYNC_CHANCE = 0.05


def folder(where, life):
    return "streams/%s.%d" % (where, life)


def line(number):
    return "%08d %s\n" % (number, "y" * (number * 13 % 900))


class Streamer(Hand):
    def life(self):
        return Life(self.crew.folder, self.where).number()

    def run(self):
        os.makedirs(self.path("streams"), exist_ok=True)
        while not self.crew.over.is_set():
            life = self.life()
            if life % 2:  # the mount is away
                self.crew.pause(self.rng)
                continue
            state = {"written": 0, "synced": 0}
            try:
                self.one_life(life, state)
                how = "lived"
            except OSError as e:
                how = "killed"
                if self.life() == life or e.errno not in KILLED:
                    self.failed("a stream", repr(e))
                    self.crew.pause(self.rng)
            self.history.note("stream", folder=folder(self.where, life), how=how, **state)
            if how == "lived":
                return
            while self.life() == life and self.crew.pause(self.rng):
                pass

    def one_life(self, life, state):
        os.mkdir(self.path(folder(self.where, life)))
        while True:
            fd = os.open(self.path(folder(self.where, life), "s%05d" % (state["written"] // LINES)),
                         os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
            try:
                going = self.fill(fd, state)
            finally:
                os.close(fd)
            state["synced"] = state["written"]
            if not going:
                return

    def fill(self, fd, state):
        """False: the run is over."""
        for _ in range(LINES):
            text = line(state["written"]).encode()
            state["written"] += 1
            if os.write(fd, text) != len(text):
                self.failed("a stream", "a short write")
            if self.rng.random() < SYNC_CHANCE:
                os.fsync(fd)
                state["synced"] = state["written"]
            if not self.crew.pause(self.rng):
                return False
        return True
