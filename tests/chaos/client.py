"""Shared by the workloads: a hand is one thread that works over HTTP or on a mount, and records the answers."""
import contextlib, errno, json, os, select, struct, sys, threading, time, traceback, urllib.parse

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import stale_store  # noqa: E402 (its folder is known only now)

PATIENCE_S = 240  # how long a client repeats a request: longer than any fault and the recovery after it
THINK_S = 0.05  # between two calls, on average
TOP = "chaos"  # the folder in the drive that contains all of this
KILLED = (errno.ECONNABORTED, errno.ENOTCONN, errno.ENOENT, errno.EIO)  # the errors that callers on a killed mount get
FULL = 507


class Client(stale_store.Client):
    """Records each attempt that got no decisive answer."""

    def __init__(self, store, rng, history):
        super().__init__(store, rng)
        self.history, self.vain = history, 0  # attempts in vain, of all calls

    def once(self, url, method, target, body=None, headers=()):
        c = self.connections.get(url)
        if c is not None and c.sock is not None and select.select([c.sock], [], [], 0)[0]:
            c.close()  # closed while idle; every client checks that
        begin = stale_store.now()
        answer = super().once(url, method, target, body, headers)
        if answer is not None and not answer.decides():
            self.in_vain(url, begin, str(answer.status))
        return answer

    def lost(self, url, begin, error):
        self.in_vain(url, begin, type(error).__name__)

    def in_vain(self, url, begin, what):
        self.vain += 1
        self.history.note("attempt", gateway=self.store.name_of(url), begin=begin, end=stale_store.now(), what=what)


class Hand:
    """where: "http" or the name of a mount."""

    def __init__(self, crew, where, rng):
        self.crew, self.where, self.rng, self.history = crew, where, rng, crew.history
        self.drive, self.rest = crew.store.drive, Client(crew.store, rng, crew.history)

    # ---- over HTTP ----

    def ask(self, method, target, body=None, headers=()):
        """Makes a change; None: its outcome is unknown."""
        answer, _ = self.rest.change(method, self.drive + target, body, headers)
        if answer is None:
            self.failed("%s %s" % (method, target), "no gateway decided it")
        return answer

    def look(self, target, headers=()):
        answer = self.rest.read("GET", self.drive + target, headers)
        if answer is None:
            self.failed("GET " + target, "no gateway answered")
        return answer

    def ops(self, op, data=None):
        """A batch of one op."""
        head = json.dumps({"ops": [op]}).encode()
        if data is None:
            return self.ask("POST", "/ops", head, {"Content-Type": "application/json"})
        return self.ask("POST", "/ops", struct.pack("<I", len(head)) + head + data,
                        {"Content-Type": "application/vnd.nephos.ops"})

    def id_of(self, path):
        """The id of a document, or None if there is none."""
        answer = self.look("/items?path=/" + urllib.parse.quote("%s/%s" % (TOP, path)))
        return answer.json()["id"] if answer is not None and answer.status == 200 else None

    # ---- on a mount ----

    def path(self, *names):
        return os.path.join(self.crew.folder, self.where, TOP, *names)

    def failed(self, what, error):
        self.history.note("failed", where=self.where, what="%s: %s" % (what, error), at=stale_store.now())

    def unexpected(self, what, answer):
        self.failed(what, "%d %r" % (answer.status, answer.body[:200]))

    def refused(self, what, answer):
        """For a change: only a full disk may refuse it, with the status for that. The judge checks that a disk was
        full."""
        if answer.status != FULL:
            return self.unexpected(what, answer)
        return self.met_full(what, answer.begin)

    def met_full(self, what, begin):
        self.history.note("full", where=self.where, what=what, begin=begin, end=stale_store.now())


class Crew:
    """All hands. An unexpected result of one of them makes the run fail."""

    def __init__(self, folder, store, history):
        self.folder, self.store, self.history = folder, store, history
        self.over, self.threads, self.broken = threading.Event(), [], []

    def begin(self, function):
        self.threads.append(threading.Thread(target=self.guarded, args=(function,)))
        self.threads[-1].start()

    def guarded(self, function):
        try:
            function()
        except Exception:  # otherwise a thread could end unnoticed, and its part of the load would be missing
            self.broken.append(traceback.format_exc())
            self.over.set()

    def pause(self, rng):
        """False: the run is over."""
        return not self.over.wait(rng.uniform(0, 2 * THINK_S))

    def end(self, seconds):
        """Returns how many threads do not end, because their calls hang."""
        self.over.set()
        until = time.monotonic() + seconds
        for thread in self.threads:
            thread.join(max(0.1, until - time.monotonic()))
        return sum(thread.is_alive() for thread in self.threads)


@contextlib.contextmanager
def full_disk(hand, unknown):
    """A call on a mount that meets a full disk may fail; unknown() records that its outcome is unknown. The error may
    be about any moment since the file was opened, which is hand.opened."""
    try:
        yield
    except OSError as e:
        if e.errno == errno.ENOSPC:
            hand.met_full("a call", hand.opened)
        else:
            hand.failed("a call", repr(e))
        unknown()
