#!/usr/bin/env python3
"""GETs in flight while a PUT of the same document is acknowledged: does a GET that begins after the PUT's answer show
it?

stale_race.py STORE [--tries N] [--seconds N] [--seed N]
    Ends when each kind of GET was in flight at N acknowledgements, or with 1 after so many seconds.
Kinds of GET, each by threads of its own that never pause:
    hit         the same URL again and again
    miss        a URL that was never asked for: with a parameter that has no meaning, or by id
    coalesced   several threads begin the same new URL at once
    after       the writer itself, as soon as it has the answer to its PUT
No GET may show less than what was acknowledged, or shown by any GET that had ended, when it began. Prints each stale
answer, and in the last line the counts, as JSON.
"""
import argparse, itertools, json, random, sys, threading, time
from stale_store import Client, Count, Store

DOCUMENTS = 3  # at once, each with a writer
TOGETHER = 3  # threads that begin one URL at once
PAUSE_S = 0.005  # the longest pause between two PUTs: for hits there must be something to hit
BYTES = 4096
KINDS = ("hit", "miss", "coalesced")


class Document:
    """The newest version known to be stored, and the number of acknowledgements; versions count from 0."""

    def __init__(self, name):
        self.name, self.id, self.lock = name, None, threading.Lock()
        self.floor, self.acknowledged = -1, 0

    def content(self, version):
        return (b"%010d\n" % version * (BYTES // 11 + 1))[:BYTES]

    def state(self):
        with self.lock:
            return self.floor, self.acknowledged

    def shown(self, version):
        with self.lock:
            self.floor = max(self.floor, version)

    def stored(self, version):
        with self.lock:
            self.floor = max(self.floor, version)
            self.acknowledged += 1


class Race:
    def __init__(self, store, given):
        self.store, self.given, self.count, self.lock = store, given, Count(), threading.Lock()
        self.tries, self.over, self.broken = dict.fromkeys(KINDS, 0), threading.Event(), []
        self.fresh, self.seeds = itertools.count(), itertools.count(given.seed * 1000)
        self.threads = []

    def client(self):
        return Client(self.store, random.Random(next(self.seeds)), self.count)

    def fresh_target(self, document, rng):
        way = rng.choice(["/files/" + document.name, "/items/%s/content" % document.id])
        return "%s%s?new=%d" % (self.store.drive, way, next(self.fresh))

    def get(self, client, document, kind, target):
        """One GET, judged, and counted by the acknowledgements during its flight."""
        floor, before = document.state()
        answer = client.read("GET", target)
        if answer is None or answer.status != 200:
            raise RuntimeError("%s: %s" % (target, answer and answer.status))
        version = int(answer.body[:10])
        if answer.body != document.content(version):
            raise RuntimeError("%s: torn: %r" % (target, answer.body[:40]))
        if version < floor:
            self.count.add("stale")
            print("stale: %s by %s: %s shows %d, %d was known before: %s" % (
                kind, answer.gateway, target, version, floor, answer.headers.get("Cache-Status", "")), flush=True)
        document.shown(version)
        if kind in KINDS:
            with self.lock:
                self.tries[kind] += document.state()[1] - before
        self.count.add("read: " + kind)

    def write(self, document):
        client, version = self.client(), 0
        while not self.over.wait(client.rng.uniform(0, PAUSE_S)):
            version += 1
            answer, _ = client.change("PUT", self.store.drive + "/files/" + document.name, document.content(version))
            if answer is None or answer.status != 200:
                raise RuntimeError("PUT of %s: %s" % (document.name, answer and answer.status))
            document.stored(version)
            self.get(client, document, "after", self.store.drive + "/files/" + document.name)
            if min(self.tries.values()) >= self.given.tries:
                self.over.set()

    def hit(self, document):
        client = self.client()
        while not self.over.is_set():
            self.get(client, document, "hit", self.store.drive + "/files/" + document.name)

    def miss(self, document):
        client = self.client()
        while not self.over.is_set():
            self.get(client, document, "miss", self.fresh_target(document, client.rng))

    def coalesced(self, document, barrier, target):
        """One of the waiting threads chooses the next URL."""
        client = self.client()
        while not self.over.is_set():
            if barrier.wait() == 0:
                target[0] = self.fresh_target(document, client.rng)
            barrier.wait()
            self.get(client, document, "coalesced", target[0])

    def guarded(self, function, *arguments):
        try:
            function(*arguments)
        except threading.BrokenBarrierError:
            pass  # another thread has ended
        except BaseException as e:  # otherwise a thread could end unnoticed, and its reads would be missing
            self.broken.append("%s: %r" % (function.__name__, e))
            self.over.set()

    def begin(self, *work):
        self.threads.append(threading.Thread(target=self.guarded, args=work))
        self.threads[-1].start()

    def set_up(self, number):
        document, client = Document("race-%d" % number), self.client()
        answer, _ = client.change("PUT", self.store.drive + "/files/" + document.name, document.content(0))
        document.id = answer.json()["id"]
        document.stored(0)
        return document

    def run(self):
        barriers = []
        for document in [self.set_up(i) for i in range(DOCUMENTS)]:
            barriers.append(threading.Barrier(TOGETHER))
            target = [None]
            for work in (self.write, self.hit, self.miss):
                self.begin(work, document)
            for _ in range(TOGETHER):
                self.begin(self.coalesced, document, barriers[-1], target)
        self.over.wait(self.given.seconds)
        self.over.set()
        for barrier in barriers:
            barrier.abort()
        for thread in self.threads:
            thread.join()


def main():
    options = argparse.ArgumentParser()
    options.add_argument("store")
    options.add_argument("--tries", type=int, default=600)
    options.add_argument("--seconds", type=float, default=120)
    options.add_argument("--seed", type=int, default=1)
    given = options.parse_args()
    begin = time.monotonic()
    race = Race(Store(given.store), given)
    race.run()
    for line in race.broken:
        print("broken: " + line)
    seen = dict(race.count.values, tries=race.tries, seconds=round(time.monotonic() - begin, 1), seed=given.seed)
    seen.setdefault("stale", 0)
    print(json.dumps(seen, sort_keys=True))
    sys.exit(1 if race.broken or seen["stale"] or min(race.tries.values()) < given.tries else 0)


if __name__ == "__main__":
    main()
