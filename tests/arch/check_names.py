#!/usr/bin/env python3
"""Goal: a function that other files can call begins with the name of its module, so that a call says where to look.
Usage: check_names.py [ROOT]

The module of a function is the header that declares it, or the source that defines it. The name may begin with
  the name of either          common/base/buf.h: buf_append; common/http/server/connection.c: connection_of
  the name of their family    common/http/server/server_internal.h: server_x; shared_locks_store.c beside
                              shared_locks.h: shared_locks_x; internal.h in store/http, beside store_http.h:
                              store_http_x
  the name of their folder    gateway/proxy/forward_headers.h: proxy_x
  of the folder around it     common/http/server/route.h: http_routes_concat
each in the singular or the plural, or as the word for who does it (flush.h: flusher_start; route.h: router_match).
names_allowed.txt lists the exceptions, each with its reason. A line there that no function needs is an error.
"""
import os
import re
import sys

import sources

ALLOWED = "tests/arch/names_allowed.txt"
ATTRIBUTE = re.compile(r"__attribute__\s*\(\(.*?\)\)\s*", re.S)
NO_FUNCTION = re.compile(r"(typedef|static|_Static_assert|static_assert)\b")


def functions_of(text):
    """(line, name) of each function with external linkage that is declared or defined here."""
    for line, statement in sources.statements_of(text):
        match = re.search(r"(\w+)\s*\(", ATTRIBUTE.sub("", statement))
        if match and not NO_FUNCTION.match(statement) and "=" not in statement[:statement.index("(")]:
            yield line, match[1]


def forms_of(name):
    return {name, name[:-1] if name.endswith("s") else name + "s", name + ("r" if name.endswith("e") else "er")}


def names_of(path, texts):
    folder, stem = os.path.dirname(path), path[:-2]
    heads = {stem, folder, sources.module_of(path, texts)}
    if folder.count("/") > 1:
        heads.add(os.path.dirname(folder))
    while "_" in os.path.basename(stem):
        stem = stem.rpartition("_")[0]
        if stem + ".h" in texts:
            heads.add(stem)
    return {os.path.basename(head) for head in heads} - {"internal"}


def read_allowed():
    """{(header, function): reason}; the function * stands for all functions that the header declares."""
    allowed = {}
    with open(ALLOWED, encoding="utf-8") as file:
        for line in file:
            match = re.fullmatch(r"(\S+) (\S+): \S.*\n", line)
            if match:
                allowed[match[1], match[2]] = line
            elif line.strip() and not line.startswith("#"):
                sys.exit(ALLOWED + ": a line is HEADER FUNCTION: REASON, not " + line.strip())
    return allowed


def main():
    sources.enter_root(sys.argv)
    texts, allowed = sources.read_sources(), read_allowed()
    defined = {name: path for path in texts if path.endswith(".c") for _, name in functions_of(texts[path])}
    used, count, bad = set(), 0, False
    for path in (p for p in texts if p.endswith(".h")):
        for line, name in functions_of(texts[path]):
            modules = names_of(path, texts)
            if name in defined:
                modules |= names_of(defined[name], texts)
            count += 1
            if any((name + "_").startswith(form + "_") for module in modules for form in forms_of(module)):
                continue
            exceptions = {key for key in ((path, name), (path, "*")) if key in allowed}
            used |= exceptions
            if not exceptions:
                print("%s:%d: %s begins with none of: %s" % (path, line, name, ", ".join(sorted(modules))))
                bad = True
    for header, name in sorted(set(allowed) - used):
        print("%s: nothing needs this exception, so delete its line: %s %s" % (ALLOWED, header, name))
        bad = True
    if count == 0:
        print("no function was found")
    elif not bad:
        print("%d functions begin with the name of their module, but for %d exceptions" % (count, len(allowed)))
    sys.exit(bad or count == 0)


main()
