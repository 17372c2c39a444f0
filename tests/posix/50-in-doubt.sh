#!/usr/bin/env bash
# Goal: an op whose answer was lost reports its real outcome, and an op that was given up never takes effect. P is a
# mount behind a gateway that loses answers; A is another mount.
. "$(dirname "$0")/../lib/e2e.sh"
e2e_store
A=$E2E_MOUNT/50
MOUNT=$WORK/p
P=$MOUNT/50
mkdir -p "$A" "$MOUNT" "$WORK/lossy" || exit 2
NEPHOS=${NEPHOS_BUILD_DIR:?}/bin/nephos
clean() { env -u NEPHOS_BUILD_DIR -u NEPHOS_URL -u NEPHOS_USER -u NEPHOS_TOKEN "$@"; }
mode() { echo "$1" >"$WORK/lossy/mode.set" && mv "$WORK/lossy/mode.set" "$WORK/lossy/mode"; }
mode pass
python3 "$E2E_ROOT/tests/lib/lossy.py" "$WORK/lossy" "$URL" &
LOSSY=$!
at_end 'kill $LOSSY; rm -rf "$A"'
eventually 10 test -s "$WORK/lossy/port" || exit 2
at_end 'mode pass; clean "$NEPHOS" umount "$MOUNT" || umount -l "$MOUNT"'
check "the drive is mounted through a gateway that loses answers" \
	clean "$NEPHOS" mount -o "credentials=$E2E_DATA/credentials,pidfile=$WORK/p.pid,log=$WORK/p.log" \
	"http://127.0.0.1:$(cat "$WORK/lossy/port")" "$MOUNT"
in_store() { http "${AUTH[@]}" "$URL/api/v2/docs/drives/home/files/50/$1"; } # NAME: the status

# ---- the answers are lost: the op has happened, and P reports that ----
echo first >"$A/x"
check "the mount with the lossy gateway sees file x" eventually 10 test -e "$P/x"
exec 7<"$P/x"
mode drop-ops
check "unlink of x succeeds although all answers to its requests are lost" rm "$P/x"
check_eq "x is gone from the store after the unlink without answers" 404 "$(in_store x)"
mode pass
check_eq "the unlinked file x is still readable through a descriptor under the mount's new session" first "$(cat <&7)"
exec 7<&-
echo second >"$A/x"
check "the mount with the lossy gateway sees that another mount made x anew" eventually 10 test -e "$P/x"
check "unlink of the new x succeeds" rm "$P/x"
check_eq "the new x is gone from the store after its unlink" 404 "$(in_store x)"

# ---- the requests are late: they never take effect ----
echo old >"$A/y"
check "the mount with the lossy gateway sees file y" eventually 10 test -e "$P/y"
mode hold-ops
check "unlink of y succeeds although its first requests are held up" rm "$P/y"
check_eq "y is gone from the store after the repeated unlink" 404 "$(in_store y)"
echo new >"$A/y"
touch "$WORK/lossy/release"
check "the unlink requests that were held up reach the store" eventually 20 test -s "$WORK/lossy/late"
check_eq "the unlink requests that were held up get 410" 410 "$(sort -u "$WORK/lossy/late")"
check_eq "the new y is still in the store after the late requests" "200 new" "$(in_store y) $(cat "$WORK/body")"

# ---- no answer at all: the outcome is unknown, and the first thing afterwards is the end of the old session ----
if [ -n "${E2E_LONG:-}" ]; then
	echo first >"$A/z"
	check "the mount with the lossy gateway sees file z" eventually 10 test -e "$P/z"
	mode drop-all
	check_not "unlink of z fails when no request gets an answer" rm "$P/z"
	mode pass
	rm -f "$A/z" # it has happened, or was never sent: the kernel may have looked up the name first
	echo second >"$A/z"
	check "the mount with the lossy gateway sees that another mount made z anew" eventually 20 test -e "$P/z"
	check "unlink of the new z succeeds" rm "$P/z"
	check_eq "the new z is gone from the store after its unlink" 404 "$(in_store z)"
fi
e2e_end
