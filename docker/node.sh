# Functions for all containers of the database, of PostgreSQL and of etcd; sourced by docker/postgres-run, etcd-run,
# postgres-made and node-health. NODE is the name of this container: etcd-N, postgres-N, or CLUSTER-postgres-N for a
# second cluster.
# shellcheck shell=bash

share=/usr/local/share/nephos
# shellcheck source=scripts/lib/patroni/node.sh
. "$share/patroni/node.sh"

NODE_TLS=/var/lib/nephos/secrets/nodes
NODE_RULES=$share
NODE_SCOPE=${NODE%-*}
PGBIN=/usr/lib/postgresql/15/bin
SOCKETS=/run/nephos-postgres # has a folder for each node
SOCKET=$SOCKETS/$NODE
# All names that nodes may have in the network of the containers.
NODE_NAMES=IP:127.0.0.1,DNS:localhost
for n in 1 2 3; do NODE_NAMES+=",DNS:etcd-$n,DNS:postgres-$n,DNS:users-postgres-$n"; done

node_port() {
	case $1 in
	postgres) echo 5432 ;;
	patroni) echo 8008 ;;
	etcd) echo 2379 ;;
	peer) echo 2380 ;;
	esac
}

node_at() {
	case $1 in
	postgres | patroni) echo "$(node_name "$2"):$(node_port "$1")" ;;
	etcd | peer) echo "etcd-$2:$(node_port "$1")" ;;
	esac
}

node_listens() { echo "0.0.0.0:$(node_port "$1")"; }
node_name() { echo "$NODE_SCOPE-$1"; }
node_secret() { cat "$NODE_TLS/$1"; }

die() {
	echo "$NODE: $*" >&2
	exit 1
}

# Makes the secrets of this store, once: the first container makes them, in a volume that only these containers share.
make_node_secrets() {
	local new
	[ ! -d "$NODE_TLS" ] || return 0
	new=$(mktemp -d "$NODE_TLS.XXXXXX") && fill_secrets "$new" "$NODE_NAMES" || die "the certificate could not be made"
	mv -T "$new" "$NODE_TLS" 2>/dev/null || rm -rf "$new" # another container was first: its secrets are used
	[ -s "$NODE_TLS/token" ] || die "$NODE_TLS is not whole"
}

# ask_etcd CALL: makes a call about Patroni's key for the cluster. The key is empty while the cluster is being made, and
# has a value afterwards.
ask_etcd() {
	local n key
	key=$(printf '/service/%s/initialize' "$NODE_SCOPE" | base64 -w 0)
	for n in 1 2 3; do
		ask_at "$(node_at etcd "$n")" "/v3/kv/$1" -d "{\"key\": \"$key\"}" 2>/dev/null && return
	done
	return 1
}

# ask SOCKETS ARGUMENTS…: runs psql with the server whose socket lies there.
ask() { psql -X -q -v ON_ERROR_STOP=1 -h "$@"; }

# make_roles SOCKETS: makes the roles and databases of a store, or converts those of an earlier version.
make_roles() {
	local database role=postgres
	ask "$1" -U postgres -d postgres -c SELECT 2>/dev/null || role=nephos
	ask "$1" -U "$role" -d postgres -f "$share/sql/roles.sql" || return 1
	for database in $DATABASES; do ask "$1" -U postgres -d "$database" -f "$share/sql/owner.sql" || return 1; done
}

has_databases() {
	local database
	for database in $DATABASES; do ask "$1" -U postgres -d "$database" -c SELECT 2>/dev/null || return 1; done
}
