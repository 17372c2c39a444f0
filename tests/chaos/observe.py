"""The final state, as each gateway and each mount shows it, and the drive's journal."""
import json, os, subprocess, urllib.parse
import contents
from client import TOP

FSCK_S = 900
BEGINS_MAX = 5
CONTENT = {contents.name(number): number for number in range(contents.FILES)}


def shown(path, body):
    if path in CONTENT:
        return contents.version_of(CONTENT[path], body)
    return body.decode(errors="replace")


class Broken(Exception):
    """Something that exists cannot be read."""


def must(client, method, target):
    answer = client.read(method, target)
    if answer is None or answer.status != 200:
        raise Broken("%s %s: %s" % (method, target, answer and (answer.status, answer.body[:200])))
    return answer


def pages(client, target, of):
    cursor = ""
    while True:
        page = must(client, "GET", target + cursor).json()
        yield from page[of]
        if not page["next"]:
            return
        cursor = "&cursor=" + urllib.parse.quote(page["next"])


def walk_gateway(client, drive, folder, path, view):
    for item in pages(client, "%s/items/%s/children?limit=1000" % (drive, folder), "items"):
        at = path + item["name"]
        if item["type"] == "dir":
            view[at + "/"] = None
            walk_gateway(client, drive, item["id"], at + "/", view)
        else:
            view[at] = shown(at, must(client, "GET", "%s/items/%s/content" % (drive, item["id"])).body)


def of_gateway(client, drive):
    """client asks one gateway alone. {path: content, None for a folder, whose path ends with "/"}"""
    view, top = {}, must(client, "GET", "%s/items?path=/%s" % (drive, TOP)).json()["id"]
    walk_gateway(client, drive, top, "", view)
    return view


def of_mount(folder):
    view, top = {}, os.path.join(folder, TOP)

    def failed(error):
        raise error

    for at, folders, files in os.walk(top, onerror=failed):
        inside = "" if at == top else os.path.relpath(at, top) + "/"
        view.update({inside + name + "/": None for name in folders})
        for name in files:
            with open(os.path.join(at, name), "rb") as f:
                view[inside + name] = shown(inside + name, f.read())
    return view


def seq_of(client, drive):
    return int(must(client, "GET", drive).json()["seq"])


def reaches(client, drive, since):
    """Whether the journal still has everything after that seq."""
    answer = client.read("GET", "%s/changes?limit=1&since=%s" % (drive, since))
    if answer is None or answer.status not in (200, 410):
        raise Broken("the journal behind %s: %s" % (since, answer and (answer.status, answer.body[:200])))
    return answer.status == 200


def begin_of_journal(client, drive, since):
    """That seq. If entries after it were removed since, because they were older than an hour: the first seq from which
    the journal is complete."""
    if reaches(client, drive, since):
        return since
    low, high = since, seq_of(client, drive)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if reaches(client, drive, middle) else (middle, high)
    return high


def whole_journal(client, drive, since):
    """(where it begins, [[seq, key], …] of all changes after that). Old entries may be removed during the search."""
    for _ in range(BEGINS_MAX):
        begin = begin_of_journal(client, drive, since)
        try:
            return begin, journal(client, drive, begin)
        except Broken:
            if reaches(client, drive, begin):
                raise
    raise Broken("the journal loses what is old faster than it can be read")


def journal(client, drive, since):
    """[[seq, key], …] of all changes after that seq."""
    found = []
    while True:
        page = must(client, "GET", "%s/changes?limit=1000&since=%s" % (drive, since)).json()["changes"]
        if not page:
            return found
        found += [[int(change["seq"]), change["key"]] for change in page]
        since = page[-1]["seq"]


def fsck(world):
    """The output of fsck, when it found something or could not run."""
    try:
        done = subprocess.run([world.nephos, "fsck", "--credentials", os.path.join(world.data, "credentials")],
                              capture_output=True, text=True, timeout=FSCK_S, env=world.clean_environment())
    except subprocess.TimeoutExpired:
        raise Broken("fsck took longer than %d s" % FSCK_S)
    return {"status": done.returncode, "said": (done.stdout + done.stderr)[-4000:]}


def save(path, final):
    with open(path, "w") as f:
        json.dump(final, f)
