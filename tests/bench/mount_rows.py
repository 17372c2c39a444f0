"""Measures what programs do on mounts, beside each other in one run.

Usage: mount_rows.py RESULT.json NAME=DIR=COLD-COMMAND ...
COLD-COMMAND makes the next reads of that mount cold (it mounts it anew, or drops the caches). The first peer named "passthrough" is what
ratios are taken of. Each figure is the median of several rounds; in each round every peer has its turn, so that a slow
minute hits all, and each round begins with another peer, so that none always comes after the same one. A peer "before"
is an earlier version of "nephos": of
the two each round gives a ratio of its own, and the median of those is shown, too.
"""
import atexit
import functools
import hashlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

FILES = 500
SMALL = b"s" * 4096
LARGE_MIB = 128
RANDOM = 1000
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))


class Peer:
    def __init__(self, spec):
        self.name, self.dir, self.cold_command = spec.split("=", 2)

    def path(self, *parts):
        return os.path.join(self.dir, *parts)

    def cold(self):
        subprocess.run(self.cold_command, shell=True, check=True)
        with open("/proc/sys/vm/drop_caches", "w") as f:
            f.write("3")


def timed(function):
    begin = time.perf_counter()
    function()
    return time.perf_counter() - begin


@functools.lru_cache
def tree():
    """A tree of 792 entries: 72 folders with 10 files of about 3 KiB each, made once a run, packed."""
    top = tempfile.mkdtemp(prefix="nephos-bench-tree.")
    atexit.register(shutil.rmtree, top)
    for i in range(72):
        folder = os.path.join(top, "t", "d%02d" % (i // 9), "e%02d" % i)
        os.makedirs(folder)
        for k in range(10):
            with open(os.path.join(folder, "f%d" % k), "wb") as f:
                f.write(hashlib.shake_128(b"%d %d" % (i, k)).digest(1000 + 400 * k))
    subprocess.run(["tar", "-C", top, "-cf", top + "/t.tar", "t"], check=True)
    return top + "/t.tar"


def names(peer, folder="small"):
    return [peer.path(folder, "f%04d" % i) for i in range(FILES)]


def create(peer, sync=False):
    shutil.rmtree(peer.path("small"), ignore_errors=True)
    os.mkdir(peer.path("small"))

    def run():
        for name in names(peer):
            f = os.open(name, os.O_WRONLY | os.O_CREAT, 0o644)
            os.write(f, SMALL)
            if sync:
                os.fsync(f)
            os.close(f)

    return timed(run)


def untar(peer):
    shutil.rmtree(peer.path("t"), ignore_errors=True)
    return timed(lambda: subprocess.run(["tar", "-C", peer.dir, "-xf", tree()], check=True))


def rename(peer):
    def run():
        for name in names(peer):
            os.rename(name, name + "r")

    result = timed(run)
    for name in names(peer):
        os.rename(name + "r", name)
    return result


def unlink(peer):
    create(peer)

    def run():
        for name in names(peer):
            os.unlink(name)

    return timed(run)


def rm_r(peer):
    untar(peer)
    return timed(lambda: subprocess.run(["rm", "-r", peer.path("t")], check=True))


def stat_all(peer):
    for name in names(peer):
        os.stat(name)


def read_all(peer):
    for name in names(peer):
        f = os.open(name, os.O_RDONLY)
        if len(os.read(f, 8192)) != 4096:
            raise SystemExit("%s: short read of %s" % (peer.name, name))
        os.close(f)


def cold_then_hot(function):
    """One measurement of each; the second finds what the first has left in caches."""

    def cold(peer):
        peer.cold()
        return timed(lambda: function(peer))

    def hot(peer):
        function(peer)
        return timed(lambda: function(peer))

    return cold, hot


def command(*words):
    def run(peer):
        with open(os.devnull, "w") as out:
            subprocess.run([w.replace("{}", peer.dir) for w in words], check=True, stdout=out)

    return run


def write_large(peer):
    chunk = os.urandom(1 << 20)

    def run():
        f = os.open(peer.path("large"), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        for i in range(LARGE_MIB):
            os.write(f, b"%020d" % i + chunk[20:])
        os.fsync(f)
        os.close(f)

    return timed(run)


def read_large(peer):
    f = os.open(peer.path("large"), os.O_RDONLY)
    while os.read(f, 1 << 20):
        pass
    os.close(f)


def offsets():
    state = 12345
    for _ in range(RANDOM):
        state = (state * 1103515245 + 12345) % (1 << 31)
        yield state % (LARGE_MIB * 256) * 4096


def random_read(peer):
    f = os.open(peer.path("large"), os.O_RDONLY)
    os.posix_fadvise(f, 0, 0, os.POSIX_FADV_RANDOM)
    for at in offsets():
        os.pread(f, 4096, at)
    os.close(f)


def random_write(peer):
    def run():
        f = os.open(peer.path("large"), os.O_WRONLY)
        for at in offsets():
            os.pwrite(f, SMALL, at)
        os.fsync(f)
        os.close(f)

    return timed(run)


stat_cold, stat_hot = cold_then_hot(stat_all)
ls_cold, _ = cold_then_hot(command("ls", "-lR", "{}/t"))
read_cold, read_hot = cold_then_hot(read_all)
tar_cold, _ = cold_then_hot(command("sh", "-c", "tar -C {} -cf - t | cat"))
large_cold, large_hot = cold_then_hot(read_large)
random_cold, _ = cold_then_hot(random_read)

# In this order: each row finds what those before it have left.
ROWS = [
    ("create and write a file", create, 0.12),
    ("create, write, fsync", lambda p: create(p, True), 0.22),
    ("stat cold", stat_cold, 0.20),
    ("stat hot", stat_hot, 0.9),
    ("read 4 KiB files cold", read_cold, 0.30),
    ("read 4 KiB files hot", read_hot, 0.75),
    ("rename", rename, 0.11),
    ("unlink", unlink, 0.07),
    ("rm -r", rm_r, 0.18),
    ("untar a tree", untar, 0.18),
    ("ls -lR cold", ls_cold, 0.30),
    ("tar up a tree, cold", tar_cold, 0.30),
    ("sequential write with fsync", write_large, 0.4),
    ("sequential read cold", large_cold, 0.5),
    ("sequential read hot", large_hot, 4),
    ("random 4 KiB read cold", random_cold, 0.33),
    ("random 4 KiB write, one fsync", random_write, 0.4),
]


def main():
    result_file, peers = sys.argv[1], [Peer(spec) for spec in sys.argv[2:]]
    tree()
    results = {}
    for title, function, target in ROWS:
        times = {peer.name: [] for peer in peers}
        for turn in range(ROUNDS):
            first = turn % len(peers)
            for peer in peers[first:] + peers[:first]:
                times[peer.name].append(function(peer))
        results[title] = {"target": target, "seconds": {name: statistics.median(t) for name, t in times.items()}}
        if "before" in times:
            results[title]["ratios"] = [now / before for now, before in zip(times["nephos"], times["before"])]
        base = results[title]["seconds"]["passthrough"]
        shown = "  ".join("%s %.2f" % (name, base / s) for name, s in results[title]["seconds"].items())
        print("%-32s %s  (first: %s)" % (title, shown, target), flush=True)
    with open(result_file, "w") as f:
        json.dump(results, f, indent=1)
    print("\n| part of libfuse passthrough_ll, medians of %d | %s | must reach |" % (ROUNDS,
            " | ".join(p.name for p in peers)))
    print("|---|" + "---|" * (len(peers) + 1))
    for title, row in results.items():
        base = row["seconds"]["passthrough"]
        print("| %s | %s | %s |" % (title, " | ".join("%.2f" % (base / row["seconds"][p.name]) for p in peers),
                row["target"]))
    if any(p.name == "before" for p in peers):
        print("\n| time of nephos, beside before | median | quarter | three quarters |\n|---|---|---|---|")
        for title, row in results.items():
            ratios = row["ratios"]
            low, middle, high = statistics.quantiles(ratios, n=4) if len(ratios) > 1 else ratios * 3
            print("| %s | %.2fx | %.2f | %.2f |" % (title, middle, low, high))


main()
