# Decides which folders, files and processes up and down trust; sourced by store.sh. When root runs them, anybody who
# could write to the store's folder, exchange a folder above it, or choose the pid of one of its processes, would become
# root. So a folder is trusted only when nobody but the caller and root can change it or the way to it. A file is
# trusted only when it lies in such a folder, is a plain file, and has the same owners. A process is trusted only when
# this store started it.
# shellcheck shell=bash

LINKS_MAX=40 # the most links on the way to a folder, the same as in the kernel

# is_ours UID [USER]: succeeds if UID is root, the caller, or USER.
is_ours() {
	[ "$1" = 0 ] || [ "$1" = "$EUID" ] || { [ -n "${2:-}" ] && [ "$1" = "$(id -u "$2" 2>/dev/null)" ]; }
}

name_of() { getent passwd "$1" | cut -d: -f1 | grep . || echo "uid $1"; }

# check_owned WHAT PATH [USER]: dies unless this folder, file or link belongs to the caller, root or USER.
check_owned() {
	local uid
	uid=$(stat -c %u -- "$2") || die "$2 cannot be looked at"
	is_ours "$uid" "${3:-}" ||
		die "the $1 $2 belongs to $(name_of "$uid"), who could change what is found there; choose a folder to which all the way is yours or root's (--data, --mount)"
}

# check_folder PATH last|above [USER]: dies unless PATH is a folder of the caller, root or USER that nobody else can
# write to. With "above" it may also be writable when it is sticky, as /tmp is: others cannot exchange our files in it.
check_folder() {
	local mode
	[ -d "$1" ] || die "$1 is no folder; choose another one"
	check_owned folder "$1" "${3:-}"
	mode=0$(stat -c %a -- "$1") || die "$1 cannot be looked at"
	[ $((mode & 022)) = 0 ] && return 0
	[ "$2" = above ] && [ $((mode & 01000)) != 0 ] ||
		die "others than its owner can write to the folder $1 (mode ${mode#0}); chmod go-w it, or choose another one"
}

# own_path PATH [USER [above]]: checks each folder on the way to PATH, then sets OWN_PATH to PATH without links. The
# last folder may belong to USER; with "above" it may also be sticky, which is enough for a folder in which only our own
# entries count. A folder that does not exist yet cannot be checked: after it is made, the caller checks again.
own_path() {
	local left=$1 at=/ next name target links=0
	case $1 in *[[:cntrl:]]*) die "a path with control characters is not taken: $(printf %q "$1")" ;; '') die "an empty path" ;; esac
	case $left in /*) ;; *) left=$(pwd -P)/$left ;; esac
	while [ -n "$left" ]; do
		name=${left%%/*}
		left=${left#"$name"}
		left=${left#/}
		case $name in '' | .) continue ;; ..) at=$(dirname "$at"); continue ;; esac
		[ ! -d "$at" ] || check_folder "$at" above
		next=${at%/}/$name
		if [ -L "$next" ]; then
			check_owned link "$next"
			links=$((links + 1))
			[ "$links" -le "$LINKS_MAX" ] || die "too many links on the way to $1"
			target=$(readlink -- "$next") || die "the link $next cannot be read"
			case $target in *[[:cntrl:]]*) die "the link $next leads to a path with control characters" ;; /*) at=/ ;; esac
			left=$target${left:+/$left}
		elif [ -e "$next" ] && [ ! -d "$next" ]; then
			die "$next is no folder; choose another one"
		else
			at=$next
		fi
	done
	[ ! -d "$at" ] || check_folder "$at" "${3:-last}" "${2:-}"
	OWN_PATH=$at
}

# own_file PATH [USER]: succeeds if the file exists and can be trusted; dies if it exists and cannot.
own_file() {
	local mode
	[ -e "$1" ] || [ -L "$1" ] || return 1
	[ -f "$1" ] && [ ! -L "$1" ] || die "$1 is no plain file; remove it"
	check_owned file "$1" "${2:-}"
	mode=0$(stat -c %a -- "$1")
	[ $((mode & 022)) = 0 ] ||
		die "others than its owner can write to $1 (mode ${mode#0}); chmod go-w it when you know who wrote it"
}

# ---- settings ----

# check_setting KEY VALUE: dies unless VALUE is valid for KEY.
check_setting() {
	case $1 in
	PORT) [[ $2 =~ ^([1-9][0-9]{0,4})?$ ]] && [ "${2:-0}" -le 65535 ] || die "gateways listen on a port from 1 to 65535, not on '$2'" ;;
	STANDBYS) [[ $2 =~ ^[02]$ ]] || die "there are no standbys, or 2 of them, not '$2'" ;;
	GATEWAYS) [[ $2 =~ ^([1-9]|1[0-6])$ ]] || die "there are 1 to 16 gateways, not '$2'" ;;
	FIRST_USER) case $2 in '' | -* | *[[:cntrl:]]*) die "'$2' is no user's name" ;; esac ;;
	MOUNT) case $2 in *[[:cntrl:]]*) die "a path with control characters is not taken for the mount" ;; '' | /*) ;; *) die "the mount's path is absolute, not '$2'" ;; esac ;;
	*) die "there is no setting '$1'" ;;
	esac
}

check_last_port() {
	[ -n "$PORT" ] || return 0
	[ $((PORT + GATEWAYS - 1)) -le 65535 ] ||
		die "$GATEWAYS gateways from port $PORT on go beyond port 65535; take a lower one"
	[ "$STANDBYS" = 0 ] || [ "$(standby_port peer 3)" -le 65535 ] ||
		die "the ports of the standbys, behind those of the gateways from $PORT on, go beyond port 65535; take a lower one"
}

# plain_value TEXT: undoes the quoting of bash's printf %q, with which earlier versions wrote values, and sets PLAIN.
# Refuses text that printf %q never writes.
plain_value() {
	local rest=$1 odd=$'[ \t\'"`$;&|<>()]'
	case $1 in
	"''") PLAIN= ;;
	"\$'"*"'")
		rest=${rest#??}
		rest=${rest%?}
		case ${rest//\\?/} in *\'*) return 1 ;; esac
		printf -v PLAIN %b "${rest//\\\'/\'}"
		;;
	*)
		! [[ ${rest//\\?/} =~ $odd ]] || return 1
		PLAIN=
		while [ -n "$rest" ]; do
			case $rest in \\?*) rest=${rest#?} ;; esac
			PLAIN+=${rest:0:1}
			rest=${rest:1}
		done
		;;
	esac
}

# read_settings FILE: sets PORT, GATEWAYS, FIRST_USER, MOUNT, and STANDBYS, which earlier versions did not write. The
# lines are KEY=value. When FORMAT=2 stands above them, values are not quoted.
read_settings() {
	local line key value seen=' ' format=1
	STANDBYS=0
	own_file "$1" || die "there is no $1"
	while IFS= read -r line || [ -n "$line" ]; do
		key=${line%%=*} value=${line#*=}
		case $line in
		FORMAT=2) format=2; continue ;;
		PORT=* | GATEWAYS=* | FIRST_USER=* | MOUNT=* | STANDBYS=*) ;;
		*) die "$1 has a line that is no setting: $(printf %q "$line")" ;;
		esac
		case $seen in *" $key "*) die "$1 says $key twice" ;; esac
		seen+="$key "
		if [ "$format" = 1 ]; then
			plain_value "$value" || die "$1 has a value that nephos did not write: $(printf %q "$line")"
			value=$PLAIN
		fi
		(check_setting "$key" "$value") || die "$1 cannot be used: mend that line"
		printf -v "$key" %s "$value"
	done <"$1"
	for key in PORT GATEWAYS FIRST_USER MOUNT; do
		case $seen in *" $key "*) ;; *) die "$1 does not say $key: its line $key=… is missing" ;; esac
	done
	check_last_port
}

write_settings() { # write_settings FILE
	printf '%s=%s\n' FORMAT 2 PORT "$PORT" GATEWAYS "$GATEWAYS" FIRST_USER "$FIRST_USER" MOUNT "$MOUNT" STANDBYS "$STANDBYS" >"$1.new"
	mv -f "$1.new" "$1"
}

# ---- processes ----

# own_line FILE [USER]: prints the first line of a small file that belongs to us or USER, or nothing.
own_line() {
	local line=
	! own_file "$1" "${2:-}" || IFS= read -r line <"$1" || :
	printf %s "$line"
}

# pid_of PART: prints the recorded pid if it is a number. The PostgreSQL of a node writes its own pid file, because
# Patroni starts it. Callers check with is_part what that process is before they use the number.
pid_of() {
	local pid user=
	case $1 in postgres-*) user=$(user_of "$1") ;; esac
	pid=$(own_line "$DATA/run/$1.pid" "$user") || exit
	if [[ $pid =~ ^[1-9][0-9]{0,9}$ ]]; then echo "$pid"; fi
}

# start_of PID: prints when the process was started, in ticks since the machine was started: field 22 of its stat file.
# The second field is its name, which may contain any characters.
start_of() {
	local stat fields
	stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
	read -r -a fields <<<"${stat##*) }"
	echo "${fields[19]}"
}

# record PART PID: records that this process is that part of the store. NAME.start has its pid and its start; other
# programs read NAME.pid.
record() {
	echo "$2 $(start_of "$2" || :)" >"$DATA/run/$1.start"
	[ "$(pid_of "$1")" = "$2" ] || echo "$2" >"$DATA/run/$1.pid"
}

# The pid file of a part that writes it itself stays, because the file belongs to that part.
forget() {
	case $1 in postgres-*) return 0 ;; esac
	rm -f "$DATA/run/$1.pid" "$DATA/run/$1.start"
}

# is_running PART: succeeds if the recorded process lives and this store started it: it runs the part's program, as the
# part's user or the caller, for this DATA, and it has the recorded start. The pid alone may belong to any process by
# now. Earlier versions recorded no start, and neither does a part that writes NAME.pid itself.
is_running() {
	local pid recorded
	pid=$(pid_of "$1") || exit
	[ -n "$pid" ] && [ -d "/proc/$pid" ] || return 1
	recorded=$(own_line "$DATA/run/$1.start") || exit
	[ "${recorded%% *}" != "$pid" ] || [ "${recorded#* }" = "$(start_of "$pid")" ] || return 1
	is_part "$1" "$pid"
}

# is_part PART PID: checks program, user and DATA of the process.
is_part() {
	local exe uid words word
	! is_zombie "$2" || return 1
	exe=$(readlink "/proc/$2/exe" 2>/dev/null) || return 1
	exe=${exe% (deleted)}
	mapfile -t -d '' words 2>/dev/null <"/proc/$2/cmdline" || return 1
	# The program's file may have been renamed when a new version was installed. The command line still has the old
	# name.
	[ "${exe##*/}" = "$(program_of "$1")" ] || [ "$(basename -- "${words[0]:-}")" = "$(program_of "$1")" ] || return 1
	uid=$(sed -n 's/^Uid:[[:space:]]*[0-9]*[[:space:]]*\([0-9]*\).*/\1/p' "/proc/$2/status" 2>/dev/null)
	[ -n "$uid" ] && { [ "$uid" = "$EUID" ] || [ "$uid" = "$(id -u "$(user_of "$1")" 2>/dev/null)" ]; } || return 1
	for word in "${words[@]}"; do
		case $word in "$DATA"/* | *"=$DATA/"*) return 0 ;; esac
	done
	return 1
}

is_zombie() {
	[ "$(sed -n 's/^State:[[:space:]]*\(.\).*/\1/p' "/proc/$1/status" 2>/dev/null)" = Z ]
}

# process_gone PID [START]
process_gone() {
	[ -n "$1" ] && [ -d "/proc/$1" ] && ! is_zombie "$1" || return 0
	[ -n "${2:-}" ] && [ "$2" != "$(start_of "$1")" ]
}

# ---- ports ----

# listener TABLE PORT: prints uid and inode of a socket that listens on the port and would keep a gateway off 127.0.0.1.
listener() {
	awk -v port="$(printf '%04X' "$2")" '
		$4 == "0A" && split($2, at, ":") && at[2] == port && (at[1] ~ /^0+$/ || at[1] ~ /(0100007F|7F000001)$/) { print $8, $10; exit }
	' "/proc/net/$1" 2>/dev/null || :
}

# answers PORT: succeeds if a process accepts connections there, or lets them wait.
answers() {
	local status=0
	# shellcheck disable=SC2016
	timeout 2 bash -c 'exec 3<>"/dev/tcp/127.0.0.1/$1"' - "$1" 2>/dev/null || status=$?
	[ "$status" = 0 ] || [ "$status" = 124 ]
}

# port_taken PORT: sets HOLDER to the process that listens there. It looks at the kernel's table first, because a
# connection would wait where no process accepts it.
port_taken() {
	local found uid inode fd pid
	found=$(listener tcp "$1")
	if [ -z "$found" ]; then
		answers "$1" || return 1
		found=$(listener tcp6 "$1")
	fi
	HOLDER="another process"
	[ -n "$found" ] || return 0
	read -r uid inode <<<"$found"
	HOLDER="a process of $(name_of "$uid")"
	fd=$(find /proc/[0-9]*/fd -lname "socket:\[$inode\]" -print -quit 2>/dev/null) || :
	[ -n "$fd" ] || return 0
	pid=${fd#/proc/}
	pid=${pid%%/*}
	HOLDER="$(tr -cd '[:print:]' <"/proc/$pid/comm" 2>/dev/null) (pid $pid, of $(name_of "$uid"))"
}
