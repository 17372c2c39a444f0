#!/usr/bin/env bash
# Goal: the log of all PostgreSQL servers of a store, one or three, fits into half of the space that blocks leave free
# on the disk: what is written between two checkpoints, and with standbys what each node keeps in any case. The log for
# a node that is away has a limit of its own, and no space is reserved for it. Usage: check_log_size.sh
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=scripts/lib/patroni/node.sh
. scripts/lib/patroni/node.sh
bad=0
is() { # is WHAT WANTED GOT
	[ "$2" = "$3" ] || { echo "$1: wanted $2, got $3"; bad=1; }
}
df() { printf '1M-blocks\n%sM\n' "$SIZE"; }
# Columns: megabytes of a disk, of the log of one server, of the log of each of three servers.
while read -r SIZE one three; do
	is "the log of one server on a disk of $SIZE MB" "$one" "$(log_megabytes /)"
	is "the log of each of three servers on a disk of $SIZE MB" "$three" "$(log_megabytes / 3)"
	# On smaller disks, the smallest log that PostgreSQL accepts is larger than that.
	[ "$SIZE" -lt 1536 ] || is "the log of one server fits on a disk of $SIZE MB" 1 "$((one * 16 <= SIZE && one <= 1024))"
	all=$((3 * (three + $(rewound_megabytes /))))
	[ "$SIZE" -lt 4608 ] || is "the logs of three servers fit on a disk of $SIZE MB" \
		1 "$((all * 16 <= SIZE && all <= STANDBYS_RESERVE / 2 >> 20))"
done <<-'END'
	100 32 32
	1536 96 32
	4096 256 32
	4608 288 32
	16384 1024 113
	49152 1024 341
	4000000 1024 341
END

# Stubs for the settings of a node that scripts/up and the containers provide.
node_at() { echo "h$2:1"; }
node_listens() { echo "127.0.0.1:1"; }
node_name() { echo "n-$1"; }
node_secret() { echo secret; }
NODE_TLS=/tls NODE_RULES=/rules NODE_SCOPE=scope PGBIN=/bin SIZE=4096
node_config 2 /data/2 /sockets /wrapper >/dev/null || bad=1
is "max_slot_wal_keep_size of a node on a disk of 4096 MB" "256MB" \
	"$(node_config 2 /data/2 /sockets /wrapper | sed -n "s/^ *max_slot_wal_keep_size: //p")"
SIZE=200000
is "the log that a node keeps for an absent node on a disk of 200000 MB" 4096 "$(kept_megabytes /)"
SIZE=4096
is "max_wal_size of a node on a disk of 4096 MB" \
	"32MB" "$(node_config 2 /data/2 /sockets /wrapper | sed -n "s/^ *max_wal_size: //p")"
is "wal_keep_size of a node in normal operation and in recovery" "64MB 64MB" \
	"$(node_wrapper 2 /data/2/data /pid /watchdog | grep -o 'wal_keep_size=[^ ]*' | cut -d= -f2 | paste -sd ' ')"
# Megabytes of a disk, of what each node keeps: twice its log, and no more than for one that is away.
while read -r SIZE kept; do
	is "the log that a node always keeps on a disk of $SIZE MB" "$kept" "$(rewound_megabytes /)"
done <<-'END'
	100 32
	768 48
	1536 64
	16384 226
	4000000 682
END
is "lines of up_postgres.sh that set max_wal_size of one server" \
	1 "$(grep -c 'max_wal_size="$(log_megabytes "$PGDATA")MB"' scripts/lib/up_postgres.sh)"
is "lines of scripts/up that set what blocks leave free for the logs of three servers" \
	1 "$(grep -c 'blocks-reserve "$STANDBYS_RESERVE"' scripts/up)"
[ "$bad" = 0 ] || exit 1
echo "the logs of one server and of three servers have the same limit"
