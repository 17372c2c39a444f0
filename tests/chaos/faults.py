"""The faults of a store: a table.

Each fault has a name; victims(world), of which one is chosen; its shortest and its longest duration, in seconds;
begin(world, victim) and end(world, victim), between which it lasts (the end of a cut returns how many packets it has
dropped, all others return nothing); and needs(world): why the fault is not possible here, or None. After its end the
whole store is up again, or is coming up.
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


# ---- requirements ----

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
    """With standbys: waits until both follow again, so that the store may lose a node again."""
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
    """A rolling restart: the next part is restarted when the one before serves again."""
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


# ---- switchover of the database ----

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
    # killed (-9), and restarted after that time
    "kill": Fault(anybody, 0.2, 4, kill, start_again, nothing, 6),
    "kill-database": Fault(database, 0.2, 4, kill, become_whole, nothing, 2),
    "kill-node": Fault(one_node, 1, 10, kill, become_whole, standbys, 1),
    "kill-all": Fault(all_of_it, 0.2, 1, kill_all, become_whole, nothing, 1),
    "kill-mount": Fault(mount_victims, 0.2, 6, kill_mount, mount_again, nothing, 2),
    # stopped (SIGSTOP), and continued
    "stop": Fault(anybody, 1, 60, stop, go_on, nothing, 4),
    "stop-database": Fault(database, 1, 25, stop, node_goes_on, nothing, 1),
    "stop-node": Fault(one_node, 1, 60, stop, node_goes_on, standbys, 1),
    # ended by SIGTERM, and restarted
    "restart": Fault(anybody, 0, 0, ask_to_end, nothing_to_end, nothing, 2),
    "in-turn": Fault(all_of_it, 0, 0, in_turn, nothing_to_end, nothing, 1),
    "nodes-in-turn": Fault(all_of_it, 0, 0, node_in_turn, nothing_to_end, standbys, 1),
    "switchover": Fault(all_of_it, 0, 0, switch_over, become_whole, standbys, 2),
    # cut off from all other parts: in both directions, or only what it receives, or only what it sends
    "cut": Fault(anybody, 1, 30, cutter("both"), mend, network, 3),
    "cut-in": Fault(anybody, 1, 30, cutter("in"), mend, network, 2),
    "cut-out": Fault(anybody, 1, 30, cutter("out"), mend, network, 2),
    "cut-node": Fault(one_node, 1, 60, cutter("both"), mend_node, nodes_and_network, 1),
    "cut-node-in": Fault(one_node, 1, 60, cutter("in"), mend_node, nodes_and_network, 1),
    "cut-node-out": Fault(one_node, 1, 60, cutter("out"), mend_node, nodes_and_network, 1),
    # the disk of the blocks is full; writes to the disk wait
    "full": Fault(blocks, 1, 10, fill, make_room, disk, 1),
    "slow": Fault(blocks, 1, 10, freeze, thaw, disk, 1),
    # the clock of one process is an hour ahead, or behind
    "ahead": Fault(anybody, 1, 20, jump(3600), set_right, clocks, 1),
    "behind": Fault(anybody, 1, 20, jump(-3600), set_right, clocks, 1),
}


def possible(world, wanted):
    """(the faults that are possible here, {the others: why not})."""
    missing = {name: FAULTS[name].needs(world) for name in wanted}
    return [name for name in wanted if not missing[name]], {name: why for name, why in missing.items() if why}
