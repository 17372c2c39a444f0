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
check "nephos user list shows the new account with its email" \
	sh -c '"$1" user list --credentials "$2" | grep -q "$3  c@example.org"' - "$N" "$ADMIN" "$ME"
check "nephos user add of an existing name exits with 1" \
	ends 1 env NEPHOS_PASSWORD=first-secret "$N" user add "$ME" --credentials "$ADMIN"
check "nephos user add with a short password exits with 1" \
	ends 1 env NEPHOS_PASSWORD=short "$N" user add "$ME-2" --credentials "$ADMIN"

# ---- logging in ----
check "nephos ls without a key exits with 4" ends 4 "$N" ls
check "nephos login with a wrong password exits with 4" \
	ends 4 env NEPHOS_PASSWORD=wrong-secret "$N" login "$URL" --user "$ME"
check "nephos login with a wrong password leaves no credentials file" test ! -e "$XDG_CONFIG_HOME/nephos/credentials"
printf 'first-secret\n' >"$WORK/password"
chmod 644 "$WORK/password"
check "nephos login with a password file that others can read exits with 2" \
	ends 2 "$N" login "$URL" --user "$ME" --password-file "$WORK/password"
chmod 600 "$WORK/password"
check "nephos login with a private password file succeeds" \
	"$N" login "$URL" --user "$ME" --password-file "$WORK/password"
check_eq "the credentials file of nephos login has mode 600" 600 "$(stat -c %a "$XDG_CONFIG_HOME/nephos/credentials")"
check_eq "a shell can source the credentials file" \
	"$URL $ME" "$(. "$XDG_CONFIG_HOME/nephos/credentials"; echo "$NEPHOS_URL $NEPHOS_USER")"
check_eq "the key of nephos login is named after this machine" \
	"$(uname -n)" "$("$N" key list --json | json 'v[0]["name"]')"
check "nephos login takes the password from standard input" \
	sh -c 'printf first-secret | "$1" login --password-file -' - "$N"
check_eq "logging in again on the same machine leaves one key" 1 "$("$N" key list --json | json 'len(v)')"
check "nephos user list by an ordinary user exits with 1" ends 1 "$N" user list

# ---- files ----
check "nephos ls of an empty drive exits with 0" ends 0 "$N" ls
check_eq "nephos ls of an empty drive prints nothing" "" "$(cat "$WORK/out")"
head -c 3000000 /dev/urandom >big
printf 'hello\n' >small
check "nephos put into a missing folder exits with 1" ends 1 "$N" put small /a/b/small
check "the error of nephos put into a missing folder names the flag --parents" complains --parents
check "nephos put --parents into a missing folder succeeds" "$N" put small /a/b/small --parents
check "nephos put of a file into an existing folder succeeds" "$N" put big a/b/
check_eq "nephos get writes a file to standard output" hello "$("$N" get a/b/small -)"
check "nephos get stores the large file under another local name" "$N" get /a/b/big back
check "the fetched large file has the bytes of the file that was put" cmp big back
check "nephos put stores a file from a pipe" sh -c '"$1" put - /a/piped <big' - "$N"
check "nephos get returns the bytes that were put from a pipe" sh -c '"$1" get /a/piped - | cmp - big' - "$N"
check "nephos put and get transfer an empty file" \
	sh -c ': >empty && "$1" put empty /empty && "$1" get /empty empty2 && test -f empty2 && ! test -s empty2' - "$N"
check_eq "nephos put replaces the content of an existing file" \
	"changed" "$(printf changed | "$N" put - /a/b/small && "$N" get /a/b/small -)"
check_eq "nephos put --json prints type and size of the stored file" \
	"file 7" "$(printf changed | "$N" put - /a/b/small --json | json 'v["type"] + " " + str(v["size"])')"
printf old >kept
check "nephos get of a missing document into a local file exits with 1" ends 1 "$N" get /nothing kept
check_eq "a failed nephos get leaves the local file unchanged" old "$(cat kept)"
check "nephos get of a folder exits with 1" ends 1 "$N" get /a kept
check "nephos get leaves no temporary file in the local folder" test -z "$(find . -name '.nephos-*')"
check "nephos mkdir makes a folder" "$N" mkdir /dir
check "nephos mkdir of an existing folder exits with 1" ends 1 "$N" mkdir /dir
check "nephos rm of a folder that is not empty exits with 1" ends 1 "$N" rm /a
check_refused "nephos rm refuses the path of a file with a slash at its end" 'Not a directory' "$N" rm /empty/
check_refused "nephos ls refuses the path of a file with a slash at its end" 'Not a directory' "$N" ls /empty/
check_refused "nephos get refuses a path with a slash at its end" 'is that of a folder' "$N" get /empty/ -
check "nephos rm removes a file" "$N" rm /empty
check "nephos rm removes an empty folder, also by a path with a slash at its end" "$N" rm dir/
check_eq "a failure of nephos mkdir --json has the store's type and errno" "/problems/not-found ENOENT" \
	"$("$N" mkdir --json /nothing/here 2>&1 | jq -r '.error | .type + " " + .errno')"
check_eq "a failure of nephos put --json has the store's type and status" "/problems/parent-missing 409" \
	"$("$N" put --json - /nothing/here </dev/null 2>&1 | jq -r '.error | "\(.type) \(.status)"')"
check_eq "nephos ls prints names in order" "b piped" "$("$N" ls /a | tr '\n' ' ' | sed 's/ $//')"
check "nephos ls -l prints size and mode of a file" \
	sh -c '"$1" ls -l /a/b | grep -Eq "^-rw-r--r-- +1 +[0-9]+ +[0-9]+ +3000000 .* big$"' - "$N"
check_eq "nephos ls -R lists the folders within folders, too" \
	"/ a /a b piped /a/b big small" "$("$N" ls -R | tr -d : | tr '\n' ' ' | sed 's/  */ /g; s/ $//')"
check "nephos mkdir -p makes a folder and its missing parents" "$N" mkdir -p "/way/to/a/folder"
check "nephos mkdir -p of an existing folder succeeds" "$N" mkdir -p way/to/a
check_eq "nephos ls -R lists the folders that mkdir -p made" \
	"/way/to/a: folder" "$("$N" ls -R /way | tr '\n' ' ' | grep -o '/way/to/a: folder')"
check "nephos mkdir -p of a path through a file exits with 1" ends 1 "$N" mkdir -p /a/b/small/x
check "the error of nephos mkdir -p says that the file is not a folder" complains "is not a folder"
check_eq "nephos ls -R --json prints the path of a file" \
	"/a/b/big" "$("$N" ls -R --json | json '[i["path"] for i in v if i["name"] == "big"][0]')"
check "nephos put stores a file whose name has an escape sequence and a newline" \
	sh -c 'printf x | "$1" put - "$2"' - "$N" "$(printf '/a/\033[2Jred\nline')"
check_eq "nephos ls on a terminal escapes the escape sequence and the newline in a name" \
	'\x1b[2Jred\nline' "$(script -qec "'$N' ls /a" /dev/null | tr -d '\r' | head -n 1)"
check_eq "nephos ls to a pipe prints the escape sequence in a name unchanged" \
	"$(printf '\033[2Jred')" "$("$N" ls /a | head -n 1)"
check "nephos put and get work with a name that is not UTF-8" \
	sh -c 'printf x | "$1" put - "$2" && "$1" get "$2" - | grep -qx x' - "$N" "$(printf '/a/\377\376')"
check "nephos put and ls work with percent, space and question mark in names" \
	sh -c 'printf x | "$1" put - "/p%20 q?#/n&" --parents && "$1" ls "/p%20 q?#" | grep -qx "n&"' - "$N"
mkdir many && for i in $(seq 1 25); do echo "$i" >"many/$i"; done
for f in many/*; do "$N" put "$f" /many/ --parents || fail "nephos put stores $f"; done
check_eq "nephos ls lists all 25 files of a folder" 25 "$("$N" ls /many | wc -l)"

# ---- what the exit codes say ----
check "nephos with an unknown command exits with 2" ends 2 "$N" lss
check "the error for the unknown command lss names ls" complains '"ls"'
check "nephos ls of a path with \"..\" exits with 2" ends 2 "$N" ls /a/..
check "nephos ls of an address where nothing listens exits with 3" \
	ends 3 env NEPHOS_URL=http://127.0.0.1:1 NEPHOS_TOKEN=x "$N" ls
install -m 444 "$XDG_CONFIG_HOME/nephos/credentials" secret
check "nephos ls accepts a credentials file that all may read and nobody may write" \
	ends 0 "$N" ls / --credentials secret
check "nephos ls warns that everybody on this machine can read the key" \
	complains "everybody on this machine can read the key"
chmod 440 secret
check "nephos ls accepts a credentials file that its group may read and nobody may write" \
	ends 0 "$N" ls / --credentials secret
check "nephos ls warns that the group can read the key" complains "the group of the file can read the key"
check "nephos mkdir -p / succeeds" ends 0 "$N" mkdir -p /
check "nephos ls with an unknown key exits with 4" ends 4 env NEPHOS_URL="$URL" NEPHOS_TOKEN=npk_x "$N" ls
check "nephos get of a missing document to standard output exits with 1" ends 1 "$N" get /nothing -
check "the error of nephos get has a trace id" grep -Eq '\(trace [0-9a-f]+\)' "$WORK/err"
check "nephos ls succeeds when the first of its gateways is dead" \
	sh -c '. "$1"; NEPHOS_URL="http://127.0.0.1:1,$NEPHOS_URL" NEPHOS_TOKEN=$NEPHOS_TOKEN exec "$2" ls /a' - \
		"$XDG_CONFIG_HOME/nephos/credentials" "$N"
check "nephos get --json prints a failure as JSON with status, errno and exit code" \
	sh -c '"$1" get --json /nothing - 2>&1 | python3 -c "import json, sys; e = json.load(sys.stdin)[\"error\"]; sys.exit(not (e[\"command\"] == \"get\" and e[\"status\"] == 404 and e[\"errno\"] == \"ENOENT\" and e[\"exit\"] == 1))"' - "$N"
check "nephos mkdir --help prints the same usage as nephos help mkdir" \
	sh -c '"$1" mkdir --help >help && grep -q "^usage: nephos mkdir " help && "$1" help mkdir | cmp help -' - "$N"
check "nephos help user prints the usage of the commands for users" \
	sh -c '"$1" help user | grep -q "^usage: nephos user COMMAND"' - "$N"
check "nephos ls of an unknown host exits with 3" ends 3 env NEPHOS_URL=http://nowhere.invalid NEPHOS_TOKEN=x "$N" ls
check "the error for an unknown host says that nobody knows a host of that name" \
	complains "nobody knows a host of that name"
check "nephos ls by https from a gateway without TLS exits with 3" \
	ends 3 env NEPHOS_URL="https://${URL#http://}" NEPHOS_TOKEN=x "$N" ls
check "the error for https says that the gateway does not speak TLS" complains "does not speak TLS"

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
check "nephos ls succeeds within 15 s when the first gateway hangs" ends 0 beside_hung ls /a
check "nephos get succeeds within 15 s when the first gateway hangs" ends 0 beside_hung get /a/b/big hung-back
check "nephos put succeeds within 15 s when the first gateway hangs" ends 0 beside_hung put big /hung-big
check "nephos put from a pipe succeeds within 15 s when the first gateway hangs" \
	sh -c '"$@" <big' - timeout 15 env NEPHOS_URL="$HUNG,$URL" NEPHOS_TOKEN="$TOKEN" "$N" put - /hung-pipe
check "files that were put and fetched beside a hung gateway have the right bytes" \
	sh -c 'cmp big hung-back && "$1" get /hung-big - | cmp - big && "$1" get /hung-pipe - | cmp - big' - "$N"
check "nephos status succeeds within 15 s when the first gateway hangs" ends 0 beside_hung status
check "nephos status says that the hung gateway timed out" sh -c 'grep -q "$1 .*imed out" "$2"' - "$HUNG" "$WORK/out"

check "nephos status succeeds when all gateways answer" ends 0 "$N" status
check "nephos status shows a ready gateway, a docs service and a user service" \
	sh -c 'grep -q "^gateway .*ready" "$1" && grep -q "^docs .*docs-1" "$1" && grep -q "^user .*user-1" "$1"' - \
		"$WORK/out"
check_eq "nephos status --json shows a ready gateway and four services" \
	"True 4" "$("$N" status --json | json '" ".join([str(v["gateways"][0]["ready"]), str(len(v["services"]))])')"

# ---- keys and passwords ----
check "nephos key add prints a credentials file" sh -c 'umask 077; "$1" key add script >key' - "$N"
check "nephos ls works with the key from nephos key add" "$N" ls / --credentials key
check "nephos key revoke of a key by its name succeeds" "$N" key revoke script
check "nephos ls with a revoked key exits with 4" ends 4 "$N" ls / --credentials key
check "nephos user passwd with a wrong old password exits with 1" \
	ends 1 sh \
		-c 'printf wrong-secret >old; chmod 600 old; NEPHOS_PASSWORD=second-secret exec "$1" user passwd --old-password-file old' - "$N"
check "nephos user passwd with the right old password succeeds" \
	env NEPHOS_PASSWORD=second-secret "$N" user passwd --old-password-file "$WORK/password"
check "an administrator sets another user's password" \
	env NEPHOS_PASSWORD=third-secret "$N" user passwd "$ME" --credentials "$ADMIN"
check "the key of a login stays valid after the password has changed" "$N" ls /
check "nephos login with the new password succeeds" env NEPHOS_PASSWORD=third-secret "$N" login

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
check "nephos login takes a password that is typed on a terminal" ends 0 python3 "$WORK/type.py" third-secret "$N" login
check "the prompt for the password names the user and the URL" grep -q "Password of $ME at $URL: " "$WORK/out"
check_not "the terminal does not show the password that is typed" says third-secret

# The pause makes the transfer take longer than the second in which nothing is shown.
check "nephos put of more than a second shows its progress on a terminal" \
	sh -c 'mkfifo slow; { cat big; sleep 1.5; cat big; } >slow & script -qec "$1 put - /slow <slow" /dev/null >shown 2>&1; wait; grep -q "/slow  .* MiB, .*/s" shown' - "$N"
check "nephos put of more than a second prints no progress into a file" \
	sh -c '{ cat big; sleep 1.5; cat big; } | "$1" put - /slow 2>shown && test ! -s shown' - "$N"

# ---- mounts ----
if [ -e /dev/fuse ]; then
	M=$(mktemp -d "${TMPDIR:-/tmp}/nephos-e2e-mount.XXXXXX")
	at_end 'fusermount3 -uz "$M"; rmdir "$M"'
	check "nephos mount finds the credentials that nephos login stored" "$N" mount "$M"
	check_eq "the mount shows a file that nephos put stored" changed "$(cat "$M/a/b/small")"
	check "a program writes a file on the mount" sh -c 'echo written >"$1/w"' - "$M"
	check_eq "nephos get returns the file that was written on the mount" written "$("$N" get w -)"
	check_eq "nephos status --json lists the mount" \
		"$M" "$("$N" status --json | json '[m["directory"] for m in v["mounts"] if m["directory"] == "'"$M"'"][0]')"
	pid=$("$N" status --json | json '[m["pid"] for m in v["mounts"] if m["directory"] == "'"$M"'"][0]')
	check "nephos status --json has the pid of a running process for the mount" kill -0 "$pid"
	exec 9<"$M/w"
	check "nephos umount exits with 1 while a file on the mount is open" ends 1 "$N" umount "$M"
	check "the mount stays mounted after the refused nephos umount" mountpoint -q "$M"
	exec 9<&-
	check "nephos umount succeeds after the file was closed" "$N" umount "$M"
	check_not "the folder is no mount point after nephos umount" mountpoint -q "$M"
	check "the mount's process has ended after nephos umount" \
		sh -c '! kill -0 "$1" 2>/dev/null || grep -q "^State:.Z" "/proc/$1/status"' - "$pid"
	check "nephos umount of a folder without a mount exits with 1" ends 1 "$N" umount "$M"
fi

# ---- logging out ----
cp "$XDG_CONFIG_HOME/nephos/credentials" kept-key
check "nephos logout succeeds after nephos login" "$N" logout
check "nephos logout removes the credentials file" test ! -e "$XDG_CONFIG_HOME/nephos/credentials"
check "nephos ls with the key of the ended login exits with 4" ends 4 "$N" ls --credentials kept-key
check "nephos logout without a login exits with 4" ends 4 "$N" logout
check "nephos user rm removes a user" "$N" user rm "$ME" --credentials "$ADMIN"
check "nephos user rm of a removed user exits with 1" ends 1 "$N" user rm "$ME" --credentials "$ADMIN"

e2e_end
