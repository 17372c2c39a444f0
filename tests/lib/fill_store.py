"""Makes many files in a store, some hundred per batch, over several connections at once.

fill_store.py URL WORK COUNT   makes COUNT files in folders of 500 below /many. WORK/wanted gets a line "sha256  path"
                               for each, as sha256sum prints it in that folder, in the order of the paths. Most files
                               are small and lie in the database; a fifth lies in blocks. No two are equal. The key is
                               in WORK/key.
"""
import hashlib
import http.client
import json
import random
import struct
import sys
import threading
import urllib.parse

FOLDER = 500
CONNECTIONS = 6
SMALL = (300, 2000, 5000, 9000)  # 500 of these are less than the data of one batch
LARGE = (40000, 60000, 90000, 120000)
url, work, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
key = open(work + "/key").read().strip().split(": ", 1)[1]
drive = "/api/v2/docs/drives/home"
lock = threading.Lock()
wanted, failures = [], []


class Connection:
    def __init__(self):
        self.http = http.client.HTTPConnection(urllib.parse.urlsplit(url).netloc, timeout=120)

    def ask(self, method, path, body, content_type="application/json"):
        self.http.request(method, drive + path, body, {"Authorization": key, "Content-Type": content_type})
        answer = self.http.getresponse()
        text = answer.read()
        if answer.status // 100 != 2:
            raise RuntimeError(f"{method} {path}: {answer.status} {text[:300]}")
        return json.loads(text) if text else None

    def ops(self, ops, data):
        head = json.dumps({"ops": ops}).encode()
        return self.ask("POST", "/ops", struct.pack("<I", len(head)) + head + data, "application/vnd.nephos.ops")

    def folder(self, parent, name):
        op = {"op": "create", "parent": parent, "name": name, "type": "dir"}
        return self.ops([op], b"")["results"][0]["item"]["id"]


def fill(c, parent, number, first, last):
    rng = random.Random(number)
    at = c.folder(parent, f"{number:04d}")
    reserved = int(c.ask("POST", "/ids", json.dumps({"count": last - first}).encode())["first"])
    ops, data, lines = [], b"", []
    for n in range(first, last):
        body = rng.randbytes(rng.choice(LARGE if n % 5 == 0 else SMALL))
        digest = hashlib.sha256(body).hexdigest()
        item, extent = str(reserved + n - first), {"at": 0, "len": len(body)}
        if n % 5 == 0:
            c.ask("PUT", "/blocks/" + digest, body, "application/octet-stream")
            extent.update(block=digest, **{"from": 0})
        else:
            extent.update(data=len(data))
            data += body
        ops.append({"op": "create", "id": item, "parent": at, "name": f"f{n:06d}", "type": "file"})
        ops.append({"op": "write", "id": item, "extents": [extent]})
        lines.append((f"./{number:04d}/f{n:06d}", digest))
    c.ops(ops, data)
    with lock:
        wanted.extend(lines)


def work_on(parent, numbers):
    try:
        c = Connection()
        for number in numbers:
            fill(c, parent, number, number * FOLDER, min(count, (number + 1) * FOLDER))
    except Exception as e:
        failures.append(e)


c = Connection()
root = c.ask("GET", "/items?path=/", None)["id"]
many = c.folder(root, "many")
numbers = range((count + FOLDER - 1) // FOLDER)
threads = [threading.Thread(target=work_on, args=(many, numbers[i::CONNECTIONS])) for i in range(CONNECTIONS)]
for t in threads:
    t.start()
for t in threads:
    t.join()
if failures:
    sys.exit(str(failures[0]))
with open(work + "/wanted", "w") as f:
    f.writelines(f"{digest}  {path}\n" for path, digest in sorted(wanted))
