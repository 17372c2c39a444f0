#!/usr/bin/env python3
"""Reads and writes documents through random gateways and through mounts, while gateways are killed and stopped; logs
each op for stale_judge.py.

stale_load.py STORE LOG [--mount DIR]… [--clients N] [--documents N] [--seconds N] [--prefix TEXT] [--seed N]
        [--do "VERB WHO S"]… [--patience S] [--until-told]
    STORE: the folder of a store of scripts/up      --prefix: of all names in the root; each load has its own
    --do: these disturbances instead of those of the seed      --patience: until a client gives up (default 30)
    --until-told: another program disturbs; ends with SIGTERM
Disturbances: "kill WHO S": kills WHO, and starts it again S seconds later; "stop WHO S": stops WHO for S seconds. WHO
is a gateway's name, or "home": the gateway that answers name as the home of the drive (that of the first mount, where
they name none). "wait - S".

The last line of output is JSON: what was done and seen. Ends with 1 when the load itself failed.
"""
import argparse, json, os, random, signal, subprocess, sys, threading, time, urllib.request
from stale_mount import MountReader, MountWriter
from stale_store import Client, Count, PATIENCE_S, Store
from stale_world import Document, Log, Reader, V1_BYTES_MAX, World

UP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "scripts", "up")
UP_S = 90  # scripts/up takes at most this long
RATE_MAX = 1200  # ops a second of all clients, about; sets each client's pause between two ops
READS = 0.8  # part of all ops
FIRST_S = 2  # quiet time before the first disturbance


class Writer:
    """Changes over HTTP: each under a key, repeated at other gateways until its outcome is known."""

    def __init__(self, world, client, rng, log, count):
        self.world, self.client, self.rng, self.log, self.count = world, client, rng, log, count

    def one(self):
        slot = self.rng.choice(self.world.slots())
        if not slot.lock.acquire(blocking=False):
            return  # another client is changing it
        try:
            if not slot.dead:
                self.change(slot)
        finally:
            slot.lock.release()

    def change(self, slot):
        if isinstance(slot, Document):
            self.content(slot)
        elif slot.inner:
            self.move(slot)
        elif slot.at is None:
            self.create(slot)
        else:
            self.rng.choice([self.move, self.move, self.delete])(slot)

    def ask(self, slot, method, target, body, headers=()):
        """(answer, begin); answer is None when the change did not happen, or the slot is dead."""
        answer, begin = self.client.change(method, target, body, headers)
        if answer is None:
            slot.dead = True
        elif answer.status >= 300:
            self.count.add("refused writes")
            print("refused: %s %s: %d %r" % (method, target, answer.status, answer.body[:200]), flush=True)
            slot.dead = True  # no change here may be refused: a person has to look at its outcome
            answer = None
        else:
            self.log.answer(answer, "w")
        return answer, begin

    def content(self, document):
        version, drive = document.version + 1, self.client.store.drive
        ways = ["path", "id"] + (["v1"] if document.base < V1_BYTES_MAX // 2 else [])
        way, body, headers = self.rng.choice(ways), document.content(version), {}
        if way == "path":
            method, target = "PUT", drive + "/files/" + document.name
        elif way == "id":
            method, target = "PUT", drive + "/items/%s/content" % document.id
        else:
            method, target, body = "PUT", "/api/v1/docs/" + document.id, json.dumps({"text": body.decode()})
            headers = {"Content-Type": "application/json"}
        answer, begin = self.ask(document, method, target, body, headers)
        document.version = version
        self.log.write(document.register, version, version, begin, answer and answer.end, "http")
        self.world.recent.append(document)

    def put_state(self, pair, side, value, begin, end):
        pair.numbers[side] += 1
        self.log.write(pair.registers[side], pair.numbers[side], value, begin, end, "http")

    def create(self, pair):
        side = self.rng.randrange(2)
        answer, begin = self.ask(pair, "PUT", self.client.store.drive + "/files/" + pair.names[side], b"x",
                                 {"If-None-Match": "*"})
        if answer is None:
            # The id that it would get is unknown, so the log cannot judge reads of this name from here on.
            return self.put_state(pair, side, "any", begin, None)
        pair.at, pair.id = side, answer.json()["id"]
        return self.put_state(pair, side, pair.id, begin, answer.end)

    def delete(self, pair):
        answer, begin = self.ask(pair, "DELETE", self.client.store.drive + "/files/" + pair.names[pair.at], None)
        self.put_state(pair, pair.at, "-", begin, answer and answer.end)
        pair.at = None

    def move(self, pair):
        old, new = pair.at, 1 - pair.at
        folder = self.world.folders[pair.folder]
        op = {"op": "rename", "parent": folder, "name": pair.names[old].split("/")[1], "new_parent": folder,
              "new_name": pair.names[new].split("/")[1], "flags": ["noreplace"]}
        answer, begin = self.ask(pair, "POST", self.client.store.drive + "/ops", json.dumps({"ops": [op]}),
                                 {"Content-Type": "application/json"})
        end = answer and answer.end
        self.put_state(pair, old, "-", begin, end)
        self.put_state(pair, new, pair.id, begin, end)
        pair.at = new


def must(answer_and_begin):
    answer = answer_and_begin[0]
    if answer is None or answer.status >= 300:
        sys.exit("the documents could not be made: %s" % (answer and answer.body))
    return answer


def set_up(world, client, log):
    """Makes all documents with their first state, which no client reads before it is there."""
    drive = client.store.drive
    for name in [world.names_folder, world.folder_pairs[0].folder] + [pair.names[0] for pair in world.folder_pairs]:
        answer = must(client.change("POST", drive + "/folders", json.dumps({"path": "/" + name}),
                                    {"Content-Type": "application/json"}))
        world.folders[name] = answer.json()["id"]
    for document in world.documents:
        answer, begin = client.change("PUT", drive + "/files/" + document.name, document.content(0))
        document.id = must((answer, begin)).json()["id"]
        log.write(document.register, 0, 0, begin, answer.end, "http")
    for pair in world.pairs + world.folder_pairs:
        answer, begin = client.change("PUT", drive + "/files/" + pair.paths[0], b"x")
        pair.id, pair.at = must((answer, begin)).json()["id"], 0
        for register, value in zip(pair.registers, (pair.id, "-")):
            log.write(register, 0, value, begin, answer.end, "http")


class Disturber:
    def __init__(self, store, count):
        self.store, self.count = store, count

    def plan(self, seed, seconds):
        """The plan as text, so that it can be printed and given again."""
        rng, left, steps = random.Random(seed), seconds - FIRST_S, []
        while left > 5:
            who = rng.choice(["home"] + ["gateway-%d" % (i + 1) for i in range(len(self.store.gateways))])
            step = ("kill", who, rng.uniform(0.2, 4)) if rng.random() < 0.5 else ("stop", who, rng.uniform(1, 10))
            rest = rng.uniform(0.5, 4)
            left -= step[2] + rest
            steps += ["%s %s %.1f" % step, "wait - %.1f" % rest]
        return steps

    def home(self):
        """The name of the gateway that was last reported as the drive's home."""
        url = self.store.home
        if url not in self.store.gateways:
            with open(os.path.join(self.store.folder, "run", "mount.port")) as f:
                mount = "http://127.0.0.1:%s/status" % f.read().strip()
            url = json.load(urllib.request.urlopen(mount, timeout=5))["gateway"]
        return self.store.name_of(url)

    def act(self, verb, who, seconds, over):
        if verb == "wait":
            return over.wait(seconds)
        who = self.home() if who == "home" else who
        pid = self.store.pid(who)
        print("%s %s for %.1f s" % (verb, who, seconds), flush=True)
        self.count.add(verb)
        if verb == "stop":
            os.kill(pid, signal.SIGSTOP)
            over.wait(seconds)
            return os.kill(pid, signal.SIGCONT)
        os.kill(pid, signal.SIGKILL)
        time.sleep(seconds)
        return subprocess.run([UP, "--data", self.store.folder], check=True, timeout=UP_S, stdout=subprocess.DEVNULL)

    def run(self, steps, over):
        over.wait(FIRST_S)
        for step in steps:
            if over.is_set():
                break
            verb, who, seconds = step.split()
            self.act(verb, who, float(seconds), over)


class Crew:
    """All threads. An unexpected error in one of them is printed, and makes the whole load fail."""

    def __init__(self, clients):
        self.over, self.threads, self.broken = threading.Event(), [], []
        self.think_s = 2 * clients / RATE_MAX

    def guarded(self, function, arguments):
        try:
            function(*arguments)
        except BaseException as e:  # otherwise a thread could end unnoticed, and its part of the load would be missing
            self.broken.append("%s: %r" % (function.__qualname__, e))
            self.over.set()

    def begin(self, function, *arguments):
        self.threads.append(threading.Thread(target=self.guarded, args=(function, arguments)))
        self.threads[-1].start()

    def work(self, reader, writer, rng):
        while not self.over.wait(rng.uniform(0, self.think_s)):
            (reader if rng.random() < READS else writer).one()

    def end(self, seconds):
        self.over.wait(seconds)
        self.over.set()
        for thread in self.threads:
            thread.join()


def begin_clients(crew, given, store, world, log, count):
    """One client in six works on each mount, the others over HTTP."""
    on_mounts = [i for i in range(len(given.mount)) for _ in range(max(1, given.clients // 6))]
    for number in range(given.clients):
        rng = random.Random(given.seed * 1000 + number)
        if number < len(on_mounts):
            which = on_mounts[number]
            one = world, (given.mount[which], "mount-%d" % which), rng, log, count
            crew.begin(crew.work, MountReader(*one), MountWriter(*one), rng)
        else:
            client = Client(store, rng, count)
            crew.begin(crew.work, Reader(world, client, rng, log, count), Writer(world, client, rng, log, count), rng)


def main():
    options = argparse.ArgumentParser()
    options.add_argument("store")
    options.add_argument("log")
    options.add_argument("--mount", action="append", default=[])
    options.add_argument("--clients", type=int, default=12)
    options.add_argument("--documents", type=int, default=60)
    options.add_argument("--seconds", type=float, default=45)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--prefix", default="")
    options.add_argument("--do", action="append")
    options.add_argument("--patience", type=float, default=PATIENCE_S)
    options.add_argument("--until-told", action="store_true")
    given = options.parse_args()
    store, count = Store(given.store, given.patience), Count()
    log, world = Log(given.log), World(given.documents, given.prefix)
    set_up(world, Client(store, random.Random(given.seed)), log)
    disturber = Disturber(store, count)
    steps = [] if given.until_told else given.do or disturber.plan(given.seed, given.seconds)
    print("seed %d: %s" % (given.seed, " ".join('--do "%s"' % step for step in steps)), flush=True)
    crew = Crew(given.clients)
    begin_clients(crew, given, store, world, log, count)
    crew.begin(disturber.run, steps, crew.over)
    if given.until_told:
        signal.signal(signal.SIGTERM, lambda *_: crew.over.set())
    crew.end(None if given.until_told else given.seconds)
    log.close()
    dead = sum(slot.dead for slot in world.slots())
    for line in crew.broken:
        print("broken: " + line)
    print(json.dumps(dict(count.values, dead=dead, longest_ms=count.longest), sort_keys=True))
    sys.exit(1 if crew.broken else 0)


if __name__ == "__main__":
    main()
