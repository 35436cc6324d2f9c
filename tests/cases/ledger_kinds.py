"""The kinds of worked cases about what a member holds: refunds, points, stored value, count cards (R9, R10, R12, R18).

Each reads one case's input, calls the product's own functions and gives the value the case expects. No rule is
written down here: only field names are turned into arguments and results into the case file's shapes.
"""

from collections.abc import Callable
from datetime import date
from typing import Any

from agent.domain import count_card as cards
from agent.domain import points_ledger as points
from agent.domain import refund_shares as shares
from agent.domain import refunds
from agent.domain import stored_value as sv
from agent.domain.errors import Refusal
from agent.domain.points import EarnRule, earned
from tests.cases import member_kinds

Given = dict[str, Any]


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text is not None else None


def refund(given: Given) -> object:
    """Several returns of one recorded sale; balance_after runs on from the sale's."""
    sold = given["sale"]
    lines = tuple(
        refunds.SoldLine(line.get("qty", 1), line["paid_fen"], line.get("points_used", 0), line.get("earn", True))
        for line in sold["lines"]
    )
    ratio = shares.EarnRatio(sold.get("mult_num", 1), sold.get("mult_den", 100))
    base_fen = sold.get("base_fen", sum(line.paid_fen for line in lines if line.earns))
    made = sold.get("earned", ratio.earn(base_fen))
    taken = (points.Taken("case", sum(line.points_used for line in lines)),)
    sale = refunds.SoldSale(lines, base_fen, made, ratio, points_taken=taken, coupon=bool(sold.get("coupon")))
    before, balance, steps = refunds.nothing_returned(sale), sold.get("balance_after", 0), list[Given]()
    for asked in given["refunds"]:
        try:
            plan = refunds.plan_return(sale, before, [(line, qty) for line, qty in asked])
        except Refusal as refusal:
            steps.append({"error": refusal.code})
            continue
        before = before.plus(plan)
        balance += plan.points_returned - plan.points_reversed
        steps.append(
            {
                "refund_fen": plan.refund_fen,
                "points_returned": plan.points_returned,
                "points_reversed": plan.points_reversed,
                "balance_after": balance,
                "coupon_restored": plan.coupon_restored,
            }
        )
    return {"steps": steps}


def points_reverse(given: Given) -> object:
    """Amounts refunded one after the other from one sale."""
    raw = given.get("earn", {})
    rule = EarnRule(raw.get("points", 1), raw.get("per_fen", 100))
    base_fen = given["sale_net_fen"]
    made = kept = earned(base_fen, rule)
    ratio, refunded, reversed_points = shares.EarnRatio(rule.points, rule.per_fen), 0, list[int]()
    for fen in given["refunds_fen"]:
        refunded += fen
        back = shares.reversal(kept, ratio, shares.base_remaining(base_fen, base_fen, refunded))
        kept -= back
        reversed_points.append(back)
    return {"earned": made, "reversed": reversed_points}


def wechat_refund(given: Given) -> object:
    """What reaches the payer when WeChat bore a voucher."""
    return {"to_user_fen": shares.wechat_to_user(given["total_fen"], given["paid_fen"], given["refund_fen"])}


def tender_refund(given: Given) -> object:
    """One refund over the recorded tenders."""
    return {"shares": shares.tender_shares([tender["fen"] for tender in given["tenders"]], given["refund_fen"])}


def ledger(given: Given) -> object:
    """Operations on points buckets."""
    held = tuple(points.Bucket(row["id"], row["points"], _day(row.get("expires"))) for row in given.get("buckets", []))
    book, log = points.PointsLedger(held, given.get("debt", 0)), list[Given]()
    grace_days = given.get("grace_days", 0)
    for op in given["ops"]:
        day = _day(op.get("date"))
        try:
            match op["op"]:
                case "earn":
                    book = points.earn(book, op["id"], op["points"], _day(op.get("expires")))
                case "redeem":
                    book, taken = points.redeem(book, op["points"], day, op.get("ref", ""))
                    log.append({"taken": [[part.bucket_id, part.points] for part in taken]})
                case "return":
                    book, put = points.give_back(book, op["points"], op.get("of", ""), day, grace_days)
                    log.append({"put": [[part.bucket_id, part.points] for part in put]})
                case "reverse":
                    book = points.reverse(book, op["id"], op["points"], day)
                case "expire":
                    book, expired = points.expire(book, date.fromisoformat(op["date"]))
                    log.append({"expired": expired})
                case other:
                    raise ValueError(f"a ledger knows no {other}")
        except Refusal as refusal:
            log.append({"error": refusal.code})
    left = {bucket.bucket_id: bucket.points for bucket in book.buckets}
    return {"buckets": left, "debt": book.debt, "balance": book.balance, "log": log}


def stored_value(given: Given) -> object:
    """Operations on principal and gift; `gift_expires`, `gifts` and `expire` are for gift lots with a last day."""
    raw = given.get("rules", {})
    rules = sv.RechargeRules(
        steps=tuple((start, bonus) for start, bonus in raw.get("gift", [])),
        per_multiple=raw.get("per_multiple", False),
        mode=sv.SpendMode(raw.get("mode", sv.SpendMode.PRINCIPAL_FIRST)),
        daily_limit_fen=raw.get("daily_limit_fen"),
        card_limit_fen=raw.get("card_limit_fen", sv.NAMED_CARD_FEN),
    )
    opening = [sv.GiftLot(given["gift_fen"])] if given.get("gift_fen") else []
    opening += [sv.GiftLot(lot["fen"], _day(lot.get("expires"))) for lot in given.get("gifts", [])]
    account, log = sv.opened(given.get("principal_fen", 0), opening), list[object]()
    for op in given["ops"]:
        day = _day(op.get("date"))
        try:
            match op["op"]:
                case "recharge":
                    expires = _day(op.get("gift_expires"))
                    account, moved = sv.recharge(account, op["amount_fen"], rules, day=day, gift_expires=expires)
                    log.append(list(moved))
                case "consume":
                    partial = op.get("partial", False)
                    account, moved = sv.consume(account, op["amount_fen"], rules, partial=partial, day=day)
                    log.append(list(moved))
                case "cancel_recharge":
                    account, cash_back = sv.cancel_recharge(account, op["lot"], day=day)
                    log.append({"cash_back": cash_back})
                case "refund_in":
                    account, moved = sv.refund_in(account, op["amount_fen"])
                    log.append(list(moved))
                case "expire":
                    account, cleared = sv.expire_gifts(account, date.fromisoformat(op["date"]))
                    log.append({"expired": cleared})
                case other:
                    raise ValueError(f"stored value knows no {other}")
        except Refusal as refusal:
            log.append(refusal.code)
    return {"principal_fen": account.principal_fen, "gift_fen": account.gift_fen, "log": log}


def count_card(given: Given) -> object:
    """Operations on a count card."""
    total: int = given["total"]
    card = cards.CountCard(total, given.get("remaining", total), given.get("price_fen", 0))
    log: list[object] = []
    for op in given["ops"]:
        try:
            match op["op"]:
                case "use":
                    card = cards.use(card, op.get("n", 1))
                    log.append(card.remaining)
                case "return":
                    card = cards.give_back(card, op.get("n", 1))
                    log.append(card.remaining)
                case "refund_card":
                    card, cash_back = cards.refund_card(card)
                    log.append({"cash_back": cash_back})
                case other:
                    raise ValueError(f"a count card knows no {other}")
        except Refusal as refusal:
            log.append(refusal.code)
    return {"remaining": card.remaining, "log": log}


KINDS: dict[str, Callable[[Given], object]] = {
    "refund": refund,
    "points_reverse": points_reverse,
    "wechat_refund": wechat_refund,
    "tender_refund": tender_refund,
    "ledger": ledger,
    "stored_value": stored_value,
    "count_card": count_card,
    **member_kinds.KINDS,
}
