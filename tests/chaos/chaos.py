#!/usr/bin/env python3
"""Breaks a store with every fault in faults.py while clients work on it, and proves that it kept all that it
acknowledged.

chaos.py FOLDER [--seed N] [--seconds N] [--scenario mixed|rolling|kills] [--faults NAME,…] [--longest S]
         [--standbys] [--port N] [--build DIR] [--do "STEP"]…
    FOLDER: where everything lies: the store, its mounts a, b and c, history and final (for judge.py), load.log and
    contents.log (for stale_judge.py)
    --seed: of the plan of steps; it is printed with the steps, and makes the same steps again
    --faults: only these (default: all that are possible here)      --longest: a fault lasts no longer (default 60)
    --standbys: with three nodes of the database      --do: these steps instead of the seed's (see plan.py)
Ends with 0 when there is no violation, 1 when there is one, 2 when the store did not come up, or did not come back.
"""
import argparse, collections, json, os, random, signal, subprocess, sys, threading, time
import faults, history, judge, network, observe, plan
from client import PATIENCE_S, stale_store
from clocks import Clocks
from disk import Disk
from world import Broken, ROOT, World, wait_until

LIB = os.path.join(ROOT, "tests", "lib")
HERE = os.path.dirname(os.path.abspath(__file__))
READY_S = 120  # until everything exists that the hands work on
OPEN_END = float("inf")
LATE = 2  # a busy machine may take this many times the planned duration
END_S = PATIENCE_S + 120  # until every process has ended
OLD_S = 3.2  # a mount may show others' changes this late
WITH_US = ["setpriv", "--pdeathsig", "TERM"]  # the programs that work on the store end when this process is killed
DISK_FAULTS, CLOCK_FAULTS = {"full", "slow"}, {"ahead", "behind"}


def options():
    given = argparse.ArgumentParser(usage=__doc__)
    given.add_argument("folder")
    given.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    given.add_argument("--seconds", type=float, default=60)
    given.add_argument("--scenario", choices=sorted(plan.PLANS), default="mixed")
    given.add_argument("--faults", default=",".join(faults.FAULTS))
    given.add_argument("--longest", type=float, default=60)
    given.add_argument("--standbys", action="store_true")
    given.add_argument("--port", type=int, default=18200)
    given.add_argument("--build", default=os.path.join(ROOT, "build", "dev"))
    given.add_argument("--do", action="append")
    return given.parse_args()


def make_world(given, wanted):
    own = network.enter()
    os.makedirs(given.folder, exist_ok=True)
    os.chmod(given.folder, 0o711)  # the parts of a store have users of their own
    clocks = Clocks(given.folder, given.build, bool(wanted & CLOCK_FAULTS))
    world = World(given.folder, given.port, given.standbys, clocks.build)
    world.clocks, world.network = clocks, network.Network(own, given.folder)
    world.disk = Disk(given.folder, os.path.join(world.data, "blocks"), bool(wanted & DISK_FAULTS))
    clocks.all_right(world.gateway_parts() + world.services())
    return world


def begin_hands(world, given):
    """Starts the hands, and waits until all that they work on exists. They are a process of their own: a process that
    has files of a mount open cannot start another process while that mount waits (closing the copies waits, too)."""
    words = WITH_US + [sys.executable, os.path.join(HERE, "hands.py"), given.folder, world.data, str(given.seed)]
    hands, ready = subprocess.Popen(words, stdin=subprocess.DEVNULL), os.path.join(given.folder, "ready")
    try:
        if not wait_until(READY_S, lambda: hands.poll() is not None or os.path.exists(ready)):
            raise Broken("the hands are not ready")
        if hands.poll() is not None:
            raise Broken("the hands cannot work")
    except BaseException:
        hands.kill()
        raise
    return hands


def begin_load(world, given):
    """Beside the hands: reads and writes of all kinds, which stale_judge.py judges. The load runs until it gets
    SIGTERM."""
    with open(os.path.join(given.folder, "load.out"), "w") as out:
        return subprocess.Popen(
            WITH_US +
            [sys.executable, os.path.join(LIB, "stale_load.py"), world.data, os.path.join(given.folder, "load.log"),
             "--prefix", "load-", "--clients", "8", "--documents", "24", "--mount", world.mount_folder("a"), "--mount",
             world.mount_folder("b"), "--seed", str(given.seed), "--patience", str(PATIENCE_S), "--until-told"],
            stdout=out, stderr=subprocess.STDOUT)


def is_of_full_disk(line):
    """Whether a full disk caused this refusal of a change; a read needs no room."""
    reads = ["refused: GET", "refused: HEAD"] + ["failed: " + what for what in ("read", "stat", "name", "listing")]
    return not line.startswith(tuple(reads)) and ("No space left" in line or ": 507 " in line)


def last_counts(lines):
    """The counts in the last line; None: the load was killed before it printed them."""
    try:
        counted = json.loads(lines[-1])
    except (IndexError, ValueError):
        return None
    return counted if isinstance(counted, dict) else None


def load_verdict(given, notes):
    """The unexpected results of stale_load.py, and the stale reads in its log and in the hands' log."""
    with open(os.path.join(given.folder, "load.out")) as f:
        lines = f.read().splitlines()
    counted = last_counts(lines)
    print("load: " + "".join(lines[-1:]), flush=True)
    full = judge.was_full(notes)
    bad = [line for line in lines if line.startswith(("failed: ", "refused: "))
           and not (full and is_of_full_disk(line))]
    if counted is None:
        counted = {}
        bad.append("it did not say what it has counted; see load.out")
    bad += ["%s: %d" % (name, counted[name]) for name in ("failed reads", "failed writes", "torn reads")
            if counted.get(name)]
    wrong = ["load: " + line for line in bad]
    for log in ("load.log", "contents.log"):
        said = subprocess.run([sys.executable, os.path.join(LIB, "stale_judge.py"), os.path.join(given.folder, log)],
                              capture_output=True, text=True)
        print("%s: %s" % (log, said.stdout.splitlines()[-1] if said.stdout else said.stderr[-500:]), flush=True)
        if said.returncode != 0:
            wrong += ["stale: " + line for line in said.stdout.splitlines()[:-1] or [said.stderr[-500:]]]
    return wrong


def look(world, store, since, path):
    final = {"views": {}, "since": since, "journals": {}}
    time.sleep(OLD_S)  # by then each mount must know
    for url in store.gateways:
        one = stale_store.Store(world.data)
        one.gateways = [url]
        client = stale_store.Client(one, random.Random(0))
        name, seq = store.name_of(url), observe.seq_of(client, store.drive)  # before the journal, which must reach it
        final["views"][name] = observe.of_gateway(client, store.drive)
        begin, entries = observe.whole_journal(client, store.drive, since)
        final["journals"][name] = {"seq": seq, "begin": begin, "entries": entries}
    for name in ("a", "b", "c"):
        final["views"]["mount-" + name] = observe.of_mount(world.mount_folder(name))
    final["fsck"] = observe.fsck(world)
    observe.save(path, final)
    return final


def disturb(world, given, names, over):
    steps = given.do or plan.PLANS[given.scenario](world, names, given.seed, given.seconds, given.longest)
    print("seed %d: %s" % (given.seed, " ".join('--do "%s"' % step for step in steps)), flush=True)
    notes = history.History(os.path.join(given.folder, "faults"))
    runner = plan.Runner(world, notes, over)
    runner.run(steps, OPEN_END if given.do else LATE * given.seconds)
    world.heal()
    notes.close()
    return runner.broken


def watch(processes, over, done):
    """Sets `over` when a process ends early: the hands and the load end only when they are asked to."""
    while not done.wait(0.5):
        if any(process.poll() is not None for process in processes):
            over.set()


def work(world, given, names):
    """Returns what did not come back, or did not end properly."""
    over, done, began = threading.Event(), threading.Event(), time.monotonic()
    processes = [begin_hands(world, given)]
    try:
        processes.append(begin_load(world, given))
        watcher = threading.Thread(target=watch, args=(processes, over, done))
        watcher.start()
        wrong = ["broken: " + text for text in disturb(world, given, names, over)]
        done.set()
        watcher.join()
    finally:
        done.set()
        ended = [end_process(process) for process in processes]
    print("%d s under load" % (time.monotonic() - began), flush=True)
    world.look_for_ended()
    wrong += ["ended: " + text for text in world.by_itself]
    return wrong + ["%s: ended with %s" % (name, status) for name, status in zip(("hands", "load"), ended) if status]


def end_process(process):
    process.send_signal(signal.SIGTERM)
    try:
        return process.wait(END_S)
    except subprocess.TimeoutExpired:
        process.kill()
        return "a call that hangs"


def run(world, given, names):
    store = stale_store.Store(world.data, PATIENCE_S)
    since = stale_store.Client(store, random.Random(0)).read("GET", store.drive).json()["seq"]
    wrong = work(world, given, names)
    with open(os.path.join(given.folder, "history"), "a") as both, open(os.path.join(given.folder, "faults")) as f:
        both.write(f.read())
    notes = history.read(os.path.join(given.folder, "history"))
    wrong += load_verdict(given, notes)
    try:
        final = look(world, store, int(since), os.path.join(given.folder, "final"))
    except (OSError, observe.Broken) as e:
        return wrong + ["final: what is there cannot be looked at: %s" % e], notes
    return wrong + judge.judge(notes, final, given.scenario), notes


def tell(notes, wrong, missing):
    for name, why in sorted(missing.items()):
        print("left out: %s: %s" % (name, why))
    done = collections.Counter(note["name"] for note in notes if note["w"] == "fault")
    print("faults: " + ", ".join("%d %s" % (n, name) for name, n in sorted(done.items())))
    kinds = collections.Counter((note["w"], note.get("how", note.get("what", ""))) for note in notes
                                if note["w"] not in ("fault", "failed"))
    print("told: " + ", ".join("%d %s" % (n, " ".join(filter(None, kind))) for kind, n in sorted(kinds.items())))
    for line in wrong[:judge.SHOWN]:
        print("VIOLATION " + line)
    print("%d violations" % len(wrong), flush=True)


def told_to_end(*_):
    os.write(1, b"told to end\n")  # not print(), which may be in progress
    sys.exit(2)


def main():
    given = options()
    given.folder = os.path.realpath(given.folder)
    wanted = given.faults.split(",")
    strange = set(wanted) - set(faults.FAULTS)
    if strange:
        sys.exit("no such fault: %s; there are %s" % (", ".join(sorted(strange)), ", ".join(faults.FAULTS)))
    world = make_world(given, set(wanted))
    names, missing = faults.possible(world, wanted)
    status, ended = 2, []
    signal.signal(signal.SIGTERM, told_to_end)
    try:
        world.begin()
        wrong, notes = run(world, given, names)
        tell(notes, wrong, missing)
        status = 1 if wrong else 0
    except (Broken, observe.Broken) as e:
        print("broken: %s" % e)
    finally:
        signal.signal(signal.SIGTERM, lambda *_: None)  # it ends already; unlike SIG_IGN, no child inherits this
        try:
            ended = world.end()
        finally:
            try:
                world.disk.end()
            finally:
                world.network.end()
    for text in ended:
        print("broken: " + text)
    sys.exit(2 if ended else status)


if __name__ == "__main__":
    main()
