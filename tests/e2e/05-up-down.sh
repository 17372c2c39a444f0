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
# A process that has ended may stay a zombie for a while, and its parent may take it away between two looks.
none_runs() { for p in $old; do ! kill -0 "$p" 2>/dev/null || grep -qs 'State:.Z' "/proc/$p/status" || ! kill -0 "$p" 2>/dev/null || return 1; done; }

# The test uses its own copy of the programs, because it replaces one of them while it runs. build.ninja has nothing
# to build: otherwise scripts/build would make all programs anew, which the images of 90-compose.sh do already.
mkdir -p "$WORK/build/web"
cp -r "$NEPHOS_BUILD_DIR/bin" "$WORK/build/"
[ ! -d "$NEPHOS_BUILD_DIR/web" ] || cp -r "$NEPHOS_BUILD_DIR/web" "$WORK/build/"
echo 'build all: phony' >"$WORK/build/build.ninja"
check "up starts a store from nothing" env NEPHOS_BUILD_DIR="$WORK/build" "$E2E_ROOT/scripts/up" --data "$D" --port $PORT --mount "$M" --user tester
check "all processes of the new store run" all_run
check_eq "the credentials file has mode 600" 600 "$(stat -c %a "$D/credentials")"
# shellcheck disable=SC1091
. "$D/credentials"
AUTH=(-H "Authorization: Bearer $NEPHOS_TOKEN")
check_eq "the credentials name the store's URL and its user" "http://127.0.0.1:$PORT tester" "$NEPHOS_URL $NEPHOS_USER"
check "up mounts the store at the mount point" mountpoint -q "$M"
cp -r /usr/include/linux/netfilter "$M/tree"
head -c 10000000 /dev/urandom >"$WORK/large"
cp "$WORK/large" "$M/large"
first=$(pids)
# A postmaster that starts while up writes these files must not read half of one: so up never writes into the file that
# is there.
rules="pg_hba.conf pg_ident.conf"
for name in $rules; do ln "$D/run/$name" "$WORK/$name" && cp "$D/run/$name" "$WORK/$name.before"; done
not_written_into() { [ -s "$WORK/$1" ] && [ ! "$WORK/$1" -ef "$D/run/$1" ] && cmp "$WORK/$1.before" "$D/run/$1"; }
mv "$WORK/build/bin/nephos-docs" "$WORK/build/bin/the-docs-before"
cp "$WORK/build/bin/the-docs-before" "$WORK/build/bin/nephos-docs"
check_eq "a second up reports that everything is up already" "everything is up already" "$(up | head -n 1)"
check_eq "a second up starts no process" "$first" "$(pids)"
for name in $rules; do check "a second up replaces $name as a whole" not_written_into "$name"; done
# "localhost" resolves to ::1 first. No gateway listens there, and any user may take the port there.
check_eq "a second up prints the addresses where the gateways listen, and no others" \
	"127.0.0.1:$PORT 127.0.0.1:$((PORT + 1))" "$(up | grep -o 'http://[^/ ]*' | cut -c 8- | sort -Vu | xargs)"
check_eq "up with another --port does not restart the running store" "$first" "$(up --port 1 >/dev/null && pids)"
kill -STOP "$(cat "$D/run/gateway-1.pid")"
at_end 'kill -CONT "$(cat "$D/run/gateway-1.pid")"'
# An earlier version waited 30 s for the hanging gateway and then failed.
check "nephos ls succeeds within 15 s while a gateway hangs" \
	timeout 15 "$WORK/build/bin/nephos" ls --credentials "$D/credentials" /tree
mkdir "$WORK/second"
check "nephos mount succeeds while a gateway hangs" \
	timeout 60 "$WORK/build/bin/nephos" mount -o "credentials=$D/credentials" "$WORK/second"
check_eq "the mount made while a gateway hangs shows the large file" 10000000 "$(stat -c %s "$WORK/second/large")"
kill -CONT "$(cat "$D/run/gateway-1.pid")"
check "nephos umount unmounts the second mount" "$WORK/build/bin/nephos" umount "$WORK/second"

old=$first
echo "written at the last moment" >"$M/last"
exec {held}<"$M/last"
check_eq "down reports that the mount was in use" "$M was in use" "$(down 2>&1 >/dev/null | cut -d: -f1)"
exec {held}<&-
check "no process of the store is left after down" none_runs
check_not "the mount point is no longer mounted after down" mountpoint -q "$M"
check_refused "nothing listens on the first gateway's port after down" '^curl: \(7\)' \
	curl -sS --noproxy '*' "$NEPHOS_URL/healthz"
check "up without other flags starts the stopped store" up
check "all processes of the stopped store run again" all_run
check "the folder tree is unchanged on the mount after the restart" \
	diff -r --no-dereference /usr/include/linux/netfilter "$M/tree"
check "the large file is unchanged on the mount after the restart" cmp "$WORK/large" "$M/large"
check_eq "the line written just before down is on the mount after the restart" \
	"written at the last moment" "$(cat "$M/last")"
check_status "the key made before the restart still reads the large file over HTTP" \
	200 "${AUTH[@]}" "$NEPHOS_URL/api/v2/docs/drives/home/files/large"
check "the large file's bytes over HTTP are unchanged after the restart" cmp "$WORK/large" "$WORK/body"

kill -9 "$(cat "$D/run/mount.pid")" "$(cat "$D/run/docs-1.pid")" "$(cat "$D/run/gateway-2.pid")"
check "up restarts the killed mount, docs service and gateway" up
check "all processes run after up has restarted the killed ones" all_run
check "the large file is unchanged on the restarted mount" cmp "$WORK/large" "$M/large"

kill -9 "$(cat "$D/run/postgres.pid")"
check "up restarts a killed PostgreSQL" up
check "all processes run after PostgreSQL was killed and restarted" all_run
check "the large file can be read over HTTP after PostgreSQL was killed" \
	eventually 15 curl -fsS --noproxy '*' -o "$WORK/body" "${AUTH[@]}" \
		"$NEPHOS_URL/api/v2/docs/drives/home/files/large"
check "the large file's bytes over HTTP are unchanged after PostgreSQL was killed" cmp "$WORK/large" "$WORK/body"

# The gateways still list the killed service for three seconds.
mv "$D/cluster.key" "$WORK/cluster.key"
echo none >"$D/cluster.key"
kill -9 "$(cat "$D/run/docs-2.pid")"
check_not "up fails when a service that it starts exits at once" up_says
check "up prints that docs-2 did not come up" grep -q 'docs-2 did not come up' "$WORK/said"
check "up prints the line about the cluster key from the log of docs-2" grep -q 'part=.*cluster key' "$WORK/said"
mv "$WORK/cluster.key" "$D/cluster.key"
check "up starts docs-2 once the cluster key is valid again" up

check "down stops the store before it is started without its mount" down
check "up with an empty --mount starts the store" up --mount ""
check_not "nothing is mounted after up with an empty --mount" mountpoint -q "$M"
check "a later up without flags succeeds" up
check_not "a later up without flags mounts nothing, either" mountpoint -q "$M"
check "up with --mount mounts the drive again" up --mount "$M"
check "the drive is mounted again" mountpoint -q "$M"

check_refused "up refuses an empty --data" 'the value of --data is empty' "$E2E_ROOT/scripts/up" --data ""
for script in down backup restore; do
	check_refused "$script refuses an empty --data" '--data needs a value' "$E2E_ROOT/scripts/$script" --data "" "$WORK/nowhere"
done
# Each try takes a second, as when a process hangs. Forty tries, which elsewhere take two seconds, would take forty.
waits_by_the_clock() (
	. "$E2E_ROOT/scripts/lib/store.sh"
	begin=$SECONDS
	! wait_until 2 sh -c 'sleep 1; false' && [ $((SECONDS - begin)) -le 10 ]
)
check "a wait for something that hangs ends after its time" waits_by_the_clock

at_end '"$E2E_ROOT/scripts/down" --data "$WORK/second"'
second() { "$E2E_ROOT/scripts/up" --data "$WORK/second" --port "$1"; }
check_refused "up refuses to make a store on ports that are already taken" \
	"port $PORT, on which gateway-1 listens, is taken by" second $PORT
check_refused "up refuses to make a store whose second gateway would need port 65536" \
	'2 gateways from port 65535 on go beyond port 65535' second 65535
check_not "a refused up writes no settings file" test -e "$WORK/second/settings"
e2e_end
