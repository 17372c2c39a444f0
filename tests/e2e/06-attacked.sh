#!/usr/bin/env bash
# Goal: scripts/up and scripts/down, run by root, withstand another user of the machine who owns folders, links,
# settings, recorded process numbers and ports that the scripts meet. The scripts refuse and name each of them. They
# run no program of the attacker, and kill, make and change nothing.
. "$(dirname "$0")/../lib/e2e.sh"
if [ "$(id -u)" != 0 ]; then
	echo "# not root: nobody else can be played"
	e2e_end
fi
PORT=$((${E2E_PORT:-18050} + 60))
PUBLIC=$(mktemp -d /tmp/nephos-e2e-public.XXXXXX) # world-writable and sticky, like /tmp
chmod 1777 "$PUBLIC"
at_end 'rm -rf "$PUBLIC"'
nobody() { setpriv --reuid=nobody --regid=nogroup --clear-groups env -i PATH="$PATH" "$@"; }
up() { timeout 100 "$E2E_ROOT/scripts/up" --port $PORT --gateways 2 --user tester --data "$@" >"$WORK/said" 2>&1; }
down() { timeout 100 "$E2E_ROOT/scripts/down" --data "$@" >"$WORK/said" 2>&1; }
said() { grep -qF -- "$1" "$WORK/said" || { cat "$WORK/said"; return 1; }; }
nothing_started() { ! grep -E 'starting|making' "$WORK/said"; }
ran="$PUBLIC/ran" # files that the attacker's code leaves behind when it runs
nobody_is_root() { ! find "$PUBLIC" "$WORK" -name 'ran*' | grep .; }
# refused SENTENCE WORDS COMMAND…: checks that the command fails, prints these words, and starts nothing.
refused() {
	local sentence=$1 words=$2
	shift 2
	check_not "$sentence fails" "$@"
	check "$sentence prints the reason" said "$words"
	check "$sentence starts nothing" nothing_started
}
# store FOLDER [SETTING…]: makes a folder that belongs to root, with the settings of a store.
store() {
	mkdir -p "$1/run" "$1/log"
	printf '%s\n' FORMAT=2 "PORT=$PORT" GATEWAYS=2 FIRST_USER=tester MOUNT= >"$1/settings"
}

# ---- folders and links ----
nobody mkdir "$PUBLIC/his" "$PUBLIC/his/run" "$PUBLIC/his/log" "$PUBLIC/his/blocks"
# shellcheck disable=SC2016
nobody sh \
	-c 'printf "PORT=%s\nGATEWAYS=2\nFIRST_USER=tester\nMOUNT=\$(touch %s)\ntouch %s\n" "$2" "$3" "$3" >"$1/settings"' - "$PUBLIC/his" "$PORT" "$ran"
refused "up with a store folder that another user owns" "$PUBLIC/his belongs to nobody" up "$PUBLIC/his"
refused "down with a store folder that another user owns" "$PUBLIC/his belongs to nobody" down "$PUBLIC/his"
refused "up with a new store folder below another user's folder" "$PUBLIC/his belongs to nobody" up "$PUBLIC/his/a/b"
check_not "up makes no store folder below another user's folder" test -e "$PUBLIC/his/a"
mkdir "$WORK/elsewhere"
nobody ln -s "$WORK/elsewhere" "$PUBLIC/link"
refused "up through another user's symlink" "the link $PUBLIC/link belongs to nobody" up "$PUBLIC/link"
refused "up with a new store folder below another user's symlink" \
	"the link $PUBLIC/link belongs to nobody" up "$PUBLIC/link/store"
check_eq "up makes nothing in the folder to which another user's symlink leads" "" "$(ls -A "$WORK/elsewhere")"
ln -s "$PUBLIC/his" "$WORK/to-his"
refused "up through root's own symlink to another user's folder" \
	"$PUBLIC/his belongs to nobody" up "$WORK/to-his/../his"
mkdir -p "$WORK/open/store" "$PUBLIC/below"
chmod 777 "$WORK/open"
refused "up with a store folder below a world-writable folder" \
	"can write to the folder $WORK/open" up "$WORK/open/store"
chmod 1777 "$WORK/elsewhere"
refused "up with a store folder that is world-writable and sticky" \
	"can write to the folder $WORK/elsewhere" up "$WORK/elsewhere"
chmod 755 "$WORK/open" "$WORK/elsewhere"
setfacl -m u:nobody:rwx "$WORK/open"
refused "up with a store folder below one that another user may write to by an ACL" \
	"can write to the folder $WORK/open" up "$WORK/open/store"
store "$WORK/mine"
nobody ln -s /etc "$PUBLIC/mnt"
refused "up with a mount point below another user's symlink" "the link $PUBLIC/mnt belongs to nobody" up "$WORK/mine" \
	--mount "$PUBLIC/mnt/nephos"
check_not "up makes no mount point in the folder to which another user's symlink leads" test -e /etc/nephos

# ---- settings ----
# odd WORDS LINE…: writes these lines as the settings, and checks that up and down refuse them.
odd() {
	local words=$1
	shift
	printf '%s\n' "$@" >"$WORK/mine/settings"
	refused "up with settings that end in the line ${!#}" "$words" up "$WORK/mine"
	refused "down with settings that end in the line ${!#}" "$words" down "$WORK/mine"
}
odd "nephos did not write" PORT=$PORT GATEWAYS=2 FIRST_USER=tester "MOUNT=\$(touch $ran)"
odd "is no setting" PORT=$PORT GATEWAYS=2 FIRST_USER=tester MOUNT= "touch $ran"
odd "is no setting" FORMAT=2 PORT=$PORT GATEWAYS=2 FIRST_USER=tester MOUNT= "PATH=$PUBLIC"
odd "not on 'x[\$(touch $ran)]'" FORMAT=2 GATEWAYS=2 FIRST_USER=tester MOUNT= "PORT=x[\$(touch $ran)]"
odd "not on '65536'" FORMAT=2 GATEWAYS=2 FIRST_USER=tester MOUNT= PORT=65536
odd "go beyond port 65535" FORMAT=2 GATEWAYS=2 FIRST_USER=tester MOUNT= PORT=65535
odd "1 to 16 gateways" FORMAT=2 PORT=$PORT FIRST_USER=tester MOUNT= GATEWAYS=1000000000
odd "is absolute" FORMAT=2 PORT=$PORT GATEWAYS=2 FIRST_USER=tester "MOUNT=etc"
odd "no user's name" FORMAT=2 PORT=$PORT GATEWAYS=2 MOUNT= FIRST_USER=--help
odd "says MOUNT twice" FORMAT=2 PORT=$PORT GATEWAYS=2 FIRST_USER=tester MOUNT= MOUNT=/tmp
odd "does not say MOUNT" FORMAT=2 PORT=$PORT GATEWAYS=2 FIRST_USER=tester
store "$WORK/mine"
chown nobody "$WORK/mine/settings"
refused "up with a settings file that another user owns" \
	"the file $WORK/mine/settings belongs to nobody" up "$WORK/mine"
rm "$WORK/mine/settings"
mkdir "$WORK/mine/settings"
refused "down with a settings file that is no plain file" "is no plain file" down "$WORK/mine"
rmdir "$WORK/mine/settings"
check "no command from a settings file has run" nobody_is_root

# ---- processes ----
# Four processes that are not parts of the store: root's nephos-docs, named like a part; root's sleep, which names the
# store in its arguments; the attacker's nephos-gateway, which has the name and the arguments of a part; and root's
# postgres, whose recorded start time is not its own.
store "$WORK/mine"
mkdir "$WORK/programs"
for p in nephos-docs nephos-user nephos-gateway postgres; do cp "$(command -v sleep)" "$WORK/programs/$p"; done
chmod 755 "$WORK" "$WORK/programs"
"$WORK/programs/nephos-docs" 600 &
docs=$!
(exec -a "$WORK/mine/cluster.key" sleep 600) &
user=$!
(exec setpriv --reuid=nobody --regid=nogroup --clear-groups bash -c 'exec -a "$1" "$2" 600' - "$WORK/mine/cluster.key" "$WORK/programs/nephos-gateway") &
gateway=$!
(exec -a "$WORK/mine/postgres" "$WORK/programs/postgres" 600) &
postgres=$!
at_end "kill $docs $user $gateway $postgres"
for p in docs user gateway; do echo ${!p} >"$WORK/mine/run/$p-1.pid"; done
echo $postgres >"$WORK/mine/run/postgres.pid"
echo "$postgres 1" >"$WORK/mine/run/postgres.start"
echo -- -1 >"$WORK/mine/run/docs-2.pid"
echo "$$" >"$WORK/mine/run/mount.pid"
called() { [ "$(readlink "/proc/$docs/exe") $(readlink "/proc/$gateway/exe")" = \
	"$WORK/programs/nephos-docs $WORK/programs/nephos-gateway" ]; }
check "two decoy processes run as executables named nephos-docs and nephos-gateway" eventually 5 called
check "down succeeds although the recorded pids belong to foreign processes" down "$WORK/mine"
all_live() { kill -0 $docs && kill -0 $user && kill -0 $gateway && kill -0 $postgres; }
check "down ends none of the foreign processes with recorded pids" all_live
nobody sh -c 'echo 1 >"$1"' - "$PUBLIC/his/run/docs-1.pid"
ln -s "$PUBLIC/his/run/docs-1.pid" "$WORK/mine/run/docs-1.pid"
refused "down with a pid file that is a symlink" "is no plain file" down "$WORK/mine"
rm "$WORK/mine/run/docs-1.pid"

# ---- the socket folder of a store whose DATA path is long ----
long=$WORK/$(printf 'x%.0s' {1..90})
mkdir -p "$long/run"
lost=$(mktemp -d /tmp/nephos.XXXXXX)
echo "$lost" >"$long/run/socket-dir"
rmdir "$lost"
nobody mkdir "$lost"
at_end 'rmdir "$lost"'
# shellcheck disable=SC2016
made=$(bash -c '. "$1/scripts/lib/store.sh"; DATA=$2; socket_dir' - "$E2E_ROOT" "$long")
at_end 'rmdir "$made"'
check "socket_dir does not reuse a recorded folder that another user has made anew" \
	test -n "$made" -a "$made" != "$lost"
check_eq "socket_dir makes a new folder that root owns, with mode 700" "root 700" "$(stat -c '%U %a' "$made")"

# ---- ports ----
cat >"$WORK/squat.py" <<'PY'
import os, socket, sys, time
os.setgid(65534); os.setuid(65534)
s = socket.socket(socket.AF_INET6 if sys.argv[2] == "::" else socket.AF_INET)
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind((sys.argv[2], int(sys.argv[1]))); s.listen(0)
full = []
for i in range(int(sys.argv[3])):
    full.append(socket.socket()); full[-1].setblocking(False); full[-1].connect_ex(("127.0.0.1", int(sys.argv[1])))
print("there", flush=True); time.sleep(600)
PY
# squat ADDRESS FULL: takes the second gateway's port. FULL connections that are never accepted fill its backlog.
squat() {
	rm -f "$WORK/squat.out" # the squatter of the round before wrote the same word
	python3 "$WORK/squat.py" $((PORT + 1)) "$1" "$2" >"$WORK/squat.out" 2>&1 &
	squatter=$!
	at_end "kill $squatter"
	eventually 10 grep -q there "$WORK/squat.out" || { cat "$WORK/squat.out"; return 1; }
}
for how in "127.0.0.1 0" "0.0.0.0 8" ":: 0"; do
	rm -rf "$WORK/new"
	# shellcheck disable=SC2086
	check "another user takes the port of the second gateway ($how)" squat $how
	refused "up of a new store on a port that another user has taken ($how)" \
		"port $((PORT + 1)), on which gateway-2 listens, is taken by python3 (pid $squatter, of nobody)" up \
			"$WORK/new"
	check_not "up writes no settings for a new store on a taken port ($how)" test -e "$WORK/new/settings"
	refused "up of an existing store on a port that another user has taken ($how)" \
		"is taken by python3 (pid $squatter, of nobody)" up "$WORK/mine"
	kill $squatter
	wait $squatter 2>/dev/null
done
check "no command of the other user has run by the end" nobody_is_root
e2e_end
