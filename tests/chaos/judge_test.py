#!/usr/bin/env python3
"""Can the judge fail? Plants each kind of violation in a run that has none, and checks that the judge finds it.

judge_test.py                   in an invented run
judge_test.py HISTORY FINAL     in a real run that had no violation
"""
import copy, json, sys
import appends, contents, history, judge, moves, plants, streams


def append_notes():
    for n in range(5):
        for who in ("a0", "http1"):
            yield {"w": "append", "who": who, "n": n, "how": "ok"}
    yield {"w": "append", "who": "http1", "n": 5, "how": "unknown"}


def count_notes():
    for value in range(1, 5):
        yield {"w": "count", "of": "counters/c0", "value": value, "begin": 100 * value,
               "end": 100 * value + 50, "how": "ok"}
        yield {"w": "read", "of": "counters/c0", "value": value, "begin": 100 * value + 60, "end": 100 * value + 70}


def move_notes():
    things = [("i%d" % i, moves.place(0)) for i in range(4)] + [("t%d" % i, "tree") for i in range(moves.FOLDERS)]
    for thing, first in things:
        yield {"w": "move", "item": thing, "old": "", "new": first, "how": "ok"}
    yield {"w": "move", "item": "i3", "old": moves.place(0), "new": moves.place(2), "how": "ok"}
    yield {"w": "move", "item": "t2", "old": "tree", "new": "t1", "how": "ok"}


def other_notes():
    for version in (1, 2, 3):
        yield {"w": "content", "file": contents.name(0), "version": version, "how": "ok"}
    yield {"w": "stream", "folder": streams.folder("c", 0), "how": "killed", "written": 9, "synced": 5}
    yield {"w": "fault", "name": "kill", "victim": "gateway-1", "begin": 1000, "end": 2000}
    yield {"w": "attempt", "gateway": "gateway-1", "begin": 900, "end": 1100, "what": "RemoteDisconnected"}


def made_up():
    """(notes, final) without a violation."""
    view = {"items/": None, "tree/": None, appends.NAME: "".join(
        appends.record(who, n) for n in range(5) for who in ("a0", "http1")), "counters/c0": "4"}
    view.update({"items/d0/i%d" % i: "i%d" % i for i in (0, 1, 2)})
    view["items/d2/i3"] = "i3"
    folders = ("tree/t0", "tree/t1", "tree/t1/t2", "tree/t3", "tree/t4")
    for path, name in [(path, path.rsplit("/", 1)[1]) for path in folders]:
        view.update({path + "/": None, path + "/in": name})
    view[contents.name(0)] = "3"
    view[streams.folder("c", 0) + "/s00000"] = "".join(streams.line(n) for n in range(7)) + streams.line(7)[:4]
    notes = list(append_notes()) + list(count_notes()) + list(move_notes()) + list(other_notes())
    journal = {"seq": 30, "begin": 10, "entries": [[seq, "key-%d" % (seq // 2)] for seq in range(11, 31)]}
    journals = {"gateway-1": journal, "gateway-2": copy.deepcopy(journal)}
    return notes, {"views": {"gateway-1": view, "mount-a": copy.deepcopy(view)}, "since": 10, "journals": journals,
                   "fsck": {"status": 0, "said": ""}}


def tell(good, sentence, more=()):
    print("%s - %s" % ("ok" if good else "not ok", sentence))
    for line in more if not good else ():
        print("    " + line)


def plant_all(notes, final):
    for name, plant in sorted(plants.PLANTS.items()):
        here = copy.deepcopy(notes), copy.deepcopy(final)
        word = plant(*here)
        wrong = judge.judge(*here)
        tell(any(line.startswith(word) for line in wrong), "the judge finds a planted violation: " + name, wrong[:3])


def doubts(notes, final):
    """A change of unknown outcome may be there or not; a change that is known to have failed for one client is no
    violation for others."""
    there = copy.deepcopy(final)
    for view in there["views"].values():
        view[appends.NAME] += appends.record("http1", 5)
    tell(not judge.judge(notes, there), "the judge accepts an appended record of unknown outcome",
         judge.judge(notes, there))
    parts = copy.deepcopy(final)
    text, other = appends.record("a0", 4), appends.record("http1", 4)
    for view in parts["views"].values():
        view[appends.NAME] = view[appends.NAME].replace(text + other, text[:6] + other + text[6:])
    tell(not judge.judge(notes, parts), "the judge accepts a mount's record in two pieces", judge.judge(notes, parts))
    ends = copy.deepcopy(final)
    first, second = appends.record("a0", 4), appends.record("a0", 3)
    for view in ends["views"].values():
        log = view[appends.NAME].replace(first, "").replace(second, "")
        view[appends.NAME] = second[:6] + log.replace(other, second[6:] + first[:6] + other + first[6:])
    wrong = judge.judge(notes, ends)
    tell(not wrong, "the judge accepts the end of a split record before the start of another", wrong)
    raised = notes + [dict(notes[-1], w="count", of="counters/c0", value=5, end=None, how="unknown")]
    tell(not judge.judge(raised, final), "the judge accepts that an increase of unknown outcome is missing",
         judge.judge(raised, final))
    tell(not judge.judge(notes, final, "kills"), "the judge accepts a failed attempt at a gateway that was killed")
    full = {"w": "full", "where": "http", "what": "append", "begin": 1, "end": 3}
    filled = notes + [full, {"w": "fault", "name": "full", "victim": "blocks", "begin": 0, "end": 2}]
    tell(not judge.judge(filled, final), "the judge accepts a refused change while a disk is full",
         judge.judge(filled, final))
    asked = [dict(note, gateway="gateway-2") if note["w"] == "attempt" else note for note in notes]
    tell(judge.judge(asked, final, "kills"), "the judge reports a failed attempt at a gateway that was not killed")
    tell(judge.judge(notes, final, "rolling"), "the judge reports a failed attempt in the rolling scenario")


def main():
    if len(sys.argv) > 1:
        notes = history.read(sys.argv[1])
        with open(sys.argv[2]) as f:
            final = json.load(f)
        return plant_all(notes, final)
    notes, final = made_up()
    wrong = judge.judge(notes, final)
    tell(not wrong, "the judge finds no violation in a run without one", wrong)
    plant_all(notes, final)
    return doubts(notes, final)


if __name__ == "__main__":
    main()
