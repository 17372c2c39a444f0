# Functions that scripts/up, scripts/down and the tests share; sourced by bash. Sets ROOT. Callers set DATA (with
# own_path) before they use the functions about a store.
# shellcheck shell=bash

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
GATEWAYS_MAX=16 # the most that check_setting accepts
BUILD=$(realpath -m "${NEPHOS_BUILD_DIR:-$ROOT/build/release}")
# shellcheck source=scripts/lib/trust.sh
. "$ROOT/scripts/lib/trust.sh"

die() {
	echo "$(basename "$0"): $*" >&2
	exit 1
}

# The parts of a store in the order in which they start.
service_parts() {
	echo user-1 user-2 docs-1 docs-2
}

gateway_parts() {
	local n
	for ((n = 1; n <= GATEWAYS; n++)); do echo "gateway-$n"; done
}

# The parts of a database with standbys that scripts/up starts. The PostgreSQL servers that Patroni starts have pid
# files, too (database_parts).
standby_parts() { [ "$STANDBYS" = 0 ] || echo etcd-1 etcd-2 etcd-3 patroni-1 patroni-2 patroni-3; }
database_parts() { if [ "$STANDBYS" = 0 ]; then echo postgres; else echo postgres-1 postgres-2 postgres-3; fi; }

# standby_port KIND N: the port of node N's postgres, patroni or etcd, or of its etcd for other members (peer). With
# --port P these ports follow those of the gateways.
standby_port() {
	local base=9120
	[ -z "${PORT:-}" ] || base=$((PORT + GATEWAYS_MAX))
	case $1 in
	postgres) ;;
	patroni) base=$((base + 3)) ;;
	etcd) base=$((base + 6)) ;;
	peer) base=$((base + 9)) ;;
	esac
	echo $((base + $2 - 1))
}
standby_url() { echo "127.0.0.1:$(standby_port "$1" "$2")"; }

# gateway_port N: 8050, 9090, 9091 …; with --port P: P, P+1 …
gateway_port() {
	if [ -n "${PORT:-}" ]; then
		echo $((PORT + $1 - 1))
	elif [ "$1" = 1 ]; then
		echo 8050
	else
		echo $((9090 + $1 - 2))
	fi
}

gateway_urls() {
	local n urls=
	for ((n = 1; n <= GATEWAYS; n++)); do urls+="${urls:+,}http://127.0.0.1:$(gateway_port "$n")"; done
	echo "$urls"
}

# gateway_socket N: where gateway N listens for services: in a folder that only their user may enter.
gateway_socket() { echo "unix:$DATA/run/internal/gateway-$1.sock"; }

gateway_sockets() {
	local n sockets=
	for ((n = 1; n <= GATEWAYS; n++)); do sockets+="${sockets:+,}$(gateway_socket "$n")"; done
	echo "$sockets"
}

# program_of PART: the file name of the program that is this part.
program_of() {
	case $1 in
	user-*) echo nephos-user ;;
	docs-*) echo nephos-docs ;;
	gateway-*) echo nephos-gateway ;;
	mount) echo nephos ;;
	postgres | postgres-*) echo postgres ;;
	patroni-*) echo python3 ;;
	etcd-*) echo etcd ;;
	esac
}

# user_of PART: the user that runs the part. When root starts a store, its parts run as other users, except the mount,
# which acts for all users. Otherwise the caller runs all parts.
user_of() {
	if [ "$EUID" != 0 ]; then
		id -un
	else
		case $1 in
		postgres | postgres-* | patroni-* | etcd-*) echo postgres ;;
		mount) echo root ;;
		*) echo nephos ;;
		esac
	fi
}

# wait_until SECONDS COMMAND…: polls every 50 ms. The clock counts, not the number of tries: a command that asks a
# process that hangs may itself take seconds.
wait_until() {
	local end=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ "$SECONDS" -le "$end" ] || return 1
		sleep 0.05
	done
}

pg_bin() {
	local dir
	dir=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1)
	[ -n "$dir" ] || die "no PostgreSQL in /usr/lib/postgresql"
	echo "$dir"
}

# socket_dir [-N]: prints the folder of PostgreSQL's socket, or of node N's. The path of a socket has at most 107 bytes,
# so a long DATA gets a private folder under /tmp, whose name is recorded in DATA. When that folder is gone, it is not
# made again under the same name, because other users may know that name by now.
socket_dir() {
	local dir=$DATA/run/postgres${1:-} recorded
	if [ ${#dir} -le 90 ]; then
		echo "$dir"
		return
	fi
	recorded=$(own_line "$DATA/run/socket-dir${1:-}") || exit
	if [[ $recorded =~ ^/tmp/nephos\.[A-Za-z0-9]+$ ]] && [ -d "$recorded" ] && [ ! -L "$recorded" ] &&
		is_ours "$(stat -c %u "$recorded")" "$(user_of postgres)"; then
		echo "$recorded"
	else
		(umask 077 && mktemp -d /tmp/nephos.XXXXXX) | tee "$DATA/run/socket-dir${1:-}"
	fi
}

# Prints the folders of all sockets, one per line.
socket_dirs() { if [ "$STANDBYS" = 0 ]; then socket_dir; else socket_dir -1; socket_dir -2; socket_dir -3; fi; }

# conninfo DATABASE [ROLE]: prints a connection string. With standbys it leads to the server that takes changes.
conninfo() {
	local sockets more=
	sockets=$(socket_dirs | paste -sd,)
	case $sockets in
	*[!A-Za-z0-9/._,-]*)
		sockets=${sockets//\\/\\\\}
		sockets="'${sockets//\'/\\\'}'"
		;;
	esac
	[ "$STANDBYS" = 0 ] || more=" target_session_attrs=read-write connect_timeout=2"
	echo "host=$sockets port=5432 user=${2:-nephos} dbname=$1$more"
}

# stop_part PART SIGNAL SECONDS
stop_part() {
	local part=$1 signal=$2 seconds=$3 pid start
	if is_running "$part"; then
		pid=$(pid_of "$part")
		start=$(start_of "$pid")
		kill "-$signal" "$pid"
		wait_until "$seconds" process_gone "$pid" "$start" || return 1
	fi
	forget "$part"
}
