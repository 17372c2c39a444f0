# What up, down and the tests share; sourced by bash. Sets ROOT. Callers set DATA (absolute) before they use the functions about a store.
# shellcheck shell=bash

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
BUILD=${NEPHOS_BUILD_DIR:-$ROOT/build/release}

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

# program_of PART: the file name of the program that is this part.
program_of() {
	case $1 in
	user-*) echo nephos-user ;;
	docs-*) echo nephos-docs ;;
	gateway-*) echo nephos-gateway ;;
	mount) echo nephos ;;
	postgres) echo postgres ;;
	esac
}

pid_of() {
	cat "$DATA/run/$1.pid" 2>/dev/null || true
}

# is_running PART: its recorded process lives, and is that program (a pid may be another's by now).
is_running() {
	local pid exe
	pid=$(pid_of "$1")
	case $pid in '' | *[!0-9]*) return 1 ;; esac
	[ -d "/proc/$pid" ] || return 1
	exe=$(readlink "/proc/$pid/exe" 2>/dev/null) || exe=$(tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | cut -d' ' -f1)
	exe=${exe% (deleted)}
	[ "$(basename "$exe")" = "$(program_of "$1")" ] && ! is_zombie "$pid"
}

is_zombie() {
	[ "$(sed -n 's/^State:[[:space:]]*\(.\).*/\1/p' "/proc/$1/status" 2>/dev/null)" = Z ]
}

# wait_until SECONDS COMMAND…: polls every 50 ms.
wait_until() {
	local tries=$(($1 * 20))
	shift
	until "$@" >/dev/null 2>&1; do
		tries=$((tries - 1))
		[ "$tries" -gt 0 ] || return 1
		sleep 0.05
	done
}

pg_bin() {
	local dir
	dir=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1)
	[ -n "$dir" ] || die "no PostgreSQL in /usr/lib/postgresql"
	echo "$dir"
}

# The folder of PostgreSQL's socket. A socket's path has at most 107 bytes: a long DATA gets a private folder under /tmp, recorded in DATA.
socket_dir() {
	local dir=$DATA/run/postgres
	if [ -s "$DATA/run/socket-dir" ]; then
		cat "$DATA/run/socket-dir"
	elif [ ${#dir} -le 90 ]; then
		echo "$dir"
	else
		(umask 077 && mktemp -d /tmp/nephos.XXXXXX) | tee "$DATA/run/socket-dir"
	fi
}

# conninfo DATABASE
conninfo() {
	echo "host=$(socket_dir) port=5432 user=nephos dbname=$1"
}

# stop_part PART SIGNAL SECONDS
stop_part() {
	local part=$1 signal=$2 seconds=$3 pid
	pid=$(pid_of "$part")
	if is_running "$part"; then
		kill "-$signal" "$pid"
		wait_until "$seconds" process_gone "$pid" || return 1
	fi
	rm -f "$DATA/run/$part.pid"
}

process_gone() {
	[ ! -d "/proc/$1" ] || is_zombie "$1"
}
