"""What clients did, and the answers they got, a line of JSON each; judge.py reads it.

    {"w": KIND, …, "how": "ok" | "unknown"}    a change: it was acknowledged, or its outcome is unknown
    {"w": "read", …}                           what a read showed
    {"w": "failed", "where", "what"}           a call that should not have failed
    {"w": "full", "where", "what"}             a change that was refused for want of room
    {"w": "attempt", "gateway", "begin", "end", "what"}    a request that one gateway did not decide, and was repeated
    {"w": "fault", "name", "victim", "begin", "end"}       a cut also has "dropped": how many packets it dropped
Times are nanoseconds of CLOCK_MONOTONIC.
"""
import json, threading


class History:
    def __init__(self, path):
        self.file, self.lock = open(path, "w", buffering=1 << 16), threading.Lock()

    def note(self, kind, **fields):
        with self.lock:
            self.file.write(json.dumps(dict(fields, w=kind), separators=(",", ":")) + "\n")

    def close(self):
        self.file.close()


def read(path):
    with open(path) as f:
        return [json.loads(line) for line in f]
