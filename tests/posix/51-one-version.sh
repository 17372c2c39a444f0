#!/usr/bin/env bash
# Goal: one answer shows one version of a file, whatever its size and whichever client writes it meanwhile: a growing
# file of more than a thousand extents, a file that is rewritten inline, and small files that are replaced all the
# time. No answer is cut, mixes versions, or is 503.
. "$(dirname "$0")/../lib/e2e.sh"
e2e_store
A=$E2E_MOUNT/51
mkdir -p "$A" || exit 2
at_end 'rm -rf "$A"'

cat >"$WORK/versions.py" <<'PY'
import hashlib, http.client, json, os, sys, threading, urllib.parse
folder, url, token, what, rounds = sys.argv[1:6]
url, rounds = urllib.parse.urlsplit(url), int(rounds)
stop, wrong = threading.Event(), []
lock = threading.Lock()

def ask(method, path, headers={}, body=None, slow=False):
    c = http.client.HTTPConnection(url.hostname, url.port, timeout=60)
    c.request(method, "/api/v2/docs/drives/home/" + path, body=body, headers={"Authorization": "Bearer " + token, **headers})
    r = c.getresponse()
    pieces = [] # joined at the end: += would copy the bytes each time
    try:
        while True:
            piece = r.read(65536)
            if not piece: break
            pieces.append(piece)
    except http.client.IncompleteRead:
        with lock: wrong.append("%s %s: cut" % (method, path))
    c.close()
    data = b"".join(pieces)
    if r.status == 503: wrong.append("%s %s: 503" % (method, path))
    return r, data

def grows():
    """Records that say where they lie: an answer must be whole records, as many as its length says, and no gap."""
    name, size, step = folder + "/grows", 4096, 20000
    fd = os.open(name, os.O_CREAT | os.O_RDWR, 0o600)
    record = lambda i: (b"%08d " % i) * (size // 9) + b"." * (size % 9)
    # The records are apart from each other, so that each is an extent of its own.
    for i in range(1200): os.pwrite(fd, record(i), i * step)
    os.fsync(fd)
    count, asked = [1200], [0]
    def append():
        # The writer stays a few records ahead of each answer, and no more. If the file grew as fast as it can, each
        # answer would be longer than the one before, and the test would take as long as the machine is slow.
        while not stop.is_set():
            if count[0] >= 1200 + 50 * (asked[0] + 1):
                stop.wait(0.001)
                continue
            os.pwrite(fd, record(count[0]), count[0] * step)
            os.fsync(fd)
            count[0] += 1
    t = threading.Thread(target=append)
    t.start()
    for n in range(rounds):
        asked[0] = n
        r, data = ask("GET", "files/51/grows")
        if r.status != 200: wrong.append("grows: %d" % r.status); continue
        whole = (len(data) - size) % step == 0
        last = (len(data) - size) // step
        if not whole: wrong.append("grows: %d bytes" % len(data)); continue
        for i in range(last + 1):
            if data[i * step:i * step + size] != record(i): wrong.append("grows: record %d of %d" % (i, last)); break
    stop.set(); t.join(); os.close(fd)
    print("the file had %d extents in the end" % count[0])

def replaced():
    """Small contents that say of which version they are, by PUT, by rename, by a rewrite on the mount; asked for whole and in ranges."""
    def content(n): return (b"%08d" % n) * (50 + n % 200)
    def consistent(data):
        return len(data) >= 8 and data == data[:8] * (len(data) // 8) and data == content(int(data[:8]))
    ask("PUT", "files/51/put", body=content(0))
    open(folder + "/renamed", "wb").write(content(0))
    open(folder + "/written", "wb").write(content(0))
    def put():
        n = 1
        while not stop.is_set(): ask("PUT", "files/51/put", body=content(n)); n += 1
    def rename():
        n = 1
        while not stop.is_set():
            with open(folder + "/tmp", "wb") as f: f.write(content(n))
            os.rename(folder + "/tmp", folder + "/renamed"); n += 1
    threads = [threading.Thread(target=f) for f in (put, put, rename)]
    for t in threads: t.start()
    for n in range(rounds):
        for name in ("put", "renamed"):
            r, data = ask("GET", "files/51/" + name)
            if r.status != 200: wrong.append("%s: %d" % (name, r.status)); continue
            if not consistent(data): wrong.append("%s: %r" % (name, data[:40])); continue
            etag = r.getheader("ETag")
            r, part = ask("GET", "files/51/" + name, {"Range": "bytes=0-7,16-23", "If-Range": etag})
            if r.status == 200 and not consistent(part): wrong.append("%s: a mixture instead of ranges" % name)
            if r.status == 206 and (r.getheader("ETag") != etag or part.count(data[:8]) < 2): wrong.append("%s: ranges of another version" % name)
            r, _ = ask("HEAD", "files/51/" + name)
            if r.status != 200: wrong.append("%s: HEAD %d" % (name, r.status))
    stop.set()
    for t in threads: t.join()

{"grows": grows, "replaced": replaced}[what]()
for w in wrong[:10]: print(w)
sys.exit(bool(wrong))
PY
ROUNDS=${E2E_LONG:+60}
check "each download of a growing file with over 1,000 extents has whole records without gaps" \
	python3 "$WORK/versions.py" "$A" "$URL" "$TOKEN" grows "${ROUNDS:-3}"
sed 's/^/# /' "$WORK/check.out"
ROUNDS=${E2E_LONG:+2000}
check "each GET of a constantly replaced small file gets one whole version, never 503" \
	python3 "$WORK/versions.py" "$A" "$URL" "$TOKEN" replaced "${ROUNDS:-60}"
sed 's/^/# /' "$WORK/check.out"
e2e_end
