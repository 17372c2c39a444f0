"""The clocks of single processes: the store's programs are started by a script that loads clock_preload.c into them. It
reads from a file by how much the clock of this part is off. CLOCK_MONOTONIC and all waits are not changed, as the
kernel does not change them when an administrator sets the clock."""
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
    """build: the build folder from which the programs are to be started."""

    def __init__(self, folder, build, wanted):
        self.folder, self.build = os.path.join(folder, "clocks"), build
        self.library = os.path.join(build, "bin", "clock_preload.so")
        self.why_not = None if wanted else "no fault of a clock was asked for"
        if not self.why_not:
            self._begin(os.path.join(folder, "build"))

    def _begin(self, build):
        """Makes a copy of the build folder in which the store's programs are scripts; there is nothing to build in
        it."""
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
        """Writes in place: a process that has mapped the file sees the change at once."""
        file = os.open(os.path.join(self.folder, part), os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
        os.pwrite(file, struct.pack("=q", seconds), 0)
        os.close(file)

    def all_right(self, parts):
        """Called before anything is started."""
        if not self.why_not:
            for part in ["none", *parts]:
                self.shift(part, 0)
