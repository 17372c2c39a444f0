"""The world of the matrix: users in every standing, with and without a valid token, and a thing of each kind and state
that belongs to one of them."""
import base64
import hashlib
import itertools
import json
import os
import re
import subprocess
import threading

from matrix_table import FITS, FOREIGN, KIND, MALFORMED, MISSING, TRASHED
from matrix_wire import Wire

V2 = "/api/v2/docs"
USER2 = "/api/v2/user"
PASSWORD = "a long sentence of "
ODD_IDS = ["0", "-1", "abc", "1e3", "%2B1", "99999999999999999999", "18446744073709551616", "9223372036854775808",
        "%D9%A3", "1%20", "0x1", "null"]
ODD_NAMES = ["..", "a%00b", "%ff%2F"]


class Role:
    def __init__(self, name, standing, token=None, authorization=None, user=None):
        self.name = name
        self.standing = standing  # stranger, other, owner, admin
        self.token = token
        self.user = user  # the user behind the role: None for a stranger
        value = authorization if authorization is not None else "Bearer " + token if token else None
        self.headers = [("Authorization", value)] if value is not None else []


class User:
    """What a user has. Texts that only this user may see contain the user's word."""

    def __init__(self, name):
        self.name = name
        self.word = "zq" + os.urandom(5).hex()  # in names and contents
        self.login = "%s-%s" % (name, self.word[2:])  # administrators see it, too
        self.password = PASSWORD + self.word


class World:
    def __init__(self, urls, token, database):
        self.urls = urls
        self.local = threading.local()
        self.root = Role("root", "admin", token)
        self.database = database
        self.tokens = [token]
        self.numbers = itertools.count(1)
        self.tag = "m" + os.urandom(4).hex()
        self.users, self.extra_users = {}, []

    def wire(self, n=0):
        """A kept connection of this thread to the n-th gateway."""
        kept = self.local.__dict__.setdefault("wires", {})
        if n not in kept:
            host, _, port = self.urls[n % len(self.urls)].partition("://")[2].partition(":")
            kept[n] = Wire(host, int(port))
        return kept[n]

    def fresh_word(self):
        return "%s-%d" % (self.tag, next(self.numbers))

    def ask(self, role, method, target, body=None, wanted=None, headers=()):
        """A request that must succeed: returns the JSON answer, or None."""
        if isinstance(body, (dict, list)):
            body = json.dumps(body).encode()
        a = self.wire().ask(method, target, role.headers + list(headers), body)
        if a.status not in (wanted or (200, 201, 204)):
            raise SystemExit("matrix: %s %s by %s: %d %s" % (method, target, role.name, a.status, a.body[:300]))
        return json.loads(a.body) if a.body[:1] in (b"{", b"[") else None

    # ---- users ----

    def make_user(self, name):
        u = User(name)
        u.id = self.ask(self.root, "POST", USER2 + "/users",
                {"name": u.login, "password": u.password, "email": u.login + "@example.org"})["id"]
        return u

    def log_in(self, u):
        token = self.ask(Role("nobody", "stranger"), "POST", USER2 + "/sessions",
                {"name": u.login, "password": u.password})["token"]
        self.tokens.append(token)
        return token

    def make_key(self, role, name):
        key = self.ask(role, "POST", USER2 + "/keys", {"name": name})
        self.tokens.append(key["token"])
        return key

    def make_roles(self):
        users = self.users = {n: self.make_user(n) for n in ("owner", "other", "former", "chief", "gone")}
        by = {n: Role(n + " by session", {"owner": "owner", "chief": "admin"}.get(n, "other"), self.log_in(u), user=u)
                for n, u in users.items()}
        for u in ("chief", "former"):
            self.ask(self.root, "PATCH", USER2 + "/users/" + users[u].id, {"admin": True})
        keys = {n: self.make_key(r, r.user.word) for n, r in by.items()}
        by_key = {n: Role(n + " by key", r.standing, keys[n]["token"], user=r.user) for n, r in by.items()}
        self.ask(by_key["former"], "GET", USER2 + "/users")  # was an administrator, and a gateway has cached that
        self.ask(self.root, "PATCH", USER2 + "/users/" + users["former"].id, {"admin": False})
        revoked = self.make_key(by["owner"], "revoked")
        self.ask(by["owner"], "DELETE", USER2 + "/keys/" + revoked["id"])
        ended, expired = self.log_in(users["owner"]), self.log_in(users["owner"])
        self.ask(Role("", "owner", ended), "DELETE", USER2 + "/sessions/current")
        self.expire(expired)
        self.ask(self.root, "DELETE", USER2 + "/users/" + users["gone"].id)
        self.owner, self.other, self.former, self.chief = by["owner"], by["other"], by["former"], by["chief"]
        self.gone = users["gone"]
        self.keys, self.revoked_key = keys, revoked["id"]
        # The first ones represent their kind when not all are tried.
        self.strangers = [
            Role("nobody", "stranger"),
            Role("revoked key of the owner", "stranger", revoked["token"]),
            Role("ended session of the owner", "stranger", ended),
            Role("expired session of the owner", "stranger", expired),
            Role("key of a deleted user", "stranger", keys["gone"]["token"]),
            Role("unknown token", "stranger", "npk_" + os.urandom(32).hex()),
            Role("malformed token", "stranger", "npk_!'\"\\u0000"),
            Role("another scheme", "stranger",
                    authorization="Basic " + base64.b64encode((users["owner"].login + ":" + users["owner"].password).encode()).decode()),
        ]
        self.known = [by["other"], by_key["other"], by_key["former"], by["chief"], by_key["chief"], by["owner"],
                by_key["owner"]]
        self.roles = self.strangers + self.known

    def expire(self, token):
        """Makes the session expire at once instead of in thirty days. psql connects with the rights of the services."""
        digest = hashlib.sha256(token.encode()).hexdigest()
        sql = "UPDATE session SET expires_ns = 1 WHERE hash = decode('%s', 'hex') RETURNING 'one'" % digest
        done = subprocess.run(["psql", "-X", "-A", "-t", "-q", self.database, "-c", sql], capture_output=True,
                text=True, cwd="/")
        if done.stdout.strip() != "one":
            raise SystemExit("matrix: no session was made to expire: %s%s" % (done.stdout, done.stderr))

    # ---- the owner's things ----

    def make_things(self, role):
        u, word = role.user, role.user.word
        home = self.ask(role, "GET", V2 + "/drives/home")
        u.drive, u.root = home["id"], home["root"]
        one = V2 + "/drives/" + u.drive
        u.folder = self.ask(role, "POST", one + "/folders", {"path": "/%s-folder" % word})["id"]
        u.path, u.file_name = "%s-folder/%s-file" % (word, word), word + "-file"
        u.file = self.ask(role, "PUT", one + "/files/" + u.path, b"content " + word.encode())["id"]
        u.doc = self.ask(role, "PUT", one + "/files/%s-doc" % word, b"document " + word.encode())["id"]
        u.big = self.ask(role, "PUT", one + "/files/%s-big" % word, word.encode() * 4000)["id"]
        extents = self.ask(role, "GET", one + "/items/%s/extents" % u.big)["items"]
        u.block, u.cap = extents[0]["block"], extents[0]["cap"]
        u.deleted = self.ask(role, "PUT", one + "/files/%s-deleted" % word, b"deleted " + word.encode())["id"]
        self.ask(role, "DELETE", one + "/items/" + u.deleted)
        u.session = self.ask(role, "POST", one + "/sessions", {"name": word})["session"]
        u.ended_session = self.ask(role, "POST", one + "/sessions", {"name": word})["session"]
        self.ask(role, "DELETE", one + "/sessions/" + u.ended_session)
        u.watcher = self.ask(role, "POST", one + "/sessions", {"name": word})["session"]
        hold = {"id": u.file, "kind": "posix", "number": "1", "held": [[0, 9, True]]}
        self.ask(role, "POST", one + "/locks", hold, headers=[("Nephos-Session", u.session)])
        u.second, u.second_file = self.make_drive(role, "second")
        u.trashed, u.trashed_file = self.make_drive(role, "trashed", trashed=True)
        u.gone_drive = self.ask(role, "POST", V2 + "/drives", {"name": word + "-gone"})["id"]
        self.ask(role, "DELETE", V2 + "/drives/" + u.gone_drive)

    def make_drive(self, role, name, trashed=False):
        full = "%s-%s" % (role.user.word, name)
        drive = self.ask(role, "POST", V2 + "/drives", {"name": full})["id"]
        file = self.ask(role, "PUT", V2 + "/drives/%s/files/%s" % (drive, role.user.word),
                b"content " + role.user.word.encode())["id"]
        if trashed:
            self.ask(role, "DELETE", V2 + "/drives/%s?confirm=%s" % (drive, full))
        return drive, file

    def make(self):
        self.make_roles()
        for role in (self.owner, self.other, self.former, self.chief):
            self.make_things(role)
        self.make_secrets()

    # ---- secrets ----

    def make_secrets(self):
        """For each role a pattern of what it must never see: words of other users; and tokens, passwords and their
        stored forms, the role's own included."""
        hashes = [hashlib.sha256(t.encode()).hexdigest() for t in self.tokens]
        nobodys = self.tokens + hashes + [u.password for u in self.users.values()] + ["$argon2"]
        for role in self.roles:
            words = list(nobodys)
            for u in self.users.values():
                if role.user is u:
                    continue
                words.append(u.word)
                if role.standing != "admin":
                    words += [u.login]
            role.secret = re.compile("|".join(re.escape(w) for w in words).encode())

    # ---- states of a place ----

    def drives(self, role):
        """[(name of the state, value, nature)], the one that FITS first."""
        o, u = self.owner.user, role.user or self.owner.user
        mine = [("own drive", u.drive, FITS), ("home", "home", FITS),
                ("own drive with a zero in front", "0" + u.drive, MALFORMED), ("own second drive", u.second, FITS),
                        ("own drive in the trash", u.trashed, TRASHED)]
        whose = self.other.user if u is o else o
        theirs = [("another's drive", whose.drive, FOREIGN), ("another's second drive", whose.second, FOREIGN),
                ("another's drive in the trash", whose.trashed, FOREIGN)]
        none = [("another's drive that is gone", whose.gone_drive, MISSING),
                ("own drive that is gone", u.gone_drive, MISSING), ("no drive", "2147483000", MISSING)]
        return mine + theirs + none + [("drive %s" % v, v, MALFORMED) for v in ODD_IDS + ["HOME", "home%20", "me"]]

    def items(self, role, v1=False):
        """Of the role's own drive."""
        o, u = self.owner.user, role.user or self.owner.user
        whose = self.other.user if u is o else o
        odd = [("item %s" % v, v, MALFORMED) for v in ODD_IDS]
        mine = [("file", u.doc if v1 else u.file, FITS), ("folder", u.folder, KIND), ("root", u.root, KIND)]
        if not v1:
            mine.append(("large file", u.big, FITS))
            mine.append(("item of the own second drive", u.second_file, MISSING))
        theirs = [("another's file", whose.file, FOREIGN), ("another's folder", whose.folder, FOREIGN),
                ("another's file in the trash", whose.trashed_file, FOREIGN)]
        none = [("deleted file", u.deleted, MISSING), ("another's deleted file", whose.deleted, MISSING),
                ("no item", str((int(u.drive) << 32) + 4000000000), MISSING),
                        ("none of another's items", str((int(whose.drive) << 32) + 4000000000), MISSING)]
        return mine + theirs + none + odd

    def paths(self, role):
        u = role.user or self.owner.user
        whose = self.other.user if u is self.owner.user else self.owner.user
        return [
            ("file", u.path, FITS),
            ("folder", u.path.split("/")[0], KIND),
            ("no file", u.path + "-none", MISSING),
            ("a path of another's", whose.path, MISSING),
            ("a path through a file", u.path + "/x", KIND),
        ] + [("path %s" % p, p, MALFORMED) for p in ODD_NAMES]

    def names(self, role):
        u = role.user or self.owner.user
        return [("file", u.file_name, FITS), ("no name", "none", MISSING), ("a dot", ".", MALFORMED),
                ("dots", "..", MALFORMED), ("a slash", "a%2Fb", MALFORMED), ("a NUL", "a%00b", MALFORMED)]

    def sessions(self, role):
        u = role.user or self.owner.user
        whose = self.other.user if u is self.owner.user else self.owner.user
        return [("session", u.session, FITS), ("another's session", whose.session, KIND),
                ("ended session", u.ended_session, KIND), ("no session", "4000000000", KIND)] + [
            ("session %s" % v, v, MALFORMED) for v in ODD_IDS[:4]
        ]

    def blocks(self, role):
        u = role.user or self.owner.user
        whose = self.other.user if u is self.owner.user else self.owner.user
        return [("block", u.block, FITS), ("another's block", whose.block, FOREIGN),
                ("no block", "0" * 64, MISSING)] + [
            ("block %s" % v, v, MALFORMED) for v in ("0", "x" * 64, u.block[:-1], u.block + "0", "..%5c")
        ]

    def accounts(self, role, words):
        """Users by id. For a stranger and for another user, the account is the owner's."""
        u = self.owner.user
        mine = role.user or u
        rows = [("own account", mine.id, FITS),
                ("another's account", u.id if mine is not u else self.other.user.id, FOREIGN)]
        if words:
            rows += [("me", "me", FITS), ("the default", "default", FOREIGN)]
        return rows + [("a deleted account", self.gone.id, MISSING),
                ("no account", "4000000000", MISSING)] + [("account %s" % v, v, MALFORMED) for v in ODD_IDS]

    def keys_of(self, role):
        u = role.user or self.owner.user
        whose = self.other.user if u is self.owner.user else self.owner.user
        return [("own key", self.keys[u.name]["id"], FITS), ("another's key", self.keys[whose.name]["id"], FOREIGN),
                ("a revoked key", self.revoked_key, MISSING), ("no key", "4000000000", MISSING)] + [
            ("key %s" % v, v, MALFORMED) for v in ODD_IDS
        ]

    def states(self, pattern, place, role):
        if place == "drive":
            return self.drives(role)
        if place == "path":
            return self.paths(role)
        if place == "name":
            return [("asset", "page.js", FITS)] if "/assets/" in pattern else self.names(role)
        if place == "session":
            return self.sessions(role)
        if place == "sha256":
            return self.blocks(role)
        if place == "user" or (place == "id" and "/user" in pattern and "/keys/" not in pattern):
            return self.accounts(role, place == "user")
        if place == "id" and "/keys/" in pattern:
            return self.keys_of(role)
        if place == "id":
            return self.items(role, "/drives/" not in pattern)
        raise SystemExit("matrix: nothing is known of what may stand for {%s} in %s: say so in matrix_world.py" % (place, pattern))

    # ---- the whole state ----

    def look(self):
        """Everything of all users that a refused cell must not change."""
        seen = {}
        for role in (self.owner, self.other, self.former, self.chief):
            u = role.user
            for trashed in ("0", "1"):
                for d in self.ask(role, "GET", V2 + "/drives?trashed=" + trashed)["drives"]:
                    del d["free"]
                    seen["%s: drive %s" % (u.name, d["id"])] = d
            seen[u.name + ": account"] = self.ask(role, "GET", V2 + "/accounts/me")
            # Removed documents count until upkeep has removed them. The drive's position shows all other changes to
            # the count.
            seen[u.name + ": account"].pop("documents", None)
            keys = self.ask(role, "GET", USER2 + "/keys?limit=1000")["items"]
            seen[u.name + ": keys"] = [(k["id"], k["name"]) for k in keys]
            watcher = [("Nephos-Session", u.watcher)]
            seen[u.name + ": lock"] = self.ask(role, "GET",
                    V2 + "/drives/home/locks?kind=posix&exclusive=1&id=" + u.file, headers=watcher, wanted=(200, 410))
            for session in (u.session, u.watcher): # this poll keeps the sessions alive, too
                poll = {"since": "0", "limit": 1, "wait": 0, "session": session, "held": []}
                polled = self.ask(role, "POST", V2 + "/drives/home/changes", poll, wanted=(200, 410))
                seen["%s: session %s" % (u.name, session)] = polled.get("title", "is there")
        page = self.ask(self.chief, "GET", USER2 + "/users?limit=1000")
        for one in page["items"]:
            seen["user %s" % one["id"]] = one
        seen["default account"] = self.ask(self.chief, "GET", V2 + "/accounts/default")
        return seen

    def unmake(self):
        for u in list(self.users.values()) + self.extra_users:
            self.wire().ask("DELETE", USER2 + "/users/" + u.id, self.root.headers)


def differences(before, after):
    return ["%s: %s, now %s" % (k, before.get(k), after.get(k)) for k in sorted(before.keys() | after.keys())
            if before.get(k) != after.get(k)]
