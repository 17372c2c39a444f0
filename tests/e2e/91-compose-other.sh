#!/usr/bin/env bash
# Goal: docker-compose takes over a store of an earlier version, whose database was one server, with all its data,
# and refuses to do so while the earlier store still runs. Accounts can have a cluster of their own if they had it
# from the beginning. Two containers never work on one volume. Blocks may lie in an S3 service. Only the long form of
# the compose suite runs this test: it takes minutes.
. "$(dirname "$0")/../lib/e2e.sh"
cd "$E2E_ROOT" || exit 2
# shellcheck source=tests/lib/compose.sh
. tests/lib/compose.sh
. tests/lib/s3.sh
compose_begin
compose_ports_free || e2e_end
at_end 'compose -f docker-compose.yml -f docker/two-clusters.yml down -v -t 5 --remove-orphans'
check "the two Docker images build without an error" compose build

# ---- a store of an earlier version ----
earlier() { compose -f tests/lib/compose_earlier/docker-compose.yml "$@"; }
first_user() { compose exec -T user-1 nephos-user --first-user composer >"$WORK/credentials" 2>"$WORK/first.log" || cat "$WORK/first.log"; }
token() { # shellcheck disable=SC1091
	. "$WORK/credentials"
	AUTH=(-H "Authorization: Bearer ${NEPHOS_TOKEN:-}")
}
HOME_FILES=http://127.0.0.1:8050/api/v2/docs/drives/home/files
gateway_ready() { curl -fs --noproxy '*' -o /dev/null http://127.0.0.1:8050/readyz; }
says() { compose logs --tail 20 "$1" 2>&1 | grep -q "$2"; }

earlier up -d >"$WORK/up.log" 2>&1 || tail -n 30 "$WORK/up.log"
check "a store of an earlier version is ready" eventually "$COMPOSE_START_S" gateway_ready
first_user
token
head -c 5000000 /dev/urandom >"$WORK/data"
check_status "a PUT of a file into the earlier store gets 201" 201 "${AUTH[@]}" -T "$WORK/data" "$HOME_FILES/data"
earlier stop gateway-1 >/dev/null 2>&1
compose up -d >"$WORK/up.log" 2>&1
check "postgres-1 refuses to start beside the earlier server, and names --remove-orphans" \
	eventually 60 says postgres-1 'remove-orphans'
compose up -d --remove-orphans >"$WORK/up.log" 2>&1 || tail -n 30 "$WORK/up.log"
check "docker-compose up --remove-orphans takes over the earlier store" eventually "$COMPOSE_START_S" all_ready
check_status "a GET of the earlier store's file with its token gets 200" 200 "${AUTH[@]}" "$HOME_FILES/data"
check "the earlier store's file has the same bytes" cmp "$WORK/data" "$WORK/body"
check "two standbys follow the primary of the upgraded store" eventually "$COMPOSE_START_S" followers 2
check_status "a PUT of a new file into the upgraded store gets 201" 201 "${AUTH[@]}" -T "$WORK/data" "$HOME_FILES/more"
second_node() {
	docker run --rm --read-only --tmpfs /tmp -e NODE=postgres-1 -e "DATABASES=users docs" -v nephos-test_postgres:/var/lib/nephos/postgres \
		nephos-postgres >"$WORK/second.out" 2>&1
	grep -q "another container runs on this volume" "$WORK/second.out"
}
check "a second container on the volume of a node refuses to start" second_node

# ---- two clusters ----
two() { compose -f docker-compose.yml -f docker/two-clusters.yml "$@"; }
compose down -t 20 >/dev/null 2>&1
two up -d postgres-1 >"$WORK/up.log" 2>&1
two_says() { two logs --tail 20 "$1" 2>&1 | grep -q "$2"; }
check "postgres-1 of a store with one cluster refuses to start with two clusters" \
	eventually 60 two_says postgres-1 'decided when a store is made'
two down -v -t 5 --remove-orphans >/dev/null 2>&1
two up -d >"$WORK/up.log" 2>&1 || tail -n 30 "$WORK/up.log"
check "a new store with two clusters becomes ready" eventually "$COMPOSE_START_S" all_ready
check "all sixteen containers are healthy" eventually "$COMPOSE_START_S" all_healthy 16
first_user
token
check_status "a PUT of a file into the store with two clusters gets 201" \
	201 "${AUTH[@]}" -T "$WORK/data" "$HOME_FILES/data"
check_status "a GET of the file from the store with two clusters gets 200" 200 "${AUTH[@]}" "$HOME_FILES/data"
tables() { docker exec "$(container "$1")" psql -h "/run/nephos-postgres/$1" -d "$2" -XAtc "SELECT to_regclass('$3') IS NOT NULL"; }
check_eq "the cluster for accounts has the table account" t "$(tables "$(primary users-)" users account)"
check_eq "the other cluster has the table drive" t "$(tables "$(primary)" docs drive)"
[ "$e2e_failed" = 0 ] || two logs --tail 30
two down -v -t 5 --remove-orphans >/dev/null 2>&1

# ---- blocks in an S3 service ----
s3_start
compose up -d etcd-1 >"$WORK/up.log" 2>&1
s3_proxy "$(docker network inspect nephos-test_default -f '{{(index .IPAM.Config 0).Gateway}}')"
chown 900 "$WORK/s3.keys"
export NEPHOS_S3_ENDPOINT=$S3_PROXY NEPHOS_S3_BUCKET=$S3_BUCKET NEPHOS_S3_KEYS=$WORK/s3.keys
compose up -d >"$WORK/up.log" 2>&1 || tail -n 30 "$WORK/up.log"
check "a new store with its blocks in an S3 service becomes ready" eventually "$COMPOSE_START_S" all_ready
first_user
token
check_status "a PUT of a file into the store with blocks in S3 gets 201" \
	201 "${AUTH[@]}" -T "$WORK/data" "$HOME_FILES/data"
check "the bucket has at least two objects after the PUT" test "$(s3_count)" -ge 2
compose restart -t 5 docs-1 docs-2 gateway-1 gateway-2 gateway-3 >"$WORK/up.log" 2>&1
check "the three gateways are ready again after services and gateways restart" eventually "$COMPOSE_START_S" all_ready
check_status "a GET of the file with blocks in S3 gets 200 after the restart" 200 "${AUTH[@]}" "$HOME_FILES/data"
check "the file with blocks in S3 has the same bytes after the restart" cmp "$WORK/data" "$WORK/body"
rows() { docker exec "$(container "$(primary)")" psql -h "/run/nephos-postgres/$(primary)" -d docs -XAtc "SELECT count(*) FROM block_data"; }
check_eq "the database of the store with blocks in S3 has no block" 0 "$(rows)"
[ "$e2e_failed" = 0 ] || compose logs --tail 30
e2e_end
