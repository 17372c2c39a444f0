#!/usr/bin/env bash
# Goal: two mounts and curl work on the same documents and lose, double, tear and suppress nothing, and show nothing
# outdated. This also holds while every process is stopped and killed: PostgreSQL, services, gateways and the mounts
# themselves.
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
at_end 'grep -qs " $B fuse" /proc/mounts && { clean "$NEPHOS" umount "$B" || umount -l "$B"; }'
gateways=$(curl -s "$URL/status" | jq -r '[.gateways[]?] | join(",")')
gateways=${gateways:-$URL}
LIB=$E2E_ROOT/tests/lib

# B gets a distance of that many milliseconds to the store: a proxy holds back each byte for as long, in either
# direction. The proxies also replace the gateways' addresses, so that B learns of no direct way.
FAR_PORT=$((${URL##*:} + 60))
far_away() {
	local ms=$1 far="" names=() gateway port=$FAR_PORT
	for gateway in ${gateways//,/ }; do
		names+=("${gateway##*:}=$port")
		far+="${far:+,}http://127.0.0.1:$port"
		port=$((port + 1))
	done
	for gateway in "${names[@]}"; do
		rm -f "$WORK/proxy.out" # the proxy before wrote the same word
		python3 "$LIB/delay_proxy.py" "${gateway#*=}" "${gateway%=*}" "$ms" \
			"${names[@]}" >"$WORK/proxy.out" 2>>"$WORK/proxy.err" &
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
	[ ${#proxies[@]} = 0 ] || wait "${proxies[@]}" 2>/dev/null # the signal ends them, which the shell would print
	proxies=()
}
mount_b() {
	printf '#!/bin/sh\nexec env -u NEPHOS_BUILD_DIR "%s" mount -o "credentials=%s,pidfile=%s,log=%s" "%s" "%s"\n' \
		"$NEPHOS" "$E2E_DATA/credentials" "$WORK/b.pid" "$WORK/b.log" "$1" "$B" >"$WORK/mount-b"
	chmod +x "$WORK/mount-b"
	clean "$WORK/mount-b"
}

# In each round some processes are killed and restarted, or stopped for some seconds. In the long form both happen to
# each process, and to each pair of a kind. No outage is as long as a call on a mount waits.
if [ -n "${E2E_LONG:-}" ]; then
	printf '%s\n' >"$WORK/rounds" "kill docs-1" "stop 4 gateway-1" "kill mount-b" "stop 2 postgres" "kill user-1" "stop 1.5 mount-b" "kill gateway-1" \
		"stop 4 docs-1" "kill postgres" "stop 4 user-1" "kill mount-a" "stop 4 gateway-2" "kill docs-2" "stop 1.5 mount-a" "kill user-2" "stop 4 docs-2" \
		"kill gateway-2" "stop 4 user-2" "kill mount-b docs-1" "stop 4 docs-1 docs-2" "kill mount-a postgres" "stop 4 gateway-1 gateway-2" \
		"kill mount-a mount-b" "kill user-1 user-2" "kill gateway-1 gateway-2" "kill docs-1 docs-2" \
			"stop 2 postgres mount-a mount-b"
else
	printf '%s\n' >"$WORK/rounds" "kill mount-b docs-1" "stop 1.5 postgres mount-a" "kill postgres user-2" \
		"kill mount-a gateway-1"
fi
cat >"$WORK/disturb" <<'DISTURB'
#!/usr/bin/env bash
exec 3<&0 </dev/null
# Prints first the process that gets the signal, and then the processes that are stopped with it; those end by
# themselves when the first is killed.
pids_of() {
	case $1 in
	mount-a) cat "$E2E_DATA/run/mount.pid" ;;
	mount-b) cat "$WORK/b.pid" ;;
	postgres) cat "$E2E_DATA/run/postgres.pid" && pgrep -P "$(cat "$E2E_DATA/run/postgres.pid")" ;;
	*) cat "$E2E_DATA/run/$1.pid" ;;
	esac
}
# Waits up to ten seconds. A zombie counts as ended, too.
ended() {
	local tries
	for ((tries = 0; tries < 200; tries++)); do
		[ -d "/proc/$1" ] && ! grep -q '^State:.Z' "/proc/$1/status" 2>/dev/null || return 0
		sleep 0.05
	done
	return 1
}
killed() {
	local part sides="" pid pids=()
	for part in "$@"; do
		case $part in mount-*) sides+=" ${part#mount-}" && echo "kills $(tr ab AB <<<"${part#mount-}")" && read -r _ <&3 ;; esac
		pid=$(pids_of "$part" | head -n 1)
		kill -KILL "$pid" || return 1
		pids+=("$pid")
	done
	for pid in "${pids[@]}"; do ended "$pid" || return 1; done
	"$UP" --data "$E2E_DATA" >&2 || return 1
	case $sides in *a*) echo "back A" ;; esac
	case $sides in *b*) umount -l "$B" && "$WORK/mount-b" >&2 && echo "back B" ;; esac
}
stopped() {
	local seconds=$1 part pids=()
	shift
	for part in "$@"; do mapfile -t -O ${#pids[@]} pids < <(pids_of "$part"); done
	kill -STOP "${pids[@]}"
	sleep "$seconds"
	kill -CONT "${pids[@]}"
}
read -ra words <<<"$(sed -n "$(($1 % $(wc -l <"$WORK/rounds") + 1))p" "$WORK/rounds")"
sleep 0.3
case ${words[0]} in
kill) killed "${words[@]:1}" ;;
stop) stopped "${words[@]:1}" ;;
esac 2>"$WORK/said" || { echo "${words[*]}"; cat "$WORK/said"; exit 1; }
DISTURB
chmod +x "$WORK/disturb"
export WORK B UP=$E2E_ROOT/scripts/up E2E_DATA

# Prints the parts of the store, and their processes, that a change passes on its way to a mount.
parts() {
	local part
	for part in docs-1 docs-2 gateway-1 gateway-2; do echo "$part=$(cat "$E2E_DATA/run/$part.pid")"; done
	pgrep -P "$(cat "$E2E_DATA/run/postgres.pid")" | sed 's/^/postgres=/'
	echo "A=$(cat "$E2E_DATA/run/mount.pid") B=$(cat "$WORK/b.pid")"
	for part in "${proxies[@]}"; do echo "way=$part"; done
}

# work SENTENCE SECONDS [DISTURB ROUNDS]
round=0
work() {
	local sentence=$1
	shift
	round=$((round + 1))
	mkdir -p "$A/87/$round"
	CHECKER_PARTS="$(parts)" CHECKER_FOLDER=87/$round \
		check "$sentence" \
			timeout $(($1 + 300)) python3 "$LIB/checker.py" "$A/87/$round" "$B/87/$round" "$gateways" \
				"$TOKEN" "$@"
	sed 's/^/# /' "$WORK/check.out"
}

# The long form has every distance, calm and disturbed. The short form is calm at no distance, and disturbed at 15
# ms. Each disturbed case runs all its rounds, however long they take.
cases=("0 3 0" "15 0 6")
[ -z "${E2E_LONG:-}" ] || cases=("0 60 300" "15 60 150" "30 60 150")
rounds=$(wc -l <"$WORK/rounds")
for case in "${cases[@]}"; do
	read -r ms calm disturbed <<<"$case"
	if [ "$ms" = 0 ]; then
		check "the drive is mounted a second time" mount_b "$gateways"
	else
		check "the drive is mounted a second time, $ms ms away from the store" far_away "$ms"
	fi
	[ "$calm" = 0 ] ||
		work "two mounts and curl lose, double or tear nothing and see nothing old ($ms ms away, $calm s)" "$calm"
	[ "$disturbed" = 0 ] ||
		work "two mounts and curl lose, double or tear nothing in $rounds kills and stops ($ms ms away)" \
			"$disturbed" "$WORK/disturb" "$rounds"
	[ "$ms" = 0 ] || check "the second mount is still connected through the delaying proxies" is_far
	[ "$case" = "${cases[-1]}" ] || check "the second mount is unmounted, $ms ms away from the store" near_again
done
mkdir "$WORK/elsewhere"
mkdir -p "$A/87/planted"
CHECKER_FOLDER=87/planted check_not "checker.py reports two folders that are not the same drive" \
	timeout 60 python3 "$LIB/checker.py" "$A/87/planted" "$WORK/elsewhere" "$gateways" "$TOKEN" 1
e2e_end
