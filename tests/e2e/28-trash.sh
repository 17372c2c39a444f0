#!/usr/bin/env bash
# Goal: a drive with content goes to the trash only when the request names it. Its mounts then fail with "No medium
# found". A restored drive is as it was.
. "$(dirname "$0")/../lib/e2e.sh"
e2e_store
DRIVES=$URL/api/v2/docs/drives
JSON=(-H 'Content-Type: application/json')
NEPHOS=$NEPHOS_BUILD_DIR/bin/nephos
M=$WORK/mnt
L=$WORK/mount.log
clean() { env -u NEPHOS_URL -u NEPHOS_USER -u NEPHOS_TOKEN "$@"; }
name="trash 28-$$"
encoded=$(printf %s "$name" | jq -sRr @uri)
mkdir "$M"

check_status "another drive" 201 "${AUTH[@]}" "${JSON[@]}" -d "{\"name\":\"$name\"}" "$DRIVES"
D=$(jq -r .id "$WORK/body")
check "is mounted" clean "$NEPHOS" mount -o "credentials=$E2E_DATA/credentials,log=$L" "$URL/$encoded" "$M"
at_end 'clean "$NEPHOS" umount "$M" || umount -l "$M"; http -X DELETE "${AUTH[@]}" "$DRIVES/$D?confirm=$encoded"; http -X DELETE "${AUTH[@]}" "$DRIVES/$D?confirm=$encoded&trashed=1"'
check "and has a file" sh -c 'mkdir "$1/d" && echo kept >"$1/d/f" && sync "$1/d/f"' _ "$M"

check_status "it is not thrown away by accident" 428 -X DELETE "${AUTH[@]}" "$DRIVES/$D"
check_eq "which is a problem of its own" /problems/confirm-needed "$(jq -r .type "$WORK/body")"
check "that says what to do" grep -q 'confirm=NAME' "$WORK/body"
check_status "nor by another name" 428 -X DELETE "${AUTH[@]}" "$DRIVES/$D?confirm=home"
check_eq "it is all there" kept "$(cat "$M/d/f")"
check_status "by its name it is" 204 -X DELETE "${AUTH[@]}" "$DRIVES/$D?confirm=$encoded"
check_status "then it is in the trash" 409 "${AUTH[@]}" "$DRIVES/$D/items?path=/d/f"
check_eq "and says so" "/problems/drive-trashed ENOMEDIUM" "$(jq -r '.type + " " + .errno' "$WORK/body")"
check_status "it is not among the drives" 200 "${AUTH[@]}" "$DRIVES"
check_eq "there" 0 "$(jq --arg d "$D" '[.drives[] | select(.id == $d)] | length' "$WORK/body")"
check_status "but among those in the trash" 200 "${AUTH[@]}" "$DRIVES?trashed=1"
check_eq "with the day on which it goes for good" \
	"$name 30" "$(jq -r --arg d "$D" '.drives[] | select(.id == $d) | .name + " " + ((.purged_at - .trashed_at) / 86400 | tostring)' "$WORK/body")"
# The kernel and the mount may still show what they have cached, for some seconds.
check "the mount says so, too" eventually 20 sh -c 'stat "$1" 2>&1 | grep -q "No medium found"' _ "$M/d/none"
check "and its log" grep -q 'put into the trash' "$L"
check_not "nothing can be written" sh -c 'echo lost 2>/dev/null >"$1/d/new"' _ "$M"

check_status "it is taken out again" 200 -X POST "${AUTH[@]}" "$DRIVES/$D/restore"
check_eq "as it was" "$D" "$(jq -r .id "$WORK/body")"
check_status "once" 404 -X POST "${AUTH[@]}" "$DRIVES/$D/restore"
check "the mount goes on" eventually 20 sh -c 'echo more >"$1/d/new" && test "$(cat "$1/d/f" "$1/d/new")" = "kept
more"' _ "$M"
check "and is taken off" clean "$NEPHOS" umount "$M"

check_status "it goes again" 204 -X DELETE "${AUTH[@]}" -H 'Idempotency-Key: 28-'$$ "$DRIVES/$D?confirm=$encoded"
check_status "a repeat is the same" 204 -X DELETE "${AUTH[@]}" -H 'Idempotency-Key: 28-'$$ "$DRIVES/$D?confirm=$encoded"
check_status "to end it there takes its name, too" 428 -X DELETE "${AUTH[@]}" "$DRIVES/$D?trashed=1"
check_status "then it is gone" 204 -X DELETE "${AUTH[@]}" "$DRIVES/$D?trashed=1&confirm=$encoded"
check_status "for good" 404 -X POST "${AUTH[@]}" "$DRIVES/$D/restore"
check_status "an empty one needs no name" 201 "${AUTH[@]}" "${JSON[@]}" -d '{"name":"empty"}' "$DRIVES"
E=$(jq -r .id "$WORK/body")
check_status "and no trash" 204 -X DELETE "${AUTH[@]}" "$DRIVES/$E"
check_status "it is not there" 404 "${AUTH[@]}" "$DRIVES/$E"
e2e_end
