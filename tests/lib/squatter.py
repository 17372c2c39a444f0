"""A program that listens on the port of a stopped part of a store: squatter.py PORT RECORD READY [URL]

It tries until it has the port, and then makes the file READY. It writes all it receives to RECORD, and answers with
garbage, with imitated refusals and successes, and with what it recorded. With a URL it passes what it receives on to
the part that listens there, and that part's answers back.
"""
import os, socket, sys, threading, time, urllib.parse

port, record, ready = int(sys.argv[1]), sys.argv[2], sys.argv[3]
url = sys.argv[4] if len(sys.argv) > 4 else None
lock, heard, turn = threading.Lock(), [], [0]
ANSWERS = [
    b"garbage\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nsquatted!",
    b"HTTP/1.1 204 No Content\r\nNephos-Hello: known\r\n\r\n",
    b"HTTP/1.1 204 No Content\r\nNephos-Hello: answer " + b"0" * 32 + b" docs/docs-1/" + b"0" * 32 + b" " + b"0" * 64 + b"\r\n\r\n",
    b"HTTP/1.1 401 Unauthorized\r\nNephos-Hello: who-are-you\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
    b"",
]


def note(data):
    with lock:
        heard.append(data)
        with open(record, "ab") as f:
            f.write(data)


def answer(s):
    while True:
        data = s.recv(65536)
        if not data:
            return
        note(data)
        turn[0] += 1
        s.sendall((ANSWERS + [b"".join(heard)])[turn[0] % (len(ANSWERS) + 1)])


def pass_on(source, sink, write):
    try:
        while data := source.recv(65536):
            if write:
                note(data)
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def serve(s):
    try:
        if not url:
            return answer(s)
        at = urllib.parse.urlsplit(url)
        to = socket.create_connection((at.hostname, at.port))
        threading.Thread(target=pass_on, args=(to, s, False), daemon=True).start()
        pass_on(s, to, True)
    except OSError:
        pass
    finally:
        s.close()


listener = socket.socket()
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
while True:
    try:
        listener.bind(("127.0.0.1", port))
        listener.listen(64)
        break
    except OSError:
        time.sleep(0.002)
open(ready, "w").close()
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
