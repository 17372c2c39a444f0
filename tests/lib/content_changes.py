#!/usr/bin/env python3
"""Overwrites a long file at random places, through random gateways, and reads ranges of it through others. It compares
each answer, byte for byte, with what was written, and with the answer of a docs service.

content_changes.py TOKEN FILE PATH CHANGES SEED GATEWAY…
    FILE: what is stored at PATH now       CHANGES: their number; a few ranges are read after each, and now and then all
"""
import hashlib, json, random, struct, sys, urllib.error, urllib.request

token, file, path, changes, seed, *gateways = sys.argv[1:]
rng = random.Random(int(seed))
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
model = bytearray(open(file, "rb").read())


def ask(method, target, body=None, **fields):
    headers = {"Authorization": "Bearer " + token, **{name.replace("_", "-"): value for name, value in fields.items()}}
    url = rng.choice(gateways) + "/api/v2/docs/drives/home" + target
    request = urllib.request.Request(url, body, headers, method=method)
    with opener.open(request, timeout=60) as answer:
        return answer.status, answer.headers, answer.read()


def write(extents, data=b"", **more):
    head = json.dumps({"ops": [{"op": "write", "id": item, "extents": extents, **more}]}).encode()
    body = struct.pack("<I", len(head)) + head + data
    ask("POST", "/ops", body, Content_Type="application/vnd.nephos.ops")


def put(at, data):
    if len(model) < at + len(data):
        model.extend(bytes(at + len(data) - len(model)))
    model[at : at + len(data)] = data


def change():
    kind = rng.choice(["inline", "inline", "block", "hole", "size", "whole"])
    at = rng.randrange(len(model))
    if kind == "inline":
        data = rng.randbytes(rng.randint(1, 9000))
        write([{"at": at, "len": len(data), "data": 0}], data)
        put(at, data)
    elif kind == "block":
        data = rng.randbytes(rng.randint(1, 600000))
        name = hashlib.sha256(data).hexdigest()
        ask("PUT", "/blocks/" + name, data, Content_Type="application/octet-stream")
        skip = rng.randrange(len(data))
        write([{"at": at, "len": len(data) - skip, "block": name, "from": skip}])
        put(at, data[skip:])
    elif kind == "hole":
        size = min(rng.randint(1, 300000), len(model) - at)
        write([{"at": at, "len": size, "hole": True}], size=str(len(model)) if False else len(model))
        model[at : at + size] = bytes(size)
    elif kind == "size":
        size = rng.randint(6 << 20, 9 << 20)
        ask("POST", "/ops", json.dumps({"ops": [{"op": "setattr", "id": item, "size": size}]}).encode(), Content_Type="application/json")
        model[size:] = b""
        model.extend(bytes(size - len(model)))
    else:
        model[:] = rng.randbytes(rng.randint(5 << 20, 9 << 20))
        ask("PUT", "/files/" + path, bytes(model), Content_Type="application/octet-stream")
    return kind


def parts_of(headers, body):
    """Parses multipart/byteranges: {(from, to): bytes}."""
    boundary = b"--" + headers["Content-Type"].split("boundary=")[1].encode()
    found = {}
    for part in body.split(boundary)[1:-1]:
        head, data = part.split(b"\r\n\r\n", 1)
        where = head.split(b"Content-Range: bytes ")[1].split(b"/")[0].split(b"\r")[0]
        found[tuple(map(int, where.split(b"-")))] = data[:-2]
    return found


def spans(count):
    found = []
    for _ in range(count):
        at = rng.randrange(len(model))
        found.append((at, min(len(model) - 1, at + rng.choice([0, 1, 100, 70000, 1500000]))))
    return found


memory = same = 0
kinds = {}


def check(what, got, wanted):
    global same
    if got != wanted:
        where = next((i for i, (a, b) in enumerate(zip(got, wanted)) if a != b), min(len(got), len(wanted)))
        sys.exit(f"{what}: {len(got)} of {len(wanted)} bytes, other from {where} on")
    same += 1


def read():
    global memory
    by_id = rng.random() < 0.5
    target = f"/items/{item}/content" if by_id else "/files/" + path
    wanted = spans(1 if rng.random() < 0.7 else rng.randint(2, 5))
    ranges = "bytes=" + ",".join(f"{a}-{b}" for a, b in wanted)
    status, headers, body = ask("GET", target, Range=ranges)
    memory += "; hit" in headers["Cache-Status"]
    # A condition that only a docs service evaluates makes the docs service answer.
    since = "Thu, 01 Jan 1970 00:00:00 GMT"
    _, _, direct = ask("GET", target, Range=ranges, If_Modified_Since=since)
    if len(wanted) == 1:
        (a, b), = wanted
        check(f"{ranges} ({status})", body, bytes(model[a : b + 1]))
        check(f"{ranges} of the service", direct, body)
    elif status == 206:
        for (a, b), data in parts_of(headers, body).items():
            check(f"{a}-{b} of {ranges}", data, bytes(model[a : b + 1]))
    else:
        check(f"{ranges} ({status})", body, bytes(model))


item = json.loads(ask("GET", "/items?path=/" + path)[2])["id"]
for n in range(int(changes)):
    kind = change()
    kinds[kind] = kinds.get(kind, 0) + 1
    for _ in range(3):
        read()
    if n % 5 == 0:
        check(f"all of it after {kind}", ask("GET", "/files/" + path)[2], bytes(model))
    if kind == "whole":
        item = json.loads(ask("GET", "/items?path=/" + path)[2])["id"]
print(f"{changes} changes {kinds}, {same} comparisons, {memory} answers from memory")
