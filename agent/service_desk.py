"""What returns, recharges and count cards have in common: who it is, what may be spent here, one booking at a time.

Used by agent.aftersales, agent.purses and agent.count_cards. Books before paper: printing and pushing are only woken
here, after the commit. HQ is asked for rights within a deadline, and only where these books hold too few.
"""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from agent.after_ports import AfterBooks, AfterReplica
from agent.announce import Announcer
from agent.books_ports import Books, EventDraft, Outcome, OutcomeKind
from agent.domain.after_event import After
from agent.domain.business_day import business_day
from agent.domain.digest import Json
from agent.domain.errors import Refusal
from agent.domain.evidence import transaction_used, wechat_ids
from agent.domain.holdings import Holdings, holdings
from agent.domain.lease import Lot
from agent.domain.lease_event import LeasePlace
from agent.domain.ledger import ACCOUNTS
from agent.domain.member import Identification, Member
from agent.domain.sale import TenderLine
from agent.identify import Identifier
from agent.lease_ports import Leases
from agent.limits import NETWORK_DEADLINE_MS
from agent.ports import Clock, Entropy
from agent.risk_ports import Risk
from agent.slips import Slips
from sync.lease_protocol import LeaseWant

_TRIES = 3
_MOVED = frozenset({"LEASE_SHORT", "LEASE_IN_USE"})
"""A lease moved between the plan and its booking: planned again."""


@dataclass(frozen=True, slots=True)
class DeskPorts:
    """What the parts behind the sale need."""

    place: LeasePlace
    identifier: Identifier
    replica: AfterReplica
    books: Books
    after: AfterBooks
    leases: Leases
    risk: Risk
    slips: Slips
    announcer: Announcer
    clock: Clock
    entropy: Entropy
    wake_printing: Callable[[], None]
    wake_push: Callable[[], None]


class ServiceDesk:
    """Shared by all that is booked beside sales at one workstation."""

    def __init__(self, ports: DeskPorts) -> None:
        self.ports = ports
        self._in_flight: set[tuple[str, str]] = set()

    # --- booking ----------------------------------------------------------------------------------------------------
    async def once(
        self, kind: str, caller_id: str, request: dict[str, Json], claims: Sequence[tuple[str, str]],
        draft: Callable[[], Awaitable[EventDraft]],
    ) -> Outcome:  # fmt: skip
        """Book what `draft` plans, or answer as it was booked before; one at a time for each of `claims`.

        What the books refuse is planned anew; what the plan itself refuses is final: it has asked HQ already.
        """
        earlier = await self.ports.books.answer(kind, caller_id, request)
        if earlier is not None:
            return earlier
        with self._claimed({(f"{kind}_id", caller_id), *claims}):
            tries = _TRIES
            while True:
                planned = await draft()
                try:
                    outcome = await self.ports.books.commit(planned)
                    break
                except Refusal as refusal:
                    tries -= 1
                    if refusal.code not in _MOVED or not tries:
                        raise
        if outcome.kind is OutcomeKind.CREATED:
            self.ports.wake_printing()
            self.ports.wake_push()
            if outcome.notice is not None:
                self.ports.announcer.deliver(outcome.notice)
        return outcome

    @contextmanager
    def _claimed(self, claims: set[tuple[str, str]]) -> Iterator[None]:
        for field, _ in sorted(claims & self._in_flight):
            why = "this, or something else about it, is being booked right now"
            raise Refusal("IN_FLIGHT", why, hint="send the same again", field=field, status=409)
        self._in_flight |= claims
        try:
            yield
        finally:
            self._in_flight -= claims

    def after(
        self, kind: str, caller_id: str, subject: str, member_id: str | None, rules_version: int, **more: str | None
    ) -> After:
        """What the event of this moment carries in any case."""
        ports = self.ports
        return After(
            ports.place, kind, caller_id, subject, ports.clock.now_ms(), member_id, rules_version,
            operator=more.get("operator"), reason=more.get("reason"), clock=ports.risk.clock().row(),
        )  # fmt: skip

    # --- who --------------------------------------------------------------------------------------------------------
    async def person(self, identification_id: str, *, spends: bool) -> tuple[Identification, Member]:
        """The member of a living identification; to spend takes certainty, and that nothing forbids it.

        Raises Refusal IDENTIFICATION_EXPIRED, MEMBER_REQUIRED, SPENDING_NEEDS_DYNAMIC_CODE, or as Risk.may_spend.
        """
        who = self.ports.identifier.get(identification_id)
        if who is None:
            raise Refusal(
                "IDENTIFICATION_EXPIRED", "the identification is unknown or older than 15 minutes",
                hint="resolve the member again", field="identification_id",
            )  # fmt: skip
        if who.member is None or who.certainty is None:
            raise Refusal(
                "MEMBER_REQUIRED", "this identification names no member",
                hint="scan the member code", field="identification_id",
            )  # fmt: skip
        if spends:
            if not who.certainty.may_spend:
                raise Refusal(
                    "SPENDING_NEEDS_DYNAMIC_CODE", "a static code or a payment is not certain enough to spend",
                    hint="ask for the dynamic code of the mini-program", field="identification_id", status=409,
                )  # fmt: skip
            refusal = await self.ports.risk.may_spend(who.member, self.ports.clock.now_ms())
            if refusal is not None:
                raise refusal
        return who, who.member

    async def holdings(self, member_id: str) -> Holdings:
        """What a member has as far as this till knows, and the lots it may spend now."""
        found, posted = await self.ports.replica.by_id(member_id), await self.ports.after.posted(member_id)
        lots = [lot for account in ACCOUNTS for lot in await self.lots(member_id, account)]
        member = found.member if found is not None else Member(member_id, self.ports.place.brand_id, "", 0, "")
        return holdings(member, found.watermarks if found is not None else {}, posted, lots)

    async def masked(self, member_id: str | None) -> str:
        """A member as paper may show them."""
        found = await self.ports.replica.by_id(member_id) if member_id is not None else None
        return found.member.masked if found is not None else ""

    # --- rights -----------------------------------------------------------------------------------------------------
    async def lots(self, member_id: str, account: str, bucket: str = "") -> list[Lot]:
        """Lots of an account that may be spent here now, in order."""
        day = business_day(self.ports.clock.now_ms())
        lots = await self.ports.leases.spendable(member_id, account, day)
        return [one for one in lots if bucket in ("", one.bucket)]

    async def acquire(self, member_id: str, wants: Sequence[LeaseWant]) -> bool:
        """Ask HQ for what is missing, within the deadline; whether it answered."""
        found = [one for one in wants if one.amount == "all" or one.amount > 0]
        return bool(found) and await self.ports.leases.acquire(member_id, found, NETWORK_DEADLINE_MS / 1000)

    # --- money ------------------------------------------------------------------------------------------------------
    async def transactions(self, who: Identification, tenders: Sequence[TenderLine]) -> tuple[str, ...]:
        """WeChat transactions that a recharge or card uses up.

        Raises Refusal TRANSACTION_USED for one in the books, PAYMENT_AMOUNT_DIFFERS where WeChat said otherwise.
        """
        named = tuple(dict.fromkeys(wechat_ids(tenders)))
        paid_fen = sum(one.amount_fen for one in tenders if _is_of(one, who))
        if who.payment is not None and paid_fen and paid_fen != who.payment.total_fen:
            raise Refusal(
                "PAYMENT_AMOUNT_DIFFERS",
                f"WeChat says {who.payment.total_fen} fen, the tender {paid_fen} fen",
                hint="send what was paid",
                field="tenders",
            )
        for one in named:
            if await self.ports.books.is_used(transaction_id=one):
                raise transaction_used()
        return named


def _is_of(tender: TenderLine, who: Identification) -> bool:
    return who.payment is not None and tender.transaction_id == who.payment.transaction_id


def check_paid(tenders: Sequence[TenderLine], due_fen: int) -> None:
    """What is loaded or sold is paid in full, by money taken outside the agent; Refusal TENDERS_INCOMPLETE."""
    paid_fen = sum(one.amount_fen for one in tenders)
    if paid_fen != due_fen:
        raise Refusal(
            "TENDERS_INCOMPLETE", f"the tenders add up to {paid_fen} fen, the price is {due_fen} fen",
            hint="send every tender", field="tenders",
        )  # fmt: skip
