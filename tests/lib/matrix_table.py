"""Who may do what, by which kinds of requests: the expectations of the matrix. The table is written by hand from the
API's contract, and takes nothing from the servers' code.

Each route has a row; a route without a row is a failure. A row says which callers are allowed, which status a success
has, and what to send:

    ANYBODY     every caller, also without a token
    SOMEBODY    every caller with a valid token: the route is about the caller
    OWNER       the owner of the drive. All others, administrators included, get 404
    SELF        the owner of the account, and administrators; others get 404
    GRANTED     administrators. The owner of the account gets 403; others get 404
    ADMIN       administrators; others get 403
    CLOSED      as ADMIN, and without a token 401: registration is not open
    NEVER       no caller any more: 403
"""

ANYBODY, SOMEBODY, OWNER, SELF, GRANTED, ADMIN, CLOSED, NEVER = "anybody somebody owner self granted admin closed never".split()

# The natures of a place in a target. FITS: what the row is made for. KIND: it exists, but is of another kind.
FITS, KIND, TRASHED, FOREIGN, MISSING, MALFORMED = "fits kind trashed foreign missing malformed".split()

NOT_THERE = {404}


class Row:
    def __init__(self, who, good, body=None, base=None, query=None, kind=None, trashed=None, missing=None, fresh=None,
            empty_is_fine=False, anywhere=False, odd_first=False):
        self.who = who
        self.good = set(good) if isinstance(good, (set, tuple)) else {good}
        self.body = body  # a dict: JSON; bytes: content; None: no body is wanted
        self.base = base or {}  # the state of a place that fits, where it is not the first
        self.query = query  # the query that the route needs, with places
        self.kind = kind or {404, 409, 422}  # for an allowed caller, when the thing exists and is of another kind
        self.trashed = trashed or {409}
        self.missing = missing or NOT_THERE
        self.anywhere = anywhere  # nothing of it lies in one of the drives
        self.odd_first = odd_first  # every caller with a token learns that the query makes no sense
        self.fresh = fresh  # the thing to be made anew for an allowed change
        self.empty_is_fine = empty_is_fine  # the body may be left out


V1, V2 = "/api/v1/docs", "/api/v2/docs"
ONE = V2 + "/drives/{drive}"
USER1, USER2 = "/api/v1/user", "/api/v2/user"
EMAIL = {"email": "{word}@example.org"}
NEW_USER = {"name": "{word}", "password": "{word}{word}"}
LOCK = {"id": "{id}", "kind": "posix", "number": "1", "held": []}
LOOK = {200, 404, 409, 422}  # of a read that does not fit the thing: harmless, whatever the status

ROWS = {
    "GET /api/v2/gateways": Row(SOMEBODY, 200),
    "GET /api/v2/gateways/owners": Row(SOMEBODY, 200, query="drive=1"),
    "GET /api/assets/{name}": Row(ANYBODY, 200),
    "GET /healthz": Row(ANYBODY, 200),
    "GET /readyz": Row(ANYBODY, 200),
    "GET /metrics": Row(ANYBODY, 200),
    "GET /status": Row(ANYBODY, 200),
    # ---- documents, version 1 ----
    "GET " + V1 + "/docs/openapi.json": Row(ANYBODY, 200),
    "GET " + V1 + "/docs": Row(ANYBODY, 200),
    "GET " + V1: Row(SOMEBODY, 200),
    "POST " + V1: Row(SOMEBODY, 201, {"title": "{word}", "text": "{word}"}),
    "GET " + V1 + "/{id}": Row(OWNER, 200, kind={404}),
    "PUT " + V1 + "/{id}": Row(OWNER, 200, {"text": "{word}"}, kind={404}, fresh="file"),
    "DELETE " + V1 + "/{id}": Row(OWNER, 204, kind={404}, fresh="file"),
    # ---- drives ----
    "GET " + V2 + "/docs/openapi.json": Row(ANYBODY, 200),
    "GET " + V2 + "/docs": Row(ANYBODY, 200),
    "GET " + V2 + "/drives": Row(SOMEBODY, 200),
    "POST " + V2 + "/drives": Row(SOMEBODY, 201, {"name": "{word}"}, fresh="room"),
    "GET " + ONE: Row(OWNER, 200),
    "PATCH " + ONE: Row(OWNER, 200, {"name": "{word}"}, fresh="drive"),
    "DELETE " + ONE: Row(OWNER, 204, fresh="drive"),
    "POST " + ONE + "/restore": Row(OWNER, 200, base={"drive": "trashed"}, trashed={200}, kind={404}, fresh="trashed",
            empty_is_fine=True),
    "GET " + V2 + "/accounts/{user}": Row(SELF, 200),
    "PUT " + V2 + "/accounts/{user}": Row(GRANTED, 200, {"quota": None}),
    "POST " + V2 + "/fsck": Row(ADMIN, {200, 202}, {"repair": False}, empty_is_fine=True),
    "GET " + V2 + "/fsck": Row(ADMIN, 200),
    "DELETE " + V2 + "/fsck": Row(ADMIN, 200),
    "GET " + V2 + "/fsck/findings": Row(ADMIN, 200),
    # ---- content ----
    "GET " + ONE + "/files/{path}": Row(OWNER, 200, kind={404, 409}),
    "PUT " + ONE + "/files/{path}": Row(OWNER, (200, 201), b"{word}", kind={409}, missing={200, 201, 409}, fresh="file",
            empty_is_fine=True),
    "DELETE " + ONE + "/files/{path}": Row(OWNER, 204, kind={404, 409}, fresh="file"),
    "GET " + ONE + "/files": Row(OWNER, 200, query="path=/{path}", kind={404, 409}),
    "PUT " + ONE + "/files": Row(OWNER, (200, 201), b"{word}", query="path=/{path}", kind={409},
            missing={200, 201, 409}, fresh="file", empty_is_fine=True),
    "DELETE " + ONE + "/files": Row(OWNER, 204, query="path=/{path}", kind={404, 409}, fresh="file"),
    "GET " + ONE + "/items/{id}/content": Row(OWNER, 200, kind={404, 409}),
    "PUT " + ONE + "/items/{id}/content": Row(OWNER, 200, b"{word}", kind={409}, fresh="file", empty_is_fine=True),
    # ---- items ----
    "GET " + ONE + "/items": Row(OWNER, 200, query="path=/{path}", kind=LOOK),
    "GET " + ONE + "/items/{id}": Row(OWNER, 200, kind={200}),
    "DELETE " + ONE + "/items/{id}": Row(OWNER, 204, kind={409}, fresh="file"),
    "GET " + ONE + "/items/{id}/children": Row(OWNER, 200, base={"id": "folder"}, kind=LOOK),
    "GET " + ONE + "/items/{id}/lookup": Row(OWNER, 200, base={"id": "folder"}, query="name={name}", kind=LOOK),
    "GET " + ONE + "/items/{id}/extents": Row(OWNER, 200, kind=LOOK),
    "GET " + ONE + "/items/{id}/xattrs": Row(OWNER, 200, kind=LOOK),
    "POST " + ONE + "/folders": Row(OWNER, 201, {"path": "/{word}"}),
    # ---- changes ----
    "POST " + ONE + "/ops": Row(OWNER, 200, {"ops": [{"op": "create", "parent": "{root}", "name": "{word}",
            "type": "file"}]}),
    "POST " + ONE + "/ids": Row(OWNER, 201, {"count": 1}),
    "GET " + ONE + "/changes": Row(OWNER, 200, query="since=0"),
    "POST " + ONE + "/changes": Row(OWNER, 200, {"since": "0", "wait": 0, "session": "{session}", "held": []}),
    "POST " + ONE + "/sessions": Row(OWNER, 201, {"name": "{word}"}, empty_is_fine=True),
    "DELETE " + ONE + "/sessions/{session}": Row(OWNER, 204, fresh="session", kind={204}, anywhere=True),
    "POST " + ONE + "/locks": Row(OWNER, 200, LOCK, trashed={404, 409}, fresh="session"),
    "GET " + ONE + "/locks": Row(OWNER, 200, query="id={id}&kind=posix&exclusive=true", kind=LOOK, missing={200, 404}),
    "POST " + ONE + "/locks/wait": Row(OWNER, 200, {"id": "{id}", "kind": "posix", "want": [0, 1, True], "wait": 0},
            trashed={404, 409}),
    # ---- blocks ----
    "PUT " + ONE + "/blocks/{sha256}": Row(OWNER, (200, 201), b"{word}", missing={400}, anywhere=True, fresh="block"),
    "GET " + ONE + "/blocks/{sha256}": Row(OWNER, 200),
    # ---- users, version 1 ----
    "GET " + USER1 + "/docs/openapi.json": Row(ANYBODY, 200),
    "GET " + USER1 + "/docs": Row(ANYBODY, 200),
    "POST " + USER1: Row(CLOSED, 201, NEW_USER),
    "GET " + USER1 + "/{id}": Row(SELF, 200),
    "PUT " + USER1 + "/{id}": Row(SELF, 200, EMAIL),
    "DELETE " + USER1 + "/{id}": Row(SELF, 204, fresh="user"),
    # ---- users, version 2 ----
    "GET " + USER2 + "/docs/openapi.json": Row(ANYBODY, 200),
    "GET " + USER2 + "/docs": Row(ANYBODY, 200),
    "POST " + USER2 + "/sessions": Row(ANYBODY, 201, {"name": "{own_name}", "password": "{own_password}"}),
    "DELETE " + USER2 + "/sessions/current": Row(SOMEBODY, 204, fresh="login"),
    "GET " + USER2 + "/me": Row(SOMEBODY, 200),
    "PATCH " + USER2 + "/me": Row(SOMEBODY, 200, EMAIL),
    "GET " + USER2 + "/keys": Row(SOMEBODY, 200),
    "POST " + USER2 + "/keys": Row(SOMEBODY, 201, {"name": "{word}"}),
    "DELETE " + USER2 + "/keys/{id}": Row(OWNER, 204, fresh="key"),
    "POST " + USER2 + "/setup": Row(NEVER, 403, {"token": "npt_{word}", "name": "{word}", "password": "{word}{word}"}),
    "GET " + USER2 + "/users": Row(ADMIN, 200, odd_first=True),
    "POST " + USER2 + "/users": Row(ADMIN, 201, NEW_USER),
    "GET " + USER2 + "/users/{id}": Row(SELF, 200),
    "PATCH " + USER2 + "/users/{id}": Row(SELF, 200, EMAIL),
    "DELETE " + USER2 + "/users/{id}": Row(SELF, 204, fresh="user"),
}


def refusal(row, role, nature):
    """The statuses that this caller gets for the row's request on a thing of this nature, where FITS is the caller's
    own; None: the caller is allowed."""
    if role.standing == "stranger":
        if row.who in (ANYBODY, NEVER):
            return None if row.who == ANYBODY else {403}
        return {400, 401} if nature == MALFORMED else {401}
    if row.who in (ANYBODY, SOMEBODY):
        return None
    if row.who == NEVER:
        return {403}
    if row.who in (ADMIN, CLOSED):
        return None if role.standing == "admin" else {403}
    if row.who == OWNER or role.standing != "admin":
        if nature in (FOREIGN, MISSING):
            return NOT_THERE
        if row.who == GRANTED and nature != MALFORMED:
            return {403}
    return None


def answers(row, nature):
    """The statuses for an allowed caller, by the nature of the thing."""
    return {
        FITS: row.good,
        KIND: row.kind,
        TRASHED: row.trashed,
        FOREIGN: row.good,  # an administrator reads another user's
        MISSING: row.missing,
        MALFORMED: {400, 404},
    }[nature]


# ---- ways to ask ----

# Bodies that do not fit a JSON row. "announced" names a length, and sends nothing.
WRONG_JSON = [
    ("no body", None),
    ("an empty body", b""),
    ("half an object", b'{"name":'),
    ("a list", b"[1]"),
    ("a text", b'"name"'),
    ("not UTF-8", b'{"name":"\xff\xfe"}'),
    ("a name twice", b'{"name":"a","name":"b"}'),
    ("a hundred brackets", b"[" * 100 + b"]" * 100),
    ("something behind it", b"{} {}"),
]
ANNOUNCED = 10**13  # more than any route takes

# Other spellings of a target. SAME: it means the same target. BAD: it is refused before anything else. ELSE: it
# means another target, where nothing is.
SAME, BAD, ELSE = {"same"}, {400}, {400, 404, 405}


def spellings(target):
    path, mark, query = target.partition("?")
    query = mark + query
    head, _, last = path.rpartition("/")
    some = "".join("%%%02x" % b for b in last[:1].encode()) + last[1:]
    more = "&" if query else "?"
    return [
        ("a letter escaped", "/%61" + path[2:] + query if path.startswith("/a") else head + "/" + some + query, SAME),
        ("the last segment escaped", head + "/" + (some if "%" not in last else last) + query, SAME),
        ("with a scheme", "http://elsewhere.example" + target, SAME),
        ("an unknown parameter", target + more + "nobody=1", SAME),
        ("a slash at the end", path + "/" + query, SAME | {400, 404}),
        ("two slashes in front", "/" + target, BAD),
        ("two slashes within", head + "//" + last + query, BAD),
        ("a dot segment", head + "/./" + last + query, BAD),
        ("up and down again", head + "/x/../" + last + query, BAD),
        ("dots escaped", head + "/%2e%2E/" + last + query, BAD),
        ("a slash escaped", path + "%2F" + query, BAD),
        ("a NUL escaped", path + "%00" + query, BAD),
        ("half an escape", path + "%4" + query, BAD),
        ("an escape of nothing", path + "%zz" + query, BAD),
        ("a bad escape in the query", target + more + "a=%zz", BAD),
        ("a parameter twice", target + more + "zz=1&zz=2", BAD),
        ("a fragment", path + "#x" + query, BAD),
        ("escaped twice", "/%25" + "%02x" % ord(path[1]) + path[2:] + query, ELSE),
        ("in capitals", path.upper() + query if path.upper() != path else "/X" + target, ELSE),
        ("a parameter of a segment", "/api;v=2" + path[4:] + query if path.startswith("/api")
                else path + ";v=2" + query, ELSE),
        ("overlong dots", "/%c0%ae%c0%ae" + target, ELSE),
        ("a backslash", "/x\\.." + target, ELSE),
    ]


# Header fields that may not change the caller's identity or permissions.
def claims(owner_id):
    return [
        ("claims to be the owner", [("Nephos-User", owner_id), ("Nephos-Token-Id", "k1"), ("Nephos-User-Name", "x")]),
        ("claims to be an administrator", [("Nephos-User", owner_id), ("Nephos-Admin", "1")]),
        ("claims an address", [("Nephos-Client", "127.0.0.1"), ("X-Forwarded-For", "127.0.0.1"),
                ("Forwarded", "for=127.0.0.1")]),
        ("claims another method", [("X-HTTP-Method-Override", "GET"), ("X-HTTP-Method", "GET"),
                ("X-Method-Override", "GET")]),
        ("claims another target", [("X-Original-URL", "/internal/v1/registry"),
                ("X-Rewrite-URL", "/internal/v1/registry")]),
        ("another origin", [("Origin", "https://evil.example")]),
        ("a proxy's word", [("Proxy-Authorization", "Bearer npk_0"), ("Cookie", "token=npk_0"),
                ("X-Api-Key", "npk_0")]),
        ("hop by hop", [("Connection", "Authorization, keep-alive"), ("TE", "trailers")]),
        ("a session of the owner", None),  # made by the world
    ]


CONDITIONS = [
    ("If-Match: another", [("If-Match", '"nope"')]),
    ("If-Match: any", [("If-Match", "*")]),
    ("If-None-Match: any", [("If-None-Match", "*")]),
    ("If-None-Match: another", [("If-None-Match", '"nope"')]),
    ("If-Match: no etag", [("If-Match", "nope")]),
    ("If-Modified-Since the future", [("If-Modified-Since", "Fri, 01 Jan 2100 00:00:00 GMT")]),
    ("If-Unmodified-Since long ago", [("If-Unmodified-Since", "Thu, 01 Jan 1970 00:00:00 GMT")]),
    ("a range", [("Range", "bytes=0-0")]),
    ("a range beyond the end", [("Range", "bytes=99999999999-")]),
    ("no range", [("Range", "lines=1-2")]),
    ("a compact answer", [("Accept", "application/vnd.nephos.items, application/vnd.nephos.extents, application/vnd.nephos.results")]),
    ("an answer to a page", [("Accept", "text/html")]),
    ("a floor that is none", [("Nephos-Floor", "x")]),
    ("a session that is none", [("Nephos-Session", "x")]),
    ("an epoch that is none", [("Nephos-Epoch", "x"), ("Nephos-Lease", "x")]),
    ("a key", [("Idempotency-Key", "{word}")]),
    ("a key like a batch", [("Idempotency-Key", "1/1")]),
]
CONDITIONAL = {200, 206, 304, 400, 404, 409, 410, 412, 416}  # for an allowed reader

# Values for a query parameter, by its type. A value that is not a number gets 400 where a number is required.
ODD_NUMBERS = ["abc", "-1", "1e3", "0x10", "99999999999999999999", "%2B1", "1%20", "%D9%A3", "1.0"]
ODD_FLAGS = ["maybe", "2", "TRUE%00"]
ODD_TEXTS = ["", "%00", "%ff%fe", "..", "/", "%2F..%2F..%2Fetc%2Fpasswd", "'%20OR%201=1--", "%F0%9F%92%A9", "a" * 3000]
