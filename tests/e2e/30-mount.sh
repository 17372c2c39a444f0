#!/usr/bin/env bash
# Goal: on the mount, the programs people use every day behave as on a local disk.
. "$(dirname "$0")/../lib/e2e.sh"
e2e_store
M=$E2E_MOUNT/30
mkdir -p "$M" && cd "$M" || exit 2
at_end 'cd /; rm -rf "$M"'

# ---- a full drive ----
# This part comes first: blocks that were released in the last two minutes count as well, and the later parts release
# many. Each answer brings the usage of the drive. Thus the write that does not fit fails itself, although there was
# room less than a second ago.
set_quota() { http -X PATCH "${AUTH[@]}" -H 'Content-Type: application/json' -d "{\"quota\":$1}" \
	"$URL/api/v2/docs/drives/home"; }
http "${AUTH[@]}" "$URL/api/v2/docs/drives/home" >/dev/null
at_end 'set_quota 0'
check_eq "a PATCH sets the drive's quota to 10 MiB more than is used" \
	200 "$(set_quota $(($(jq .used "$WORK/body") + (10 << 20))))"
cat >"$WORK/fill.py" <<'PY'
import errno, os
MIB = 1 << 20
os.statvfs(".") # from here on the mount has the quota
a = os.open("first", os.O_CREAT | os.O_WRONLY)
for i in range(8): assert os.write(a, os.urandom(MIB)) == MIB
os.fsync(a)
b = os.open("second", os.O_CREAT | os.O_WRONLY)
written = 0
try:
    for i in range(4): written += os.write(b, os.urandom(MIB))
    print("written", written)
except OSError as e:
    print(errno.errorcode[e.errno], "from write after", written // MIB)
try:
    os.fsync(b); os.close(b)
    print("the rest is stored")
except OSError as e:
    print(errno.errorcode[e.errno], "from fsync")
PY
check_eq "a write beyond the quota fails with EDQUOT, and fsync stores the data before it" "EDQUOT from write after 2
the rest is stored" "$(python3 "$WORK/fill.py")"
check_eq "the file has the 2 MiB that fitted into the quota" 2097152 "$(stat -c %s second)"
check_eq "the drive's usage is within its quota after the failed write" \
	true "$(http "${AUTH[@]}" "$URL/api/v2/docs/drives/home" >/dev/null; jq '.used <= .quota' "$WORK/body")"
rm first second
check_eq "a PATCH sets the drive's quota back to 0" 200 "$(set_quota 0)"

# ---- trees ----
# The long form takes all of /usr/include, the short one 400 files of it: each is made, read and removed ten times.
mkdir -p "$WORK/tree/include" inc
if [ -n "${E2E_LONG:-}" ]; then cp -a /usr/include "$WORK/tree/"; else
	cp -a /usr/include/x86_64-linux-gnu "$WORK/tree/include/"; fi
T=$WORK/tree/include
check "tar unpacks a tree of headers" sh -c 'tar -C "$1" -cf - include | tar -C inc -xf -' - "$WORK/tree"
check "the tree that tar unpacked is equal to its source" diff -r --no-dereference "$T" inc/include
check "the files that tar unpacked have the times, modes and sizes of the source" sh -c '
	cd "$1/tree/include" && find . -type f -printf "%P %m %s %T@\n" | sort >"$1/a" &&
	cd "$2/inc/include" && find . -type f -printf "%P %m %s %T@\n" | sort >"$1/b" && cmp "$1/a" "$1/b"' - "$WORK" "$M"
check "an archive that tar packs from the mount matches the source tree" \
	sh -c 'tar -C inc -cf - include | tar -C "$1" -df -' - "$WORK/tree"
check "cp -a copies the tree within the mount" cp -a inc/include inc/copy
check "the copy that cp -a made is equal to the tree" diff -r --no-dereference inc/include inc/copy
check "rsync -a copies the tree within the mount" rsync -a inc/include/ inc/rsynced/
check_eq "a second rsync -a of the tree succeeds and finds nothing to copy" \
	0 "$(rsync -ai inc/include/ inc/rsynced/; echo $?)"
check_eq "find counts as many files on the mount as in the source tree" \
	"$(find "$T" -type f | wc -l)" "$(find inc/include -type f | wc -l)"
check_eq "the files on the mount have as many bytes in total as the source tree" \
	"$(cd "$T" && find . -type f -printf '%s\n' | awk '{s+=$1} END {print s}')" \
	"$(find inc/include -type f -printf '%s\n' | awk '{s+=$1} END {print s}')"
check "rm -r removes the two copies of the tree" rm -r inc/copy inc/rsynced

# While no other client is on the drive, the mount need not ask the store about what it made itself; one request for
# each folder would be 40. This part uses a drive of its own, because a client that was on the first drive counts as
# present for a while.
A=$WORK/alone
alone="alone 30-$$"
encoded=$(printf %s "$alone" | jq -sRr @uri)
mkdir "$A"
check_status "a POST of another drive gets 201" \
	201 "${AUTH[@]}" -H 'Content-Type: application/json' -d "{\"name\":\"$alone\"}" \
	"$URL/api/v2/docs/drives"
D=$(jq -r .id "$WORK/body")
NEPHOS=$NEPHOS_BUILD_DIR/bin/nephos
clean() { env -u NEPHOS_URL -u NEPHOS_USER -u NEPHOS_TOKEN -u NEPHOS_BUILD_DIR "$@"; }
check "nephos mount mounts the other drive" clean "$NEPHOS" mount \
	-o "credentials=$E2E_DATA/credentials,pidfile=$WORK/alone.pid,log=$WORK/alone.log" "$URL/$encoded" "$A"
at_end 'http -X DELETE "${AUTH[@]}" "$URL/api/v2/docs/drives/$D?confirm=$encoded"
	http -X DELETE "${AUTH[@]}" "$URL/api/v2/docs/drives/$D?confirm=$encoded&trashed=1"'
asked() { curl -s --noproxy '*' "http://127.0.0.1:$(cat "$WORK/alone.port")/metrics" |
	awk '/^nephos_mount_http_requests_total[{]kind="meta"/ {print $2}'; }
for n in $(seq 40); do mkdir -p "$WORK/folders/$n" && echo "$n" >"$WORK/folders/$n/file"; done
check "cp -r copies 40 folders to the other drive" cp -r "$WORK/folders" "$A/folders"
before=$(asked)
check "rm -r removes the 40 folders from the other drive" rm -r "$A/folders"
after=$(asked)
check "rm -r of 40 folders makes fewer than 4 metadata requests to the store" \
	test "$before" -ge 0 -a "$after" -ge 0 -a $((after - before)) -lt 4
check "nephos umount unmounts the other drive" clean "$NEPHOS" umount "$A"

# ---- git ----
export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_SYSTEM=/dev/null HOME=$WORK GIT_AUTHOR_NAME=t GIT_AUTHOR_EMAIL=t@t \
	GIT_COMMITTER_NAME=t GIT_COMMITTER_EMAIL=t@t
git config --file "$WORK/.gitconfig" safe.directory '*'
unset GIT_CONFIG_GLOBAL
check "git init makes a repository on the mount" git init -q inc
check "git add -A adds the tree of headers" git -C inc add -A
check "git commit commits the tree of headers" git -C inc commit -qm all
check "git fsck --full --strict finds the repository sound" git -C inc fsck --full --strict
check "git clone clones the repository within the mount" git clone -q inc clone
check "git status shows no change in the clone" sh -c 'changes=$(git -C clone status --porcelain) && test -z "$changes"'
check "git gc succeeds in the clone" git -C clone gc -q
rm -rf clone inc

# ---- a C project ----
mkdir -p project/tests && cp -r "$E2E_ROOT"/{CMakeLists.txt,cmake,common,backend,gateway,fusefs,cli} project/
cp -r "$E2E_ROOT"/tests/{CMakeLists.txt,bench} project/tests/ # files that the project needs without NEPHOS_TESTS
# The compiler's own work does not test the mount, so the short form builds less.
targets=(nephos_base) kind=Debug
[ -z "${E2E_LONG:-}" ] || targets=(nephos_base nephos_proto) kind=RelWithDebInfo
check "cmake configures a project on the mount" \
	cmake -S project -B project/build -G Ninja -DNEPHOS_TESTS=OFF -DCMAKE_BUILD_TYPE=$kind
check "ninja builds the project on the mount" ninja -C project/build "${targets[@]}"
check "a second run of ninja has no work to do" \
	sh -c 'ninja -C project/build "$@" | grep -q "no work to do"' - "${targets[@]}"
rm -rf project

# ---- a database ----
cat >"$WORK/sql.py" <<'PY'
import sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("PRAGMA journal_mode=DELETE"); db.execute("PRAGMA synchronous=FULL")
db.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, v BLOB)")
for i in range(int(sys.argv[2])):
    db.execute("BEGIN"); db.execute("INSERT INTO t(v) VALUES (randomblob(300))"); db.execute("COMMIT")
print(db.execute("SELECT count(*) FROM t").fetchone()[0], db.execute("PRAGMA integrity_check").fetchone()[0])
PY
transactions=200
[ -z "${E2E_LONG:-}" ] || transactions=1000
check_eq "a sqlite database with a rollback journal is intact after $transactions transactions" \
	"$transactions ok" "$(python3 "$WORK/sql.py" db.sqlite $transactions 2>&1)"
check_eq "another process reads the sqlite database and finds it intact" \
	"ok" "$(sqlite3 db.sqlite 'PRAGMA integrity_check' 2>&1)"

# ---- one large file ----
size=128
[ -z "${E2E_LONG:-}" ] || size=2048
head -c ${size}M /dev/urandom | tee big | sha256sum >"$WORK/sum"
check_eq "a file of $size MiB is read back with its SHA-256" "$(cat "$WORK/sum")" "$(sha256sum <big)"
echo 3 >/proc/sys/vm/drop_caches 2>/dev/null
check_eq "a second read of the file, after caches were dropped, gives the same SHA-256" \
	"$(cat "$WORK/sum")" "$(sha256sum <big)"
rm big

# ---- many files in one folder ----
# More files than one page of a listing has (fusefs/names/listing.h), in either form.
count=2400
[ -z "${E2E_LONG:-}" ] || count=10000
mkdir many
check "a program makes $count files in one folder" python3 -c "
for i in range($count): open('many/f%05d' % i, 'w').write(str(i))"
check_eq "ls lists all $count files of the folder" $count "$(ls many | wc -l)"
check_eq "the $count files of the folder have their content" $((count * (count - 1) / 2)) "$(python3 -c "
import os
print(sum(int(open('many/'+n).read()) for n in os.listdir('many')))")"
check "rm -r removes the folder of $count files" rm -r many

# ---- small behaviours, compared with a local folder ----
L=$WORK/local
mkdir "$L" same
both() { # both SENTENCE SCRIPT: the script prints the same in both folders
	local here there
	here=$(cd same && bash -c "$2" 2>&1)
	there=$(cd "$L" && bash -c "$2" 2>&1)
	case $there in
	'' | *'command not found'*) fail "$1" "the script does not run on the local disk: $there" ;;
	*) check_eq "$1" "$there" "$here" ;;
	esac
}
both "ln, ln -s, readlink and stat of links do the same as on a local disk" \
	'echo a >a; ln a b; ln -s a c; readlink c; stat -c "%h %F" a b c; cat c; rm a; stat -c %h b; cat c'
both "mv over a file, of a folder and onto itself does the same as on a local disk" \
	'mkdir d e; echo 1 >d/x; echo 2 >y; mv y d/x; cat d/x; mv d e/; find . | sort; mv e/d e/d2; ls e; mv e e 2>&1 | wc -l'
both "mv -T between files, empty and full folders does the same as on a local disk" \
	'mkdir f g; touch g/x h; mv -T f g 2>&1 | grep -o "not empty"; mv -T f h 2>&1 | grep -c .; rmdir f; mv -T h k; ls'
both "chmod, umask, setuid and setgid do the same as on a local disk" \
	'umask 027; touch m; mkdir n; stat -c %a m n; chmod 4711 m; stat -c %a m; chmod u-s,o+w m; stat -c %a m; chmod 2775 n; mkdir n/o; stat -c %a n/o'
both "touch -d with nanoseconds, before 1970 and after 2038 does the same as on a local disk" \
	'touch -d "2001-02-03 04:05:06.123456789 UTC" t; stat -c "%y" t; touch -d "1960-01-01 UTC" t; stat -c %Y t; touch -d "2100-01-01 UTC" t; stat -c %Y t'
both "appends, truncate and sparse files do the same as on a local disk" \
	'echo a >s; echo b >>s; cat s; truncate -s 10 s; od -c s; truncate -s 3 s; od -c s; truncate -s 128M sp; stat -c %s sp; dd if=/dev/zero of=sp bs=1 count=1 seek=64M conv=notrunc 2>/dev/null; du -m --apparent-size sp | cut -f1; sha256sum <sp'
both "odd, overlong and non-UTF-8 names do the same as on a local disk" \
	'touch -- "a b" "é" "*" "-x" "$(printf "n\nl")" "$(printf "\377\376")"; ls -b | cat; rm -- *; ls -a | wc -l; touch "$(printf %255s x | tr " " y)" && ls | wc -c; touch "$(printf %256s x | tr " " y)" 2>&1 | grep -o "too long"'
both "dangling, circular and absolute symlinks do the same as on a local disk" \
	'ln -s nowhere z; cat z 2>&1 | grep -o "No such.*"; ln -s l2 l1; ln -s l1 l2; cat l1 2>&1 | grep -o "Too many.*"; ln -s / r; ls r/usr >/dev/null && echo ok'
both "an unlinked open file is read and written as on a local disk" \
	'exec 3<>u; echo hello >&3; rm u; echo more >&3; cat /proc/self/fd/3; ls u 2>&1 | grep -o "No such.*"'
both "a fifo carries data and is shown by stat as on a local disk" 'mkfifo p; (echo through >p &) ; cat p; stat -c %F p'
both "the shell's commands print the same errors as on a local disk" \
	'cat nix 2>&1; rmdir nix 2>&1; mkdir q; touch q/r; rmdir q 2>&1; rm q 2>&1; mkdir q 2>&1; cat q 2>&1; echo x >q/r/s 2>&1; ls q/r/ 2>&1'
both "find by size, time and type prints the same as on a local disk" \
	'mkdir -p v/w; head -c 5000 /dev/zero >v/w/big; touch -d "10 days ago" v/old; find v -size +4k -type f; find v -mtime +9; find v -type d | sort; find v -newer v/old | sort | wc -l'
both "hard links have the same count and content as on a local disk" \
	'mkdir hl; echo z >hl/1; for i in 2 3 4; do ln hl/1 hl/$i; done; stat -c %h hl/3; rm hl/1; cat hl/4; stat -c %h hl/2'
both "vi writes a file as on a local disk" \
	'printf "one\n" >vf; printf ":s/one/two/\n:wq\n" | (command -v vim.tiny >/dev/null && vim.tiny -es vf || vi -es vf); cat vf; ls vf*'
both "fallocate, hole punching and sparse cp do the same as on a local disk" \
	'fallocate -l 1M fa && stat -c %s fa; head -c 65536 /dev/urandom | tr "\0" x >pu; fallocate -p -o 4096 -l 8192 pu && stat -c %s pu; dd if=pu bs=4096 skip=1 count=2 2>/dev/null | tr -d "\0" | wc -c; cp --sparse=always pu pu2; cmp pu pu2 && echo same'
both "extended attributes are set, listed, removed and renamed as on a local disk" \
	'touch xa; setfattr -n user.a -v 1 xa; setfattr -n user.b -v "two words" xa; getfattr -d xa; setfattr -x user.a xa; getfattr -d xa; getfattr -n user.a xa 2>&1 | grep -o "No such.*"; mv xa xb; getfattr -n user.b xb'
both "cp --reflink=auto and copy_file_range copy the same bytes as on a local disk" \
	'head -c 300000 /dev/urandom >o1; cp --reflink=auto o1 o2; cmp o1 o2 && echo same; python3 -c "
import os
a=os.open(\"o1\",os.O_RDONLY); b=os.open(\"o3\",os.O_RDWR|os.O_CREAT)
n=0
while n<300000:
    k=os.copy_file_range(a,b,300000-n)
    if k==0: break
    n+=k
print(n)"; cmp o1 o3 && echo same'
both "flock and fcntl locks exclude other processes as on a local disk" \
	'touch lk; flock lk sh -c "flock -n lk echo got || echo busy"; flock -n lk echo free; python3 -c "
import fcntl,os
f=open(\"lk\",\"r+\"); fcntl.lockf(f,fcntl.LOCK_EX,10,0)
p=os.fork()
if p==0:
    g=open(\"lk\",\"r+\")
    try: fcntl.lockf(g,fcntl.LOCK_EX|fcntl.LOCK_NB,5,5); print(\"no\")
    except OSError: print(\"locked\")
    fcntl.lockf(g,fcntl.LOCK_EX|fcntl.LOCK_NB,5,10); print(\"beside\",flush=True)
    os._exit(0)
os.waitpid(p,0)"'
both "data written by mmap is read back as on a local disk" 'python3 -c "
import mmap
f=open(\"mm\",\"w+b\"); f.truncate(10000)
m=mmap.mmap(f.fileno(),10000); m[5000:5005]=b\"hello\"; m.flush(); m.close(); f.close()
print(open(\"mm\",\"rb\").read()[4998:5008])"'
both "O_DIRECT, O_SYNC and O_EXCL do the same as on a local disk" 'python3 -c "
import os,mmap
b=mmap.mmap(-1,8192); b.write(b\"d\"*8192)
f=os.open(\"od\",os.O_RDWR|os.O_CREAT|os.O_DIRECT,0o644); print(os.write(f,b)); os.close(f)
print(len(open(\"od\",\"rb\").read()))
f=os.open(\"os\",os.O_WRONLY|os.O_CREAT|os.O_SYNC,0o644); print(os.write(f,b\"x\"*10)); os.close(f)
try: os.open(\"os\",os.O_CREAT|os.O_EXCL)
except OSError as e: print(e.errno)"'
both "renameat2 with NOREPLACE and EXCHANGE does the same as on a local disk" 'echo 1 >r1; echo 2 >r2; python3 -c "
import ctypes,os
c=ctypes.CDLL(None,use_errno=True)
def r(a,b,f): return c.renameat2(-100,a,-100,b,f), ctypes.get_errno() if f==1 else 0
print(r(b\"r1\",b\"r2\",1)); print(r(b\"r1\",b\"r2\",2))"; cat r1 r2'
both "SEEK_HOLE and SEEK_DATA give the same offsets as on a local disk" 'python3 -c "
import os
f=os.open(\"sh\",os.O_RDWR|os.O_CREAT); os.pwrite(f,b\"x\"*4096,1<<20); os.fsync(f)
print(os.lseek(f,1<<20,os.SEEK_DATA)); print(os.lseek(f,1<<20,os.SEEK_HOLE))
try: os.lseek(f,2<<20,os.SEEK_DATA)
except OSError as e: print(e.errno)"'
check "df shows free space on the mount" sh -c 'test "$(df --output=avail . | tail -n 1)" -gt 1000'

# ---- a file of the mount over HTTP ----
echo seen >door.txt
check_status "a GET of a file that was written on the mount gets 200" \
	200 "${AUTH[@]}" "$URL/api/v2/docs/drives/home/files/30/door.txt"
check_eq "the GET returns the content that was written on the mount" seen "$(cat "$WORK/body")"
check "the answer to the GET has an ETag" test -n "$(header ETag)"
check_status "a GET with a Range of two bytes gets 206" \
	206 "${AUTH[@]}" -H 'Range: bytes=1-2' "$URL/api/v2/docs/drives/home/files/30/door.txt"
check_eq "the answer to the GET with a Range has just these two bytes" ee "$(cat "$WORK/body")"

# ---- a change that moves only the time of change is stored before it is answered, too ----
stored_ctime() { http "${AUTH[@]}" "$URL/api/v2/docs/drives/home/items?path=/30/$1" >/dev/null; jq -r .ctime \
	"$WORK/body"; }
# sets_the_same SENTENCE COMMAND…: runs the command on the file "still". Another file changes before the command, so
# that the command gets another time than the last change of "still".
sets_the_same() {
	local sentence=$1 before after
	shift
	before=$(stored_ctime still)
	echo x >other
	check "$sentence succeeds" "$@" still
	after=$(stored_ctime still)
	check "$sentence gives the file a new ctime in the store at once" test "$before" != "$after"
	check_eq "stat shows the store's ctime after $sentence" "$after" "$(stat -c %.9Z still)"
}
echo x >still
sets_the_same "chmod to the same mode" chmod "$(stat -c %a still)"
sets_the_same "chown to the same owner" chown "$(stat -c %u:%g still)"
sets_the_same "touch to the same time" touch -d "$(stat -c %y still)"
e2e_end
