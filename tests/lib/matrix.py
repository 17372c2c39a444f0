"""Routes x roles x states: checks that every request, by every caller, gets the right answer, and that a refused
request changes nothing.

Usage: matrix.py DATA ROOT [long] [PATTERN]      DATA: of a running store; ROOT: of the sources; PATTERN: a part of the
                                                 names of the routes to be tried
The routes are those that the services describe, which they generate from their tables, and those that the sources'
tables name besides. Prints lines of "ok - " and "not ok - ", and for each cell that fails a curl command that repeats
it.
"""
import json
import queue
import re
import shlex
import sys
import threading
import time
from pathlib import Path

import matrix_cells
import matrix_extra
from matrix_cells import Route
from matrix_table import ROWS
from matrix_wire import Gone
from matrix_world import World, differences

THREADS = 4
SHOWN = 12 # cells that are printed
# Answers that differ each time, so that HEAD need not name the length of GET.
RESTLESS = ("/drives", "/metrics", "/status", "/keys", "/accounts", "/users", "/me")


class Judge:
    """What must hold for every answer, for every caller and every request."""

    def __init__(self, world):
        self.world = world
        self.lock = threading.Lock()
        self.cells, self.failures, self.groups, self.opened = 0, [], {}, 0
        self.by_status = {}

    def fail(self, cell, why, wire):
        with self.lock:
            self.failures.append((cell, why, wire.authority))

    def answer(self, cell, a, wire):
        with self.lock:
            self.cells += 1
            self.by_status[a.status] = self.by_status.get(a.status, 0) + 1
        for why in self.faults(cell, a):
            self.fail(cell, why, wire)
        if cell.group:
            self.compare(cell, a, wire)

    def faults(self, cell, a):
        if a.status not in cell.wanted:
            yield "%d, wanted %s: %s" % (a.status, " or ".join(map(str, sorted(cell.wanted))),
                    a.body[:160].decode("latin-1"))
        yield from self.leaks(cell, a)
        if a.status >= 400:
            yield from self.problem(cell, a)
        if a.status == 401 and not a.header("www-authenticate"):
            yield "401 without WWW-Authenticate"
        if a.status == 405 and not a.header("allow"):
            yield "405 without Allow"
        if cell.allow and a.status in (204, 405) and a.header("allow"):
            allow = set(re.split(", *", a.header("allow")))
            if allow != cell.allow:
                yield "Allow: %s, wanted %s" % (a.header("allow"), ", ".join(sorted(cell.allow)))
        for name, _ in a.headers:
            if name.startswith("access-control-") or name in ("nephos-cluster", "nephos-user", "nephos-user-name",
                    "nephos-admin", "nephos-token-id"):
                yield "an answer with %s" % name

    def leaks(self, cell, a):
        heads = "\n".join("%s: %s" % h for h in a.headers).encode("latin-1")
        found = cell.role.secret.search(a.body) or cell.role.secret.search(heads)
        if found:
            text = found.group(0)
            said = (cell.target.encode("latin-1") + (cell.body or b""))
            if text not in said:
                yield "shows what %s must not see: %s" % (cell.role.name, text.decode("latin-1"))

    def problem(self, cell, a):
        if a.header("content-type") != "application/problem+json":
            yield "%d with Content-Type %s" % (a.status, a.header("content-type"))
        if cell.method == "HEAD":
            return
        try:
            p = json.loads(a.body)
        except ValueError:
            yield "%d with a body that is no JSON: %r" % (a.status, a.body[:100])
            return
        if not str(p.get("type", "")).startswith("/problems/") or p.get("status") != a.status or not p.get("title"):
            yield "a problem without its type, status or title: %s" % a.body[:200].decode("latin-1")
        if p.get("trace_id") != a.header("nephos-trace"):
            yield "a problem with another trace id than the answer"

    # A caller must not be able to tell something of another user from something that does not exist.
    def compare(self, cell, a, wire):
        body = a.body
        if a.status >= 400 and body[:1] == b"{":
            p = json.loads(body)
            p.pop("trace_id", None)
            for value in filter(None, (cell.value, *re.findall(r"id:(\d+)", str(p.get("detail"))))):
                p["detail"] = re.sub(r"\bid:%s\b" % re.escape(value), "id:…", p.get("detail", ""))
            body = json.dumps(p, sort_keys=True).encode()
        # Whether an answer comes from memory depends on the caller's own earlier requests. Whether it may come from
        # memory must be the same for all cells of a group.
        seen = (a.status, sorted((n, v if n != "cache-status" else "") for n, v in a.headers
                                 if n not in ("date", "nephos-trace", "content-length")), body)
        with self.lock:
            first = self.groups.setdefault(cell.group, (seen, cell))
        if first[0] != seen:
            self.fail(cell, "differs from the answer to %s %s: %r and %r" % (first[1].method, first[1].target, seen[::2], first[0][::2]),
                    wire)

    def head(self, cell, got, a, wire):
        with self.lock:
            self.cells += 1
        why = None
        if a.status != got.status or a.header("content-type") != got.header("content-type") or a.header("etag") != got.header("etag"):
            why = "HEAD is %d %s, GET %d %s" % (a.status, a.headers, got.status, got.headers)
        elif got.status < 400 and not any(r in cell.target
                for r in RESTLESS) and a.header("content-length") != got.header("content-length"):
            why = "HEAD has length %s, GET %s" % (a.header("content-length"), got.header("content-length"))
        if why:
            self.fail(cell, why, wire)


def ask(judge, cell, wire):
    try:
        a = wire.ask(cell.method, cell.target, cell.headers, cell.body, cell.announced)
        judge.answer(cell, a, wire)
        if cell.head:
            judge.head(cell, a, wire.ask("HEAD", cell.target, cell.headers), wire)
        return a
    except Gone as e:
        judge.fail(cell, "no answer: %s" % e, wire)
        return None


def curl(cell, authority):
    words = ["curl", "-si", "--noproxy", "*", "--path-as-is"]
    words += ["-I"] if cell.method == "HEAD" else ["-X", cell.method]
    headers = list(cell.headers) + ([("Content-Length", cell.announced)] if cell.announced else [])
    for name, value in headers:
        words += ["-H", "%s: %s" % (name, value)]
    target = cell.target
    if not target.startswith("/"):
        words += ["--request-target", target]
        target = "/"
    line = shlex.join(words + ["http://%s%s" % (authority, target)])
    if cell.body is not None:
        quoted = "".join("\\x%02x" % b if b < 32 or b > 126 or b in b"'\\" else chr(b) for b in cell.body[:2000])
        line += " --data-binary $'%s'" % quoted if "\\" in quoted else " --data-binary " + shlex.quote(quoted)
    return line


# ---- the routes ----


def described(world):
    for page in ("/api/v1/docs", "/api/v2/docs", "/api/v1/user", "/api/v2/user"):
        api = world.ask(world.root, "GET", page + "/docs/openapi.json")
        for pattern, operations in api["paths"].items():
            for method, operation in operations.items():
                yield method.upper(), pattern, operation


def named(root):
    """Patterns in the sources' tables: the gateway's own routes, and routes that no page describes."""
    found = set()
    for folder in ("gateway", "backend", "common"):
        for source in sorted(Path(root, folder).rglob("*.c")):
            text = source.read_text()
            found |= set(re.findall(r'"(/(?:api|internal|healthz|readyz|metrics|status)[^"%?]*)"', text))
    return {p for p in found if "{rest" not in p and not p.endswith("/") and p != "/api/v2/docs"}


def find_routes(world, root):
    """(routes, internal patterns). A public route needs a row in the table, and a row needs a route."""
    routes, known = [], set()
    missing = []
    for method, pattern, operation in described(world):
        known.add(pattern)
        if method + " " + pattern not in ROWS:
            missing.append(method + " " + pattern)
        else:
            routes.append(Route(method, pattern, operation))
    rest = named(root) - known
    internal = sorted(p for p in rest if p.startswith("/internal"))
    for pattern in sorted(rest - set(internal)) + [p + "/docs" for p in ("/api/v1/docs", "/api/v2/docs", "/api/v1/user",
            "/api/v2/user")]:
        if "GET " + pattern in ROWS:
            routes.append(Route("GET", pattern, None))
        elif pattern not in ("/api/v2/user",): # a prefix of other routes
            missing.append(pattern)
    names = {r.name for r in routes}
    return routes, internal, missing, [r for r in ROWS if r not in names]


# ---- running ----


class Runner:
    def __init__(self, world, judge, routes, long):
        self.world, self.judge = world, judge
        self.maker = matrix_cells.Maker(world, routes, long)
        self.work = queue.Queue()
        self.lock = threading.Lock()
        self.suspects, self.changes = [], []
        self.refused = 0

    def block(self, cells):
        """Sends cells that may not change anything, then compares the state. A change may come from another block that
        ran at the same time; asking the cells again finds its cause."""
        wire = self.world.wire(threading.get_ident() % len(self.world.urls))
        cells = [c for c in cells if not c.changes()]
        for c in cells:
            ask(self.judge, c, wire)
        after = self.world.look()
        with self.lock:
            self.refused += len(cells)
            changed = differences(self.before, after)
            if changed:
                self.before = after
                self.suspects.append(cells)
                self.changes += changed

    def worker(self, n):
        try:
            while True:
                cells = self.work.get_nowait()
                self.block(cells())
        except queue.Empty:
            pass
        except SystemExit as e:
            self.judge.failures.append((None, str(e), ""))
        finally:
            wires = self.world.local.wires.values() if hasattr(self.world.local, "wires") else []
            with self.lock:
                self.judge.opened += sum(w.opened for w in wires)

    def refusals(self, blocks):
        self.before = self.world.look()
        for b in blocks:
            self.work.put(b)
        threads = [threading.Thread(target=self.worker, args=(n,)) for n in range(THREADS)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        self.name_suspects()

    def name_suspects(self):
        wire = self.world.wire()
        before = self.world.look()
        found = 0
        for cells in self.suspects:
            for c in cells:
                wire.ask(c.method, c.target, c.headers, c.body, c.announced)
                after = self.world.look() if c.method not in ("GET", "HEAD", "OPTIONS") else before
                changed = differences(before, after)
                if changed:
                    found += 1
                    self.judge.fail(c, "changes what it must not: " + "; ".join(changed)[:300], wire)
                before = after
        if self.suspects and not found:
            self.judge.failures.append((None, "refused cells changed something, and did not change it again when they were repeated: " + "; ".join(self.changes)[:600], ""))


def say(good, sentence, *why):
    print(("ok - " if good else "not ok - ") + sentence, flush=True)
    if not good:
        for line in why:
            print("    " + line, flush=True)
    return good


def report(judge, sentence, before):
    failures = judge.failures[before:]
    lines = []
    for cell, why, authority in failures[:SHOWN]:
        lines += ["%s by %s, %s: %s" % (cell.route, cell.role.name, cell.way, why),
                curl(cell, authority)] if cell else [why]
    if len(failures) > SHOWN:
        lines.append("and %d more" % (len(failures) - SHOWN))
    say(not failures, sentence, *lines)


def main():
    data, root = sys.argv[1:3]
    long, only = "long" in sys.argv[3:], [w for w in sys.argv[3:] if w != "long"]
    credentials = dict(line.split("=", 1) for line in Path(data, "credentials").read_text().split("\n") if "=" in line)
    first = credentials["NEPHOS_URL"]
    world = World([first], credentials["NEPHOS_TOKEN"],
            "host='%s/run/postgres' port=5432 user=nephos dbname=users" % data)
    world.urls = world.ask(world.root, "GET", "/status")["gateways"] or [first]
    routes, internal, missing, left = find_routes(world, root)
    say(not missing, "every route has a row in matrix_table.py that says who may use it", *missing)
    say(not left, "every row in matrix_table.py has a route", *left)
    say(len(internal) >= 4, "the sources name at least four internal routes", *internal)
    if only:
        routes = [r for r in routes if only[0] in r.name]
    began = time.monotonic()
    world.make()
    made = time.monotonic()
    judge = Judge(world)
    runner = Runner(world, judge, routes, long)
    maker = runner.maker
    extra = matrix_extra.Extra(world, maker, judge, routes, internal, Path(data))
    # Each user and network has a limited share of password hashing, so these routes run one after the other.
    lane = [r for r in routes if "/user" in r.pattern]
    blocks = [lambda: [c for r in lane for c in matrix_cells.of_route(maker, r)]]
    blocks += [lambda r=r: matrix_cells.of_route(maker, r) for r in routes if r not in lane]
    blocks += [extra.internal_cells, extra.named_cells]
    runner.refusals(blocks)
    report(judge, "each request of each role gets an expected answer, and no refused request changes anything", 0)
    refused, at = judge.cells, len(judge.failures)
    extra.services(ask)
    report(judge, "the services refuse direct requests from callers outside the store", at)
    at = len(judge.failures)
    extra.grants(ask)
    report(judge, "an allowed change succeeds, and its idempotency key gives its answer to no other caller", at)
    ended = time.monotonic()
    if not judge.failures:
        world.unmake()
    say(only or judge.cells >= 10000, "the matrix has at least 10,000 cells", str(judge.cells))
    print(
        "# matrix: %d cells of %d routes, %d roles: %d refused or harmless, %d failed; %d connections; statuses %s; made in %.1f s, asked in %.1f s (%.0f a second)"
        % (
            judge.cells, len(routes) + len(internal), len(world.roles), refused, len(judge.failures), judge.opened,
            " ".join("%d:%d" % s for s in sorted(judge.by_status.items())), made - began, ended - made,
                    judge.cells / (ended - made),
        )
    )


if __name__ == "__main__":
    main()
