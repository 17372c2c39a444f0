#!/usr/bin/env python3
"""Goal: modules include each other one way. A circle of modules, within a folder or across folders, fails.
Usage: check_circles.py [ROOT]

sources.py says which files are one module. circles_known.txt lists circles that are there for now, a line each. What is
found must lie within one line, and a line in which no circle is left fails, too: so the list only shrinks.
"""
import os
import sys

import sources

KNOWN = "tests/arch/circles_known.txt"


def graph_of(texts):
    modules = {path: sources.module_of(path, texts) for path in texts}
    graph = {module: set() for module in modules.values()}
    for path, text in texts.items():
        own = modules[path]
        graph[own].update(modules[i] for i in sources.includes_of(text) if modules.get(i, own) != own)
    return graph


def reach(graph, start):
    seen, left = set(), [start]
    while left:
        for other in graph[left.pop()] - seen:
            seen.add(other)
            left.append(other)
    return seen


def circles_of(graph):
    """Sets of modules of which each reaches each other one."""
    reached = {module: reach(graph, module) for module in graph}
    circles = {frozenset(o for o in reached[m] if m in reached[o]) for m in graph if m in reached[m]}
    return sorted(circles, key=sorted)


def read_known():
    if not os.path.exists(KNOWN):
        return []
    with open(KNOWN, encoding="utf-8") as file:
        return [frozenset(line.split()) for line in file if line.strip() and not line.startswith("#")]


def shortest_walk(graph, circle):
    """A walk through the circle that comes back to where it began, for the message."""
    start = min(circle)
    walks = [[start]]
    while True:
        walk = walks.pop(0)
        for other in sorted(graph[walk[-1]] & circle):
            if other == start:
                return " -> ".join(walk + [start])
            if other not in walk:
                walks.append(walk + [other])


def main():
    sources.enter_root(sys.argv)
    texts = sources.read_sources()
    graph = graph_of(texts)
    circles, known, bad = circles_of(graph), read_known(), not texts
    for circle in circles:
        if not any(circle <= line for line in known):
            print("a circle of %d modules: %s\n    for instance %s"
                  % (len(circle), " ".join(sorted(circle)), shortest_walk(graph, circle)))
            bad = True
    for line in known:
        if not any(circle <= line for circle in circles):
            print(KNOWN + ": this circle is gone, so delete its line: " + " ".join(sorted(line)))
            bad = True
    if not bad:
        print("%d modules include each other one way, but for %d known circles" % (len(graph), len(known)))
    sys.exit(bad)


main()
