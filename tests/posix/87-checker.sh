#!/usr/bin/env bash
# Goal: two mounts and curl at work on the same documents lose, double, tear and swallow nothing, and show nothing old, also while every process is stopped and killed.
. "$(dirname "$0")/../lib/e2e.sh"
e2e_store
# What open with O_TRUNC and write leave is now and then seen by the other mount as so many zeros, for a moment: until that is mended, this is run by name only.
[ -n "${E2E_LONG:-}" ] || e2e_end
A=$E2E_MOUNT
B=$WORK/b
mkdir -p "$B"
NEPHOS=${NEPHOS_BUILD_DIR:?}/bin/nephos
clean() { env -u NEPHOS_BUILD_DIR -u NEPHOS_URL -u NEPHOS_USER -u NEPHOS_TOKEN "$@"; }
at_end 'rm -rf "$A/87"'
at_end 'clean "$NEPHOS" umount "$B" || umount -l "$B"'
gateways=$(curl -s "$URL/status" | jq -r '[.gateways[]?] | join(",")')
gateways=${gateways:-$URL}
mount_b() { clean "$NEPHOS" mount -o "credentials=$E2E_DATA/credentials,pidfile=$WORK/b.pid,log=$WORK/b.log" "$1" "$B"; }
check "a second mount of the same drive" mount_b "$gateways"

# One process after the other is stopped for a while, or killed and started again. Both mounts are only stopped: who is killed takes with him what was not synced.
cat >"$WORK/disturb" <<'DISTURB'
#!/usr/bin/env bash
names=(docs-1 gateway-1 mount-b docs-2 gateway-2 mount-a user-1)
name=${names[$1 % ${#names[@]}]}
case $name in
mount-a) pid=$(cat "$E2E_DATA/run/mount.pid") ;;
mount-b) pid=$(cat "$B_PID") ;;
*) pid=$(cat "$E2E_DATA/run/$name.pid") ;;
esac
sleep 0.3
case $name in
mount-*) kill -STOP "$pid"; sleep 1.5; kill -CONT "$pid" ;;
*)
	if [ $(($1 / ${#names[@]} % 2)) = 0 ]; then
		kill -KILL "$pid"
		sleep 0.5
		"$UP" --data "$E2E_DATA" >/dev/null 2>&1 </dev/null
	else
		kill -STOP "$pid"; sleep 4; kill -CONT "$pid"
	fi
	;;
esac
DISTURB
chmod +x "$WORK/disturb"
export B_PID=$WORK/b.pid UP=$E2E_ROOT/scripts/up E2E_DATA

# work SENTENCE SECONDS [DISTURB]
round=0
work() {
	local sentence=$1
	shift
	round=$((round + 1))
	mkdir -p "$A/87/$round"
	CHECKER_FOLDER=87/$round check "$sentence" timeout $(($1 + 150)) python3 "$E2E_ROOT/tests/lib/checker.py" "$A/87/$round" "$B/87/$round" "$gateways" "$TOKEN" "$@"
	sed 's/^/# /' "$WORK/check.out"
}

calm=6 disturbed=12
[ -z "${E2E_LONG:-}" ] || calm=60 disturbed=600
work "eight busy threads, two mounts and curl for $calm s: nothing is lost, double, torn or old" "$calm"
work "the same for $disturbed s, while processes are killed and stopped" "$disturbed" "$WORK/disturb"
mkdir "$WORK/elsewhere"
mkdir -p "$A/87/planted"
CHECKER_FOLDER=87/planted check_not "a second folder that is not the same one is found out" \
	timeout 60 python3 "$E2E_ROOT/tests/lib/checker.py" "$A/87/planted" "$WORK/elsewhere" "$gateways" "$TOKEN" 1
e2e_end
