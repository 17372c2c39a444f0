"""A small disk below the blocks of the store, which can be full or slow: ext4 in a file, on a loop device."""
import fcntl, os, shutil, subprocess, threading

BYTES = 1 << 33  # enough for an hour of contents, whose blocks stay for a day; the file is sparse
FIFREEZE, FITHAW = 0xC0045877, 0xC0045878
STANDS_S, GOES_S = 0.4, 0.1  # a slow disk takes no writes for STANDS_S, and then all that wait for GOES_S


class Disk:
    def __init__(self, folder, at, wanted):
        self.image, self.at, self.ballast = os.path.join(folder, "disk"), at, os.path.join(at, "ballast")
        self.slow, self.thread, self.mounted = threading.Event(), None, False
        self.why_not = None if wanted else "no fault of the disk was asked for"
        if wanted and os.geteuid() != 0:
            self.why_not = "not root"
        if not self.why_not:
            self._begin()

    def _begin(self):
        with open(self.image, "wb") as f:
            f.truncate(BYTES)
        os.makedirs(self.at, exist_ok=True)
        for command in (["mkfs.ext4", "-q", "-m", "0", self.image], ["mount", "-o", "loop", self.image, self.at]):
            if not shutil.which(command[0]) or subprocess.run(command, capture_output=True).returncode != 0:
                self.why_not = "%s does not work here" % command[0]
                return
        self.mounted = True
        os.rmdir(os.path.join(self.at, "lost+found"))

    def fill(self):
        with open(self.ballast, "wb") as f:
            left = os.statvfs(self.at)
            piece = left.f_bavail * left.f_frsize
            while piece >= left.f_frsize:
                try:
                    os.posix_fallocate(f.fileno(), os.fstat(f.fileno()).st_size, piece)
                except OSError:
                    piece //= 2

    def make_room(self):
        os.unlink(self.ballast)

    def set_right(self):
        """Ends any fault of the disk."""
        self.thaw()
        if os.path.exists(self.ballast):
            self.make_room()

    def freeze(self):
        self.slow.set()
        self.thread = threading.Thread(target=self._stutter)
        self.thread.start()

    def _stutter(self):
        fd = os.open(self.at, os.O_RDONLY)
        try:
            while self.slow.is_set():
                fcntl.ioctl(fd, FIFREEZE, 0)
                threading.Event().wait(STANDS_S)
                fcntl.ioctl(fd, FITHAW, 0)
                threading.Event().wait(GOES_S)
        finally:
            os.close(fd)

    def thaw(self):
        self.slow.clear()
        if self.thread:
            self.thread.join()

    def end(self):
        if self.mounted:
            subprocess.run(["umount", self.at], capture_output=True)
