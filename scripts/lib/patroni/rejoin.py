"""Copies a standby anew that can never follow the primary.

The primary may no longer have the log that a standby needs next: the standby was away for longer than log is kept,
or it was rewound to a checkpoint whose log both nodes have dropped. PostgreSQL then asks for that log for ever, and
Patroni sees a server that is starting, and does nothing. So a thread beside Patroni looks for proof of this state
and asks Patroni to copy the node. The thread is not part of the watchdog: the watchdog has to end a primary in
time, so it may not wait for answers. This code also needs JSON and a connection to the primary, which Patroni's
libraries provide.
"""
import contextlib
import json
import logging
import os
import re
import ssl
import time
import urllib.request

import psutil
import psycopg2

# The proof must hold for this many looks in a row, 40 s. Replay may rest in a segment that it has for up to 30 s, as
# long as PostgreSQL lets it wait for a reader (max_standby_archive_delay).
LOOKS = 8
LOOK_S = 5
ANSWER_S = 3

FOLLOWS = "streaming"
DOES_NOT_FOLLOW = ("starting", "running", "in archive recovery")
IS_COPIED = "creating replica"

SEGMENT = re.compile("^[0-9A-F]{24}$")
REPLAY = re.compile("^postgres: .*startup (?:recovering|waiting for) ([0-9A-F]{24})")

logger = logging.getLogger(__name__)


def place(segment):
    """The part of a segment's name behind the timeline: its place in the log. Later places compare greater."""
    return segment[8:]


def awaited_segment(data):
    """The segment that replay reads or waits for, taken from the title of the startup process: a server that does not
    accept connections yet shows it nowhere else."""
    with open(os.path.join(data, "postmaster.pid")) as f:
        postmaster = psutil.Process(int(f.readline()))
    for process in postmaster.children():
        found = REPLAY.search(" ".join(process.cmdline()))
        if found and process.status() != psutil.STATUS_STOPPED:
            return found.group(1)
    return None


def is_gone(segment, primary, role):
    """Whether the primary has written beyond that segment and no longer has it on any timeline. A server in recovery
    refuses the query, which proves nothing."""
    with contextlib.closing(psycopg2.connect(
            host=primary["host"], port=primary["port"], dbname="postgres", user=role["username"],
            password=role["password"], connect_timeout=ANSWER_S,
            options="-c statement_timeout=%ds" % ANSWER_S)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT pg_walfile_name(pg_current_wal_lsn()), ARRAY(SELECT pg_ls_dir('pg_wal', true, false))")
        now, files = cursor.fetchone()
    held = {place(file) for file in files if SEGMENT.match(file)}
    return place(segment) not in held and place(segment) < place(now)


def has_turn(name, standbys):
    """Whether this standby may be copied now; its data is gone while it is copied. If another standby follows, that one
    has all acknowledged changes. If none follows, changes wait anyway, and a standby that can never follow is of no
    use as a copy: then the first of them by name begins."""
    states = {s["name"]: s["state"] for s in standbys}
    if IS_COPIED in states.values():
        return False
    return FOLLOWS in states.values() or name == min(n for n, state in states.items() if state in DOES_NOT_FOLLOW)


class Node:
    def __init__(self, config):
        self.name = config["name"]
        self.data = config["postgresql"]["data_dir"]
        self.role = config["postgresql"]["authentication"]["rewind"]
        api = config["restapi"]
        self.url = "https://" + api["connect_address"]
        self.context = ssl.create_default_context(cafile=api["cafile"])
        self.context.load_cert_chain(api["certfile"], api["keyfile"])

    def ask(self, path, body=None):
        request = urllib.request.Request(self.url + path, body and json.dumps(body).encode())
        with urllib.request.urlopen(request, timeout=ANSWER_S, context=self.context) as answer:
            return answer.read()

    def look(self):
        """The segment that this node lacks, the primary that has dropped it, and all standbys; None: no proof."""
        segment = awaited_segment(self.data)
        if not segment:
            return None
        cluster = json.loads(self.ask("/cluster"))
        primary = next((m for m in cluster["members"] if m["role"] == "leader"), None)
        standbys = [m for m in cluster["members"] if m is not primary]
        hangs = any(s["name"] == self.name and s["state"] in DOES_NOT_FOLLOW for s in standbys)
        if not primary or not hangs or cluster.get("pause") or not is_gone(segment, primary, self.role):
            return None
        return segment, primary["name"], standbys

    def copy_anew(self, segment, primary):
        """Uses force, as Patroni would otherwise wait for the server to start, which never ends."""
        self.ask("/reinitialize", {"force": True})
        logger.warning("%s needs the log from %s on, which %s does not have any more: it is copied anew",
                       self.name, segment, primary)


def watch(config):
    """Never returns. A look that fails proves nothing."""
    node, last, count = Node(config), None, 0
    while True:
        time.sleep(LOOK_S)
        try:
            proof = node.look()
            count = count + 1 if proof and proof[:2] == last else 0
            last = proof and proof[:2]
            if count >= LOOKS and has_turn(node.name, proof[2]):
                count = 0
                node.copy_anew(*last)
        except Exception as e:
            logger.debug("no look at what this node lacks: %s", e)
            last = None
