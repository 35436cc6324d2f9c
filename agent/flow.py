"""The story of a sale, from the scan to the books. Read this file first.

    scan -> identify -> quote -> commit -> print -> push -> reconcile

Called by the API and the scanners. Books come before paper: printing and pushing are only woken here, after the
commit, and the hourly proof (sync.reconcile) comes on its own. A quote and a commit may ask HQ for a lease, within the
deadline (NETWORK_DEADLINE_MS), and go on without an answer; nothing else in this file waits for the network.
"""

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from agent.announce import Announcer
from agent.booking import Booking
from agent.books_ports import Books, EventDraft, Outcome, OutcomeKind
from agent.domain import sale_event
from agent.domain.asks import NOTHING_ASKED, Asks, Planned
from agent.domain.digest import Json
from agent.domain.errors import Refusal
from agent.domain.evidence import Judged
from agent.domain.holdings import NOTHING_HELD, Left, after
from agent.domain.lease import LEASE_SHORT
from agent.domain.member import Identification
from agent.domain.order import OrderLine, SaleOrder
from agent.domain.sale_event import SaleFacts
from agent.domain.scan import CodeKind, RawScan, Scan
from agent.identify import Identifier
from agent.identify_asked import AskedIdentifier
from agent.paperwork import Claim, Paperwork
from agent.ports import Entropy
from agent.quotes import Quote
from agent.quoting import Quoting
from agent.replica_ports import Pricebook
from agent.spending import Spending
from agent.tendered import order_fen
from agent.views import Held, identification_view, sale_answer

_TOLD = ("sale_id", "event", "payable_fen", "collected_fen", "points_earned", "discrepancies")
_ATTEMPTS = 3  # how often spends no lease covers by now are replaced: asking HQ, with what is here, with none


@dataclass(frozen=True, slots=True)
class TillPorts:
    """What a sale needs."""

    identifier: Identifier
    asked: AskedIdentifier
    pricebook: Pricebook
    booking: Booking
    quoting: Quoting
    spending: Spending
    books: Books
    paperwork: Paperwork
    announcer: Announcer
    entropy: Entropy
    wake_printing: Callable[[], None]
    wake_push: Callable[[], None]


class Till:
    """One workstation's sales."""

    def __init__(self, ports: TillPorts) -> None:
        self._ports = ports
        self._in_flight: set[tuple[str, str]] = set()
        """(field, value) of what sales being booked right now use: no two may use the same."""
        self.last_scan: Identification | None = None

    # --- scan ------------------------------------------------------------------------------------------------------
    async def on_scan(self, raw: RawScan) -> Scan:
        """A scan came in: say what it is, and who it is if it names a member. Gives the scan as classified."""
        scan = await self._ports.identifier.classify(raw)
        announce = self._ports.announcer.announce
        where: dict[str, Json] = {"device": scan.device, "code_kind": scan.kind}
        if scan.kind in (CodeKind.MEMBER_CODE, CodeKind.DYNAMIC_CODE):
            await self._on_member_scan(scan.text, where)
        elif scan.kind.is_payment:
            # The POS must charge this code, so it goes to whoever listens now; it never reaches a log or the disk.
            await announce("scan.payment_code", where, live_only={"auth_code": scan.text})
        elif scan.kind is CodeKind.UNREADABLE:
            await announce("scan.unreadable", where)
        else:
            await announce(f"scan.{scan.kind.value}", {**where, "text": scan.text})
        return scan

    async def _on_member_scan(self, code: str, where: dict[str, Json]) -> None:
        try:
            self.last_scan = await self._ports.identifier.by_code(code)
        except Refusal as refusal:
            self.last_scan = None
            await self._ports.announcer.announce("scan.refused", {**where, "code": refusal.code})
            return
        await self._ports.announcer.announce("scan.member", where)
        await self._ports.announcer.announce("member.resolved", await self.view(self.last_scan))

    # --- identify --------------------------------------------------------------------------------------------------
    async def resolve(self, code: str) -> Identification:
        """Who shows this code? Raises Refusal when it names nobody or is not fresh."""
        return await self._ports.identifier.by_code(code)

    async def resolve_payment_code(self, code: str, mch_id: str = "", sub_mch_id: str = "") -> Identification:
        """Who shows this payment code, before anything is paid? HQ is asked; raises Refusal."""
        return await self._ports.asked.by_payment_code(code, mch_id, sub_mch_id)

    async def resolve_phone(self, phone: str) -> Identification:
        """Whose phone number is this? HQ is asked; raises Refusal."""
        return await self._ports.asked.by_phone(phone)

    async def verify(self, identification_id: str, pin: str, sms_code: str) -> Identification:
        """Is it really the member, by their PIN or a code on their phone? HQ is asked; raises Refusal."""
        return await self._ports.asked.verified(identification_id, pin=pin, sms_code=sms_code)

    async def send_sms(self, identification_id: str, phone: str) -> int:
        """Have HQ send a code to the member's phone; how long it may be entered, seconds. Raises Refusal."""
        return await self._ports.asked.send_sms(identification_id, phone)

    async def resolve_last_scan(self) -> Identification:
        """Whoever was scanned last; raises Refusal when nobody was, or too long ago."""
        last = self.last_scan
        if last is None or self._ports.identifier.get(last.identification_id) is None:
            raise Refusal("NOTHING_SCANNED", "no member was scanned lately", hint="scan the member code", status=404)
        return last

    async def resolve_payment(self, raw_result: str) -> Identification:
        """Who paid? From the exact text WeChat returned; raises Refusal when it is no completed payment."""
        return await self._ports.identifier.by_wechat(raw_result)

    async def view(self, who: Identification) -> dict[str, Json]:
        """An identification as callers see it: masked, with tier and balance."""
        rules, day = await self._ports.pricebook.rules(), self._ports.booking.today()
        if who.member is None:
            return identification_view(who, rules, Held(), day)
        spending, member_id = self._ports.spending, who.member.member_id
        refused = await spending.refused(who.member)
        held = Held(
            await spending.holdings(member_id, day),
            await spending.held_coupons(member_id),
            refused.code if refused is not None else None,
            spending.store_id,
        )
        return identification_view(who, rules, held, day)

    # --- quote -----------------------------------------------------------------------------------------------------
    async def quote(
        self, lines: Sequence[OrderLine], identification_id: str | None, asks: Asks = NOTHING_ASKED
    ) -> Quote:
        """Price a cart for whoever stands there, with what is asked of their rights; raises Refusal."""
        who = self._ports.identifier.get(identification_id) if identification_id is not None else None
        if identification_id is not None and who is None:
            raise Refusal(
                "IDENTIFICATION_EXPIRED",
                "the identification is unknown or older than 15 minutes",
                hint="resolve the member again",
                field="identification_id",
            )
        return await self._ports.quoting.quote(lines, who, asks)

    async def cancel_quote(self, quote_id: str) -> bool:
        """Forget a quote before it becomes a sale, and release what it held; whether there was one.

        Refusal IN_FLIGHT while a sale is being booked with it.
        """
        if ("quote_id", quote_id) in self._in_flight:
            raise _in_flight("quote_id")
        return await self._ports.quoting.cancel(quote_id)

    # --- commit ----------------------------------------------------------------------------------------------------
    async def commit(self, order: SaleOrder) -> Outcome:
        """Book a paid sale, once. Whatever disagrees becomes a discrepancy; only a contradiction is refused.

        Where nothing was tendered, the quote's spends are the payment: without them QUOTE_UNKNOWN or LEASE_SHORT (409).
        """
        order = await self._ports.booking.without_payment_codes(order)
        if order.quote_id is not None:
            await self._ports.quoting.recall(order.quote_id)
        claims = {("tenders", one) for one in self._ports.booking.transactions(order)} | {("sale_id", order.sale_id)}
        if order.quote_id is not None:
            claims.add(("quote_id", order.quote_id))
        for field, _ in sorted(claims & self._in_flight):
            raise _in_flight(field)
        self._in_flight |= claims
        try:
            facts, outcome = await self._booked(order)
        except Refusal:
            # A sale that was booked before is answered as it was, even where its parts would be refused by now.
            earlier = await self._ports.books.answer("sale", order.sale_id, order.as_request())
            if earlier is None:
                raise
            return earlier
        finally:
            self._in_flight -= claims
        if outcome.kind is OutcomeKind.CREATED:
            if facts.by is not None and facts.by is self.last_scan:
                self.last_scan = None  # the next customer is somebody else
            self._after(order, outcome)
        return outcome

    async def _booked(self, order: SaleOrder) -> tuple[SaleFacts, Outcome]:
        """Book with the spends that were planned; with others, where a lease falls short by now; at last without.

        Never overspent, and never refused where the customer has paid the rest (wire.md, "Spending offline").
        """
        booking = self._ports.booking
        quote, attempt, planned = booking.pinned(order), 0, None
        if quote is not None and quote.wants and booking.is_late(order):
            planned, attempt = await self._planned(quote, attempt), 1
        facts, judged = await booking.facts(order, planned)
        raced: tuple[str, ...] | None = None
        while True:
            try:
                return facts, await self._book(order, facts, judged)
            except Refusal as refused:
                if refused.code == "TRANSACTION_USED" and judged.transaction_ids != raced:
                    raced = judged.transaction_ids  # a recharge or a card used it since: judged anew, as used
                    facts, judged = await booking.facts(order, planned)
                    continue
                if refused.code != LEASE_SHORT or quote is None or attempt == _ATTEMPTS:
                    raise
                planned = await self._planned(quote, attempt)
                if planned.dropped and not order_fen(order):
                    raise
            attempt, (facts, judged) = attempt + 1, await booking.facts(order, planned)

    async def _planned(self, quote: Quote, attempt: int) -> Planned:
        """Spends that replace a quote's: with HQ's help, then with what is here, want by want, at last none."""
        who, wants, day = quote.identification, quote.wants, self._ports.booking.today()
        if who is None or who.member is None or attempt + 1 == _ATTEMPTS:
            return Planned(dropped=wants)
        if attempt == 0:
            return await self._ports.spending.planned_again(quote.quote_id, who.member.member_id, wants, day)
        return await self._ports.spending.planned_here(who.member.member_id, wants, day)

    async def _book(self, order: SaleOrder, facts: SaleFacts, judged: Judged) -> Outcome:
        """Books before paper: event, outbox row, postings and receipt in one transaction."""
        claim = Claim.make(self._ports.entropy) if facts.member is None and judged.earns else None
        if claim is not None:
            facts = dataclasses.replace(facts, claim_sha256=claim.sha256)
        invitation = self._ports.paperwork.invitation(facts, claim)
        left = _left(facts)
        nonce = judged.member_by.nonce if judged.member_by is not None else None
        draft = EventDraft(
            kind="sale",
            caller_id=order.sale_id,
            request=order.as_request(),
            body=sale_event.body(facts),
            answer=sale_answer(facts, left, invitation),
            postings=sale_event.postings(facts),
            print_jobs=lambda name: self._ports.paperwork.jobs(name, order, facts, invitation, left),
            transaction_ids=judged.transaction_ids,
            nonces=(nonce,) if nonce is not None else (),
            told=(*_TOLD, "overrides") if facts.overrides else _TOLD,
            at_ms=facts.at_ms,
            holds=self._holds(order),
        )
        return await self._ports.books.commit(draft)

    def _holds(self, order: SaleOrder) -> tuple[str, ...]:
        """The promise that ends with this sale, and the quote kept beside it: nobody sells it a second time."""
        quote = self._ports.booking.pinned(order)
        return (quote.quote_id,) if quote is not None and quote.held_until_ms else ()

    # --- print, push -----------------------------------------------------------------------------------------------
    def _after(self, order: SaleOrder, outcome: Outcome) -> None:
        """Paper and HQ are consequences: woken, never waited for."""
        self._ports.wake_printing()
        self._ports.wake_push()
        if order.quote_id is not None:
            self._ports.booking.quotes.discard(order.quote_id)
        if outcome.notice is not None:
            self._ports.announcer.deliver(outcome.notice)


def _left(facts: SaleFacts) -> Left:
    """What the member has after the sale, as far as this till knows."""
    if facts.member is None or facts.has is NOTHING_HELD:
        return Left()
    return after(facts.has, sale_event.postings(facts), facts.business_day, facts.count_card)


def _in_flight(field: str) -> Refusal:
    why = "this sale, or another one of the same quote or payment, is being booked right now"
    return Refusal("IN_FLIGHT", why, hint="send the same again", field=field, status=409)
