"""Clients of a store while its database fails over, and a check of what they were told.

load.py run URLS TOKEN MOUNT LOG      until SIGTERM: changes over HTTP and on the mount. LOG gets a line for each that
                                      was acknowledged (kind, begin, end, name), and for each failure of the mount.
load.py gap LOG AT                    seconds from AT (time.monotonic) to the end of the first change that begun then
load.py check URLS TOKEN MOUNT LOG    what was acknowledged is there, once
"""
import http.client
import json
import os
import signal
import sys
import threading
import time
import urllib.parse

WRITERS, APPENDERS = 4, 2
CONTENT_STRIDE = 10 # each tenth file is read at the end; all were, when they had been acknowledged
ANSWER_S = 40 # more than a gateway takes to say 503
MOUNT_WAITS_S = 60 # for a store that is away; scripts/up may take longer on a busy machine
stop = threading.Event()
out_lock = threading.Lock()


class Client:
    def __init__(self, urls, token, first):
        self.urls, self.token, self.at, self.connection = urls, token, first, None

    def ask(self, method, path, body=None, **headers):
        """Status and body; 0: no answer."""
        try:
            if not self.connection:
                url = urllib.parse.urlsplit(self.urls[self.at % len(self.urls)])
                self.connection = http.client.HTTPConnection(url.hostname, url.port, timeout=ANSWER_S)
            fields = {"Authorization": "Bearer " + self.token, **{k.replace("_", "-"): v for k, v in headers.items()}}
            self.connection.request(method, path, body, fields)
            answer = self.connection.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException):
            self.connection, self.at = None, self.at + 1
            return 0, b""


def note(log, kind, begin, name):
    with out_lock:
        log.write("%s %.6f %.6f %s\n" % (kind, begin, time.monotonic(), name))
        log.flush()


def write_over_http(urls, token, log, number):
    """Each file is made once: a repeat under its key is answered as the first time, and a second making would be 412.
    What was acknowledged is read at the other gateway: it may not be reached, but it is there."""
    writer, reader = Client(urls, token, number), Client(urls, token, number + 1)
    count = 0
    while not stop.is_set():
        name = "w%d-%d" % (number, count)
        path = "/api/v2/docs/drives/home/files/failover-http/" + name
        begin = time.monotonic()
        while True:
            status, said = writer.ask("PUT", path, name, If_None_Match="*", Idempotency_Key=name + "-" + sys.argv[-1].replace("/", "-"))
            if status not in (0, 429, 503):
                break
            if stop.is_set() and time.monotonic() - begin > 60:
                note(log, "gave-up", begin, name)
                return
            time.sleep(0.05)
        note(log, "http" if status == 201 else "wrong-%d" % status, begin, name)
        status, said = reader.ask("GET", path)
        if status not in (0, 429, 503) and (status, said) != (200, name.encode()):
            note(log, "stale-%d" % status, begin, name)
        count += 1


def append_on_mount(mount, log, number):
    file = os.open("%s/failover-mount/a%d" % (mount, number), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    count = 0
    while not stop.is_set():
        begin = time.monotonic()
        try:
            os.write(file, b"%d\n" % count)
            os.fsync(file)
            note(log, "mount", begin, "a%d:%d" % (number, count))
        except OSError as error:
            note(log, "mount-error-%s" % error.errno, begin, "a%d:%d" % (number, count))
        count += 1
    os.close(file)


def run(urls, token, mount, path):
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    os.makedirs(mount + "/failover-mount", exist_ok=True)
    os.makedirs(mount + "/failover-http", exist_ok=True)
    with open(path, "a") as log:
        threads = [threading.Thread(target=write_over_http, args=(urls, token, log, n)) for n in range(WRITERS)]
        threads += [threading.Thread(target=append_on_mount, args=(mount, log, n)) for n in range(APPENDERS)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()


def lines(path):
    with open(path) as log:
        for line in log:
            kind, begin, end, name = line.split()
            yield kind, float(begin), float(end), name


def gap(path, at):
    ends = [end for kind, begin, end, _ in lines(path) if kind in ("http", "mount") and begin >= at]
    print("%.1f" % (min(ends) - at) if ends else "none")


def journal(client):
    """Numbers of all entries."""
    since, seqs = 0, []
    while True:
        status, said = client.ask("GET", "/api/v2/docs/drives/home/changes?limit=1000&since=%s" % since)
        assert status == 200, (status, said)
        page = json.loads(said)
        if not page["changes"]:
            return seqs
        seqs += [int(c["seq"]) for c in page["changes"]]
        since = page["changes"][-1]["seq"]


def names(client):
    """Of all files that were made over HTTP."""
    status, said = client.ask("GET", "/api/v2/docs/drives/home/items?path=/failover-http")
    assert status == 200, (status, said)
    target, found, cursor = "/api/v2/docs/drives/home/items/%s/children?limit=1000" % json.loads(said)["id"], set(), ""
    while True:
        status, said = client.ask("GET", target + cursor)
        assert status == 200, (status, said)
        page = json.loads(said)
        found |= {item["name"] for item in page["items"]}
        if not page["next"]:
            return found
        cursor = "&cursor=" + urllib.parse.quote(page["next"])


def check(urls, token, mount, path):
    client, wrong, counted = Client(urls, token, 0), [], {}
    acknowledged, there = list(lines(path)), names(client)
    for kind, begin, end, name in acknowledged:
        counted[kind] = counted.get(kind, 0) + 1
        if kind.startswith("mount-error") and end - begin >= MOUNT_WAITS_S:
            print("an outage was longer than a mount waits: %s after %.1f s: %s" % (kind, end - begin, name))
        elif kind not in ("http", "mount"):
            wrong.append("%s after %.1f s: %s" % (kind, end - begin, name))
        if kind == "http" and name not in there:
            wrong.append("lost: " + name)
        if kind == "http" and counted[kind] % CONTENT_STRIDE == 0:
            status, said = client.ask("GET", "/api/v2/docs/drives/home/files/failover-http/" + name)
            if (status, said) != (200, name.encode()):
                wrong.append("lost: %s (%d)" % (name, status))
    for number in range(APPENDERS):
        with open("%s/failover-mount/a%d" % (mount, number)) as file:
            found = file.read().split()
        wanted = [n.split(":")[1] for kind, _, _, n in acknowledged if kind == "mount" and n.startswith("a%d:" % number)]
        wrong += ["lost on the mount: a%d:%s" % (number, n) for n in sorted(set(wanted) - set(found), key=int)]
        if len(found) != len(set(found)):
            wrong.append("doubled on the mount: a%d" % number)
        if found != sorted(found, key=int):
            wrong.append("in disorder on the mount: a%d" % number)
    seqs = journal(client)
    if seqs != list(range(1, len(seqs) + 1)):
        wrong.append("the journal has gaps")
    print(counted, "journal:", len(seqs))
    for line in wrong[:20]:
        print(line)
    sys.exit(bool(wrong))


if __name__ == "__main__":
    command, args = sys.argv[1], sys.argv[2:]
    if command == "gap":
        gap(args[0], float(args[1]))
    else:
        {"run": run, "check": check}[command](args[0].split(","), *args[1:])
