"""Rows that HQ cannot work on: undone alone, passed over and named for a person, so that one never blocks another.

Called by sync.hq.books, sync.hq.fold, sync.hq.recompute and sync.hq.wechat_checks inside their transactions, and by
sync.hq.wechat_worker; what the database refuses is recognised for sync.hq.move too.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Final, TypeVar

from sync.hq.audit import record
from sync.hq.db.seam import Connection
from sync.hq.judge import EVENT_UNREADABLE
from sync.proof import Finding

T = TypeVar("T")
_ODD: Final = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
_REFUSED_BY_ENGINE: Final = frozenset({"DataError", "IntegrityError"})  # PEP 249: both engines call them so


def is_of_the_row(error: BaseException) -> bool:
    """Whether what went wrong lies in the row and comes again with it; not with a disk, a server or another's lock.

    >>> is_of_the_row(KeyError("totals")), is_of_the_row(ConnectionError())
    (True, False)
    """
    return isinstance(error, _ODD) or is_refused_by_engine(error)


def is_refused_by_engine(error: BaseException) -> bool:
    """Whether the database would not hold a value that it was given, whichever of the two it is."""
    return any(one.__name__ in _REFUSED_BY_ENGINE for one in type(error).__mro__)


def each(
    connection: Connection, rows: Sequence[T], work: Callable[[T], object], pass_over: Callable[[T, str], object]
) -> None:
    """Work on rows at once; where that fails on each alone, and `pass_over` those that fail, by the error's class."""
    if not _fault(connection, rows, work):
        return
    for row in rows:
        fault = _fault(connection, [row], work)
        if fault:
            pass_over(row, fault)


def _fault(connection: Connection, rows: Iterable[T], work: Callable[[T], object]) -> str:
    try:
        with connection.part():
            for row in rows:
                work(row)
    except Exception as error:
        if not is_of_the_row(error):
            raise
        return type(error).__name__
    return ""


def name(connection: Connection, workstation_id: str, epoch: str, seq: int, table: str, fault: str, at_ms: int) -> None:
    """Keep the place of a row that was passed over, for a person; `fault` is the class of what went wrong."""
    detail = f"event {seq} cannot be worked on here: {fault}"
    found = Finding(side="hq", table=table, epoch=epoch[:64], key=str(seq), code=EVENT_UNREADABLE, detail=detail)
    record(connection, workstation_id, [found], at_ms)
