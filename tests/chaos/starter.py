"""Restarts gateways and services as scripts/up has started them, without its checks: on a busy machine those take much
longer than a supervisor would."""
import os, subprocess

AS_USER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "scripts", "lib", "as-user")


def words_of(pid, what):
    with open("/proc/%d/%s" % (pid, what), "rb") as f:
        return [os.fsdecode(word) for word in f.read().split(b"\0") if word]


class Starter:
    def __init__(self, data, build):
        self.data, self.build, self.commands, self.children = data, build, {}, {}

    def remember(self, parts, pid_of):
        """Records how the parts, which are running, were started."""
        for part in parts:
            pid = pid_of(part)
            environment = dict(word.split("=", 1) for word in words_of(pid, "environ"))
            for name in [name for name in environment if name in ("LD_PRELOAD", "CLOCK_PRELOAD_FILE")]:
                del environment[name]  # these are for the program alone, and its script sets them again
            words = words_of(pid, "cmdline")
            words[0] = os.path.join(self.build, "bin", os.path.basename(words[0]))
            self.commands[part] = words, environment

    def start(self, part):
        words, environment = self.commands[part]
        become = []
        if os.geteuid() == 0:
            folders = [self.data, os.path.join(self.data, "blocks"), os.path.join(self.build, "bin"),
                       os.path.join(self.build, "web", "api")]
            become = [AS_USER, "nephos", *folders, "--"]
        for child in list(self.children.values()):
            child.poll()  # reaps them: no other code waits for them
        with open(os.path.join(self.data, "log", part + ".log"), "a") as log:
            child = subprocess.Popen(become + words, env=environment, stdin=subprocess.DEVNULL, stdout=log,
                                     stderr=subprocess.STDOUT, start_new_session=True)
        self.children[child.pid] = child
        self.record(part, child.pid)

    def status_of(self, pid):
        """The exit status of a process that was started here, as text."""
        child = self.children.get(pid)
        status = child.poll() if child else None
        return "with status %d" % status if status is not None else "with a status that nobody knows"

    def record(self, part, pid):
        """Writes the files that scripts/lib/trust.sh writes, which then trusts the process."""
        with open("/proc/%d/stat" % pid) as f:
            started = f.read().rsplit(")", 1)[1].split()[19]
        for ending, text in ((".start", "%d %s\n" % (pid, started)), (".pid", "%d\n" % pid)):
            path = os.path.join(self.data, "run", part + ending)
            with open(path + ".new", "w") as f:
                f.write(text)
            os.replace(path + ".new", path)
