# A store's PostgreSQL with standbys: three nodes, each with PostgreSQL below Patroni and a member of etcd, on loopback;
# sourced by scripts/up. Patroni decides who is the primary, and brings back who was; this only sets it up. All of it
# runs by PostgreSQL's user. Patroni and etcd talk over TLS and let in only who has the store's certificate, whose key
# lies where nobody else can read it; PostgreSQL takes connections over TCP only from Patroni's two roles, by password.
# shellcheck shell=bash

ETCD_START_S=30	    # until etcd answers: two of three members must have found each other
STANDBYS_START_S=90 # until there is a primary and a standby follows it: the first time a copy of the whole is made

# Patroni in an environment of its own, of these versions and no others, checked by their hashes.
make_patroni() {
	local here=$ROOT/scripts/lib/patroni wanted
	local pip=(-q --disable-pip-version-check --no-input install --require-hashes)
	PATRONI=$BUILD/patroni
	wanted=$(cat "$here/build.txt" "$here/requirements.txt" | sha256sum)
	[ "$(cat "$PATRONI/made-of" 2>/dev/null)" != "$wanted" ] || return 0
	say "installing Patroni"
	mkdir -p "$BUILD"
	(
		flock 9
		[ "$(cat "$PATRONI/made-of" 2>/dev/null)" != "$wanted" ] || exit 0
		# A program that runs keeps its files open; those of an earlier version are not used by name any more.
		rm -rf "$PATRONI"
		/usr/bin/python3 -m venv "$PATRONI" && "$PATRONI/bin/pip" "${pip[@]}" -r "$here/build.txt" &&
			"$PATRONI/bin/pip" "${pip[@]}" --no-build-isolation -r "$here/requirements.txt" || exit
		echo "$wanted" >"$PATRONI/made-of"
	) 9>"$BUILD/patroni.lock" || die "Patroni could not be installed; what pip said stands above"
}

# A certificate authority that is forgotten at once, and the one certificate by which all parts of this know each other.
make_certificate() {
	local at=$1
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 36500 -subj "/CN=nephos $RANDOM$RANDOM" \
		-keyout "$at/ca.key" -out "$at/ca.crt" 2>/dev/null &&
		openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=nephos-node \
			-keyout "$at/node.key" -out "$at/node.csr" 2>/dev/null &&
		openssl x509 -req -in "$at/node.csr" -CA "$at/ca.crt" -CAkey "$at/ca.key" -CAcreateserial -days 36500 -out "$at/node.crt" \
			-extfile <(printf '%s\n' 'subjectAltName=IP:127.0.0.1,DNS:localhost' 'extendedKeyUsage=serverAuth,clientAuth') 2>/dev/null &&
		rm -f "$at/ca.key" "$at/node.csr" "$at/ca.srl"
}

random_word() { head -c 24 /dev/urandom | od -An -v -tx1 | tr -d ' \n'; }

# The secrets of this store, once.
make_secrets() {
	local at=$DATA/standbys.new
	[ ! -d "$DATA/standbys" ] || return 0
	rm -rf "$at"
	(
		umask 077
		mkdir "$at"
		make_certificate "$at" && random_word >"$at/replicator" && random_word >"$at/rewinder" && random_word >"$at/token"
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
	make_secrets
	give_secrets
	for n in 1 2 3; do
		make_node_folder "$DATA/postgres-$n"
		make_node_folder "$DATA/etcd-$n"
		make_socket_folder "$n"
	done
	choose_postgres "$DATA/postgres-1/data"
}

# yaml TEXT: as one word of YAML.
yaml() { printf "'%s'" "${1//\'/\'\'}"; }

# What Patroni runs as postgres: leaves the postmaster's number where people look for it, whoever started it, and has a
# watchdog look after Patroni (which is nobody's child: the postmaster must have none that it does not know).
write_wrapper() {
	local file=$DATA/standbys/postgres-$1 watchdog
	cp "$ROOT/scripts/lib/patroni/watchdog" "$DATA/standbys/watchdog.new"
	mv -f "$DATA/standbys/watchdog.new" "$DATA/standbys/watchdog"
	printf -v watchdog '%q $$ %q %q %q' "$DATA/standbys/watchdog" "$DATA/postgres-$1/data" \
		"https://$(standby_url patroni "$1")" "$DATA/standbys"
	{
		printf '#!/bin/sh\ncase ${3-} in --config-file=*)\n\techo $$ >%q\n' "$DATA/run/postgres-$1.pid"
		printf '\t(setsid %s </dev/null &)\n\t;;\nesac\n' "$watchdog"
		printf 'exec %q "$@"\n' "$PGBIN/postgres"
	} >"$file.new"
	chmod 755 "$file.new"
	mv -f "$file.new" "$file"
	[ -e "$DATA/run/postgres-$1.pid" ] || : >"$DATA/run/postgres-$1.pid"
	[ "$EUID" != 0 ] || chown -h postgres "$DATA/run/postgres-$1.pid"
}

# What all nodes agree about lies in etcd from the first start on. A primary that is lost is given up after 20 s, which
# is the least that Patroni takes; one whose postmaster died at once, when another can take over. No change is
# acknowledged that a second node does not have (strict), whatever is broken.
bootstrap_config() {
	cat <<-'END'
		bootstrap:
		  dcs:
		    ttl: 20
		    loop_wait: 1
		    retry_timeout: 5
		    maximum_lag_on_failover: 16777216
		    primary_start_timeout: 0
		    synchronous_mode: quorum
		    synchronous_mode_strict: true
		    synchronous_node_count: 1
		    failsafe_mode: true
		    postgresql:
		      use_pg_rewind: true
		      use_slots: true
		      remove_data_directory_on_rewind_failure: true
		      remove_data_directory_on_diverged_timelines: true
		      parameters:
		        max_connections: 123
		        max_wal_size: 4GB
		        checkpoint_timeout: 15min
		        max_slot_wal_keep_size: 4GB
		        wal_keep_size: 256MB
		        wal_receiver_timeout: 5s
		        wal_sender_timeout: 5s
		        wal_retrieve_retry_interval: 250ms
		  initdb:
		    - auth-local: peer
		    - auth-host: scram-sha-256
		    - encoding: UTF8
		    - locale: C.UTF-8
		    - data-checksums
	END
}

tls_config() { # tls_config INDENT: the same files for whoever asks and for whoever answers
	printf "$1%s\n" "certfile: $(yaml "$DATA/standbys/node.crt")" "keyfile: $(yaml "$DATA/standbys/node.key")"
}

node_config() {
	local n=$1 at=$DATA/postgres-$1
	cat <<-END
		scope: nephos
		name: postgres-$n
		etcd3:
		  hosts: [$(standby_url etcd 1), $(standby_url etcd 2), $(standby_url etcd 3)]
		  protocol: https
		  cacert: $(yaml "$DATA/standbys/ca.crt")
		  cert: $(yaml "$DATA/standbys/node.crt")
		  key: $(yaml "$DATA/standbys/node.key")
		restapi:
		  listen: $(standby_url patroni "$n")
		  connect_address: $(standby_url patroni "$n")
		  cafile: $(yaml "$DATA/standbys/ca.crt")
		  verify_client: required
		$(tls_config '  ')
		ctl:
		  cacert: $(yaml "$DATA/standbys/ca.crt")
		$(tls_config '  ')
		postgresql:
		  listen: $(standby_url postgres "$n")
		  connect_address: $(standby_url postgres "$n")
		  data_dir: $(yaml "$at/data")
		  bin_dir: $(yaml "$PGBIN")
		  bin_name:
		    postgres: $(yaml "$DATA/standbys/postgres-$n")
		  pgpass: $(yaml "$at/pgpass")
		  use_unix_socket: true
		  use_unix_socket_repl: true
		  authentication:
		    superuser: {username: postgres}
		    replication: {username: replicator, password: $(own_line "$DATA/standbys/replicator")}
		    rewind: {username: rewinder, password: $(own_line "$DATA/standbys/rewinder")}
		  parameters:
		    unix_socket_directories: $(yaml "${SOCKETS[$n - 1]}")
		    unix_socket_permissions: '0777'
		    hba_file: $(yaml "$DATA/run/pg_hba.conf")
		    ident_file: $(yaml "$DATA/run/pg_ident.conf")
		    shared_buffers: 128MB
		    jit: 'off'
		    shared_preload_libraries: pg_stat_statements
		$(bootstrap_config)
	END
}

write_node() {
	local file=$DATA/standbys/patroni-$1.yml
	(umask 077 && node_config "$1" >"$file.new")
	mv -f "$file.new" "$file"
	write_wrapper "$1"
}

start_etcd() {
	local n=$1 peers client peer=https://$(standby_url peer "$1") tls=$DATA/standbys
	client=https://$(standby_url etcd "$n")
	peers=$(printf 'etcd-1=https://%s,etcd-2=https://%s,etcd-3=https://%s' \
		"$(standby_url peer 1)" "$(standby_url peer 2)" "$(standby_url peer 3)")
	start "etcd-$n" /usr/bin/etcd --name "etcd-$n" --data-dir "$DATA/etcd-$n" --initial-cluster "$peers" \
		--initial-cluster-token "$(own_line "$tls/token")" --listen-client-urls "$client" --advertise-client-urls "$client" \
		--listen-peer-urls "$peer" --initial-advertise-peer-urls "$peer" --heartbeat-interval 100 --election-timeout 1000 \
		--auto-compaction-retention 1 --client-cert-auth --trusted-ca-file "$tls/ca.crt" --cert-file "$tls/node.crt" \
		--key-file "$tls/node.key" --peer-client-cert-auth --peer-trusted-ca-file "$tls/ca.crt" --peer-cert-file "$tls/node.crt" \
			--peer-key-file "$tls/node.key" --log-level warn --logger zap
}

# ask_node KIND N PATH: over TLS, with the store's certificate.
ask_node() {
	curl -fsS --noproxy '*' --max-time 3 --cacert "$DATA/standbys/ca.crt" --cert "$DATA/standbys/node.crt" \
		--key "$DATA/standbys/node.key" "https://$(standby_url "$1" "$2")$3"
}

# etcd says so when a majority has a leader.
etcd_is_healthy() {
	local n
	for n in 1 2 3; do
		case $(ask_node etcd "$n" /health 2>/dev/null) in *'"health":"true"'*) return 0 ;; esac
	done
	return 1
}

# followers: how many standbys follow the primary so that changes may count on them, as Patroni says.
followers() {
	local n status
	for n in 1 2 3; do
		status=$(ask_node patroni "$n" /cluster 2>/dev/null) || continue
		case $status in *'"role": "leader"'*) ;; *) continue ;; esac
		grep -o '"role": "quorum_standby", "state": "streaming"' <<<"$status" | wc -l
		return
	done
	echo 0
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
	local tries=$(($1 * 10))
	shift
	until "$@" >/dev/null 2>&1; do
		parts_run $(standby_parts)
		tries=$((tries - 1))
		[ "$tries" -gt 0 ] || return 1
		sleep 0.1
	done
}

start_standbys() {
	local n
	write_rules
	for n in 1 2 3; do write_node "$n"; done
	give_secrets
	for n in 1 2 3; do start_etcd "$n"; done
	wait_until "$ETCD_START_S" etcd_is_healthy || failed etcd-1 "two of the three do not find each other"
	for n in 1 2 3; do
		start "patroni-$n" "$PATRONI/bin/python3" "$PATRONI/bin/patroni" "$DATA/standbys/patroni-$n.yml"
	done
	await_nodes "$STANDBYS_START_S" has_followers 1 || failed patroni-1 "there is no primary that a standby follows"
	await_nodes 30 has_followers 2 || say "one standby does not follow yet; see $DATA/log/patroni-1.log, -2 and -3"
	case "$fresh " in *" patroni-"*) ;; *) return 0 ;; esac
	make_roles >>"$DATA/log/patroni-1.log" 2>&1 || failed patroni-1 "the roles and databases could not be made"
}
