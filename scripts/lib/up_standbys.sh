# A store's PostgreSQL with standbys: three nodes, each with PostgreSQL below Patroni and a member of etcd, on loopback;
# sourced by scripts/up. Patroni decides who is the primary, and brings back who was; this only sets it up. All of it
# runs by PostgreSQL's user. Patroni and etcd talk over TLS and let in only who has the store's certificate, whose key
# lies where nobody else can read it; PostgreSQL takes connections over TCP only from Patroni's two roles, by password.
# shellcheck shell=bash

ETCD_START_S=60	     # until etcd answers: two of three members must have found each other
STANDBYS_START_S=240 # until there is a primary and a standby follows it: the first time a copy of the whole is made

# shellcheck source=scripts/lib/patroni/node.sh
. "$ROOT/scripts/lib/patroni/node.sh"
NODE_SCOPE=nephos
node_at() { standby_url "$@"; }
node_listens() { standby_url "$@"; }
node_name() { echo "postgres-$1"; }
node_secret() { own_line "$NODE_TLS/$1"; }

make_patroni() {
	local here=$ROOT/scripts/lib/patroni wanted
	PATRONI=$BUILD/patroni
	wanted=$(cat "$here/build.txt" "$here/requirements.txt" | sha256sum)
	[ "$(cat "$PATRONI/made-of" 2>/dev/null)" != "$wanted" ] || return 0
	say "installing Patroni"
	mkdir -p "$BUILD"
	(
		flock 9
		[ "$(cat "$PATRONI/made-of" 2>/dev/null)" != "$wanted" ] || exit 0
		"$here/install" "$PATRONI" || exit
		echo "$wanted" >"$PATRONI/made-of"
	) 9>"$BUILD/patroni.lock" || die "Patroni could not be installed; what pip said stands above"
}

# The secrets of this store, once.
make_secrets() {
	local at=$DATA/standbys.new
	[ ! -d "$DATA/standbys" ] || return 0
	rm -rf "$at"
	(
		umask 077
		mkdir "$at"
		fill_secrets "$at" IP:127.0.0.1,DNS:localhost
	) || die "the certificate for the standbys could not be made"
	mv "$at" "$DATA/standbys"
}

# By root: PostgreSQL's user may read them, and nobody else.
give_secrets() {
	own_path "$DATA/standbys"
	[ "$OWN_PATH" = "$DATA/standbys" ] || die "$DATA/standbys is a link; put the folder itself there"
	[ "$EUID" = 0 ] || return 0
	chown root:postgres "$DATA/standbys" "$DATA"/standbys/*
	chmod 750 "$DATA/standbys"
	chmod u=rwX,g=rX,o= "$DATA"/standbys/*
}

# One folder of PostgreSQL's user: made when it is missing, and believed only when it is his.
make_node_folder() {
	mkdir -p "$1"
	own_path "$1" "$(user_of postgres-1)"
	[ "$OWN_PATH" = "$1" ] || die "$1 is a link; put the folder itself there"
	chmod 700 "$1"
	[ "$EUID" != 0 ] || chown postgres:postgres "$1"
}

# Where node N's socket lies. Programs that know no other port find it under PostgreSQL's own.
make_socket_folder() {
	local dir=${SOCKETS[$1 - 1]}
	mkdir -p "$dir"
	if [ "$EUID" = 0 ]; then
		[ "$(stat -c %u "$dir")" != 0 ] || chown -h postgres:"$(id -gn nephos)" "$dir"
		by_node "$1" chmod 710 "$dir"
	else
		chmod 700 "$dir"
	fi
	by_node "$1" ln -sfn ".s.PGSQL.$(standby_port postgres "$1")" "$dir/.s.PGSQL.5432"
}

# by_node N COMMAND…: as the user of the node's parts, from its folder.
by_node() {
	become "postgres-$1" "$DATA" "$DATA/postgres-$1" "${SOCKETS[$1 - 1]}"
	(cd / && env -i "${environment[@]}" "${BECOME[@]}" "${@:2}")
}

find_standbys() {
	local n
	case $(socket_dirs | tr '\n' ,) in *,*,*,?*) die "a comma in the path of a store with standbys is not taken: choose another --data" ;; esac
	mapfile -t SOCKETS < <(socket_dirs)
	PGDATA=$DATA/postgres-1
	NODE_TLS=$DATA/standbys NODE_RULES=$DATA/run
	make_secrets
	give_secrets
	for n in 1 2 3; do
		make_node_folder "$DATA/postgres-$n"
		make_node_folder "$DATA/etcd-$n"
		make_socket_folder "$n"
	done
	choose_postgres "$DATA/postgres-1/data"
}

write_wrapper() {
	local file=$DATA/standbys/postgres-$1
	local name
	for name in watchdog start rejoin.py; do # where the node's user may read them
		cp "$ROOT/scripts/lib/patroni/$name" "$DATA/standbys/$name.new"
		mv -f "$DATA/standbys/$name.new" "$DATA/standbys/$name"
	done
	node_wrapper "$1" "$DATA/postgres-$1/data" "$DATA/run/postgres-$1.pid" "$DATA/standbys/watchdog" >"$file.new"
	chmod 755 "$file.new"
	mv -f "$file.new" "$file"
	[ -e "$DATA/run/postgres-$1.pid" ] || : >"$DATA/run/postgres-$1.pid"
	[ "$EUID" != 0 ] || chown -h postgres "$DATA/run/postgres-$1.pid"
}

write_node() {
	local file=$DATA/standbys/patroni-$1.yml
	(umask 077 && node_config "$1" "$DATA/postgres-$1" "${SOCKETS[$1 - 1]}" "$DATA/standbys/postgres-$1" >"$file.new")
	mv -f "$file.new" "$file"
	write_wrapper "$1"
}

start_etcd() {
	etcd_flags "$1" "$DATA/etcd-$1"
	start "etcd-$1" "${ETCD[@]}"
}

# ask_node KIND N PATH: over TLS, with the store's certificate.
ask_node() { ask_at "$(node_at "$1" "$2")" "$3"; }

# etcd says so when a majority has a leader.
etcd_is_healthy() {
	local n
	for n in 1 2 3; do
		case $(ask_node etcd "$n" /health 2>/dev/null) in *'"health":"true"'*) return 0 ;; esac
	done
	return 1
}

# followers: how many standbys follow the primary so that changes may count on them, as it says itself. What Patroni
# says is of before, for a while, when all processes were killed.
followers() {
	psql_as postgres postgres -At -c "SELECT count(*) FROM pg_stat_replication
		WHERE state = 'streaming' AND sync_state IN ('quorum', 'sync')" 2>/dev/null || echo 0
}

has_followers() { [ "$(followers)" -ge "$1" ]; }

parts_run() {
	local part
	for part; do
		! process_gone "$(pid_of "$part")" || failed "$part" "its process has ended"
	done
}

# await_nodes SECONDS COMMAND…: until it is so; a part that ends meanwhile is told of.
await_nodes() {
	local end=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		parts_run $(standby_parts)
		[ "$SECONDS" -le "$end" ] || return 1
		sleep 0.1
	done
}

start_standbys() {
	local n
	second_standby_s=4
	[ -d "$DATA/postgres-1/data" ] || second_standby_s=60
	write_rules
	for n in 1 2 3; do write_node "$n"; done
	give_secrets
	for n in 1 2 3; do start_etcd "$n"; done
	for n in 1 2 3; do
		start "patroni-$n" "$PATRONI/bin/python3" -B "$DATA/standbys/start" "$DATA/standbys/patroni-$n.yml"
	done
	wait_until "$ETCD_START_S" etcd_is_healthy || failed etcd-1 "two of the three do not find each other, or hang; kill -9 those that hang, and start again"
	[ "$(cat "$DATA/standbys/roles" 2>/dev/null)" != "$(roles_sum)" ] || return 0
	await_first_standby
	make_roles >>"$DATA/log/patroni-1.log" 2>&1 || failed patroni-1 "the roles and databases could not be made"
	(umask 077 && roles_sum >"$DATA/standbys/roles")
}

# What made the roles and databases; where it is known to be done, the services start beside the nodes, and wait for the
# primary themselves.
roles_sum() { cat "$ROOT/scripts/sql/roles.sql" "$ROOT/scripts/sql/owner.sql" | sha256sum; }

await_first_standby() {
	await_nodes "$STANDBYS_START_S" has_followers 1 || failed patroni-1 "there is no primary that a standby follows"
}

# The store answers with one standby: the other one follows while the services start. A new store is whole when it is
# said to be up; of one that was up before, users are waiting, and what a node has to mend may take long.
await_all_standbys() {
	await_nodes "$second_standby_s" has_followers 2 ||
		say "one standby does not follow yet; see $DATA/log/patroni-1.log, -2 and -3"
}
