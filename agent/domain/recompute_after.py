"""R13 for what follows a sale: returns and voids by the sale they give back, recharges and cards sold by their rules.

Pure; called by sync.hq.recompute. Cancelled recharges, uses and refunds of cards depend on what a till could take at
that moment, which their events do not say: they are not reckoned again.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from agent.domain.after_event import COUNT_CARD_SALE, RECHARGE, RETURN, VOID
from agent.domain.business_day import parse_day
from agent.domain.differences import Differences, Found, fields_of
from agent.domain.digest import Json
from agent.domain.errors import Refusal
from agent.domain.giving_back import Rights, give_back
from agent.domain.ids import EventName
from agent.domain.ledger import (
    COUNT_ACCOUNT,
    GIFT_ACCOUNT,
    OWN_LOT,
    PENDING_ACCOUNT,
    POINTS_ACCOUNT,
    PRINCIPAL_ACCOUNT,
    lot_name,
    named,
    posting_rows,
)
from agent.domain.points import EarnRule
from agent.domain.purse_rules import last_day
from agent.domain.recompute import (
    INPUTS_UNREADABLE,
    POINTS_DIFFER,
    POSTINGS_DIFFER,
    PRICE_DIFFERS,
    RULES_REFUSE,
    RULES_UNKNOWN,
    UNREADABLE,
    recomputed,
)
from agent.domain.refunds import ReturnPlan, plan_return, plan_void
from agent.domain.rules import RuleSet
from agent.domain.sale import Posting
from agent.domain.sale_inputs import whole
from agent.domain.short import Short, settle
from agent.domain.sold import Sold, postings_in, returned, sold
from agent.domain.stored_value import bonus

REFUND_DIFFERS: Final = "REFUND_DIFFERS"
BONUS_DIFFERS: Final = "BONUS_DIFFERS"
SALE_MISSING: Final = "SALE_MISSING"
BACK: Final = (RETURN, VOID)
"""Kinds that are reckoned from the sale they give back."""


def recomputed_event(
    event: Mapping[str, Any],
    rules: RuleSet | None,
    sale: Mapping[str, Any] | None = None,
    earlier: Sequence[Mapping[str, Any]] = (),
) -> tuple[Found, ...]:
    """Reckon any event again. `sale` is what a return gives back, `earlier` what went back of it before.

    Kinds that cannot be reckoned have no difference. Never raises for what an event says.
    """
    kind = event.get("kind")
    if kind == "sale":
        return recomputed(event, rules)
    try:
        if kind in BACK:
            return _given_back(event, rules, sale, earlier)
        if kind in (RECHARGE, COUNT_CARD_SALE):
            if rules is None:
                return (Found(RULES_UNKNOWN, f"rules version {event.get('rules_version')!r}"[:80]),)
            return _recharged(event, rules) if kind == RECHARGE else _card_sold(event, rules)
    except Refusal as refused:
        return (Found(RULES_REFUSE, f"{refused.code}: {refused.message}"[:200]),)
    except UNREADABLE as error:
        return (Found(INPUTS_UNREADABLE, type(error).__name__),)
    return ()


# --- returns --------------------------------------------------------------------------------------------------------
def _given_back(
    event: Mapping[str, Any],
    rules: RuleSet | None,
    sale: Mapping[str, Any] | None,
    earlier: Sequence[Mapping[str, Any]],
) -> tuple[Found, ...]:
    of_name = event.get("of")
    if not isinstance(of_name, dict) or not isinstance(event.get("prepaid"), dict):
        return ()  # of a till that did not yet say what it gave back
    if sale is None:
        return (Found(SALE_MISSING, f"{of_name.get('epoch')} {of_name.get('seq')} is not here"[:120]),)
    name = EventName(event["workstation_id"], of_name["epoch"], of_name["seq"])
    day = event["business_day"]
    of = sold(sale, name, rules.earn if rules is not None else EarnRule(), day)
    before = returned(of, earlier)
    places = {number: place for place, (number, _sku, _name) in enumerate(of.rows)}
    asked = [(places[row["line"]], -row["qty"]) for row in event["lines"]]
    if event["kind"] == VOID:
        plan = plan_void(of.sale, before, day=parse_day(day))
    else:
        plan = plan_return(of.sale, before, asked, day=parse_day(day))
    now = before.plus(plan).units
    units = [(one.card_id, one.back(now, of.sale.lines) - one.back(before.units, of.sale.lines)) for one in of.covered]
    went = [posting for one in earlier for posting in postings_in(one)]
    differ = Differences()
    short = _short(differ, event, plan, rules)
    given = give_back(of, plan, units, went, Rights(), day, in_cash=short.points)
    _compare_plan(differ, event, of, plan, short)
    differ.compare(REFUND_DIFFERS, "coupons", sorted(event["coupons"]), [*sorted(given.coupons)])
    theirs, ours = _moved(postings_in(event)), _moved(given.postings)
    for what in sorted(theirs.keys() | ours.keys()):
        differ.compare(POSTINGS_DIFFER, what, theirs.get(what, 0), ours.get(what, 0))
    prepaid: dict[str, Json] = {
        "principal_fen": -given.sum(PRINCIPAL_ACCOUNT),
        "gift_fen": -given.sum(GIFT_ACCOUNT),
        "counts": [{"id": card_id, "units": -back} for card_id, back in given.counts.items()],
    }
    differ.compare(REFUND_DIFFERS, "prepaid", event["prepaid"], prepaid)
    return differ.found


def _short(differ: Differences, event: Mapping[str, Any], plan: ReturnPlan, rules: RuleSet | None) -> Short:
    """Points paid out of the refund: how many depends on what the till could take, what they are worth does not."""
    points = whole(event["totals"].get("points_in_cash", 0), plan.points_reversed)
    rule = rules.redeem if rules is not None and rules.purse.short_in_cash else None
    found = settle(points, plan.tenders, rule)
    if found.points != points:
        differ.say(RULES_REFUSE, f"{points} points were paid in cash, by the rules {found.points}")
    return found


def _compare_plan(differ: Differences, event: Mapping[str, Any], of: Sold, plan: ReturnPlan, short: Short) -> None:
    lines: list[Json] = [
        {
            "line": of.rows[one.line][0],
            "sku": of.rows[one.line][1],
            "qty": -one.units,
            "paid_fen": -one.refund_fen,
            "points_used": -one.points_returned,
        }
        for one in plan.lines
    ]
    differ.compare(REFUND_DIFFERS, "lines", list(event["lines"]), lines)
    tenders: list[Json] = [
        {
            "tender": place,
            "type": tender.type,
            "amount_fen": short.of(place) - fen,
            **({"kept_fen": short.of(place)} if short.of(place) else {}),
        }
        for place, (tender, (_, fen)) in enumerate(zip(of.tenders, plan.tenders, strict=True))
        if fen
    ]
    differ.compare(REFUND_DIFFERS, "tenders", list(event["tenders"]), tenders)
    totals = event["totals"]
    differ.compare(REFUND_DIFFERS, "totals.payable_fen", totals["payable_fen"], short.fen - plan.refund_fen)
    differ.compare(REFUND_DIFFERS, "totals.kept_fen", totals.get("kept_fen", 0), short.fen)
    differ.compare(REFUND_DIFFERS, "whole", event["whole"], plan.whole)
    differ.compare(POINTS_DIFFER, "totals.points_earned", totals["points_earned"], -plan.points_reversed)
    put = -sum(one.points for one in plan.points_put)
    differ.compare(POINTS_DIFFER, "totals.points_used", totals["points_used"], put)


def _moved(postings: Iterable[Posting]) -> dict[str, int]:
    """What came back and what was taken, by account; points are taken where they are: held back, in a lot, as debt."""
    found: dict[str, int] = {}
    for one in postings:
        account = POINTS_ACCOUNT if one.account == PENDING_ACCOUNT else one.account
        what = f"{account} {'back' if one.amount > 0 else 'taken'}"
        found[what] = found.get(what, 0) + one.amount
    return found


# --- purses ---------------------------------------------------------------------------------------------------------
def _recharged(event: Mapping[str, Any], rules: RuleSet) -> tuple[Found, ...]:
    """The bonus of R9, its last day, and that money, postings and totals say the same."""
    differ, owner, day = Differences(), event["member"]["member_id"], event["business_day"]
    amount_fen = sum(one["amount_fen"] for one in event["tenders"])
    rule = rules.purse.recharge
    gift = bonus(amount_fen, rule.steps, per_multiple=rule.per_multiple)
    expires = last_day(day, rules.purse.gift_valid_days) if gift else ""
    reckoned: dict[str, Json] = {"payable_fen": amount_fen, "principal_fen": amount_fen, "gift_fen": gift}
    if not rules.stored_value:
        differ.say(RULES_REFUSE, "STORED_VALUE_REFUSED: this merchant takes no stored value")
    differ.compare(BONUS_DIFFERS, "totals", fields_of(event["totals"], reckoned), reckoned)
    differ.compare(BONUS_DIFFERS, "gift_expires", event.get("gift_expires"), expires)
    postings = [Posting(PRINCIPAL_ACCOUNT, owner, amount_fen, "", "", OWN_LOT)]
    if gift:
        postings.append(Posting(GIFT_ACCOUNT, owner, gift, OWN_LOT, expires, OWN_LOT))
    _same_postings(differ, event, postings)
    return differ.found


def _card_sold(event: Mapping[str, Any], rules: RuleSet) -> tuple[Found, ...]:
    """A count card at the price, with the units and until the day of its product (R18)."""
    differ, card = Differences(), event["card"]
    product = rules.purse.product(card["product"])
    if product is None:
        return (Found(RULES_REFUSE, f"COUNT_PRODUCT_UNKNOWN: {card['product']}"[:200]),)
    expires = last_day(event["business_day"], product.valid_days)
    reckoned: dict[str, Json] = {
        "name": product.name, "total": product.total, "price_fen": product.price_fen, "expires": expires,
    }  # fmt: skip
    differ.compare(PRICE_DIFFERS, "card", fields_of(card, reckoned), reckoned)
    differ.compare(PRICE_DIFFERS, "totals.payable_fen", event["totals"]["payable_fen"], product.price_fen)
    paid_fen = sum(one["amount_fen"] for one in event["tenders"])
    differ.compare(PRICE_DIFFERS, "tenders", paid_fen, product.price_fen)
    owner = event["member"]["member_id"]
    units = Posting(COUNT_ACCOUNT, owner, product.total, card["card_id"], expires, OWN_LOT)
    _same_postings(differ, event, [units])
    return differ.found


def _same_postings(differ: Differences, event: Mapping[str, Any], postings: Sequence[Posting]) -> None:
    lot = lot_name(EventName(event["workstation_id"], event["epoch"], event["seq"]))
    differ.compare(POSTINGS_DIFFER, "postings", list(event["postings"]), posting_rows(named(postings, lot)))
