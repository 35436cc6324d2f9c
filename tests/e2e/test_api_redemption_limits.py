"""The time to wait between two redemptions (S32), and coupons for some shops (S49), over the real API and a real HQ."""

from collections.abc import Iterator
from typing import Any

import pytest

from agent.demo import world as chain
from agent.domain.asks import Asks
from agent.domain.errors import Refusal
from agent.domain.order import OrderLine
from tests.spending_world import JUICE, RULES, SpendingTill, number, refused, second, spending
from tests.till_world import cash

MINUTES = 45
_BATCHES = """batch_id,name,type,start,end,off_yuan,stores,issuer,cross_store
here,本店券,amount_off,2026-01-01,2030-12-31,5,,S001,
there,外店券,amount_off,2026-01-01,2030-12-31,5,S002,,
across,通用券,amount_off,2026-01-01,2030-12-31,5,,S002,1
"""
_HELD = 4


async def _restrict(till: SpendingTill) -> None:
    """Another store, coupons for some stores, and a cool-down."""
    hq, folder = till.world.server.hq, till.world.folder / "limits"
    folder.mkdir()
    await hq.add_store(chain.BRAND, "S002", "二号店")
    (folder / "batches.csv").write_text(_BATCHES, encoding="utf-8")
    await hq.import_batches(chain.BRAND, folder / "batches.csv")
    rows = "".join(f"{b}-{n:04d},{number(n)},{b}\n" for n in range(_HELD) for b in ("here", "there", "across"))
    (folder / "coupons.csv").write_text(f"coupon_id,member_number,batch_id\n{rows}", encoding="utf-8")
    await hq.import_coupons(chain.BRAND, folder / "coupons.csv")
    await hq.import_rules(chain.BRAND, {**RULES, "version": 3, "cooldown": {"points_min": MINUTES}})
    await till.world.agent.puller.pull_all()


@pytest.fixture(scope="module")
def till(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SpendingTill]:
    with spending(tmp_path_factory.mktemp("redemption-limits")) as found:
        found.run(_restrict(found))
        yield found


def sold(till: SpendingTill, **asks: Any) -> dict[str, Any]:
    """Quote and sell."""
    quote = till.quote(JUICE, **asks)
    return till.sell([cash(quote["due_fen"])], quote_id=quote["quote_id"])


def test_a_coupon_for_other_shops_is_refused_here_with_the_cable_out_s49(till: SpendingTill) -> None:
    who = till.rich()
    seen = till.dynamic(who)
    usable = {one["coupon_id"]: one["usable_today"] for one in seen["member"]["coupons"]}
    assert [usable[who.coupon(name)] for name in ("here", "there", "across")] == [True, False, True]
    ask: dict[str, Any] = {"identification_id": seen["identification_id"]}
    with till.offline():
        found = refused(till, 422, "COUPON_OTHER_STORE", "coupons.0", coupons=[who.coupon("there")], **ask)
    assert "S002" in found["detail"]
    for name in ("here", "across"):
        assert sold(till, who=ask["identification_id"], coupons=[who.coupon(name)])["discrepancies"] == []
    till.equal()


def test_points_wait_and_the_sale_itself_goes_on_s32(till: SpendingTill) -> None:
    who = till.rich()
    seen = till.dynamic(who)["identification_id"]
    early, late = till.quote(JUICE, seen, points=100), till.quote(JUICE, seen, points=100)
    till.sell([cash(early["due_fen"])], quote_id=early["quote_id"])
    with till.offline():
        found = refused(till, 409, "REDEMPTION_COOLING", "points", identification_id=seen, points=100, confirmed=True)
        assert "起可再次核销" in found["detail"]
        refused(till, 409, "REDEMPTION_COOLING", "points", identification_id=seen, points="max")
        assert sold(till, who=seen)["points_earned"] > 0
    assert sold(till, who=seen, stored_value=1000)["discrepancies"] == [], "their own money waits for nothing"
    booked = till.sell([cash(late["due_fen"])], quote_id=late["quote_id"])
    spent = [one["amount"] for one in till.event(booked)["postings"] if one["account"] == "points"]
    assert sum(amount for amount in spent if amount < 0) == -100, "quoted before and paid: booked as it was"
    till.equal()
    codes = {one.code for one in till.run(till.world.server.hq.differences())}
    assert "REDEEMED_TOO_SOON" in codes
    till.clock.ahead_s += MINUTES * 60 + 1
    seen = till.dynamic(who)["identification_id"]
    assert till.quote(JUICE, seen, points=100, confirmed=True)["redeemed"]["points"] == 100


def test_another_till_knows_by_hqs_row_s32(till: SpendingTill) -> None:
    who = till.rich()
    sold(till, who=till.dynamic(who)["identification_id"], points=100)
    till.equal()

    async def counted() -> None:
        while await till.world.server.hq.members.keep_some():
            pass

    till.run(counted())
    with second(till) as agent:

        async def at_second() -> None:
            found = await agent.till.resolve(await till.world.server.hq.issue_dynamic_code(chain.BRAND, who.number))
            await agent.till.quote([OrderLine("10005", 4)], found.identification_id, Asks(points=100))

        with pytest.raises(Refusal) as cooling:
            till.run(at_second())
        assert cooling.value.code == "REDEMPTION_COOLING"
