"""Sales as a till books them, made without a till: from inputs and rules to the event that HQ reckons again."""

import dataclasses
import json
from collections.abc import Sequence
from typing import Any

from agent.domain.asks import Asks, CardUse, Override, plan, prepaid_tenders, unspent, wanted
from agent.domain.cart import CartLine
from agent.domain.coupon_batch import HeldCoupon
from agent.domain.digest import canonical
from agent.domain.holdings import Holdings
from agent.domain.ids import EventName
from agent.domain.lease import Lot
from agent.domain.ledger import lot_name, named, posting_rows
from agent.domain.member import Certainty, Identification, IdentifiedBy, Member
from agent.domain.points import earned
from agent.domain.pricing import Item
from agent.domain.rules import RuleSet, rule_set
from agent.domain.sale import Earner, TenderLine, TenderType, booked_base, price_cart
from agent.domain.sale_event import SaleFacts, body, postings
from agent.domain.sale_inputs import Inputs

NAME = EventName("S1-1", "e1", 1)
DAY = "2026-09-08"
GOLD = Identification("", IdentifiedBy.DYNAMIC_CODE, Member("m1", "tea", "gold", 0, ""), Certainty.DYNAMIC)
RULES: dict[str, Any] = {
    "version": 3,
    "join_tier_id": "plain",
    "tiers": [
        {"tier_id": "plain", "name": "普通", "pay_rate_bps": 10_000, "earn_mult_x100": 100},
        {"tier_id": "gold", "name": "金", "pay_rate_bps": 8_800, "earn_mult_x100": 150},
    ],
    "promos": [{"id": "p1", "type": "amount_off", "name": "满50减3", "off_fen": 300, "min_fen": 5000}],
    "redeem": {"points_per_unit": 100, "fen_per_unit": 100, "cap_bp": 5000},
    "moling": "jiao",
    "member_day": 8,
    "member_day_mult_x100": 200,
    "stored_value": True,
    "points_valid_months": 12,
    "recharge": {"steps": [[30_000, 5_000]], "gift_valid_days": 30},
    "count_cards": [{"id": "c10", "name": "十次卡", "total": 10, "price_fen": 18_000, "valid_days": 365}],
}
COUPON = HeldCoupon(
    "CPN0001", "m1", "B5", 1, "issued", "2026-09-01", "2026-12-31", 1_788_278_400_000,
    {"type": "amount_off", "name": "满30减5", "off_fen": 500, "min_fen": 3000, "start": "2026-09-01",
     "end": "2026-12-31"},
)  # fmt: skip
CART = (
    CartLine(Item("A", "茶", 2990, promo_fen=2790, market_fen=3000), 2),
    CartLine(Item("B", "果汁", 1500, min_fen=900), 1),
    CartLine(Item("C", "樱桃", 3990, by_weight=True), 1, 537),
    CartLine(Item("D", "烟", 2333, no_member_discount=True, earns=False), 1),
)
RICH = Inputs(
    entries=CART,
    asks=Asks(("CPN0001",), 500, 3000, CardUse("card-1", 1, 2), cash=True),
    coupons=(COUPON,),
    points=1200,
    principal_fen=2500,
    gift_fen=2000,
    debt=20,
)


def sold_event(
    inputs: Inputs,
    rules: RuleSet,
    who: Identification | None,
    *,
    priced: bool = True,
    day: str = DAY,
    more_fen: int = 0,
    name: EventName = NAME,
    dropped: Sequence[str] = (),
    override: Override | None = None,
) -> dict[str, Any]:
    """The event of a sale whose asks are all covered by leases, but those of the `dropped` accounts.

    `more_fen` is what came in beyond what was due. Raises Refusal as the quote does.
    """
    in_force = rules.undated() if inputs.undated else rules
    member = who.member if who is not None else None
    tier = in_force.tier(member.tier_id) if member is not None else None
    earner = Earner(tier if priced else None, tier, inputs.points, inputs.birthday)
    quoted = price_cart(inputs.entries, earner, in_force, inputs.business_day or day, inputs.ask(in_force))
    wants = wanted(quoted, inputs.asks.count_card) if member is not None else ()
    lots = [
        Lot(f"ls_{n}", one.account, "m1", one.bucket or "opening", "", one.amount)
        for n, one in enumerate(wants)
        if one.account not in dropped
    ]
    planned = plan(wants, lots)
    cart = unspent(quoted, planned.dropped)
    card = inputs.asks.count_card.card_id if inputs.asks.count_card is not None else ""
    outside = TenderLine(TenderType.CASH, max(0, quoted.due_fen + more_fen))
    tenders = (outside, *prepaid_tenders(cart, card))
    collected_fen = sum(one.amount_fen for one in tenders)
    base_fen = booked_base(cart, collected_fen) if inputs.earns else 0
    event_x100 = in_force.event_x100(day, birthday=inputs.birthday)
    tier_x100 = tier.earn_mult_x100 if tier is not None else 0
    facts = SaleFacts(
        sale_id="sale-1", brand_id="tea", store_id="S1", workstation_id=name.workstation_id, at_ms=1_788_800_000_000,
        business_day=day, operator="007", cart=cart, tenders=tenders, collected_fen=collected_fen, base_fen=base_fen,
        points_earned=earned(base_fen, in_force.earn, tier_x100=tier_x100, event_x100=event_x100),
        event_x100=event_x100, member=member, by=who, priced=priced and who is not None, payment=None, rules=in_force,
        pricebook_version=1, claim_sha256=None, discrepancies=(), spent=planned.postings, unbooked=planned.dropped,
        coupons=inputs.coupons, count_card=card,
        overrides=(override,) if override is not None and cart.below_market else (),
        has=Holdings({"points": -inputs.debt}), clock={"trusted": True, "why": ""}, due_fen=quoted.due_fen,
        inputs=dataclasses.replace(inputs, unbooked=planned.dropped),
    )  # fmt: skip
    moved = posting_rows(named(postings(facts), lot_name(name)))
    event = {**body(facts), "epoch": name.epoch, "seq": name.seq, "postings": moved}
    found: dict[str, Any] = json.loads(canonical(event))
    return found


def rich_event(**more: Any) -> dict[str, Any]:
    """A gold member's sale with all there is: promotion, coupon, points, stored value, a count card, 抹零."""
    return sold_event(RICH, rule_set(RULES), GOLD, **more)
