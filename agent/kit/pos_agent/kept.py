"""What a POS remembers of what it began: bodies without an answer, the books they are meant for, the last event.

Called by line and client. On disk where the POS gave a folder of its own, else in memory alone.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path

_NOTES = 1000  # LIMIT: quotes and calls whose books are remembered; more than a counter begins within a day


@dataclass(frozen=True)
class Body:
    """One call that books, as it is repeated; without a `name` nothing of it is kept.

    `books`: those it is meant for, `real` or `training`; empty while the till was not asked, or where it does not say.
    """

    name: str
    path: str
    raw: bytes
    books: str


class Kept:
    """`name` is one word that a file can be called by."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._books: dict[str, str] = {}

    def note(self, name: str, books: str) -> None:
        """What was begun in some books stays theirs; a second note changes nothing."""
        if books:
            self._books.setdefault(name, books)
        if len(self._books) > _NOTES:
            del self._books[next(iter(self._books))]

    def books(self, name: str) -> str:
        """The books it was begun in; empty where nobody noted."""
        noted = self._books.get(name, "")
        if noted or self._folder is None or not self._file(name).exists():
            return noted
        return _read(self._file(name)).books

    def put(self, body: Body, books: str) -> Body:
        """Keep it, meant for these books; on disk when this returns, where there is a folder."""
        meant = replace(body, books=books)
        if body.name:
            self.note(body.name, books)
            if self._folder is not None:
                _write(self._file(body.name), f"{body.path} {books}".encode() + b"\n" + body.raw)
        return meant

    def drop(self, body: Body) -> None:
        """It was answered. Its books stay noted: repeated all the same, it is still theirs."""
        if self._folder is not None and body.name:
            self._file(body.name).unlink(missing_ok=True)

    def waiting(self) -> list[Body]:
        """What an earlier run of this POS was never answered."""
        return [] if self._folder is None else [_read(file) for file in sorted(self._folder.glob("*.body"))]

    def last_event(self) -> int | None:
        """The number of the last event that the POS has taken."""
        try:
            return None if self._folder is None else int((self._folder / "last-event").read_bytes())
        except (OSError, ValueError):
            return None

    def mark(self, number: int) -> None:
        """The POS has taken this event."""
        if self._folder is not None:
            _write(self._folder / "last-event", str(number).encode())

    def _file(self, name: str) -> Path:
        assert self._folder is not None, "asked where there is one"
        return self._folder / f"{name}.body"


def _read(file: Path) -> Body:
    head, _, raw = file.read_bytes().partition(b"\n")
    path, _, books = head.decode().partition(" ")
    return Body(file.stem, path, raw, books)


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_suffix(".new")
    with new.open("wb") as out:
        out.write(content)
        out.flush()
        os.fsync(out.fileno())
    new.replace(path)
