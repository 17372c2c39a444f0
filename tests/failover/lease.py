"""Goal: Patroni, as scripts/lib/patroni/start starts it, asks etcd for its lease again when etcd does not answer, and
ends when it has asked for too long. It asks the member of etcd of its own node first. The client for etcd is a stub
that fails as Patroni's own does on a busy machine.
Usage: lease.py, with the Python that Patroni is installed for. It prints a line for each check.
"""
import importlib.machinery
import importlib.util
import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
HERE = os.path.join(ROOT, "scripts", "lib", "patroni")
sys.path.insert(0, HERE)
loader = importlib.machinery.SourceFileLoader("start", os.path.join(HERE, "start"))
start = importlib.util.module_from_spec(importlib.util.spec_from_loader("start", loader))
loader.exec_module(start)

import etcd  # noqa: E402: it is installed beside Patroni
from patroni.dcs.etcd3 import Etcd3  # noqa: E402


class Clock:
    """Time passes only while somebody sleeps."""
    now = 0.0

    def monotonic(self):
        return self.now

    def time(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds


class Client:
    def __init__(self, failures):
        self.failures = failures
        self.asked = 0

    def lease_grant(self, ttl, retry=None):
        self.asked += 1
        if self.asked <= self.failures:
            raise etcd.EtcdConnectionFailed("No more machines in the cluster")
        return "a lease"


def of(failures):
    """What Patroni makes when it begins, from where it asks for the lease. Nothing of it is connected."""
    dcs = Etcd3.__new__(Etcd3)
    dcs._lease = None
    dcs._last_lease_refresh = 0
    dcs._loop_wait = dcs._ttl = 1
    dcs._abstract_client = Client(failures)
    dcs.retry = lambda method: method(retry=None)
    return dcs


def started(dcs):
    """Has `begin` do all that it does but start the daemon; instead the lease is asked for. Returns the failure."""
    failure = []

    def main():
        try:
            dcs.create_lease()
        except etcd.EtcdException as e:
            failure.append(e)

    start.patroni.__main__.main = main
    start.begin(os.devnull)
    return failure


def check(sentence, right):
    print("%s - %s" % ("ok" if right else "not ok", sentence))
    return right


def main():
    original = Etcd3.create_lease
    start.time = Clock()
    start.yaml.safe_load = lambda f: {"etcd3": {"protocol": "https", "hosts": ["b:1", "a:1", "c:1"]}}
    busy, dead = of(3), of(10 ** 6)
    right = check("Patroni gets its lease when etcd answers at the fourth time", started(busy) == [])
    right &= check("Patroni has asked four times for that lease", busy._abstract_client.asked == 4)
    Etcd3.create_lease = original
    begun = start.time.now
    right &= check("Patroni ends with etcd's failure when etcd never answers", started(dead) != [])
    right &= check("Patroni waits less than the 90 s that scripts/up waits for a standby", start.time.now - begun < 90)
    right &= check("Patroni asks etcd more than ten times before it ends", dead._abstract_client.asked > 10)
    start.patroni.dcs.etcd3.PatroniEtcd3Client._get_machines_list = lambda client, members: sorted(members)
    started(of(0))
    members = start.patroni.dcs.etcd3.PatroniEtcd3Client._get_machines_list(None, ["https://%s:1" % m for m in "abc"])
    right &= check("Patroni asks the member of its own node first", members[0] == "https://b:1" and len(members) == 3)
    return 0 if right else 1


sys.exit(main())
