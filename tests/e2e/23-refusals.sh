#!/usr/bin/env bash
# Goal: a gateway answers 401 to a request without a token, 404 by every route to a request for another user's data,
# and the right 4xx to a bad request. The processes stay up, and their memory stays constant.
. "$(dirname "$0")/../lib/e2e.sh"
e2e_store
V1=$URL/api/v1/docs
V2=$URL/api/v2/docs
FILES=$V2/drives/home/files
JSON=(-H 'Content-Type: application/json')
processes="user-1 user-2 docs-1 docs-2 gateway-1 gateway-2"
# Prints the name, the pid and the start time (fields of proc_pid_stat(5)) of each process that runs.
running() {
	local p pid state
	for p in $processes; do
		pid=$(cat "$E2E_DATA/run/$p.pid") && state=$(cat "/proc/$pid/stat") || continue
		awk -v "p=$p" -v "pid=$pid" '$1 != "Z" {print p, pid, $20}' <<<"${state##*) }"
	done
}
before=$(running)
check_eq "all processes run before the bad requests" "$(wc -w <<<"$processes")" "$(wc -l <<<"$before")"

# ---- the data of another user ----
me=$(curl -s --noproxy '*' "${AUTH[@]}" "$URL/api/v2/user/me" | jq -r .id)
name=refused$$
check_status "POST of another user gets 201" \
	201 "${AUTH[@]}" "${JSON[@]}" -d "{\"name\":\"$name\",\"password\":\"correct horse battery\"}" \
		"$URL/api/v1/user/"
other=$(jq -r .id "$WORK/body")
check_status "the other user can log in" \
	201 "${JSON[@]}" -d "{\"name\":\"$name\",\"password\":\"correct horse battery\"}" "$URL/api/v2/user/sessions"
OTHER=(-H "Authorization: Bearer $(jq -r .token "$WORK/body")")
echo mine >"$WORK/mine"
check_status "PUT of a file by the first user gets 201" 201 -T "$WORK/mine" "${AUTH[@]}" "$FILES/23-mine"
id=$(jq -r '.id // .item.id' "$WORK/body")
drive=$(curl -s --noproxy '*' "${AUTH[@]}" "$V2/drives/home" | jq -r .id)
at_end 'curl -s --noproxy "*" -X DELETE "${AUTH[@]}" "$FILES/23-mine"; curl -s --noproxy "*" -X DELETE "${AUTH[@]}" "$URL/api/v1/user/$other"'

routes=(
	"GET $V1/$id" "PUT $V1/$id" "DELETE $V1/$id"
	"GET $V2/drives/$drive" "PATCH $V2/drives/$drive" "DELETE $V2/drives/$drive"
	"GET $V2/drives/$drive/files/23-mine" "DELETE $V2/drives/$drive/files/23-mine"
	"GET $V2/drives/$drive/items/$id" "DELETE $V2/drives/$drive/items/$id" \
		"GET $V2/drives/$drive/items?path=/23-mine"
	"GET $V2/drives/$drive/items/$id/content" "PUT $V2/drives/$drive/items/$id/content" \
		"GET $V2/drives/$drive/items/$id/extents"
	"GET $V2/drives/$drive/changes?since=0" "POST $V2/drives/$drive/ids" "POST $V2/drives/$drive/ops"
)
for route in "${routes[@]}"; do
	body=()
	case $route in
	*/content) case $route in PUT*) body=(-d x) ;; esac ;;
	*/ids) body=("${JSON[@]}" -d '{"count":1}') ;;
	*/ops) body=("${JSON[@]}" -d "{\"ops\":[{\"op\":\"unlink\",\"parent\":\"$id\",\"name\":\"x\"}]}") ;;
	PUT* | PATCH*) body=("${JSON[@]}" -d '{"title":"stolen","name":"stolen"}') ;;
	esac
	shown=${route#* }
	shown="${route%% *} ${shown#"$URL"}"
	check_status "$shown without a token gets 401" 401 -X "${route%% *}" "${body[@]}" "${route#* }"
	check "the 401 for $shown has WWW-Authenticate" test -n "$(header WWW-Authenticate)"
	check_status "$shown with a wrong token gets 401" \
		401 -X "${route%% *}" -H "Authorization: Bearer npk_wrong" "${body[@]}" "${route#* }"
	check_status "$shown by another user gets 404" 404 -X "${route%% *}" "${OTHER[@]}" "${body[@]}" "${route#* }"
done
check_status "GET of the file by its owner after the refused requests gets 200" 200 "${AUTH[@]}" "$FILES/23-mine"
check_eq "the file has its old content after the refused requests" mine "$(cat "$WORK/body")"
check_status "POST of a document for an unknown user gets 404" \
	404 "${AUTH[@]}" "${JSON[@]}" -d '{"title":"t","text":"","user_id":[999999]}' "$V1/"
check_eq "the 404 for an unknown owner names the id that was not found" \
	"User with id:999999 not found" "$(jq -r .detail "$WORK/body")"
check_status "GET of the first user's documents gets 200" 200 "${AUTH[@]}" "$V1/"
check_eq "the first user's file is listed as a document of the first user" \
	"[$me]" "$(jq -c '.[] | select(.title == "23-mine") | .user_id' "$WORK/body")"

# ---- bad requests; many times, for the memory ----
head -c 2000000 /dev/zero | tr '\0' ' ' >"$WORK/spaces"
# curl does not send heads over 1 MiB, so this program does. It prints the status. The gateway need not read the rest
# of a head that it has refused.
cat >"$WORK/long_header.py" <<'PY'
import socket, sys
host, port = sys.argv[1].removeprefix("http://").split(":")
s = socket.create_connection((host, int(port)), 20)
s.sendall(b"GET /api/v2/docs/drives HTTP/1.1\r\nHost: x\r\nX-Long: ")
try:
    for _ in range(160): s.sendall(b"x" * 65536)
except OSError: pass
try: print(s.recv(4096).split(b" ")[1].decode(), end="")
except (OSError, IndexError) as e: print("no answer:", e, end="")
PY
head -c 3000000 /dev/zero >"$WORK/zeros"
# Prints all the statuses in one line.
bad_requests() {
	local path
	for path in ../x a/../x a/%2e%2e/x a%00b a%2Fb a%zz a//b; do http "${AUTH[@]}" "$FILES/$path"; printf ' '; done
	http "${AUTH[@]}" "${JSON[@]}" -d '{"title":' "$V1/"; printf ' '
	http "${AUTH[@]}" "${JSON[@]}" --data-binary "@$WORK/spaces" "$V1/"; printf ' '
	http -T "$WORK/zeros" "${AUTH[@]}" -H 'Repr-Digest: sha-256=:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=:' \
		"$FILES/23-digest"; printf ' '
	python3 "$WORK/long_header.py" "$URL"
	# An upload that stops half-way need not get an answer.
	http --max-time 0.3 -X PUT "${AUTH[@]}" -H 'Expect:' -H 'Content-Length: 20000000' -T - "$FILES/23-half" \
		<"$WORK/zeros" >/dev/null
	echo
}
# Prints the KiB of each process, 0 for a process that does not run.
rss() {
	local p kib
	for p in $processes; do
		kib=$(sed -n 's/^VmRSS:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$(cat "$E2E_DATA/run/$p.pid")/status")
		echo "${kib:-0}"
	done
}
check_eq "bad paths, bad JSON, too much JSON, a wrong digest and a header of 10 MB get 400, 413 or 431" \
	"400 400 400 400 400 400 400 400 413 400 431" "$(bad_requests)"
for _ in 1 2 3 4 5; do bad_requests >/dev/null; done
warm=($(rss))
for _ in {1..20}; do bad_requests >/dev/null; done
late=($(rss))
check_status "PUT with a wrong digest leaves no file" 404 "${AUTH[@]}" "$FILES/23-digest"
check_status "an upload that stops half-way leaves no file" 404 "${AUTH[@]}" "$FILES/23-half"
i=0
for p in $processes; do
	check "$p runs and grows by at most 8 MiB in 20 rounds of bad requests ($((late[i] - warm[i])) KiB)" \
		sh -c 'test "$1" -gt 0 && test "$2" -gt 0 && test $(($2 - $1)) -le 8192' _ "${warm[i]}" "${late[i]}"
	i=$((i + 1))
done
check_eq "all processes have the same pids and start times after the bad requests" "$before" "$(running)"
# ---- a document without a name stays for the sessions that may have it open ----
cat >"$WORK/nameless.py" <<'PY'
import json, sys, urllib.error, urllib.request
url, token = sys.argv[1:3]
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
numbers = {}
def ask(method, path, body=None, **headers):
    r = urllib.request.Request(url + path, None if body is None else json.dumps(body).encode(), {"Authorization": token, "Content-Type": "application/json", **headers}, method=method)
    try:
        with opener.open(r, timeout=60) as a: return a.status, json.loads(a.read() or b"{}")
    except urllib.error.HTTPError as e: return e.code, json.loads(e.read() or b"{}")
def session(**more): return ask("POST", "/sessions", {"name": "m", **more})[1]["session"]
def truncated(by, size):
    numbers[by] = numbers.get(by, 0) + 1
    return ask("POST", "/ops", {"ops": [{"op": "setattr", "id": id, "size": size}]}, **{"Nephos-Session": by, "Nephos-Batch": str(numbers[by])})[0]
root = ask("GET", "")[1]["root"]
before = session()
id = ask("POST", "/ops", {"ops": [{"op": "create", "parent": root, "name": "nameless-23", "type": "file"}]})[1]["results"][0]["item"]["id"]
ask("POST", "/ops", {"ops": [{"op": "unlink", "parent": root, "name": "nameless-23"}]})
after = session()
print("opened after", truncated(after, 1))
print("held", ask("POST", "/changes", {"since": 0, "wait": 0, "limit": 1, "session": after, "held": [id]})[0], truncated(after, 2))
print("opened before", truncated(before, 3))
print("in its place", truncated(session(replaces=before), 4))
print("in the place of the later one", truncated(session(replaces=after), 5))
print("nobody", ask("POST", "/ops", {"ops": [{"op": "setattr", "id": id, "size": 6}]})[0])
PY
python3 "$WORK/nameless.py" "$URL/api/v2/docs/drives/home" "Bearer $TOKEN" >"$WORK/nameless"
check_eq "a session begun after a document was unlinked gets 404 when it changes the document" \
	"opened after 404" "$(sed -n 1p "$WORK/nameless")"
check_eq "a session begun after the unlink gets 404 even if it has reported the document as held" \
	"held 200 404" "$(sed -n 2p "$WORK/nameless")"
check_eq "a session begun before the unlink can change the unlinked document" \
	"opened before 200" "$(sed -n 3p "$WORK/nameless")"
check_eq "a session that replaces one begun before the unlink can change the unlinked document" \
	"in its place 200" "$(sed -n 4p "$WORK/nameless")"
check_eq "a session that replaces one begun after the unlink gets 404 for the unlinked document" \
	"in the place of the later one 404" "$(sed -n 5p "$WORK/nameless")"
check_eq "a change of the unlinked document without a session gets 404" "nobody 404" "$(sed -n 6p "$WORK/nameless")"

# ---- an answer that would be too long ----
cat >"$WORK/long.py" <<'PY'
import json, sys, urllib.error, urllib.request
url, token = sys.argv[1:3]
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
def ask(method, path, body=None, **more):
    data = json.dumps(body).encode() if body is not None else None
    r = urllib.request.Request(url + path, data, {"Authorization": token, "Content-Type": "application/json", **more}, method=method)
    try:
        with opener.open(r, timeout=120) as a: return a.status, json.loads(a.read())
    except urllib.error.HTTPError as e: return e.code, json.loads(e.read() or b"{}")
root = ask("GET", "")[1]["root"]
made = {"op": "create", "parent": root, "name": "long-23", "type": "symlink", "target": "t" * 4000}
id = ask("POST", "/ops", {"ops": [made]})[1]["results"][0]["item"]["id"]
seq = ask("GET", "")[1]["seq"]
def changed(n):
    status, body = ask("POST", "/ops", {"ops": [{"op": "setattr", "id": id, "mtime": "1.000000000"}] * n}, **{"Idempotency-Key": "long-23-%s" % id})
    return status, body.get("type"), len(body.get("results", []))
print("all", *changed(4096))
print("nothing", ask("GET", "")[1]["seq"] == seq)
print("parts", *changed(1000))
ask("POST", "/ops", {"ops": [{"op": "unlink", "parent": root, "name": "long-23"}]})
PY
python3 "$WORK/long.py" "$URL/api/v2/docs/drives/home" "Bearer $TOKEN" >"$WORK/long"
check_eq "a batch whose answer would be too long gets 413" \
	"all 413 /problems/too-large 0" "$(sed -n 1p "$WORK/long")"
check_eq "the batch that got 413 has changed nothing" "nothing True" "$(sed -n 2p "$WORK/long")"
check_eq "a part of the batch that got 413 gets 200 with the same idempotency key" \
	"parts 200 None 1000" "$(sed -n 3p "$WORK/long")"
e2e_end
