# A store in containers, for tests; sourced by bash after e2e.sh.
# shellcheck shell=bash

COMPOSE_START_S=180 # until a store answers: thirteen containers on a machine that may do other work

# Starts a Docker daemon of our own unless one answers, and makes the image on which all others are based: Debian,
# installed from its packages, because no image is downloaded.
compose_begin() {
	images=${E2E_IMAGES:-$WORK/images}
	mkdir -p "$images"
	if ! docker info >/dev/null 2>&1; then
		export DOCKER_HOST=unix://$WORK/docker.sock
		dockerd --data-root "$images" --exec-root "$WORK/exec" --pidfile "$WORK/dockerd.pid" \
			-H "$DOCKER_HOST" >"$WORK/dockerd.log" 2>&1 &
		# The daemon's end ends the mounts of its containers; only then can its folder be removed.
		at_end 'kill $(cat "$WORK/dockerd.pid"); eventually 30 test ! -e "$WORK/dockerd.pid"; umount -R "$images" "$WORK/exec"'
		eventually 60 docker info || { tail -n 20 "$WORK/dockerd.log"; exit 1; }
	fi
	docker image inspect debian:bookworm-slim >/dev/null 2>&1 && return
	debootstrap --variant=minbase bookworm "$WORK/base" >"$WORK/debootstrap.log" 2>&1 ||
		{ tail -n 20 "$WORK/debootstrap.log"; exit 1; }
	# The build trusts the certificates that this machine trusts, because the way to the registries may lead
	# through a proxy.
	mkdir -p "$WORK/base/usr/local/share/ca-certificates"
	cp /usr/local/share/ca-certificates/*.crt "$WORK/base/usr/local/share/ca-certificates/" 2>/dev/null
	tar -C "$WORK/base" -c . | docker import - debian:bookworm-slim >/dev/null
	rm -rf "$WORK/base"
}

compose() {
	if command -v docker-compose >/dev/null; then docker-compose -p nephos-test "$@"; else
		docker compose -p nephos-test "$@"; fi
}

# A process that already has one of the ports would be taken for a gateway of the containers.
compose_ports_free() {
	local port
	for port in 8050 9090 9091; do
		if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
			fail "port $port is free" "another process listens there: it must end first"
			return 1
		fi
	done
}

# container SERVICE: finds the container by its labels, because compose would need the files that it was started
# with.
container() {
	docker ps -aq --no-trunc --filter label=com.docker.compose.project=nephos-test --filter "label=com.docker.compose.service=$1"
}

all_ready() {
	local port
	for port in 8050 9090 9091; do curl -fs --noproxy '*' -o /dev/null "http://127.0.0.1:$port/readyz" || return 1; done
}
all_healthy() { [ "$(docker ps --filter health=healthy -q | wc -l)" = "$1" ]; }

# nodes [CLUSTER-]: prints what Patroni reports about the nodes, as a line of JSON.
nodes() {
	local n
	for n in 1 2 3; do
		docker exec "$(container "${1:-}postgres-$n")" patronictl list -f json 2>/dev/null && return
	done
}
primary() { nodes "$@" | jq -r '.[] | select(.Role == "Leader") | .Member'; }
# followers N [CLUSTER-]: checks that N standbys follow the primary as streaming quorum standbys.
followers() {
	[ "$(nodes "${@:2}" | jq '[.[] | select(.Role == "Quorum Standby" and .State == "streaming")] | length')" = "$1" ]
}
