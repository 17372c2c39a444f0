# Functions for scripts about user services; sourced after e2e.sh. It starts a PostgreSQL, and a small script as the
# gateway, which records each request it gets.
# shellcheck shell=bash
#
#	start_service NAME ARGUMENTS…    starts a user service; sets URL_NAME, for requests as a gateway sends them,
#	                                 AT_NAME, where the service listens, and PID_NAME, its process
#	as ID ADMIN TOKEN-ID             sets the user of the requests from now on; AS=(): no user
#	ask METHOD PATH [BODY] [CURL…]   asks $U; prints the status. says SENTENCE STATUS METHOD …: checks it
#	value JQ                         a value of the last answer

PROGRAM=${NEPHOS_BUILD_DIR:-$E2E_ROOT/build/dev}/bin/nephos-user
. "$E2E_ROOT/tests/lib/alone.sh"
alone users

# ---- the gateway: answers the registry with one service, and confirms or refuses a request to forget tokens ----
cat >"$WORK/gateway.py" <<'PY'
import http.server, json, os, sys
work = sys.argv[1]
sys.path.insert(0, sys.argv[2])
import cluster
class Gateway(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def log_message(self, *args):
        pass
    def setup(self):
        super().setup()
        self.hello = cluster.Server(cluster.keys_of(work + "/cluster.key"), "gateway/gateway-1/0a0b")
    def greeted(self):
        answer = self.hello.hear(self.headers.get(cluster.FIELD))
        self.send_response(204 if answer else 401)
        if answer:
            self.send_header(cluster.FIELD, answer)
        self.send_header("Content-Length", "0")
        self.end_headers()
    def do_POST(self):
        if self.path == cluster.TARGET:
            return self.greeted()
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        with open(work + "/heard", "a") as f:
            f.write(json.dumps({"path": self.path, "known": self.hello.known, "fields": dict(self.headers), "body": json.loads(body)}) + "\n")
        forget = self.path == "/internal/v1/tokens/forget"
        status = 503 if forget and os.path.exists(work + "/deaf") else 204 if forget else 200
        answer = b"" if forget else json.dumps({"services": [{"kind": "docs", "name": "docs-1", "instance": "0c0d", "url": "http://127.0.0.1:9"}]}).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Gateway)
open(work + "/gateway.port", "w").write(str(server.server_port))
server.serve_forever()
PY
python3 "$WORK/gateway.py" "$WORK" "$E2E_ROOT/tests/lib" &
at_end "kill $!"
eventually 10 test -s "$WORK/gateway.port"
GATEWAY=gateway-1=http://127.0.0.1:$(cat "$WORK/gateway.port")

start_service() { # NAME ARGUMENTS…: sets the variable URL_NAME and PID_NAME
	local name=$1 pid
	shift
	"$PROGRAM" --name "$name" --database "$DATABASE" --cluster-key "$WORK/cluster.key" --gateways "$GATEWAY" --port 0 \
		--pid-file "$WORK/$name.pid" "$@" 2>"$WORK/$name.log" &
	pid=$!
	at_end "kill $pid"
	eventually 20 grep -q 'op=start url=' "$WORK/$name.log" || { cat "$WORK/$name.log" >&2; exit 1; }
	printf -v "PID_${name//-/_}" %s "$pid"
	printf -v "AT_${name//-/_}" %s "$(sed -n 's/.*op=start url=\([^ ]*\) .*/\1/p' "$WORK/$name.log")"
	relay "$name" "$(sed -n 's/.*op=start url=\([^ ]*\) .*/\1/p' "$WORK/$name.log")" "$WORK/cluster.key"
}

# as ID ADMIN TOKEN-ID: the identity headers that a gateway would set
as() { AS=(-H "Nephos-User: $1" -H "Nephos-Admin: $2" -H "Nephos-Token-Id: $3"); }
AS=()
# ask METHOD PATH [BODY] [CURL-ARGUMENTS…]: prints the status
ask() {
	local method=$1 path=$2 body=${3:-}
	shift $(($# < 3 ? $# : 3))
	http -X "$method" "${AS[@]}" "$@" ${body:+-H 'Content-Type: application/json' -d "$body"} "$U$path"
}
says() { # SENTENCE WANTED-STATUS METHOD PATH [BODY] [CURL-ARGUMENTS…]
	local sentence=$1 wanted=$2
	shift 2
	check_eq "$sentence" "$wanted" "$(ask "$@")"
}
value() { jq -r "$1" "$WORK/body"; }
# Asks about a token as a gateway does.
authenticate() { ask POST /internal/v1/authenticate "{\"token\":\"$1\"}"; }
