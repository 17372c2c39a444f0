#!/usr/bin/env bash
# Goal: a block that zstd makes shorter by an eighth or more is stored compressed, and readers get the plain bytes. A
# block that is stored as it was written is still read, even if it could be shorter or looks like a compressed one.
# Damage is found.
. "$(dirname "$0")/../lib/e2e.sh"
. "$(dirname "$0")/../lib/docs.sh"

start_docs docs
U=$URL_docs
ask GET "$H" >/dev/null
E=$V2/drives/$(value .id)
stored() { find "$WORK/blocks" -type f -printf '%s\n' | awk '{ sum += $1 } END { print sum + 0 }'; }
whole() { curl -s "${AS[@]}" "$U$H/files/$1" | sha256sum; }
part() { curl -s "${AS[@]}" -H "Range: bytes=$2-$3" "$U$H/files/$1" | sha256sum; }
cut() { tail -c "+$(($2 + 1))" "$WORK/$1" | head -c "$(($3 - $2 + 1))" | sha256sum; }
put() { http -T "$WORK/$1" "${AS[@]}" "$U$H/files/$1"; }

yes "a line that comes again, and is not worth its room" | head -c 20000000 >"$WORK/lines"
check_eq "PUT of 20 MB of repeated lines gets 201" 201 "$(put lines)"
check "the repeated lines take less than 200 kB on the disk" test "$(stored)" -lt 200000
check_eq "GET of the repeated lines returns the bytes that were put" "$(sha256sum <"$WORK/lines")" "$(whole lines)"
for range in "0 0" "4194303 4194304" "1000000 9999999" "19999999 19999999"; do
	# shellcheck disable=SC2086 # two numbers
	check_eq "GET of bytes ${range/ /-} of the repeated lines returns these bytes" \
		"$(cut lines $range)" "$(part lines $range)"
done
before=$(stored)
head -c 20000000 /dev/urandom >"$WORK/noise"
check_eq "PUT of 20 MB of random bytes gets 201" 201 "$(put noise)"
check_eq "the random bytes take exactly 20 MB on the disk" 20000000 $(($(stored) - before))
check_eq "GET of the random bytes returns the bytes that were put" "$(sha256sum <"$WORK/noise")" "$(whole noise)"
ask GET "$H" >/dev/null
check "the drive's used bytes are at least the 40 MB that were put" test "$(value .used)" -ge 40000000

# A block that is asked for by its hash is sent as plain bytes, to every caller with the right to read it.
head -c 4194304 "$WORK/lines" >"$WORK/block"
hash=$(sha256sum <"$WORK/block" | head -c 64)
check_eq "GET of a block by its hash gets 200" 200 "$(http "${AS[@]}" "$U$E/blocks/$hash")"
check "GET of a block by its hash returns the plain bytes" cmp "$WORK/block" "$WORK/body"

# ---- blocks that an earlier version stored ----
PID=$PID_docs starts=0
again() { # under another name, with a log of its own
	local url pid
	kill "$PID"
	wait "$PID"
	starts=$((starts + 1))
	start_docs "docs-$starts"
	url=URL_docs_$starts pid=PID_docs_$starts
	U=${!url} PID=${!pid}
}
file=$(find "$WORK/blocks" -name "*-$hash-*")
cp "$file" "$WORK/short"
cat "$WORK/block" >"$file"
again
check_eq "GET of a file with a block that is stored uncompressed returns its bytes" \
	"$(sha256sum <"$WORK/lines")" "$(whole lines)"
cat "$WORK/short" >"$WORK/looks" # content of a user that looks like a compressed block
head -c 200000 /dev/urandom >>"$WORK/looks"
check_eq "PUT of content that looks like a compressed block gets 201" 201 "$(put looks)"
again
check_eq "GET of content that looks like a compressed block returns the bytes that were put" \
	"$(sha256sum <"$WORK/looks")" "$(whole looks)"

# ---- damage ----
head -c 200 "$WORK/short" >"$file"
again
check_eq "GET of a file with a truncated compressed block gets 500" 500 "$(http "${AS[@]}" "$U$H/files/lines")"
check "the docs service logs that the block is damaged" grep -q 'the block is damaged' "$WORK/docs-$starts.log"
cat "$WORK/short" >"$file"
again
check_eq "GET of the file returns its bytes after the truncated block was put back" \
	"$(sha256sum <"$WORK/lines")" "$(whole lines)"
e2e_end
