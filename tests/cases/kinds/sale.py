"""The case kind `sale`: a basket through the product's pipeline (agent.domain.evaluate), in the cases' own fields.

Beyond the documented fields a cart line may carry `member_fixed_fen`, `grams`, `label_fen` and `market_fen`, an offer
`rungs` and `stackable` (here a coupon that does not say so stacks), a tender `goods` of a group voucher or count card
and `mode` of stored value, and a case `supervisor` for PRICE_BELOW_70.
"""

from collections.abc import Callable, Sequence
from dataclasses import fields
from typing import TypeVar

from agent.domain.cart import CartLine
from agent.domain.errors import Refusal
from agent.domain.evaluate import NOBODY, Ask, Basket, Buyer, Evaluated, Terms, evaluate
from agent.domain.offers import Offer, OfferType, Rung
from agent.domain.points import EarnRule
from agent.domain.prepaid import Purse, Voucher
from agent.domain.pricing import TierRound
from agent.domain.redemption import RedeemRule
from agent.domain.rounding import CashStep
from agent.domain.stages import Outcome
from agent.domain.stored_value import SpendMode
from tests.cases.kinds.prices import Case, item_of

Rule = TypeVar("Rule", EarnRule, RedeemRule, Rung)


def _known(rule: type[Rule], given: Case) -> Rule:
    """A rule of the fields it has; others of the case are passed over."""
    return rule(**{one.name: given[one.name] for one in fields(rule) if one.name in given})


def offer_of(given: Case) -> Offer:
    """A promotion or coupon of a case; `off_bp` is basis points off."""
    return Offer(
        offer_id=given["id"],
        type=OfferType(given["type"]),
        off_fen=given.get("off_fen", 0),
        off_bp=given.get("off_bp", 0),
        min_fen=given.get("min_fen", 0),
        min_qty=given.get("min_qty", 0),
        scope=frozenset(given["scope"]) if "scope" in given else None,
        max_off_fen=given.get("max_off_fen"),
        priority=given.get("priority", 0),
        exclusive=given.get("exclusive", False),
        stackable=given.get("stackable", True),
        rungs=tuple(_known(Rung, rung) for rung in given.get("rungs", [])),
        end_day=given.get("end"),
        claimed=given.get("claimed"),
        batch=str(given.get("stock_id", "")),
    )


def _basket(given: Case) -> Basket:
    rules, tender = given.get("rules", {}), given.get("tender", {})
    member, redeem = given.get("member"), rules.get("redeem")
    buyer = NOBODY
    if member is not None:
        buyer = Buyer(
            pay_rate_bps=member.get("tier_bp"),
            earn_mult_x100=member.get("tier_mult_x100", 100),
            points=member.get("points", 0),
        )
    terms = Terms(
        promos=tuple(map(offer_of, rules.get("promos", given.get("promos", [])))),
        redeem=_known(RedeemRule, redeem) if redeem is not None else None,
        earn=_known(EarnRule, rules.get("earn", {})),
        event_mults_x100=tuple(rules.get("event_mults_x100", [])),
        moling=CashStep(rules["moling"]) if "moling" in rules else None,
        tier_round=TierRound(rules.get("tier_round", "unit")),
        market_rule=rules.get("floor_rule_on", True),
    )
    kind = tender.get("type")
    ask = Ask(
        coupons=tuple(map(offer_of, given.get("coupons", rules.get("coupons", [])))),
        points=given.get("redemption", {}).get("points", 0),
        vouchers=(Voucher(kind, tender["goods"]),) if kind in ("group_voucher", "count_card") else (),
        purse=_purse(tender) if kind == "stored_value" else None,
        cash=kind == "cash",
        below_market_ok=given.get("supervisor", False),
    )
    return Basket(tuple(map(_line, given["cart"])), buyer, terms, ask)


def _purse(tender: Case) -> Purse:
    mode = tender.get("mode", SpendMode.PRINCIPAL_FIRST)
    return Purse(tender.get("principal_fen", 0), tender.get("gift_fen", 0), mode=mode)


def _line(line: Case) -> CartLine:
    return CartLine(item_of(line), line.get("qty", 1), line.get("grams"), label_fen=line.get("label_fen"))


def _sale(given: Case) -> Case:
    try:
        found = evaluate(_basket(given))
    except Refusal as refused:
        return {"error": refused.code}
    return {
        "gross_fen": list(found.gross),
        "net_fen": list(found.nets),
        "points_off": list(found.points_off),
        "points_used": list(found.points_used),
        "rounding_off": list(found.rounding_off),
        "paid_fen": list(found.paid),
        "promos": _outcomes(found.promos),
        "coupons": _outcomes(found.coupons),
        "payable_fen": found.payable_fen,
        "lost_fen": found.lost_fen,
        "points": {
            "redeemed": found.redeemed.points,
            "base_fen": found.base_fen,
            "earned": found.earned,
            "balance_after": found.balance_after,
        },
        **_tendered(given.get("tender", {}), found),
    }


def _outcomes(outcomes: Sequence[Outcome]) -> list[list[object]]:
    return [[one.offer.offer_id, one.applied, list(one.shares)] for one in outcomes]


def _tendered(tender: Case, found: Evaluated) -> Case:
    if found.covered:
        return {"covered_fen": [one.amount_fen for one in found.covered], "other_tender_fen": found.other_tender_fen}
    if tender.get("type") != "stored_value":
        return {}
    return {
        "stored_value": {
            "principal_used": found.drawn.principal_fen,
            "gift_used": found.drawn.gift_fen,
            "principal_after": tender.get("principal_fen", 0) - found.drawn.principal_fen,
            "gift_after": tender.get("gift_fen", 0) - found.drawn.gift_fen,
            "other_tender_fen": found.other_tender_fen,
        }
    }


KINDS: dict[str, Callable[[Case], object]] = {"sale": _sale}
