"""The documents that stale_load.py reads and writes, and what each answer about them shows.

There are three kinds of slots. A thread holds a slot's lock while it changes the slot, so that the slot's writes come
one after the other; readers hold no lock. A write of unknown outcome is the last one of its slot.
    Document   a file in the root; register c/NAME, whose value is the version in its content and size
    Pair       two names, of which at most one leads to a file; a register for each: the file's id, or "-"
    FolderPair a file in a folder that is renamed back and forth; registers as of a pair
"""
import collections, json, re, threading

# The sizes of documents beside their version, in bytes: most are inline, some in a block, a few larger than an entry
# of the gateways' cache (1 MiB).
SIZES = [1150000, 70000, 70000, 4000, 4000, 4000] + [200] * 24
V1_BYTES_MAX = 1024 * 1024
HEAD = re.compile(rb"(\d{6}) (\d{10})\n")
HEAD_BYTES = 18
RECENT = 16  # changes that are looked for in listings first


class Slot:
    def __init__(self):
        self.lock, self.dead = threading.Lock(), False


class Document(Slot):
    def __init__(self, number, prefix):
        super().__init__()
        self.number, self.name, self.base = number, "%sd%04d" % (prefix, number), SIZES[number % len(SIZES)]
        self.register, self.version, self.id = "c/" + self.name, 0, None

    def content(self, version):
        line = b"%06d %010d\n" % (self.number, version)
        size = self.base + version
        return (line * (size // len(line) + 1))[:size]

    def version_of(self, content):
        """(what its head says, whether all of it is of that version)."""
        head = HEAD.match(content)
        if not head:
            return "torn", False
        version = int(head.group(2))
        return str(version), content == self.content(version)

    def version_of_size(self, size):
        return str(size - self.base)


class Pair(Slot):
    sort, inner = "n", ""

    def __init__(self, number, prefix):
        super().__init__()
        self.folder = prefix + self.sort
        self.names = ["%s/%04d%s" % (self.folder, number, side) for side in "ab"]
        self.paths = [name + self.inner for name in self.names]
        self.registers = ["/".join(("x", path)) for path in self.paths]
        self.at, self.id, self.numbers = None, None, [0, 0]


class FolderPair(Pair):
    sort, inner = "p", "/in"


class World:
    """prefix: the beginning of all names in the root; each load has its own."""

    def __init__(self, documents, prefix):
        self.documents = [Document(i, prefix) for i in range(documents)]
        self.pairs = [Pair(i, prefix) for i in range(max(2, documents // 6))]
        self.folder_pairs = [FolderPair(i, prefix) for i in range(max(1, documents // 20))]
        self.by_name = {d.name: d for d in self.documents}
        self.recent = collections.deque(maxlen=RECENT)
        self.names_folder, self.folders = prefix + Pair.sort, {}  # ids of folders by their paths

    def slots(self):
        return self.documents + self.pairs + self.folder_pairs


class Log:
    """Writes lines as stale_judge.py reads them; one log for all threads."""

    def __init__(self, path):
        self.file, self.lock = open(path, "w", buffering=1 << 20), threading.Lock()

    def line(self, *words):
        with self.lock:
            self.file.write(" ".join(map(str, words)) + "\n")

    def write(self, register, number, value, begin, end, by):
        self.line("w", register, number, value, begin, "-" if end is None else end, by)

    def read(self, register, value, begin, end, by, kind):
        self.line("r", register, value, begin, end, by, kind)

    def answer(self, answer, kind):
        position = answer.headers.get("Nephos-Seq")
        if position:
            self.line("p", position, answer.begin, answer.end, kind)

    def close(self):
        self.file.close()


def id_of_etag(etag):
    """"100000002-3" -> the document's id in decimal."""
    return str(int(etag.strip('"').split("-")[0], 16))


class Reader:
    """Reads over HTTP, and logs what each read has shown. An unexpected answer counts as refused."""

    def __init__(self, world, client, rng, log, count):
        self.world, self.client, self.rng, self.log, self.count = world, client, rng, log, count
        self.etags = {}  # of a document: (etag, version) as last read, to interpret a 304
        self.kinds = [(8, self.by_path), (4, self.by_id), (4, self.head), (4, self.if_none_match), (3, self.part),
                      (4, self.item), (3, self.v1), (1, self.v1_list), (3, self.children), (8, self.name),
                      (4, self.name_item), (2, self.names), (4, self.below_folder)]
        self.weights = [weight for weight, _ in self.kinds]

    def one(self):
        self.rng.choices(self.kinds, self.weights)[0][1]()

    def ask(self, method, target, headers=(), expected=(200,)):
        answer = self.client.read(method, target, headers)
        if answer is None:
            return None
        self.log.answer(answer, "r")
        if answer.status not in expected:
            self.count.add("refused reads")
            print("refused: %s %s: %d %r" % (method, target, answer.status, answer.body[:200]), flush=True)
            return None
        return answer

    def document(self):
        return self.rng.choice(self.world.documents)

    def shows(self, register, value, answer, kind):
        self.log.read(register, value, answer.begin, answer.end, "http", kind)

    def content(self, document, answer, kind):
        version, whole = document.version_of(answer.body)
        if not whole:
            self.count.add("torn reads")
            print("torn: %s of %s, %d bytes: %r" % (kind, document.name, len(answer.body), answer.body[:40]), flush=True)
        self.shows(document.register, version, answer, kind)
        return version

    def get(self, document, target, kind, headers=(), expected=(200,)):
        answer = self.ask("GET", self.client.store.drive + target, headers, expected)
        if answer is not None and answer.status == 200:
            self.etags[document] = answer.headers["ETag"], self.content(document, answer, kind)
        return answer

    def by_path(self):
        document = self.document()
        self.get(document, "/files/" + document.name, "path")

    def by_id(self):
        document = self.document()
        self.get(document, "/items/%s/content" % document.id, "id")

    def if_none_match(self):
        document = self.document()
        etag, version = self.etags.get(document, ('"0-0"', None))
        answer = self.get(document, "/files/" + document.name, "if-none-match", {"If-None-Match": etag}, (200, 304))
        if answer is not None and answer.status == 304:
            self.shows(document.register, version, answer, "304")

    def part(self):
        document = self.document()
        answer = self.ask("GET", self.client.store.drive + "/files/" + document.name,
                          {"Range": "bytes=0-%d" % (HEAD_BYTES - 1)}, (206,))
        if answer is not None:
            self.shows(document.register, str(int(HEAD.match(answer.body).group(2))), answer, "range")

    def head(self):
        document = self.document()
        answer = self.ask("HEAD", self.client.store.drive + "/files/" + document.name)
        if answer is not None:
            self.shows(document.register, document.version_of_size(int(answer.headers["Content-Length"])), answer,
                       "head")

    def item(self):
        document = self.document()
        target = self.rng.choice(["/items?path=/" + document.name, "/items/" + document.id,
                                  "/items/%s/lookup?name=%s" % (self.client.store.root, document.name)])
        answer = self.ask("GET", self.client.store.drive + target)
        if answer is not None:
            self.shows(document.register, document.version_of_size(answer.json()["size"]), answer, "item")

    def v1(self):
        document = self.document()
        if document.base > V1_BYTES_MAX // 2:
            return
        answer = self.ask("GET", "/api/v1/docs/" + document.id)
        if answer is not None:
            answer.body = answer.json()["text"].encode()
            self.content(document, answer, "v1")

    def v1_list(self):
        answer = self.ask("GET", "/api/v1/docs")
        if answer is None:
            return
        for found in answer.json():
            document = self.world.by_name.get(found["title"])
            if document in self.sample():
                self.shows(document.register, document.version_of(found["text"].encode())[0], answer, "v1-list")

    def sample(self):
        """The part of a listing that is logged: some names that changed lately."""
        return list(self.world.recent)

    def page(self, folder):
        """All entries of a folder by name; folders here fit into the first page, which is one answer."""
        answer = self.ask("GET", self.client.store.drive + "/items/%s/children?limit=1000" % folder)
        return answer, {} if answer is None else {item["name"]: item for item in answer.json()["items"]}

    def children(self):
        sample = self.sample()
        answer, items = self.page(self.client.store.root)
        for document in sample:
            if isinstance(document, Document) and document.name in items:
                self.shows(document.register, document.version_of_size(items[document.name]["size"]), answer,
                           "children")

    def names(self):
        answer, items = self.page(self.world.folders[self.world.names_folder])
        if answer is None:
            return
        for pair in self.world.pairs:
            for name, register in zip(pair.names, pair.registers):
                item = items.get(name.split("/")[1])
                self.shows(register, item["id"] if item else "-", answer, "listing")

    def lookup(self, pairs, kind, target):
        pair, side = self.rng.choice(pairs), self.rng.randrange(2)
        answer = self.ask("GET", self.client.store.drive + target + pair.paths[side], (), (200, 404))
        if answer is None:
            return
        value = "-"
        if answer.status == 200:
            value = answer.json()["id"] if "items" in target else id_of_etag(answer.headers["ETag"])
        self.shows(pair.registers[side], value, answer, kind)

    def name(self):
        self.lookup(self.world.pairs, "name", "/files/")

    def name_item(self):
        self.lookup(self.world.pairs, "name-item", "/items?path=/")

    def below_folder(self):
        self.lookup(self.world.folder_pairs, "below", self.rng.choice(["/files/", "/items?path=/"]))
