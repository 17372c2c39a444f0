"""Measures one rename after the other on two mounts by turns: what the ring costs a change.

ring_rename.py DIR DIR-BEFORE ROUNDS
In each round each mount renames one file RENAMES times to and fro, and the round's ratio is that of the two medians.
Every other round begins with the other mount.
"""
import os
import statistics
import sys
import time

RENAMES = 300
MUST = 1.03


def median_of_renames(folder):
    names, times = [os.path.join(folder, name) for name in ("a", "b")], []
    with open(names[0], "w"):
        pass
    for _ in range(RENAMES):
        begin = time.perf_counter()
        os.rename(*names)
        times.append(time.perf_counter() - begin)
        names.reverse()
    os.unlink(names[0])
    return statistics.median(times)


def main():
    folders, rounds = sys.argv[1:3], int(sys.argv[3])
    for folder in folders:
        median_of_renames(folder)  # what the first ones find is not there yet
    medians = [[], []]
    for turn in range(rounds):
        for which in (0, 1) if turn % 2 == 0 else (1, 0):
            medians[which].append(median_of_renames(folders[which]))
    ratios = [now / before for now, before in zip(*medians)]
    print("\n| a mount with two gateways, beside the version before | time | at most |\n|---|---|---|")
    print("| rename, p50 | %.3fx (%.3f to %.3f; %.0f us beside %.0f us) | %.2fx |" % (
        statistics.median(ratios), min(ratios), max(ratios), *(statistics.median(m) * 1e6 for m in medians), MUST))


main()
