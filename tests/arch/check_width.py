#!/usr/bin/env python3
"""Goal: no line of the repository is wider than 120 columns (a tab counts as eight).
Usage: check_width.py [ROOT]

A line of code with a string may be wider, and so may a line of a macro: a search for a message or a statement does not
find it when it is split. Comments and all other code may not be wider. In lists of files (CMakeLists.txt, Dockerfile)
only comments are checked. Migrations are never edited, so they are not checked. A row of a table in Markdown is one
line, however wide; all other Markdown must be readable as plain text.
"""
import os
import re
import sys

COLUMNS = 120
FOLDERS = ("backend", "cli", "common", "docs", "fusefs", "gateway", "tests", "scripts", "cmake", "docker")
C_COMMENT = re.compile(r"\s*(/\*|\*)")
LISTS = ("CMakeLists.txt", "Dockerfile")
HAS_STRING = re.compile("[\"']")
COMMENT = re.compile(r"\s*(#(?!!| shellcheck)|\*|/\*)")


def sources():
    for top in FOLDERS:
        for folder, _, names in os.walk(top):
            for name in names:
                if name.endswith((".c", ".h", ".sh", ".py", ".pml", ".md", ".cmake", "CMakeLists.txt")) or (
                    "." not in name and folder in ("scripts", "docker")
                ):
                    yield os.path.join(folder, name)
    for name in os.listdir("."):
        if name.endswith(".md"):
            yield name


def is_wide(path, line):
    if len(line.expandtabs(8)) <= COLUMNS:
        return False
    if path.endswith(".md"):
        return not line.startswith("|")
    if not path.endswith((".c", ".h")):
        return COMMENT.match(line) or not (HAS_STRING.search(line) or os.path.basename(path) in LISTS)
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
        print("%d files have no line that is too wide" % count)
    sys.exit(wide > 0 or count == 0)


main()
