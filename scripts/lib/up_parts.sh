# Starts the parts of a store and waits for them; sourced by scripts/up.
# shellcheck shell=bash

# How many parts this run has started, and which.
started=0 fresh=
# The parts get only these variables of the caller's environment. Those of sanitizers matter only to a build with them.
environment=(PATH="$PATH" HOME="${HOME:-/}" LANG=C.UTF-8)
for variable in ASAN_OPTIONS UBSAN_OPTIONS; do
	[ -z "${!variable:-}" ] || environment+=("$variable=${!variable}")
done

# become PART [DIR…]: sets BECOME to the words that run a command as the user of that part. The command can enter the
# folders DIR.
become() {
	local user
	user=$(user_of "$1")
	BECOME=()
	[ "$EUID" = 0 ] && [ "$user" != root ] || return 0
	BECOME=("$ROOT/scripts/lib/as-user")
	case $1 in gateway-*) [ "$(gateway_port 1)" -ge 1024 ] || BECOME+=(--low-port) ;; esac
	BECOME+=("$user" "${@:2}" --)
}

# failed PART REASON: prints that the part did not start, and the end of its log, and exits.
failed() {
	local part=$1
	shift
	{
		echo
		echo "up: $part did not come up: $*"
		echo "---- the end of $DATA/log/$part.log ----"
		tail -n 20 "$DATA/log/$part.log" 2>/dev/null
	} >&2
	exit 1
}

# start PART COMMAND…: runs COMMAND as the user of the part, in its own session, without the caller's NEPHOS_ variables
# and open files.
start() {
	local part=$1
	shift
	is_running "$part" && return 0
	say "starting $part"
	case $part in
	postgres) become "$part" "$DATA" "$PGDATA" "${SOCKETS[@]}" ;;
	etcd-* | patroni-*) become "$part" "$DATA" "$DATA/postgres-${part#*-}" "$DATA/etcd-${part#*-}" "${SOCKETS[@]}" "$PATRONI" ;;
	*) become "$part" "$DATA" "$BLOCKS" "${SOCKETS[@]}" "$BUILD/bin" "$BUILD/web/api" ;;
	esac
	env -i "${environment[@]}" setsid "${BECOME[@]}" "$@" </dev/null >>"$DATA/log/$part.log" 2>&1 {keep}>&- &
	record "$part" $!
	disown
	started=$((started + 1))
	fresh+=" $part"
}

# await PART SECONDS COMMAND…: waits until COMMAND succeeds; fails after SECONDS, or when the process of the part ends.
await() {
	local part=$1 end=$((SECONDS + $2))
	shift 2
	until "$@" >/dev/null 2>&1; do
		! process_gone "$(pid_of "$part")" || failed "$part" "its process has ended"
		[ "$SECONDS" -le "$end" ] || failed "$part" "it does not answer"
		sleep 0.05
	done
}
