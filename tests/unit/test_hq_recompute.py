"""HQ keeps what it reckons otherwise as a fact for a person: sold stays sold, balances and all else as they are."""

import asyncio
import copy
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from agent.domain.digest import canonical
from agent.domain.ids import EventName
from agent.domain.rules import rule_set
from sync.hq import limits_audit, recompute
from sync.hq.bounds import BACKGROUND_PAUSE_S, RECOMPUTE_STEP_EVENTS
from sync.hq.db.seam import Connection
from sync.hq.keeping import kept
from sync.hq.recompute import RuleBook
from sync.hq.service import HqService
from sync.protocol import ProofRequest
from tests.recompute_world import GOLD, RICH, RULES, sold_event
from tests.unit.test_hq_world import BRAND, NOW_MS, Till, enrol, import_members, open_world, query

Story = Callable[[HqService, Till, str], Awaitable[None]]


def tell(folder: Path, story: Story) -> None:
    async def run() -> None:
        hq, till = await open_world(folder / "hq"), Till()
        try:
            await hq.import_rules(BRAND, RULES)
            await enrol(hq, till)
            (member,) = await import_members(hq, folder / "members.csv", 1)
            await story(hq, till, member)
        finally:
            await hq.close()

    asyncio.run(run())


def renamed(value: Any, member: str) -> Any:
    if isinstance(value, dict):
        return {key: renamed(one, member) for key, one in value.items()}
    if isinstance(value, list):
        return [renamed(one, member) for one in value]
    return member if value == "m1" else value


def book(till: Till, member: str, change: Callable[[dict[str, Any]], None] = lambda _event: None) -> None:
    """The next sale of the rich cart, as it is or changed by whoever owns the till."""
    name = EventName(till.workstation_id, till.epoch, len(till.events) + 1)
    event = renamed(sold_event(RICH, rule_set(RULES), GOLD, name=name), member)
    event["sale_id"] = f"sale-{name.seq}"
    change(event)
    till.book(canonical(event).decode())


def put(*path: Any, by: int = 1) -> Callable[[dict[str, Any]], None]:
    def change(event: dict[str, Any]) -> None:
        place: Any = event
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] += by

    return change


async def folded(hq: HqService) -> list[dict[str, Any]]:
    """All that recomputation must leave alone."""
    found = []
    for table in ("events", "accounts", "postings", "lots", "leases", "day_totals", "discrepancies"):
        found += await query(hq, f"SELECT * FROM {table} ORDER BY 1, 2, 3")
    return found


def test_differences_are_kept_by_code_and_nothing_else_moves(tmp_path: Path) -> None:
    async def story(hq: HqService, till: Till, member: str) -> None:
        book(till, member)
        book(till, member, put("lines", 0, "paid_fen", by=-100))
        book(till, member, put("totals", "points_earned", by=5))
        await hq.ingest("S1-1", till.batch())
        before = await folded(hq)
        found = await hq.differences("S1-1")
        assert {(one.seq, one.code) for one in found} == {(2, "PRICE_DIFFERS"), (3, "POINTS_DIFFER")}
        assert [one.at_ms for one in found] == [NOW_MS, NOW_MS]
        assert (await hq.totals("S1-1")).differences == 2
        assert await folded(hq) == before
        assert await hq.differences("S1-1") == found, "each event is reckoned once"
        assert await hq.differences("S1-2") == []
        assert not await hq.recompute_some()

    tell(tmp_path, story)


def test_only_what_is_folded_is_reckoned_and_in_small_steps(tmp_path: Path) -> None:
    async def story(hq: HqService, till: Till, member: str) -> None:
        for _ in range(RECOMPUTE_STEP_EVENTS + 2):
            book(till, member, put("lines", 0, "net_fen"))
        await hq.ingest("S1-1", till.batch([*till.events[:-2], till.events[-1]]))
        assert await hq.recompute_some()
        assert len(await query(hq, "SELECT * FROM recomputations")) == RECOMPUTE_STEP_EVENTS
        assert not await hq.recompute_some(), "the last one waits behind a gap"
        await hq.ingest("S1-1", till.batch(till.events[-2:]))
        assert len(await hq.differences()) == RECOMPUTE_STEP_EVENTS + 2

    tell(tmp_path, story)


def test_unknown_rules_and_unreadable_inputs_are_told_and_old_sales_left_alone(tmp_path: Path) -> None:
    async def story(hq: HqService, till: Till, member: str) -> None:
        book(till, member, put("rules_version", by=40))
        book(till, member, lambda event: event.update(inputs=7))
        till.book(points=5, member=member)
        await hq.ingest("S1-1", till.batch())
        found = await hq.differences()
        assert {(one.seq, one.code) for one in found} == {(1, "RULES_UNKNOWN"), (2, "INPUTS_UNREADABLE")}

    tell(tmp_path, story)


def back(till: Till, member: str, of: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """A return of the one line that cost 23.33, paid in cash, of a sale to nobody."""
    name = (till.workstation_id, till.epoch, len(till.events) + 1)
    event = {
        "v": 1, "kind": "return", "workstation_id": name[0], "store_id": "S1", "brand_id": BRAND, "epoch": name[1],
        "seq": name[2], "at_ms": NOW_MS, "business_day": "2026-09-22", "return_id": f"r{name[2]}", "subject": "s",
        "member": None, "operator": None, "reason": None, "rules_version": 3, "clock": {}, "sale_id": of["sale_id"],
        "of": {"epoch": of["epoch"], "seq": of["seq"], "business_day": of["business_day"]},
        "tenders": [{"tender": 0, "type": "cash", "amount_fen": -500, "transaction_id": None, "evidence": None}],
        "totals": {"payable_fen": -500, "points_earned": 0, "points_used": 0, "points_debt": 0},
        "lines": [{"line": 1, "sku": "A", "name": "茶", "qty": -1, "paid_fen": -500, "points_used": 0}],
        "prepaid": {"principal_fen": 0, "gift_fen": 0, "counts": []}, "coupons": [], "whole": False,
        "postings": [], "discrepancies": [],
    }  # fmt: skip
    return event | changes


def test_a_return_gives_back_what_the_sale_recorded_and_each_unit_once(tmp_path: Path) -> None:
    async def story(hq: HqService, till: Till, member: str) -> None:
        line = {"line": 1, "sku": "A", "name": "茶", "qty": 3, "grams": None, "paid_fen": 1501, "earns": True}
        of = till.body(lines=[line], payable_fen=1501)
        till.book(canonical(of).decode())
        till.book(canonical(back(till, member, of)).decode())  # 1501 // 3 = 500
        till.book(canonical(back(till, member, of)).decode())  # 1501 * 2 // 3 - 500 = 500
        till.book(canonical(back(till, member, of)).decode())  # the last unit is worth 501
        till.book(canonical(back(till, member, of)).decode())  # a fourth was never sold
        till.book(canonical(back(till, member, {**of, "seq": 77})).decode())
        await hq.ingest("S1-1", till.batch())
        found = sorted((one.seq, one.code) for one in await hq.differences())
        assert found == [(4, "REFUND_DIFFERS"), (5, "RULES_REFUSE"), (6, "SALE_MISSING")]
        (fourth,) = [one for one in await hq.differences() if one.seq == 4]
        assert "lines.0.paid_fen -500, by the rules -501" in fourth.detail

    tell(tmp_path, story)


def recharge(till: Till, member: str, **changes: Any) -> dict[str, Any]:
    seq = len(till.events) + 1
    lot = f"S1-1.e1.{seq}"
    return {
        **back(till, member, {"sale_id": "-", "epoch": "-", "seq": 1, "business_day": "-"}),
        "kind": "recharge", "recharge_id": f"rc{seq}", "member": {"member_id": member}, "of": None,
        "tenders": [{"type": "cash", "amount_fen": 30_000}], "gift_expires": "2026-10-21",
        "totals": {"payable_fen": 30_000, "principal_fen": 30_000, "gift_fen": 5_000},
        "postings": [
            {"account": "sv_principal", "owner": member, "amount": 30_000, "lease": f"{lot}.sv_principal"},
            {"account": "sv_gift", "owner": member, "amount": 5_000, "bucket": lot, "expires": "2026-10-21",
             "lease": f"{lot}.sv_gift"},
        ],
    } | changes  # fmt: skip


def test_a_recharge_has_the_bonus_of_its_rules(tmp_path: Path) -> None:
    async def story(hq: HqService, till: Till, member: str) -> None:
        till.book(canonical(recharge(till, member)).decode())
        more = copy.deepcopy(recharge(till, member))
        more["totals"]["gift_fen"] = more["postings"][1]["amount"] = 9_000
        till.book(canonical(more).decode())
        till.book(canonical(recharge(till, member, gift_expires="2027-10-21")).decode())
        await hq.ingest("S1-1", till.batch())
        found = sorted((one.seq, one.code) for one in await hq.differences())
        assert found == [(2, "BONUS_DIFFERS"), (2, "POSTINGS_DIFFER"), (3, "BONUS_DIFFERS")]

    tell(tmp_path, story)


def test_a_count_card_has_the_price_and_units_of_its_product(tmp_path: Path) -> None:
    async def story(hq: HqService, till: Till, member: str) -> None:
        def card(units: int, product: str = "c10") -> str:
            seq = len(till.events) + 1
            said = {"owner": member, "card_id": f"cc{seq}", "product": product, "name": "十次卡", "total": units}
            move = {"account": "count", "owner": member, "amount": units, "bucket": f"cc{seq}"}
            more = {"expires": "2027-09-21", "lease": f"S1-1.e1.{seq}.count"}
            event = recharge(till, member) | {
                "kind": "count_card_sale", "card": {**said, "price_fen": 18_000, "expires": "2027-09-21"},
                "tenders": [{"type": "cash", "amount_fen": 18_000}], "totals": {"payable_fen": 18_000},
                "postings": [move | more],
            }  # fmt: skip
            return canonical(event).decode()

        for text in (card(10),):
            till.book(text)
        till.book(card(12))
        till.book(card(10, "c99"))
        await hq.ingest("S1-1", till.batch())
        found = sorted((one.seq, one.code) for one in await hq.differences())
        assert found == [(2, "POSTINGS_DIFFER"), (2, "PRICE_DIFFERS"), (3, "RULES_REFUSE")]

    tell(tmp_path, story)


@pytest.mark.parametrize(
    "alter",
    [
        "UPDATE recomputations SET code = 'POINTS_DIFFER'",
        "UPDATE recomputations SET detail = ''",
        "UPDATE recomputations SET seq = 1",
        "DELETE FROM recomputations",
        "INSERT INTO recomputations SELECT workstation_id, epoch, 1, code, detail, at_ms FROM recomputations",
        "UPDATE chains SET recomputed = recomputed + 1",
    ],
)
def test_the_audit_names_what_does_not_follow(tmp_path: Path, alter: str) -> None:
    async def story(hq: HqService, till: Till, member: str) -> None:
        book(till, member)
        book(till, member, put("lines", 0, "paid_fen", by=-100))
        await hq.ingest("S1-1", till.batch())
        await hq.differences()
        assert await hq._write(lambda c: recompute.audit(c, RuleBook(), "S1-1")) == []
        await hq._write(lambda c: c.execute(alter))
        found = await hq._write(lambda c: recompute.audit(c, RuleBook(), "S1-1"))
        assert {one.code for one in found} == {"DOES_NOT_FOLLOW"}
        last = till.events[-1]
        answer = await hq.prove("S1-1", ProofRequest(epoch="e1", after=0, count=2, head=last.chain))
        assert {one.table for one in found} <= {one.table for one in answer.findings}

    tell(tmp_path, story)


def test_an_event_that_cannot_be_reckoned_is_named_and_holds_up_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    follow = limits_audit.follow

    def stumbles(connection: Connection, one: limits_audit.Audited, now_ms: int) -> None:
        follow(connection, one, now_ms)
        if one.seq == 2:
            raise KeyError("totals")
        if one.seq == 3:
            connection.execute("INSERT INTO stores (store_id, brand_id, name) VALUES ('S1', 'tea', 'twice')")

    async def story(hq: HqService, till: Till, member: str) -> None:
        for change in (None, None, None, put("totals", "points_earned", by=5)):
            book(till, member, *([change] if change else []))
        await hq.ingest("S1-1", till.batch())
        monkeypatch.setattr(limits_audit, "follow", stumbles)
        assert {(one.seq, one.code) for one in await hq.differences("S1-1")} == {(4, "POINTS_DIFFER")}
        found = await query(hq, "SELECT key, detail FROM discrepancies WHERE code = 'EVENT_UNREADABLE' ORDER BY key")
        assert [row["key"] for row in found] == ["2", "3"]
        assert found[0]["detail"].endswith(": KeyError")
        counted = await query(hq, "SELECT DISTINCT seq FROM limit_moves ORDER BY seq")
        assert [row["seq"] for row in counted] == [1, 4], "half of an event's work is not kept"

    tell(tmp_path, story)


def test_a_loop_that_fails_is_logged_and_begins_again(caplog: pytest.LogCaptureFixture) -> None:
    runs, pauses = [], list[float]()

    async def run() -> None:
        runs.append(1)
        if len(runs) < 3:
            raise KeyError("a customer's name")

    async def pause(seconds: float) -> None:
        pauses.append(seconds)

    asyncio.run(kept("reckoning", run, pause))
    assert (len(runs), pauses) == (3, [BACKGROUND_PAUSE_S] * 2)
    assert [record.levelname for record in caplog.records] == ["ERROR"] * 2
    assert "KeyError in run" in caplog.text
    assert "a customer's name" not in caplog.text
