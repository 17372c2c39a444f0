#!/usr/bin/env bash
# Goal: when any one process is killed with -9 under a running cp -r on the mount, nothing is lost, nothing happens
# twice, and cp reports no error. scripts/up restarts the killed process.
. "$(dirname "$0")/../lib/e2e.sh"
e2e_store
M=$E2E_MOUNT/40
mkdir -p "$M" && cd "$M" || exit 2
at_end 'cd /; rm -rf "$M"'
SOURCE=/usr/include/linux
drive=$(curl -s --noproxy '*' "${AUTH[@]}" "$URL/api/v2/docs/drives" | jq -r '.drives[0].id')

# Prints the journal from a seq on, page by page.
changes_since() {
	local since=$1 page last
	while :; do
		page=$(curl -s --noproxy '*' "${AUTH[@]}" "$URL/api/v2/docs/drives/$drive/changes?since=$since&limit=1000")
		jq -c '.changes[]' <<<"$page"
		last=$(jq -r '.changes[-1].seq // empty' <<<"$page")
		[ -n "$last" ] || break
		since=$last
	done
}
last_seq() { curl -s --noproxy '*' "${AUTH[@]}" "$URL/api/v2/docs/drives" | jq -r '.drives[0].seq'; }

for victim in docs-1 docs-2 user-1 user-2 gateway-1 gateway-2; do
	rm -rf copy
	begin=$(last_seq)
	cp -r "$SOURCE" copy 2>"$WORK/cp.err" &
	cp=$!
	# The kill comes in the middle of the copy, when more than 100 files are there.
	eventually 20 sh -c 'test "$(find copy -type f 2>/dev/null | wc -l)" -gt 100'
	check "cp -r is still running when $victim is killed" kill -0 $cp
	kill -9 "$(cat "$E2E_DATA/run/$victim.pid")"
	wait $cp
	check_eq "cp -r ends without an error although $victim was killed" "0 " "$? $(cat "$WORK/cp.err")"
	check "the copy is equal to its source although $victim was killed" diff -r "$SOURCE" copy
	check "scripts/up succeeds after $victim was killed" "$E2E_ROOT/scripts/up" --data "$E2E_DATA"
	check "$victim runs again after scripts/up" kill -0 "$(cat "$E2E_DATA/run/$victim.pid")"
	changes_since "$begin" >"$WORK/journal"
	check_eq "the journal has no gaps after $victim was killed during cp -r" "$(wc -l <"$WORK/journal")" \
		"$(jq -s '(.[-1].seq | tonumber) - (.[0].seq | tonumber) + 1' "$WORK/journal")"
	check_eq "the journal has no creation twice after $victim was killed during cp -r" \
		"" "$(jq -r 'select(.op == "create") | .parent + "/" + .name' "$WORK/journal" | sort | uniq -d)"
	check_eq "the journal has one creation for each copied file and folder although $victim was killed" \
		"$(find "$SOURCE" | wc -l)" "$(jq -r 'select(.op == "create") | .id' "$WORK/journal" | sort -u | wc -l)"
done
check_eq "scripts/up of a running store says that everything is up already" \
	"everything is up already" "$("$E2E_ROOT/scripts/up" --data "$E2E_DATA" | head -n 1)"
e2e_end
