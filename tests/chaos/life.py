"""Counts how often a mount was killed and mounted again. The process that works on the mount and the process that kills
it share this count. An odd number: the mount is away, or soon will be."""
import os


class Life:
    def __init__(self, folder, mount):
        self.path = os.path.join(folder, mount + ".life")

    def number(self):
        try:
            with open(self.path) as f:
                return int(f.read())
        except FileNotFoundError:
            return 0

    def goes_on(self):
        following = self.number() + 1
        with open(self.path + ".new", "w") as f:
            f.write(str(following))
        os.replace(self.path + ".new", self.path)
