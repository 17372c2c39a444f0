"""Things that several clients move: items between folders, and folders into each other. Afterwards each thing is in one
place, the one to which the acknowledged moves lead; no folder contains itself."""
import ctypes, errno, json, os
from client import Hand, TOP

ITEMS, PLACES, FOLDERS = 12, 4, 5
RENAME_NOREPLACE, AT_FDCWD = 1, -100
LIBC = ctypes.CDLL(None, use_errno=True)
# Another client was faster: the thing is not there any more, or its new place is inside it by now.
BEATEN = (errno.ENOENT, errno.EEXIST, errno.EINVAL, errno.ELOOP, errno.ESTALE, errno.ENOTEMPTY)


def place(number):
    return "items/d%d" % number


def rename(old, new):
    """Not rename(2): if the old name is out of date, the kernel takes both names for links of one file, and does
    nothing."""
    if LIBC.renameat2(AT_FDCWD, old.encode(), AT_FDCWD, new.encode(), RENAME_NOREPLACE) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), old)


def make_folder(hand, path):
    answer = hand.ask("POST", "/folders", json.dumps({"path": ("/%s/%s" % (TOP, path)).rstrip("/")}),
                      {"Content-Type": "application/json"})
    return answer.json()["id"]


def set_up(hand):
    make_folder(hand, "items")
    hand.crew.folders = {place(i): make_folder(hand, place(i)) for i in range(PLACES)}
    for i in range(ITEMS):
        hand.ask("PUT", "/files/%s/%s/i%d" % (TOP, place(0), i), b"i%d" % i)
        hand.history.note("move", item="i%d" % i, old="", new=place(0), how="ok")
    hand.crew.folders["tree"] = make_folder(hand, "tree")
    for i in range(FOLDERS):
        hand.crew.folders["t%d" % i] = make_folder(hand, "tree/t%d" % i)
        hand.ask("PUT", "/files/%s/tree/t%d/in" % (TOP, i), b"t%d" % i)
        hand.history.note("move", item="t%d" % i, old="", new="tree", how="ok")


class Mover(Hand):
    """Its moves are moves(thing, old, new) on its side; both are names of folders."""

    def __init__(self, crew, where, rng):
        super().__init__(crew, where, rng)
        self.folders = crew.folders

    def note(self, thing, old, new, how):
        self.history.note("move", item=thing, old=old, new=new, how=how)

    def over_http(self, thing, old, new):
        answer = self.ops({"op": "rename", "parent": self.folders[old], "name": thing, "new_parent": self.folders[new],
                           "new_name": thing, "flags": ["noreplace"]})
        if answer is None:
            self.note(thing, old, new, "unknown")
        elif answer.status == 200:
            self.note(thing, old, new, "ok")
        elif getattr(errno, answer.json().get("errno", ""), None) not in BEATEN:
            self.unexpected("move of " + thing, answer)  # a move needs no room


class ItemMover(Mover):
    def run(self):
        while self.crew.pause(self.rng):
            thing, new = "i%d" % self.rng.randrange(ITEMS), place(self.rng.randrange(PLACES))
            old = place(self.rng.randrange(PLACES))
            if old != new:
                self.over_http(thing, old, new) if self.where == "http" else self.on_mount(thing, old, new)

    def on_mount(self, thing, old, new):
        try:
            rename(self.path(old, thing), self.path(new, thing))
            self.note(thing, old, new, "ok")
        except OSError as e:
            if e.errno not in BEATEN:
                self.failed("move of " + thing, e)
                self.note(thing, old, new, "unknown")


class FolderMover(Mover):
    """Moves by ids alone, because paths change during the move."""

    def parent_of(self, thing):
        answer = self.look("/items/" + self.folders[thing])
        if answer is None or answer.status != 200:
            return None
        at = answer.json()["parent"]
        return next((name for name, number in self.folders.items() if number == at), None)

    def run(self):
        while self.crew.pause(self.rng):
            thing = "t%d" % self.rng.randrange(FOLDERS)
            new = self.rng.choice(["tree"] + ["t%d" % i for i in range(FOLDERS)])
            old = self.parent_of(thing)
            if old and new not in (old, thing):
                self.over_http(thing, old, new)
