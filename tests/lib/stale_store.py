"""Shared by the programs that look for stale answers: access to a store's gateways as by a client that does not give
up.

A client repeats a read at another gateway until it is answered, and repeats a change under its key until its outcome is
known. Times are nanoseconds of CLOCK_MONOTONIC, which is the same for all processes of a machine.
"""
import http.client, json, os, random, threading, time, urllib.parse

ATTEMPT_S = 5  # one attempt: longer than a lease of the ring (3 s), so that the client waits for a takeover
PATIENCE_S = 30  # all attempts: a mount waits as long
PAUSE_S = 0.05  # between attempts
# Answers that decide nothing: the client asks another gateway, or the same one later.
UNDECIDED = {421, 429, 502, 503, 504}
LOST = (OSError, http.client.HTTPException)


def now():
    return time.monotonic_ns()


class Answer:
    def __init__(self, begin, end, status, headers, body, gateway):
        self.begin, self.end, self.status, self.body, self.gateway = begin, end, status, body, gateway
        self.headers = headers

    def json(self):
        return json.loads(self.body)

    def decides(self):
        return self.status not in UNDECIDED and not (self.status == 409 and b"epoch-changed" in self.body)


class Store:
    """A store by its folder: the addresses of its gateways, and its first user's token."""

    def __init__(self, folder, patience=PATIENCE_S):
        self.patience = patience
        with open(os.path.join(folder, "credentials")) as f:
            given = dict(line.strip().split("=", 1) for line in f if "=" in line)
        self.folder, self.token = folder, given["NEPHOS_TOKEN"]
        self.gateways, self.home = [given["NEPHOS_URL"]], None
        client = Client(self, random.Random(0))
        self.gateways = client.read("GET", "/api/v2/gateways").json()["gateways"]
        drive = client.read("GET", "/api/v2/docs/drives/home").json()
        self.drive, self.root = "/api/v2/docs/drives/" + drive["id"], drive["root"]

    def name_of(self, url):
        """The gateway's name as scripts/up gives it."""
        return "gateway-%d" % (self.gateways.index(url) + 1)

    def pid(self, name):
        with open(os.path.join(self.folder, "run", name + ".pid")) as f:
            return int(f.read())


class Count:
    """Counts of events, and the longest durations; shared by all threads."""

    def __init__(self):
        self.lock, self.values, self.longest = threading.Lock(), {}, {}

    def add(self, name, n=1):
        with self.lock:
            self.values[name] = self.values.get(name, 0) + n

    def took(self, name, ns):
        with self.lock:
            self.longest[name] = max(self.longest.get(name, 0), ns // 1000000)


class Client:
    """One thread's connections, one to each gateway."""

    def __init__(self, store, rng, count=None):
        self.store, self.rng, self.count = store, rng, count or Count()
        self.connections, self.keys, self.name = {}, 0, "%016x" % random.SystemRandom().getrandbits(64)

    def once(self, url, method, target, body=None, headers=()):
        """One attempt. None: no answer, and the outcome is unknown."""
        at = urllib.parse.urlsplit(url)
        c = self.connections.setdefault(url, http.client.HTTPConnection(at.hostname, at.port, timeout=ATTEMPT_S))
        fields = dict(headers)
        fields["Authorization"] = "Bearer " + self.store.token
        begin = now()
        try:
            c.request(method, target, body=body, headers=fields)
            r = c.getresponse()
            answer = Answer(begin, 0, r.status, r.headers, r.read(), url)
        except LOST as e:
            c.close()
            self.lost(url, begin, e)
            return None
        answer.end = now()
        self.note(answer)
        return answer

    def lost(self, url, begin, error):
        """A hook for each attempt that got no answer."""

    def note(self, answer):
        self.store.home = answer.headers.get("Nephos-Home", self.store.home)
        if "; hit" in answer.headers.get("Cache-Status", ""):
            self.count.add("hits")
        if "; fwd-status=304" in answer.headers.get("Cache-Status", ""):
            self.count.add("validated")

    def until_decided(self, what, method, target, body, headers):
        """Returns the first answer that decides, or None after the store's patience, and when the first attempt began.
        The first attempt goes to a random gateway; each further one goes to the next gateway."""
        first, gateways = now(), self.store.gateways
        at = self.rng.randrange(len(gateways))
        while now() - first < self.store.patience * 10**9:
            answer = self.once(gateways[at], method, target, body, headers)
            at = (at + 1) % len(gateways)
            if answer is not None and answer.decides():
                self.count.took(what, answer.end - first)
                self.count.add(what)
                return answer, first
            self.count.add("attempts again")
            time.sleep(PAUSE_S)
        self.count.took(what, now() - first)
        self.count.add("failed " + what)
        return None, first

    def read(self, method, target, headers=()):
        """The answer, whose begin is that of the attempt that was answered; None: there was no answer."""
        return self.until_decided("reads", method, target, None, headers)[0]

    def change(self, method, target, body=None, headers=()):
        """(answer or None, begin of the first attempt)."""
        self.keys += 1
        fields = dict(headers)
        fields["Idempotency-Key"] = "%s-%d" % (self.name, self.keys)
        return self.until_decided("writes", method, target, body, fields)
