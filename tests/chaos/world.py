"""The store under test: three gateways and three mounts of one drive (a, b and c). scripts/up starts the store,
restarts what is down, and scripts/down ends it."""
import json, os, signal, subprocess, threading, time
from life import Life
from network import children
from starter import Starter

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
GATEWAYS = 3
UP_S = 240  # until scripts/up has brought back what is down, with all attempts: with standbys a node may be copied anew
END_S = 60  # until a part ends that was asked to
MOUNT_S = 60
UNMOUNT_S = 150  # nephos umount itself waits for 120 s
DOWN_S = 600  # scripts/down: waits for the lock, for a mount, and for each part until it is killed
NODES = (1, 2, 3)


def is_gone(pid):
    try:
        with open("/proc/%d/stat" % pid) as f:
            return f.read().rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return True


def wait_until(seconds, question):
    until = time.monotonic() + seconds
    while not question():
        if time.monotonic() > until:
            return False
        time.sleep(0.05)
    return True


class Broken(Exception):
    """The store does not come back."""


class World:
    def __init__(self, folder, port, standbys, build):
        self.folder, self.port, self.standbys, self.build = folder, port, standbys, build
        self.data, self.lives, self.lock = os.path.join(folder, "store"), {"c": Life(folder, "c")}, threading.Lock()
        self.nephos = os.path.join(build, "bin", "nephos")
        self.gateways = ["http://127.0.0.1:%d" % (port + i) for i in range(GATEWAYS)]
        self.network, self.starter = None, Starter(self.data, build)
        self.disk, self.ended, self.by_itself = None, set(), []  # ended: (part, pid) that a fault has ended

    # ---- the parts ----

    def services(self):
        return ["docs-1", "docs-2", "user-1", "user-2"]

    def gateway_parts(self):
        return ["gateway-%d" % (i + 1) for i in range(GATEWAYS)]

    def databases(self):
        return ["postgres-%d" % n for n in NODES] if self.standbys else ["postgres"]

    def nodes(self):
        return ["node-%d" % n for n in NODES] if self.standbys else []

    def mount_folder(self, name):
        return os.path.join(self.folder, name)

    def last_pid(self, part):
        """The pid of the last process that was started as this part; None if there was none."""
        of_mount = {"mount-a": "store/run/mount.pid", "mount-b": "b.pid", "mount-c": "c.pid"}
        try:
            with open(os.path.join(self.folder, of_mount.get(part, "store/run/%s.pid" % part))) as f:
                return int(f.read())
        except (OSError, ValueError):
            return None

    def pid(self, part):
        """The pid of the part's running process; None if there is none. The recorded number alone may belong to another
        process by now."""
        pid = self.last_pid(part)
        if pid is None:
            return None
        try:
            with open("/proc/%d/cmdline" % pid, "rb") as f:
                words = f.read()
        except OSError:
            return None
        return pid if self.data.encode() + b"/" in words and not is_gone(pid) else None

    def watchdog(self, node):
        """The watchdog's processes, which are children of no part (scripts/lib/patroni/watchdog)."""
        found = subprocess.run(["pgrep", "-f", "watchdog .* %s/postgres-%s/data " % (self.data, node)],
                               capture_output=True, text=True)
        return [int(pid) for pid in found.stdout.split()]

    def pids(self, part):
        """All processes of a part; of a node, those of its database, of Patroni and of etcd."""
        kind, _, number = part.partition("-")
        of = ["patroni-" + number, "etcd-" + number, "postgres-" + number] if kind == "node" else [part]
        found = self.watchdog(number) if kind == "node" else []
        for each in of:
            pid = self.pid(each)
            if pid:
                found += [pid] + children(pid)
        return found

    # ---- start and end ----

    def environment(self):
        kept = {name: value for name, value in os.environ.items() if not name.startswith("NEPHOS_")}
        return dict(kept, NEPHOS_BUILD_DIR=self.build)

    def clean_environment(self):
        return {name: value for name, value in self.environment().items() if name != "NEPHOS_BUILD_DIR"}

    def _up(self, *flags):
        return self._script("up", UP_S, *flags)

    def _script(self, name, seconds, *flags):
        """Whether the script succeeded in that time; its output is in NAME.log."""
        with open(os.path.join(self.folder, name + ".log"), "a") as log:
            try:
                return subprocess.run([os.path.join(ROOT, "scripts", name), "--data", self.data, *flags], stdout=log,
                                      stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, env=self.environment(),
                                      timeout=seconds).returncode == 0
            except subprocess.TimeoutExpired:
                return False

    def begin(self):
        standbys = ["--standbys", "2"] if self.standbys else []
        flags = ["--port", str(self.port), "--gateways", str(GATEWAYS), "--mount", self.mount_folder("a"), "--user",
                 "tester", *standbys]
        if not self._up(*flags):
            print("scripts/up did not bring the store up at once; see up.log", flush=True)
            if not self._up(*flags):
                raise Broken("the store does not come up; see up.log")
        for name in ("b", "c"):
            self.mount(name)
        self.enrol()
        self.starter.remember(self.gateway_parts() + self.services(), self.pid)

    def mount(self, name):
        at = self.mount_folder(name)
        os.makedirs(at, exist_ok=True)
        options = "credentials=%s/credentials,pidfile=%s/%s.pid,log=%s/%s.log" % (self.data, self.folder, name,
                                                                                self.folder, name)
        said = self._nephos(MOUNT_S, "mount", "-o", options, ",".join(self.gateways), at)
        if said:
            raise Broken("mount %s: %s" % (name, said))

    def _nephos(self, seconds, *words):
        """The error as text, or ""."""
        try:
            done = subprocess.run([self.nephos, *words], timeout=seconds, stdin=subprocess.DEVNULL, capture_output=True,
                                  text=True, env=self.clean_environment())
        except subprocess.TimeoutExpired:
            return "it took longer than %d s" % seconds
        return "" if done.returncode == 0 else done.stderr or "it ended with %d" % done.returncode

    def unmount(self, name):
        return self._nephos(UNMOUNT_S, "umount", self.mount_folder(name))

    def end(self):
        """Ends the store, after ending all faults. Returns what did not end properly, as text."""
        wrong = []
        if self.network:
            self.network.mend_all()
        if self.disk:
            self.disk.set_right()
        for part in self.gateway_parts() + self.services() + self.databases() + self.nodes():
            self.signal(part, signal.SIGCONT)
        for name in ("b", "c"):
            if os.path.ismount(self.mount_folder(name)):
                said = self.unmount(name)
                wrong += ["umount of %s: %s" % (name, said)] if said else []
                subprocess.run(["umount", "-l", self.mount_folder(name)], capture_output=True)
        if os.path.exists(os.path.join(self.data, "settings")) and not self._script("down", DOWN_S):
            wrong.append("scripts/down does not end the store in order; see down.log")
        return wrong

    # ---- recovery ----

    def enrol(self):
        if self.network:
            for part in self.gateway_parts() + self.services() + self.nodes() + ["mount-a", "mount-b", "mount-c"]:
                self.network.enrol(part, self.pids(part))

    def is_up(self):
        databases = self.databases() + ["%s-%d" % (kind, n) for kind in ("etcd", "patroni") for n in NODES
                                        if self.standbys]
        return all(self.pid(part) for part in self.gateway_parts() + self.services() + databases)

    def heal(self):
        """Starts what is down: gateways and services as scripts/up had started them, but quicker; scripts/up does the
        rest. During another fault that may take several attempts."""
        with self.lock:
            self.look_for_ended()
            for part in self.gateway_parts() + self.services():
                if not self.pid(part):
                    self.starter.start(part)
            if self.is_up():
                self.enrol()
                return
            until = time.monotonic() + UP_S
            while not self._up():
                if time.monotonic() > until:
                    raise Broken("scripts/up does not bring the store back; see up.log")
            self.enrol()

    def look_for_ended(self):
        """Finds processes that are down though no fault has ended them: they ended by themselves, which is a finding.
        Processes that are being started do not count: what they need may be down, and then they may end and be
        started again. Patroni ends and starts databases itself."""
        parts = self.gateway_parts() + self.services() + ["mount-a", "mount-b", "mount-c"]
        for part in parts + ([] if self.standbys else self.databases()):
            pid = self.last_pid(part)
            if pid and not self.pid(part) and (part, pid) not in self.ended:
                self.ended.add((part, pid))
                self.by_itself.append("%s ended by itself, %s" % (part, self.starter.status_of(pid)))

    def signal(self, part, number):
        for pid in self.pids(part):
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                pass

    def kill(self, part):
        """Kills the part's main process; the child processes of a postmaster end by themselves."""
        pids = self.pids(part) if part.startswith("node-") else [self.pid(part)]
        for pid in filter(None, pids):
            self.ended.add((part, pid))
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass

    def serve_again(self):
        """Runs scripts/up, which returns when the parts that it has started serve."""
        with self.lock:
            self.look_for_ended()
            if not self._up():
                raise Broken("scripts/up does not start what was ended in order; see up.log")
            self.enrol()

    def ask_to_end(self, part):
        """Ends the part as a wanted restart does."""
        pid = self.pid(part)
        if not pid:
            return
        self.ended.add((part, pid))
        os.kill(pid, signal.SIGTERM)
        if not wait_until(END_S, lambda: is_gone(pid)):
            raise Broken("%s does not end within %d s" % (part, END_S))

    def kill_mount(self, name):
        self.lives[name].goes_on()
        self.kill("mount-" + name)

    def remount(self, name):
        at = self.mount_folder(name)
        subprocess.run(["umount", "-l", at], capture_output=True)
        until = time.monotonic() + UP_S
        while True:  # during another fault the mount may be refused
            try:
                self.mount(name)
                break
            except Broken:
                if time.monotonic() > until:
                    raise
        self.enrol()
        self.lives[name].goes_on()

    # ---- Patroni ----

    def ask_patroni(self, path, body=None):
        """The answer of the first node that answers."""
        tls, port = os.path.join(self.data, "standbys"), self.port + 16 + 3
        data = ["-X", "POST", "-d", json.dumps(body)] if body else []
        for n in NODES:
            asked = subprocess.run(["curl", "-fsS", "--noproxy", "*", "--max-time", "30" if body else "3", "--cacert",
                                    tls + "/ca.crt", "--cert", tls + "/node.crt", "--key", tls + "/node.key", *data,
                                    "https://127.0.0.1:%d%s" % (port + n - 1, path)], capture_output=True, text=True)
            if asked.returncode == 0:
                return asked.stdout
        return None

    def members(self):
        said = self.ask_patroni("/cluster") if self.standbys else None
        return json.loads(said)["members"] if said else []

    def primary(self):
        """The number of the primary's node, or None."""
        for member in self.members():
            if member["role"] == "leader":
                return int(member["name"].rsplit("-", 1)[1])
        return None

    def is_whole(self):
        return not self.standbys or sum(m["role"] == "quorum_standby" and m["state"] == "streaming"
                                        for m in self.members()) == 2
