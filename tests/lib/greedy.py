"""One client that takes all it can get: greedy.py trickle|polls|heads URL TOKEN COUNT [SINCE|DRIVE…]

trickle  endless uploads that send a byte a second, to the drives in turn; prints "ready" when all are in progress, and
         "ended N", for the uploads that were answered or closed by then, when SIGTERM ends the program
polls    long polls of the home drive, all at once; prints "held N refused N other N" when each is waiting or answered,
         and then keeps them
heads    requests whose head comes at one byte a second; prints "closed N" when all are closed, or after 30 s
"""
import itertools
import select
import signal
import socket
import sys
import time
import urllib.parse

what, url, token, count = sys.argv[1], urllib.parse.urlsplit(sys.argv[2]), sys.argv[3], int(sys.argv[4])
AUTH = f"Host: x\r\nAuthorization: Bearer {token}\r\n"


def connect(text):
    s = socket.create_connection((url.hostname, url.port), timeout=20)
    s.sendall(text.encode())
    return s


def trickle():
    drives = sys.argv[5:]
    # A few of them announce their length: a gateway may buffer those.
    all = [connect(f"PUT /api/v2/docs/drives/{drives[i % len(drives)]}/files/trickle-{i} HTTP/1.1\r\n{AUTH}"
                   + ("Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n" if i % 4 else "Content-Length: 8000000\r\n\r\nx"))
           for i in range(count)]

    def end(*_):
        print(f"ended {len(select.select(all, [], [], 0)[0])}", flush=True)
        sys.exit()
    signal.signal(signal.SIGTERM, end)
    for round in itertools.count():
        if round == 2:  # by then the services have received all of them
            print("ready", flush=True)
        time.sleep(1)
        for i, s in enumerate(all):
            try:
                s.sendall(b"1\r\nx\r\n" if i % 4 else b"x")
            except OSError:
                pass  # end() counts it


def polls():
    since = sys.argv[5]
    line = f"GET /api/v2/docs/drives/home/changes?since={since}&wait=50 HTTP/1.1\r\n{AUTH}\r\n"
    all = [connect(line) for _ in range(count)]
    waiting, refused, other = set(all), 0, 0
    quiet = time.monotonic() + 2
    while time.monotonic() < quiet:
        for s in select.select(list(waiting), [], [], 0.1)[0]:
            head = s.recv(65536).decode("latin-1")
            good = head.startswith("HTTP/1.1 429") and "retry-after:" in head.lower()
            refused, other = refused + good, other + (not good)
            waiting.discard(s)
            quiet = time.monotonic() + 1
    print(f"held {len(waiting)} refused {refused} other {other}", flush=True)
    time.sleep(40)


def heads():
    all = {connect("GET /healthz HTTP/1.1\r\n") for _ in range(count)}
    closed, end = 0, time.monotonic() + 30
    while all and time.monotonic() < end:
        for s in select.select(list(all), [], [], 0)[0]:
            all.discard(s)
            closed += 1
        for s in list(all):
            try:
                s.sendall(b"X")
            except OSError:
                all.discard(s)
                closed += 1
        time.sleep(1)
    print(f"closed {closed}", flush=True)


{"trickle": trickle, "polls": polls, "heads": heads}[what]()
