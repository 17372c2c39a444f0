# Functions for the nodes of a store with standbys in $D, whose gateways listen from $PORT on; sourced by tests.
# shellcheck shell=bash
up() { "$E2E_ROOT/scripts/up" --data "$D" "$@"; }
pid() { cat "$D/run/$1.pid"; }
# The cluster as Patroni sees it.
cluster() {
	local n
	for n in 1 2 3; do
		curl -fs --noproxy '*' --max-time 2 --cacert "$D/standbys/ca.crt" --cert "$D/standbys/node.crt" --key "$D/standbys/node.key" \
			"https://127.0.0.1:$((PORT + 18 + n))/cluster" && return
	done
}
# The primary's number, as Patroni knows it. Processes would not do: a standby that has just been started has neither
# its startup process nor its receiver yet, and looks like a primary.
primary() { cluster | jq -r '.members[] | select(.role == "leader") | .name | ltrimstr("postgres-")'; }
is_whole() { [ "$(cluster | jq '[.members[] | select(.state == "streaming" and .role == "quorum_standby")] | length')" = 2 ]; }
# The pids of all processes of a node, its watchdog included.
node() {
	pgrep -f "watchdog .* $D/postgres-$1/data " || :
	pid "patroni-$1"; pid "etcd-$1"; pid "postgres-$1"
	pgrep -P "$(pid "postgres-$1")" || :
}
# shellcheck disable=SC2046 # each is a word
kill_node() { kill -9 $(node "$1"); }
