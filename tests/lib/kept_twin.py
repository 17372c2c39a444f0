#!/usr/bin/env python3
"""Compares answers from a gateway's memory with those of the docs service. It sends each request twice to the drive's
home: once for a target that the home has in memory, and once for a target that was never asked for. Both answers must
be the same, byte for byte.

kept_twin.py STORE [--tries N] [--seed N] [--elsewhere]
    First every range and every condition listed here, for some targets; then N random combinations of both. Prints
    what differed, and in the last line how much was compared.
    --elsewhere: asks another gateway for the target that is in memory. That gateway answers from its memory when the
    home says that the answer is still valid. It keeps short answers only.
Header fields that say where an answer came from, and when, are not compared; nor are random values.
"""
import argparse, email.utils, itertools, json, random, re, sys, time
from stale_store import Client, Store

NOT_COMPARED = {"date", "cache-status", "nephos-seq", "nephos-home", "nephos-trace"}
SIZES = [0, 1, 10, 5000, 65536, 65537, 300000, 1024 * 1024]
SHORT = 65536  # the longest answer that a gateway keeps of another gateway
RANGES = [None, "bytes=0-", "bytes=0-0", "bytes=-1", "bytes=-0", "bytes=3-7", "bytes=7-3", "bytes=9-9,0-0", "bytes=0-1,5-,-2",
          "bytes=0-4,2-6", "bytes=1000000-", "bytes=1000000-,2-3", "bytes=-99999999", "bytes=10-20", "lines=0-1", "bytes=",
          "bytes=x", "BYTES=1-2", "bytes=0-99999999999999999999", "bytes= 1-2 , 4-5", "bytes=0-0," * 70 + "1-1"]
CAPABILITY = re.compile(rb'(?<="cap":")[^"]*')  # contains its expiry time
BOUNDARY = re.compile(rb"boundary=([0-9a-f]+)")


def other_date(date, seconds):
    then = email.utils.parsedate_to_datetime(date).timestamp() + seconds
    return email.utils.formatdate(then, usegmt=True)


def conditions_of(headers):
    """Fields that depend on the etag and the date of a thing, both of which may be unknown."""
    etag, date = headers.get("ETag", '"none"'), headers.get("Last-Modified", "Sun, 06 Nov 1994 08:49:37 GMT")
    early, late, other = other_date(date, -1), other_date(date, 1), '"1-1"'
    tags = [etag, other, "W/" + etag, "*", other + ", " + etag, "nonsense", '"', '"%s' % etag]
    dates = [date, early, late, "nonsense"]
    yield from ({"If-Match": t} for t in tags)
    yield from ({"If-None-Match": t} for t in tags)
    yield from ({"If-Modified-Since": d} for d in dates)
    yield from ({"If-Unmodified-Since": d} for d in dates)
    yield from ({"If-Range": v} for v in tags + dates)
    yield {"If-None-Match": other, "If-Modified-Since": late}
    yield {"If-Match": etag, "If-Unmodified-Since": early}
    yield {"If-Match": etag, "If-None-Match": etag}
    yield {"If-Match": etag, "If-Range": other}
    yield {"If-None-Match": other, "If-Range": etag}
    yield {}


def comparable(answer):
    headers = sorted((k.lower(), v) for k, v in answer.headers.items() if k.lower() not in NOT_COMPARED)
    body = CAPABILITY.sub(b"CAP", answer.body)
    made = BOUNDARY.search(str(answer.headers.get("Content-Type")).encode())
    if made:
        headers = [(k, v.replace(made.group(1).decode(), "BOUNDARY")) for k, v in headers]
        body = body.replace(made.group(1), b"BOUNDARY")
    if body and dict(headers).get("content-type") == "application/problem+json":
        body = json.dumps({k: v for k, v in json.loads(body).items() if k not in ("trace_id",)}).encode()
    return answer.status, headers, body


class Twin:
    def __init__(self, store, given):
        self.store, self.rng, self.fresh = store, random.Random(given.seed), itertools.count(time.time_ns())
        self.client, self.differ, self.compared, self.kept = Client(store, self.rng), 0, 0, 0
        self.home, self.elsewhere = None, given.elsewhere

    def get(self, target, method="GET", fields=(), elsewhere=False):
        """Asks the home, and finds it anew when another gateway has answered. elsewhere: asks another gateway."""
        url = self.home or self.store.gateways[0]
        if elsewhere and self.home:
            url = next(u for u in self.store.gateways if u != self.home)
        answer = self.client.once(url, method, target, headers=fields)
        if answer is None:
            raise RuntimeError("%s of %s: no answer" % (target, url))
        self.home = answer.headers.get("Nephos-Home") or self.home
        return answer

    def unkept(self, target):
        return "%s%snew=%d" % (target, "&" if "?" in target else "?", next(self.fresh))

    def keep(self, target):
        """Asks until the answer comes from memory: a gateway keeps a large answer only at the second request."""
        for _ in range(100):
            answer = self.get(target, elsewhere=self.elsewhere)
            if self.is_kept(answer):
                return answer
            time.sleep(0.01)
        raise RuntimeError("%s is not kept: %s %s" % (target, answer.status, answer.headers))

    def is_hit(self, answer):
        return answer.headers.get("Cache-Status", "").endswith("; hit")

    def is_kept(self, answer):
        if self.elsewhere:
            return answer.headers.get("Cache-Status", "").endswith("; fwd=stale; fwd-status=304; detail=home")
        return self.is_hit(answer)

    def compare(self, target, method, fields):
        kept = self.get(target, method, fields, self.elsewhere)
        asked = self.get(self.unkept(target), method, fields)
        if self.is_hit(asked):
            raise RuntimeError("%s was to be asked for, and was kept" % target)
        self.compared += 1
        self.kept += self.is_kept(kept)
        if comparable(kept) == comparable(asked):
            return
        self.differ += 1
        print("%s %s %s" % (method, target, fields))
        for name, (status, headers, body) in (("kept", comparable(kept)), ("asked", comparable(asked))):
            print("    %s: %d %s, %d bytes: %r" % (name, status, headers, len(body), body[:200]))

    def all_of(self, target):
        known = self.keep(target)
        for fields, wanted in itertools.product(conditions_of(known.headers), RANGES):
            if "If-Range" in fields or wanted in (None, "bytes=3-7", "bytes=1000000-"):
                self.compare(target, "GET", dict(fields, **({"Range": wanted} if wanted else {})))
        for wanted in RANGES:
            self.compare(target, "GET", {"Range": wanted} if wanted else {})
        for fields in conditions_of(known.headers):
            self.compare(target, "HEAD", fields)
            self.compare(target, "HEAD", dict(fields, Range="bytes=0-1"))

    def random_one(self, known):
        target = self.rng.choice(list(known))
        answer, fields = known[target], {}
        for more in self.rng.choices(list(conditions_of(answer.headers)), k=self.rng.randint(0, 2)):
            fields.update(more)
        size = len(answer.body)
        bounds = [0, 1, size // 2, size - 1, size, size + 1, self.rng.randint(0, size)]
        part = lambda: "%s-%s" % (abs(self.rng.choice(bounds)), self.rng.choice(["", abs(self.rng.choice(bounds))]))
        if self.rng.random() < 0.8:
            fields["Range"] = "bytes=" + ",".join(part() for _ in range(self.rng.choice([1, 1, 2, 3, 64, 65])))
        self.compare(target, self.rng.choice(["GET", "GET", "GET", "HEAD"]), fields)


def make(twin):
    """Targets for every kind of answer."""
    drive, client = twin.store.drive, twin.client
    targets = []
    for size in SIZES:
        if twin.elsewhere and size > SHORT:
            continue
        name = "twin-%d.%s" % (size, "html" if size == 10 else "txt")
        answer, _ = client.change("PUT", drive + "/files/" + name, bytes(i % 251 for i in range(size)))
        if answer is None or answer.status not in (200, 201):
            raise RuntimeError("PUT of %s: %s" % (name, answer and (answer.status, answer.body)))
        targets.append(drive + "/files/" + name)
    id = json.loads(answer.body)["id"]
    answer, _ = client.change("POST", "/api/v1/docs", json.dumps(
        {"title": "twin-" + client.name, "text": "text", "user_id": [int(client.read("GET", "/api/v2/user/me").json()["id"])]}).encode())
    if answer is None or answer.status != 201:
        raise RuntimeError("POST of a document: %s" % repr(answer and (answer.status, answer.body)))
    return targets + [drive + "/items/%s/content" % id, drive + "/items/" + id, drive + "/items/%s/extents" % id,
                      drive + "/items/%s/xattrs" % id, drive + "/items/%s/children" % twin.store.root,
                      drive + "/files/twin-nothing", "/api/v1/docs/%s" % json.loads(answer.body)["id"]]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("store")
    parser.add_argument("--tries", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 30))
    parser.add_argument("--elsewhere", action="store_true")
    given = parser.parse_args()
    twin = Twin(Store(given.store), given)
    targets, made = make(twin), time.time()
    known = {target: twin.keep(target) for target in targets}
    while time.time() < made + 4:  # If-Range accepts a date only when its second has been over for two
        time.sleep(0.1)
    for target in targets:
        if not re.search(r"twin-(0|1|5000|65536|300000)\.", target):
            twin.all_of(target)
    for _ in range(given.tries):
        twin.random_one(known)
    print("%d compared, %d of them from memory, %d differ; seed %d" % (twin.compared, twin.kept, twin.differ, given.seed))
    return 1 if twin.differ or twin.kept < twin.compared * 0.9 else 0


sys.exit(main())
