"""Prints a table of ratios of rates that were measured by turns.

rates.py FILE HEAD TITLE=NAME/BASE=TARGET…
    FILE: lines "NAME RATE"; of each name the median counts     HEAD: of the table: its columns, with | between them
"""
import statistics
import sys


def main():
    rates = {}
    with open(sys.argv[1]) as f:
        for line in f:
            name, rate = line.split()
            rates.setdefault(name, []).append(float(rate))
    medians = {name: statistics.median(all_of_it) for name, all_of_it in rates.items()}
    print("| %s |\n|---|---|---|" % sys.argv[2])
    for row in sys.argv[3:]:
        title, of, target = row.split("=")
        name, base = of.split("/")
        print("| %s | %.2f (%.0f beside %.0f) | %s |" % (title, medians[name] / medians[base], medians[name], medians[base],
                                                         target))


main()
