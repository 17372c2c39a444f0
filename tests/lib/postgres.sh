#!/bin/sh
# A private PostgreSQL for tests: its own cluster, on a unix socket only, open to all users who may enter its directory.
#
#   postgres.sh start DIR   makes and starts it if it is not running; prints the conninfo of database postgres
#   postgres.sh follow DIR OF   makes and starts in DIR a standby of the server that runs in OF; prints its conninfo
#   postgres.sh stop DIR    stops it and removes DIR
#
# Run by root, the script becomes the user postgres, who must be able to enter the folder that contains DIR. Starting a
# server that already runs prints the same line.
#
# If POSTGRES_MADE in the environment names a folder, the script makes a cluster there once, and each start copies it:
# making a cluster takes more than a second of processor time, and copying one takes a tenth of that.
set -eu

usage() {
	sed -n '2,12s/^# \{0,1\}//p' "$0" >&2
	exit 2
}

[ $# -eq 2 ] || [ "$1 $#" = "follow 3" ] || usage
command=$1
mkdir -p "$2"
dir=$(cd "$2" && pwd -P)

# Debian does not put the server's programs into PATH.
bin=
for candidate in /usr/lib/postgresql/*/bin; do
	[ -x "$candidate/postgres" ] && bin=$candidate
done
[ -n "$bin" ] || bin=$(dirname "$(command -v postgres)") || {
	echo "postgres.sh: no PostgreSQL server is installed" >&2
	exit 1
}

as_postgres() {
	if [ "$(id -u)" = 0 ]; then
		(cd / && setpriv --reuid=postgres --regid=postgres --init-groups "$@")
	else
		"$@"
	fi
}

# sun_path ends at 107 bytes; PostgreSQL's file is .s.PGSQL.5432.
socket_dir() {
	if [ -f "$dir/socket" ]; then
		cat "$dir/socket"
	elif [ $((${#dir} + 15)) -le 107 ]; then
		echo "$dir"
	else
		mktemp -d /tmp/nephos-pg.XXXXXX
	fi
}

make_cluster() {
	as_postgres "$bin/initdb" -D "$1" -U nephos --auth=trust --encoding=UTF8 --locale=C.UTF-8 --no-sync \
		>"$dir/initdb.log" 2>&1 || { cat "$dir/initdb.log" >&2; exit 1; }
}

# A process that is killed in the middle leaves the folder "new", which is never taken for a cluster.
make_cluster_once() {
	exec 9>"$POSTGRES_MADE/lock"
	flock 9
	if [ ! -d "$POSTGRES_MADE/data" ]; then
		rm -rf "$POSTGRES_MADE/new"
		[ "$(id -u)" != 0 ] || chown postgres: "$POSTGRES_MADE"
		make_cluster "$POSTGRES_MADE/new"
		mv "$POSTGRES_MADE/new" "$POSTGRES_MADE/data"
	fi
	exec 9>&-
}

start() {
	sockets=$(socket_dir)
	echo "$sockets" >"$dir/socket"
	if [ "$(id -u)" = 0 ]; then
		chown postgres: "$dir" "$sockets"
	fi
	chmod 0700 "$dir" "$sockets"
	if [ ! -f "$dir/data/PG_VERSION" ]; then
		# A user who may not write into POSTGRES_MADE makes a cluster without it.
		if [ -n "${POSTGRES_MADE-}" ] && mkdir -p "$POSTGRES_MADE" 2>/dev/null && [ -w "$POSTGRES_MADE" ]; then
			make_cluster_once
			cp -a "$POSTGRES_MADE/data" "$dir/data"
		else
			make_cluster "$dir/data"
		fi
	fi
	if ! as_postgres "$bin/pg_ctl" -D "$dir/data" status >/dev/null 2>&1; then
		as_postgres "$bin/pg_ctl" -D "$dir/data" -l "$dir/postgres.log" -w -t 60 \
			-o "-c listen_addresses='' -c unix_socket_directories='$sockets' -c max_connections=200 -c fsync=${POSTGRES_FSYNC:-off} ${POSTGRES_OPTIONS-}" \
			start >/dev/null 2>&1 || { tail -20 "$dir/postgres.log" >&2; exit 1; }
	fi
	echo "host=$sockets user=nephos dbname=postgres"
}

# Makes the copy; start then finds and starts it.
follow() {
	if [ "$(id -u)" = 0 ]; then
		chown postgres: "$dir"
	fi
	as_postgres "$bin/pg_basebackup" -D "$dir/data" -h "$(cat "$1/socket")" -U nephos -R -X stream -c fast --no-sync \
		>"$dir/copy.log" 2>&1 || { cat "$dir/copy.log" >&2; exit 1; }
	start
}

stop() {
	if [ -f "$dir/data/postmaster.pid" ]; then
		as_postgres "$bin/pg_ctl" -D "$dir/data" -m immediate -w stop >/dev/null 2>&1 || true
	fi
	if [ -f "$dir/socket" ] && [ "$(cat "$dir/socket")" != "$dir" ]; then
		rm -rf "$(cat "$dir/socket")"
	fi
	rm -rf "$dir"
}

case $command in
start) start ;;
follow) follow "$3" ;;
stop) stop ;;
*) usage ;;
esac
