"""The clocks of single processes: the store's programs are started through a script that loads clock_preload.c into
them, which reads how far the clock of this part is off. What counts time for itself (CLOCK_MONOTONIC), and all waits,
are left alone, as the kernel leaves them when somebody sets the clock."""
import os, struct

PROGRAMS = ("nephos-gateway", "nephos-docs", "nephos-user")
SCRIPT = """#!/bin/sh
name=none last=
for word; do
	[ "$last" != --name ] || name=$word
	last=$word
done
export LD_PRELOAD=%(library)s CLOCK_PRELOAD_FILE=%(clocks)s/"$name"
exec %(program)s "$@"
"""


class Clocks:
    """build: that of the programs as they are to be started."""

    def __init__(self, folder, build, wanted):
        self.folder, self.build = os.path.join(folder, "clocks"), build
        self.library = os.path.join(build, "bin", "clock_preload.so")
        self.why_not = None if wanted else "no fault of a clock was asked for"
        if not self.why_not:
            self._begin(os.path.join(folder, "build"))

    def _begin(self, build):
        """A build like that one, but for the programs; there is nothing to make in it."""
        os.makedirs(self.folder)
        os.makedirs(os.path.join(build, "bin"))
        for name in ("web", "patroni"):
            if os.path.exists(os.path.join(self.build, name)):
                os.symlink(os.path.join(self.build, name), os.path.join(build, name))
        with open(os.path.join(build, "build.ninja"), "w") as f:
            f.write("build all: phony\n")
        for name in os.listdir(os.path.join(self.build, "bin")):
            program, here = os.path.join(self.build, "bin", name), os.path.join(build, "bin", name)
            if name not in PROGRAMS:
                os.symlink(program, here)
                continue
            with open(here, "w") as f:
                f.write(SCRIPT % {"library": self.library, "clocks": self.folder, "program": program})
            os.chmod(here, 0o755)
        self.build = build

    def shift(self, part, seconds):
        """In place: whoever has mapped it sees it at once."""
        file = os.open(os.path.join(self.folder, part), os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
        os.pwrite(file, struct.pack("=q", seconds), 0)
        os.close(file)

    def all_right(self, parts):
        """Before anything is started."""
        if not self.why_not:
            for part in ["none", *parts]:
                self.shift(part, 0)
