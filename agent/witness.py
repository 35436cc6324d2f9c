"""The witness: what HQ last acknowledged, kept beside the keys and so outside every backup of the books.

Written by sync.push after each settled batch, read once at start. Books that do not hold that event were restored from
a backup, or are a copy: they must not go on under names HQ has already seen.
"""

import errno
from pathlib import Path

from agent.keyring import write_secret
from agent.witness_mark import Mark
from sync.message import Count, Hex32, Message, Name

FILE = "witness.json"


class _Mark(Message):
    epoch: Name
    seq: Count
    chain: Hex32


class FileWitness:
    """The Witness port over one small file of mode 0600."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / FILE

    def read(self) -> Mark | None:
        """The mark, or None when there is none that can be read."""
        try:
            mark = _Mark.model_validate_json(self._path.read_bytes())
        except (OSError, ValueError):
            return None
        return Mark(mark.epoch, mark.seq, mark.chain)

    def write(self, mark: Mark) -> None:
        """Replace the mark durably: temporary name, fsync, rename, fsync of the directory."""
        text = _Mark(epoch=mark.epoch, seq=mark.seq, chain=mark.chain).model_dump_json()
        try:
            write_secret(self._path, text.encode())
        except OSError as error:  # a witness that knows less than the books does no harm
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
