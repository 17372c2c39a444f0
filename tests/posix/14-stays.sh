#!/usr/bin/env bash
# Goal: what stat reports about a file with unstored bytes stays the same when the bytes are stored. A page that was
# written through a mapping counts as data (SEEK_DATA) even before it is stored.
. "$(dirname "$0")/../lib/e2e.sh"
e2e_store
M=$E2E_MOUNT/posix-14
mkdir -p "$M" "$WORK/local"
at_end 'rm -rf "$M"'

# ---- times of a file with unstored bytes ----
cat >"$WORK/times.py" <<'PY'
"""times.py FOLDER: changes an open file with unstored bytes in each way, and compares stat before and after they are
stored."""
import os, subprocess, sys, time
os.chdir(sys.argv[1])
ways = {
    "rename": lambda f: os.rename("rename", "rename.new"),
    "link": lambda f: os.link("link", "link.new"),
    "unlink of another name": lambda f: (os.link("unlink of another name", "other"), os.unlink("other")),
    "setxattr": lambda f: os.setxattr("setxattr", "user.a", b"1"),
    "setfacl": lambda f: subprocess.check_call(["setfacl", "-m", "u:5:r", "setfacl"]),
    "chmod": lambda f: os.fchmod(f, 0o600),
    "utimensat": lambda f: os.utime(f, ns=(5, 7)),
    "truncate": lambda f: os.ftruncate(f, 10),
    "nothing": lambda f: None,
}
for name, change in ways.items():
    f = os.open(name, os.O_CREAT | os.O_RDWR, 0o644)
    os.write(f, b"x" * 50000)
    before = os.fstat(f)
    time.sleep(0.01) # so that the time differs on any clock
    change(f)
    said = os.fstat(f)
    os.fsync(f)
    stored = os.fstat(f)
    os.close(f)
    moved = [n for n in ("st_ctime_ns", "st_mtime_ns", "st_size", "st_blocks") if getattr(said, n) != getattr(stored, n)]
    assert not moved, (name, moved, said, stored)
    assert name == "nothing" or stored.st_ctime_ns > before.st_ctime_ns, (name, before, stored)
PY
check "stat reports the same about a file before and after its unstored bytes are stored" python3 "$WORK/times.py" "$M"

# ---- holes of a mapped file ----
cat >"$WORK/mapped.py" <<'PY'
import mmap, os, sys
f = os.open(sys.argv[1], os.O_CREAT | os.O_RDWR, 0o644)
reader = os.open(sys.argv[1], os.O_RDONLY)
os.ftruncate(f, 1 << 20)
def parts():
    found, at = [], 0
    while True:
        try: start = os.lseek(reader, at, os.SEEK_DATA)
        except OSError: return found
        at = os.lseek(reader, start, os.SEEK_HOLE)
        found.append((start >> 12, at - 1 >> 12))
m = mmap.mmap(f, 1 << 20)
print(parts())
m[100 << 12:(100 << 12) + 3] = b"abc"
print(parts())
os.close(f) # the mapping stays
m[(200 << 12) - 1:(200 << 12) + 1] = b"de"
print(parts())
m.flush()
print(parts())
PY
python3 "$WORK/mapped.py" "$WORK/local/mapped" >"$WORK/local.txt" 2>&1
python3 "$WORK/mapped.py" "$M/mapped" >"$WORK/mount.txt" 2>&1
check_eq "the local run lists the data pages of a mapped file four times" 4 "$(wc -l <"$WORK/local.txt")"
check "SEEK_DATA finds the same pages of a mapping on the mount as on a local file system" \
	diff "$WORK/local.txt" "$WORK/mount.txt"

# ---- a mapping of a file that must not be changed ----
if [ "$(id -u)" = 0 ]; then
	check "msync of a write to a mapping of an append-only file fails, and the write disappears" python3 -c "
import mmap, os, subprocess, sys, time
p = sys.argv[1]
f = os.open(p, os.O_CREAT | os.O_RDWR, 0o644)
os.write(f, b'x' * 8192)
os.fsync(f)
subprocess.check_call(['chattr', '+a', p])
m = mmap.mmap(f, 8192)
m[0:3] = b'MAP'
try:
    m.flush()
    sys.exit('not refused')
except PermissionError:
    pass
until = time.monotonic() + 20 # the mount notifies the kernel a moment later
while os.pread(f, 4, 0) != b'xxxx' or m[0:4] != b'xxxx':
    assert time.monotonic() < until, (os.pread(f, 4, 0), m[0:4])
    time.sleep(0.01)" "$M/append-only"
	chattr -a "$M/append-only"
fi
e2e_end
