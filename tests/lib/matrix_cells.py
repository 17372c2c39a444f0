"""The cells of the matrix: the requests to make, and the statuses that each may get. They are made from the routes that
the servers publish, the rows of matrix_table, and the things of matrix_world."""
import json
import re

from matrix_table import (
    ANNOUNCED, ANYBODY, CONDITIONAL, CONDITIONS, FITS, FOREIGN, GRANTED, KIND, MALFORMED, MISSING, ODD_FLAGS,
            ODD_NUMBERS, ODD_TEXTS, OWNER,
    ROWS, SAME, SELF, TRASHED, WRONG_JSON, answers, claims, refusal, spellings,
)

JSON = ("Content-Type", "application/json")
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
STRANGE_METHODS = ["TRACE", "PROPFIND", "FOO"]  # that no route has
PLACE = re.compile(r"\{(\w+)\}")


class Cell:
    __slots__ = "route row role method target headers body announced wanted way group value allow head".split()

    def __init__(self, route, role, method, target, wanted, way):
        self.route, self.role, self.method, self.target = route, role, method, target
        self.wanted, self.way = set(wanted), way
        self.row = ROWS.get(route)
        self.headers, self.body, self.announced = [], None, None
        self.group = None  # cells of one group must get the same answer
        self.value = None  # the text in the target that may differ between them
        self.allow = None  # of a 405 and of OPTIONS
        self.head = False  # HEAD is asked, too

    def changes(self):
        """Whether the request may change anything when it is allowed."""
        return self.method not in ("GET", "HEAD", "OPTIONS") and any(200 <= s < 300 for s in self.wanted)


class Route:
    def __init__(self, method, pattern, operation):
        self.method, self.pattern, self.operation = method, pattern, operation
        self.name = method + " " + pattern
        self.row = ROWS[self.name]
        self.full = pattern + ("?" + self.row.query if self.row.query else "")
        self.places = PLACE.findall(self.full)
        self.turn = sum(map(ord, self.name)) # depends on the name alone, and not on which other routes there are
        self.parameters = operation.get("parameters", []) if operation else []

    def takes(self, header):
        return any(p["in"] == "header" and p["name"] == header for p in self.parameters)


def whole(natures):
    """The nature of a target with several places."""
    for nature in (MALFORMED, FOREIGN, MISSING, TRASHED, KIND):
        if nature in natures:
            return nature
    return FITS


class Maker:
    """Makes the cells of one route after the other."""

    def __init__(self, world, routes, long):
        self.world, self.long = world, long
        self.routes = routes
        self.methods = {}
        for r in routes:
            self.methods.setdefault(r.pattern, set()).add(r.method)

    # ---- roles that try ----

    def some(self, route, part=1):
        """All roles in the long form. Otherwise two of the strangers, in turn, and one role of each other standing; of
        these, every `part`-th."""
        w = self.world
        if self.long:
            return w.roles
        route.turn += 1
        n, turn = len(w.strangers), route.turn
        roles = [w.strangers[turn * 2 % n], w.known[0], w.known[3 + turn % 2], w.strangers[(turn * 2 + 1) % n],
                w.known[2], w.known[5 + turn % 2]]
        return roles[turn % part :: part]

    def whose(self, role):
        o = self.world.owner.user
        return self.world.other.user if role.user is o else o

    # ---- targets ----

    def states(self, route, place, role):
        states = list(self.world.states(route.pattern, place, role))
        first = route.row.base.get(place)
        if first == "trashed": # the place that fits is in the trash, and a missing one does not apply
            return [(n, v, FITS if s == TRASHED else KIND if s == FITS else s) for n, v,
                    s in states if s == TRASHED] + [
                (n, v, KIND if s == FITS else s) for n, v, s in states if s != TRASHED
            ]
        if first:
            return [(n, v, FITS) for n, v, s in states if n == first] + [(n, v, KIND if s == FITS else s) for n, v,
                    s in states if n != first]
        return states

    def fill(self, route, values):
        return PLACE.sub(lambda m: values[m.group(1)], route.full)

    def own(self, route, role):
        """(target, nature): a target that fits and belongs to the role; for a stranger, the owner's."""
        return self.fill(route, {p: self.states(route, p, role)[0][1] for p in route.places})

    def foreign(self, route, role):
        """A target whose places all belong to one other user."""
        u, trashed = self.whose(role), route.row.base.get("drive") == "trashed"
        item = {"folder": u.folder}.get(route.row.base.get("id"), u.doc if "/drives/" not in route.pattern else u.file)
        values = {"drive": u.trashed if trashed else u.drive, "path": u.path, "name": u.file_name, "session": u.session,
                "sha256": u.block, "user": u.id, "id": item}
        if "/keys/" in route.pattern:
            values["id"] = self.world.keys[u.name]["id"]
        elif "/user" in route.pattern:
            values["id"] = u.id
        return self.fill(route, values)

    def is_hidden(self, route, role):
        """Whether another user's things look to this caller as if they did not exist."""
        return refusal(route.row, role, FOREIGN) == {404}

    def is_about_someone(self, route):
        return route.row.who in (OWNER, SELF, GRANTED)

    # ---- a cell ----

    def content(self, route, role, user):
        """(headers, body) that the row needs, about things of this user."""
        body, headers = route.row.body, []
        if "/locks" in route.pattern:
            headers.append(("Nephos-Session", (role.user or self.world.owner.user).session))
        if body is None:
            return headers, None
        if "/blocks/" in route.pattern:
            return headers, user.word.encode() * 4000
        values = {"word": self.world.fresh_word(), "root": user.root, "id": user.file, "session": user.session}
        values["own_name"], values["own_password"] = (role.user or user).login, "another sentence"
        text = body.decode() if isinstance(body, bytes) else json.dumps(body)
        text = re.sub(r"\{(\w+)\}", lambda m: str(values.get(m.group(1), m.group(0))), text)
        return headers + ([JSON] if isinstance(body, dict) else []), text.encode()

    def cell(self, route, role, target, nature, way, wanted=None, foreign=False):
        if wanted is None:
            wanted = refusal(route.row, role, nature) or answers(route.row, nature)
        c = Cell(route.name, role, route.method, target, wanted, way)
        user = self.whose(role) if foreign else role.user or self.world.owner.user
        headers, c.body = self.content(route, role, user)
        c.headers = role.headers + headers
        return c

    # ---- A: states ----

    def in_states(self, route):
        for role in self.world.roles:
            yield self.with_head(route, self.cell(route, role, self.own(route, role), FITS, "own"))
            if not self.is_about_someone(route) or not route.places:
                continue
            c = self.with_head(route, self.cell(route, role, self.foreign(route, role), FOREIGN, "another's",
                    foreign=True))
            c.group = (route.name, role.name) if self.is_hidden(route, role) else None
            yield c
        for role in self.some(route):
            for place in route.places if self.is_about_someone(route) else []:
                others = {p: self.states(route, p, role)[0] for p in route.places if p != place}
                step = 4 if role.standing == "stranger" and not self.long else 1
                for state in self.states(route, place, role)[1::step]:
                    c = self.in_state(route, role, place, state, others)
                    yield self.with_head(route, c) if self.long else c

    def in_state(self, route, role, place, state, others):
        name, value, nature = state
        natures = [nature] + [s for _, _, s in others.values()]
        together = whole(natures)
        values = {p: v for p, (_, v, _) in others.items()}
        values[place] = value
        wanted = None
        # The drive is the caller's own, and the thing in it belongs to another drive.
        if place == "drive" and others and nature in (FITS, TRASHED) and value not in ("home",
                ) and role.standing != "stranger":
            wanted = {404, 409, 410} | (route.row.good if route.row.anywhere else set())
        if place == "drive" and nature == MALFORMED:
            wanted = refusal(route.row, role, MISSING) or NOT_A_DRIVE
        if name == "deleted file" and role.standing != "stranger": # the caller's own, which may still be known for a while
            wanted = route.row.missing | {404, 409, 410}
        if nature in (FOREIGN, MISSING) and place not in ("drive",
                "user") and "/drives/" in route.pattern and role.standing != "stranger":
            wanted = wanted or route.row.missing # within the caller's own drive
        # The things in the body belong to the same user, except a block, which the target names by its hash.
        foreign = place == "drive" and value == self.whose(role).drive and "sha256" not in others
        c = self.cell(route, role, self.fill(route, values), together, name, wanted, foreign=foreign)
        if "own" in name or name in ("deleted file", "no item") or wanted:
            return c
        if together in (FOREIGN, MISSING) and place != "path" and self.is_hidden(route, role):
            c.group, c.value = (route.name, role.name), value
        return c

    def with_head(self, route, c):
        c.head = route.method == "GET"
        return c

    # ---- B: methods ----

    def in_methods(self, route):
        """Once for each pattern, by its first route."""
        mine = self.methods[route.pattern]
        if route.pattern.endswith(("/docs", "openapi.json",
                "{name}")) and route.row.who == ANYBODY or route.method != min(mine):
            return
        allow = mine | {"OPTIONS"} | ({"HEAD"} if "GET" in mine else set())
        for role in self.some(route):
            for method in METHODS + STRANGE_METHODS:
                if method in allow:
                    continue
                wanted = {401, 405} if role.standing == "stranger" and route.pattern.startswith("/api") else {405}
                if method in STRANGE_METHODS:
                    wanted = {501}
                c = Cell(route.name, role, method, self.own(route, role), wanted, "method")
                c.headers = role.headers + ([JSON] if method in ("POST", "PUT", "PATCH") else [])
                c.body = b"{}" if method in ("POST", "PUT", "PATCH") else None
                c.allow = None if method in STRANGE_METHODS else allow
                yield c
            if route.pattern.startswith("/api"):
                c = Cell(route.name, role, "OPTIONS", self.own(route, role), {204}, "method")
                c.headers, c.allow = role.headers, allow
                yield c

    # ---- C: bodies ----

    def wrong_bodies(self, route):
        """[(name, body, announced, more headers, statuses)]"""
        row, found = route.row, [("a body without end announced", None, ANNOUNCED, [], {413})]
        if isinstance(row.body, dict):
            odd = {k: {"odd": []} for k in row.body}
            found += [(n, b, None, [JSON], {400, 413, 422}) for n, b in WRONG_JSON if not (row.empty_is_fine and not b)]
            found.append(("members of the wrong type", json.dumps(odd).encode(), None, [JSON], {400, 422}))
        elif row.body is not None:
            found += [
                ("a form", b"--x--", None, [("Content-Type", "multipart/form-data; boundary=x")], {400, 415}),
                ("a coding", b"\x1f\x8b", None, [("Content-Encoding", "gzip")], {400, 415}),
                ("another digest", b"x", None, [("Repr-Digest", "sha-256=:%s:" % ("A" * 43 + "="))], {400}),
                ("part of it", b"x", None, [("Content-Range", "bytes 0-0/2")], {400}),
            ]
        return found

    def in_bodies(self, route):
        for name, body, announced, headers, wanted in self.wrong_bodies(route):
            for role in self.some(route, 2):
                for target, nature in self.targets(route, role):
                    refused = refusal(route.row, role, nature)
                    # The server may check the body or the permission first, if it does the same for another user's
                    # thing and for a missing one.
                    both = refused | wanted if refused else wanted
                    c = self.cell(route, role, target, nature, name, both, foreign=nature == FOREIGN)
                    c.headers = role.headers + [h for h in c.headers if h[0] == "Nephos-Session"] + headers
                    c.body, c.announced = body, announced
                    if nature in (FOREIGN, MISSING) and refused:
                        c.group = (route.name, role.name, name)
                    yield c

    def targets(self, route, role):
        """[(target, nature)]: the caller's own, another user's, and a missing one in its place."""
        found = [(self.own(route, role), FITS)]
        if self.is_about_someone(route) and route.places and role.standing != "stranger":
            found.append((self.foreign(route, role), FOREIGN))
            for place in route.places[:1]:
                missing = [v for _, v, s in self.states(route, place, role) if s == MISSING][-1]
                values = {p: self.states(route, p, role)[0][1] for p in route.places}
                values[place] = missing
                found.append((self.fill(route, values), MISSING))
        return found

    # ---- D: spellings ----

    def in_spellings(self, route):
        for role in self.some(route):
            safe = route.method == "GET" or role.standing == "stranger" or not self.is_about_someone(route)
            target, nature = (self.own(route, role), FITS) if safe else (self.foreign(route, role), FOREIGN)
            plain = refusal(route.row, role, nature) or answers(route.row, nature)
            for n, (name, spelt, relation) in enumerate(spellings(target)):
                if not self.long and (n + route.turn) % 4:
                    continue
                if relation >= SAME:
                    wanted = (relation - SAME) | plain
                else:
                    wanted = relation | ({401} if role.standing == "stranger" and 404 in relation else set())
                yield self.cell(route, role, spelt, nature, name, wanted, foreign=not safe)

    # ---- E: header fields ----

    def in_fields(self, route):
        w = self.world
        more = [(n, h or [("Nephos-Session", w.owner.user.session)]) for n, h in claims(w.owner.user.id)]
        first = route.turn
        for n, (name, fields) in enumerate(more + CONDITIONS):
            if not self.long and (n + first) % 3:
                continue
            # A poll and a lock name their own session; a second session header is refused for that reason.
            if route.pattern.endswith(("/locks", "/wait", "/changes")) and fields[0][0] == "Nephos-Session":
                continue
            conditional = (name, fields) in CONDITIONS
            for role in self.some(route, 2):
                for target, nature in self.targets(route, role):
                    refused = refusal(route.row, role, nature)
                    wanted = refused or answers(route.row, nature)
                    if conditional:
                        wanted = wanted | self.under_condition(route, name, refused)
                    if not refused and nature == FITS and self.must_fail(route, name):
                        wanted = {412}
                    c = self.cell(route, role, target, nature, name, wanted, foreign=nature == FOREIGN)
                    c.headers = c.headers + [(n, v.replace("{word}", self.world.fresh_word())) for n, v in fields]
                    if nature in (FOREIGN, MISSING) and refused:
                        c.group = (route.name, role.name, name)
                    yield c

    def under_condition(self, route, name, refused):
        """The other statuses that are possible. A field that cannot be parsed is refused, for any owner. So is a
        condition that cannot hold by this route, whatever it is about."""
        odd = {400} if name.endswith("none") or name in ("If-Match: no etag", "a key like a batch",
                "no range") else set()
        if refused:
            return odd | ({412} if self.must_fail(route, name) else set()) if 401 not in refused else set()
        return odd | (CONDITIONAL if route.method == "GET" else {400, 410, 412})

    def must_fail(self, route, name):
        """A change whose condition does not hold must fail, also where there is nothing to compare."""
        if route.method == "GET":
            return False
        if name == "If-None-Match: any":
            return route.takes("If-None-Match")
        return name == "If-Match: another"

    # ---- F: queries ----

    def in_queries(self, route):
        for p in route.parameters:
            if p["in"] != "query":
                continue
            kind = p["schema"]["type"]
            odd = ODD_NUMBERS if kind == "integer" else ODD_FLAGS if kind == "boolean" else ODD_TEXTS
            for value in odd:
                for role in self.some(route, 2):
                    yield self.in_query(route, role, p["name"], kind, value)

    def in_query(self, route, role, name, kind, value):
        target = self.own(route, role)
        path, _, query = target.partition("?")
        kept = [q for q in query.split("&") if q and not q.startswith(name + "=")]
        refused = refusal(route.row, role, FITS)
        if kind != "string":
            wanted = refused or {400}
            wanted = wanted | ({400} if route.row.odd_first and 401 not in wanted else set())
        else: # any text may be a name, a cursor or a confirmation that matches nothing
            wanted = refused or {200, 400, 404, 409, 422, 428} - ({200} if route.method != "GET" else set())
            if name == "path" and route.method == "PUT" and not refused: # most texts are the name of a new file
                wanted = wanted | {201}
            wanted = wanted | ({400} if route.row.odd_first and 401 not in wanted else set())
        if "%00" in value:
            wanted = {400}
        return self.cell(route, role, path + "?" + "&".join(kept + [name + "=" + value]), FITS,
                "%s=%s" % (name, value[:40]), wanted)


NOT_A_DRIVE = {400, 404}
WAYS = [Maker.in_states, Maker.in_methods, Maker.in_bodies, Maker.in_spellings, Maker.in_fields, Maker.in_queries]


def of_route(maker, route):
    return [c for way in WAYS for c in way(maker, route)]
