#!/usr/bin/env python3
"""Goal: there are no circles of includes: a circle of modules, within a folder or across folders, fails.
Usage: check_circles.py [ROOT]

sources.py defines which files are one module. There are no exceptions: code that two modules need of each other moves
to a third module below both, or becomes a callback.
"""
import sys

import sources


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
    """Sets of modules in which each module reaches every other."""
    reached = {module: reach(graph, module) for module in graph}
    circles = {frozenset(o for o in reached[m] if m in reached[o]) for m in graph if m in reached[m]}
    return sorted(circles, key=sorted)


def shortest_walk(graph, circle):
    """A walk through the circle that returns to its start, for the message."""
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
    circles = circles_of(graph)
    for circle in circles:
        print("a circle of %d modules: %s\n    for instance %s"
              % (len(circle), " ".join(sorted(circle)), shortest_walk(graph, circle)))
    if not graph:
        print("no module was found")
    elif not circles:
        print("%d modules have no circle of includes" % len(graph))
    sys.exit(bool(circles) or not graph)


main()
