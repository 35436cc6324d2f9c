"""Seals at the console: the newest, and all of them as a file, page by page.

Called by sync.hq.console.calls.
"""

from collections.abc import AsyncIterator
from typing import Any

from sync.hq import seals
from sync.hq.bounds import CONSOLE_LISTED
from sync.hq.db.seam import Connection
from sync.hq.wechat_calls import Books


def newest(connection: Connection, workstation_id: str = "") -> list[dict[str, Any]]:
    """The newest seals, of one workstation or all."""
    rows = connection.execute(
        "SELECT place, workstation_id, number, epoch, first, last, hour, at_ms, totals FROM seals"
        " WHERE :who = '' OR workstation_id = :who ORDER BY place DESC LIMIT :limit",
        {"who": workstation_id, "limit": CONSOLE_LISTED},
    )
    return [dict(row) for row in rows.fetchall()]


async def lines(books: Books, after: int, *, as_csv: bool) -> AsyncIterator[str]:
    """Seals behind a place, oldest first: CSV with one heading, else JSON lines."""
    first = True
    while True:
        place = after
        found, after = await books.read(lambda c: seals.page(c, place))  # noqa: B023
        if not found and not first:
            return
        text = seals.as_csv(found) if as_csv else "".join(seal.model_dump_json() + "\n" for seal in found)
        yield text if first or not as_csv else text.partition("\n")[2]
        first = False
