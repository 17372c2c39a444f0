#!/usr/bin/env python3
"""Many clients ask for the same thing at the same moment, through all gateways of a store in turn.

read_together.py STORE [--clients N] [--rounds N] [--bytes N]
    Each round asks for a new document of so many bytes, over connections that were opened before. The clients first
    send their requests without the last byte, and then all the last bytes one after the other. Prints for each round
    how often the docs services were asked for the document, and what the gateways reported. Fails when an answer is
    not the document, or when the docs services were not asked exactly once in a round. A round does not count, and is
    repeated, if a client got a 503, or an answer past the cache because the home did not know the drive's position: on
    a busy machine a gateway may lose its lease meanwhile.
"""
import argparse, collections, glob, os, random, re, socket, sys, urllib.parse, urllib.request
from stale_store import Client, Store

WAIT_S = 60  # for all of a round
UNCOUNTED_MAX = 3  # rounds that do not count; more of them are a failure


def text_of(url):
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=10) as answer:
        return answer.read().decode()


def docs_services(store):
    """The address from which each of them serves, from the log of its last start."""
    logs = [open(path).read() for path in glob.glob(os.path.join(store.folder, "log", "docs-*.log"))]
    return [re.findall(r"op=start url=(\S+) outcome=serving", log)[-1] for log in logs]


def reads_of_files(services):
    """How many files were requested from the docs services."""
    count = 0
    for url in services:
        for line in text_of(url + "/metrics").splitlines():
            if line.startswith('nephos_http_requests_total{method="GET",route="/api/v2/docs/drives/{drive}/files/'):
                count += int(line.rsplit(" ", 1)[1])
    return count


class Crowd:
    def __init__(self, store, clients):
        self.store, self.connections = store, []
        for i in range(clients):
            at = urllib.parse.urlsplit(store.gateways[i % len(store.gateways)])
            self.connections.append(socket.create_connection((at.hostname, at.port)))

    def ask(self, target):
        head = "GET %s HTTP/1.1\r\nHost: store\r\nAuthorization: Bearer %s\r\n\r\n"
        request = (head % (target, self.store.token)).encode()
        for c in self.connections:
            c.sendall(request[:-1])
        for c in self.connections:
            c.sendall(request[-1:])
        return [self.answer(c) for c in self.connections]

    def answer(self, connection):
        """(status, the gateway's Cache-Status, body)"""
        connection.settimeout(WAIT_S)
        with connection.makefile("rb") as f:
            status, fields = int(f.readline().split()[1]), {}
            for line in iter(f.readline, b"\r\n"):
                name, value = line.decode().split(":", 1)
                fields[name.lower()] = value.strip()
            return status, fields.get("cache-status", ""), f.read(int(fields["content-length"]))


def how(cache_status):
    """What the home reported."""
    said = cache_status.split(",")[0]
    return "collapsed" if "collapsed" in said else "hit" if said.endswith("; hit") else said.partition(";")[2].strip()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("store")
    parser.add_argument("--clients", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--bytes", type=int, default=4096)
    given = parser.parse_args()
    store = Store(given.store)
    services, client, crowd = docs_services(store), Client(store, random.Random(0)), Crowd(store, given.clients)
    failed = counted = uncounted = 0
    while counted < given.rounds and uncounted <= UNCOUNTED_MAX:
        body = random.randbytes(given.bytes)
        target = "%s/files/together-%s-%d" % (store.drive, client.name, counted + uncounted)
        answer, _ = client.change("PUT", target, body)
        if answer is None or answer.status != 201:
            raise RuntimeError("PUT of %s: %s" % (target, answer and (answer.status, answer.body)))
        before = reads_of_files(services)
        answers = crowd.ask(target)
        asked = reads_of_files(services) - before
        statuses = collections.Counter(status for status, _, _ in answers)
        said = collections.Counter(how(cache) for _, cache, _ in answers)
        if statuses[503] or said["fwd=bypass"]:
            print("not counted: %s; %s" % (dict(statuses), dict(said)))
            uncounted += 1
            continue
        counted += 1
        wrong = sum(1 for status, _, got in answers if status != 200 or got != body)
        print("%d clients: %d asked of docs services, %d wrong answers; %s" % (len(answers), asked, wrong, dict(said)))
        failed += wrong > 0 or asked != 1
        if wrong:
            print("statuses: %s" % dict(statuses))
    return 1 if failed or counted < given.rounds else 0


sys.exit(main())
