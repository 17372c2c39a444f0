#!/usr/bin/env bash
# Goal: docker-compose up gives a store that works through both gateways, can be mounted from outside, and keeps its
# data over a restart. Usage: 90-compose.sh [prepare] prepare: only makes the images, in E2E_IMAGES, where a later run
# finds them
. "$(dirname "$0")/../lib/e2e.sh"
cd "$E2E_ROOT" || exit 2

if [ "$(id -u)" != 0 ]; then
	echo "compose needs root: a Docker daemon is started"
	exit 1
fi

images=${E2E_IMAGES:-$WORK/images}
mkdir -p "$images"
# A daemon of our own, unless one answers.
if ! docker info >/dev/null 2>&1; then
	export DOCKER_HOST=unix://$WORK/docker.sock
	dockerd --data-root "$images" --exec-root "$WORK/exec" --pidfile "$WORK/dockerd.pid" \
		-H "$DOCKER_HOST" >"$WORK/dockerd.log" 2>&1 &
	# The mounts of its containers end with it; only then can its folder go.
	at_end 'kill $(cat "$WORK/dockerd.pid"); eventually 30 test ! -e "$WORK/dockerd.pid"; umount -R "$images" "$WORK/exec"'
	eventually 60 docker info || { tail -n 20 "$WORK/dockerd.log"; exit 1; }
fi
if ! docker image inspect debian:bookworm-slim >/dev/null 2>&1; then
	debootstrap --variant=minbase bookworm "$WORK/base" >"$WORK/debootstrap.log" 2>&1 ||
		{ tail -n 20 "$WORK/debootstrap.log"; exit 1; }
	# Whom this machine trusts, the build inside trusts too: the way to the registries may lead through a proxy.
	mkdir -p "$WORK/base/usr/local/share/ca-certificates"
	cp /usr/local/share/ca-certificates/*.crt "$WORK/base/usr/local/share/ca-certificates/" 2>/dev/null
	tar -C "$WORK/base" -c . | docker import - debian:bookworm-slim >/dev/null
	rm -rf "$WORK/base"
fi

compose() {
	if command -v docker-compose >/dev/null; then docker-compose -p nephos-test "$@"; else
		docker compose -p nephos-test "$@"; fi
}
if [ "${1:-}" = prepare ]; then
	compose build
	exit
fi
# Who has the ports already would be taken for the gateways of the containers.
for port in 8050 9090 9091; do
	if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
		fail "port $port is free" "another process listens there: it must end first"
		e2e_end
	fi
done
at_end 'compose down -v -t 20'

# The two images one after the other: they share their first stages.
check "the images build" compose build
compose up -d >"$WORK/up.log" 2>&1 || { tail -n 30 "$WORK/up.log"; docker ps -a; }
all_ready() {
	local port
	for port in 8050 9090 9091; do curl -fs -o /dev/null "http://127.0.0.1:$port/readyz" || return 1; done
}
all_healthy() { [ "$(docker ps --filter health=healthy -q | wc -l)" = 8 ]; }
in_ring() {
	[ "$(curl -s http://127.0.0.1:9091/status | jq -c '[.ring.members[].url] | sort')" = \
		'["http://localhost:8050","http://localhost:9090","http://localhost:9091"]' ]
}
check "the three gateways are ready" eventually 90 all_ready
check "all eight containers are healthy" eventually 60 all_healthy
check "the gateways are members of one ring, by the addresses of this machine" eventually 30 in_ring
check_not "no process runs as root" sh -c 'for c in $(docker ps -q); do docker exec "$c" id -u; done | grep -x 0'

compose exec -T user-1 nephos-user --first-user composer >"$WORK/credentials" 2>"$WORK/first.log" ||
	cat "$WORK/first.log"
chmod 600 "$WORK/credentials"
# shellcheck disable=SC1091
. "$WORK/credentials"
check_eq "the credentials name the user" composer "${NEPHOS_USER:-}"
AUTH=(-H "Authorization: Bearer ${NEPHOS_TOKEN:-}")

head -c 5000000 /dev/urandom >"$WORK/data"
check_status "a file goes in through one gateway" \
	201 "${AUTH[@]}" -T "$WORK/data" http://127.0.0.1:8050/api/v2/docs/drives/home/files/data
check_status "and comes out through another" 200 "${AUTH[@]}" http://127.0.0.1:9090/api/v2/docs/drives/home/files/data
check "with the same bytes" cmp "$WORK/data" "$WORK/body"
check_status "the API page answers" 200 http://127.0.0.1:8050/api/v1/docs/docs
check_status "and its OpenAPI" 200 http://127.0.0.1:9090/api/v2/user/docs/openapi.json

if [ -n "${NEPHOS_BUILD_DIR:-}" ] && [ -x "$NEPHOS_BUILD_DIR/bin/nephos" ] && [ -e /dev/fuse ]; then
	mkdir "$WORK/mount"
	at_end '"$NEPHOS_BUILD_DIR/bin/nephos" umount "$WORK/mount" || umount -l "$WORK/mount"'
	check "it can be mounted from outside" env -u NEPHOS_BUILD_DIR -u NEPHOS_URL -u NEPHOS_TOKEN -u NEPHOS_USER \
		"$NEPHOS_BUILD_DIR/bin/nephos" mount -o "credentials=$WORK/credentials" \
			http://127.0.0.1:8050,http://127.0.0.1:9090 "$WORK/mount"
	check "the mount shows the file" cmp "$WORK/data" "$WORK/mount/data"
	check "and writes one" sh -c 'echo from outside >"$1/outside"' - "$WORK/mount"
	check "unmounting drains" "$NEPHOS_BUILD_DIR/bin/nephos" umount "$WORK/mount"
fi

compose down -t 20 >/dev/null 2>&1
compose up -d >"$WORK/up.log" 2>&1 || tail -n 30 "$WORK/up.log"
check "it comes back after down and up" eventually 90 all_ready
check_status "with the data there" 200 "${AUTH[@]}" http://127.0.0.1:8050/api/v2/docs/drives/home/files/data
check "byte for byte" cmp "$WORK/data" "$WORK/body"
[ "$e2e_failed" = 0 ] || compose logs --tail 30
e2e_end
