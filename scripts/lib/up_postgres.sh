# Makes and starts the PostgreSQL of a store; sourced by scripts/up.
# shellcheck shell=bash

# by_postgres COMMAND…: runs COMMAND as the user of PostgreSQL, in the folder /.
by_postgres() {
	become postgres "$DATA" "$PGDATA" "${SOCKETS[@]}"
	(cd / && env -i "${environment[@]}" "${BECOME[@]}" "$@")
}

# psql_as ROLE DATABASE ARGUMENTS…
psql_as() { by_postgres "$PGBIN/psql" -X -q -v ON_ERROR_STOP=1 "$(conninfo "$2" "$1")" "${@:3}"; }

data_is_left() { ! readlink /proc/[0-9]*/cwd 2>/dev/null | grep -qxF "$PGDATA"; }

# Clears the remains of a killed PostgreSQL: its backends, which end a moment later, and the lock files of its data and
# its socket. PostgreSQL does not start while the pid in a lock file is that of any process, even of a zombie or of an
# unrelated process. The files lie in folders of PostgreSQL's user, so this user removes them.
clear_killed_postgres() {
	is_running postgres && return 0
	wait_until 60 data_is_left || failed postgres "processes of the one before still use $PGDATA"
	# shellcheck disable=SC2016
	by_postgres sh -c 'for lock; do [ ! -s "$lock" ] || [ ! -d "/proc/$(head -n 1 "$lock")" ] || rm -f "$lock"; done' - \
		"$PGDATA/postmaster.pid" "$SOCKETS/.s.PGSQL.5432.lock"
}

# Writes which user may connect with which role. The kernel reports the user of the process at the other end, so there
# are no passwords, and knowing the name of a role is not enough. PostgreSQL's user sets up the database and takes over
# what earlier versions made. Root could become either user. Nodes copy from each other with two roles that have
# passwords. Each file is replaced as a whole: a postmaster that starts meanwhile (Patroni starts them when it likes)
# reads it once, and if the file were just being written would keep half of it until it ends.
write_rules() {
	local role who roles=(postgres nephos) rules=('local all postgres peer map=nephos'
		'local users,docs,postgres nephos peer map=nephos')
	[ "$STANDBYS" = 0 ] || rules+=('local replication replicator peer map=nephos'
		'host replication replicator 127.0.0.1/32 scram-sha-256' 'host postgres rewinder 127.0.0.1/32 scram-sha-256')
	printf '%s\n' "${rules[@]}" >"$DATA/run/pg_hba.conf.new"
	{
		[ "$STANDBYS" = 0 ] || printf 'nephos "%s" replicator\n' "$(user_of postgres-1)"
		for role in "${roles[@]}"; do
			for who in $(printf '%s\n' "$(user_of postgres)" "$(id -un)" | sort -u); do
				printf 'nephos "%s" %s\n' "$who" "$role"
			done
		done
		[ "$EUID" != 0 ] || printf 'nephos "%s" nephos\n' "$(user_of docs-1)"
	} >"$DATA/run/pg_ident.conf.new"
	chmod 644 "$DATA/run/pg_hba.conf.new" "$DATA/run/pg_ident.conf.new"
	mv -f "$DATA/run/pg_hba.conf.new" "$DATA/run/pg_hba.conf"
	mv -f "$DATA/run/pg_ident.conf.new" "$DATA/run/pg_ident.conf"
}

# choose_postgres FOLDER: sets PGBIN to the programs of the version that made the cluster in FOLDER, or to the newest.
choose_postgres() {
	local version
	PGBIN=$(pg_bin)
	by_postgres test -s "$1/PG_VERSION" || return 0
	version=$(by_postgres head -c 16 "$1/PG_VERSION")
	[[ $version =~ ^[0-9]+$ ]] || die "$1/PG_VERSION is not that of a cluster"
	PGBIN=/usr/lib/postgresql/$version/bin
	[ -x "$PGBIN/postgres" ] || die "PostgreSQL $version, which made $1, is not installed; install it"
}

# Makes the folders of PostgreSQL, for its data and its socket.
find_postgres() {
	mkdir -p "$DATA/postgres"
	own_path "$DATA/postgres" "$(user_of postgres)"
	PGDATA=$OWN_PATH
	SOCKETS=$(socket_dir)
	mkdir -p "$SOCKETS"
	chmod 700 "$PGDATA"
	if [ "$EUID" = 0 ]; then
		chown postgres:postgres "$PGDATA"
		# Every user who may enter the folder may connect; the kernel reports which user it is. A folder under
		# /tmp that PostgreSQL's user owns already is left alone: this user could just have replaced it by a
		# link.
		if [ "$SOCKETS" = "$DATA/run/postgres" ] || [ "$(stat -c %u "$SOCKETS")" = 0 ]; then
			chmod 710 "$SOCKETS"
			chown -h postgres:"$(id -gn nephos)" "$SOCKETS"
		fi
	else
		chmod 700 "$SOCKETS"
	fi
	choose_postgres "$PGDATA"
}

start_postgres() {
	local database
	if [ ! -s "$PGDATA/PG_VERSION" ]; then
		say "making the database"
		by_postgres "$PGBIN/initdb" -D "$PGDATA" -U postgres --auth-local=peer --auth-host=reject --encoding=UTF8 --locale=C.UTF-8 \
			--data-checksums >"$DATA/log/postgres.log" 2>&1 || failed postgres "initdb failed"
	fi
	clear_killed_postgres
	write_rules
	# The settings for the safety of data are PostgreSQL's defaults. These here concern speed on one machine, and
	# who may connect. Three of the connections are reserved for the superuser; the services are not superusers.
	start postgres "$PGBIN/postgres" -D "$PGDATA" -k "$SOCKETS" \
		-c listen_addresses= -c port=5432 -c max_connections=123 -c shared_buffers=256MB -c jit=off \
		-c max_wal_size="$(log_megabytes "$PGDATA")MB" -c checkpoint_timeout=15min -c shared_preload_libraries=pg_stat_statements \
		-c unix_socket_permissions=0777 -c "hba_file=$DATA/run/pg_hba.conf" \
			-c "ident_file=$DATA/run/pg_ident.conf"
	await postgres 60 "$PGBIN/pg_isready" -q -h "$SOCKETS" -p 5432 -U postgres -d postgres
	make_roles >>"$DATA/log/postgres.log" 2>&1 || failed postgres "its roles and databases could not be made"
}

has_database() { psql_as postgres "$1" -c 'SELECT' >/dev/null 2>&1; }

# The services' role owns its two databases and nothing else; earlier versions had made this role the superuser.
make_roles() {
	local database role=postgres
	psql_as postgres postgres -c 'SELECT' >/dev/null 2>&1 || role=nephos
	psql_as $role postgres <"$ROOT/scripts/sql/roles.sql" || return 1
	for database in users docs; do
		# psql may ask a standby before the primary, and stops when the standby does not have the database yet.
		wait_until 30 has_database $database || return 1
		psql_as postgres $database <"$ROOT/scripts/sql/owner.sql" || return 1
	done
}
