"""The part of stale_load.py that works through a mount: with system calls, as programs do."""
import ctypes, os
from stale_world import Document, HEAD, HEAD_BYTES
from stale_store import now

RENAME_NOREPLACE = 1
AT_FDCWD = -100
WRITTEN_MAX = 128 * 1024  # a write() of more is not one change
LIBC = ctypes.CDLL(None, use_errno=True)


def rename(old, new):
    """Not rename(2): if the old name is out of date, the kernel takes both names for links of one file, and does
    nothing."""
    if LIBC.renameat2(AT_FDCWD, old.encode(), AT_FDCWD, new.encode(), RENAME_NOREPLACE) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), old)


class Ops:
    """What reader and writer have in common; `at` is (folder, name of the mount)."""

    def __init__(self, world, at, rng, log, count):
        self.world, self.rng, self.log, self.count = world, rng, log, count
        self.folder, self.by = at

    def path(self, name):
        return os.path.join(self.folder, name)

    def failed(self, what, error):
        self.count.add("failed calls of mounts")
        print("failed: %s on %s: %s" % (what, self.by, error), flush=True)


class MountReader(Ops):
    def one(self):
        begin = now()
        name, function = self.rng.choice([("read", self.content), ("stat", self.size), ("name", self.name),
                                          ("name", self.name), ("listing", self.listing)])
        try:
            for register, value in function():
                self.log.read(register, value, begin, now(), self.by, name)
            self.count.add("reads by mounts")
        except OSError as e:
            self.failed(name, e)
        self.count.took("reads by mounts", now() - begin)

    def content(self):
        document = self.rng.choice(self.world.documents)
        fd = os.open(self.path(document.name), os.O_RDONLY)
        try:
            content = os.pread(fd, HEAD_BYTES, 0)
        finally:
            os.close(fd)
        head = HEAD.match(content)
        return [(document.register, str(int(head.group(2))) if head else "torn")]

    def size(self):
        document = self.rng.choice(self.world.documents)
        return [(document.register, document.version_of_size(os.stat(self.path(document.name)).st_size))]

    def name(self):
        pair, side = self.rng.choice(self.world.pairs + self.world.folder_pairs), self.rng.randrange(2)
        try:
            value = os.stat(self.path(pair.paths[side])).st_ino
        except FileNotFoundError:
            value = "-"
        return [(pair.registers[side], value)]

    def listing(self):
        found = {entry.name: entry.inode() for entry in os.scandir(self.path(self.world.names_folder))}
        pair = self.rng.choice(self.world.pairs)
        return [(register, found.get(name.split("/")[1], "-")) for name, register in zip(pair.names, pair.registers)]


class MountWriter(Ops):
    """If a change fails before anything was sent, it did not happen: the mount reports this for names that it does not
    know any more or not yet (docs/posix.md). After any other failure the outcome is unknown, and the slot is given
    up."""

    def one(self):
        slot = self.rng.choice(self.world.documents + self.world.pairs)
        if not slot.lock.acquire(blocking=False):
            return
        begin = now()
        try:
            if not slot.dead:
                self.content(slot, begin) if isinstance(slot, Document) else self.change(slot, begin)
                self.count.add("writes by mounts")
        finally:
            self.count.took("writes by mounts", now() - begin)
            slot.lock.release()

    def try_to(self, what, slot, function, *arguments):
        """(whether it was done, what the function returned); False and a dead slot: the outcome is unknown."""
        try:
            return True, function(*arguments)
        except OSError as e:
            if what != "write" and isinstance(e, (FileNotFoundError, FileExistsError)):
                self.count.add("names that a mount did not know yet")
                return False, None
            self.failed(what, e)
            slot.dead = True
        return False, None

    def store(self, path, flags, content):
        """Returns the number of the file with this content."""
        fd = os.open(path, os.O_WRONLY | flags, 0o644)
        try:
            if os.pwrite(fd, content, 0) != len(content):
                raise OSError(0, "a short write", path)
            os.fsync(fd)
            number = os.fstat(fd).st_ino
        except BaseException:
            os.close(fd)
            raise
        os.close(fd)
        return number

    def content(self, document, begin):
        if document.base > WRITTEN_MAX - (1 << 14):
            return
        version = document.version + 1
        done, _ = self.try_to("write", document, self.store, self.path(document.name), 0, document.content(version))
        if done or document.dead:
            document.version = version
            self.log.write(document.register, version, version, begin, now() if done else None, self.by)
            self.world.recent.append(document)

    def put_state(self, pair, side, value, begin, done):
        pair.numbers[side] += 1
        self.log.write(pair.registers[side], pair.numbers[side], value, begin, now() if done else None, self.by)

    def change(self, pair, begin):
        if pair.at is None:
            return self.create(pair, begin)
        return self.rng.choice([self.move, self.move, self.delete])(pair, begin)

    def create(self, pair, begin):
        side = self.rng.randrange(2)
        done, number = self.try_to("create", pair, self.store, self.path(pair.names[side]), os.O_CREAT | os.O_EXCL,
                                   b"x")
        if done or pair.dead:
            self.put_state(pair, side, number if done else "any", begin, done)
            pair.at, pair.id = side, str(number)

    def delete(self, pair, begin):
        done, _ = self.try_to("unlink", pair, os.unlink, self.path(pair.names[pair.at]))
        if done or pair.dead:
            self.put_state(pair, pair.at, "-", begin, done)
            pair.at = None

    def move(self, pair, begin):
        new = 1 - pair.at
        done, _ = self.try_to("rename", pair, rename, *(self.path(pair.names[side]) for side in (pair.at, new)))
        if done or pair.dead:
            self.put_state(pair, pair.at, "-", begin, done)
            self.put_state(pair, new, pair.id, begin, done)
            pair.at = new
