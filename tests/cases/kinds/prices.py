"""Case kinds of line prices, allocation, labels, coupon choice and 抹零: the product's functions, the cases' fields.

Every function takes a case's `input` and gives what its `expected` is matched against (design: "Case fields").
"""

from collections.abc import Callable
from typing import Any

from agent.domain.coupon_choice import pick_coupon
from agent.domain.floors import floor_unit
from agent.domain.money import allocate
from agent.domain.offers import Offer, OfferType
from agent.domain.pricing import Item, TierRound, line_price
from agent.domain.rounding import CashStep, wiped
from agent.domain.scale_label import LabelFormat, read_label

Case = dict[str, Any]


def item_of(given: Case) -> Item:
    """The article of a `unit_price` case or of a cart line; prices are per kg where grams or a label are given."""
    return Item(
        sku=given.get("sku", "case"),
        name=given.get("sku", "case"),
        list_fen=given["list_fen"],
        member_fen=given.get("member_fixed_fen"),
        promo_fen=given.get("promo_fen"),
        no_member_discount=given.get("no_member_discount", False),
        earns=given.get("earn", True),
        by_weight=given.get("grams") is not None or given.get("label_fen") is not None,
        min_fen=given.get("floor_fen"),
        market_fen=given.get("market_fen"),
    )


def _allocate(given: Case) -> Case:
    """A negative amount is a refund: what the amount itself gave, negated (R6). A null cap is none."""
    amount, sign = abs(given["amount"]), -1 if given["amount"] < 0 else 1
    caps = [amount if cap is None else cap for cap in given["caps"]] if "caps" in given else None
    found = allocate(given["weights"], amount, caps)
    return {"shares": [sign * share for share in found.shares], "unallocated": sign * found.unallocated}


def _unit_price(given: Case) -> Case:
    item = item_of(given)
    found = line_price(
        item,
        qty=given.get("qty", 1),
        grams=given.get("grams"),
        label_fen=given.get("label_fen"),
        is_member=given.get("tier_bp") is not None or given.get("member_fixed_fen") is not None,
        pay_rate_bps=given.get("tier_bp"),
        tier_round=TierRound(given.get("tier_round", "unit")),
        floor_unit_fen=floor_unit(item.min_fen, item.market_fen, market_rule=True),
    )
    return {
        "unit_fen": found.unit_fen,
        "line_fen": found.line_fen,
        "price_source": found.source.value,
        "route": found.route.value,
        "lost_fen": found.lost_fen,
    }


def _moling(given: Case) -> Case:
    others_fen = sum(tender["fen"] for tender in given.get("other_tenders", []))
    step = CashStep(given["mode"]) if "mode" in given else None
    wiped_fen = wiped(given["payable_fen"], others_fen, step, cash=given.get("tender") == "cash")
    return {"collect_fen": given["payable_fen"] - wiped_fen, "wiped_fen": wiped_fen}


def _pick_coupon(given: Case) -> Case:
    coupons = [
        Offer(
            offer_id=coupon["id"],
            type=OfferType.AMOUNT_OFF,
            off_fen=coupon["off_fen"],
            min_fen=coupon.get("min_fen", 0),
            end_day=coupon.get("end"),
            claimed=coupon.get("claimed"),
            batch=str(coupon.get("stock_id", "")),
        )
        for coupon in given["coupons"]
    ]
    picked = pick_coupon(given["order_fen"], coupons)
    return {"picked": picked.offer_id if picked is not None else None}


def _weighed_barcode(given: Case) -> Case:
    label = read_label(given["barcode"], LabelFormat(given["fmt"]) if given.get("fmt") else None)
    if label is None:
        return {"ok": False}
    return {"ok": True, "plu": label.plu, "amount_fen": label.amount_fen, "grams": label.grams}


KINDS: dict[str, Callable[[Case], object]] = {
    "allocate": _allocate,
    "unit_price": _unit_price,
    "moling": _moling,
    "pick_coupon": _pick_coupon,
    "weighed_barcode": _weighed_barcode,
}
