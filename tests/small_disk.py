"""A disk of a few megabytes that a test can fill to the last byte: a tmpfs of its own, unmounted at the end."""

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest


class SmallDisk:
    """A mounted file system and the file that fills it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._filler = root / "somebody-elses-log"

    def free_bytes(self) -> int:
        """What is left."""
        now = os.statvfs(self.root)
        return now.f_bavail * now.f_frsize

    def leave(self, free_bytes: int) -> None:
        """Fill it up to so many bytes."""
        fd = os.open(self._filler, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        try:
            with contextlib.suppress(OSError):
                while (more := self.free_bytes() - free_bytes) > 0:
                    os.write(fd, bytes(min(more, 1 << 20)))
        finally:
            os.close(fd)
        assert self.free_bytes() <= free_bytes

    def clear(self) -> None:
        """Somebody tidies up."""
        self._filler.unlink(missing_ok=True)


@contextlib.contextmanager
def small_disk(root: Path, megabytes: int) -> Iterator[SmallDisk]:
    """Mount one at `root`; skips, loudly, where mounting is not permitted."""
    root.mkdir(parents=True, exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=700", "tmpfs", str(root)]
    done = subprocess.run(mount, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"SKIPPED FOR WANT OF ROOT: mount says {done.stderr.strip()}")
    try:
        yield SmallDisk(root)
    finally:
        subprocess.run(["umount", "--lazy", str(root)], check=True)
