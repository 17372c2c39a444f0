"""Tests what a client sees of HTTP, byte for byte over a socket: fields, targets, bodies, queries, refusals,
half-closed connections.

Usage: wire.py GATEWAY-URL TOKEN. Prints ok and not ok lines. Every wait ends after WAIT_S.
"""
import json
import re
import socket
import sys
import time

WAIT_S = 20
SERVER_HOLDS = 256 << 10  # of a body, in memory (HTTP_STREAM_BYTES, DRAIN_BYTES_MAX)
base, token = sys.argv[1:3]
host, port = base.removeprefix("http://").split(":")
BEARER = "Authorization: Bearer %s" % token
FILES = "/api/v2/docs/drives/home/files"


def ok(good, sentence, *why):
    print(("ok - " if good else "not ok - ") + sentence, flush=True)
    if not good:
        print("   ", *why, flush=True)


def eq(sentence, wanted, got):
    ok(wanted == got, sentence, "wanted:", wanted, "got:", got)


class Wire:
    def __init__(self):
        self.s = socket.create_connection((host, int(port)), WAIT_S)
        self.s.settimeout(WAIT_S)
        self.came = b""

    def say(self, data):
        self.s.sendall(data if isinstance(data, bytes) else data.encode())
        return self

    def end(self):
        self.s.shutdown(socket.SHUT_WR)
        return self

    def more(self):
        data = self.s.recv(65536)
        self.came += data
        return data

    def answer(self, head=False):
        """The next answer, interim ones too: (status, {name: value}, body); status 0: the connection ended. head: the
        answer to a HEAD, without a body."""
        try:
            while b"\r\n\r\n" not in self.came:
                if not self.more():
                    return 0, {}, b""
            lines, self.came = self.came.split(b"\r\n\r\n", 1)
            lines = lines.decode("latin1").split("\r\n")
            fields = {}
            for line in lines[1:]:
                name, value = line.split(":", 1)
                fields[name.lower()] = value.strip()
            status = int(lines[0].split(" ")[1])
            size = int(fields.get("content-length", 0)) if status >= 200 and status not in (204,
                    304) and not head else 0
            while len(self.came) < size:
                if not self.more():
                    return 0, fields, self.came
            body, self.came = self.came[:size], self.came[size:]
            return status, fields, body
        except OSError as e:
            return 0, {"error": str(e)}, b""

    def ended(self):
        """Whether the server has closed, without another byte."""
        try:
            return self.came == b"" and self.s.recv(1) == b""
        except ConnectionResetError:
            return True
        except OSError:
            return False

    def close(self):
        self.s.close()


def text(line, *fields, body=b"", host_field="Host: x"):
    lines = [line if " HTTP/" in line else line + " HTTP/1.1"] + ([host_field] if host_field
            else []) + [BEARER] + list(fields)
    if body:
        lines.append("Content-Length: %d" % len(body))
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin1") + body


def ask(*args, **kw):
    w = Wire().say(text(*args, **kw))
    found = w.answer(args[0].startswith("HEAD "))
    w.close()
    return found


def put(name, body=b"x", *fields):
    return ask("PUT %s/%s" % (FILES, name), *fields, body=body)


def get(name, *fields):
    return ask("GET %s/%s" % (FILES, name), *fields)


# ---- fields ----

def fields():
    first = put("25-fields", b"one")[1]["etag"]
    other = '"0-0"'
    eq("PUT with If-None-Match in two lines gets 412 when the second line matches", 412,
       put("25-fields", b"two", "If-None-Match: " + other, "If-None-Match: " + first)[0])
    eq("PUT with If-None-Match in two lines gets 412 when the first line matches", 412,
       put("25-fields", b"two", "If-None-Match: " + first, "If-None-Match: " + other)[0])
    eq("the file keeps its content after the PUTs that got 412", b"one", get("25-fields")[2])
    eq("PUT with If-Match in two lines gets 200 when the second line matches", 200,
            put("25-fields", b"two", "If-Match: " + other, "If-Match: " + first)[0])
    for name in ("Authorization: Bearer x", "Idempotency-Key: a", "Content-Type: text/plain", "Range: bytes=0-0",
            "If-Range: " + other,
                 "Content-Range: bytes 0-0/1", "Nephos-Floor: 1.1"):
        status, _, body = ask("GET " + FILES + "/25-fields", name, name)
        eq("GET with %s given twice gets 400" % name.split(":")[0], 400, status)
        ok(b"given twice" in body, "the 400 says that %s was given twice" % name.split(":")[0], body)
    for around in (" Bearer %s ", "\tBearer %s\t", "  Bearer %s \t "):
        w = Wire().say("GET %s/25-fields HTTP/1.1\r\nHost: x\r\nAuthorization:%s\r\n\r\n" % (FILES, around % token))
        eq("white space around the value of Authorization is ignored (%r)" % around, 200, w.answer()[0])
        w.close()


# ---- targets, versions, bodies without a meaning ----

def targets():
    eq("GET by HTTP/1.0 without Host gets 200", 200, ask("GET %s/25-fields HTTP/1.0" % FILES, host_field=None)[0])
    eq("GET by HTTP/1.1 without Host gets 400", 400, ask("GET %s/25-fields" % FILES, host_field=None)[0])
    eq("GET of a target with scheme and host returns the file at its path", b"two",
            ask("GET http://elsewhere:1%s/25-fields" % FILES)[2])
    eq("GET of an internal path with scheme and host gets 404", 404,
            ask("GET http://elsewhere/internal/v1/registry")[0])
    status, head, _ = ask("OPTIONS *")
    eq("OPTIONS * gets 204 with DELETE in Allow", (204, True), (status, "DELETE" in head.get("allow", "")))
    for target, allow in ((FILES + "/25-fields", "GET, HEAD, PUT, DELETE, OPTIONS"),
            ("/api/v2/docs/drives/home/ops", "POST, OPTIONS"),
                          ("/api/v2/docs/drives/home/", "GET, HEAD, PATCH, DELETE, OPTIONS"),
                          ("/api/v2/user/me/", "GET, HEAD, PATCH, OPTIONS"),
                          ("/api/v2/user/me", "GET, HEAD, PATCH, OPTIONS")):
        for how, asks in (("without a preflight", ""), ("as a CORS preflight",
                "Access-Control-Request-Method: PUT\r\n")):
            w = Wire().say("OPTIONS %s HTTP/1.1\r\nHost: x\r\nOrigin: https://a.example\r\n%s\r\n" % (target, asks))
            status, head, _ = w.answer()
            w.close()
            eq("OPTIONS of %s %s gets 204 with its methods in Allow" % (target, how), (204, True),
                    (status, head.get("allow", "").startswith(allow)))
            ok(not any(name.startswith("access-control-") for name in head),
                    "OPTIONS of %s %s allows no other origin" % (target, how), head)
    w = Wire().say(text("GET %s/25-fields" % FILES, body=b"GET / HTTP/1.1\r\n\r\n") + text("DELETE %s/25-none" % FILES,
            body=b"x" * 1000) +
                   text("GET %s/25-fields" % FILES))
    eq("GET with a small body gets 200 and the file", (200, b"two"), w.answer()[::2])
    eq("DELETE with a small body, pipelined after the GET, gets 404 for a missing file", 404, w.answer()[0])
    eq("GET pipelined after two requests with bodies gets 200 and the file", (200, b"two"), w.answer()[::2])
    w.close()
    status, head, _ = ask("HEAD %s/25-fields" % FILES, "Range: bytes=0-0")
    eq("HEAD with a Range gets 200 and the length of the whole file", (200, "3"), (status, head["content-length"]))
    put("25-empty", b"", "Content-Length: 0")
    eq("GET of the last five bytes of an empty file gets 200 without bytes", (200, b""),
            get("25-empty", "Range: bytes=-5")[::2])
    eq("GET of an empty file from byte 0 on gets 416", 416, get("25-empty", "Range: bytes=0-")[0])
    w = Wire().say(text("GET %s/25-fields" % FILES, "Expect: 100-continue") + text("HEAD %s/25-fields" % FILES))
    eq("GET with Expect: 100-continue and no body gets 200", 200, w.answer()[0])
    eq("HEAD pipelined after a GET with Expect gets 200", 200, w.answer(True)[0])
    w.close()


# ---- queries ----

def queries():
    eq("PUT of a path in the query, with parents=true, gets 201", 201,
            ask("PUT %s?path=%%2F25-d%%2Fe+f%%2Fg%%2Bh&parents=true" % FILES, body=b"deep")[0])
    for target in (FILES + "/25-d/e%20f/g%2Bh", FILES + "?path=%2F25-d%2Fe%20f%2Fg%2Bh",
            FILES + "?path=/25-d/e+f/g%2bh"):
        eq("GET of %s returns the file" % target, b"deep", ask("GET " + target)[2])
    eq("HEAD of a path in the query has the length of the file", "4",
            ask("HEAD %s?path=%%2F25-d%%2Fe+f%%2Fg%%2Bh" % FILES)[1].get("content-length"))
    eq("GET of the item of a path in the query gets 200", 200,
            ask("GET /api/v2/docs/drives/home/items?path=/25-d/e+f/g%2Bh")[0])
    eq("GET with one path in the target and one in the query gets 400", 400,
            ask("GET %s/25-fields?path=/25-fields" % FILES)[0])
    for value in ("false", "0", "no", "off"):
        eq("PUT into a missing folder with parents=%s gets 409" % value, 409, put("25-new/x?parents=" + value)[0])
    for value in ("maybe", "2", "tru", "true%20", "1&parents=0", ""):
        eq("PUT into a missing folder with parents=%s gets 400" % value, 400, put("25-new/x?parents=" + value)[0])
    eq("PUT into a missing folder with a parents flag without a value gets 400", 400, put("25-new/x?parents")[0])
    eq("GET of the drives with an empty trashed flag gets 400", 400, ask("GET /api/v2/docs/drives?trashed=")[0])
    for target in ("children?limit=0", "children?limit=x", "children?limit=1001", "children?inline=x",
            "extents?from=-1", "extents?len=0"):
        status, _, body = ask("GET /api/v2/docs/drives/home/items/%s/%s" % (root(), target))
        eq("GET of the root folder's %s gets 400" % target, 400, status)
        ok(target.split("?")[1] in json.loads(body)["detail"], "the 400 for %s names the bad parameter" % target, body)
    eq("GET of the users with limit=x gets 400", 400, ask("GET /api/v2/user/users?limit=x")[0])
    eq("DELETE of a path in the query gets 204", 204,
            ask("DELETE %s?path=%%2F25-d%%2Fe+f%%2Fg%%2Bh" % FILES)[0])


def paths_without_slash():
    """?path=a is /a, in the docs service and in what the gateway keeps."""
    name = "25-d/e2"
    encoded = name.replace("/", "%2F")
    eq("PUT of a path in the query without a leading slash gets 201", 201,
            ask("PUT %s?path=%s&parents=true" % (FILES, encoded), body=b"one")[0])
    item = "GET /api/v2/docs/drives/home/items?path="
    for body in (b"two", b"three", b"more"):
        for _ in range(3):  # so that the home of the drive keeps the answers
            size = [json.loads(ask(item + slash + encoded)[2])["size"] for slash in ("", "/")]
            found = [ask("GET %s?path=%s%s" % (FILES, slash, encoded))[2] for slash in ("", "/")]
        ok(found[0] == found[1] == get(name)[2] and size == [len(found[0])] * 2,
                "GETs of a path with and without a slash before it return the same file", found, size)
        put(name, body)
        eq("GET of a path without a slash returns the file as changed by its path with one", body,
                ask("GET %s?path=%s" % (FILES, encoded))[2])
        eq("GET of the item of a path without a slash has the changed size", len(body),
                json.loads(ask(item + encoded)[2])["size"])
        ask("PUT %s?path=%s" % (FILES, encoded), body=body[:1])
        eq("GET of a path in the target returns the file as changed by ?path= without a slash", body[:1],
                get(name)[2])
    eq("DELETE of a path in the query without a leading slash gets 204", 204,
            ask("DELETE %s?path=%s" % (FILES, encoded))[0])
    eq("GET of a path without a slash gets 404 after the DELETE", 404, ask(item + encoded)[0])


def says_why():
    """The detail of a refusal names the field and what is wrong."""
    small = b"x"
    cases = (
        ("an encoded slash in the path", put("25-d%2Fe3", small), "?path="),
        ("an empty name in ?path=", ask("PUT %s?path=a//b" % FILES, body=small), "a path is names"),
        ("a path in the target and in the query", ask("PUT %s/a?path=/a" % FILES, body=small), "one of them"),
        ("If-None-Match: * twice", put("25-why", small, "If-None-Match: *", "If-None-Match: *"), "If-None-Match: *"),
        ("If-None-Match with * beside an etag", put("25-why", small, 'If-None-Match: "x"', "If-None-Match: *"),
         "If-None-Match: *"),
        ("a malformed If-Match", put("25-why", small, "If-Match: x"), "If-Match: wanted"),
        ("an empty idempotency key", put("25-why", small, "Idempotency-Key:"), "Idempotency-Key must have 1 to"),
        ("an idempotency key that is too long", put("25-why", small, "Idempotency-Key: " + "k" * 3000),
         "Idempotency-Key must have 1 to"),
        ("an idempotency key like that of a mount", put("25-why", small, "Idempotency-Key: 1/2"), "NUMBER/NUMBER"),
        ("Content-Range", put("25-why", small, "Content-Range: bytes 0-0/1"), "Content-Range: a part"),
        ("two Content-Length", ask("PUT %s/25-why" % FILES, "Content-Length: 1", body=small),
         "Content-Length and Transfer-Encoding"),
        ("two Host", ask("GET /", "Host: y"), "there must be exactly one"),
    )
    for what, (status, _, body), says in cases:
        detail = json.loads(body or b"{}").get("detail", "")
        ok(status == 400 and says in detail, "the 400 for %s says what is wrong" % what, status, detail)
    for what, body, says in (("a NUL", b'{"name":"a","password":"se\\u0000cret"}', "\\u0000"),
                             ("a member twice", b'{"password":"secret","password":"secret"}', "twice"),
                             ("no end", b'{"password":"secret"', "line 1, column 20")):
        status, _, answer = ask("POST /api/v2/user/sessions", body=body)
        detail = json.loads(answer).get("detail", "")
        ok(status == 400 and says in detail and "cret" not in detail and "JSON_" not in detail,
                "the 400 for JSON with %s says what is wrong and nothing of the body" % what, status, detail)
    link = {"op": "create", "parent": root(), "name": "25-link", "type": "symlink", "target": "25-why"}
    ask("POST /api/v2/docs/drives/home/ops", "Content-Type: application/json", body=json.dumps({"ops": [link]}).encode())
    for method, (status, _, answer) in (("GET", get("25-link")), ("PUT", put("25-link"))):
        ok(status == 422 and b"symbolic link" in answer, "the 422 for %s of a symbolic link says that it is one" % method,
                status, answer)
    ask("DELETE %s/25-link" % FILES)
    put("25-why", b"known")
    for _ in range(3):
        status, _, body = get("25-why", "If-None-Match: *, *")
        ok(status == 400 and b"If-None-Match: *" in body, "the 400 for a GET with a bad If-None-Match names the field",
                status, body)
    ask("DELETE %s/25-why" % FILES)


def accepts():
    page = "GET /api/v2/docs/drives/home/changes?since=0&limit=1"
    eq("GET of changes says that the answer depends on Accept", "Accept", ask(page)[1].get("vary"))
    page = "GET /api/v2/docs/drives/home/items/%s/children?limit=1" % root()
    compact = "application/vnd.nephos.items"
    for accept, wanted in ((compact, compact), (compact + ";q=0, application/json", "application/json"),
            ("*/*", "application/json"), ("application/json, %s;q=0.1" % compact, "application/json"),
                           ("Application/VND.nephos.items;q=0.1", compact)):
        eq("GET of children with Accept: %s gets %s" % (accept, wanted), wanted,
                ask(page, "Accept: " + accept)[1].get("content-type"))


def methods():
    for method in ("TRACE", "BREW"):
        status, head, _ = ask("%s %s/25-fields" % (method, FILES))
        eq("%s of a file gets 501" % method, (501, None), (status, head.get("allow")))
    eq("POST to a file gets 405 with the methods that a file has", (405, "GET, HEAD, PUT, DELETE, OPTIONS"),
            (lambda a: (a[0], a[1].get("allow")))(ask("POST %s/25-fields" % FILES, body=b"x")))


def root():
    return json.loads(ask("GET /api/v2/docs/drives/home")[2])["root"]


# ---- refused early ----

LARGE = 300 << 20


def begin(target, *fields, length=LARGE, sent=b""):
    """Sends the head of a PUT that waits for 100 Continue (or does not); returns the first answer to it."""
    w = Wire().say(text("PUT " + target, "Content-Length: %d" % length, *fields) + sent)
    return w, w.answer()


def refused_early():
    asks = "Expect: 100-continue"
    small = json.loads(ask("POST /api/v2/docs/drives", "Content-Type: application/json",
            body=b'{"name":"25-small","quota":1000000}')[2])["id"]
    etag = put("25-early", b"one")[1]["etag"]
    cases = (("into a missing folder", FILES + "/25-none/x", 409, ()),
             ("to the root folder", FILES + "?path=/", 409, ()),
             ("with a condition that fails", FILES + "/25-early", 412, ("If-None-Match: *",)),
             ("beyond the quota", "/api/v2/docs/drives/%s/files/x" % small, 507, ()),
             ("to a missing drive", "/api/v2/docs/drives/999999/files/x", 404, ()),
             ("with an encoded slash in a name", FILES + "/a%2Fb", 400, ()),
             ("with a bad parents flag", FILES + "/x?parents=maybe", 400, ()),
             ("with Content-Encoding: gzip", FILES + "/x", 415, ("Content-Encoding: gzip",)),
                     ("of a form", FILES + "/x", 415, ("Content-Type: multipart/form-data; boundary=a",)))
    for what, target, status, extra in cases:
        for key in ((), ("Idempotency-Key: 25-%d-%f" % (status, time.time()),)):
            w, found = begin(target, asks, *extra, *key)
            shown = "a PUT %s, %s an idempotency key," % (what, "with" if key else "without")
            eq("%s gets %d before its body is requested" % (shown, status), status, found[0])
            ok(w.ended(), "%s gets its connection closed after the %d" % (shown, status))
            w.close()
        w, found = begin(target, *extra, sent=b"x" * (1 << 20))
        eq("a PUT %s gets %d while it sends its body" % (what, status), status, found[0])
        w.close()
    w = Wire().say("PUT %s/x HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n" % (FILES,
            LARGE))
    eq("a PUT without a token gets 401 before its body is requested", 401, w.answer()[0])
    w.close()
    for body, extra, statuses in ((b"small", (), (100, 200)), (b"y" * 3000000, (), (100, 200))):
        w, found = begin(FILES + "/25-early", asks, *extra, length=len(body))
        got = [found[0], w.say(body).answer()[0]]
        eq("a PUT of %d bytes gets 100, then 200" % len(body), list(statuses), got)
        w.close()
    # A repeat is recognized, whatever has happened to the folder meanwhile.
    key = ("Idempotency-Key: 25-repeat-%f" % time.time(), "If-None-Match: *")
    for what, body, wanted in (("a new idempotency key", b"a" * 100000, 201),
            ("a known key and the same body", b"a" * 100000, 201),
            ("a known key and another body", b"b" * 100000, 422)):
        w, found = begin(FILES + "/25-repeat", asks, *key, length=len(body))
        eq("a PUT with %s gets 100, then %d" % (what, wanted), (100, wanted),
                (found[0], w.say(body).answer()[0]))
        w.close()
    eq("the file keeps its content after the PUT with a known key and another body", b"a" * 100000, get("25-repeat")[2])
    put("25-early", b"one", "If-Match: " + etag)
    ask("DELETE /api/v2/docs/drives/" + small)


def forms():
    for coding, status in (("gzip", 415), ("identity", 201), ("br, gzip", 415), ("identity, identity", 200), ("", 200)):
        found, head, body = put("25-coded", b"zzz", "Content-Encoding: " + coding)
        eq("PUT with Content-Encoding: %s gets %d" % (coding, status), status, found)
        if status == 415:
            eq("the 415 for %s has Accept-Encoding: identity" % coding, "identity", head.get("accept-encoding"))
    eq("POST of JSON with Content-Encoding: gzip gets 415", 415,
            ask("POST /api/v2/docs/drives", "Content-Encoding: gzip", body=b"{}")[0])
    status, _, body = put("25-coded", b"--a\r\n\r\nx\r\n--a--\r\n", "Content-Type: multipart/form-data; boundary=a")
    eq("PUT of a multipart form gets 415", 415, status)
    ok(b"send the bytes themselves" in body, "the 415 for a form says how to send a file", body)
    eq("the file keeps its content after the PUTs that got 415", b"zzz", get("25-coded")[2])


# ---- clients that shut down their sending side and wait for the answer ----

def put_chunked(name, body, *fields):
    """A client that shuts down its sending side right behind the last chunk."""
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in
            (body[i:i + 65536] for i in range(0, len(body), 65536)))
    w = Wire().say(text("PUT %s/%s" % (FILES, name), "Transfer-Encoding: chunked", *fields) + chunks +
            b"0\r\n\r\n").end()
    found = w.answer()
    while 100 <= found[0] < 200:
        found = w.answer()
    w.close()
    return found


def half_closed():
    key = json.loads(ask("POST /api/v2/user/keys", "Content-Type: application/json",
            body=b'{"name":"25-half-%d"}' % time.time_ns())[2])
    bearer = "Authorization: Bearer " + key["token"]
    # The first use of a token: a gateway has to ask whose token it is.
    w = Wire().say("PUT %s/25-half HTTP/1.1\r\nHost: x\r\n%s\r\nContent-Length: 4\r\n\r\nhalf" % (FILES, bearer)).end()
    eq("PUT by a client that half-closes the connection gets 201", 201, w.answer()[0])
    ok(w.ended(), "the server closes the connection after the answer to a half-closed PUT")
    w.close()
    eq("the file has the bytes of the half-closed PUT", b"half", get("25-half")[2])
    size = 3 << 20
    w = Wire().say(text("PUT %s/25-half" % FILES, body=b"z" * size)).end()
    eq("PUT of 3 MiB by a client that half-closes the connection gets 200", 200, w.answer()[0])
    w.close()
    # These requests run beside connections that have been silent for longer, which the server's library visits in
    # another order: all of them are its own, because an empty line came first.
    others = [Wire().say(b"\r\n" + text("GET %s/25-half" % FILES)) for _ in range(8)]
    for w in others:
        w.answer()
    sizes = range(SERVER_HOLDS, SERVER_HOLDS + 3200, 200)
    eq("half-closed PUTs in chunks, with as much as the server buffers and more, all get 200",
            [200] * len(sizes), [put_chunked("25-half", b"h" * n)[0] for n in sizes])
    eq("half-closed PUTs that send the body without waiting for 100 Continue all get 200", [200] * len(sizes),
            [put_chunked("25-half", b"e" * n, "Expect: 100-continue")[0] for n in sizes])
    ok(get("25-half")[2] == b"e" * sizes[-1], "the file has the bytes of the last half-closed PUT")
    for w in others:
        w.close()
    put("25-half", b"z" * size)
    w = Wire().say(text("GET %s/25-half" % FILES) + text("GET %s/25-none" % FILES)).end()
    eq("two pipelined GETs before a half-close are both answered", (200, size, 404),
            (w.answer()[0], int(ask("HEAD %s/25-half" % FILES)[1]["content-length"]), w.answer()[0]))
    w.close()
    seq = json.loads(ask("GET /api/v2/docs/drives/home")[2])["seq"]
    w = Wire().say(text("GET /api/v2/docs/drives/home/changes?since=%s&wait=1" % seq)).end()
    eq("a poll of one second gets 200 after a half-close", 200, w.answer()[0])
    w.close()
    ask("DELETE /api/v2/user/keys/" + key["id"])


def clean():
    for target in ("/25-half", "/25-early", "/25-repeat", "/25-coded", "/25-fields", "/25-empty", "/25-d/e%20f",
            "/25-d"):
        ask("DELETE " + FILES + target)


fields()
targets()
queries()
paths_without_slash()
says_why()
accepts()
methods()
refused_early()
forms()
half_closed()
clean()
