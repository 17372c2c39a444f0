"""A proxy between a store and an S3 service that misbehaves on request: it passes each request on, or does not.

Usage: s3_proxy.py PORT TARGET_PORT MODE_FILE [ADDRESS]   on ADDRESS (127.0.0.1); says "ready" when it listens.
MODE_FILE has one of
  pass       passes every request on
  busy N     answers the next N requests with 503 SlowDown, and does not pass them on
  lose N     passes the next N PUTs on, and drops their answers
"""
import os
import socket
import socketserver
import sys
import threading

port, target, mode_file = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
address = sys.argv[4] if len(sys.argv) > 4 else "127.0.0.1"
lock = threading.Lock()
BUSY = b"<?xml version='1.0'?><Error><Code>SlowDown</Code><Message>told to</Message></Error>"


def take(word):
    """Whether the mode with this word applies to this request; counts it down."""
    with lock:
        words = open(mode_file).read().split()
        if words[:1] != [word] or int(words[1]) == 0:
            return False
        with open(mode_file + ".new", "w") as f:
            f.write(f"{word} {int(words[1]) - 1}\n")
        os.rename(mode_file + ".new", mode_file)
        return True


def message(stream, bodiless=False):
    """Reads one request or answer: its head and its body. b"": the connection ended."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        line = stream.readline()
        if not line:
            return b"", b""
        head += line
    fields = dict(line.split(b": ", 1) for line in head.lower().split(b"\r\n")[1:] if b": " in line)
    if b"chunked" in fields.get(b"transfer-encoding", b""):
        body = b""
        while True:
            size = stream.readline()
            piece = stream.read(int(size, 16) + 2)
            body += size + piece
            if int(size, 16) == 0:
                return head, body
    return head, b"" if bodiless else stream.read(int(fields.get(b"content-length", b"0")))


class Passer(socketserver.StreamRequestHandler):
    def handle(self):
        far = None
        while True:
            head, body = self.hear()
            if not head:
                break
            if take("busy"):
                self.wfile.write(b"HTTP/1.1 503 Slow Down\r\nContent-Length: %d\r\n\r\n" % len(BUSY) + BUSY)
                continue
            if far is None:
                far = socket.create_connection(("127.0.0.1", target))
                stream = far.makefile("rb")
            far.sendall(head + body)
            answer = message(stream, bodiless=head.startswith(b"HEAD "))
            if head.startswith(b"PUT ") and take("lose"):
                break
            self.wfile.write(answer[0] + answer[1])
        if far:
            far.close()

    def hear(self):
        head, body = b"", b""
        while not head.endswith(b"\r\n\r\n"):
            line = self.rfile.readline()
            if not line:
                return b"", b""
            if line.lower().startswith(b"expect:"):
                self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
                continue
            head += line
            if line.lower().startswith(b"content-length:"):
                body = int(line.split(b":")[1])
        return head, self.rfile.read(body or 0)


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


server = Server((address, port), Passer)
print("ready", flush=True)
server.serve_forever()
