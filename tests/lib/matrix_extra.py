"""Cells beside those of the routes: internal routes, requests directly to the services, other users' things named in
bodies and queries, and allowed changes."""
import hashlib
import json
import re

from matrix_cells import JSON, METHODS, Cell
from matrix_table import ADMIN, ANYBODY, CLOSED, FITS, FOREIGN, GRANTED, NEVER, refusal, spellings
from matrix_wire import Gone, Wire
from matrix_world import USER2, V2, Role

CLOSED_DOOR = {401, 403, 404}


class Extra:
    def __init__(self, world, maker, judge, routes, internal, data):
        self.world, self.maker, self.judge = world, maker, judge
        self.routes, self.internal, self.data = routes, internal, data

    # ---- internal routes, through a gateway ----

    def internal_targets(self):
        for pattern in self.internal:
            yield re.sub(r"\{\w+\}", self.world.owner.user.id, pattern)

    def internal_cells(self):
        o = self.world.owner.user
        bodies = {
            "registry": {"kind": "docs", "name": "docs-evil", "url": "http://127.0.0.1:9", "ready": True},
            "forget": {"user_id": o.id},
            "authenticate": {"token": self.world.owner.token},
        }
        cells = []
        for target in self.internal_targets():
            body = json.dumps(bodies.get(target.rsplit("/", 1)[1], {})).encode()
            for role in self.world.roles:
                for method in METHODS:
                    c = Cell("internal " + target, role, method, target, CLOSED_DOOR | {405}, "internal")
                    sends = method in ("POST", "PUT", "PATCH")
                    c.headers, c.body = role.headers + ([JSON] if sends else []), body if sends else None
                    cells.append(c)
                for n, (name, spelt, relation) in enumerate(spellings(target)):
                    if not self.maker.long and (n + len(cells)) % 3:
                        continue
                    c = Cell("internal " + target, role, "POST", spelt, CLOSED_DOOR | {400, 405}, name)
                    c.headers, c.body = role.headers + [JSON], body
                    cells.append(c)
                for prefix in ("/api/v1/user", "/api/v2/user", "/api/v2/docs", "/api/v1/docs"):
                    c = Cell("internal " + target, role, "POST", prefix + target, CLOSED_DOOR | {405},
                            "behind " + prefix)
                    c.headers, c.body = role.headers + [JSON, ("Nephos-User", o.id), ("Nephos-Admin", "1")], body
                    cells.append(c)
        return cells

    # ---- other users' things, named in bodies and queries ----

    def named_cells(self):
        """Asks for the caller's own thing, and names another user's thing in the request; and the same with a thing
        that does not exist."""
        cells = []
        for role in self.world.known:
            mine, whose = role.user, self.maker.whose(role)
            for n, (name, method, target, body, wanted) in enumerate(self.named(mine)):
                for about, names in (("another's", self.names_of(whose)), ("nobody's", self.names_of_nobody(whose))):
                    c = self.named_cell(role, method, (name, about, n), self.put(target, names), body, wanted)
                    c.body = self.put(json.dumps(body), names).encode() if body is not None else None
                    cells.append(c)
        return cells

    def put(self, text, names):
        return re.sub(r"<(\w+)>", lambda m: names[m.group(1)], text)

    def named_cell(self, role, method, way, target, body, wanted):
        name, about, n = way
        c = Cell("%s: %s" % (method, name), role, method, target, wanted, about)
        c.headers = role.headers + ([JSON] if body is not None else []) + ([("Nephos-Session", role.user.session)]
                if "/locks" in target else [])
        c.group = ("named", role.name, n)
        return c

    def names_of(self, u):
        return {"file": u.file, "folder": u.folder, "root": u.root, "name": u.file_name, "session": u.session,
                "block": u.block, "user": u.id, "drive": u.drive}

    def names_of_nobody(self, whose):
        """Numbers in the other user's range that belong to nothing."""
        return {
            "file": str((int(whose.drive) << 32) + 4000000001), "folder": str((int(whose.drive) << 32) + 4000000002),
                    "root": str((1 << 62) + 1), "name": "nobody",
            "session": "4000000001", "block": "0" * 63 + "1", "user": "4000000001", "drive": "2147483001",
        }

    def named(self, mine):
        """[(what, method, target, body, statuses)], with <places> for another user's thing, or for none."""
        home, none = V2 + "/drives/home", {404, 409, 410, 422}
        ops = [
            ("an op that unlinks in another's folder", {"op": "unlink", "parent": "<folder>", "name": "<name>"}),
            ("an op that unlinks another's file by id",
                    {"op": "unlink", "parent": mine.root, "name": "x", "id": "<file>"}),
            ("an op that makes a file in another's folder",
                    {"op": "create", "parent": "<folder>", "name": "x", "type": "file"}),
            ("an op that moves another's file",
                    {"op": "rename", "parent": "<folder>", "name": "<name>", "new_parent": mine.root, "new_name": "x"}),
            ("an op that moves into another's folder",
                    {"op": "rename", "parent": mine.folder, "name": mine.file_name, "new_parent": "<folder>",
                            "new_name": "x"}),
            ("an op that links another's file", {"op": "link", "id": "<file>", "parent": mine.root, "name": "x"}),
            ("an op that links into another's folder",
                    {"op": "link", "id": mine.file, "parent": "<folder>", "name": "x"}),
            ("an op that writes another's file", {"op": "write", "id": "<file>", "extents": [], "size": 0}),
            ("an op that truncates another's file", {"op": "setattr", "id": "<file>", "size": 0}),
            ("an op that sets another's mode", {"op": "setattr", "id": "<file>", "mode": 511}),
            ("an op that clones from another's file",
                    {"op": "clone", "id": "<file>", "from": 0, "len": 4, "to": mine.file, "at": 0}),
            ("an op that clones into another's file",
                    {"op": "clone", "id": mine.file, "from": 0, "len": 4, "to": "<file>", "at": 0}),
            ("an op that sets another's xattr",
                    {"op": "setxattr", "id": "<file>", "name": "user.x", "value_b64": "eA=="}),
            ("an op that removes another's xattr", {"op": "removexattr", "id": "<file>", "name": "user.x"}),
            ("an op that removes another's folder",
                    {"op": "rmdir", "parent": "<root>", "name": "<name>", "id": "<folder>"}),
            ("an op that writes by another's block",
                    {"op": "write", "id": mine.file, "extents": [{"at": 0, "len": 4, "block": "<block>", "from": 0}]}),
        ]
        found = [(name, "POST", home + "/ops", {"ops": [op]}, none) for name, op in ops]
        return found + [
            ("a folder in another's folder", "POST", home + "/folders", {"parent": "<folder>", "name": "x"}, none),
            ("a poll by another's session", "POST", home + "/changes",
                    {"since": "0", "wait": 0, "session": "<session>", "held": []}, none),
            ("a lock on another's file", "POST", home + "/locks",
                    {"id": "<file>", "kind": "posix", "number": "1", "held": [[0, 9, True]]}, none),
            ("whether another's file is locked", "GET", home + "/locks?id=<file>&kind=posix&exclusive=1", None,
                    none | {200}),
            ("waiting for another's file", "POST", home + "/locks/wait",
                    {"id": "<file>", "kind": "posix", "want": [0, 9, True], "wait": 0}, none),
            ("another's block", "GET", home + "/blocks/<block>", None, {404}),
            ("another's name", "GET", home + "/items/" + mine.folder + "/lookup?name=<name>", None, {404}),
            ("another's drive by its number in the items", "GET", home + "/items/<root>", None, {404}),
        ]

    # ---- requests directly to the services ----

    def services(self, ask):
        """Sends every route, and the internal ones, to each service, by a caller that has only the service's address. A
        service that closes the connection reveals no more than one that refuses."""
        w = self.world
        claim = [("Nephos-User", w.owner.user.id), ("Nephos-Admin", "1"), ("Nephos-Token-Id", "k1")]
        callers = [w.strangers[0], w.known[6], w.known[4]]
        for address in self.service_addresses():
            wire = Wire(*address)
            for method, target in sorted({(r.method, self.maker.own(r, w.owner)) for r in self.routes
                    if "/assets" not in r.pattern and r.pattern.startswith("/api")} | {
                ("POST" if "/users/" not in t else "GET", t) for t in self.internal_targets()
            }):
                for role in callers:
                    c = Cell("service: %s %s" % (method, target), role, method, target, CLOSED_DOOR | {405},
                            "claims to be a gateway")
                    c.headers = role.headers + claim + ([JSON] if method in ("POST", "PUT", "PATCH") else [])
                    c.body = b"{}" if method in ("POST", "PUT", "PATCH") else None
                    self.ask_service(c, wire)

    def ask_service(self, c, wire):
        """The one place that sends requests to a service itself."""
        try:
            a = wire.ask(c.method, c.target, c.headers, c.body)
        except (Gone, OSError):
            with self.judge.lock:
                self.judge.cells += 1
            return
        self.judge.answer(c, a, wire)

    def service_addresses(self):
        """The address on which each service listens, from the log of its last start."""
        for log in sorted(self.data.glob("log/*.log")):
            lines = re.findall(r"op=start url=http://([^: ]+):(\d+)", log.read_text(errors="replace"))
            if lines:
                yield lines[-1][0], int(lines[-1][1])

    # ---- allowed changes ----

    def grants(self, ask):
        """Makes each change by each role that may, on a thing made for it; then by all other roles with the same
        key."""
        for route in self.routes:
            if route.method == "GET" or route.row.who == NEVER:
                continue
            for role in self.grantees(route):
                self.grant(ask, route, role)

    def grantees(self, route):
        w = self.world
        owner, key, other, former, chief = w.known[5], w.known[6], w.known[1], w.known[2], w.known[3]
        if route.row.who in (ADMIN, CLOSED, GRANTED):
            return [chief]
        if route.row.fresh in ("user", "login") or route.row.who == ANYBODY: # each request hashes a password
            return [owner]
        return [owner, key, other, former, chief] if self.maker.long else [owner, key, former]

    def fresh(self, route, role):
        """(values of places that are made anew, the role that asks)"""
        w, kind, word = self.world, route.row.fresh, self.world.fresh_word()
        u = role.user
        one = V2 + "/drives/" + u.drive
        if kind == "file":
            made = w.ask(role, "PUT", one + "/files/" + word, b"fresh")["id"]
            return {"id": made, "path": word}, role
        if kind in ("drive", "trashed"):
            made = w.ask(role, "POST", V2 + "/drives", {"name": word})["id"]
            if kind == "trashed":
                w.ask(role, "POST", V2 + "/drives/" + made + "/folders", {"path": "/x"})
                w.ask(role, "DELETE", V2 + "/drives/%s?confirm=%s" % (made, word))
            return {"drive": made}, role
        if kind == "session":
            made = w.ask(role, "POST", one + "/sessions", {"name": word})["session"]
            return {"session": made}, role
        if kind == "block":
            self.block_bytes = word.encode()
            return {"sha256": hashlib.sha256(self.block_bytes).hexdigest()}, role
        if kind == "key":
            return {"id": w.make_key(role, word)["id"]}, role
        if kind == "user":
            u = w.make_user("fresh")
            return {"id": u.id}, Role("fresh user", "owner", w.log_in(u), user=u)
        if kind == "login":
            return {}, Role("fresh session", "owner", w.log_in(u), user=u)
        return {}, role

    def grant(self, ask, route, role):
        w, before = self.world, len(self.judge.failures)
        made, who = self.fresh(route, role)
        who.secret = role.secret
        values = {p: self.maker.states(route, p, who)[0][1] for p in route.places if p not in made}
        values.update(made)
        target = self.maker.fill(route, values)
        c = self.maker.cell(route, who, target, FITS, "done", route.row.good)
        if route.row.fresh == "session" and "/locks" in route.pattern:
            c.headers = [h for h in c.headers if h[0] != "Nephos-Session"] + [("Nephos-Session", made["session"])]
        if route.row.fresh == "block":
            c.body = self.block_bytes
        if route.row.who == ANYBODY:
            c.body = json.dumps({"name": who.user.login, "password": who.user.password}).encode()
        keyed = route.takes("Idempotency-Key")
        if keyed:
            c.headers = c.headers + [("Idempotency-Key", w.fresh_word())]
        a = ask(self.judge, c, w.wire())
        if a is None or a.status not in c.wanted:
            return
        self.forget_made(route, who, a)
        if keyed:
            self.repeats(ask, route, c, who)

    def forget_made(self, route, who, a):
        """Removes what need not stay, and would become too much."""
        if a.status != 201 or a.body[:1] != b"{":
            return
        made = json.loads(a.body)
        if route.pattern.endswith("/drives"):
            self.world.ask(who, "DELETE", V2 + "/drives/" + made["id"])
        if route.pattern in ("/api/v1/user", USER2 + "/users"):
            self.world.ask(self.world.root, "DELETE", USER2 + "/users/" + str(made["id"]))

    def repeats(self, ask, route, c, who):
        """Sends the same request with the same key, as every other role. Each must be judged as a new request; only the
        first caller may get the stored answer."""
        w = self.world
        for role in w.roles:
            if role.user is who.user or (role.standing != "stranger" and not self.maker.is_about_someone(route)):
                continue
            # A number names a thing of another user; "me" names the caller, who may ask.
            refused = refusal(route.row, role, FOREIGN if self.maker.is_about_someone(route) else FITS)
            if refused is None:
                continue
            again = Cell(route.name, role, c.method, c.target, refused, "the same key")
            again.headers, again.body = role.headers + [h for h in c.headers if h[0] != "Authorization"], c.body
            ask(self.judge, again, w.wire(1))
