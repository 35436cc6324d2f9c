"""Old rows whose texts hold a NUL, which the server measures otherwise: named, and moved under another text if asked.

Used by sync.hq.move. Such texts came with events that were taken in before headquarters suspended them. Equal texts
stay equal in every table, bodies and their digests stay as they are, what a text was stands in a finding, in hex.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from agent import sqlite
from agent.domain.errors import StorageError
from agent.domain.lease import is_keepable
from sync.hq.db.move_rows import Table
from sync.hq.db.seam import Connection

TEXT_REPLACED: Final = "TEXT_REPLACED"
_INSTEAD: Final = str.maketrans({"\0": "\ufffd", "\x1a": "\ufffd"})
_BODY: Final = "body"
_SIGNED: Final = "hq_postings"
_KEPT: Final = frozenset({_SIGNED, "discrepancies"})
"""Tables whose texts are never replaced: a digest covers them, or they are what a till has said."""
_NAMED: Final = 10
_RECORD: Final = (
    "INSERT INTO discrepancies (workstation_id, side, place, epoch, key, code, detail, first_seen_ms, last_seen_ms)"
    " VALUES (:workstation_id, 'hq', :place, :epoch, :key, :code, :detail, :at_ms, :at_ms) ON CONFLICT DO NOTHING"
)


@dataclass(frozen=True, slots=True)
class Replaced:
    """One text that goes on under another one: where it stands, and its UTF-8 in hex."""

    workstation_id: str
    table: str
    epoch: str
    key: str
    column: str
    original: str


def named(source: sqlite.Connection, table: Table) -> str:
    """How many rows of a table hold such a text, and the first of them by their keys, without what they say."""
    pk = _key_columns(source, table.name)
    keys = [_key(row, pk) for row, _columns in _rows(source, table.name)]
    some = ", ".join(keys[:_NAMED]) + (" …" if len(keys) > _NAMED else "")
    return f"{len(keys)} rows of {table.name} hold a text with a NUL{': ' if keys else ''}{some}"


def replaced(source: sqlite.Connection, tables: list[Table]) -> list[Replaced]:
    """Every text that replacing() replaces. StorageError where one of HQ's own postings would have to say another."""
    if next(_rows(source, _SIGNED), None) is not None:
        raise StorageError(
            "headquarters' own postings name lots with a NUL: their digests cover it, so it cannot be replaced",
            hint="nothing was moved, the embedded headquarters goes on",
        )
    found = []
    for table in tables:
        pk = _key_columns(source, table.name)
        for row, columns in _rows(source, table.name) if _may_change(table) else ():
            who, epoch = _workstation_of(source, table, row), row["epoch"] if "epoch" in table.columns else ""
            for column in columns:
                text = str(row[column]).encode().hex()
                found.append(Replaced(who, table.name, epoch, _key(row, pk), column, text))
    return found


def replacing(table: Table) -> Callable[[tuple[Any, ...]], tuple[Any, ...]]:
    """What makes a row of a table one that the server keeps.

    >>> replacing(Table("lots", ("member_id", "bucket", "available"), ""))(("m1", "a\\x00b", 7))
    ('m1', 'a\ufffdb', 7)
    """
    if not _may_change(table):
        return lambda values: values
    texts = [name != _BODY for name in table.columns]

    def change(values: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(
            value.translate(_INSTEAD) if text and isinstance(value, str) else value
            for text, value in zip(texts, values, strict=True)
        )

    return change


def record(target: Connection, found: list[Replaced], at_ms: int) -> None:
    """Keep what every text was, for a person."""
    rows = [
        {
            "workstation_id": one.workstation_id, "place": one.table, "epoch": one.epoch,
            "key": f"{one.key} {one.column}", "code": TEXT_REPLACED, "detail": f"was, in hex: {one.original}",
            "at_ms": at_ms,
        }
        for one in found
    ]  # fmt: skip
    target.executemany(_RECORD, rows)


def _may_change(table: Table) -> bool:
    return table.name not in _KEPT and bool({"workstation_id", "member_id"} & set(table.columns))


def _rows(source: sqlite.Connection, table: str) -> Iterator[tuple[Any, list[str]]]:
    """Rows with such a text, and the columns that hold one; bodies aside, which both engines measure alike."""
    texts = [row["name"] for row in source.execute(f"PRAGMA table_info({table})") if row["type"] == "TEXT"]
    held = [f'instr("{name}", char({code})) > 0' for name in texts if name != _BODY for code in (0, 26)]
    if not held:
        return
    for row in source.execute(f"SELECT * FROM {table} WHERE {' OR '.join(held)}"):
        yield row, [name for name in texts if name != _BODY and not is_keepable(row[name] or "")]


def _key_columns(source: sqlite.Connection, table: str) -> list[str]:
    return [row["name"] for row in source.execute(f"PRAGMA table_info({table})") if row["pk"]]


def _key(row: Any, columns: list[str]) -> str:
    values = (row[name] for name in columns)
    return " ".join(str(value) for value in values if not isinstance(value, str) or is_keepable(value))


def _workstation_of(source: sqlite.Connection, table: Table, row: Any) -> str:
    """Whose event brought the text: that of the row, else one with a posting of the same member."""
    if "workstation_id" in table.columns:
        return str(row["workstation_id"])
    found = source.execute(
        "SELECT workstation_id FROM postings WHERE member_id = ? ORDER BY workstation_id LIMIT 1", (row["member_id"],)
    ).fetchone()
    if found is None:
        raise StorageError(
            f"a row of {table.name} holds a text with a NUL that no event brought: {row['member_id']}",
            hint="nothing was moved, the embedded headquarters goes on; look at the file before anything else",
        )
    return str(found["workstation_id"])
