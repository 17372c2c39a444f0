"""What is done to a store: a table.

Each fault has a name; victims(world), one of which it gets; the shortest and the longest time that it lasts, in
seconds; begin(world, victim) and end(world, victim), between which it lasts (a cut's end returns how many packets it
has dropped, all others nothing); and needs(world): why it cannot be had here, or None. When it has ended, all of the
store is up again, or on its way.
"""
import collections, os, signal, subprocess, time
from world import Broken, UP_S, wait_until

Fault = collections.namedtuple("Fault", "victims least most begin end needs weight")


def anybody(world):
    return world.gateway_parts() + world.services()


def database(world):
    return world.databases()


def one_node(world):
    return world.nodes()


def all_of_it(_):
    return ["-"]


def blocks(_):
    return ["blocks"]


# ---- what they need ----

def nothing(_):
    return None


def standbys(world):
    return None if world.standbys else "there are no standbys"


def network(world):
    return world.network.why_not if world.network else "no network of its own"


def nodes_and_network(world):
    return standbys(world) or network(world)


def disk(world):
    return world.disk.why_not


def clocks(world):
    return world.clocks.why_not


# ---- processes ----

def kill(world, victim):
    world.kill(victim)


def start_again(world, _):
    world.heal()


def become_whole(world, _):
    """With standbys: until both follow again, so that the next loss is one that may be."""
    world.heal()
    if not wait_until(UP_S, world.is_whole):
        raise Broken("the standbys do not follow again")


def stop(world, victim):
    world.signal(victim, signal.SIGSTOP)


def go_on(world, victim):
    world.signal(victim, signal.SIGCONT)
    world.heal()


def node_goes_on(world, victim):
    world.signal(victim, signal.SIGCONT)
    become_whole(world, victim)


def ask_to_end(world, victim):
    world.ask_to_end(victim)
    world.serve_again()


def in_turn(world, _):
    """As a rolling restart does: the next one when the one before serves again."""
    for part in anybody(world):
        ask_to_end(world, part)


def node_in_turn(world, _):
    for number in (1, 2, 3):
        world.ask_to_end("patroni-%d" % number)
        become_whole(world, None)


def kill_all(world, _):
    for part in anybody(world) + (world.nodes() or world.databases()):
        world.kill(part)


def kill_mount(world, victim):
    world.kill_mount(victim)


def mount_again(world, victim):
    world.remount(victim)


def mount_victims(_):
    return ["c"]


# ---- the database's own moves ----

def switch_over(world, _):
    primary = world.primary()
    if primary and world.is_whole() and not world.ask_patroni("/switchover", {"leader": "postgres-%d" % primary}):
        print("a switchover was refused", flush=True)


# ---- the network ----

def cutter(way):
    def cut(world, victim):
        world.network.enrol(victim, world.pids(victim))
        world.network.cut(victim, way, world.pids(victim))

    return cut


def mend(world, victim):
    dropped = world.network.mend(victim)
    world.heal()
    return dropped


def mend_node(world, victim):
    dropped = world.network.mend(victim)
    become_whole(world, victim)
    return dropped


# ---- disk and clock ----

def fill(world, _):
    world.disk.fill()


def make_room(world, _):
    world.disk.make_room()


def freeze(world, _):
    world.disk.freeze()


def thaw(world, _):
    world.disk.thaw()


def jump(seconds):
    def begin(world, victim):
        world.clocks.shift(victim, seconds)

    return begin


def set_right(world, victim):
    world.clocks.shift(victim, 0)


def nothing_to_end(_, __):
    pass


FAULTS = {
    # killed (-9), and started again after that time
    "kill": Fault(anybody, 0.2, 4, kill, start_again, nothing, 6),
    "kill-database": Fault(database, 0.2, 4, kill, become_whole, nothing, 2),
    "kill-node": Fault(one_node, 1, 10, kill, become_whole, standbys, 1),
    "kill-all": Fault(all_of_it, 0.2, 1, kill_all, become_whole, nothing, 1),
    "kill-mount": Fault(mount_victims, 0.2, 6, kill_mount, mount_again, nothing, 2),
    # stands still (SIGSTOP), and goes on
    "stop": Fault(anybody, 1, 60, stop, go_on, nothing, 4),
    "stop-database": Fault(database, 1, 25, stop, node_goes_on, nothing, 1),
    "stop-node": Fault(one_node, 1, 60, stop, node_goes_on, standbys, 1),
    # ended in order (SIGTERM), and started again
    "restart": Fault(anybody, 0, 0, ask_to_end, nothing_to_end, nothing, 2),
    "in-turn": Fault(all_of_it, 0, 0, in_turn, nothing_to_end, nothing, 1),
    "nodes-in-turn": Fault(all_of_it, 0, 0, node_in_turn, nothing_to_end, standbys, 1),
    "switchover": Fault(all_of_it, 0, 0, switch_over, become_whole, standbys, 2),
    # cut off from all others: either way, what is sent to it, what it sends
    "cut": Fault(anybody, 1, 30, cutter("both"), mend, network, 3),
    "cut-in": Fault(anybody, 1, 30, cutter("in"), mend, network, 2),
    "cut-out": Fault(anybody, 1, 30, cutter("out"), mend, network, 2),
    "cut-node": Fault(one_node, 1, 60, cutter("both"), mend_node, nodes_and_network, 1),
    "cut-node-in": Fault(one_node, 1, 60, cutter("in"), mend_node, nodes_and_network, 1),
    "cut-node-out": Fault(one_node, 1, 60, cutter("out"), mend_node, nodes_and_network, 1),
    # the disk of the blocks takes nothing more; writes to it wait
    "full": Fault(blocks, 1, 10, fill, make_room, disk, 1),
    "slow": Fault(blocks, 1, 10, freeze, thaw, disk, 1),
    # the clock of one process is an hour ahead, or behind
    "ahead": Fault(anybody, 1, 20, jump(3600), set_right, clocks, 1),
    "behind": Fault(anybody, 1, 20, jump(-3600), set_right, clocks, 1),
}


def possible(world, wanted):
    """(those that can be had here, {the others: why not})."""
    missing = {name: FAULTS[name].needs(world) for name in wanted}
    return [name for name in wanted if not missing[name]], {name: why for name, why in missing.items() if why}
