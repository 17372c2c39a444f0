#!/usr/bin/env python3
"""Goal: no line of a source is wider than 120 columns (a tab is eight), and no comment of anything else that is written
here.
Usage: check_width.py [ROOT]

A line of C that holds a string, or goes on behind a backslash, may be wider: a message or a statement that is cut is not
found by who looks for it. Migrations are never edited, and are not looked at.
"""
import os
import re
import sys

COLUMNS = 120
FOLDERS = ("backend", "cli", "common", "fusefs", "gateway", "tests", "scripts", "cmake", "docker")
C_COMMENT = re.compile(r"\s*(/\*|\*)")
COMMENT = re.compile(r"\s*(#(?!!| shellcheck)|\*|/\*)")


def sources():
    for top in FOLDERS:
        for folder, _, names in os.walk(top):
            for name in names:
                if name.endswith((".c", ".h", ".sh", ".py", ".pml", ".cmake", "CMakeLists.txt")) or (
                    "." not in name and folder in ("scripts", "docker")
                ):
                    yield os.path.join(folder, name)


def is_wide(path, line):
    if len(line.expandtabs(8)) <= COLUMNS:
        return False
    if not path.endswith((".c", ".h")):
        return COMMENT.match(line)
    return C_COMMENT.match(line) or ('"' not in line and not line.endswith("\\"))


def main():
    os.chdir(sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(__file__), "../.."))
    wide = count = 0
    for path in sorted(sources()):
        count += 1
        with open(path, encoding="utf-8") as file:
            for number, line in enumerate(file.read().split("\n"), 1):
                if is_wide(path, line):
                    print("%s:%d: %d columns" % (path, number, len(line.expandtabs(8))))
                    wide += 1
    if count == 0:
        print("no source was found")
    elif wide == 0:
        print("%d files are narrow enough" % count)
    sys.exit(wide > 0 or count == 0)


main()
