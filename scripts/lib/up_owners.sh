# Gives files and processes of a store their owners, also those that an earlier version left; sourced by scripts/up.
# shellcheck shell=bash

make_cluster_key() {
	if [ ! -s "$DATA/cluster.key" ]; then
		(umask 077 && head -c 32 /dev/urandom | od -An -v -tx1 | tr -d ' \n' >"$DATA/cluster.key.new")
		mv "$DATA/cluster.key.new" "$DATA/cluster.key"
	fi
	[ ! -L "$DATA/cluster.key" ] || die "$DATA/cluster.key is a link; put the key itself there"
	[ "$EUID" != 0 ] || chown "$(user_of docs-1)": "$DATA/cluster.key"
}

# runs_as_it_should PART: succeeds if the part runs as its user, and PostgreSQL with our rules of access.
runs_as_it_should() {
	local pid uid
	pid=$(pid_of "$1")
	uid=$(sed -n 's/^Uid:[[:space:]]*\([0-9]*\).*/\1/p' "/proc/$pid/status")
	[ "$uid" = "$(id -u "$(user_of "$1")")" ] || return 1
	[ "$1" != postgres ] || tr '\0' '\n' <"/proc/$pid/cmdline" | grep -q '^hba_file='
}

# Ends parts that an earlier version started as root and without rules of access. A mount waits for their successors.
end_earlier_parts() {
	local part earlier=
	for part in $(gateway_parts) $(service_parts) $(database_parts); do
		! is_running "$part" || runs_as_it_should "$part" || earlier+="${earlier:+ }$part"
	done
	[ -n "$earlier" ] || return 0
	say "ending what an earlier version started: $earlier"
	for part in $(gateway_parts) $(service_parts); do stop_part "$part" TERM 20 || stop_part "$part" KILL 5; done
	[ "$STANDBYS" != 0 ] || stop_part postgres INT 60 || failed postgres "it does not end"
}

# When root runs this, the files of each part get the owner of that part, and root owns the rest. Blocks that services
# of an earlier version wrote as root get a new owner. The folder itself gets it last, so that an interrupted change is
# repeated as a whole.
hand_over() {
	local nephos
	# The folder for the sockets between the parts, which only their user may enter. The parts could not make it
	# themselves, because the folder around it is not theirs.
	mkdir -p "$DATA/run/internal"
	chmod 700 "$DATA/run/internal"
	if [ "$EUID" != 0 ]; then
		chmod 700 "$DATA"
		return
	fi
	nephos=$(user_of docs-1)
	chown "$nephos": "$DATA/run/internal"
	chmod 711 "$DATA" "$DATA/run"
	chmod 700 "$DATA/log" "$BLOCKS"
	[ "$(stat -c %U "$BLOCKS")" = "$nephos" ] || chown -hR "$nephos": "$BLOCKS"
}
