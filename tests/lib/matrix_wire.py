"""Requests over kept connections, sent exactly as written: the client follows, repeats and normalizes nothing, and adds
only Host and Content-Length."""
import socket

DEADLINE_S = 30
PIECE = 65536


class Answer:
    def __init__(self, status, headers, body, closes):
        self.status = status
        self.headers = headers  # [(name in small letters, value)]
        self.body = body
        self.closes = closes

    def header(self, name):
        for n, v in self.headers:
            if n == name:
                return v
        return None


class Gone(Exception):
    """The server has closed the connection before the answer was complete."""


class Wire:
    """One kept connection; opened when it is needed."""

    def __init__(self, host, port):
        self.address = (host, port)
        self.authority = "%s:%d" % (host, port)
        self.socket = None
        self.left = b""
        self.opened = 0

    def close(self):
        if self.socket:
            self.socket.close()
        self.socket = None
        self.left = b""

    def open(self):
        self.socket = socket.create_connection(self.address, DEADLINE_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.opened += 1

    def more(self):
        piece = self.socket.recv(PIECE)
        if not piece:
            raise Gone("%d bytes of an answer, then its end" % len(self.left))
        self.left += piece

    def take(self, size):
        while len(self.left) < size:
            self.more()
        taken, self.left = self.left[:size], self.left[size:]
        return taken

    def line(self):
        while b"\r\n" not in self.left:
            self.more()
        taken, self.left = self.left.split(b"\r\n", 1)
        return taken

    def head(self):
        while b"\r\n\r\n" not in self.left:
            self.more()
        text, self.left = self.left.split(b"\r\n\r\n", 1)
        lines = text.decode("latin-1").split("\r\n")
        headers = []
        for line in lines[1:]:
            name, _, value = line.partition(":")
            headers.append((name.lower(), value.strip()))
        return int(lines[0].split(" ", 2)[1]), headers

    def chunks(self):
        body = b""
        while True:
            size = int(self.line().split(b";")[0], 16)
            if size == 0:
                while self.line():
                    pass
                return body
            body += self.take(size)
            self.line()

    def answer(self, method):
        status, headers = self.head()
        while status < 200:
            status, headers = self.head()
        a = Answer(status, headers, b"", False)
        a.closes = (a.header("connection") or "").lower() == "close"
        length = a.header("content-length")
        if method == "HEAD" or status in (204, 304):
            pass
        elif (a.header("transfer-encoding") or "").lower() == "chunked":
            a.body = self.chunks()
        elif length is not None:
            a.body = self.take(int(length))
        # No further request was sent, so these bytes belong to no answer; a HEAD answer with a body would cause
        # them.
        if self.left:
            raise Gone("%d bytes behind the answer: %r" % (len(self.left), self.left[:80]))
        return a

    def ask(self, method, target, headers, body=None, announced=None):
        """announced: the Content-Length in the head, of a body that is never sent."""
        text = "%s %s HTTP/1.1\r\nHost: %s\r\n" % (method, target, self.authority)
        for name, value in headers:
            text += "%s: %s\r\n" % (name, value)
        if announced is not None:
            text += "Content-Length: %d\r\n" % announced
        elif body is not None:
            text += "Content-Length: %d\r\n" % len(body)
        request = text.encode("latin-1") + b"\r\n" + (body or b"")
        for attempt in (1, 2):
            fresh = self.socket is None
            try:
                if fresh:
                    self.open()
                self.socket.sendall(request)
                a = self.answer(method)
                break
            except (Gone, ConnectionError) as e:
                # A kept connection may have been closed since: then no byte of an answer came on it.
                begun = bool(self.left)
                self.close()
                if fresh or begun or attempt == 2:
                    raise Gone(str(e)) from e
            except socket.timeout as e:
                self.close()
                raise Gone("no answer within %d s" % DEADLINE_S) from e
        if a.closes or announced is not None:
            self.close()
        return a
