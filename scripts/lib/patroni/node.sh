# One node of a database with standbys: its certificate, the settings of its Patroni and the flags of its etcd,
# wherever it runs; sourced by scripts/lib/up_standbys.sh and docker/node.sh. They say what is theirs:
#   node_at KIND N        HOST:PORT where others reach node N's postgres, patroni, etcd, and etcd for its peers (peer)
#   node_listens KIND N   the ADDRESS:PORT where that listens
#   node_name N           of the node, for Patroni
#   node_secret NAME      what that file of NODE_TLS holds
#   NODE_TLS              folder of ca.crt, node.crt, node.key, and the secrets replicator, rewinder and token
#   NODE_RULES            folder of pg_hba.conf and pg_ident.conf
#   NODE_SCOPE            name of the cluster in etcd
#   PGBIN                 folder of PostgreSQL's programs
# shellcheck shell=bash

# make_certificate FOLDER NAMES: a certificate authority that is forgotten at once, and the one certificate by which all
# parts of this know each other. NAMES: those that it is for, as subjectAltName has them.
make_certificate() {
	local at=$1
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 36500 -subj "/CN=nephos $RANDOM$RANDOM" \
		-keyout "$at/ca.key" -out "$at/ca.crt" 2>/dev/null &&
		openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=nephos-node \
			-keyout "$at/node.key" -out "$at/node.csr" 2>/dev/null &&
		openssl x509 -req -in "$at/node.csr" -CA "$at/ca.crt" -CAkey "$at/ca.key" -CAcreateserial -days 36500 -out "$at/node.crt" \
			-extfile <(printf '%s\n' "subjectAltName=$2" 'extendedKeyUsage=serverAuth,clientAuth') 2>/dev/null &&
		rm -f "$at/ca.key" "$at/node.csr" "$at/ca.srl"
}

# sixteenth FOLDER MOST: of the disk of FOLDER, in megabytes, and no more than that.
sixteenth() {
	local part=$(($(df --output=size -BM "$1" | tail -n 1 | tr -dc 0-9) / 16))
	echo $((part > $2 ? $2 : part))
}

# log_megabytes FOLDER [NODES]: how much log of changes a server writes between two checkpoints. The logs of all NODES
# on the disk of FOLDER together, with what they keep in any case (rewound_megabytes: twice as much again), take half of
# what blocks leave free there, which rows leave free, too. For one server blocks leave 2 GiB free (nephos-docs
# --blocks-reserve), for several 6 GiB (STANDBYS_RESERVE), and never more than an eighth of the disk. A server that has
# no room for its log ends. 32: the least that PostgreSQL takes.
STANDBYS_RESERVE=$((6 << 30)) # bytes
log_megabytes() {
	local nodes=${2:-1} part
	if [ "$nodes" = 1 ]; then part=$(sixteenth "$1" 1024); else part=$(($(sixteenth "$1" 3072) / (3 * nodes))); fi
	echo $((part < 32 ? 32 : part))
}

# kept_megabytes FOLDER: how much of its log a node keeps for a node that is away: 4 GiB, at most a sixteenth of the
# disk. When that is not enough, the other node is copied anew (rejoin.py). What exceeds the log that each node keeps in
# any case grows and shrinks with what is written meanwhile. nephos-docs --rows-disk sees it when it looks at the free
# space, so no space is reserved for it; the changes that go on when the disk is short, deletions, write little.
kept_megabytes() {
	local part
	part=$(sixteenth "$1" 4096)
	echo $((part < 32 ? 32 : part))
}

# rewound_megabytes FOLDER: how much of its log each of three nodes keeps in any case. A former primary that had
# written a little more than the others is rewound, and then replays from the redo location of the last checkpoint
# that both nodes have. That location may lie as far before the point of divergence as a node writes between two
# checkpoints (log_megabytes, which is a soft limit), and no replication slot keeps that log. Meanwhile both nodes
# drop log: the node itself with the checkpoint that ends its crash recovery, and the new primary. So each keeps twice
# as much: the second half is for what is written until the node follows. The result is never more than
# kept_megabytes, so that the space for the logs stays what is said there.
rewound_megabytes() {
	local twice kept
	twice=$((2 * $(log_megabytes "$1" 3)))
	kept=$(kept_megabytes "$1")
	echo $((twice < kept ? twice : kept))
}

random_word() { head -c 24 /dev/urandom | od -An -v -tx1 | tr -d ' \n'; }

# fill_secrets FOLDER NAMES: all that NODE_TLS holds, into a new folder.
fill_secrets() {
	make_certificate "$1" "$2" && random_word >"$1/replicator" && random_word >"$1/rewinder" && random_word >"$1/token"
}

# yaml TEXT: as one word of YAML.
yaml() { printf "'%s'" "${1//\'/\'\'}"; }

# node_wrapper N DATA PIDFILE WATCHDOG: the program that Patroni runs as postgres. It writes the postmaster's pid into
# PIDFILE, whoever started it, and starts a watchdog for Patroni. The watchdog is a child of no other process, as the
# postmaster must not have children that it does not know. The wrapper also passes wal_keep_size to the server, and to
# the crash recovery that Patroni runs with --single: Patroni itself takes that setting only from etcd, where it stays
# as it was when the store was made.
node_wrapper() {
	local watchdog listens kept
	kept=$(rewound_megabytes "$(dirname "$2")")
	listens=$(node_listens patroni "$1")
	printf -v watchdog '%q $$ %q %q %q' "$4" "$2" "https://127.0.0.1:${listens##*:}" "$NODE_TLS"
	printf '#!/bin/sh\ncase ${3-} in --config-file=*)\n\techo $$ >%q\n' "$3"
	printf '\t(setsid %s </dev/null &)\n\tset -- "$@" --wal_keep_size=%sMB\n\t;;\nesac\n' "$watchdog" "$kept"
	printf '[ "${1-}" != --single ] || { shift; set -- --single --wal_keep_size=%sMB "$@"; }\n' "$kept"
	printf 'exec %q "$@"\n' "$PGBIN/postgres"
}

# What all nodes agree about lies in etcd from the first start on. A primary that is lost is given up after 20 s, which
# is the least that Patroni takes; one whose postmaster died at once, when another can take over. No change is
# acknowledged that a second node does not have (strict), whatever is broken.
bootstrap_config() {
	cat <<-END
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
		        checkpoint_timeout: 15min
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
	printf "$1%s\n" "certfile: $(yaml "$NODE_TLS/node.crt")" "keyfile: $(yaml "$NODE_TLS/node.key")"
}

# etcd_hosts N: the members of etcd, the own one first (see the file "start").
etcd_hosts() {
	local n hosts
	hosts=$(node_at etcd "$1")
	for n in 1 2 3; do
		[ "$n" = "$1" ] || hosts+=", $(node_at etcd "$n")"
	done
	echo "$hosts"
}

# node_config N FOLDER SOCKETS WRAPPER: Patroni's settings; FOLDER: where data and what Patroni writes lie; SOCKETS: the
# folder of PostgreSQL's socket. The three nodes may lie on one disk, and so have a third each of what their logs may
# come to.
node_config() {
	local n=$1 log kept
	log=$(log_megabytes "$2" 3)
	kept=$(kept_megabytes "$2")
	cat <<-END
		scope: $NODE_SCOPE
		name: $(node_name "$n")
		etcd3:
		  hosts: [$(etcd_hosts "$n")]
		  protocol: https
		  cacert: $(yaml "$NODE_TLS/ca.crt")
		  cert: $(yaml "$NODE_TLS/node.crt")
		  key: $(yaml "$NODE_TLS/node.key")
		restapi:
		  listen: $(node_listens patroni "$n")
		  connect_address: $(node_at patroni "$n")
		  cafile: $(yaml "$NODE_TLS/ca.crt")
		  verify_client: required
		$(tls_config '  ')
		ctl:
		  cacert: $(yaml "$NODE_TLS/ca.crt")
		$(tls_config '  ')
		postgresql:
		  listen: $(node_listens postgres "$n")
		  connect_address: $(node_at postgres "$n")
		  data_dir: $(yaml "$2/data")
		  bin_dir: $(yaml "$PGBIN")
		  bin_name:
		    postgres: $(yaml "$4")
		  pgpass: $(yaml "$2/pgpass")
		  use_unix_socket: true
		  use_unix_socket_repl: true
		  basebackup: [{checkpoint: fast}]
		  authentication:
		    superuser: {username: postgres}
		    replication: {username: replicator, password: $(node_secret replicator)}
		    rewind: {username: rewinder, password: $(node_secret rewinder)}
		  parameters:
		    unix_socket_directories: $(yaml "$3")
		    unix_socket_permissions: '0777'
		    hba_file: $(yaml "$NODE_RULES/pg_hba.conf")
		    ident_file: $(yaml "$NODE_RULES/pg_ident.conf")
		    shared_buffers: 128MB
		    jit: 'off'
		    max_wal_size: ${log}MB
		    max_slot_wal_keep_size: ${kept}MB
		    shared_preload_libraries: pg_stat_statements
		$(bootstrap_config)
	END
}

# etcd_flags N FOLDER: sets ETCD to the words that start member N, with its data in FOLDER.
# With pre-vote, a member that was cut off, or stood still, does not depose the leader when it comes back. Each new
# leader gives all leases their whole time again, that of a lost primary among them.
etcd_flags() {
	local n=$1 tls=$NODE_TLS peers
	peers=$(printf 'etcd-1=https://%s,etcd-2=https://%s,etcd-3=https://%s' \
		"$(node_at peer 1)" "$(node_at peer 2)" "$(node_at peer 3)")
	ETCD=(/usr/bin/etcd --name "etcd-$n" --data-dir "$2" --initial-cluster "$peers"
		--initial-cluster-token "$(node_secret token)"
		--listen-client-urls "https://$(node_listens etcd "$n")" --advertise-client-urls "https://$(node_at etcd "$n")"
		--listen-peer-urls "https://$(node_listens peer "$n")" --initial-advertise-peer-urls "https://$(node_at peer "$n")"
		--heartbeat-interval 100 --election-timeout 1000 --pre-vote --auto-compaction-retention 1
		--client-cert-auth --trusted-ca-file "$tls/ca.crt" --cert-file "$tls/node.crt" --key-file "$tls/node.key"
		--peer-client-cert-auth --peer-trusted-ca-file "$tls/ca.crt" --peer-cert-file "$tls/node.crt"
		--peer-key-file "$tls/node.key" --log-level warn --logger zap)
}

# ask_at HOST:PORT PATH [CURL-ARGUMENTS…]: over TLS, with the certificate of the nodes.
ask_at() {
	curl -fsS --noproxy '*' --max-time 3 --cacert "$NODE_TLS/ca.crt" --cert "$NODE_TLS/node.crt" --key "$NODE_TLS/node.key" \
		"${@:3}" "https://$1$2"
}
