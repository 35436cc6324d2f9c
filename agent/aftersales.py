"""Returns and voids: found in these books, planned by what the sale recorded, given back in one transaction (R12).

Called by the API through Services. A sale of another workstation is not here; nothing is priced again, nothing waits
for the network. Money outside (WeChat, cards) is given back by the POS: the answer says how much on which payment.
"""

from collections.abc import Mapping, Sequence

from agent.after_ports import ReturnOrder
from agent.books_ports import EventDraft, NewPrintJob, Outcome
from agent.domain.after_event import RETURN, VOID, After, return_body
from agent.domain.business_day import business_day, parse_day
from agent.domain.digest import Json
from agent.domain.errors import Refusal
from agent.domain.giving_back import Rights, give_back
from agent.domain.ids import EventName
from agent.domain.ledger import POINTS_ACCOUNT
from agent.domain.points import EarnRule
from agent.domain.receipts_purse import ReturnSlip, return_slip
from agent.domain.refund_shares import WECHAT_REFUNDS
from agent.domain.refunds import Returned, plan_return, plan_void
from agent.domain.sale import TenderType
from agent.domain.short import NOTHING_SHORT, settle
from agent.domain.sold import Sold, asked_back, postings_in, returned, sold
from agent.domain.tiers import months_back
from agent.return_plan import Planned, owed, points_moved, return_answer
from agent.service_desk import ServiceDesk

_TOLD = ("sale_id", "event", "refund_fen", "points_returned", "points_reversed", "whole")


class AfterSales:
    """Returns and voids of one workstation's sales."""

    def __init__(self, desk: ServiceDesk) -> None:
        self._desk = desk

    async def preview(self, order: ReturnOrder) -> dict[str, Json]:
        """What a return or void would give back now; books nothing. Raises Refusal like `book`."""
        return return_answer(order, await self._plan(order))

    async def book(self, order: ReturnOrder) -> Outcome:
        """Book a return or void, once. Raises Refusal, and then nothing has changed.

        SALE_NOT_HERE, SALE_VOIDED, SALE_RETURNED, RETURN_TOO_LATE, RETURN_TOO_OFTEN (409), RETURN_LINE_UNKNOWN,
        RETURN_EXCEEDS_SALE (422).
        """

        async def draft() -> EventDraft:
            planned = await self._plan(order)
            after = self._desk.after(
                order.kind, order.caller_id, order.sale_id, planned.of.member_id, planned.of.rules_version,
                operator=order.operator, reason=order.reason,
            )  # fmt: skip
            return EventDraft(
                kind=order.kind,
                caller_id=order.caller_id,
                request=order.as_request(),
                body=return_body(after, planned.of, planned.plan, planned.given, planned.short),
                answer=return_answer(order, planned),
                postings=planned.given.postings,
                print_jobs=lambda name: self._jobs(name, order, after, planned),
                told=(f"{order.kind}_id", *_TOLD),
                at_ms=after.at_ms,
            )

        return await self._desk.once(
            order.kind, order.caller_id, order.as_request(), [("sale_id", order.sale_id)], draft
        )

    # --- planning ---------------------------------------------------------------------------------------------------
    async def _plan(self, order: ReturnOrder) -> Planned:
        ports = self._desk.ports
        today = business_day(ports.clock.now_ms())
        found = await ports.after.booked("sale", order.sale_id)
        if found is None:
            raise Refusal(
                "SALE_NOT_HERE",
                "these books hold no such sale",
                hint="take it back at the till that sold it; its number stands on the receipt",
                field="sale_id",
                status=409,
            )
        version = found.event.get("rules_version", 0)
        rules = await ports.replica.rules()
        then = rules if rules.version == version else await ports.replica.rules_of(version)
        of = sold(found.event, found.name, then.earn if then is not None else EarnRule(), today)
        events = [one.event for one in await ports.after.about(order.sale_id, (RETURN, VOID))]
        before = returned(of, events)
        _check(of, before, events, today)
        day, grace = parse_day(today), rules.purse.return_grace_days
        if order.kind == VOID:
            plan = plan_void(of.sale, before, day=day, grace_days=grace)
        else:
            plan = plan_return(of.sale, before, _asked(of, before, order.lines), day=day, grace_days=grace)
        now = before.plus(plan).units
        counts = tuple(
            (one.card_id, one.back(now, of.sale.lines) - one.back(before.units, of.sale.lines)) for one in of.covered
        )
        earlier = [posting for event in events for posting in postings_in(event)]
        rights, balance = await self._rights(of)
        given = give_back(of, plan, counts, earlier, rights, today)
        short_of = owed(of, plan, given, balance)
        short = NOTHING_SHORT
        if then is not None and then.purse.short_in_cash:  # the terms of the sale hold for its return
            short = settle(short_of or 0, plan.tenders, then.redeem)
            given = give_back(of, plan, counts, earlier, rights, today, in_cash=short.points)
        if balance is not None:
            balance += points_moved(of, given)
        debt = None if short_of is None else short_of - short.points
        masked = await self._desk.masked(of.member_id)
        return Planned(of, plan, given, balance, masked, short, debt, asked_back(of, events))

    async def _rights(self, of: Sold) -> tuple[Rights, int | None]:
        """What may be taken back of the member's points, and their balance; nothing for a sale to nobody.

        The balance is None where the replica does not know the member (any more).
        """
        if of.member_id is None:
            return Rights(), None
        has = await self._desk.holdings(of.member_id)
        known = await self._desk.ports.replica.by_id(of.member_id) is not None
        own = next((one for one in of.postings if one.account == POINTS_ACCOUNT and one.amount > 0 and one.lease), None)
        left = await self._desk.ports.after.lease_left(own.lease) if own is not None else 0
        lots = [one for one in has.lots if one.account == POINTS_ACCOUNT]
        return Rights(lots, left, has.debt), has.balance(POINTS_ACCOUNT) if known else None

    # --- paper ------------------------------------------------------------------------------------------------------
    def _jobs(self, name: EventName, order: ReturnOrder, after: After, planned: Planned) -> Sequence[NewPrintJob]:
        of, plan, slips = planned.of, planned.plan, self._desk.ports.slips
        slip = ReturnSlip(
            kind=order.kind,
            number=order.caller_id,
            sale_id=order.sale_id,
            lines=[(of.rows[one.line][2] or of.rows[one.line][1], one.units, one.refund_fen) for one in plan.lines],
            refund_fen=plan.refund_fen - planned.short.fen,
            tenders=[one for one in planned.tenders if one[1]],
            kept_fen=planned.short.fen,
            kept_points=planned.short.points,
            arrives_fen=sum(planned.arrives) if any(one.voucher_fen for one in of.tenders) else None,
            units_back=sum(planned.given.counts.values()),
            points_returned=sum(one.points for one in plan.points_put),
            points_reversed=plan.points_reversed,
            points_balance=planned.balance,
            masked=planned.masked,
        )
        document = return_slip(slips.head(name, after.at_ms, order.operator), slip)
        return slips.jobs(
            document,
            after.at_ms,
            order.paper,
            cash=any(kind == TenderType.CASH and fen for kind, fen in planned.tenders),
        )


def _check(of: Sold, before: Returned, events: Sequence[Mapping[str, object]], today: str) -> None:
    """What a sale is past: voided, all back, a year old, or in too many parts."""
    if any(event["kind"] == VOID for event in events):
        raise Refusal("SALE_VOIDED", "the sale was voided", hint="nothing is left of it", status=409)
    if before.units == tuple(line.qty for line in of.sale.lines):
        raise Refusal("SALE_RETURNED", "everything came back before", hint="nothing is left of it", status=409)
    if parse_day(of.business_day) < months_back(parse_day(today), 12):
        raise Refusal(
            "RETURN_TOO_LATE",
            f"the sale is of {of.business_day}",
            hint="payments take no refund after a year; the manager settles it otherwise",
            status=409,
        )
    if len(events) >= WECHAT_REFUNDS:
        raise Refusal(
            "RETURN_TOO_OFTEN",
            f"{len(events)} returns of this sale are booked",
            hint="payments take no more partial refunds; the manager settles it otherwise",
            status=409,
        )


def _asked(of: Sold, before: Returned, lines: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """(place, units) of what a caller names by the receipt's line numbers."""
    places = {number: place for place, (number, _sku, _name) in enumerate(of.rows)}
    left = [line.qty - back for line, back in zip(of.sale.lines, before.units, strict=True)]
    asked = []
    for index, (number, qty) in enumerate(lines):
        place = places.get(number)
        if place is None:
            raise Refusal(
                "RETURN_LINE_UNKNOWN",
                f"the sale has no line {number}",
                hint="lines are numbered from 1, as in the sale",
                field=f"lines.{index}.line",
            )
        if qty > left[place]:
            raise Refusal(
                "RETURN_EXCEEDS_SALE",
                f"line {number}: {qty} asked, {left[place]} left",
                hint="goods by weight come back whole: qty 1",
                field=f"lines.{index}.qty",
            )
        left[place] -= qty
        asked.append((place, qty))
    return asked
