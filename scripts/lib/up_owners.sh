# Whose the files and processes of a store are; sourced by scripts/up. What earlier versions left is brought into order.
# shellcheck shell=bash

make_cluster_key() {
	if [ ! -s "$DATA/cluster.key" ]; then
		(umask 077 && head -c 32 /dev/urandom | od -An -v -tx1 | tr -d ' \n' >"$DATA/cluster.key.new")
		mv "$DATA/cluster.key.new" "$DATA/cluster.key"
	fi
	[ ! -L "$DATA/cluster.key" ] || die "$DATA/cluster.key is a link; put the key itself there"
	[ "$EUID" != 0 ] || chown "$(user_of docs-1)": "$DATA/cluster.key"
}

# runs_as_it_should PART: by its user, and PostgreSQL by our rules.
runs_as_it_should() {
	local pid uid
	pid=$(pid_of "$1")
	uid=$(sed -n 's/^Uid:[[:space:]]*\([0-9]*\).*/\1/p' "/proc/$pid/status")
	[ "$uid" = "$(id -u "$(user_of "$1")")" ] || return 1
	[ "$1" != postgres ] || tr '\0' '\n' <"/proc/$pid/cmdline" | grep -q '^hba_file='
}

# What an earlier version started, as root and trusting, ends; a mount waits for what comes in its place.
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

# By root: each part's files are its own, the rest is root's. Blocks that root's services of an earlier version wrote
# are handed over; the folder itself comes last, so that it is all done again when it was not done to the end.
hand_over() {
	local nephos
	# For sockets between the parts: only their user may enter. It lies in a folder of ours, in which they could
	# make none.
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
