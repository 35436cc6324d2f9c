"""R13: what HQ makes of a sale when it reckons it again, and every figure in which the event says something else.

Pure; called by sync.hq.recompute with the event's own inputs and the rule set of its own version. What was sold stays
sold: a difference is kept for a person, and moves nothing. Other kinds of events: agent.domain.recompute_after.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from agent.domain.asks import Override, Want, prepaid_tenders, unspent, wanted
from agent.domain.differences import Differences, Found, fields_of
from agent.domain.digest import Json
from agent.domain.errors import Refusal
from agent.domain.holdings import Holdings
from agent.domain.ids import EventName
from agent.domain.ledger import COUNT_ACCOUNT, COUPON_ACCOUNT, POINTS_ACCOUNT, lot_name, named, posting_rows
from agent.domain.member import Identification, IdentifiedBy, Member
from agent.domain.points import earned
from agent.domain.rules import RuleSet
from agent.domain.sale import Earner, Posting, PricedCart, TenderType, booked_base, price_cart
from agent.domain.sale_event import SaleFacts, body, postings
from agent.domain.sale_inputs import Inputs, inputs_of, whole
from agent.domain.sold import postings_in
from agent.limits import AMOUNT_FEN, SALE_LINES

PRICE_DIFFERS: Final = "PRICE_DIFFERS"
OFFER_DIFFERS: Final = "OFFER_DIFFERS"
REDEEMED_DIFFERS: Final = "REDEEMED_DIFFERS"
PREPAID_DIFFERS: Final = "PREPAID_DIFFERS"
POINTS_DIFFER: Final = "POINTS_DIFFER"
POSTINGS_DIFFER: Final = "POSTINGS_DIFFER"
TIER_DIFFERS: Final = "TIER_DIFFERS"
RULES_REFUSE: Final = "RULES_REFUSE"
"""By the rules this sale would have been refused: more points than there were, a set without its goods."""
RULES_UNKNOWN: Final = "RULES_UNKNOWN"
INPUTS_UNREADABLE: Final = "INPUTS_UNREADABLE"

_ALONE: Final = (COUNT_ACCOUNT, COUPON_ACCOUNT)
_PREPAID: Final = (TenderType.STORED_VALUE, TenderType.COUNT_CARD, TenderType.VOUCHER)
_LINE: Final = {"offers": OFFER_DIFFERS, "points_off_fen": REDEEMED_DIFFERS, "points_used": REDEEMED_DIFFERS}
_TOTALS: Final = {"base_fen": POINTS_DIFFER, "points_earned": POINTS_DIFFER}
_MEMBER: Final = {"event_x100": POINTS_DIFFER, "pay_rate_bps": TIER_DIFFERS, "earn_mult_x100": TIER_DIFFERS}
_WHOLE: Final = {
    "promos": OFFER_DIFFERS,
    "coupons": OFFER_DIFFERS,
    "overrides": PRICE_DIFFERS,
    "redeemed": REDEEMED_DIFFERS,
    "prepaid": PREPAID_DIFFERS,
    "budget": REDEEMED_DIFFERS,
    "earn": POINTS_DIFFER,
    "postings": POSTINGS_DIFFER,
}
UNREADABLE: Final = (ValueError, TypeError, KeyError, IndexError, AttributeError, ArithmeticError, AssertionError)
"""What reading and reckoning an event raises that is not what a till writes: no event holds up the others."""


def recorded(event: Mapping[str, Any]) -> bool:
    """Whether a sale says what decided it: sales from before tills did so cannot be reckoned again.

    >>> recorded({"totals": {"payable_fen": 100}}), recorded({"totals": {"due_fen": 100}})
    (False, True)
    """
    totals = event.get("totals")
    return isinstance(totals, dict) and "due_fen" in totals


def recomputed(event: Mapping[str, Any], rules: RuleSet | None) -> tuple[Found, ...]:
    """Reckon a sale again from its own inputs, by the rules of its own version; what differs, by code.

    `rules` None: HQ never published that version (RULES_UNKNOWN). Never raises for what an event says.
    """
    if not recorded(event):
        return ()
    if rules is None:
        return (Found(RULES_UNKNOWN, f"rules version {event.get('rules_version')!r}"[:80]),)
    try:
        again = _Again.of(event, rules)
        return _compared(event, again)
    except Refusal as refused:
        return (Found(RULES_REFUSE, f"{refused.code}: {refused.message}"[:200]),)
    except UNREADABLE as error:
        return (Found(INPUTS_UNREADABLE, type(error).__name__),)


@dataclass(frozen=True, slots=True)
class _Again:
    """A sale reckoned again: the cart as quoted, the facts as booked, what the member spent by its postings."""

    inputs: Inputs
    quoted: PricedCart
    facts: SaleFacts

    @classmethod
    def of(cls, event: Mapping[str, Any], rules: RuleSet) -> "_Again":
        inputs, day = inputs_of(event), event["business_day"]
        if inputs.undated:
            rules = rules.undated()
        member, by = _member(event)
        tier = rules.tier_of(member, day) if member is not None else None
        priced = member is not None and event["member"]["priced"] is True
        earner = Earner(tier if priced else None, tier if priced else None, inputs.points)
        quoted = price_cart(inputs.entries, earner, rules, inputs.business_day or day, inputs.ask(rules))
        cart = unspent(quoted, inputs.unbooked)
        card = inputs.asks.count_card
        count_card = card.card_id if card is not None else ""
        collected_fen = sum(_tendered(event))
        base_fen = booked_base(cart, collected_fen) if inputs.earns else 0
        event_x100 = rules.event_x100(day, birthday=inputs.birthday)
        tier_x100 = tier.earn_mult_x100 if tier is not None else 0
        facts = SaleFacts(
            sale_id=event["sale_id"],
            brand_id=event["brand_id"],
            store_id=event["store_id"],
            workstation_id=event["workstation_id"],
            at_ms=event["at_ms"],
            business_day=day,
            operator=None,
            cart=cart,
            tenders=prepaid_tenders(cart, count_card),
            collected_fen=collected_fen,
            base_fen=base_fen,
            points_earned=earned(base_fen, rules.earn, tier_x100=tier_x100, event_x100=event_x100),
            event_x100=event_x100,
            member=member,
            by=by,
            priced=priced,
            payment=None,
            rules=rules,
            pricebook_version=0,
            claim_sha256=None,
            discrepancies=(),
            spent=tuple(one for one in postings_in(event) if one.amount < 0),
            unbooked=tuple(inputs.unbooked),
            coupons=inputs.coupons,
            count_card=count_card,
            overrides=[Override(one["operator"], one["reason"]) for one in event.get("overrides") or ()],
            has=Holdings({POINTS_ACCOUNT: -inputs.debt}),
            pending=_told(event, "POINTS_FROZEN"),
            due_fen=quoted.due_fen,
        )
        return cls(inputs, quoted, facts)


def _compared(event: Mapping[str, Any], again: _Again) -> tuple[Found, ...]:
    facts, differ = again.facts, Differences()
    reckoned: dict[str, Any] = dict(body(facts))
    name = EventName(event["workstation_id"], event["epoch"], event["seq"])
    reckoned["postings"] = posting_rows(named(postings(facts), lot_name(name)))
    for place, (row, line) in enumerate(zip(event["lines"], reckoned["lines"], strict=True), 1):
        _sorted_out(differ, f"lines.{place}", row, line, _LINE)
    totals = {key: value for key, value in reckoned["totals"].items() if key != "foregone_fen"}
    _sorted_out(differ, "totals", event["totals"], totals, _TOTALS)
    if facts.member is not None:
        _sorted_out(differ, "member", event["member"], fields_of(reckoned["member"], _MEMBER), _MEMBER)
    for field, code in _WHOLE.items():
        differ.compare(code, field, event.get(field), reckoned.get(field))
    prepaid = [row for row in event["tenders"] if row["type"] in _PREPAID]
    differ.compare(PREPAID_DIFFERS, "tenders", prepaid, reckoned["tenders"])
    _below_market(differ, event, again)
    _spends(differ, again)
    return differ.found


def _sorted_out(
    differ: Differences, where: str, theirs: Mapping[str, Any], ours: Mapping[str, Json], codes: Mapping[str, str]
) -> None:
    for key, value in ours.items():
        differ.compare(codes.get(key, PRICE_DIFFERS), f"{where}.{key}", theirs.get(key), value)


def _below_market(differ: Differences, event: Mapping[str, Any], again: _Again) -> None:
    """A price under 70 % is a supervisor's word, or told as a discrepancy (R4)."""
    below = again.quoted.below_market
    if below and not again.facts.overrides and not _told(event, "PRICE_BELOW_70"):
        differ.say(PRICE_DIFFERS, f"lines {', '.join(map(str, below))} under 70 % of the market, and nobody allowed it")


def _spends(differ: Differences, again: _Again) -> None:
    """What left the member's accounts is what the cart took of them."""
    wants = [one for one in wanted(again.quoted, again.inputs.asks.count_card) if one not in again.facts.unbooked]
    planned, taken = _sums(_of_wants(wants)), _sums(_of_postings(again.facts.spent))
    for account, bucket in sorted(planned.keys() | taken.keys()):
        theirs, ours = taken.get((account, bucket), 0), planned.get((account, bucket), 0)
        differ.compare(POSTINGS_DIFFER, f"spent {account} {bucket}".rstrip(), theirs, ours)


def _of_wants(wants: Iterable[Want]) -> list[tuple[str, str, int]]:
    return [(one.account, one.bucket, one.amount) for one in wants]


def _of_postings(spent: Iterable[Posting]) -> list[tuple[str, str, int]]:
    return [(one.account, one.bucket if one.account in _ALONE else "", -one.amount) for one in spent]


def _sums(parts: Iterable[tuple[str, str, int]]) -> dict[tuple[str, str], int]:
    found: dict[tuple[str, str], int] = {}
    for account, bucket, amount in parts:
        found[account, bucket] = found.get((account, bucket), 0) + amount
    return found


def _member(event: Mapping[str, Any]) -> tuple[Member | None, Identification | None]:
    said = event["member"]
    if said is None:
        return None, None
    spent_fen, month = said.get("month_spend_fen", 0), event["business_day"][:7]
    member = Member(
        said["member_id"], event["brand_id"], said["tier_id"], 0, "", month=month, month_spend_fen=spent_fen
    )
    return member, Identification("", IdentifiedBy(said["by"]), member)


def _tendered(event: Mapping[str, Any]) -> list[int]:
    tenders: Sequence[Mapping[str, Json]] = event["tenders"]
    return [whole(one["amount_fen"], AMOUNT_FEN * SALE_LINES) for one in tenders]


def _told(event: Mapping[str, Any], code: str) -> bool:
    return any(one["code"] == code for one in event.get("discrepancies") or ())
