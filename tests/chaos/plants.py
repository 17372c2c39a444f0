"""Violations that are planted in the log of a run or in its final state: judge.py has to find each. Each function
returns the word with which the judge's message has to begin."""
import appends, moves


def each_view(final, change):
    for view in final["views"].values():
        change(view)


def last(notes, kind, how="ok"):
    return [note for note in notes if note["w"] == kind and note.get("how", how) == how][-1]


def replace(final, path, old, new):
    def change(view):
        assert old in view[path]
        view[path] = view[path].replace(old, new, 1)

    each_view(final, change)


def a_record(notes):
    note = last(notes, "append")
    return appends.record(note["who"], note["n"])


def append_lost(notes, final):
    replace(final, appends.NAME, a_record(notes), "")
    return "appends: "


def append_doubled(notes, final):
    replace(final, appends.NAME, a_record(notes), a_record(notes) * 2)
    return "appends: "


def append_torn(notes, final):
    replace(final, appends.NAME, a_record(notes), a_record(notes)[3:])
    return "appends: "


def append_split(notes, final):
    """A record that came over HTTP, which is one change."""
    note = [n for n in notes if n["w"] == "append" and n["who"].startswith("http") and n["how"] == "ok"][-1]
    text = appends.record(note["who"], note["n"])
    replace(final, appends.NAME, text, text[5:])
    each_view(final, lambda view: view.update({appends.NAME: text[:5] + view[appends.NAME]}))
    return "appends: "


def append_moved(notes, final):
    text = a_record(notes)
    replace(final, appends.NAME, text, "")
    each_view(final, lambda view: view.update({appends.NAME: text + view[appends.NAME]}))
    return "appends: "


def raise_by(difference):
    def plant(notes, final):
        of = last(notes, "count")["of"]
        each_view(final, lambda view: view.update({of: str(int(view[of]) + difference)}))
        return "counters: "

    return plant


def read_old(notes, final):
    raised = last(notes, "count")
    notes.append({"w": "read", "of": raised["of"], "value": raised["value"] - 1, "begin": raised["end"] + 1,
                  "end": raised["end"] + 2, "by": "http"})
    return "counters: "


def place_of(view, thing):
    return next(path for path in view if path.startswith("items/") and path.endswith("/" + thing))


def item_gone(notes, final):
    each_view(final, lambda view: view.pop(place_of(view, "i3")))
    return "moves: "


def item_twice(notes, final):
    def change(view):
        here = place_of(view, "i3")
        other = next(moves.place(i) for i in range(moves.PLACES) if not here.startswith(moves.place(i) + "/"))
        view[other + "/i3"] = view[here]

    each_view(final, change)
    return "moves: "


def item_moved_back(notes, final):
    def change(view):
        here = place_of(view, "i3")
        other = next(moves.place(i) for i in range(moves.PLACES) if not here.startswith(moves.place(i) + "/"))
        view[other + "/i3"] = view.pop(here)

    each_view(final, change)
    return "moves: "


def folder_gone(notes, final):
    def change(view):
        gone = next(path for path in view if path.endswith("/t2/"))
        for path in [path for path in view if path.startswith(gone)]:
            del view[path]

    each_view(final, change)
    return "moves: "


def content_old(notes, final):
    note = last(notes, "content")
    each_view(final, lambda view: view.update({note["file"]: str(note["version"] - 1)}))
    return "contents: "


def content_torn(notes, final):
    note = last(notes, "content")
    each_view(final, lambda view: view.update({note["file"]: "torn"}))
    return "contents: "


def read_torn(notes, final):
    notes.append({"w": "torn", "file": "contents/f0", "by": "http", "at": 0, "size": 3, "head": "abc"})
    return "torn: "


def stream_hole(notes, final):
    note = [n for n in notes if n["w"] == "stream" and n["written"] > 3][-1]
    path = note["folder"] + "/s00000"

    def change(view):
        lines = view[path].splitlines(keepends=True)
        view[path] = "".join(lines[:1] + lines[2:])

    each_view(final, change)
    return "streams: "


def stream_short(notes, final):
    note = [n for n in notes if n["w"] == "stream" and n["synced"] > 3][-1]

    def change(view):
        for path in [path for path in view if path.startswith(note["folder"] + "/s")]:
            del view[path]
        view[note["folder"] + "/s00000"] = ""

    each_view(final, change)
    return "streams: "


def in_journal(change, of):
    """of: chooses the gateways whose journals are changed."""
    def plant(notes, final):
        for name in of(sorted(final["journals"])):
            change(final["journals"][name]["entries"])
        return "journal: "

    return plant


def all_of_them(names):
    return names


def first(names):
    return names[:1]


def gap(entries):
    del entries[len(entries) // 2]


def again(entries):
    key = next(key for _, key in entries if key)
    entries.append([entries[-1][0] + 1, key])


def cut_short(entries):
    entries.pop()


def journal_front(notes, final):
    """Removes entries that are too young to be removed."""
    for journal in final["journals"].values():
        del journal["entries"][:2]
        journal["begin"] += 2
    return "journal: "


def journals_none(notes, final):
    final["journals"].clear()
    return "journal: "


def cuts_of_nothing(notes, final):
    notes.append({"w": "fault", "name": "cut", "victim": "docs-1", "begin": 0, "end": 1, "dropped": 0})
    for note in notes:
        if "dropped" in note:
            note["dropped"] = 0
    return "cuts: "


def refused_unasked(notes, final):
    notes[:] = [note for note in notes if note["w"] != "fault" or note["name"] != "full"]
    notes.append({"w": "full", "where": "http", "what": "append", "begin": 1, "end": 2})
    return "calls: "


def refused_late(notes, final):
    notes.append({"w": "fault", "name": "full", "victim": "blocks", "begin": 1, "end": 2})
    ended = max(note["end"] for note in notes if note["w"] == "fault")
    notes.append({"w": "full", "where": "http", "what": "append", "begin": ended + 1, "end": ended + 2})
    return "calls: "


def views_none(notes, final):
    final["views"].clear()
    return "views: "


def call_failed(notes, final):
    notes.append({"w": "failed", "where": "a", "what": "EIO", "at": 0})
    return "calls: "


def views_differ(notes, final):
    view = list(final["views"].values())[-1]
    view["strange"] = ""
    return "views: "


def fsck_finds(notes, final):
    final["fsck"] = {"status": 1, "said": "usage is wrong"}
    return "fsck: "


PLANTS = {
    "append-lost": append_lost, "append-doubled": append_doubled, "append-torn": append_torn,
    "append-moved": append_moved, "append-split": append_split, "count-lost": raise_by(-1),
    "count-doubled": raise_by(1), "read-old": read_old, "item-gone": item_gone, "item-twice": item_twice,
    "item-moved-back": item_moved_back, "folder-gone": folder_gone,
    "content-old": content_old, "content-torn": content_torn, "read-torn": read_torn, "stream-hole": stream_hole,
    "stream-short": stream_short, "journal-gap": in_journal(gap, all_of_them),
    "journal-again": in_journal(again, all_of_them), "journal-empty": in_journal(list.clear, all_of_them),
    "journal-cut": in_journal(cut_short, all_of_them), "journal-of-one-gap": in_journal(gap, first),
    "journal-of-one-empty": in_journal(list.clear, first), "journals-none": journals_none,
    "journal-front": journal_front,
    "cuts-of-nothing": cuts_of_nothing, "refused-unasked": refused_unasked, "refused-late": refused_late,
    "views-none": views_none,
    "call-failed": call_failed, "views-differ": views_differ, "fsck-finds": fsck_finds,
}
