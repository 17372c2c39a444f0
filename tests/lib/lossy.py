#!/usr/bin/env python3
"""A faulty proxy before a gateway: passes requests on, and loses what its mode says.

lossy.py FOLDER URL: listens on a port of its own, which it writes to FOLDER/port. FOLDER/mode sets what it does:
  pass        passes everything on
  drop-ops    passes batches on, and drops their answers
  drop-all    passes everything on, and drops every answer
  hold-ops    holds batches back, and cuts their connections, until a session is opened; sends the batches when
              FOLDER/release exists, and writes the status of each to FOLDER/late
It never answers /status and the list of gateways, so that no client learns of another way.
"""
import http.client, http.server, os, sys, threading, time, urllib.parse

folder, url = sys.argv[1], urllib.parse.urlsplit(sys.argv[2])
lock = threading.Lock()
held = []


def read(name):
    try:
        with open(os.path.join(folder, name)) as f:
            return f.read().strip()
    except FileNotFoundError:
        return ""


def write(name, text):
    with open(os.path.join(folder, name + ".new"), "w") as f:
        f.write(text)
    os.rename(os.path.join(folder, name + ".new"), os.path.join(folder, name))


def forward(method, target, headers, body):
    c = http.client.HTTPConnection(url.hostname, url.port, timeout=60)
    c.request(method, target, body=body, headers=headers)
    r = c.getresponse()
    answer = r.status, r.getheaders(), r.read()
    c.close()
    return answer


def release():
    while not os.path.exists(os.path.join(folder, "release")):
        time.sleep(0.05)
    with lock:
        late = [str(forward(*request)[0]) for request in held]
    write("late", "\n".join(late))


class Lossy(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def cut(self):
        self.close_connection = True
        self.connection.shutdown(2)

    def any(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {k: v for k, v in self.headers.items() if k.lower() not in ("connection", "host", "expect")}
        request = self.command, self.path, headers, body
        mode, batch = read("mode"), self.path.endswith("/ops")
        if self.path in ("/status", "/api/v2/gateways"):
            return self.cut()
        if mode == "hold-ops" and batch:
            with lock:
                held.append(request)
            return self.cut()
        if mode == "hold-ops" and self.path.endswith("/sessions"):
            write("mode", "pass")
        status, fields, answer = forward(*request)
        if mode == "drop-all" or (mode == "drop-ops" and batch):
            return self.cut()
        self.send_response_only(status)
        for k, v in fields:
            if k.lower() not in ("connection", "transfer-encoding", "content-length", "keep-alive"):
                self.send_header(k, v)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = do_HEAD = any


class Server(http.server.ThreadingHTTPServer):
    def handle_error(self, *args):
        pass


threading.Thread(target=release, daemon=True).start()
server = Server(("127.0.0.1", 0), Lossy)
write("port", str(server.server_port))
server.serve_forever()
