"""The clocks of single processes, by libfaketime: the store's programs are started through a script that has it read
how far the clock of this part is off. What counts time for itself (CLOCK_MONOTONIC) is left alone, as the kernel leaves
it when somebody sets the clock."""
import glob, os

PROGRAMS = ("nephos-gateway", "nephos-docs", "nephos-user")
SCRIPT = """#!/bin/sh
name=none last=
for word; do
	[ "$last" != --name ] || name=$word
	last=$word
done
export LD_PRELOAD=%(library)s FAKETIME_TIMESTAMP_FILE=%(clocks)s/"$name" FAKETIME_CACHE_DURATION=1
export FAKETIME_DONT_FAKE_MONOTONIC=1 DONT_FAKE_MONOTONIC=1
exec %(program)s "$@"
"""


def library():
    return next(iter(glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")), None)


class Clocks:
    """build: that of the programs as they are to be started."""

    def __init__(self, folder, build, wanted):
        self.folder, self.build = os.path.join(folder, "clocks"), build
        self.why_not = None if wanted else "no fault of a clock was asked for"
        if wanted and not library():
            self.why_not = "there is no libfaketime"
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
                f.write(SCRIPT % {"library": library(), "clocks": self.folder, "program": program})
            os.chmod(here, 0o755)
        self.build = build

    def shift(self, part, seconds):
        path = os.path.join(self.folder, part)
        with open(path + ".new", "w") as f:
            f.write("%+d\n" % seconds)
        os.replace(path + ".new", path)

    def all_right(self, parts):
        """Before anything is started."""
        if not self.why_not:
            for part in parts:
                self.shift(part, 0)
