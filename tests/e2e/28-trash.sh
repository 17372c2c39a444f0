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

check_status "POST of a second drive gets 201" 201 "${AUTH[@]}" "${JSON[@]}" -d "{\"name\":\"$name\"}" "$DRIVES"
D=$(jq -r .id "$WORK/body")
check "the second drive can be mounted" \
	clean "$NEPHOS" mount -o "credentials=$E2E_DATA/credentials,log=$L" "$URL/$encoded" "$M"
at_end 'clean "$NEPHOS" umount "$M" || umount -l "$M"; http -X DELETE "${AUTH[@]}" "$DRIVES/$D?confirm=$encoded"; http -X DELETE "${AUTH[@]}" "$DRIVES/$D?confirm=$encoded&trashed=1"'
check "a file can be written on the mount of the second drive" \
	sh -c 'mkdir "$1/d" && echo kept >"$1/d/f" && sync "$1/d/f"' _ "$M"

check_status "DELETE of a drive with content gets 428 without confirm" 428 -X DELETE "${AUTH[@]}" "$DRIVES/$D"
check_eq "the 428 for a missing confirm has the type /problems/confirm-needed" \
	/problems/confirm-needed "$(jq -r .type "$WORK/body")"
check "the 428 for a missing confirm names the parameter confirm=NAME" grep -q 'confirm=NAME' "$WORK/body"
check_status "DELETE of a drive with content gets 428 with another drive's name as confirm" \
	428 -X DELETE "${AUTH[@]}" "$DRIVES/$D?confirm=home"
check_eq "the file on the mount has its content after the refused DELETEs" kept "$(cat "$M/d/f")"
check_status "DELETE of a drive with its own name as confirm gets 204" \
	204 -X DELETE "${AUTH[@]}" "$DRIVES/$D?confirm=$encoded"
check_status "GET of an item of a drive in the trash gets 409" 409 "${AUTH[@]}" "$DRIVES/$D/items?path=/d/f"
check_eq "the 409 for a drive in the trash has the type /problems/drive-trashed and the errno ENOMEDIUM" \
	"/problems/drive-trashed ENOMEDIUM" "$(jq -r '.type + " " + .errno' "$WORK/body")"
check_status "GET of the list of drives gets 200" 200 "${AUTH[@]}" "$DRIVES"
check_eq "the list of drives does not have the drive in the trash" \
	0 "$(jq --arg d "$D" '[.drives[] | select(.id == $d)] | length' "$WORK/body")"
check_status "GET of the list of trashed drives gets 200" 200 "${AUTH[@]}" "$DRIVES?trashed=1"
check_eq "the list of trashed drives has the drive, which is purged after 30 days" \
	"$name 30" "$(jq -r --arg d "$D" '.drives[] | select(.id == $d) | .name + " " + ((.purged_at - .trashed_at) / 86400 | tostring)' "$WORK/body")"
# The kernel and the mount may still show what they have cached, for some seconds.
check "stat on the mount of a drive in the trash fails with No medium found" \
	eventually 20 sh -c 'stat "$1" 2>&1 | grep -q "No medium found"' _ "$M/d/none"
check "the log of the mount says that the drive was put into the trash" grep -q 'put into the trash' "$L"
check_refused "a write on the mount of a drive in the trash fails with No medium found" 'No medium found' \
	sh -c 'echo lost >"$1/d/new"' _ "$M"

check_status "a restore of the drive from the trash gets 200" 200 -X POST "${AUTH[@]}" "$DRIVES/$D/restore"
check_eq "the answer to the restore has the id of the drive" "$D" "$(jq -r .id "$WORK/body")"
check_status "a second restore of the drive gets 404" 404 -X POST "${AUTH[@]}" "$DRIVES/$D/restore"
check "the mount of the restored drive can read the old file and write a new one" \
	eventually 20 sh -c 'echo more >"$1/d/new" && test "$(cat "$1/d/f" "$1/d/new")" = "kept
more"' _ "$M"

check_status "DELETE of the restored drive with an idempotency key gets 204" \
	204 -X DELETE "${AUTH[@]}" -H 'Idempotency-Key: 28-'$$ "$DRIVES/$D?confirm=$encoded"
check "the mount of the drive that is in the trash again shows nothing more" \
	eventually 20 sh -c 'stat "$1" 2>&1 | grep -q "No medium found"' _ "$M"
check "nephos umount of a mount whose drive is in the trash succeeds" clean "$NEPHOS" umount "$M"
check_status "a second DELETE with the same key gets 204" \
	204 -X DELETE "${AUTH[@]}" -H 'Idempotency-Key: 28-'$$ "$DRIVES/$D?confirm=$encoded"
check_status "DELETE of a drive in the trash gets 428 without confirm" 428 -X DELETE "${AUTH[@]}" "$DRIVES/$D?trashed=1"
check_status "DELETE of a drive in the trash with its own name as confirm gets 204" \
	204 -X DELETE "${AUTH[@]}" "$DRIVES/$D?trashed=1&confirm=$encoded"
check_status "a restore of a drive that was deleted in the trash gets 404" 404 -X POST "${AUTH[@]}" "$DRIVES/$D/restore"
check_status "POST of a drive that stays in use gets 201" 201 "${AUTH[@]}" "${JSON[@]}" -d '{"name":"in use"}' "$DRIVES"
E=$(jq -r .id "$WORK/body")
check_status "DELETE with trashed=1 of an empty drive in use gets 404" 404 -X DELETE "${AUTH[@]}" "$DRIVES/$E?trashed=1"
check_status "PUT of a file to the drive in use gets 201" 201 -T "$0" "${AUTH[@]}" "$DRIVES/$E/files/f"
check_status "DELETE with trashed=1 of a drive in use gets 404 with its own name as confirm" \
	404 -X DELETE "${AUTH[@]}" "$DRIVES/$E?trashed=1&confirm=in%20use"
check_status "GET of the file in the drive in use gets 200" 200 "${AUTH[@]}" "$DRIVES/$E/files/f"
check_status "DELETE of the drive in use with its own name as confirm gets 204" \
	204 -X DELETE "${AUTH[@]}" "$DRIVES/$E?confirm=in%20use"
check_status "DELETE with trashed=1 of the same drive in the trash gets 204" \
	204 -X DELETE "${AUTH[@]}" "$DRIVES/$E?trashed=1&confirm=in%20use"
check_status "POST of a drive that stays empty gets 201" 201 "${AUTH[@]}" "${JSON[@]}" -d '{"name":"empty"}' "$DRIVES"
E=$(jq -r .id "$WORK/body")
check_status "DELETE of an empty drive without confirm gets 204" 204 -X DELETE "${AUTH[@]}" "$DRIVES/$E"
check_status "GET of the deleted empty drive gets 404" 404 "${AUTH[@]}" "$DRIVES/$E"
e2e_end
