"""waited: how long threads that were ready to run waited for a processor. That is what a busy machine adds to the time
that something takes; it is measured, so that a test can judge the rest.

A process of its own looks every STEP_S at what the kernel counts for each thread (the second figure of schedstat) of
the parts of a store; the counts are asked for when it has ended.
"""
import array
import bisect
import os
import pickle
import tempfile
import time

STEP_S = 0.02
# A wait is counted when it is over: one that is still going on at the end of a span is found so much later.
LATER_S = 0.1
HANDS = 3           # threads of one part that a thing goes through one after the other, at most


class Waited:
    def __init__(self, parts):
        """parts: {name: [pid, …]}; threads are those that there are now."""
        self.threads = []       # (part, file)
        for name, pids in parts.items():
            for pid in pids:
                for task in os.listdir("/proc/%d/task" % pid):
                    self.threads.append((name, os.open("/proc/%d/task/%s/schedstat" % (pid, task), os.O_RDONLY)))
        self.times, self.counts = [], []
        self.kept = tempfile.TemporaryFile()
        stop, self.stop = os.pipe()
        self.child = os.fork()
        if self.child == 0:
            os.close(self.stop)
            os.set_blocking(stop, False)
            try:
                self._sample(stop)
            finally:
                os._exit(0)
        os.close(stop)

    def _sample(self, stop):
        while True:
            self.times.append(time.monotonic())
            self.counts.append(array.array("Q", [self._count(file) for _, file in self.threads]))
            try:
                os.read(stop, 1)
                break           # its other end is closed
            except BlockingIOError:
                time.sleep(STEP_S)
        pickle.dump((self.times, self.counts), self.kept)
        self.kept.flush()

    @staticmethod
    def _count(file):
        try:
            return int(os.pread(file, 100, 0).split()[1])
        except (OSError, IndexError):
            return 0            # it has ended

    def end(self):
        os.close(self.stop)
        os.waitpid(self.child, 0)
        self.kept.seek(0)
        self.times, self.counts = pickle.load(self.kept)

    def during(self, names, begin, end):
        """The seconds that what went through these parts can have waited between the two times: of each the HANDS
        threads that waited longest, none longer than all the time."""
        first = max(0, bisect.bisect_right(self.times, begin) - 1)
        last = min(len(self.times) - 1, bisect.bisect_left(self.times, end + LATER_S))
        waits = {}
        for i, (name, _) in enumerate(self.threads):
            if name in names:
                waits.setdefault(name, []).append(min(max(0, self.counts[last][i] - self.counts[first][i]) / 1e9,
                        end - begin))
        return sum(sum(sorted(of)[-HANDS:]) for of in waits.values())
