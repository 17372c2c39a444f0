#!/usr/bin/env python3
"""Judges the log of stale_load.py: was any answer older than it may be?

stale_judge.py LOG [--plant old|back|gone|mount|own|position]
    --plant: adds reads to the log that no store may answer; the judge has to find them.

Each register of the log (the content of a document, or what has a name) got its states one after the other, numbered
from 0; all times are of one clock. The judge decides whether there is one order of all writes and reads of a register
that agrees with the clock, in which each read returns the last state before it. As the order of the writes is given, it
is enough to give each read the lowest number that it can have: the number of a state that has its value, that began
before the read's end, and that is not below the number of any write or read that ended before this read began. The
lowest number is the best choice for all other reads, so such an order exists if and only if each read gets a number.

A write of unknown outcome is the last of its register, and never ends: it may happen at any time, or not at all.

A mount may show others' changes MOUNT_AGE late (docs/posix.md): the judge treats such a read as if it had begun that
much earlier. A mount shows its own changes at once, which says nothing about what others see before they are stored.

Besides, the position in an answer over HTTP (Nephos-Seq) is never below a position that was seen before the request
began.

Lines of a log, times in nanoseconds, "-" is none:
    w REGISTER NUMBER VALUE BEGIN END BY        END "-": unknown; BY: http or the name of a mount
    r REGISTER VALUE BEGIN END BY KIND
    p POSITION BEGIN END r|w                    an answer over HTTP
"""
import argparse, bisect, collections, heapq, sys

MOUNT_AGE = 3 * 10**9
NEVER = 1 << 62
ANY = "any"  # the value of a write whose content is unknown; the last of its register
SHOWN = 20  # violations that are printed

Write = collections.namedtuple("Write", "number value begin end by")
Read = collections.namedtuple("Read", "value begin end by kind")


class Register:
    """Reads stay lines of text until they are judged, because an hour has millions of them."""

    def __init__(self):
        self.writes, self.lines = [], []

    def reads(self):
        for line in self.lines:
            _, _, value, begin, end, by, kind = line.split()
            yield Read(value, int(begin), int(end), by, kind)

    def add(self, read):
        self.lines.append("r - %s %d %d %s %s" % read)


def position_of(line):
    _, position, begin, end, what = line.split()
    return tuple(map(int, position.split("."))), int(begin), int(end), what


class Log:
    def __init__(self):
        self.registers, self.positions = collections.defaultdict(Register), []

    def line(self, line):
        what, name = line.split(None, 2)[:2]
        if what == "r":
            self.registers[name].lines.append(line)
        elif what == "p":
            self.positions.append(line)
        elif what == "w":
            _, _, number, value, begin, end, by = line.split()
            end = NEVER if end == "-" else int(end)
            self.registers[name].writes.append(Write(int(number), value, int(begin), end, by))
        else:
            raise ValueError("a line that is none: " + line)


class States:
    """The states of a register, in order."""

    def __init__(self, name, writes):
        if not writes:
            raise ValueError(name + ": read, and never written")
        self.writes = sorted(writes)
        numbers = [w.number for w in self.writes]
        if numbers != list(range(numbers[0], numbers[0] + len(numbers))):
            raise ValueError(name + ": numbers of writes have a gap")
        for before, after in zip(self.writes, self.writes[1:]):
            if before.end >= after.begin:
                raise ValueError(name + ": writes are not one after the other")
        self.places = collections.defaultdict(list)
        for i, w in enumerate(self.writes):
            self.places[w.value].append(i)
        self.ends = [w.end for w in self.writes]

    def known_before(self, time):
        """The number of the last write that had ended."""
        return bisect.bisect_left(self.ends, time) - 1

    def own_before(self, by, time):
        for i in range(self.known_before(time), -1, -1):
            if self.writes[i].by == by:
                return i
        return 0

    def lowest(self, value, floor, end):
        """The first state from floor on that has this value and had begun by then; None if there is none."""
        places = self.places.get(value, ())
        at = bisect.bisect_left(places, floor)
        if at < len(places) and self.writes[places[at]].begin < end:
            return places[at]
        last = self.writes[-1]
        return len(self.writes) - 1 if last.value == ANY and last.begin < end else None

    def shown_to_all(self, read, number):
        """The time from which no client may see less than this read has shown."""
        write = self.writes[number]
        return max(read.end, write.end) if write.by == read.by != "http" else read.end


def may_begin(read):
    return read.begin if read.by == "http" else read.begin - MOUNT_AGE


def why(states, read, floor):
    older = [i for i in states.places.get(read.value, ()) if i < floor]
    if not older:
        return "nobody had written %s by then" % read.value
    last = states.writes[floor]
    late = "was acknowledged" if last.end < may_begin(read) else "was read"
    after = (read.begin - states.writes[older[-1] + 1].end) / 1e6
    return "%s, although state %d, %s, %s before (the state after the one shown ended %.3f ms before this read)" % (
        read.value, last.number, last.value, late, after)


def judge_register(name, register):
    """The violations, as text."""
    states, ended, floor, wrong = States(name, register.writes), [], 0, []
    for read in sorted(register.reads(), key=may_begin):
        begin = may_begin(read)
        while ended and ended[0][0] < begin:
            floor = max(floor, heapq.heappop(ended)[1])
        lowest = max(floor, states.known_before(begin))
        if read.by != "http":
            lowest = max(lowest, states.own_before(read.by, read.begin))
        number = states.lowest(read.value, lowest, read.end)
        if number is None:
            wrong.append("%s: %s by %s at %d shows %s" % (name, read.kind, read.by, read.begin,
                                                          why(states, read, lowest)))
        else:
            heapq.heappush(ended, (states.shown_to_all(read, number), number))
    return wrong


def judge_positions(positions):
    ended, highest, wrong = [], (0, 0), []
    for line in sorted(positions, key=lambda line: position_of(line)[1]):
        position, begin, end, what = position_of(line)
        while ended and ended[0][0] < begin:
            highest = max(highest, heapq.heappop(ended)[1])
        if what == "r" and position < highest:
            wrong.append("position: an answer asked for at %d says %s, another said %s before" % (
                begin, position, highest))
        heapq.heappush(ended, (end, position))
    return wrong


def judge(log):
    wrong = []
    for name, register in sorted(log.registers.items()):
        wrong += judge_register(name, register)
    return wrong + judge_positions(log.positions)


def changes(log):
    """(register, write before, write), for all writes that took some time."""
    for _, register in sorted(log.registers.items()):
        writes = sorted(register.writes)
        for before, after in zip(writes, writes[1:]):
            if after.end != NEVER and after.end - after.begin > 100:
                yield register, before, after


def plant(log, kind):
    """Adds reads of the given kind after a write; the rest of the log stays as it was."""
    for register, before, after in changes(log):
        if kind == "old":  # the state before, after the next one was acknowledged
            register.add(Read(before.value, after.end + 1, after.end + 2, "http", "planted"))
        elif kind == "back" and before.value != "-":  # new, and then old, during the write
            # At the very end of the write: otherwise the log's own reads of the old state would be wrong because of
            # the first planted read.
            register.add(Read(after.value, after.end - 40, after.end - 30, "http", "planted"))
            register.add(Read(before.value, after.end - 20, after.end - 10, "http", "planted"))
        elif kind == "gone" and before.value == "-":  # a name that was absent is still reported as absent
            register.add(Read("-", after.end + 1, after.end + 2, "http", "planted"))
        elif kind == "mount" and after.by != "mount-x":  # by a mount, older than it may be
            begin = after.end + MOUNT_AGE + 1
            register.add(Read(before.value, begin, begin + 1, "mount-x", "planted"))
        elif kind == "own" and after.by != "http":  # a mount that does not see its own last write
            register.add(Read(before.value, after.end + 1, after.end + 2, after.by, "planted"))
        elif kind == "position":
            (incarnation, seq), _, end, _ = max(map(position_of, log.positions))
            log.positions.append("p %d.%d %d %d r" % (incarnation, seq - 1, end + 1, end + 2))
        else:
            continue
        return
    sys.exit("nothing was logged that %s could be planted in" % kind)


def main():
    options = argparse.ArgumentParser()
    options.add_argument("log")
    options.add_argument("--plant", choices=["old", "back", "gone", "mount", "own", "position"])
    given = options.parse_args()
    log = Log()
    with open(given.log) as f:
        for line in f:
            log.line(line)
    if given.plant:
        plant(log, given.plant)
    wrong = judge(log)
    for line in wrong[:SHOWN]:
        print(line)
    print("%d registers, %d writes, %d reads, %d positions: %d stale" % (
        len(log.registers), sum(len(r.writes) for r in log.registers.values()),
        sum(len(r.lines) for r in log.registers.values()), len(log.positions), len(wrong)))
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
