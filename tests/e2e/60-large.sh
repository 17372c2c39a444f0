#!/usr/bin/env bash
# Goal: large bodies stream. A PUT and a GET of 4 GiB through a gateway, also to a slow reader, make no process grow
# by more than 32 MiB, apart from a gateway's block cache, which is bounded. Small changes in large files cost
# little.
. "$(dirname "$0")/../lib/e2e.sh"
e2e_store
size_mib=1024
[ -z "${E2E_LONG:-}" ] || size_mib=4096
size=$((size_mib * 1024 * 1024))
path=$URL/api/v2/docs/drives/home/files/60-large
at_end 'curl -s --noproxy "*" -X DELETE "${AUTH[@]}" "$path"'
processes="user-1 user-2 docs-1 docs-2 gateway-1 gateway-2"
rss() { sed -n 's/^VmRSS:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$(cat "$E2E_DATA/run/$1.pid")/status"; }
peak() { sed -n 's/^VmHWM:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$(cat "$E2E_DATA/run/$1.pid")/status"; }
# A small body comes first, because the memory that a process allocates for its first large body is not growth by
# size.
head -c 20M /dev/zero | curl -s --noproxy '*' -o /dev/null -T - "${AUTH[@]}" "$path"
# kept PROCESS: prints the size of its block cache in KiB. Only a gateway has one.
kept() {
	case $1 in gateway-*) ;; *) echo 0 && return ;; esac
	curl -s --noproxy '*' "http://127.0.0.1:$((${URL##*:} + ${1##*-} - 1))/metrics" |
		awk '$1 == "nephos_gateway_block_cache_bytes" { print int($2 / 1024) }'
}
declare -A before # without the block cache
for p in $processes; do
	echo 5 >"/proc/$(cat "$E2E_DATA/run/$p.pid")/clear_refs" # resets the peak
	before[$p]=$(($(rss "$p") - $(kept "$p")))
done
cat >"$WORK/pattern.py" <<'PY'
import sys, hashlib
out, size, seed = sys.stdout.buffer, int(sys.argv[1]), int(sys.argv[2])
chunk, at = hashlib.shake_128(b"%d" % seed).digest(1 << 20), 0
while at < size:
    # Every MiB differs at little cost: its number stands at its beginning.
    piece = b"%020d" % at + chunk[20:]
    out.write(piece[: min(len(piece), size - at)]); at += len(piece)
PY
wanted=$(python3 "$WORK/pattern.py" "$size" 1 | sha256sum)
check_eq "a PUT of $size_mib MiB gets 200" \
	200 "$(python3 "$WORK/pattern.py" "$size" 1 | curl -s --noproxy '*' -o /dev/null -w '%{http_code}' -T - "${AUTH[@]}" "$path")"
check_eq "a slow GET of the $size_mib MiB returns bytes with the same SHA-256" \
	"$wanted" "$(curl -s --noproxy '*' --limit-rate $((size_mib / 8))M "${AUTH[@]}" "$path" | sha256sum)"
for p in $processes; do
	blocks=$(kept "$p") most=$(peak "$p") besides=
	case $p in gateway-*)
		check "$p has a block cache of at most 128 MiB ($((blocks / 1024)) MiB)" test "$blocks" -le $((128 * 1024))
		besides=" besides its block cache"
		;;
	esac
	grown=$(((most - before[$p] - blocks) / 1024))
	# A process that has ended has no peak, and fails here.
	check "$p grew by at most 32 MiB$besides (peak: $grown MiB)" \
		test "$most" -le $((before[$p] + blocks + 32 * 1024))
done

# ---- a small change in a large file ----
M=$E2E_MOUNT
watch=http://127.0.0.1:$(cat "$E2E_DATA/run/mount.port" 2>/dev/null)
counter() { curl -s --noproxy '*' "$watch/metrics" |
	awk -v n="$1" 'index($1, n) == 1 {s += $2} END {printf "%d\n", s}'; }
check "the mount shows the large file" eventually 5 test -s "$M/60-large"
sent=$(counter nephos_mount_bytes_sent_total)
check "a pwrite of 4 KiB with fsync into the large file succeeds" python3 -c "
import os, sys
f = os.open(sys.argv[1], os.O_WRONLY)
os.pwrite(f, b'p' * 4096, int(sys.argv[2]) // 2 + 12345)
os.fsync(f); os.close(f)" "$M/60-large" "$size"
cost=$((($(counter nephos_mount_bytes_sent_total) - sent) / 1024))
check "the mount sends less than 1 MiB for the pwrite of 4 KiB ($cost KiB)" test "$cost" -lt 1024
# The read is cold: another mount, which has read nothing yet, does it.
mkdir -p "$WORK/cold"
clean() { env -u NEPHOS_BUILD_DIR -u NEPHOS_URL -u NEPHOS_USER -u NEPHOS_TOKEN "$@"; }
at_end 'clean "$NEPHOS_BUILD_DIR/bin/nephos" umount "$WORK/cold" || umount -l "$WORK/cold"'
check "a second mount of the drive succeeds" \
	clean "$NEPHOS_BUILD_DIR/bin/nephos" mount \
		-o "credentials=$E2E_DATA/credentials,pidfile=$WORK/cold.pid,log=$WORK/cold.log" "$URL" "$WORK/cold"
watch=http://127.0.0.1:$(cat "$WORK/cold.port" 2>/dev/null)
stat "$WORK/cold/60-large" >/dev/null
got=$(counter nephos_mount_bytes_received_total)
check_eq "a cold pread of 4 KiB on the second mount returns the written bytes" "4096 p" "$(python3 -c "
import os, sys
f = os.open(sys.argv[1], os.O_RDONLY)
os.posix_fadvise(f, 0, 0, os.POSIX_FADV_RANDOM)
b = os.pread(f, 4096, int(sys.argv[2]) // 2 + 12345)
print(len(b), ''.join(sorted(set(b.decode()))))" "$WORK/cold/60-large" "$size")"
cost=$((($(counter nephos_mount_bytes_received_total) - got) / 1024))
check "the second mount receives less than 1 MiB for the pread of 4 KiB ($cost KiB)" test "$cost" -lt 1024
e2e_end
