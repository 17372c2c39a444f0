#!/usr/bin/env bash
# Goal: when root runs a store, each of its parts runs as a user of its own without any capability, and each part can
# read only its own files. The services' role in PostgreSQL is no superuser, and no other user can take that role by
# claiming its name. scripts/up migrates a store of an earlier version (where everything belonged to root, and the
# role was a superuser that everybody could take) with all its data, also below a folder that is closed to these
# users.
. "$(dirname "$0")/../lib/e2e.sh"
if [ "$(id -u)" != 0 ]; then
	echo "# not root: everything runs as the caller"
	e2e_end
fi
PORT=$((${E2E_PORT:-18050} + 70))
PROGRAMS=${NEPHOS_BUILD_DIR:?}/bin
BIN=$(find /usr/lib/postgresql -maxdepth 2 -name bin | sort -V | tail -n 1)
CLOSED=$WORK/closed
D="$CLOSED/a store"
SQL="host='$D/run/postgres' port=5432 user=postgres dbname"
as() { setpriv --reuid="$1" --regid="$(id -gn "$1")" --init-groups env -i PATH="$PATH" "${@:2}"; }
up() { "$E2E_ROOT/scripts/up" --data "$D" "$@"; }
down() { "$E2E_ROOT/scripts/down" --data "$D"; }
parts="user-1 docs-2 gateway-1 postgres"
status_of() { sed -n "s/^$2:[[:space:]]*//p" "/proc/$(cat "$D/run/$1.pid")/status"; }

# ---- a store as an earlier version made it ----
mkdir -p "$D/run/postgres" "$D/log" "$D/blocks/ab" "$D/postgres"
chmod 700 "$D/postgres" "$D/run/postgres"
chown postgres: "$D/postgres" "$D/run/postgres"
printf '%s=%q\n' PORT $PORT GATEWAYS 1 FIRST_USER tester MOUNT "$CLOSED/a mount" >"$D/settings"
(umask 077 && head -c 32 /dev/urandom | od -An -v -tx1 | tr -d ' \n' >"$D/cluster.key" && echo a block >"$D/blocks/ab/file")
as_before() { (cd / && as postgres "$@"); }
check "initdb makes a database with the superuser nephos and trust authentication" \
	as_before "$BIN/initdb" -D "$D/postgres" -U nephos --auth=trust --encoding=UTF8 --locale=C.UTF-8 --no-sync
check "PostgreSQL starts on the earlier version's database" \
	as_before "$BIN/pg_ctl" -D "$D/postgres" -w -l "$D/postgres/log" \
		-o "-k '$D/run/postgres' -c listen_addresses= -c fsync=off" start
before="host='$D/run/postgres' port=5432 user=nephos dbname"
for database in users docs; do psql -X -q "$before=postgres" -c "CREATE DATABASE $database"; done
(umask 077 && env -u NEPHOS_BUILD_DIR "$PROGRAMS/nephos-user" --first-user tester --url http://127.0.0.1:$PORT --database "$before=users" --cluster-key "$D/cluster.key" >"$D/credentials" 2>"$D/log/user-1.log")
psql -X -q "$before=docs" -c "CREATE SCHEMA other CREATE TABLE kept (id bigserial, kind text)" -c "CREATE TYPE mood AS ENUM ('glad')" -c "INSERT INTO other.kept (kind) VALUES ('a row')" \
	-c "CREATE FUNCTION one() RETURNS int LANGUAGE sql AS 'SELECT 1'" \
		-c "CREATE VIEW seen AS SELECT * FROM other.kept" -c "CREATE SEQUENCE alone"
check "PostgreSQL stops on the earlier version's database" as_before "$BIN/pg_ctl" -D "$D/postgres" -w -m fast stop
chmod 700 "$CLOSED" "$D"

# ---- migrated ----
at_end down
check "up migrates the earlier version's store below a folder with mode 700" up
check_eq "the folder above the migrated store still has mode 700" 700 "$(stat -c %a "$CLOSED")"
owners="nephos root root nephos nephos postgres postgres"
check_eq "the migrated files and folders belong to root, nephos or postgres as intended" \
	"$owners" \
		"$(stat -c %U "$D/cluster.key" "$D/credentials" "$D/settings" "$D/blocks" "$D/blocks/ab/file" "$D/postgres" "$D/run/postgres" | xargs)"
for p in $parts; do
	owner=nephos
	[ $p != postgres ] || owner=postgres
	check_eq "$p runs as $owner" "$owner" "$(ps -o user= -p "$(cat "$D/run/$p.pid")" | xargs)"
	check_eq "$p has no capabilities, and no_new_privs is set" \
		"0000000000000000 0000000000000000 0000000000000000 1" "$(for c in CapPrm CapInh CapAmb NoNewPrivs; do status_of $p $c; done | xargs)"
done
check_eq "the mount runs as root" root "$(ps -o user= -p "$(cat "$D/run/mount.pid")" | xargs)"
# shellcheck disable=SC1091
. "$D/credentials"
AUTH=(-H "Authorization: Bearer $NEPHOS_TOKEN")
FILE=$NEPHOS_URL/api/v2/docs/drives/home/files/large
check_status "the user's key from before the migration is accepted" 200 "${AUTH[@]}" "$NEPHOS_URL/api/v2/user/me"
head -c 3000000 /dev/urandom >"$WORK/large"
check "the mount of the migrated store accepts a new file" cp "$WORK/large" "$CLOSED/a mount/large"
check_status "the file written on the mount can be read over HTTP" 200 "${AUTH[@]}" "$FILE"
check "the bytes read over HTTP are those written on the mount" cmp "$WORK/large" "$WORK/body"

# ---- roles ----
ask() { psql -X -A -t -q -v ON_ERROR_STOP=1 "$SQL=$1" -c "$2"; }
check_eq "the role nephos is no superuser and has no other special privilege" \
	"f f f f f" "$(ask postgres "SELECT rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls FROM pg_roles WHERE rolname = 'nephos'" | tr '|' ' ')"
check_eq "the only superuser role is postgres" \
	postgres "$(ask postgres "SELECT string_agg(rolname, ' ') FROM pg_roles WHERE rolsuper")"
for database in users docs; do
	check_eq "$database: the database and all its tables, functions and types belong to nephos" \
		"nephos" "$(ask $database "SELECT DISTINCT pg_get_userbyid(o) FROM (SELECT relowner o FROM pg_class WHERE relkind <> 't' AND relnamespace IN (SELECT oid FROM pg_namespace WHERE nspname IN ('public', 'other'))
		UNION ALL SELECT proowner FROM pg_proc WHERE pronamespace = 'public'::regnamespace UNION ALL SELECT typowner FROM pg_type WHERE typnamespace = 'public'::regnamespace
		UNION ALL SELECT nspowner FROM pg_namespace WHERE nspname = 'other' UNION ALL SELECT datdba FROM pg_database WHERE datname = current_database()) x")"
done
check_eq "a table row from before the migration is unchanged" "a row" "$(ask docs "SELECT kind FROM other.kept")"
services() { (cd "$CLOSED" && psql -X -A -t -q "host='$D/run/postgres' port=5432 user=nephos dbname=docs" -c "$1"); }
check_eq "root can run SQL as the role nephos" 1 "$(services 'SELECT one()')"
check_refused "the role nephos cannot read a file of the machine by SQL" 'permission denied for function pg_read_file' \
	services "SELECT pg_read_file('/etc/passwd')"
# Where the file modes let a client through, PostgreSQL refuses it: PostgreSQL asks the kernel which user is at the
# other end.
sockets=$(mktemp -d /tmp/nephos-e2e-socket.XXXXXX)
at_end 'umount "$sockets"; rmdir "$sockets"'
mount --bind "$D/run/postgres" "$sockets"
peer() { as "$1" psql -X -A -t -q "host=$sockets port=5432 user=$2 dbname=docs" -c 'SELECT 1'; }
check_refused "the user nobody cannot connect to PostgreSQL through the closed socket folder" 'Permission denied' \
	peer nobody nephos
chmod 711 "$D/run/postgres"
check_refused "the user nobody cannot connect as role nephos even if the socket folder is open" \
	'Peer authentication failed for user "nephos"' peer nobody nephos
check_refused "the user nobody cannot connect as role postgres even if the socket folder is open" \
	'Peer authentication failed for user "postgres"' peer nobody postgres
check_refused "the user nephos cannot connect as role postgres" \
	'Peer authentication failed for user "postgres"' peer nephos postgres
check_eq "the user nephos can connect as role nephos" 1 "$(peer nephos nephos)"
check "down stops the migrated store" down
rm -rf "$D/run"/*.pid
check "up starts the migrated store again without any flags" up
check_status "the file written before down can be read over HTTP after up" 200 "${AUTH[@]}" "$FILE"
check "the bytes read over HTTP after up are those written before down" cmp "$WORK/large" "$WORK/body"
check_eq "up sets the mode of the socket folder back to 710" 710 "$(stat -c %a "$D/run/postgres")"
e2e_end
