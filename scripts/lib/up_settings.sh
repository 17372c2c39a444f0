# Chooses the folder and the settings of a store; sourced by scripts/up. The flags of the first run are written down as
# settings. Flags of later runs can only change where to mount.
# shellcheck shell=bash

# Trusts the folder and its content only when nobody else could have made or changed them.
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

# A restore makes this file before anything else, and removes it when all of the store is there.
HALF_MARK=restore.unfinished

# Dies when DATA has only what a restore made before it was killed. It looks like a store, and lacks
# the last steps, without which clients of the old store would mistake it for that.
refuse_half() {
	[ ! -e "$DATA/$HALF_MARK" ] ||
		die "the restore to $DATA was killed before its end, so there is no store yet; run nephos restore again, which removes the remains and begins anew"
}

# first_user: prints whose store this is to be. A restored store has its first user already.
first_user() {
	local known=
	! own_file "$DATA/credentials" || known=$(sed -n 's/^NEPHOS_USER=//p' "$DATA/credentials")
	echo "${known:-${flag_user:-$(id -un)}}"
}

# mount_point: prints the folder that --mount names, without links. Where the drive is mounted already, this folder has
# the owner and mode of the drive's root, so only the way to it is checked.
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
		PORT=$flag_port GATEWAYS=${flag_gateways:-2} FIRST_USER=$(first_user) MOUNT=$(mount_point)
		STANDBYS=${flag_standbys:-0}
		check_setting PORT "$PORT"
		check_setting GATEWAYS "$GATEWAYS"
		check_setting FIRST_USER "$FIRST_USER"
		check_setting MOUNT "$MOUNT"
		check_setting STANDBYS "$STANDBYS"
		check_last_port
		[ "$STANDBYS" = 0 ] || [ ! -e "$DATA/postgres" ] || die "the store in $DATA was restored without standbys; start it without --standbys"
		# This comes before the settings are written: a store with ports that are taken could never start.
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
	if [ "$wanted" != "$MOUNT" ] && { [ -n "$wanted" ] || [ -n "${with_mount:-}" ]; }; then
		! is_running mount || die "it is mounted on $MOUNT; scripts/down first, then mount it elsewhere, or not at all"
		MOUNT=$wanted
		check_setting MOUNT "$MOUNT"
		write_settings "$DATA/settings"
	fi
	check_ports
}

# All ports are checked before anything starts: another process on a gateway's port would be taken for the gateway.
check_ports() {
	local n
	for ((n = 1; n <= GATEWAYS; n++)); do
		is_running "gateway-$n" || ! port_taken "$(gateway_port "$n")" ||
			die "port $(gateway_port "$n"), on which gateway-$n listens, is taken by $HOLDER${1:-; end that, and start again}"
	done
	[ "$STANDBYS" = 0 ] || check_standby_ports "$@"
}

# When the Patroni of a node runs, the node's own processes may have its ports.
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
