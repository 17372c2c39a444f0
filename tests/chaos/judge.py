#!/usr/bin/env python3
"""Judges a run of chaos: compares what was acknowledged with what is there.

judge.py HISTORY FINAL [--scenario NAME] [--plant KIND]
    HISTORY: as in history.py      FINAL: what observe.py has seen at the end
    --plant: changes the final state or the answers as no store may; the judge has to find it

What must hold, by each gateway and on each mount:
  appends    each acknowledged record is there once and in one piece (one from a mount may be in two, see
             judge_appender); the records of one hand are in their order; there are no others, except records of unknown
             outcome
  counters   increased at least as often as was acknowledged, and at most as often as with all unknown outcomes; no read
             shows less than what was acknowledged before it began
  moves      each thing is in one place, the one to which the acknowledged moves lead
  contents   whole; the last acknowledged one, or a later one of unknown outcome
  streams    on a mount that was killed: a prefix of what was written, with all that was synced; else everything
  journal    its numbers have no gaps; the entries of one key are adjacent, so nothing was done twice
  cuts       if there were any, at least one packet was dropped: otherwise they tested nothing
Besides, no call failed that should not have, no change was refused for want of room while no disk was full, fsck finds
nothing, at least one view exists, and all views are the same.
"""
import argparse, collections, json, re, sys
import appends, history, moves, streams

SHOWN = 20
JOURNAL_ROWS_KEPT = 100000  # common/base/limits.h: so many entries stay, however old they are
RECORD = re.compile(r"<([^:<>]+):(\d{6}):x*>\n")
PIECE = re.compile(r"<?[^<\n]*\n?")  # for text that is no record: a record's end may come before another's beginning


def of_kind(notes, kind):
    return [note for note in notes if note["w"] == kind]


def take_split(left, text):
    """Whether this record is there in two pieces among those that are left; removes both from the list."""
    for i, first in enumerate(left):
        rest = text[len(first):]
        if first and rest and text.startswith(first) and rest in left[i + 1:]:
            left.remove(rest)
            left.remove(first)
            return True
    return False


def judge_appends(notes, view):
    text = view.get(appends.NAME, "")
    there, known, left, wrong, at = collections.defaultdict(list), collections.defaultdict(dict), [], [], 0
    for note in of_kind(notes, "append"):
        known[note["who"]][note["n"]] = note["how"]
    for found in RECORD.finditer(text):
        who, number = found[1], int(found[2])
        left.append(text[at:found.start()])
        at = found.end()
        if number not in known[who] or found[0] != appends.record(who, number):
            wrong.append("appends: a record that nobody wrote: %r" % found[0][:60])
        else:
            there[who].append(number)
    left = [piece for between in left + [text[at:]] for piece in PIECE.findall(between) if piece]
    for who, numbers in list(known.items()):
        wrong += judge_appender(who, numbers, there[who], left)
    return wrong + ["appends: a record that is none: %r" % piece[:60] for piece in left]


def judge_appender(who, numbers, found, left):
    """The kernel sends a write() on a mount in two parts when it crosses the end of a page. On a machine so busy that
    the second part is late, another client's record may come between (docs/posix.md): then the record is whole, but not
    together."""
    is_there = set(found)
    lost = [n for n, how in numbers.items() if how == "ok" and n not in is_there]
    lost = [n for n in lost if who.startswith("http") or not take_split(left, appends.record(who, n))]
    wrong = ["appends: %s:%d was acknowledged and is lost" % (who, n) for n in lost]
    wrong += ["appends: %s:%d is there %d times" % (who, n, times)
              for n, times in collections.Counter(found).items() if times > 1]
    sure = [n for n in found if numbers[n] == "ok"]
    return wrong + (["appends: records of %s are not in their order" % who] if sure != sorted(sure) else [])


def judge_counters(notes, view):
    wrong = []
    counts, reads = collections.defaultdict(list), collections.defaultdict(list)
    for note in of_kind(notes, "count"):
        counts[note["of"]].append(note)
    for note in of_kind(notes, "read"):
        reads[note["of"]].append(note)
    for counter, raised in counts.items():
        sure = sum(note["how"] == "ok" for note in raised)
        value = int(view.get(counter) or -1)
        if not sure <= value <= len(raised):
            wrong.append("counters: %s was raised %d times, and %d times more that nobody knows of, and is %d" % (
                counter, sure, len(raised) - sure, value))
        ended = sorted((note["end"], note["value"]) for note in raised if note["how"] == "ok")
        highest, at = 0, 0
        for read in sorted(reads[counter], key=lambda note: note["begin"]):
            while at < len(ended) and ended[at][0] < read["begin"]:
                highest, at = max(highest, ended[at][1]), at + 1
            if read["value"] < highest:
                wrong.append("counters: %s was read as %d at %d, when %d had been acknowledged" % (
                    counter, read["value"], read["begin"], highest))
    return wrong


def places_of(view):
    """{thing: [the folders that contain it]}, of items and of folders."""
    found = collections.defaultdict(list)
    for path in view:
        words = path.rstrip("/").split("/")
        if words[0] == "items" and len(words) == 3:
            found[words[2]].append("/".join(words[:2]))
        elif words[0] == "tree" and path.endswith("/") and len(words) > 1:
            found[words[-1]].append(words[-2])
    return found


def judge_moves(notes, view):
    wrong, there, balance, doubted = [], places_of(view), collections.defaultdict(collections.Counter), set()
    for note in of_kind(notes, "move"):
        if note["how"] == "ok":
            balance[note["item"]][note["new"]] += 1
            balance[note["item"]][note["old"]] -= 1
        else:
            doubted.add(note["item"])
    for thing, by_place in balance.items():
        if len(there[thing]) != 1:
            wrong.append("moves: %s is in %d places: %s" % (thing, len(there[thing]), there[thing]))
            continue
        sums = {at: n for at, n in by_place.items() if n and at}
        if thing not in doubted and sums != {there[thing][0]: 1}:
            wrong.append("moves: %s is in %s, and the moves that were acknowledged add up to %s" % (
                thing, there[thing][0], sums))
    insides = sorted(text for path, text in view.items() if path.startswith("tree/") and path.endswith("/in"))
    if balance and insides != ["t%d" % i for i in range(moves.FOLDERS)]:
        wrong.append("moves: what lay in the folders is %s" % insides)
    return wrong


def judge_contents(notes, view):
    wrong, last, maybe = [], {}, collections.defaultdict(set)
    for note in of_kind(notes, "content"):
        if note["how"] == "ok":
            last[note["file"]], maybe[note["file"]] = note["version"], set()
        else:
            maybe[note["file"]].add(note["version"])
    for name in set(last) | set(maybe):
        value = view.get(name, "gone")
        if value not in map(str, {last.get(name, 0)} | maybe[name]):
            wrong.append("contents: %s is %s, and %s was acknowledged last" % (name, value, last.get(name, 0)))
    return wrong


def judge_streams(notes, view):
    wrong = []
    for note in of_kind(notes, "stream"):
        begin = note["folder"] + "/"
        names = sorted(path for path in view if path.startswith(begin) and not path.endswith("/"))
        lines = [line for name in names for line in view[name].splitlines(keepends=True)]
        if names != [begin + "s%05d" % i for i in range(len(names))]:
            wrong.append("streams: %s has not its first files: %s" % (note["folder"], names[:5]))
        for i, text in enumerate(lines):
            cut = note["how"] == "killed" and i == len(lines) - 1 and streams.line(i).startswith(text)
            if text != streams.line(i) and not cut:
                wrong.append("streams: %s is no beginning of what was written: line %d is %r" % (
                    note["folder"], i, text[:30]))
                break
        whole = len(lines) - (bool(lines) and lines[-1] != streams.line(len(lines) - 1))
        least = note["synced"] if note["how"] == "killed" else note["written"]
        if not least <= whole or len(lines) > note["written"]:
            wrong.append("streams: %s has %d lines; %d were written, %d of them synced" % (
                note["folder"], whole, note["written"], note["synced"]))
    return wrong


def judge_journal(journal, since):
    """seq: the drive's number before the journal was read, so the journal must reach it. begin: since, or the number up
    to which old entries have been removed."""
    wrong, seen, before = [], set(), None
    entries, begin = journal["entries"], journal["begin"]
    last = entries[-1][0] if entries else begin
    if last < journal["seq"]:
        wrong.append("journal: it ends with %d, and the drive had %d" % (last, journal["seq"]))
    if begin > since and last - begin < JOURNAL_ROWS_KEPT:
        wrong.append("journal: it begins behind %d and ends with %d, and must have %d entries" % (
            begin, last, JOURNAL_ROWS_KEPT))
    seqs = [seq for seq, _ in entries]
    if seqs != list(range(begin + 1, begin + 1 + len(seqs))):
        gap = next(i for i, seq in enumerate(seqs) if seq != begin + 1 + i)
        wrong.append("journal: a gap: %d stands where %d should" % (seqs[gap], begin + 1 + gap))
    for seq, key in entries:
        if key and key != before and key in seen:
            wrong.append("journal: what has the key %s was done again, at %d" % (key, seq))
        seen.add(key)
        before = key
    return wrong


def was_full(notes, begin=0, end=float("inf")):
    """At any time between these two."""
    return any(fault["name"] == "full" and fault["begin"] <= end and begin <= fault["end"]
               for fault in of_kind(notes, "fault"))


def judge_cuts(notes):
    """A single cut may drop nothing, if its victim had nothing to send."""
    dropped = [fault["dropped"] for fault in of_kind(notes, "fault") if "dropped" in fault]
    return ["cuts: none of %d has dropped a packet" % len(dropped)] if dropped and not any(dropped) else []


def judge_calls(notes):
    wrong = ["calls: by %s: %s" % (note["where"], note["what"]) for note in of_kind(notes, "failed")]
    wrong += ["calls: by %s: %s was refused for want of room, and no disk was full then" % (note["where"], note["what"])
              for note in of_kind(notes, "full") if not was_full(notes, note["begin"], note["end"])]
    return wrong + ["torn: %s by %s, %d bytes: %s" % (note["file"], note["by"], note["size"], note["head"])
                    for note in of_kind(notes, "torn")]


def open_to_killed(attempt, faults):
    return any(f["victim"] == attempt["gateway"] and f["name"] == "kill" and
               attempt["begin"] <= f["end"] and f["begin"] <= attempt["end"] for f in faults)


def judge_attempts(notes, scenario):
    """Failures that no client may see, not even one that does not retry. A refused connection is not a request yet;
    during a rolling restart other gateways accept connections."""
    if scenario == "mixed":
        return []
    faults = of_kind(notes, "fault")
    lost = [note for note in of_kind(notes, "attempt") if note["what"] != "ConnectionRefusedError"]
    if scenario == "kills":
        lost = [note for note in lost if not open_to_killed(note, faults)]
    return ["requests: %s at %s, asked at %d" % (note["what"], note["gateway"], note["begin"]) for note in lost]


def judge(notes, final, scenario="mixed"):
    """The violations, as text."""
    wrong = judge_calls(notes) + judge_cuts(notes) + judge_attempts(notes, scenario)
    for name, journal in sorted(final["journals"].items()):
        wrong += ["%s (as %s shows it)" % (line, name)
                  for line in judge_journal(journal, final["since"])]
    for name, view in sorted(final["views"].items()):
        for part in (judge_appends, judge_counters, judge_moves, judge_contents, judge_streams):
            wrong += ["%s (as %s shows it)" % (line, name) for line in part(notes, view)]
    if final["fsck"]["status"] != 0:
        wrong.append("fsck: ended with %d: %s" % (final["fsck"]["status"], final["fsck"]["said"]))
    views = list(final["views"].items())
    if not views:
        wrong.append("views: nobody was looked at")
    if not final["journals"]:
        wrong.append("journal: nobody was asked for it")
    for name, view in views[1:]:
        differs = sorted(path for path in set(view) | set(views[0][1]) if view.get(path, 0) != views[0][1].get(path, 0))
        if differs:
            wrong.append("views: %s and %s differ in %s" % (views[0][0], name, differs[:5]))
    return wrong


def main():
    import plants
    options = argparse.ArgumentParser()
    options.add_argument("history")
    options.add_argument("final")
    options.add_argument("--scenario", default="mixed")
    options.add_argument("--plant", choices=sorted(plants.PLANTS))
    given = options.parse_args()
    notes = history.read(given.history)
    with open(given.final) as f:
        final = json.load(f)
    if given.plant:
        plants.PLANTS[given.plant](notes, final)
    wrong = judge(notes, final, given.scenario)
    for line in wrong[:SHOWN]:
        print(line)
    kinds = collections.Counter((note["w"], note.get("how", "")) for note in notes)
    print(", ".join("%d %s" % (n, " ".join(filter(None, kind))) for kind, n in sorted(kinds.items())))
    print("%d views, %d entries of journals: %d violations" % (
        len(final["views"]), sum(len(journal["entries"]) for journal in final["journals"].values()), len(wrong)))
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
