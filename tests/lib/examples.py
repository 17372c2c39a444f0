"""Sends each example of the OpenAPI pages as it stands, and removes what they made.

Usage: examples.py GATEWAY-URL TOKEN
"""
import json
import sys
import urllib.error
import urllib.parse
import urllib.request

base, token = sys.argv[1:3]
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
ORDER = ["post", "put", "get", "patch", "delete"]


def ok(good, sentence, *why):
    print(("ok - " if good else "not ok - ") + sentence, flush=True)
    if not good:
        print("   ", *why, flush=True)


def send(method, path, body=None, kind=None):
    headers = {"Authorization": "Bearer " + token}
    if kind:
        headers["Content-Type"] = kind
    request = urllib.request.Request(base + path, data=body, method=method.upper(), headers=headers)
    try:
        with opener.open(request, timeout=60) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as e:
        return e.code, e.read()


def target(path, operation):
    """The target built from the examples, or None when the reader has to supply one of the values."""
    query = []
    for p in operation.get("parameters", []):
        if "example" not in p:
            if p.get("required"):
                return None
            continue
        text = urllib.parse.quote(str(p["example"]), safe="")
        if p["in"] == "path":
            path = path.replace("{%s}" % p["name"], text)
        elif p["in"] == "query":
            query.append(p["name"] + "=" + text)
    return path + ("?" + "&".join(query) if query else "")


def body(operation):
    """(bytes or None, type), or None when a required body has no example."""
    wanted = operation.get("requestBody")
    if not wanted:
        return None, None
    for kind, what in wanted["content"].items():
        if "example" in what:
            return json.dumps(what["example"]).encode(), kind
        if what["schema"].get("format") == "binary":
            return b"Hello.\n", kind
    return None


def undo(path, status, answer):
    """The request that removes what a POST made."""
    if status != 201:
        return None
    made = json.loads(answer)
    if path.endswith("/sessions") and "session" in made:
        return path + "/" + made["session"]
    if path.endswith("/folders"):
        return path[: -len("/folders")] + "/items/" + made["id"]
    if path.endswith("/drives"):
        return "%s/%s?confirm=%s" % (path, made["id"], urllib.parse.quote(made["name"]))
    return path.rstrip("/") + "/" + str(made["id"]) if "id" in made else None


tried = 0
for page, version in (("/api/v1/docs", "1"), ("/api/v1/user", "1"), ("/api/v2/docs", "2"), ("/api/v2/user", "2")):
    api = json.loads(send("get", page + "/docs/openapi.json")[1])
    ok(api["info"]["version"] == version, "%s is of version %s" % (page, version), api["info"])
    undos = []
    for method in ORDER:
        for path, operations in api["paths"].items():
            operation = operations.get(method)
            if not operation or path.endswith("/sessions/current"):
                continue
            where, what = target(path, operation), body(operation)
            if where is None or what is None:
                continue
            if method == "delete" and path.endswith("/drives/{drive}"):
                ok(send(method, where)[0] >= 400, "%s %s as it stands deletes no drive" % (method, where))
                continue
            if method == "delete" and "/files" in where: # two ways to name the file, and one file
                send("put", where, b"Hello.\n", "application/octet-stream")
            status, answer = send(method, where, *what)
            tried += 1
            ok(200 <= status < 300 and str(status) in operation["responses"],
                    "%s %s works as it stands" % (method, where), status, answer[:300])
            undos.append(undo(where, status, answer) if method == "post" else None)
    for where in filter(None, undos):
        ok(send("delete", where)[0] == 204, "and %s is taken away" % where)
ok(tried >= 25, "%d examples were tried" % tried)
