#!/usr/bin/env python3
"""The clients of a run of chaos: hands that work over HTTP and on the mounts, and record the answers, until SIGTERM.

hands.py FOLDER STORE SEED      FOLDER: where the mounts are; it gets history, contents.log, and "ready" when work
                                begins
Ends with 1 when a hand got an unexpected result, when a call hangs, or when nothing was left to replace.
"""
import os, random, signal, sys
import appends, contents, counters, history, moves, streams
from client import Crew, Hand, PATIENCE_S, stale_store
from stale_world import Log

JOIN_S = PATIENCE_S + 60  # until every hand has ended


def set_up(crew):
    hand = Hand(crew, "http", random.Random(0))
    moves.make_folder(hand, "")
    for workload in (appends, counters, moves, contents):
        workload.set_up(hand)
    moves.make_folder(hand, "streams")


def begin_hands(crew, seed):
    numbers = iter(range(seed * 1000, seed * 1000 + 1000))

    def hand(kind, where, *more):
        crew.begin(kind(crew, where, random.Random(next(numbers)), *more).run)

    for where in ("a", "b", "http", "http"):
        hand(appends.Appender, where, len(crew.threads))
    for where in ("http", "http", "http"):
        hand(counters.Counter, where)
    for where in ("a", "b", "http"):
        hand(moves.ItemMover, where)
    for where in ("http", "http"):
        hand(moves.FolderMover, where)
    for where in ("a", "http", "http"):
        hand(contents.Writer, where)
    for where in ("a", "b", "http", "http"):
        hand(contents.Reader, where)
    for where in ("b", "c"):
        hand(streams.Streamer, where)


def main():
    folder, data, seed = sys.argv[1], sys.argv[2], int(sys.argv[3])
    crew = Crew(folder, stale_store.Store(data, PATIENCE_S), history.History(os.path.join(folder, "history")))
    crew.log = Log(os.path.join(folder, "contents.log"))
    set_up(crew)
    signal.signal(signal.SIGTERM, lambda *_: crew.over.set())
    begin_hands(crew, seed)
    with open(os.path.join(folder, "ready"), "w"):
        pass
    crew.over.wait()
    hanging = crew.end(JOIN_S)
    for text in crew.broken:
        print("hands: " + text)
    if hanging:
        print("hands: the calls of %d hang" % hanging)
    idle = all(crew.files.dead)
    if idle:
        print("hands: no file of contents was replaced any more")
    sys.stdout.flush()
    crew.history.close()
    crew.log.close()
    os._exit(1 if hanging or crew.broken or idle else 0)  # a normal exit would wait for a thread whose call hangs


if __name__ == "__main__":
    main()
