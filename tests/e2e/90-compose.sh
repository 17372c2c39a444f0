#!/usr/bin/env bash
# Goal: docker-compose up makes a store that works through each gateway and can be mounted from outside. When the
# container of the primary is killed, the store goes on with all that it acknowledged. It keeps its data over a restart.
# Its containers have no more privileges than they need.
# Usage: 90-compose.sh [prepare]
# prepare: only makes the images, in E2E_IMAGES, where a later run finds them
. "$(dirname "$0")/../lib/e2e.sh"
cd "$E2E_ROOT" || exit 2

if [ "$(id -u)" != 0 ]; then
	echo "compose needs root: a Docker daemon is started"
	exit 1
fi

# shellcheck source=tests/lib/compose.sh
. tests/lib/compose.sh
compose_begin
if [ "${1:-}" = prepare ]; then
	compose build
	exit
fi
compose_ports_free || e2e_end
at_end 'compose down -v -t 20'

# The two images are built one after the other, because they share their first stages.
check "the two Docker images build without an error" compose build
compose up -d >"$WORK/up.log" 2>&1 || { tail -n 30 "$WORK/up.log"; docker ps -a; }
in_ring() {
	[ "$(curl -s http://127.0.0.1:9091/status | jq -c '[.ring.members[].url] | sort')" = \
		'["http://localhost:8050","http://localhost:9090","http://localhost:9091"]' ]
}
check "the three gateways are ready" eventually "$COMPOSE_START_S" all_ready
check "all thirteen containers are healthy" eventually "$COMPOSE_START_S" all_healthy 13
check "the gateways are members of one ring, with addresses on localhost" eventually 30 in_ring

# What containers may do. docker top prints users as numbers of this machine.
PORTS='{{range .HostConfig.PortBindings}}{{range .}}{{.HostIp}}:{{.HostPort}} {{end}}{{end}}'
users_of() { for c in $(docker ps -q); do docker top "$c" -eo pid,uid | tail -n +2; done | awk '{ print $2 }' | sort -u | tr '\n' ' '; }
each_is() { # each_is FORMAT VALUE: of all containers
	[ "$(docker ps -q | xargs docker inspect -f "$1" | sort -u)" = "$2" ] || { docker ps -q | xargs docker inspect -f "{{.Name}} $1"; false; }
}
check_eq "all processes in containers run as nephos or postgres" "900 901 " "$(users_of)"
check "each container's root file system is read-only" each_is '{{.HostConfig.ReadonlyRootfs}}' true
check_not "a file cannot be made in the root file system of postgres-1" \
	docker exec "$(container postgres-1)" touch /var/lib/nephos/new
check "no container has a Linux capability" each_is '{{.HostConfig.CapDrop}} {{.HostConfig.CapAdd}}' '[ALL] []'
check "each container has the option no-new-privileges" each_is '{{.HostConfig.SecurityOpt}}' '[no-new-privileges:true]'
check_eq "the published ports are those of the three gateways, on the loopback interface" \
	"127.0.0.1:8050 127.0.0.1:9090 127.0.0.1:9091 " \
	"$(docker ps -q | xargs docker inspect -f "$PORTS" | sort | tr -d '\n')"
docker ps -q | xargs docker inspect >"$WORK/inspected"
{
	docker exec "$(container docs-1)" cat /var/lib/nephos/cluster/key
	echo
	for secret in replicator rewinder token; do
		docker exec "$(container etcd-1)" cat "/var/lib/nephos/secrets/nodes/$secret"
		echo
	done
} >"$WORK/secrets"
check_eq "the cluster key and three secrets of the nodes have the expected form" \
	4 "$(grep -cE '^[0-9a-f]{48,64}$' "$WORK/secrets")"
check_not "docker inspect shows neither the cluster key nor a secret of the nodes" \
	grep -qFf "$WORK/secrets" "$WORK/inspected"

compose exec -T user-1 nephos-user --first-user composer >"$WORK/credentials" 2>"$WORK/first.log" ||
	cat "$WORK/first.log"
chmod 600 "$WORK/credentials"
# shellcheck disable=SC1091
. "$WORK/credentials"
check_eq "the credentials name the first user" composer "${NEPHOS_USER:-}"
check_eq "the credentials have the URL of one gateway" http://localhost:8050 "${NEPHOS_URL:-}"
check_eq "the credentials have the URLs of all gateways" \
	http://localhost:8050,http://localhost:9090,http://localhost:9091 "${NEPHOS_URLS:-}"
AUTH=(-H "Authorization: Bearer ${NEPHOS_TOKEN:-}")

head -c 5000000 /dev/urandom >"$WORK/data"
check_status "a PUT of a file through the first gateway gets 201" \
	201 "${AUTH[@]}" -T "$WORK/data" http://127.0.0.1:8050/api/v2/docs/drives/home/files/data
check_status "a GET of the file through the second gateway gets 200" \
	200 "${AUTH[@]}" http://127.0.0.1:9090/api/v2/docs/drives/home/files/data
check "the second gateway returns the bytes that were put" cmp "$WORK/data" "$WORK/body"
check_status "a GET of the file through the third gateway gets 200" \
	200 "${AUTH[@]}" http://127.0.0.1:9091/api/v2/docs/drives/home/files/data
check_eq "the folder of blocks in docs-1 can be read and has no file" "find succeeded" \
	"$(docker exec "$(container docs-1)" find /var/lib/nephos/blocks -type f && echo "find succeeded")"
# A docs service's own listener is open only to processes in its container.
metrics_of() { docker exec "$(container "$1")" bash -c 'exec 3<>/dev/tcp/localhost/7002 && printf "GET /metrics HTTP/1.0\r\n\r\n" >&3 && cat <&3'; }
standby_reads() { # each read asks for a path that no gateway has cached
	curl -s -o /dev/null "${AUTH[@]}" "http://127.0.0.1:8050/api/v2/docs/drives/home/items?path=/none-$RANDOM"
	metrics_of docs-1 >"$WORK/metrics-1" && metrics_of docs-2 >"$WORK/metrics-2" &&
		grep -q '^nephos_docs_reads_total{.*standby.*} [1-9]' "$WORK"/metrics-[12]
}
check "a standby answers a read that no gateway has in memory" eventually 30 standby_reads
check_status "a GET of an API page gets 200" 200 http://127.0.0.1:8050/api/v1/docs/docs
check_status "a GET of an openapi.json through another gateway gets 200" \
	200 http://127.0.0.1:9090/api/v2/user/docs/openapi.json

# The store is mounted from outside, and the primary's container is killed while clients write, over HTTP and on the
# mount.
nephos=$NEPHOS_BUILD_DIR/bin/nephos
mkdir "$WORK/mount"
at_end '"$nephos" umount "$WORK/mount" || umount -l "$WORK/mount"'
check "the store can be mounted from outside its containers" \
	env -u NEPHOS_BUILD_DIR -u NEPHOS_URL -u NEPHOS_TOKEN -u NEPHOS_USER \
	"$nephos" mount -o "credentials=$WORK/credentials" http://127.0.0.1:8050,http://127.0.0.1:9090 "$WORK/mount"
check "the mount shows the file with the bytes that were put" cmp "$WORK/data" "$WORK/mount/data"

URLS=http://127.0.0.1:8050,http://127.0.0.1:9090,http://127.0.0.1:9091
seconds() { python3 -c 'import time; print(time.monotonic())'; }
load() { exec python3 tests/failover/load.py "$1" "$URLS" "$NEPHOS_TOKEN" "$WORK/mount" "$WORK/acknowledged"; }
gap() { python3 tests/failover/load.py gap "$WORK/acknowledged" "$1"; }
has_gap() { [ "$(gap "$1")" != none ]; }
checks() { (load check); }
check "two standbys follow the primary" eventually 60 followers 2
load run >"$WORK/load.out" 2>&1 &
loader=$!
at_end "kill $loader"
begun=$(seconds)
check "changes of the load are acknowledged" eventually 30 has_gap "$begun"
has_primary() { killed=$(primary) && [ -n "$killed" ]; }
check "Patroni names a primary" eventually 60 has_primary
docker kill "$(container "$killed")" >/dev/null
begun=$(seconds)
check "changes are acknowledged again after the primary's container is killed" eventually 60 has_gap "$begun"
echo "# $killed killed: $(gap "$begun") s to the next acknowledged change"
docker start "$(container "$killed")" >/dev/null
check "two standbys follow the new primary after the killed container is started" \
	eventually "$COMPOSE_START_S" followers 2
another_primary() { local now && now=$(primary) && [ -n "$now" ] && [ "$now" != "$killed" ]; }
check "Patroni names another node than the killed one as the primary" another_primary
kill -TERM "$loader"
wait "$loader"
check "every acknowledged change is there once, and no call on the mount failed" checks
sed 's/^/# /' "$WORK/check.out"
grep -E "error|gave|wrong|stale" "$WORK/acknowledged" | sed "s/^/# /" | head -n 5
check "nephos umount succeeds after the load" "$nephos" umount "$WORK/mount"

compose down -t 20 >/dev/null 2>&1
compose up -d >"$WORK/up.log" 2>&1 || tail -n 30 "$WORK/up.log"
check "the three gateways are ready again after docker-compose down and up" eventually "$COMPOSE_START_S" all_ready
check_status "a GET of the file after down and up gets 200" \
	200 "${AUTH[@]}" http://127.0.0.1:8050/api/v2/docs/drives/home/files/data
check "the file still has the same bytes after down and up" cmp "$WORK/data" "$WORK/body"
[ "$e2e_failed" = 0 ] || compose logs --tail 30
e2e_end
