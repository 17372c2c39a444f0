#!/usr/bin/env bash
# Goal: an administrator runs "nephos fsck" on a store that has been in use, by mounts as well. It finds nothing
# wrong, exit codes say so, and a user who is no administrator is refused.
. "$(dirname "$0")/../lib/e2e.sh"
e2e_store
N=${NEPHOS_BUILD_DIR:-$E2E_ROOT/build/dev}/bin/nephos
ADMIN=$E2E_DATA/credentials
export HOME=$WORK/home XDG_CONFIG_HOME=$WORK/config
unset NEPHOS_URL NEPHOS_USER NEPHOS_TOKEN NEPHOS_CREDENTIALS NEPHOS_PASSWORD
mkdir -p "$HOME"

ends() {
	local wanted=$1 got=0
	shift
	"$@" >"$WORK/out" 2>"$WORK/err" || got=$?
	[ "$got" = "$wanted" ] || { echo "ended with $got, not $wanted"; cat "$WORK/out" "$WORK/err"; return 1; }
}

# ---- content to check, and a writer that goes on meanwhile ----
M=$E2E_MOUNT/fsck-$$
mkdir "$M"
at_end 'rm -rf "$M"'
head -c 20000000 /dev/urandom >"$M/large"
for i in $(seq 50); do echo "$i" >"$M/f$i"; done
ln "$M/f1" "$M/f1-again"
ln -s large "$M/link"
setfattr -n user.a -v b "$M/f2" 2>/dev/null
exec 7>"$M/nameless"
rm "$M/nameless" # a document without a name is held open
head -c 300000 /dev/zero >&7
truncate -s 1G "$M/sparse"
fallocate -l 1000000 "$M/reserved" 2>/dev/null
while [ ! -e "$WORK/stop" ]; do
	for i in 1 2 3 4 5; do head -c 50000 /dev/urandom >"$M/w$i" && mv "$M/w$i" "$M/v$i"; done
	rm -f "$M"/v*
done &
writer=$!
at_end 'touch "$WORK/stop"; wait $writer'

check "nephos fsck of a store in use exits with 0" ends 0 "$N" fsck --credentials "$ADMIN"
check "nephos fsck prints the numbers of drives, rows, blocks and bytes, and that nothing is wrong" \
	grep -qE '^[0-9]+ drives, [0-9]+ rows, [0-9]+ blocks of [0-9]+ bytes: nothing is wrong$' "$WORK/out"
check "nephos fsck --last --json exits with 0" ends 0 "$N" fsck --last --json --credentials "$ADMIN"
check_eq "nephos fsck --last --json says that the check is done and found nothing" \
	"done 0" "$(jq -r '"\(.state) \(.found)"' "$WORK/out")"
check "nephos fsck --last --json counts at least the 20,000,000 bytes that were written" \
	test "$(jq .bytes "$WORK/out")" -ge 20000000
check "nephos fsck --repair of a clean store exits with 0" ends 0 "$N" fsck --repair --credentials "$ADMIN"
touch "$WORK/stop"
wait "$writer"
exec 7>&-

# ---- exit codes ----
check "nephos fsck without a key exits with 2" ends 2 env NEPHOS_URL="$URL" "$N" fsck
check "nephos fsck --json without a key exits with 2" ends 2 env NEPHOS_URL="$URL" "$N" fsck --json
check_eq "nephos fsck --json without a key prints the exit code 2" 2 "$(jq .error.exit "$WORK/err")"
check "nephos fsck --json of an address where nothing listens exits with 2" \
	ends 2 env NEPHOS_URL=http://127.0.0.1:9 NEPHOS_TOKEN=x "$N" fsck --json
check_eq "nephos fsck --json of an address where nothing listens prints the exit code 2" 2 "$(jq .error.exit "$WORK/err")"

# ---- permissions ----
name=fsck-$$
check "an administrator makes an account of an ordinary user" \
	env NEPHOS_PASSWORD=first-secret "$N" user add "$name" --credentials "$ADMIN"
at_end '"$N" user rm "$name" --credentials "$ADMIN"'
printf 'first-secret\n' >"$WORK/password"
chmod 600 "$WORK/password"
check "the ordinary user logs in with nephos login" \
	ends 0 "$N" login "$URL" --user "$name" --password-file "$WORK/password"
check "nephos fsck by an ordinary user exits with 2" ends 2 "$N" fsck
check "nephos fsck --json by an ordinary user exits with 2" ends 2 "$N" fsck --json
check_eq "nephos fsck --json by an ordinary user prints the exit code 2" 2 "$(jq .error.exit "$WORK/err")"
check "nephos fsck by an ordinary user exits with 2 once more" ends 2 "$N" fsck
check "the error for the ordinary user says that fsck is for administrators or not allowed" \
	grep -qi 'administrator\|not allowed\|forbidden' "$WORK/err"
check "nephos fsck with both --last and --repair exits with 2" ends 2 "$N" fsck --last --repair --credentials "$ADMIN"
check "nephos fsck of an address where nothing listens exits with 2" \
	ends 2 env NEPHOS_URL=http://127.0.0.1:9 NEPHOS_TOKEN=x "$N" fsck
e2e_end
