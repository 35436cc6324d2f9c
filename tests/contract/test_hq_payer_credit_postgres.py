"""A payer's credit meets a join or a return of the same sale on another connection: whoever is first stays first."""

import asyncio
import threading
from pathlib import Path

import pytest

from agent.domain.ids import EventName
from sync.hq import claims, wechat_payers
from sync.hq.db.seam import Connection
from sync.hq.feeds import hold_brand
from sync.hq.judge import Judgement
from sync.hq.service import HqService
from tests.hq_crowd import play
from tests.postgres import PostgresServer
from tests.unit.test_hq_claims import sha
from tests.unit.test_hq_world import BRAND, NOW_MS, Till, enrol, query

_PAID, _PAIR = "4200001234202609210000000001", ("wx1", "o-payer")
_CLAIM = sha("claim-number-000000001")


def _until_somebody_waits(connection: Connection, over: threading.Event) -> None:
    """Until another connection waits for a lock of this one, or has ended without waiting."""
    while not over.wait(0.01):
        if connection.execute("SELECT 1 FROM pg_locks WHERE NOT granted LIMIT 1").fetchone() is not None:
            return


@pytest.mark.parametrize("first", ["join", "return"])
def test_a_credit_never_overtakes_who_held_the_brand_before(
    tmp_path: Path, postgres: PostgresServer, first: str
) -> None:
    async def story(hq: HqService, tills: list[Till], ids: list[str]) -> None:
        file = tmp_path / "payer.csv"
        file.write_text(f"member_number,tier_id,points,wechat\n200000000001,plain,0,{':'.join(_PAIR)}\n")
        assert (await hq.import_members(BRAND, file)).faults == []
        totals = {"list_fen": 1280, "payable_fen": 1280, "base_fen": 1280, "points_earned": 0}
        till = Till(workstation_id="S1-9")
        await enrol(hq, till)
        till.book(claim_sha256=_CLAIM, totals=totals, rules_version=1, transaction_id=_PAID)
        gone = {"line": 1, "sku": "A", "qty": -1, "paid_fen": -1280, "name": "x"}
        till.book(kind="return", of={"epoch": "e1", "seq": 1}, lines=[gone], payable_fen=-1280, totals={})
        await hq.ingest("S1-9", till.batch(till.events[:1]))
        loop, begun, over = asyncio.get_running_loop(), asyncio.Event(), threading.Event()

        def comes_first(connection: Connection) -> None:
            hold_brand(connection, BRAND)
            if first == "join":
                assert claims.settle(connection, BRAND, _CLAIM, ids[0], NOW_MS, NOW_MS).state == "credited"
            else:
                _put(connection, till)
                moves = [(2, Judgement(of=EventName("S1-9", "e1", 1)))]
                claims.follow(connection, hq._known(connection, "S1-9"), "e1", moves, NOW_MS)
            loop.call_soon_threadsafe(begun.set)
            _until_somebody_waits(connection, over)

        async def credit() -> bool:
            await begun.wait()
            try:
                return await hq._write(
                    lambda c: wechat_payers.credit(c, hq._keys, BRAND, _PAID, [_PAIR], NOW_MS)
                )  # fmt: skip
            finally:
                over.set()

        _none, credited = await asyncio.gather(hq._write(comes_first), credit())
        assert not credited
        held = await query(hq, "SELECT member_id, amount FROM hq_postings WHERE kind = 'claim'")
        assert held == ([{"member_id": ids[0], "amount": 12}] if first == "join" else [])
        [row] = await query(hq, "SELECT taken_by FROM claims")
        assert row["taken_by"] == (ids[0] if first == "join" else "")

    play(tmp_path, postgres.fresh(), story)


def _put(connection: Connection, till: Till) -> None:
    """Store the return as ingest does, before it is folded."""
    row = {
        "workstation_id": "S1-9", "epoch": "e1", "seq": 2, "body": till.events[1].body,
        "digest": bytes(32), "chain": bytes(32), "state": "ok", "code": "", "received_at_ms": NOW_MS,
    }  # fmt: skip
    connection.add_events([row])
