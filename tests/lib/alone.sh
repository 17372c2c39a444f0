# What a service needs to run alone, without a store; sourced after e2e.sh.
# shellcheck shell=bash

# alone DATABASE: starts a PostgreSQL of its own with that database, sets DATABASE to its connection string, and
# makes $WORK/cluster.key.
alone() {
	PG=$("$E2E_ROOT/tests/lib/postgres.sh" start "$WORK/pg")
	at_end "'$E2E_ROOT/tests/lib/postgres.sh' stop '$WORK/pg'"
	DATABASE=${PG/dbname=postgres/dbname=$1}
	psql -X -q "$PG" -c "CREATE DATABASE $1"
	head -c 32 /dev/urandom | od -An -v -tx1 | tr -d ' \n' >"$WORK/cluster.key"
	chmod 600 "$WORK/cluster.key"
}
