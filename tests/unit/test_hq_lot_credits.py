"""Credits by the batch come to what credits one by one come to."""

from pathlib import Path

import pytest

from agent.domain.sale import Posting
from sync.hq import lots
from sync.hq.db.seam import Connection
from sync.hq.lot_credits import Credits
from sync.hq.service import HqService
from tests.lease_world import Station
from tests.unit.test_leases import play


class _Undone(Exception):
    pass


def _lots(connection: Connection, member_id: str) -> list[dict[str, object]]:
    rows = connection.execute(
        "SELECT account, bucket, expires, since_ms, available FROM lots WHERE member_id = :id ORDER BY account, bucket",
        {"id": member_id},
    )
    return [dict(row) for row in rows]


def test_credits_together_do_what_credits_one_by_one_do(tmp_path: Path) -> None:
    """Debts are repaid in order, and a new lot ends when its first credit says."""
    moves = [
        ("points", "a", 30, "2027-01-31", 5), ("sv_gift", "g", 7, "", 6), ("points", "b", 30, "", 7),
        ("points", "b", 5, "2028-01-31", 8), ("points", "opening", 9, "", 9), ("points", "a", 1, "", 10),
    ]  # fmt: skip

    async def story(hq: HqService, till: Station, other: Station, ids: list[str]) -> None:
        def credit(connection: Connection) -> None:
            for member_id in ids[:2]:
                had = connection.execute("SELECT opening_points FROM members WHERE member_id = :id", {"id": member_id})
                owed = had.fetchone()["opening_points"] + 45
                assert lots.debit(connection, member_id, "points", "", owed, day="2026-11-22", now_ms=0) == 45
            waiting = Credits(connection)
            for account, bucket, amount, expires, at_ms in moves:
                lots.credit(connection, ids[0], account, bucket, amount, expires=expires, at_ms=at_ms)
                waiting.put(Posting(account, ids[1], amount, bucket, expires), bucket, amount, at_ms)
            waiting.settle()
            waiting.settle()
            one, both = [_lots(connection, member_id) for member_id in ids[:2]]
            assert one == both
            assert len(one) >= 5, one
            raise _Undone  # no event tells of these

        with pytest.raises(_Undone):
            await hq._write(credit)

    play(tmp_path, story)
