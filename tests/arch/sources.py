"""Functions about sources, for the checks of this folder: which files there are, what they include, and their modules.

A module is a header with its source. Some headers have a family, which counts as one module:
  X_internal.h                  belongs to X
  internal.h                    belongs to the folder's own header: folder.h or X_folder.h
  a source without a header     belongs to the internal header of its folder that it includes; otherwise X_part.c to X
"""
import glob
import os
import re

FOLDERS = ("common", "backend", "gateway", "fusefs", "cli")
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]+"([^"]+)"', re.M)
INTERNAL = re.compile(r"(^|_)internal$")
NOISE = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)
DIRECTIVE = re.compile(r"^[ \t]*#(?:[^\n\\]|\\.|\\\n)*", re.M)


def enter_root(arguments):
    """Changes to ROOT, the first argument; the repository if there is none."""
    os.chdir(arguments[1] if len(arguments) > 1 else os.path.join(os.path.dirname(os.path.abspath(__file__)), "../.."))


def read_sources():
    """{path: text}"""
    texts = {}
    for path in sorted(p for top in FOLDERS for p in glob.glob(top + "/**/*.[ch]", recursive=True)):
        with open(path, encoding="utf-8") as file:
            texts[path] = file.read()
    return texts


def includes_of(text):
    return INCLUDE.findall(text)


def head_of_header(path, texts):
    """The path, without .h, of the header to whose module this one belongs."""
    folder, name = os.path.dirname(path), os.path.basename(path)[:-2]
    if not INTERNAL.search(name):
        return path[:-2]
    head = INTERNAL.sub("", name)
    if head:
        return folder + "/" + head
    own = re.compile(re.escape(folder) + r"/(\w+_)?" + re.escape(os.path.basename(folder)) + r"\.h")
    return next((other[:-2] for other in texts if own.fullmatch(other)), path[:-2])


def module_of(path, texts):
    stem, folder = path[:-2], os.path.dirname(path)
    if stem + ".h" in texts:
        return head_of_header(stem + ".h", texts)
    for header in includes_of(texts[path]):
        if os.path.dirname(header) == folder and INTERNAL.search(os.path.basename(header)[:-2]) and header in texts:
            return head_of_header(header, texts)
    head = stem
    while "_" in os.path.basename(head):
        head = head.rpartition("_")[0]
        if head + ".h" in texts:
            return head
    return stem


def blank(match):
    """Spaces instead of all other characters, and the same line breaks, so that positions stay the same."""
    return re.sub(r"[^\n]", " ", match.group(0))


def statements_of(text):
    """(line, text) of each declaration and definition outside of all braces; the text ends before its first brace."""
    text = DIRECTIVE.sub(blank, NOISE.sub(blank, text))
    depth = begin = 0
    for at, char in enumerate(text):
        depth += (char == "{") - (char == "}")
        if depth == 0 and char in ";}":
            part = text[begin:at]
            begin_of_words = begin + len(part) - len(part.lstrip())
            yield text.count("\n", 0, begin_of_words) + 1, part.partition("{")[0].strip()
            begin = at + 1
