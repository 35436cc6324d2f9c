"""The mark of the mode in the state directory: it decides which books the next start opens, whatever cut the last one.

Written by agent.mode, read by agent.life. A till whose mark cannot be read books into its own books: a practice sale in
the real books is voided, a real sale in a training is lost.
"""

import errno
from pathlib import Path
from typing import Annotated

from pydantic import Field

from agent import logs
from agent.domain.errors import DiskLow, StorageError
from agent.keyring import write_secret
from agent.mode import ModeMark
from sync.message import Count, Message

FILE = "mode.json"


class _Mark(Message):
    training: bool
    number: Count
    at_ms: Count
    operator: Annotated[str, Field(max_length=200)]


class FileMode:
    """The ModeMarks port over one small file of mode 0600."""

    def __init__(self, state: Path) -> None:
        self._path = state / FILE

    def read(self) -> ModeMark:
        """The mark; no training where there is none, or none that can be read."""
        try:
            mark = _Mark.model_validate_json(self._path.read_bytes())
        except FileNotFoundError:
            return ModeMark(False, 0, 0, "")
        except (OSError, ValueError):
            logs.get().error("mode.unreadable", hint=f"{self._path} is ignored: this is no training")
            return ModeMark(False, 0, 0, "")
        return ModeMark(mark.training, mark.number, mark.at_ms, mark.operator)

    def write(self, mark: ModeMark) -> None:
        """Replace the mark durably: temporary name, fsync, rename, fsync of the directory."""
        text = _Mark(
            training=mark.training, number=mark.number, at_ms=mark.at_ms, operator=mark.operator
        ).model_dump_json()
        try:
            write_secret(self._path, text.encode())
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise DiskLow("no room for the mark of the mode", hint="free space on the disk") from error
            raise StorageError(f"{self._path}: {error.strerror}", hint="look at the disk") from error
