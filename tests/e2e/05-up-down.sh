#!/usr/bin/env bash
# Goal: scripts/up makes a store and its mount from nothing. A second scripts/up changes nothing. After scripts/down
# and scripts/up all data is still there. scripts/up restarts a part that has died.
. "$(dirname "$0")/../lib/e2e.sh"
PORT=$((${E2E_PORT:-18050} + 40))
# The path has a space, and it is too long to contain a PostgreSQL socket.
D="$WORK/a store $(printf 'x%.0s' {1..80})"
# The mount point is directly below a folder to which everybody may write, and does not exist yet.
M="${TMPDIR:-/tmp}/nephos e2e mount $$"
up() { "$E2E_ROOT/scripts/up" --data "$D" "$@"; }
up_says() { up >"$WORK/said" 2>&1; }
down() { "$E2E_ROOT/scripts/down" --data "$D"; }
at_end 'rm -rf "$(cat "$D/run/socket-dir")"; rmdir "$M"'
at_end down
parts="user-1 user-2 docs-1 docs-2 gateway-1 gateway-2 mount postgres"
pids() { for p in $parts; do cat "$D/run/$p.pid"; done; }
all_run() { for p in $parts; do kill -0 "$(cat "$D/run/$p.pid")" || return 1; done; }
none_runs() { for p in $old; do ! kill -0 "$p" 2>/dev/null || grep -q 'State:.Z' "/proc/$p/status" || return 1; done; }

# The test uses its own copy of the programs, because it replaces one of them while it runs. build.ninja has nothing
# to build: otherwise scripts/build would make all programs anew, which the images of 90-compose.sh do already.
mkdir -p "$WORK/build/web"
cp -r "$NEPHOS_BUILD_DIR/bin" "$WORK/build/"
[ ! -d "$NEPHOS_BUILD_DIR/web" ] || cp -r "$NEPHOS_BUILD_DIR/web" "$WORK/build/"
echo 'build all: phony' >"$WORK/build/build.ninja"
check "up starts a store from nothing" env NEPHOS_BUILD_DIR="$WORK/build" "$E2E_ROOT/scripts/up" --data "$D" --port $PORT --mount "$M" --user tester
check "all its processes run" all_run
check_eq "the credentials are nobody else's" 600 "$(stat -c %a "$D/credentials")"
# shellcheck disable=SC1091
. "$D/credentials"
AUTH=(-H "Authorization: Bearer $NEPHOS_TOKEN")
check_eq "they name the store and the user" "http://127.0.0.1:$PORT tester" "$NEPHOS_URL $NEPHOS_USER"
check "the mount is one" mountpoint -q "$M"
cp -r /usr/include/linux/netfilter "$M/tree"
head -c 10000000 /dev/urandom >"$WORK/large"
cp "$WORK/large" "$M/large"
first=$(pids)
mv "$WORK/build/bin/nephos-docs" "$WORK/build/bin/the-docs-before"
cp "$WORK/build/bin/the-docs-before" "$WORK/build/bin/nephos-docs"
check_eq "up again says that everything is up" "everything is up already" "$(up | head -n 1)"
check_eq "and starts nothing" "$first" "$(pids)"
# "localhost" resolves to ::1 first. No gateway listens there, and any user may take the port there.
check "it names the addresses on which gateways listen, and no other" \
	sh -c '! sed -n "s|.*http://\([^/ ]*\).*|\1|p" | grep -vE "^127[.]0[.]0[.]1:($1|$(($1 + 1)))$"' - $PORT <<<"$(up | tr ' ' '\n')"
check_eq "another --port is not taken over" "$first" "$(up --port 1 >/dev/null && pids)"
kill -STOP "$(cat "$D/run/gateway-1.pid")"
at_end 'kill -CONT "$(cat "$D/run/gateway-1.pid")"'
# An earlier version waited 30 s for the hanging gateway and then failed.
check "a command goes on beside a gateway that hangs" \
	timeout 15 "$WORK/build/bin/nephos" ls --credentials "$D/credentials" /tree
mkdir "$WORK/second"
check "so does a mount that begins" timeout 60 "$WORK/build/bin/nephos" mount -o "credentials=$D/credentials" "$WORK/second"
check_eq "which shows what is there" 10000000 "$(stat -c %s "$WORK/second/large")"
kill -CONT "$(cat "$D/run/gateway-1.pid")"
check "it is taken off" "$WORK/build/bin/nephos" umount "$WORK/second"

old=$first
echo "written at the last moment" >"$M/last"
exec {held}<"$M/last"
check_eq "down stops it, and says that somebody has a file open" "$M was in use" "$(down 2>&1 >/dev/null | cut -d: -f1)"
exec {held}<&-
check "no process of it is left" none_runs
check_not "the mount is none any more" mountpoint -q "$M"
check_not "the gateway does not answer" curl -fs --noproxy '*' "$NEPHOS_URL/healthz"
check "up without flags starts it as it was" up
check "all its processes run" all_run
check "the tree is there" diff -r --no-dereference /usr/include/linux/netfilter "$M/tree"
check "the large file" cmp "$WORK/large" "$M/large"
check_eq "and what was written last" "written at the last moment" "$(cat "$M/last")"
check_status "over HTTP, by the same key" 200 "${AUTH[@]}" "$NEPHOS_URL/api/v2/docs/drives/home/files/large"
check "with the same bytes" cmp "$WORK/large" "$WORK/body"

kill -9 "$(cat "$D/run/mount.pid")" "$(cat "$D/run/docs-1.pid")" "$(cat "$D/run/gateway-2.pid")"
check "up starts what has been killed, the mount too" up
check "all its processes run" all_run
check "and the data is there" cmp "$WORK/large" "$M/large"

kill -9 "$(cat "$D/run/postgres.pid")"
check "up starts PostgreSQL at once after it was killed" up
check "all its processes run" all_run
check "and what it stored is there" \
	eventually 15 curl -fsS --noproxy '*' -o "$WORK/body" "${AUTH[@]}" \
		"$NEPHOS_URL/api/v2/docs/drives/home/files/large"
check "with the same bytes" cmp "$WORK/large" "$WORK/body"

# The gateways still list the killed service for three seconds.
mv "$D/cluster.key" "$WORK/cluster.key"
echo none >"$D/cluster.key"
kill -9 "$(cat "$D/run/docs-2.pid")"
check_not "up fails when a service that it started ends" up_says
check "says which one" grep -q 'docs-2 did not come up' "$WORK/said"
check "and shows the end of its log" grep -q 'part=.*cluster key' "$WORK/said"
mv "$WORK/cluster.key" "$D/cluster.key"
check "up again starts it" up

at_end '"$E2E_ROOT/scripts/down" --data "$WORK/second"'
second() { "$E2E_ROOT/scripts/up" --data "$WORK/second" --port "$1"; }
check_not "a new store on ports that are taken is refused" second $PORT
check_not "as one on ports that do not exist" second 65535
check_not "and they are not remembered" test -e "$WORK/second/settings"
e2e_end
