#!/usr/bin/env bash
# Goal: the locks of a dead mount are free after its lease. A mount that was cut off for longer than its lease has
# lost its locks: processes that worked under them get errors, and change nothing any more.
. "$(dirname "$0")/../lib/e2e.sh"
e2e_store
NEPHOS=${NEPHOS_BUILD_DIR:?}/bin/nephos
clean() { env -u NEPHOS_BUILD_DIR -u NEPHOS_URL -u NEPHOS_USER -u NEPHOS_TOKEN "$@"; }
stop_docs() {
	local part
	for part in docs-1 docs-2; do kill "$(cat "$E2E_DATA/run/$part.pid")"; done
	for part in docs-1 docs-2; do eventually 20 sh -c '! kill -0 "$(cat "$1")"' - "$E2E_DATA/run/$part.pid"; done
}
# short_lease SECONDS: restarts both services with this lease, otherwise with the same arguments and the same user.
# exec: the recorded process is the service, not a shell.
short_lease() {
	local part words lines=() user=()
	[ "$(id -u)" != 0 ] ||
		user=(setpriv "--reuid=$(stat -c %u "/proc/$(cat "$E2E_DATA/run/docs-1.pid")")" "--regid=$(stat -c %g "/proc/$(cat "$E2E_DATA/run/docs-1.pid")")" --clear-groups)
	for part in docs-1 docs-2; do
		mapfile -t -d '' words <"/proc/$(cat "$E2E_DATA/run/$part.pid")/cmdline"
		lines+=("${words[*]@Q}")
	done
	stop_docs
	for part in docs-1 docs-2; do
		eval "exec env -u NEPHOS_URL -u NEPHOS_USER -u NEPHOS_TOKEN -u NEPHOS_BUILD_DIR setsid ${user[*]} ${lines[0]} --lock-lease $1" </dev/null >>"$E2E_DATA/log/$part.log" 2>&1 &
		echo $! >"$E2E_DATA/run/$part.pid"
		lines=("${lines[@]:1}")
	done
	eventually 20 curl -fs --noproxy '*' "${AUTH[@]}" "$URL/api/v2/docs/drives"
}
mount_it() { # mount_it NAME
	mkdir -p "$WORK/$1"
	clean "$NEPHOS" mount -o "credentials=$E2E_DATA/credentials,pidfile=$WORK/$1.pid,log=$WORK/$1.log" "$URL" \
		"$WORK/$1"
}
unmount() { clean "$NEPHOS" umount "$WORK/$1" || umount -l "$WORK/$1"; }
A=$WORK/a
at_end 'stop_docs; "$E2E_ROOT/scripts/up" --data "$E2E_DATA"'
at_end 'kill -CONT $(cat "$WORK/stopped.pid"); unmount a; unmount stopped; umount -l "$WORK/killed"; rm -rf "$E2E_MOUNT/41"'
mkdir -p "$E2E_MOUNT/41"
check "the docs services start with a lock lease of 4 s" short_lease 4
for m in a killed stopped; do check "the drive is mounted as '$m'" mount_it "$m"; done

cat >"$WORK/hold.py" <<'PY'
# Holds the lock of a file, writes, and runs one command per input line.
import fcntl, os, sys
fd = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT)
fcntl.flock(fd, fcntl.LOCK_EX)
os.pwrite(fd, b"stored", 0); os.fsync(fd)
print("held", flush=True)
def tell(name, call):
    try: call(); print(name, "ok", flush=True)
    except OSError as e: print(name, e.errno, flush=True)
def later():
    os.pwrite(fd, b"later!", 0)
    assert os.pread(fd, 6, 0) == b"later!"
for line in sys.stdin:
    word = line.strip()
    if word == "write": tell(word, later)
    elif word == "read": tell(word, lambda: os.pread(fd, 6, 0))
    elif word == "fsync": tell(word, lambda: os.fsync(fd))
    elif word == "lock": tell(word, lambda: fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB))
    elif word == "again":
        try: os.close(fd)
        except OSError: pass # close reports once more that the write is lost
        fd = os.open(sys.argv[1], os.O_RDWR)
        tell(word, lambda: (fcntl.flock(fd, fcntl.LOCK_EX), os.pwrite(fd, b"again!", 0), os.fsync(fd)))
PY
# The locks of both mounts are taken at the same time.
cat >"$WORK/take.py" <<'PY'
import fcntl, os, sys
fd = os.open(sys.argv[1], os.O_RDWR)
fcntl.flock(fd, fcntl.LOCK_EX)
assert os.pread(fd, 6, 0) == b"stored", os.pread(fd, 6, 0)
os.pwrite(fd, b"theirs", 0); os.fsync(fd)
print("taken", flush=True)
sys.stdin.read()
PY
for m in killed stopped; do
	mkfifo "$WORK/$m.in"
	python3 "$WORK/hold.py" "$WORK/$m/41/$m" <"$WORK/$m.in" >"$WORK/$m.out" &
done
exec 7>"$WORK/killed.in" 8>"$WORK/stopped.in"
for m in killed stopped; do
	check "a process on the mount '$m' holds a lock" eventually 20 grep -q held "$WORK/$m.out"
	check "another mount sees the file that is locked on the mount '$m'" eventually 20 test -e "$A/41/$m"
	check_not "another mount does not get the lock of the mount '$m'" python3 -c "
import fcntl, sys
fcntl.flock(open(sys.argv[1], 'r+'), fcntl.LOCK_EX | fcntl.LOCK_NB)" "$A/41/$m"
done
# Waits for longer than the lease: a mount that is reachable keeps its locks.
sleep 5
check_not "a reachable mount keeps its lock for longer than a lease" python3 -c "
import fcntl, sys
fcntl.flock(open(sys.argv[1], 'r+'), fcntl.LOCK_EX | fcntl.LOCK_NB)" "$A/41/stopped"
echo write >&8
check "a process with the lock reads back its write on the mount 'stopped' before the mount is stopped" \
	eventually 5 grep -qx "write ok" "$WORK/stopped.out"
kill -STOP "$(cat "$WORK/stopped.pid")"
kill -9 "$(cat "$WORK/killed.pid")"
for m in killed stopped; do
	mkfifo "$WORK/take-$m.in"
	python3 "$WORK/take.py" "$A/41/$m" <"$WORK/take-$m.in" >"$WORK/take-$m.out" &
done
exec 5>"$WORK/take-killed.in" 6>"$WORK/take-stopped.in"
for m in killed stopped; do
	check "another mount gets the lock of the $m mount after the lease" eventually 30 grep -q taken "$WORK/take-$m.out"
done

kill -CONT "$(cat "$WORK/stopped.pid")"
lost() { grep -q "file locks are lost" "$WORK/stopped.log"; }
check "the stopped mount continues and logs that its file locks are lost" eventually 20 lost
for word in read write fsync lock; do
	echo $word >&8
	check "$word by the process that has lost its lock gets EIO" eventually 20 grep -q "^$word 5$" "$WORK/stopped.out"
done
check_eq "bytes written under the lost lock appear on neither mount" \
	"theirs theirs" "$(cat "$A/41/stopped") $(cat "$WORK/stopped/41/stopped")"
exec 6>&-
echo again >&8
check "the process that lost its lock can open, lock and write the file again" \
	eventually 20 grep -q "again ok" "$WORK/stopped.out"
check_eq "the other mount reads the bytes that were written after the new open" "again!" "$(cat "$A/41/stopped")"
exec 5>&- 7>&- 8>&-
e2e_end
