"""The plan of faults: made from a seed, as text, so that it can be printed and given again.

A step is "FAULT VICTIM SECONDS", with "&" in front when the next step begins before this one ends, or "wait - SECONDS".
"""
import random, threading, time
from faults import FAULTS

BESIDE = 0.2  # the share of the steps during which the next step begins
REST_S = (0.5, 5)  # quiet time between two steps
KILL_EVERY_S = 5
TAKES_S = 3  # what the recovery takes, about


def wait(seconds):
    return "wait - %.1f" % seconds


def has_other(world, names, victim):
    """Whether one of these faults can be done to another victim."""
    return any(other not in (victim, "-") for name in names for other in FAULTS[name].victims(world))


def is_of_nodes(name):
    """Whether the fault takes away a node of the database, or its server. Two nodes at once are a majority, without
    which changes wait; a mount waits for no longer than a minute."""
    return "node" in name or "database" in name


def mixed(world, names, seed, seconds, most):
    """most: the longest duration of a fault."""
    rng, left, steps, beside, takes_node = random.Random(seed), seconds, [wait(2)], None, False
    weights = [FAULTS[name].weight for name in names]
    while names and left > 0:
        name = rng.choices(names, weights)[0]
        fault = FAULTS[name]
        victim, lasts = rng.choice(fault.victims(world)), rng.uniform(fault.least, min(fault.most, most))
        if beside:
            if victim in (beside, "-") or (takes_node and is_of_nodes(name)):
                continue
            beside = None
        elif rng.random() < BESIDE and fault.most > 0 and victim != "-":
            takes_node = is_of_nodes(name)
            others = [other for other in names if not (takes_node and is_of_nodes(other))]
            beside = victim if has_other(world, others, victim) else None
        steps.append("%s%s %s %.1f" % ("& " if beside else "", name, victim, lasts))
        left -= lasts + TAKES_S
        if not beside:
            rest = rng.uniform(*REST_S)
            steps.append(wait(rest))
            left -= rest
    return steps


def rolling(world, names, seed, seconds, most):
    """Every process is restarted in turn, again and again."""
    every = [name for name in ("in-turn", "nodes-in-turn") if name in names]
    takes = 20 + 60 * (len(every) - 1)
    return [wait(2)] + ["%s - 0" % name for _ in range(max(1, int(seconds / takes))) for name in every]


def kills(world, names, seed, seconds, most):
    """A service or gateway is killed every few seconds."""
    rng, steps = random.Random(seed), [wait(2)]
    for _ in range(max(1, int(seconds / KILL_EVERY_S))):
        steps += ["& kill %s 1.0" % rng.choice(FAULTS["kill"].victims(world)), wait(KILL_EVERY_S)]
    return steps


PLANS = {"mixed": mixed, "rolling": rolling, "kills": kills}


class Runner:
    """Runs the steps, and records each in the history."""

    def __init__(self, world, history, over):
        self.world, self.history, self.over, self.broken = world, history, over, []

    def fault(self, name, victim, seconds):
        fault, begin = FAULTS[name], time.monotonic_ns()
        print("%s %s for %.1f s" % (name, victim, seconds), flush=True)
        fault.begin(self.world, victim)
        ends = time.monotonic() + seconds
        while time.monotonic() < ends and not self.over.is_set():
            time.sleep(min(0.1, max(0, ends - time.monotonic())))
        dropped = fault.end(self.world, victim)
        more = {} if dropped is None else {"dropped": dropped}
        if more:
            print("%s %s: it dropped %d packets" % (name, victim, dropped), flush=True)
        self.history.note("fault", name=name, victim=victim, begin=begin, end=time.monotonic_ns(), **more)

    def guarded(self, name, victim, seconds):
        try:
            self.fault(name, victim, seconds)
        except Exception as e:  # the failed recovery is the finding
            self.broken.append("%s %s: %s" % (name, victim, e))
            self.over.set()

    def run(self, steps, most):
        """most: seconds, after which no other step begins; on a busy machine each step takes longer than was
        planned."""
        beside = []
        try:
            self.run_all(steps, time.monotonic() + most, beside)
        except BaseException:  # the whole run is being ended
            self.over.set()
            raise
        finally:
            for each in beside:
                each.join()

    def run_all(self, steps, ends, beside):
        for step in steps:
            words = step.split()
            name, victim, seconds = words[-3], words[-2], float(words[-1])
            if self.over.is_set() or time.monotonic() > ends:
                break
            if name == "wait":
                self.over.wait(seconds)
            elif words[0] == "&":
                beside.append(threading.Thread(target=self.guarded, args=(name, victim, seconds)))
                beside[-1].start()
            else:
                self.guarded(name, victim, seconds)
                for each in beside:
                    each.join()
                beside.clear()
