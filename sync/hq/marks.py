"""The mark of HQ's books: a number that only rises, with every start, grant and leap, every minute and behind writes.

It stands in the database and in the witness beside it (sync.hq.grant_witness): a copy that is put back carries an older
one. It follows HQ's clock in ms, so that it rises although both were put back. Called by sync.hq.main,
sync.hq.marking and sync.hq.feed_gaps inside their transactions.
"""

from typing import Final

from sync.hq.db.seam import Connection

_LAST_MS: Final = 4_102_444_800_000  # LIMIT: 2100-01-01; a clock that shows more is wrong, and is not followed
_RAISE: Final = (
    "UPDATE grants_made SET number = CASE WHEN number < :least THEN :least ELSE number END + :step WHERE id = 1"
    " RETURNING number"
)


def renew(connection: Connection, now_ms: int, *, seen: int = 0, step: int = 1) -> int:
    """Raise the mark by `step` at least, above the clock and `seen`, what the witness knows; the new one."""
    least = max(seen, now_ms if now_ms <= _LAST_MS else 0)
    row = connection.execute(_RAISE, {"least": least, "step": step}).fetchone()
    return int(row["number"])
