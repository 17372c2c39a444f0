"""Counters that several clients increase by one: each reads a counter, and writes it back on condition that no other
client was faster (If-Match). Each acknowledged increase counts once. No read shows less than what was acknowledged
before the read began."""
from client import Hand, TOP
from stale_store import now

COUNTERS = 2


def name(number):
    return "counters/c%d" % number


def set_up(hand):
    for number in range(COUNTERS):
        hand.ask("PUT", "/files/%s/%s?parents=true" % (TOP, name(number)), b"0")


class Counter(Hand):
    def run(self):
        while self.crew.pause(self.rng):
            self.raise_one(name(self.rng.randrange(COUNTERS)))

    def raise_one(self, counter):
        target = "/files/%s/%s" % (TOP, counter)
        answer = self.look(target)
        if answer is None:
            return
        if answer.status != 200:
            return self.unexpected("read of " + counter, answer)
        value = int(answer.body)
        self.history.note("read", of=counter, value=value, begin=answer.begin, end=answer.end, by="http")
        begin = now()
        answer = self.ask("PUT", target, b"%d" % (value + 1), {"If-Match": answer.headers["ETag"]})
        if answer is not None and answer.status == 412:
            return  # another client was faster
        if answer is not None and answer.status >= 300:
            return self.unexpected("write of " + counter, answer)  # the value lies in its row, and needs no room
        self.history.note("count", of=counter, value=value + 1, begin=begin, end=answer and answer.end,
                          how="ok" if answer is not None else "unknown")
