"""Tries each route of the services without the greeting of a part of the store: unproven.py GATEWAY TOKEN SERVICE…

Prints the number of requests, and each request with a wrong answer: a service refuses every client that did not greet,
whatever the client claims to be; internal routes are not on a gateway's public listener, for any client.
"""
import re, socket, sys, urllib.parse, urllib.request

gateway, token, services = sys.argv[1], sys.argv[2], sys.argv[3:]
OPEN = {"/healthz", "/readyz", "/metrics", "/status", "/internal/v1/hello"}  # of a service, for every client
FIELDS = "Nephos-Hello: known\r\nNephos-User: 1\r\nNephos-User-Name: root\r\nNephos-Admin: 1\r\nNephos-Token-Id: k1\r\nAuthorization: Bearer %s\r\n" % token
HELLO = "POST /internal/v1/hello HTTP/1.1\r\nHost: x\r\nNephos-Hello: %s\r\nContent-Length: 0\r\n\r\n"
ZERO = "0" * 64
# Sent before the request, on the same connection and in the same packet: nothing, or an imitated greeting.
BEFORE = ["", HELLO % "known", HELLO % ("confirm gateway/g/0a " + ZERO),
        HELLO % ("ask %s %s -" % (ZERO[:16], ZERO[:32])) + HELLO % ("confirm gateway/g/0a " + ZERO)]
made, wrong = 0, []


def routes_of(url):
    text = urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url + "/metrics").read().decode()
    return sorted(set(re.findall(r'nephos_http_requests_total\{method="([A-Z]+)",route="(/[^"]*)"', text)))


def statuses(url, text):
    at = urllib.parse.urlsplit(url)
    answer = b""
    with socket.create_connection((at.hostname, at.port), 20) as s:
        s.sendall(text.encode())
        while data := s.recv(65536):
            answer += data
    return re.findall(rb"^HTTP/1\.1 (\d+)", answer, re.M)


def ask(url, method, path, wanted, before=""):
    global made
    made += 1
    # The last request asks to close the connection. The service may close it at an earlier one, and ignores the rest
    # then.
    got = statuses(url, before + "%s %s HTTP/1.1\r\nHost: x\r\n%sConnection: close\r\nContent-Length: 0\r\n\r\n" % (method, path, FIELDS))
    if not got or any(status not in wanted for status in got):
        wrong.append("%s %s %s: %s" % (url, method, path, got))


internal = {("POST", "/internal/v1/registry"), ("GET", "/internal/v1/registry"), ("POST", "/internal/v1/tokens/forget"),
        ("POST", "/internal/v1/hello")}
for service in services:
    for number, (method, route) in enumerate(routes_of(service)):
        path = re.sub(r"\{[^}]*\}", "1", route)
        if route in OPEN:
            continue
        for before in {"", BEFORE[number % len(BEFORE)]}:
            ask(service, method, path, (b"401",), before)
        if route.startswith("/internal/"):
            internal.add((method, route))
for method, route in sorted(internal):
    path = re.sub(r"\{[^}]*\}", "1", route)
    for spelling in (path, "/" + path, path.replace("internal", "%69nternal"), "/." + path, "http://gateway" + path,
            "/api/v2/docs/..%2f.." + path, "/api/v2/docs/../.." + path):
        ask(gateway, method, spelling, (b"404", b"400"))
print(made)
for line in wrong:
    print(line)
