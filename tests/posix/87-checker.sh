#!/usr/bin/env bash
# Goal: two mounts and curl at work on the same documents lose, double, tear and swallow nothing, and show nothing old, also while every process is stopped and killed.
. "$(dirname "$0")/../lib/e2e.sh"
e2e_store
A=$E2E_MOUNT
B=$WORK/b
mkdir -p "$B"
NEPHOS=${NEPHOS_BUILD_DIR:?}/bin/nephos
clean() { env -u NEPHOS_BUILD_DIR -u NEPHOS_URL -u NEPHOS_USER -u NEPHOS_TOKEN "$@"; }
proxies=()
at_end '[ ${#proxies[@]} = 0 ] || kill "${proxies[@]}"'
at_end 'rm -rf "$A/87"'
at_end 'mountpoint -q "$B" && { clean "$NEPHOS" umount "$B" || umount -l "$B"; }'
gateways=$(curl -s "$URL/status" | jq -r '[.gateways[]?] | join(",")')
gateways=${gateways:-$URL}
LIB=$E2E_ROOT/tests/lib

# B is so many milliseconds away from the store: each byte is held back for as long, in either direction. There is no shorter way that it could learn of.
FAR_PORT=$((${URL##*:} + 60))
far_away() {
	local ms=$1 far="" names=() gateway port=$FAR_PORT
	for gateway in ${gateways//,/ }; do
		names+=("${gateway##*:}=$port")
		far+="${far:+,}http://127.0.0.1:$port"
		port=$((port + 1))
	done
	for gateway in "${names[@]}"; do
		python3 "$LIB/delay_proxy.py" "${gateway#*=}" "${gateway%=*}" "$ms" "${names[@]}" >"$WORK/proxy.out" 2>>"$WORK/proxy.err" &
		proxies+=($!)
		eventually 10 grep -q ready "$WORK/proxy.out" || return 1
	done
	mount_b "$far"
}
is_far() {
	local url
	url=$(curl -s --noproxy '*' "http://127.0.0.1:$(cat "$WORK/b.port")/status" | jq -r .gateway)
	[ "${url##*:}" -ge "$FAR_PORT" ] && [ "${url##*:}" -lt $((FAR_PORT + ${#proxies[@]})) ]
}
near_again() {
	clean "$NEPHOS" umount "$B" || return 1
	[ ${#proxies[@]} = 0 ] || kill "${proxies[@]}"
	[ ${#proxies[@]} = 0 ] || wait "${proxies[@]}" 2>/dev/null # they end by the signal, which the shell would print
	proxies=()
}
mount_b() { clean "$NEPHOS" mount -o "credentials=$E2E_DATA/credentials,pidfile=$WORK/b.pid,log=$WORK/b.log" "$1" "$B"; }

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

# The long form has every distance, calm and disturbed; the short one is calm near by and disturbed 15 ms away.
cases=("0 3 0" "15 0 6")
[ -z "${E2E_LONG:-}" ] || cases=("0 60 300" "15 60 150" "30 60 150")
for case in "${cases[@]}"; do
	read -r ms calm disturbed <<<"$case"
	if [ "$ms" = 0 ]; then
		check "a second mount of the same drive" mount_b "$gateways"
	else
		check "a second mount of the same drive, $ms ms away from the store" far_away "$ms"
	fi
	[ "$calm" = 0 ] || work "$ms ms away, eight busy threads, two mounts and curl for $calm s: nothing is lost, double, torn or old" "$calm"
	[ "$disturbed" = 0 ] || work "$ms ms away, the same for $disturbed s, while processes are killed and stopped" "$disturbed" "$WORK/disturb"
	[ "$ms" = 0 ] || check "and all the while there was no shorter way" is_far
	[ "$case" = "${cases[-1]}" ] || check "and it is taken off" near_again
done
mkdir "$WORK/elsewhere"
mkdir -p "$A/87/planted"
CHECKER_FOLDER=87/planted check_not "a second folder that is not the same one is found out" \
	timeout 60 python3 "$E2E_ROOT/tests/lib/checker.py" "$A/87/planted" "$WORK/elsewhere" "$gateways" "$TOKEN" 1
e2e_end
