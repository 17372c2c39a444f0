#!/usr/bin/env python3
"""Makes documents, and reads all of them repeatedly, to measure how many answers gateways give from memory.

hot_set.py make STORE LIST N   makes N documents in the first drive; LIST gets two targets for each: content, attributes
hot_set.py read STORE LIST     reads all targets once, in random order, by 4 clients. The last line is JSON: {all, hits,
        [--gateway NAME]…      failed, odd}. odd: answers with another body than when that target was read first
        [--write N]            meanwhile N other documents are made and removed

STORE: the folder of a store of scripts/up. Ends with 1 when the test itself failed.
"""
import argparse, json, random, sys, threading
from stale_store import Client, Count, Store

CLIENTS = 4
BATCH = 200  # documents in one change


def make(store, given):
    client, targets = Client(store, random.Random(1)), []
    for first in range(0, given.count, BATCH):
        names = ["hot-%05d" % n for n in range(first, min(first + BATCH, given.count))]
        ops = [{"op": "create", "parent": store.root, "name": name, "type": "file"} for name in names]
        answer, _ = client.change("POST", store.drive + "/ops", json.dumps({"ops": ops}).encode(),
                                  [("Content-Type", "application/json")])
        if answer is None or answer.status != 200:
            sys.exit("not made: %r" % (answer and answer.body))
        targets += [store.drive + "/files/" + name for name in names]
        targets += [store.drive + "/items?path=/" + name for name in names]
    with open(given.list, "w") as out:
        json.dump({target: None for target in targets}, out)


class Reads:
    def __init__(self, given, store):
        self.store, self.lock = store, threading.Lock()
        with open(given.list) as list_:
            self.bodies = json.load(list_)
        self.left = list(self.bodies)
        random.shuffle(self.left)
        self.seen = {"all": len(self.left), "hits": 0, "failed": 0, "odd": 0}

    def next(self):
        with self.lock:
            return self.left.pop() if self.left else None

    def note(self, target, answer):
        with self.lock:
            if answer.status != 200:
                self.seen["failed"] += 1
                return
            self.seen["hits"] += answer.headers.get("Cache-Status", "").split(",")[0].endswith("; hit")
            body = answer.body.decode()
            self.seen["odd"] += self.bodies[target] not in (None, body)
            self.bodies[target] = body

    def run(self, seed):
        client, target = Client(self.store, random.Random(seed)), self.next()
        while target:
            self.note(target, client.read("GET", target))
            target = self.next()


def write(store, count):
    client = Client(store, random.Random(9))
    for n in range(count):
        target = store.drive + "/files/beside-%d" % (n % 10)
        client.change("PUT", target, b"%d" % n)
        client.change("DELETE", target)


def read(store, given):
    reads = Reads(given, store)
    threads = [threading.Thread(target=reads.run, args=(seed,)) for seed in range(CLIENTS)]
    if given.write:
        threads.append(threading.Thread(target=write, args=(store, given.write)))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with open(given.list, "w") as out:
        json.dump(reads.bodies, out)
    print(json.dumps(reads.seen))


def main():
    options = argparse.ArgumentParser()
    options.add_argument("verb", choices=["make", "read"])
    options.add_argument("store")
    options.add_argument("list")
    options.add_argument("count", type=int, nargs="?", default=0)
    options.add_argument("--gateway", action="append", default=[])
    options.add_argument("--write", type=int, default=0)
    given = options.parse_args()
    store = Store(given.store)
    if given.gateway:
        store.gateways = [url for url in store.gateways if store.name_of(url) in given.gateway]
    {"make": make, "read": read}[given.verb](store, given)


if __name__ == "__main__":
    main()
