# Where a store lies and how it is set up, as scripts/up is told or remembers; sourced by it. The first run decides: its
# flags are written down, and those of later runs can only say where to mount.
# shellcheck shell=bash

# The folder, and what lies in it, are believed only when nobody else could have made or changed them.
open_data() {
	umask 022
	own_path "${data:-$ROOT/var}"
	DATA=$OWN_PATH
	mkdir -p "$DATA/run" "$DATA/log" "$DATA/blocks"
	own_path "$DATA"
	[ "$OWN_PATH" = "$DATA" ] || die "somebody else has just changed a folder above $DATA: choose another place (--data)"
	check_folder "$DATA/run" last
	check_folder "$DATA/log" last
	own_path "$DATA/blocks" "$(user_of docs-1)"
	BLOCKS=$OWN_PATH
}

# mount_point: where --mount says, without links. Where it is mounted already, the folder looks as the drive's root
# does; only the way to it counts.
mount_point() {
	local there
	[ -n "$flag_mount" ] || return 0
	own_path "$(dirname -- "$flag_mount")" "" above
	there=${OWN_PATH%/}/$(basename -- "$flag_mount")
	if [ "$there" != "${MOUNT:-}" ] || ! is_running mount; then
		own_path "$flag_mount"
		there=$OWN_PATH
	fi
	echo "$there"
}

choose_settings() {
	local wanted
	if [ ! -s "$DATA/settings" ]; then
		PORT=$flag_port GATEWAYS=${flag_gateways:-2} FIRST_USER=${flag_user:-$(id -un)} MOUNT=$(mount_point)
		STANDBYS=${flag_standbys:-0}
		check_setting PORT "$PORT"
		check_setting GATEWAYS "$GATEWAYS"
		check_setting FIRST_USER "$FIRST_USER"
		check_setting MOUNT "$MOUNT"
		check_setting STANDBYS "$STANDBYS"
		check_last_port
		[ "$STANDBYS" = 0 ] || [ ! -e "$DATA/postgres" ] || die "the store in $DATA was restored without standbys; start it without --standbys"
		# Before they are remembered: with ports that cannot be had, the store would never come up.
		check_ports "; --port N makes a store with others"
		write_settings "$DATA/settings"
	fi
	read_settings "$DATA/settings"
	[ -z "$flag_port" ] || [ "$flag_port" = "$PORT" ] ||
		say "--port $flag_port is ignored: this store was made with ${PORT:-the default ports}"
	[ -z "$flag_gateways" ] || [ "$flag_gateways" = "$GATEWAYS" ] ||
		say "--gateways $flag_gateways is ignored: this store was made with $GATEWAYS"
	[ -z "$flag_user" ] || [ "$flag_user" = "$FIRST_USER" ] ||
		say "--user $flag_user is ignored: this store was made for $FIRST_USER"
	[ -z "$flag_standbys" ] || [ "$flag_standbys" = "$STANDBYS" ] ||
		say "--standbys $flag_standbys is ignored: this store was made with $STANDBYS"
	wanted=$(mount_point)
	if [ -n "$wanted" ] && [ "$wanted" != "$MOUNT" ]; then
		! is_running mount || die "it is mounted on $MOUNT; scripts/down first, then mount it elsewhere"
		MOUNT=$wanted
		check_setting MOUNT "$MOUNT"
		write_settings "$DATA/settings"
	fi
	check_ports
}

# All of them, before anything is started: whoever has the port of a gateway would be taken for it.
check_ports() {
	local n
	for ((n = 1; n <= GATEWAYS; n++)); do
		is_running "gateway-$n" || ! port_taken "$(gateway_port "$n")" ||
			die "port $(gateway_port "$n"), on which gateway-$n listens, is taken by $HOLDER${1:-; end that, and start again}"
	done
	[ "$STANDBYS" = 0 ] || check_standby_ports "$@"
}

# Those of a node whose Patroni runs may be taken by what that has started.
check_standby_ports() {
	local n kind port
	for n in 1 2 3; do
		for kind in postgres patroni etcd peer; do
			case $kind in etcd | peer) ! is_running "etcd-$n" || continue ;; *) ! is_running "patroni-$n" || continue ;; esac
			port=$(standby_port "$kind" "$n")
			{ [ "$kind" = postgres ] && is_running "postgres-$n"; } || ! port_taken "$port" ||
				die "port $port, on which node $n of the database listens ($kind), is taken by $HOLDER${1:-; end that, and start again}"
		done
	done
}
