#!/usr/bin/env python3
"""Tests parts of chaos that no run shows: each plan comes to an end; a full disk does not end a file; a process that
ended by itself, and a killed load, are found; a clock that jumps does not change how long waits last."""
import contextlib, errno, io, json, os, random, signal, subprocess, sys, tempfile, time, types
import chaos, client, clocks, contents, observe, plan, world
from judge_test import tell

PLAN_S = 20  # for two hundred plans, which take less than 1 s
SEEDS = 200
BUILD = os.environ.get("NEPHOS_BUILD_DIR") or os.path.join(chaos.ROOT, "build", "dev")
# For each line of input: prints the time of day, and how long a wait of 0.3 s took.
WAITER = """#!%s
import sys, threading, time
for line in sys.stdin:
    begin = time.monotonic()
    threading.Event().wait(0.3)
    print([time.time(), time.monotonic() - begin], flush=True)
""" % sys.executable


class Notes:
    def __init__(self):
        self.lines = []

    def note(self, kind, **fields):
        self.lines.append(dict(fields, w=kind))

    def write(self, *words):
        self.lines.append(words)


def endless(*_):
    raise TimeoutError


def plans_end(folder):
    store = world.World(folder, 1, False, folder)
    signal.signal(signal.SIGALRM, endless)
    for names in (["kill-database"], ["full", "slow"], ["kill-mount"], ["kill-mount", "full"], ["kill"]):
        signal.alarm(PLAN_S)
        try:
            for seed in range(SEEDS):
                plan.mixed(store, names, seed, 60, 60)
            good = True
        except TimeoutError:
            good = False
        signal.alarm(0)
        tell(good, "a plan whose only faults are %s ends" % " and ".join(names))
    store, both, beside = world.World(folder, 1, True, folder), [], 0
    for seed in range(SEEDS):
        made = plan.mixed(store, list(plan.FAULTS), seed, 600, 60)
        steps = [step.split() for step in made if not step.startswith("wait")]
        for step, after in zip(steps, steps[1:]):
            beside += step[0] == "&"
            if step[0] == "&" and plan.is_of_nodes(step[1]) and plan.is_of_nodes(after[-3]):
                both.append((seed, step, after))
    tell(beside > 0 and not both, "no plan takes down two database nodes at once", both[:2])


def writer(where, folder):
    crew = types.SimpleNamespace(files=contents.Files(), log=Notes(), history=Notes(), folder=folder,
                                 store=types.SimpleNamespace(drive=""))
    made = contents.Writer(crew, where, random.Random(0))
    made.rest.vain = 0
    return made


def left_by(hand, number):
    """(whether the file is dead, and the numbers of lines in the log, changes in the history, and refusals there)."""
    kinds = [note["w"] for note in hand.history.lines]
    return hand.crew.files.dead[number], len(hand.crew.log.lines), kinds.count("content"), kinds.count("full")


def full_over_http(folder):
    hand = writer("http", folder)
    hand.ask = lambda *_: types.SimpleNamespace(status=client.FULL, body=b"", begin=0)
    hand.replace(0)
    left = left_by(hand, 0)
    tell(left == (False, 0, 0, 1), "an HTTP writer keeps using a file whose change a full disk refused", [str(left)])
    hand.ask = lambda *_: types.SimpleNamespace(status=200)
    hand.replace(0)
    tell(left_by(hand, 0) == (False, 1, 1, 1) and hand.crew.log.lines[0][1:3] == (1, 2),
         "the first change after a refusal is the first one in the log", map(str, hand.crew.log.lines))

    def second(*_):
        hand.rest.vain += 1
        return types.SimpleNamespace(status=client.FULL, body=b"", begin=0)

    hand.ask = second
    hand.replace(0)
    tell(left_by(hand, 0)[0], "an HTTP writer drops a file when a full disk refuses a repeated attempt",
         [str(left_by(hand, 0))])


def full_on_mount(folder):
    def no_room(*_):
        raise OSError(errno.ENOSPC, "full")

    os.makedirs(os.path.join(folder, "a", client.TOP, "contents"))
    number, sync, rename = contents.FILES - 1, os.fsync, os.rename
    for name, good in (("fsync", (False, 0, 0, 1)), ("rename", (True, 1, 1, 1))):
        hand = writer("a", folder)
        setattr(os, name, no_room)
        hand.replace(number)
        os.fsync, os.rename = sync, rename
        tell(left_by(hand, number) == good, "a writer on a mount notes a full disk once, at " + name,
             [str(left_by(hand, number))])


def ended(folder):
    """A fault kills gateway-1; gateway-2 is ended by something else."""
    store = world.World(folder, 1, False, folder)
    os.makedirs(os.path.join(store.data, "run"))
    for part in ("gateway-1", "gateway-2"):
        child = subprocess.Popen(["sh", "-c", "read line; exit 3", store.data + "/"], stdin=subprocess.PIPE)
        store.starter.children[child.pid] = child
        with open(os.path.join(store.data, "run", part + ".pid"), "w") as f:
            f.write("%d\n" % child.pid)
        world.wait_until(10, lambda part=part: store.pid(part))
        if part == "gateway-1":
            store.kill(part)
        child.stdin.close()
        child.wait()
    store.look_for_ended()
    store.look_for_ended()
    tell(store.by_itself == ["gateway-2 ended by itself, with status 3"],
         "a process that ended without a fault is reported once", store.by_itself)


def killed_load(folder):
    said = {"load.log": "", "contents.log": "", "load.out": "failed: read on mount-a: [Errno 28] No space left"}
    for name, text in said.items():
        with open(os.path.join(folder, name), "w") as f:
            f.write(text)
    full = {"w": "fault", "name": "full", "victim": "blocks", "begin": 0, "end": 1}
    with contextlib.redirect_stdout(io.StringIO()):
        wrong = chaos.load_verdict(types.SimpleNamespace(folder=folder), [full])
    tell(any("did not say what it has counted" in line for line in wrong), "the verdict reports a load that was killed",
         wrong)
    tell(any("failed: read" in line for line in wrong), "the verdict reports a read that a full disk refused", wrong)


class Trimmed:
    """A client of a drive whose journal begins at some seq, which moves once while the journal is read."""
    def __init__(self, last, kept, later):
        self.last, self.kept, self.later, self.asked = last, kept, later, 0

    def read(self, _method, target):
        if "?" not in target:
            return self.answer(200, {"seq": str(self.last)})
        asked = {name: int(value) for name, value in (word.split("=") for word in target.split("?")[1].split("&"))}
        self.asked += asked["limit"] > 1
        kept = self.later if self.asked > 1 else self.kept
        seqs = range(asked["since"] + 1, min(self.last, asked["since"] + asked["limit"]) + 1)
        return self.answer(200, {"changes": [{"seq": str(n), "key": "k%d" % n} for n in seqs]}) \
            if asked["since"] >= kept else self.answer(410, {})

    @staticmethod
    def answer(status, body):
        return types.SimpleNamespace(status=status, body=json.dumps(body).encode(), json=lambda: body)


def long_journal(_folder):
    begin, entries = observe.whole_journal(Trimmed(5000, 0, 0), "/d", 10)
    tell(begin == 10 and len(entries) == 4990, "an untrimmed journal is read from the requested position",
         [begin, len(entries)])
    begin, entries = observe.whole_journal(Trimmed(5000, 1234, 1234), "/d", 10)
    tell(begin == 1234 and [seq for seq, _ in entries] == list(range(1235, 5001)),
         "a trimmed journal is read from its first entry", [begin, len(entries)])
    begin, entries = observe.whole_journal(Trimmed(5000, 1234, 2500), "/d", 10)
    tell(begin == 2500 and len(entries) == 2500,
         "a journal that is trimmed while it is read is read from its new first entry", [begin, len(entries)])


def jumping_clock(folder):
    build = os.path.join(folder, "build")
    os.makedirs(os.path.join(build, "bin"))
    os.symlink(os.path.join(BUILD, "bin", "clock_preload.so"), os.path.join(build, "bin", "clock_preload.so"))
    with open(os.path.join(build, "bin", "nephos-docs"), "w") as f:
        f.write(WAITER)
    os.chmod(f.name, 0o755)
    made = clocks.Clocks(os.path.join(folder, "run"), build, True)
    made.all_right(["docs-1", "docs-2"])
    told = []
    with subprocess.Popen([os.path.join(made.build, "bin", "nephos-docs"), "--name", "docs-1"], text=True,
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        for off in (0, 3600, -3600):
            made.shift("docs-2", 86400)
            made.shift("docs-1", off)
            before = time.time() + off
            child.stdin.write("\n")
            child.stdin.flush()
            now, took = json.loads(child.stdout.readline())
            told.append(before - 1 <= now <= time.time() + off + 1 and took >= 0.29)
        child.stdin.close()
    tell(all(told), "a process sees its clock jump, and its waits last as long as before", map(str, told))


def main():
    for test in (plans_end, full_over_http, full_on_mount, ended, killed_load, long_journal, jumping_clock):
        with tempfile.TemporaryDirectory() as folder:
            test(folder)


if __name__ == "__main__":
    main()
