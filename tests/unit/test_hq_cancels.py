"""A gift lot that ended unspent at HQ is not spent by the customer when its recharge is cancelled (R9, case P09)."""

import asyncio
from pathlib import Path

import pytest

from tests.unit.test_hq_world import Till, enrol, import_members, open_world, query

GIFT = 5_000


@pytest.mark.parametrize(
    ("spent", "cash", "short"),
    [(0, 25_000, 5_000), (2_000, 25_000, 3_000), (5_000, 25_000, 0), (0, 30_000, 0), (2_000, 28_000, 0)],
)
def test_what_a_till_paid_too_little_is_named_with_its_sum(tmp_path: Path, spent: int, cash: int, short: int) -> None:
    async def story() -> None:
        hq = await open_world(tmp_path)
        try:
            till = Till()
            await enrol(hq, till)
            [me] = await import_members(hq, tmp_path / "members.csv", 1)
            lot = "S1-1.e1.1"
            gift = {"account": "sv_gift", "owner": me, "bucket": lot, "expires": "2026-09-20"}
            principal = {"account": "sv_principal", "owner": me, "amount": 30_000}
            till.book(
                kind="recharge", payable_fen=30_000, postings=[principal, {**gift, "amount": GIFT}],
                totals={"payable_fen": 30_000, "principal_fen": 30_000, "gift_fen": GIFT},
            )  # fmt: skip
            if spent:
                till.book(postings=[{**gift, "amount": -spent}], business_day="2026-09-20")
            await hq.ingest("S1-1", till.batch())
            while await hq.expire_some():
                pass
            till.book(
                kind="recharge_cancel", of={"epoch": "e1", "seq": 1}, postings=[{**principal, "amount": -30_000}],
                totals={"payable_fen": -cash, "principal_fen": -30_000, "gift_fen": 0},
            )  # fmt: skip
            await hq.ingest("S1-1", till.batch())
            found = [one.detail for one in await hq.differences() if one.code == "RECHARGE_CANCEL_SHORT"]
            wanted = f"{short} fen more are due: {GIFT - spent} fen of the gift had ended unspent"
            assert found == ([wanted] if short else [])
            rows = await query(hq, "SELECT balance FROM accounts WHERE account = 'sv_gift'")
            assert [row["balance"] for row in rows] == [0]
        finally:
            await hq.close()

    asyncio.run(story())


@pytest.mark.parametrize(
    ("named", "of"),
    [
        (None, {"epoch": "e1", "seq": "x"}),
        (None, {"epoch": 7, "seq": 1}),
        (None, {"epoch": "e1", "seq": True}),
        ("no JSON", {"epoch": "e1", "seq": 1}),
        ("[]", {"epoch": "e1", "seq": 1}),
        ({"kind": "recharge", "totals": None, "postings": "none"}, {"epoch": "e1", "seq": 1}),
        ({"kind": "lease_close", "totals": None}, {"epoch": "e1", "seq": 1}),
    ],
)
def test_a_cancellation_of_something_odd_holds_up_nobody(tmp_path: Path, named: object, of: object) -> None:
    async def story() -> None:
        hq = await open_world(tmp_path)
        try:
            till = Till()
            await enrol(hq, till)
            if isinstance(named, str):
                till.book(named)
            elif isinstance(named, dict):
                till.book(**named)
            else:
                till.book()
            money = {"payable_fen": -1, "principal_fen": "much", "gift_fen": None}
            till.book(kind="recharge_cancel", of=of, postings=[], totals=money)
            till.book()
            await hq.ingest("S1-1", till.batch())
            while await hq.recompute_some():
                pass
            [row] = await query(hq, "SELECT recomputed, watermark FROM chains")
            assert row["recomputed"] == row["watermark"] == 3
            assert await query(hq, "SELECT 1 FROM discrepancies WHERE code = 'EVENT_UNREADABLE'") == []
        finally:
            await hq.close()

    asyncio.run(story())
