# For end-to-end scripts of the docs service alone: PostgreSQL, a small script as the user service, and the headers
# that a gateway sends. Sourced after e2e.sh.
# shellcheck shell=bash
#
#	start_docs NAME ARGUMENTS…   starts a docs service; sets URL_NAME, for requests as a gateway sends them,
#	                             AT_NAME, where the service listens, and PID_NAME (with _ for -)
#	as ID [ADMIN]                sets the user of the requests from now on
#	ask METHOD PATH [BODY] [CURL-ARGUMENTS…]       asks $U; prints the status; BODY is JSON, "" for none
#	says SENTENCE WANTED-STATUS METHOD PATH [BODY] [CURL-ARGUMENTS…]
#	value JQ                     a value of the last answer
#	user_service up|down

DOCS_PROGRAM=${NEPHOS_BUILD_DIR:-$E2E_ROOT/build/dev}/bin/nephos-docs
. "$E2E_ROOT/tests/lib/alone.sh"
alone docs

# Users 1 to 4 exist; 1 is an administrator; $WORK/deleted has the ids of deleted users, one per line.
cat >"$WORK/users.py" <<'PY'
import http.server, json, os, sys
work, port = sys.argv[1], int(sys.argv[2])
sys.path.insert(0, sys.argv[3])
import cluster
class Users(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def log_message(self, *args):
        pass
    def setup(self):
        super().setup()
        self.hello = cluster.Server(cluster.keys_of(work + "/cluster.key"), "user/user-1/0a0b")
    def do_POST(self):
        answer = self.hello.hear(self.headers.get(cluster.FIELD))
        self.send_response(204 if answer else 401)
        if answer:
            self.send_header(cluster.FIELD, answer)
        self.send_header("Content-Length", "0")
        self.end_headers()
    def do_GET(self):
        status, answer = 404, {}
        if self.path.startswith("/internal/v1/users/"):
            user = self.path.rsplit("/", 1)[1]
            if user in ("1", "2", "3", "4"):
                status, answer = 200, {"id": user, "name": "user" + user}
        elif self.path.startswith("/internal/v1/deleted"):
            since = int(self.path.rsplit("=", 1)[1])
            ids = open(work + "/deleted").read().split() if os.path.exists(work + "/deleted") else []
            rows = [{"seq": str(i + 1), "user_id": u, "at": "0"} for i, u in enumerate(ids)]
            status, answer = 200, {"deleted": rows[since:], "last": str(len(rows))}
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Users)
open(work + "/users.port", "w").write(str(server.server_port))
server.serve_forever()
PY
USERS_PORT=0
user_service() {
	if [ "$1" = down ]; then
		kill "$USERS_PID"
		wait "$USERS_PID" 2>/dev/null
		return
	fi
	rm -f "$WORK/users.port"
	python3 "$WORK/users.py" "$WORK" "$USERS_PORT" "$E2E_ROOT/tests/lib" &
	USERS_PID=$!
	at_end "kill $USERS_PID"
	eventually 10 test -s "$WORK/users.port"
	USERS_PORT=$(cat "$WORK/users.port")
}
user_service up

start_docs() {
	local name=$1 pid
	shift
	"$DOCS_PROGRAM" --name "$name" --database "$DATABASE" --cluster-key "$WORK/cluster.key" --blocks-dir "$WORK/blocks" \
		--user-service "http://127.0.0.1:$USERS_PORT" --port 0 --pid-file "$WORK/$name.pid" \
			"$@" 2>"$WORK/$name.log" &
	pid=$!
	at_end "kill $pid"
	# Without its S3 service it tries for as long as a request may (S3_DEADLINE_MS), before it starts.
	eventually 60 grep -q 'op=start url=' "$WORK/$name.log" || { cat "$WORK/$name.log" >&2; exit 1; }
	printf -v "PID_${name//-/_}" %s "$pid"
	printf -v "AT_${name//-/_}" %s "$(sed -n 's/.*op=start url=\([^ ]*\) .*/\1/p' "$WORK/$name.log")"
	relay "$name" "$(sed -n 's/.*op=start url=\([^ ]*\) .*/\1/p' "$WORK/$name.log")" "$WORK/cluster.key"
}

as() { AS=(-H "Nephos-User: $1" -H "Nephos-Admin: ${2:-0}"); }
as 1
ask() {
	local method=$1 path=$2 body=${3:-} how=(-X "$1")
	[ "$method" = HEAD ] && how=(-I)
	shift $(($# < 3 ? $# : 3))
	http "${how[@]}" "${AS[@]}" ${body:+-H 'Content-Type: application/json' -d "$body"} "$@" "$U$path"
}
says() {
	local sentence=$1 wanted=$2 got
	shift 2
	got=$(ask "$@")
	if [ "$got" = "$wanted" ]; then
		pass "$sentence"
	else
		fail "$sentence" "wanted $wanted, got $got from: $*" "$(head -c 400 "$WORK/body")"
	fi
}
value() { jq -r "$1" "$WORK/body"; }
V1=/api/v1/docs
V2=/api/v2/docs
H=$V2/drives/home
