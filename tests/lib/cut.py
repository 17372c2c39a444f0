"""A store under writes while it is copied: the writer, and the judge of whether the copy is one moment of the store.

cut.py write URL WORK N [patient]   makes one change after the other until the file WORK/stop exists. A patient writer
                               tries again after a 503. WORK/sent.N gets a line "number name sha256" for each change
                               before it is sent, WORK/acked.N gets its number when it was acknowledged
cut.py judge URL WORK N ACKED  checks that URL has the state after one of these changes: all changes up to it, none
                               behind it; and that this change is not before change ACKED
The key is in WORK/key, as a header.
"""
import hashlib
import os
import sys
import time
import urllib.error
import urllib.request

NAMES = 25
SIZES = (90, 30000, 700000, 5000)
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def ask(method, url, work, body=None):
    name, value = open(work + "/key").read().strip().split(": ", 1)
    headers = {name: value, "Content-Type": "application/octet-stream"}
    return opener.open(urllib.request.Request(url, body, headers, method=method), timeout=60).read()


def path_of(url, n, name):
    return f"{url}/api/v2/docs/drives/home/files/w{n}/{name}"


def put(url, work, body, patient):
    while True:
        try:
            return ask("PUT", url, work, body)
        except urllib.error.HTTPError as e:
            if not patient or e.code != 503:
                raise
            time.sleep(0.2)  # sooner than Retry-After says


def write(url, work, n, patient=None):
    number = 0
    with open(f"{work}/sent.{n}", "w") as sent, open(f"{work}/acked.{n}", "w") as acked:
        while not os.path.exists(work + "/stop"):
            number += 1
            name = f"f{number * 7 % NAMES}"
            body = os.urandom(SIZES[number % len(SIZES)]) * (3 if number % 5 == 0 else 1)
            print(number, name, hashlib.sha256(body).hexdigest(), file=sent, flush=True)
            put(path_of(url, n, name) + "?parents=true", work, body, patient)
            print(number, file=acked, flush=True)


def seen(url, work, n):
    there = {}
    for i in range(NAMES):
        try:
            there[f"f{i}"] = hashlib.sha256(ask("GET", path_of(url, n, f"f{i}"), work)).hexdigest()
        except urllib.error.HTTPError as e:
            if e.code != 404:
                raise
    return there


def judge(url, work, n, acked):
    there = seen(url, work, n)
    changes = [line.split() for line in open(f"{work}/sent.{n}")]
    numbers = {(name, digest): int(number) for number, name, digest in changes}
    for name, digest in there.items():
        if (name, digest) not in numbers:
            return f"{name} has content that nobody wrote: {digest}"
    cut = max((numbers[each] for each in there.items()), default=0)
    wanted = {name: digest for number, name, digest in changes if int(number) <= cut}
    if there != wanted:
        wrong = [name for name in wanted if there.get(name) != wanted[name]]
        return f"the store has change {cut} of {len(changes)}, but lacks changes before it: {wrong}"
    if cut < acked:
        return f"the store ends with change {cut}, but change {acked} was acknowledged before the copy"
    print(f"the store ends with change {cut} of {len(changes)}; {acked} were acknowledged before the copy")
    return None


if sys.argv[1] == "write":
    write(*sys.argv[2:6])
else:
    sys.exit(judge(*sys.argv[2:5], int(sys.argv[5])))
