"""The greeting that the parts of a store exchange on a new connection (PROTOCOL.md, "Greeting"), for tests that act as
a part.

cluster.py relay KEY-FILE URL PORT-FILE    listens on a port of its own, and passes each connection on to the part at
                                           URL, over a connection that it greets as a gateway does
"""
import hashlib, os, socket, socketserver, sys, threading, urllib.parse

FIELD = "Nephos-Hello"
TARGET = "/internal/v1/hello"


def mac(key, text, size=32):
    return hashlib.blake2b(text if isinstance(text, bytes) else text.encode(), key=key, digest_size=size).digest()


class Key:
    def __init__(self, hex_key):
        key = bytes.fromhex(hex_key)
        self.id = mac(key, "nephos-hello-v1 id", 16)[:8].hex()
        self.server = mac(key, "nephos-hello-v1 server")
        self.client = mac(key, "nephos-hello-v1 client")


def keys_of(path):
    return [Key(line) for line in open(path).read().split()]


def transcript(asked, nonce, name):
    return "%s\n%s\n%s\n" % (asked, nonce, name)


class Server:
    """The server side of one connection; hear() gives the next answer, or None for a refusal. client: the peer's name,
    once known."""

    def __init__(self, keys, name):
        self.keys, self.name, self.expected, self.known = keys, name, None, False

    def hear(self, text):
        words = (text or "").split(" ")
        expected, self.expected, self.known = self.expected, None, False
        if len(words) == 4 and words[0] == "ask":
            for key in self.keys:
                if key.id == words[1]:
                    nonce = os.urandom(16).hex()
                    said = transcript(text, nonce, self.name)
                    self.expected = mac(key.client, said)
                    return "answer %s %s %s" % (nonce, self.name, mac(key.server, said).hex())
        elif len(words) == 3 and words[0] == "confirm" and expected and words[2] == mac(expected, words[1]).hex():
            self.known, self.client = True, words[1]
            return "known"
        return None


def read_head(s):
    head = b""
    while b"\r\n\r\n" not in head:
        more = s.recv(4096)
        if not more:
            raise ConnectionError("closed")
        head += more
    return head.decode("latin-1")


def say(s, text):
    s.sendall(("POST %s HTTP/1.1\r\nHost: nephos\r\n%s: %s\r\nContent-Length: 0\r\n\r\n" % (TARGET, FIELD,
            text)).encode())
    head = read_head(s)
    if " 204 " not in head.split("\r\n")[0]:
        raise ConnectionError("refused: " + head.split("\r\n")[0])
    for line in head.split("\r\n"):
        if line.lower().startswith(FIELD.lower() + ":"):
            return line.split(":", 1)[1].strip()
    raise ConnectionError("no greeting")


def greet(s, key, self="gateway/test/0a"):
    way = "%s:%d>%s:%d" % (s.getsockname()[:2] + s.getpeername()[:2])
    asked = "ask %s %s %s" % (key.id, os.urandom(16).hex(), way)
    answer, nonce, name, proof = say(s, asked).split(" ")
    said = transcript(asked, nonce, name)
    if answer != "answer" or proof != mac(key.server, said).hex():
        raise ConnectionError("a wrong proof")
    if say(s, "confirm %s %s" % (self, mac(mac(key.client, said), self).hex())) != "known":
        raise ConnectionError("not known")
    return name


def connect(url, key, self="gateway/test/0a"):
    at = urllib.parse.urlsplit(url)
    s = socket.create_connection((at.hostname, at.port))
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    greet(s, key, self)
    return s


def break_off(s):
    try:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        s.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass


def pass_on(source, sink):
    """When one side ends, ends the other; when one side breaks off, breaks off the other."""
    try:
        while True:
            data = source.recv(1 << 18)
            if not data:
                sink.shutdown(socket.SHUT_WR)
                return
            sink.sendall(data)
    except OSError:
        for s in (source, sink):
            break_off(s)


class Relay(socketserver.BaseRequestHandler):
    def handle(self):
        try:
            s = connect(self.server.url, keys_of(self.server.key_file)[0])
        except OSError:
            return
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        back = threading.Thread(target=pass_on, args=(s, self.request), daemon=True)
        back.start()
        pass_on(self.request, s)
        # No client of these tests shuts down only its sending side: the end of its bytes means that the client has
        # gone. The part behind the relay must see the same end that it would see from a client of its own.
        break_off(s)
        back.join()
        s.close()


class RelayServer(socketserver.ThreadingTCPServer):
    daemon_threads, allow_reuse_address, request_queue_size = True, True, 1024


if __name__ == "__main__":
    _, _, key_file, url, port_file = sys.argv
    server = RelayServer(("127.0.0.1", 0), Relay)
    server.url, server.key_file = url, key_file
    with open(port_file + ".new", "w") as f:
        f.write(str(server.server_address[1]))
    os.rename(port_file + ".new", port_file)
    server.serve_forever()
