"""A sale as its event recorded it, read back for a return or void; and what earlier returns of it gave back.

Pure; agent.aftersales reads events of these books with it. Tolerant of fields that older events lack: what is absent
was not there. WIRE: returns are signed: units, fen and points given back are negative in their events.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from agent.domain.business_day import parse_day
from agent.domain.ids import EventName
from agent.domain.ledger import COUPON_ACCOUNT, POINTS_ACCOUNT
from agent.domain.money import allocate
from agent.domain.points import EarnRule
from agent.domain.points_ledger import Taken
from agent.domain.refund_shares import EarnRatio, cumulative
from agent.domain.refunds import Returned, SoldLine, SoldSale
from agent.domain.sale import Posting

STORED_VALUE: Final = "stored_value"
_UNITS: Final = frozenset({"count_card", "voucher"})
"""Tenders in units of their own (R18): they give back units, never money."""


@dataclass(frozen=True, slots=True)
class SoldTender:
    """One tender of the sale that may get money back; `transaction_id` where the POS charged it outside."""

    type: str
    amount_fen: int
    transaction_id: str | None = None
    voucher_fen: int = 0
    """Of it, what a voucher of WeChat's own paid for the customer."""


@dataclass(frozen=True, slots=True)
class Covered:
    """Units of one count card or group voucher that paid for goods: fen they covered, line by line."""

    card_id: str
    units: int
    shares: tuple[int, ...]

    def back(self, units: Sequence[int], sold: Sequence[SoldLine]) -> int:
        """Units that come back when so many of each line have: the cumulative floor over what they covered (R6)."""
        if all(back == line.qty for back, line in zip(units, sold, strict=True)):
            return self.units
        fen = sum(cumulative(share, back, line.qty) for share, back, line in zip(self.shares, units, sold, strict=True))
        return self.units * fen // sum(self.shares) if sum(self.shares) else 0


@dataclass(frozen=True, slots=True)
class Sold:
    """A recorded sale: its name and day, whose it was, what a refund plan reads of it, and what it moved."""

    sale_id: str
    name: EventName
    at_ms: int
    business_day: str
    member_id: str | None
    rules_version: int
    rows: tuple[tuple[int, str, str], ...]
    """(number, sku, name) of each line, in the order of `sale.lines`."""
    sale: SoldSale
    tenders: tuple[SoldTender, ...]
    covered: tuple[Covered, ...]
    postings: tuple[Posting, ...]

    def taken(self, account: str) -> tuple[Posting, ...]:
        """What the sale spent of one account."""
        return tuple(one for one in self.postings if one.account == account and one.amount < 0)


def postings_in(event: Mapping[str, Any]) -> tuple[Posting, ...]:
    """The postings an event's body says."""
    return tuple(
        Posting(
            one["account"], one["owner"], one["amount"], one.get("bucket", ""), one.get("expires", ""),
            one.get("lease", ""),
        )
        for one in event.get("postings") or ()
    )  # fmt: skip


def sold(event: Mapping[str, Any], name: EventName, rule: EarnRule, day: str) -> Sold:
    """Read a sale's event. `rule` is the earning rule of its rules version; `day` decides whether coupons still live.

    >>> event = {"sale_id": "s", "at_ms": 0, "business_day": "2026-11-21", "tenders": [{"type": "cash",
    ...          "amount_fen": 900}], "lines": [{"line": 1, "sku": "a", "qty": 3, "paid_fen": 1000, "earns": True}]}
    >>> sold(event, EventName("W", "e", 1), EarnRule(), "2026-11-22").sale.lines[0].paid_fen  # what was collected
    900
    """
    rows = event.get("lines") or []
    covered = _covered(event, len(rows))
    tenders = _tenders(event)
    paid = [row["paid_fen"] - sum(one.shares[place] for one in covered) for place, row in enumerate(rows)]
    collected = sum(one.amount_fen for one in tenders)
    if sum(paid) != collected:  # another amount was charged than priced: it is spread over the lines (R6)
        paid = list(allocate([max(0, fen) for fen in paid], collected).shares)
        paid[0] += collected - sum(paid)
    lines = [
        SoldLine(
            row["qty"] if row.get("grams") is None else 1, fen, row.get("points_used", 0), row.get("earns") is True
        )
        for row, fen in zip(rows, paid, strict=True)
    ]
    totals, member = event.get("totals") or {}, event.get("member") or {}
    base_fen, earned = totals.get("base_fen", 0), totals.get("points_earned", 0)
    prepaid, postings = event.get("prepaid") or {}, postings_in(event)
    stored = sum(one.amount_fen for one in tenders if one.type == STORED_VALUE)
    gift_fen = min(prepaid.get("gift_fen", 0), stored)
    return Sold(
        sale_id=event["sale_id"],
        name=name,
        at_ms=event["at_ms"],
        business_day=event["business_day"],
        member_id=member.get("member_id"),
        rules_version=event.get("rules_version", 0),
        rows=tuple((row["line"], row.get("sku", ""), row.get("name", "")) for row in rows),
        sale=SoldSale(
            lines=tuple(lines),
            base_fen=base_fen,
            earned=earned,
            ratio=_ratio(event, member, rule, base_fen, earned),
            tenders=tuple((one.type, one.amount_fen) for one in tenders),
            points_taken=tuple(
                Taken(one.lease or one.bucket, -one.amount, _day(one.expires))
                for one in postings
                if one.account == POINTS_ACCOUNT and one.amount < 0
            ),
            principal_fen=stored - gift_fen,
            gift_fen=gift_fen,
            coupon=any(
                one.account == COUPON_ACCOUNT and one.amount < 0 and (not one.expires or day <= one.expires)
                for one in postings
            ),
            stored_value=STORED_VALUE,
        ),
        tenders=tenders,
        covered=covered,
        postings=postings,
    )


def returned(of: Sold, events: Sequence[Mapping[str, Any]]) -> Returned:
    """What the returns booked so far gave back of a sale."""
    units, fens = [0] * len(of.rows), [0] * len(of.tenders)
    places = {number: place for place, (number, _sku, _name) in enumerate(of.rows)}
    for event in events:
        for row in event["lines"]:
            units[places[row["line"]]] -= row["qty"]
        for tender in event["tenders"]:  # what was kept of a share for points (R12) is settled too
            fens[tender["tender"]] += tender.get("kept_fen", 0) - tender["amount_fen"]
    return Returned(tuple(units), tuple(fens))


def asked_back(of: Sold, events: Sequence[Mapping[str, Any]]) -> list[int]:
    """What the returns booked so far really gave back on each tender: without what was kept for points."""
    fens = [0] * len(of.tenders)
    for event in events:
        for tender in event["tenders"]:
            fens[tender["tender"]] -= tender["amount_fen"]
    return fens


def _tenders(event: Mapping[str, Any]) -> tuple[SoldTender, ...]:
    found = [
        SoldTender(one["type"], one["amount_fen"], one.get("transaction_id"), one.get("voucher_fen", 0))
        for one in event.get("tenders") or ()
        if one["type"] not in _UNITS
    ]
    prepaid = event.get("prepaid") or {}
    stored = prepaid.get("principal_fen", 0) + prepaid.get("gift_fen", 0)
    if stored and not any(one.type == STORED_VALUE for one in found):
        found.append(SoldTender(STORED_VALUE, stored))
    return tuple(found)


def _covered(event: Mapping[str, Any], lines: int) -> tuple[Covered, ...]:
    """What cards and vouchers paid of each line."""
    prepaid = event.get("prepaid") or {}
    found = [*(prepaid.get("counts") or ()), *(prepaid.get("vouchers") or ())]
    return tuple(Covered(one["id"], one["units"], tuple(one["shares"])) for one in found if len(one["shares"]) == lines)


def _ratio(
    event: Mapping[str, Any], member: Mapping[str, Any], rule: EarnRule, base_fen: int, earned: int
) -> EarnRatio:
    """The sale's own multipliers as one fraction; where they do not give what it earned, what it earned of its base."""
    said = event.get("earn") or {}
    points, per_fen = said.get("points", rule.points), said.get("per_fen", rule.per_fen)
    tier, event_x100 = member.get("earn_mult_x100", 0), member.get("event_x100", 100)
    ratio = EarnRatio(points * tier * event_x100, per_fen * 10_000)
    if ratio.earn(base_fen) == earned:
        return ratio
    return EarnRatio(earned, base_fen) if base_fen > 0 else EarnRatio(0, 1)


def _day(text: str) -> date | None:
    return parse_day(text) if text else None
