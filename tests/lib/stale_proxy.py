#!/usr/bin/env python3
"""A deliberately wrong cache: it keeps each answer to a GET for KEPT_S, whatever changes meanwhile. The tests for stale
answers have to detect it.

stale_proxy.py URL FOLDER: passes requests on to the gateway at URL, from a port of its own. When it listens, it writes
its address into FOLDER/credentials, which must exist.
"""
import http.client, http.server, json, os, sys, threading, time, urllib.parse

KEPT_S = 1 # longer than a request takes on a busy machine
DROPPED = ("connection", "transfer-encoding", "content-length", "keep-alive", "host")
url, folder = urllib.parse.urlsplit(sys.argv[1]), sys.argv[2]
kept, lock, local = {}, threading.Lock(), threading.local()


def forward(method, target, headers, body):
    if not hasattr(local, "connection"):
        local.connection = http.client.HTTPConnection(url.hostname, url.port, timeout=60)
    local.connection.request(method, target, body=body, headers=headers)
    r = local.connection.getresponse()
    return r.status, r.getheaders(), r.read()


class Proxy(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))) or None
        headers = {k: v for k, v in self.headers.items() if k.lower() not in DROPPED}
        if self.path == "/api/v2/gateways":
            return 200, [], json.dumps({"gateways": [own]}).encode()
        if self.command != "GET" or "If-None-Match" in self.headers or "Range" in self.headers:
            return forward(self.command, self.path, headers, body)
        with lock:
            at, answer = kept.get(self.path, (0, None))
        if time.monotonic() - at > KEPT_S:
            at, answer = time.monotonic(), forward("GET", self.path, headers, body)
            with lock:
                kept[self.path] = at, answer
        return answer

    def any(self):
        status, fields, body = self.answer()
        self.send_response_only(status)
        for k, v in fields:
            if k.lower() not in DROPPED or (self.command == "HEAD" and k.lower() == "content-length"):
                self.send_header(k, v)
        if self.command != "HEAD" and status not in (204, 304):
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = any


class Server(http.server.ThreadingHTTPServer):
    def handle_error(self, *args):
        pass


server = Server(("127.0.0.1", 0), Proxy)
own = "http://127.0.0.1:%d" % server.server_address[1]
credentials = os.path.join(folder, "credentials")
with open(credentials) as f:
    lines = ["NEPHOS_URL=%s\n" % own if line.startswith("NEPHOS_URL=") else line for line in f
             if not line.startswith("NEPHOS_URLS=")]
with open(credentials + ".new", "w") as f:
    f.writelines(lines)
os.rename(credentials + ".new", credentials)
server.serve_forever()
