#!/usr/bin/env bash
# Goal: umount names the processes that keep a mount busy. umount --force removes any mount in bounded time, frees
# the processes that hang in it, and reports what was lost.
# shellcheck disable=SC2016 # for sh -c
. "$(dirname "$0")/../lib/e2e.sh"
e2e_store
M=$WORK/m
NEPHOS=${NEPHOS_BUILD_DIR:?}/bin/nephos
clean() { env -u NEPHOS_BUILD_DIR -u NEPHOS_URL -u NEPHOS_USER -u NEPHOS_TOKEN "$@"; }
mkdir -p "$M"
at_end 'umount -l "$M"'
mount_it() { clean "$NEPHOS" mount -o "credentials=$E2E_DATA/credentials,pidfile=$WORK/pid,log=$WORK/log" "$URL" "$M"; }
ended() { ! kill -0 "$1" 2>/dev/null || grep -q '^State:.Z' "/proc/$1/status"; }
forced() { # forced STATUS SECONDS: umount --force ends with this status within that time
	timeout "$2" env -u NEPHOS_BUILD_DIR -u NEPHOS_URL -u NEPHOS_USER -u NEPHOS_TOKEN "$NEPHOS" umount \
		--force "$M" >"$WORK/said" 2>&1
	[ $? = "$1" ] || { cat "$WORK/said"; return 1; }
}

# ---- the processes that keep it busy ----
check "the drive is mounted" mount_it
mkdir -p "$M/22/deep"
at_end 'rm -rf "$E2E_MOUNT/22"'
echo text >"$M/22/deep/file"
(cd "$M/22" && exec sleep 1000) &
sitting=$!
tail -f "$M/22/deep/file" >/dev/null &
reading=$!
eventually 10 sh -c 'readlink "/proc/$1/cwd" | grep -q 22 && readlink /proc/$2/fd/* | grep -q deep/file' - $sitting \
	$reading
clean "$NEPHOS" umount "$M" >"$WORK/said" 2>&1
check_eq "umount ends with status 1 while the mount is in use" 1 $?
check "umount names the process whose working directory is in the mount" \
	grep -q "sleep (pid $sitting, cwd 22)" "$WORK/said"
check "umount names the process that has a file of the mount open" \
	grep -q "tail (pid $reading, file 22/deep/file)" "$WORK/said"
check "a mount in use stays mounted after the refused umount" mountpoint -q "$M"

# ---- by force, while it is used ----
pid=$(cat "$WORK/pid")
check "umount --force unmounts a mount that is in use" forced 0 60
check_not "the mount that was in use is no longer mounted after umount --force" mountpoint -q "$M"
check "the process of the mount that was in use has ended" ended "$pid"
check_eq "bytes written before umount --force are stored" text "$(cat "$E2E_MOUNT/22/deep/file")"
kill $sitting $reading
wait $sitting $reading 2>/dev/null
check "the drive can be mounted again after umount --force" mount_it

# ---- in another mount namespace ----
if [ "$(id -u)" = 0 ]; then
	unshare -m --propagation private sleep 1000 &
	elsewhere=$!
	eventually 10 sh -c 'readlink /proc/$1/exe | grep -q sleep' - $elsewhere
	pid=$(cat "$WORK/pid")
	echo more >"$M/22/more"
	timeout 60 env -u NEPHOS_BUILD_DIR -u NEPHOS_URL -u NEPHOS_USER -u NEPHOS_TOKEN "$NEPHOS" umount \
		"$M" >"$WORK/said" 2>&1
	check_eq "umount ends with status 1 when another mount namespace has the mount, too" 1 $?
	check "umount names the process in the other mount namespace" \
		grep -q "off here.*sleep (pid $elsewhere, namespace)" "$WORK/said"
	check_not "the mount is gone from this namespace, although another one has it" mountpoint -q "$M"
	check_eq "bytes written before umount in one of two namespaces are stored" more "$(cat "$E2E_MOUNT/22/more")"
	kill $elsewhere
	wait $elsewhere 2>/dev/null # the signal ends it, which the shell would print
	check "the mount's process ends when the other namespace ends" eventually 30 ended "$pid"
	check "the drive can be mounted again after the other namespace has ended" mount_it

	# The service of a store below a closed folder has such a namespace. The test uses many mounts, because an
	# earlier version kept every second one.
	mkdir -p "$WORK/closed/store" "$WORK/many"
	chmod 700 "$WORK/closed" && chown nobody "$WORK/closed/store"
	for n in 1 2 3 4 5 6; do
		mkdir "$WORK/many/$n"
		clean "$NEPHOS" mount -o "credentials=$E2E_DATA/credentials" "$URL" "$WORK/many/$n"
		at_end 'umount -l "$WORK"/many/*'
	done
	check_eq "a service that starts below a closed folder holds none of six mounts" 0 \
		"$("$E2E_ROOT/scripts/lib/as-user" nobody "$WORK/closed/store" -- grep -c "$WORK/many/" /proc/self/mountinfo)"
	for n in 1 2 3 4 5 6; do clean "$NEPHOS" umount "$WORK/many/$n"; done
fi

# ---- by force, while the mount hangs ----
pid=$(cat "$WORK/pid")
kill -STOP "$pid"
cat "$M/22/nothing" 2>"$WORK/cat" &
hanging=$!
check "umount --force unmounts a mount whose process is stopped" forced 0 60
check "a process that waited for the stopped mount ends" eventually 10 ended $hanging
check_not "the stopped mount is no longer mounted after umount --force" mountpoint -q "$M"
check "the stopped process of the mount has ended after umount --force" ended "$pid"

# ---- by force, with data that cannot be stored ----
if [ -n "${E2E_LONG:-}" ]; then
	DRIVES=$URL/api/v2/docs/drives
	http "${AUTH[@]}" -H 'Content-Type: application/json' -d '{"name":"lost"}' "$DRIVES" >/dev/null
	DRIVE=$(jq -r .id "$WORK/body")
	at_end 'curl -s --noproxy "*" -X DELETE "${AUTH[@]}" "$DRIVES/$DRIVE"'
	check "a new drive is mounted" \
		clean "$NEPHOS" mount -o "credentials=$E2E_DATA/credentials,pidfile=$WORK/pid,log=$WORK/log" \
			"$URL/$DRIVE" "$M"
	pid=$(cat "$WORK/pid")
	exec 9>"$M/kept open"
	head -c 300000 /dev/urandom >&9
	http -X PATCH "${AUTH[@]}" -H 'Content-Type: application/json' -d '{"quota":1}' "$DRIVES/$DRIVE" >/dev/null
	head -c 300000 /dev/urandom >&9
	check "umount --force ends with status 1 when written bytes cannot be stored" forced 1 120
	check "umount --force reports that bytes are dropped, and why" \
		grep -q 'bytes that could not be stored are dropped: Disk quota exceeded' "$WORK/said"
	check "the process of the mount that dropped bytes has ended" ended "$pid"
	exec 9>&-
fi
e2e_end
