"""The story of a sale, from the scan to the books. Read this file first.

    scan -> identify -> quote -> commit -> print -> push -> reconcile

Called by the API and the scanners. Books come before paper: printing and pushing are only woken here, after the
commit, and the hourly proof (sync.reconcile) comes on its own. Nothing in this file waits for the network.
"""

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from agent.announce import Announcer
from agent.booking import Booking
from agent.domain import sale_event
from agent.domain.digest import Json
from agent.domain.errors import Refusal
from agent.domain.evidence import Judged
from agent.domain.member import Identification
from agent.domain.order import OrderLine, SaleOrder
from agent.domain.sale_event import SaleFacts
from agent.domain.scan import CodeKind, RawScan
from agent.identify import Identifier
from agent.paperwork import Claim, Paperwork
from agent.ports import Books, Entropy, EventDraft, Outcome, OutcomeKind, Pricebook
from agent.quotes import Quote
from agent.views import identification_view, sale_answer

_TOLD = ("sale_id", "event", "payable_fen", "collected_fen", "points_earned", "discrepancies")


@dataclass(frozen=True, slots=True)
class TillPorts:
    """What a sale needs."""

    identifier: Identifier
    pricebook: Pricebook
    booking: Booking
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
    async def on_scan(self, raw: RawScan) -> None:
        """A scan came in: say what it is, and who it is if it names a member."""
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
        balance = await self._ports.identifier.balance_of(who.identification_id)
        return identification_view(who, await self._ports.pricebook.rules(), balance)

    # --- quote -----------------------------------------------------------------------------------------------------
    async def quote(self, lines: Sequence[OrderLine], identification_id: str | None) -> Quote:
        """Price a cart for whoever stands there; raises Refusal for an unknown item or identification."""
        who = self._ports.identifier.get(identification_id) if identification_id is not None else None
        if identification_id is not None and who is None:
            raise Refusal(
                "IDENTIFICATION_EXPIRED",
                "the identification is unknown or older than 15 minutes",
                hint="resolve the member again",
                field="identification_id",
            )
        entries, faults = await self._ports.booking.entries(lines)
        if faults:
            first = faults[0]
            hint = "check the line and the pricebook; goods already charged are booked all the same"
            raise Refusal(first.found.code, first.found.detail, hint=hint, field=first.field)
        quote = await self._ports.booking.priced(entries, who)
        self._ports.booking.quotes.add(quote)
        return quote

    def cancel_quote(self, quote_id: str) -> bool:
        """Forget a quote before it becomes a sale; whether there was one."""
        return self._ports.booking.quotes.discard(quote_id)

    # --- commit ----------------------------------------------------------------------------------------------------
    async def commit(self, order: SaleOrder) -> Outcome:
        """Book a paid sale, once. Whatever disagrees becomes a discrepancy; only a contradiction is refused."""
        order = await self._ports.booking.without_payment_codes(order)
        claims = {("tenders", one) for one in self._ports.booking.transactions(order)} | {("sale_id", order.sale_id)}
        if order.quote_id is not None:
            claims.add(("quote_id", order.quote_id))
        for field, _ in sorted(claims & self._in_flight):
            why = "this sale, or another one of the same quote or payment, is being booked right now"
            raise Refusal("IN_FLIGHT", why, hint="send the same again", field=field, status=409)
        self._in_flight |= claims
        try:
            facts, judged = await self._ports.booking.facts(order)
            outcome = await self._book(order, facts, judged)
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

    async def _book(self, order: SaleOrder, facts: SaleFacts, judged: Judged) -> Outcome:
        """Books before paper: event, outbox row, postings and receipt in one transaction."""
        claim = Claim.make(self._ports.entropy) if facts.member is None and judged.earns else None
        facts = dataclasses.replace(facts, claim_sha256=claim.sha256 if claim is not None else None)
        invitation = self._ports.paperwork.invitation(facts, claim)
        balance = await self._balance_after(facts)
        nonce = judged.member_by.nonce if judged.member_by is not None else None
        draft = EventDraft(
            kind="sale",
            caller_id=order.sale_id,
            request=order.as_request(),
            body=sale_event.body(facts),
            answer=sale_answer(facts, balance, invitation),
            postings=sale_event.postings(facts),
            print_jobs=lambda name: self._ports.paperwork.jobs(name, order, facts, invitation, balance),
            transaction_ids=judged.transaction_ids,
            nonces=(nonce,) if nonce is not None else (),
            told=_TOLD,
            at_ms=facts.at_ms,
        )
        return await self._ports.books.commit(draft)

    async def _balance_after(self, facts: SaleFacts) -> int | None:
        if facts.by is None or facts.member is None:
            return None
        before = await self._ports.identifier.balance_of(facts.by.identification_id)
        return None if before is None else before + facts.points_earned

    # --- print, push -----------------------------------------------------------------------------------------------
    def _after(self, order: SaleOrder, outcome: Outcome) -> None:
        """Paper and HQ are consequences: woken, never waited for."""
        self._ports.wake_printing()
        self._ports.wake_push()
        if order.quote_id is not None:
            self.cancel_quote(order.quote_id)
        if outcome.notice is not None:
            self._ports.announcer.deliver(outcome.notice)
