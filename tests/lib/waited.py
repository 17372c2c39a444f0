"""waited: measures how long threads that were ready to run waited for a processor. A busy machine adds this time to all
durations; a test can subtract it and judge the rest.

Every STEP_S a process of its own reads the kernel's count for each thread (the second figure of schedstat) of the parts
of a store. The counts are available after that process has ended.
"""
import array
import bisect
import os
import pickle
import tempfile
import time

STEP_S = 0.02
# The kernel counts a wait when it is over: a wait that lasts beyond the end of a span is found this much later.
LATER_S = 0.1
HANDS = 3           # the most threads of one part that a change passes one after the other


class Waited:
    def __init__(self, parts):
        """parts: {name: [pid, …]}; the threads are those that exist now."""
        self.threads = [(name, file) for name, pids in parts.items() for pid in pids for file in self._open(pid)]
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

    @staticmethod
    def _open(pid):
        """A process or thread that has ended meanwhile is left out: PostgreSQL's come and go."""
        files = []
        try:
            for task in os.listdir("/proc/%d/task" % pid):
                files.append(os.open("/proc/%d/task/%s/schedstat" % (pid, task), os.O_RDONLY))
        except (FileNotFoundError, ProcessLookupError):
            pass
        return files

    def _sample(self, stop):
        while True:
            self.times.append(time.monotonic())
            self.counts.append(array.array("Q", [self._count(file) for _, file in self.threads]))
            try:
                os.read(stop, 1)
                break           # the parent has closed its end of the pipe
            except BlockingIOError:
                time.sleep(STEP_S)
        pickle.dump((self.times, self.counts), self.kept)
        self.kept.flush()

    @staticmethod
    def _count(file):
        try:
            return int(os.pread(file, 100, 0).split()[1])
        except (OSError, IndexError):
            return 0            # the thread has ended

    def end(self):
        os.close(self.stop)
        os.waitpid(self.child, 0)
        self.kept.seek(0)
        self.times, self.counts = pickle.load(self.kept)

    def during(self, names, begin, end):
        """The seconds that a change through these parts can have waited between the two times: for each part, the sum
        of the HANDS threads that waited longest, none longer than the whole span."""
        first = max(0, bisect.bisect_right(self.times, begin) - 1)
        last = min(len(self.times) - 1, bisect.bisect_left(self.times, end + LATER_S))
        waits = {}
        for i, (name, _) in enumerate(self.threads):
            if name in names:
                waits.setdefault(name, []).append(min(max(0, self.counts[last][i] - self.counts[first][i]) / 1e9,
                        end - begin))
        return sum(sum(sorted(of)[-HANDS:]) for of in waits.values())
