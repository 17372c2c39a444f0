#!/usr/bin/env bash
# Goal: the nephos command works as a person uses it: log in, store and fetch, list, manage users and keys, mount.
# Exit codes say what went wrong.
. "$(dirname "$0")/../lib/e2e.sh"
e2e_store
N=${NEPHOS_BUILD_DIR:-$E2E_ROOT/build/dev}/bin/nephos
ADMIN=$E2E_DATA/credentials
ME=cmd-$$
export HOME=$WORK/home XDG_CONFIG_HOME=$WORK/config
unset NEPHOS_URL NEPHOS_USER NEPHOS_TOKEN NEPHOS_CREDENTIALS NEPHOS_PASSWORD
mkdir -p "$HOME" "$WORK/local"
cd "$WORK/local" || exit 2

# ends WANTED COMMAND…: checks the exit code; the output is in $WORK/out and $WORK/err.
ends() {
	local wanted=$1 got=0
	shift
	"$@" >"$WORK/out" 2>"$WORK/err" || got=$?
	[ "$got" = "$wanted" ] || { echo "ended with $got, not $wanted"; cat "$WORK/out" "$WORK/err"; return 1; }
}
says() { grep -qF -- "$1" "$WORK/out"; }
complains() { grep -qF -- "$1" "$WORK/err"; }
json() { python3 -c 'import json, sys; v = json.load(sys.stdin); print(eval(sys.argv[1]))' "$1"; }

# ---- accounts ----
check "an administrator makes an account" \
	env NEPHOS_PASSWORD=first-secret "$N" user add "$ME" --email c@example.org --credentials "$ADMIN"
at_end '"$N" user rm "$ME" --credentials "$ADMIN"'
check "it is listed" sh -c '"$1" user list --credentials "$2" | grep -q "$3  c@example.org"' - "$N" "$ADMIN" "$ME"
check "and not made twice" ends 1 env NEPHOS_PASSWORD=first-secret "$N" user add "$ME" --credentials "$ADMIN"
check "a short password is refused" ends 1 env NEPHOS_PASSWORD=short "$N" user add "$ME-2" --credentials "$ADMIN"

# ---- logging in ----
check "without a key nothing goes" ends 4 "$N" ls
check "a wrong password is not authenticated" ends 4 env NEPHOS_PASSWORD=wrong-secret "$N" login "$URL" --user "$ME"
check "and leaves no file" test ! -e "$XDG_CONFIG_HOME/nephos/credentials"
printf 'first-secret\n' >"$WORK/password"
chmod 644 "$WORK/password"
check "a password file that others can read is refused" \
	ends 2 "$N" login "$URL" --user "$ME" --password-file "$WORK/password"
chmod 600 "$WORK/password"
check "the right one logs in" "$N" login "$URL" --user "$ME" --password-file "$WORK/password"
check_eq "the credentials are private" 600 "$(stat -c %a "$XDG_CONFIG_HOME/nephos/credentials")"
check_eq "a shell can source them" \
	"$URL $ME" "$(. "$XDG_CONFIG_HOME/nephos/credentials"; echo "$NEPHOS_URL $NEPHOS_USER")"
check_eq "the key is named after this machine" "$(uname -n)" "$("$N" key list --json | json 'v[0]["name"]')"
check "the password can come from the standard input" sh -c 'printf first-secret | "$1" login --password-file -' - "$N"
check_eq "logging in again leaves one key" 1 "$("$N" key list --json | json 'len(v)')"
check "an ordinary user lists no users" ends 1 "$N" user list

# ---- files ----
check "an empty drive lists nothing" ends 0 "$N" ls
check_eq "really nothing" "" "$(cat "$WORK/out")"
head -c 3000000 /dev/urandom >big
printf 'hello\n' >small
check "put without parents says what is missing" ends 1 "$N" put small /a/b/small
check "and how to make it" complains --parents
check "put with parents" "$N" put small /a/b/small --parents
check "put into a folder keeps the name" "$N" put big a/b/
check_eq "get to the standard output" hello "$("$N" get a/b/small -)"
check "get under another name" "$N" get /a/b/big back
check "brings the same bytes" cmp big back
check "put from a pipe" sh -c '"$1" put - /a/piped <big' - "$N"
check "brings the same bytes, too" sh -c '"$1" get /a/piped - | cmp - big' - "$N"
check "an empty file goes both ways" \
	sh -c ': >empty && "$1" put empty /empty && "$1" get /empty empty2 && test -f empty2 && ! test -s empty2' - "$N"
check_eq "put replaces" "changed" "$(printf changed | "$N" put - /a/b/small && "$N" get /a/b/small -)"
check_eq "put --json says what is stored" \
	"file 7" "$(printf changed | "$N" put - /a/b/small --json | json 'v["type"] + " " + str(v["size"])')"
printf old >kept
check "a document that is not there" ends 1 "$N" get /nothing kept
check_eq "leaves the file as it was" old "$(cat kept)"
check "a folder is no file" ends 1 "$N" get /a kept
check "nothing is left beside" test -z "$(find . -name '.nephos-*')"
check "mkdir" "$N" mkdir /dir
check "and not twice" ends 1 "$N" mkdir /dir
check "a folder that is not empty stays" ends 1 "$N" rm /a
check "rm of a file" "$N" rm /empty
check "rm of an empty folder" "$N" rm dir
check_eq "ls shows names in order" "b piped" "$("$N" ls /a | tr '\n' ' ' | sed 's/ $//')"
check "ls -l shows size and mode" \
	sh -c '"$1" ls -l /a/b | grep -Eq "^-rw-r--r-- +1 +[0-9]+ +[0-9]+ +3000000 .* big$"' - "$N"
check_eq "ls -R goes down" \
	"/ a /a b piped /a/b big small" "$("$N" ls -R | tr -d : | tr '\n' ' ' | sed 's/  */ /g; s/ $//')"
check "mkdir -p makes the folders on the way" "$N" mkdir -p "/way/to/a/folder"
check "and is content with what is there" "$N" mkdir -p way/to/a
check_eq "they are there" "/way/to/a: folder" "$("$N" ls -R /way | tr '\n' ' ' | grep -o '/way/to/a: folder')"
check "a file on the way is refused" ends 1 "$N" mkdir -p /a/b/small/x
check "with the reason" complains "is not a folder"
check_eq "ls --json has paths" \
	"/a/b/big" "$("$N" ls -R --json | json '[i["path"] for i in v if i["name"] == "big"][0]')"
check "a dangerous name is stored" sh -c 'printf x | "$1" put - "$2"' - "$N" "$(printf '/a/\033[2Jred\nline')"
check_eq "shown escaped on a terminal" \
	'\x1b[2Jred\nline' "$(script -qec "'$N' ls /a" /dev/null | tr -d '\r' | head -n 1)"
check_eq "and exactly to a program" "$(printf '\033[2Jred')" "$("$N" ls /a | head -n 1)"
check "a name that is no text" \
	sh -c 'printf x | "$1" put - "$2" && "$1" get "$2" - | grep -qx x' - "$N" "$(printf '/a/\377\376')"
check "percent, space and question mark" \
	sh -c 'printf x | "$1" put - "/p%20 q?#/n&" --parents && "$1" ls "/p%20 q?#" | grep -qx "n&"' - "$N"
mkdir many && for i in $(seq 1 25); do echo "$i" >"many/$i"; done
for f in many/*; do "$N" put "$f" /many/ --parents || fail "put $f"; done
check_eq "many files are all listed" 25 "$("$N" ls /many | wc -l)"

# ---- what the exit codes say ----
check "an unknown command is usage" ends 2 "$N" lss
check "and names the right one" complains '"ls"'
check "\"..\" is usage" ends 2 "$N" ls /a/..
check "no store is unreachable" ends 3 env NEPHOS_URL=http://127.0.0.1:1 NEPHOS_TOKEN=x "$N" ls
install -m 444 "$XDG_CONFIG_HOME/nephos/credentials" secret
check "a secret that nobody may write may be readable, as containers have them" ends 0 "$N" ls / --credentials secret
check "with a word" complains "everybody on this machine can read the key"
check "another key is not authenticated" ends 4 env NEPHOS_URL="$URL" NEPHOS_TOKEN=npk_x "$N" ls
check "a refusal has its trace id" ends 1 "$N" get /nothing -
check "that a person can look for" grep -Eq '\(trace [0-9a-f]+\)' "$WORK/err"
check "a dead gateway is passed over" \
	sh -c '. "$1"; NEPHOS_URL="http://127.0.0.1:1,$NEPHOS_URL" NEPHOS_TOKEN=$NEPHOS_TOKEN exec "$2" ls /a' - \
		"$XDG_CONFIG_HOME/nephos/credentials" "$N"
check "a failure is JSON, too, with --json" \
	sh -c '"$1" get --json /nothing - 2>&1 | python3 -c "import json, sys; e = json.load(sys.stdin)[\"error\"]; sys.exit(not (e[\"command\"] == \"get\" and e[\"status\"] == 404 and e[\"errno\"] == \"ENOENT\" and e[\"exit\"] == 1))"' - "$N"
check_eq "help of a command is its own" "$("$N" mkdir --help)" "$("$N" help mkdir)"
check "a host that nobody knows is said" ends 3 env NEPHOS_URL=http://nowhere.invalid NEPHOS_TOKEN=x "$N" ls
check "in words" complains "nobody knows a host of that name"
check "https where http is spoken is said" ends 3 env NEPHOS_URL="https://${URL#http://}" NEPHOS_TOKEN=x "$N" ls
check "in words, too" complains "does not speak TLS"

# ---- a gateway that hangs: the kernel accepts connections, and no process answers ----
python3 -c 'import socket, time
s = socket.socket(); s.bind(("127.0.0.1", 0)); s.listen(64); print(s.getsockname()[1], flush=True); time.sleep(600)' >"$WORK/hung" &
hung=$!
at_end 'kill $hung'
eventually 20 test -s "$WORK/hung"
HUNG=http://127.0.0.1:$(cat "$WORK/hung")
TOKEN=$(. "$XDG_CONFIG_HOME/nephos/credentials"; echo "$NEPHOS_TOKEN")
# Earlier versions waited 30 to 120 s here; half of 30 s is far more than a busy machine needs.
beside_hung() { timeout 15 env NEPHOS_URL="$HUNG,$URL" NEPHOS_TOKEN="$TOKEN" "$N" "$@"; }
check "ls beside a gateway that hangs" ends 0 beside_hung ls /a
check "get" ends 0 beside_hung get /a/b/big hung-back
check "put" ends 0 beside_hung put big /hung-big
check "put from a pipe" \
	sh -c '"$@" <big' - timeout 15 env NEPHOS_URL="$HUNG,$URL" NEPHOS_TOKEN="$TOKEN" "$N" put - /hung-pipe
check "brings the same bytes" \
	sh -c 'cmp big hung-back && "$1" get /hung-big - | cmp - big && "$1" get /hung-pipe - | cmp - big' - "$N"
check "status" ends 0 beside_hung status
check "names the one that hangs" sh -c 'grep -q "$1 .*imed out" "$2"' - "$HUNG" "$WORK/out"

check "status of the store" ends 0 "$N" status
check "shows gateways and services" \
	sh -c 'grep -q "^gateway .*ready" "$1" && grep -q "^docs .*docs-1" "$1" && grep -q "^user .*user-1" "$1"' - \
		"$WORK/out"
check_eq "in JSON, too" \
	"True 4" "$("$N" status --json | json '" ".join([str(v["gateways"][0]["ready"]), str(len(v["services"]))])')"

# ---- keys and passwords ----
check "key add makes a credentials file" sh -c 'umask 077; "$1" key add script >key' - "$N"
check "that works" "$N" ls / --credentials key
check "and is revoked by its name" "$N" key revoke script
check "then it does not hold" ends 4 "$N" ls / --credentials key
check "one's own password needs the old one" \
	ends 1 sh \
		-c 'printf wrong-secret >old; chmod 600 old; NEPHOS_PASSWORD=second-secret exec "$1" user passwd --old-password-file old' - "$N"
check "with it, it changes" env NEPHOS_PASSWORD=second-secret "$N" user passwd --old-password-file "$WORK/password"
check "an administrator sets another's" env NEPHOS_PASSWORD=third-secret "$N" user passwd "$ME" --credentials "$ADMIN"
check "the key of a login holds on" "$N" ls /
check "the new password logs in" env NEPHOS_PASSWORD=third-secret "$N" login

# ---- the terminal ----
cat >"$WORK/type.py" <<'PY'
import os, pty, sys, time, select
pid, fd = pty.fork()
if pid == 0:
    os.execvp(sys.argv[2], sys.argv[2:])
seen = b""
typed = False
while True:
    if not select.select([fd], [], [], 20)[0]:
        sys.exit(99)
    try:
        data = os.read(fd, 1000)
    except OSError:
        break
    if not data:
        break
    seen += data
    if not typed and seen.endswith(b": "):
        os.write(fd, sys.argv[1].encode() + b"\n")
        typed = True
sys.stdout.write(seen.decode())
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
PY
check "a password is asked for on the terminal" ends 0 python3 "$WORK/type.py" third-secret "$N" login
check "by name" grep -q "Password of $ME at $URL: " "$WORK/out"
check_not "and not shown" says third-secret

# The pause makes the transfer take longer than the second in which nothing is shown.
check "a transfer of more than a second shows on a terminal how far it is" \
	sh -c 'mkfifo slow; { cat big; sleep 1.5; cat big; } >slow & script -qec "$1 put - /slow <slow" /dev/null >shown 2>&1; wait; grep -q "/slow  .* MiB, .*/s" shown' - "$N"
check "and not elsewhere" sh -c '{ cat big; sleep 1.5; cat big; } | "$1" put - /slow 2>shown; test ! -s shown' - "$N"

# ---- mounts ----
if [ -e /dev/fuse ]; then
	M=$(mktemp -d "${TMPDIR:-/tmp}/nephos-e2e-mount.XXXXXX")
	at_end 'fusermount3 -uz "$M"; rmdir "$M"'
	check "mount finds what login left" "$N" mount "$M"
	check_eq "the mount shows what was put" changed "$(cat "$M/a/b/small")"
	check "what is written on it" sh -c 'echo written >"$1/w"' - "$M"
	check_eq "is there for get" written "$("$N" get w -)"
	check_eq "status knows the mount" \
		"$M" "$("$N" status --json | json '[m["directory"] for m in v["mounts"] if m["directory"] == "'"$M"'"][0]')"
	pid=$("$N" status --json | json '[m["pid"] for m in v["mounts"] if m["directory"] == "'"$M"'"][0]')
	check "and its process" kill -0 "$pid"
	exec 9<"$M/w"
	check "umount refuses while a file is open" ends 1 "$N" umount "$M"
	check "and it stays mounted" mountpoint -q "$M"
	exec 9<&-
	check "umount takes it off" "$N" umount "$M"
	check_not "it is off" mountpoint -q "$M"
	check "and the process has ended" \
		sh -c '! kill -0 "$1" 2>/dev/null || grep -q "^State:.Z" "/proc/$1/status"' - "$pid"
	check "umount of nothing is refused" ends 1 "$N" umount "$M"
fi

# ---- logging out ----
cp "$XDG_CONFIG_HOME/nephos/credentials" kept-key
check "logout" "$N" logout
check "removes the file" test ! -e "$XDG_CONFIG_HOME/nephos/credentials"
check "and the key holds no longer" ends 4 "$N" ls --credentials kept-key
check "logout of nobody" ends 4 "$N" logout
check "rm of a user" "$N" user rm "$ME" --credentials "$ADMIN"
check "who is not there any more" ends 1 "$N" user rm "$ME" --credentials "$ADMIN"

e2e_end
