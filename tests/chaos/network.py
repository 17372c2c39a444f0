"""A network namespace of this process's own, in which the whole store runs, and cuts in that network.

The processes of a part are put into a control group of net_cls, by which nftables recognizes the packets that they
send, also those of existing connections. Each connection is marked with the bits of the parts at its ends. So a cut of
a part drops exactly what the part sends ("out"), what is sent to it ("in"), or either ("both"), whichever side began
the connection. Traffic over unix sockets (to PostgreSQL, and from the services to gateways) is not cut.

network.py run COMMAND…              runs a command in a network of its own
network.py can FOLDER                whether that, and cuts in it, are possible here; else says why not, and fails
network.py cut FOLDER PART PID…      there: cuts these processes off, both ways, until its input ends; prints "cut", and
                                     at the end how many packets it dropped
"""
import ctypes, fcntl, os, re, shutil, socket, struct, subprocess, sys

CLONE_NEWNET = 0x40000000
SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1
PARTS_MAX = 31  # one bit of a connection's mark for each
CLASS = 0x10000
LIBC = ctypes.CDLL(None, use_errno=True)


def enter():
    """This process, and all it starts, use a network of their own from here on. False: that is not allowed here."""
    if LIBC.unshare(CLONE_NEWNET) != 0:
        return False
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        asked = struct.pack("16sh14x", b"lo", 0)
        _, flags = struct.unpack("16sh14x", fcntl.ioctl(s, SIOCGIFFLAGS, asked))
        fcntl.ioctl(s, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", flags | IFF_UP))
    return True


def nft(text):
    subprocess.run(["nft", "-f", "-"], input=text, text=True, check=True)


def children(pid):
    """The children of all threads of the process, and their children."""
    found = []
    try:
        for task in os.listdir("/proc/%d/task" % pid):
            with open("/proc/%d/task/%s/children" % (pid, task)) as f:
                for child in map(int, f.read().split()):
                    found += [child] + children(child)
    except OSError:
        pass  # the process has ended
    return found


def listens_on(pid):
    """The TCP ports on which a process accepts connections."""
    inodes, ports = set(), set()
    try:
        for fd in os.listdir("/proc/%d/fd" % pid):
            at = os.readlink("/proc/%d/fd/%s" % (pid, fd))
            if at.startswith("socket:["):
                inodes.add(at[8:-1])
        for table in ("tcp", "tcp6"):
            with open("/proc/%d/net/%s" % (pid, table)) as f:
                for words in map(str.split, list(f)[1:]):
                    if words[3] == "0A" and words[9] in inodes:
                        ports.add(int(words[1].rsplit(":", 1)[1], 16))
    except OSError:
        pass  # the process has ended
    return ports


class Network:
    """why_not: why nothing can be cut here, else None."""

    def __init__(self, own, folder, first_bit=0):
        self.folder, self.bits, self.groups = os.path.join(folder, "net_cls"), {}, False
        self.first_bit = first_bit
        self.why_not = None if own else "no network of its own is allowed here"
        if not self.why_not and not shutil.which("nft"):
            self.why_not = "there is no nft"
        if not self.why_not:
            self._begin()

    def _begin(self):
        os.makedirs(self.folder, exist_ok=True)
        mounted = subprocess.run(["mount", "-t", "cgroup", "-o", "net_cls", "none", self.folder], capture_output=True)
        if mounted.returncode != 0:
            self.why_not = "there are no control groups of net_cls here"
            return
        self.groups = True
        nft("table inet chaos {\n"
            "  chain marks { type filter hook output priority 0; policy accept; }\n"
            "  chain cuts { type filter hook output priority 10; policy accept; }\n}\n")

    def _group(self, part):
        """Makes the part's control group and bit."""
        if part not in self.bits:
            assert self.first_bit + len(self.bits) < PARTS_MAX
            bit = self.bits[part] = self.first_bit + len(self.bits)
            os.makedirs(os.path.join(self.folder, part), exist_ok=True)
            with open(os.path.join(self.folder, part, "net_cls.classid"), "w") as f:
                f.write("%d" % (CLASS + bit + 1))
            nft("add rule inet chaos marks meta cgroup %d ct mark set ct mark or %d\n" % (CLASS + bit + 1, 1 << bit))
        return self.bits[part]

    def enrol(self, part, pids):
        """Makes these processes, and those they have started, members of the part's group."""
        if self.why_not:
            return
        self._group(part)
        for pid in pids:
            for each in [pid] + children(pid):
                try:
                    with open(os.path.join(self.folder, part, "cgroup.procs"), "w") as f:
                        f.write(str(each))
                except OSError:
                    pass  # the process has ended

    def cut(self, part, way, pids):
        """pids: the processes of the part, already enrolled."""
        group, mark = CLASS + self.bits[part] + 1, 1 << self.bits[part]
        rules = []
        if way in ("out", "both"):
            rules.append("meta cgroup %d counter drop" % group)
        if way in ("in", "both"):
            rules.append("meta cgroup != %d ct mark and %d == %d counter drop" % (group, mark, mark))
            ports = sorted(set().union(*map(listens_on, pids)))
            if ports:
                rules.append("meta cgroup != %d tcp dport { %s } counter drop" % (group, ", ".join(map(str, ports))))
        nft("".join('add rule inet chaos cuts %s comment "%s"\n' % (rule, part) for rule in rules))

    def mend(self, part):
        """Ends the cut; returns how many packets it has dropped."""
        listed = subprocess.run(["nft", "-a", "list", "chain", "inet", "chaos", "cuts"], capture_output=True, text=True,
                                check=True).stdout
        rules = [line for line in listed.splitlines() if 'comment "%s"' % part in line]
        nft("".join("delete rule inet chaos cuts handle %s\n" % rule.rsplit(" ", 1)[1] for rule in rules))
        return sum(int(count) for rule in rules for count in re.findall(r"counter packets (\d+)", rule))

    def mend_all(self):
        if self.groups:
            nft("flush chain inet chaos cuts\n")

    def end(self):
        """Called when the whole store has ended."""
        if not self.groups:
            return
        for part in self.bits:
            try:
                os.rmdir(os.path.join(self.folder, part))
            except OSError:
                pass  # a process is still in it: the group stays until the machine ends
        subprocess.run(["umount", self.folder], capture_output=True)


def cut_until_end(folder, part, *pids):
    """A connection is marked only by packets sent from now on; live connections send packets all the time."""
    pids = [int(pid) for pid in pids]
    # Processes stay in the group of their part after the cut, so each part needs a bit of its own: its number.
    network = Network(True, folder, int(part.rsplit("-", 1)[1]))
    if network.why_not:
        sys.exit(network.why_not)
    network.enrol(part, pids)
    network.cut(part, "both", pids)
    print("cut", flush=True)
    sys.stdin.read()
    print(network.mend(part))
    network.end()


def main(what, *words):
    if what == "cut":
        cut_until_end(*words)
    elif what == "can":
        network = Network(enter(), words[0])
        network.end()
        sys.exit(network.why_not)
    elif not enter():
        sys.exit("no network of its own is allowed here")
    else:
        os.execvp(words[0], words)


if __name__ == "__main__":
    main(*sys.argv[1:])
