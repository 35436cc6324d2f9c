"""Recharging stored value and cancelling it (R9): money in, the bonus of the rules, rights that may be spent at once.

Called by the API through Services. A recharge earns nothing, and is an event of its own, so that it cannot pay for the
sale it is in. It is cancelled only where it was made.
"""

from collections.abc import Sequence

from agent.after_ports import LoadOrder, Told, UndoOrder
from agent.books_ports import EventDraft, NewPrintJob, Outcome
from agent.domain.after_event import (
    RECHARGE,
    RECHARGE_CANCEL,
    After,
    paid_rows,
    refund_answer,
    refund_rows,
    tenders_in,
)
from agent.domain.business_day import parse_day
from agent.domain.digest import Json
from agent.domain.errors import Refusal
from agent.domain.holdings import Holdings
from agent.domain.ids import EventName
from agent.domain.lease import Lot, Spend, plan_spend, short, spending
from agent.domain.ledger import GIFT_ACCOUNT, OWN_LOT, PRINCIPAL_ACCOUNT, lot_name, own_lease
from agent.domain.order import Paper
from agent.domain.purse_rules import last_day
from agent.domain.receipts_purse import PurseSlip, purse_slip
from agent.domain.refund_shares import tender_shares
from agent.domain.rules import RuleSet
from agent.domain.sale import Posting, TenderType
from agent.domain.stored_value import Account, GiftLot, Recharge, cancel_recharge, recharge
from agent.service_desk import ServiceDesk, check_paid
from sync.lease_protocol import LeaseWant

_TOLD = ("recharge_id", "event", "principal_fen", "gift_fen")


class Purses:
    """Stored value of one workstation's customers."""

    def __init__(self, desk: ServiceDesk) -> None:
        self._desk = desk

    # --- recharge ---------------------------------------------------------------------------------------------------
    async def preview(self, order: LoadOrder) -> dict[str, Json]:
        """What a recharge would add; books nothing. Raises Refusal like `load`, but for the tenders."""
        return (await self._load(order, paid=False)).answer

    async def load(self, order: LoadOrder) -> Outcome:
        """Book a recharge, once. Raises Refusal, and then nothing has changed.

        STORED_VALUE_REFUSED (S38), CARD_LIMIT, DAILY_LIMIT, TENDERS_INCOMPLETE (422), TRANSACTION_USED (409),
        IDENTIFICATION_EXPIRED, MEMBER_REQUIRED (422).
        """
        who = self._desk.ports.identifier.get(order.identification_id)
        # LIMIT: one at a time for each member, or two at once would pass the limits together
        claims = [("identification_id", who.member.member_id)] if who is not None and who.member is not None else []
        return await self._desk.once(
            RECHARGE, order.caller_id, order.as_request(), claims, lambda: self._load(order, paid=True)
        )

    async def _load(self, order: LoadOrder, *, paid: bool) -> EventDraft:
        ports = self._desk.ports
        who, member = await self._desk.person(order.identification_id, spends=False)
        rules = await ports.replica.rules()
        if not rules.stored_value:
            raise Refusal("STORED_VALUE_REFUSED", "this merchant takes no stored value", field="amount_fen")
        if paid:
            check_paid(order.tenders, order.amount_fen)
        after = self._desk.after(
            RECHARGE, order.caller_id, order.caller_id, member.member_id, rules.version, operator=order.operator
        )
        has, day = await self._desk.holdings(member.member_id), after.business_day
        today = Recharge(await ports.after.recharged(member.member_id, day), 0, parse_day(day))
        before = Account(max(0, has.balance(PRINCIPAL_ACCOUNT)), recharges=(today,))
        _, (principal, gift) = recharge(before, order.amount_fen, rules.purse.recharge, day=parse_day(day))
        expires = last_day(day, rules.purse.gift_valid_days) if gift else ""
        postings = [Posting(PRINCIPAL_ACCOUNT, member.member_id, principal, "", "", OWN_LOT)]
        if gift:
            postings.append(Posting(GIFT_ACCOUNT, member.member_id, gift, OWN_LOT, expires, OWN_LOT))
        answer: dict[str, Json] = {
            "recharge_id": order.caller_id,
            "member": {"member_id": member.member_id, "masked": member.masked},
            "amount_fen": order.amount_fen,
            **_balances(has, principal, gift),
            "gift_expires": expires,
        }
        totals: dict[str, Json] = {"payable_fen": principal, "principal_fen": principal, "gift_fen": gift}
        tenders = [(one.type.value, one.amount_fen) for one in order.tenders]
        slip = _slip(after, member.masked, order.amount_fen, has, principal, gift, tenders, rules, expires)
        return EventDraft(
            kind=RECHARGE,
            caller_id=order.caller_id,
            request=order.as_request(),
            body=after.body(paid_rows(order.tenders), totals, gift_expires=expires),
            answer=answer,
            postings=postings,
            print_jobs=lambda name: self._jobs(name, after, slip, order.paper),
            transaction_ids=await self._desk.transactions(who, order.tenders) if paid else (),
            nonces=(who.nonce,) if who.nonce is not None else (),
            told=_TOLD,
            at_ms=after.at_ms,
        )

    # --- cancel -----------------------------------------------------------------------------------------------------
    async def cancel(self, order: UndoOrder) -> Outcome:
        """Cancel a recharge made here, once: cash back = max(0, min(a, P) - max(0, g - G)), its gift is void (R9).

        Raises Refusal RECHARGE_UNKNOWN, RECHARGE_CANCELLED, and LEASE_SHORT where another till or HQ holds what would
        have to be taken and cannot be asked now.
        """
        return await self._desk.once(
            RECHARGE_CANCEL, order.caller_id, order.as_request(), [("recharge_id", order.of_id)],
            lambda: self._cancel(order),
        )  # fmt: skip

    async def _cancel(self, order: UndoOrder) -> EventDraft:
        ports = self._desk.ports
        found = await ports.after.booked(RECHARGE, order.of_id)
        if found is None:
            hint = "cancel it at the till that took the money; its number stands on the slip"
            raise Refusal("RECHARGE_UNKNOWN", "these books hold no such recharge", hint=hint, status=409)
        if await ports.after.about(order.of_id, (RECHARGE_CANCEL,)):
            raise Refusal("RECHARGE_CANCELLED", "this recharge was cancelled before", status=409)
        event, lot = found.event, lot_name(found.name)
        member_id = event["member"]["member_id"]
        rules = await ports.replica.rules()
        after = self._desk.after(
            RECHARGE_CANCEL, order.caller_id, order.of_id, member_id, event["rules_version"],
            operator=order.operator, reason=order.reason,
        )  # fmt: skip
        day = after.business_day
        lapsed = await self._lapsed(event, lot, day)
        has = await self._rights(event, member_id, lapsed)
        before = _account(event, has, lot, lapsed)
        left, cash_fen = cancel_recharge(before, 0, day=parse_day(day))
        principal, gift = before.principal_fen - left.principal_fen, before.gift_fen - left.gift_fen
        postings = [
            *_spend(has, PRINCIPAL_ACCOUNT, principal, own_lease(PRINCIPAL_ACCOUNT, lot)),
            *_spend(has, GIFT_ACCOUNT, gift, own_lease(GIFT_ACCOUNT, lot)),
        ]
        tenders = tenders_in(event)
        fens = tender_shares([one.amount_fen for one in tenders], cash_fen)
        answer: dict[str, Json] = {
            "cancel_id": order.caller_id,
            "recharge_id": order.of_id,
            "cash_back_fen": cash_fen,
            "tenders": refund_answer(tenders, fens),
            **_balances(has, -principal, -gift),
        }
        paid_back = [(one.type, fen) for one, fen in zip(tenders, fens, strict=True) if fen]
        masked = await self._desk.masked(member_id)
        slip = _slip(after, masked, cash_fen, has, -principal, -gift, paid_back, rules)
        return EventDraft(
            kind=RECHARGE_CANCEL,
            caller_id=order.caller_id,
            request=order.as_request(),
            body=after.body(
                refund_rows(tenders, fens),
                {"payable_fen": -cash_fen, "principal_fen": -principal, "gift_fen": -gift},
                recharge_id=order.of_id,
                of={"epoch": found.name.epoch, "seq": found.name.seq},
                sale_day=event["business_day"],
            ),
            answer=answer,
            postings=postings,
            print_jobs=lambda name: self._jobs(name, after, slip, order.paper),
            told=("cancel_id", "recharge_id", "event", "cash_back_fen"),
            at_ms=after.at_ms,
        )

    async def _rights(self, event: Told, member_id: str, lapsed: int) -> Holdings:
        """See that all a cancellation may take can be taken here; HQ is asked for what lies elsewhere.

        Gift money that HQ cannot give either has ended or is spent: then it is no reason to refuse.
        """
        has, answered = await self._desk.holdings(member_id), False
        missing = _missing(event, has, lapsed)
        if missing:
            wants = [LeaseWant.model_validate({"account": key, "amount": n}) for key, n in missing.items()]
            answered = await self._desk.acquire(member_id, wants)
            has = await self._desk.holdings(member_id)
            missing = _missing(event, has, lapsed)
        for account, lacking in missing.items():
            if account == PRINCIPAL_ACCOUNT or not answered:
                raise short(lacking + has.here(account), has.here(account))
        return has

    async def _lapsed(self, event: Told, lot: str, day: str) -> int:
        """Gift money of this recharge that ended unspent here: void already. What HQ had before counts as spent."""
        expires = event.get("gift_expires") or ""
        if not expires or day <= expires:
            return 0
        return await self._desk.ports.after.lapsed(GIFT_ACCOUNT, lot, expires)

    def _jobs(self, name: EventName, after: After, slip: PurseSlip, paper: Paper) -> list[NewPrintJob]:
        slips = self._desk.ports.slips
        document = purse_slip(slips.head(name, after.at_ms, after.operator), slip)
        return slips.jobs(document, after.at_ms, paper, cash=any(kind == TenderType.CASH for kind, _ in slip.tenders))


def _slip(
    after: After, masked: str, cash_fen: int, has: Holdings, principal: int, gift: int,
    tenders: Sequence[tuple[str, int]], rules: RuleSet, expires: str = "",
) -> PurseSlip:  # fmt: skip
    return PurseSlip(
        kind=after.kind,
        number=after.caller_id,
        masked=masked,
        cash_fen=cash_fen,
        principal_fen=principal,
        gift_fen=gift,
        principal_after_fen=has.balance(PRINCIPAL_ACCOUNT) + principal,
        gift_after_fen=has.balance(GIFT_ACCOUNT) + gift,
        tenders=tenders,
        gift_expires=expires,
        custodian=rules.fund_custodian,
    )


def _balances(has: Holdings, principal: int, gift: int) -> dict[str, Json]:
    return {
        "principal_fen": principal,
        "gift_fen": gift,
        "principal_balance_fen": has.balance(PRINCIPAL_ACCOUNT) + principal,
        "gift_balance_fen": has.balance(GIFT_ACCOUNT) + gift,
    }


def _missing(event: Told, has: Holdings, lapsed: int) -> dict[str, int]:
    """What a cancellation may have to take and this till may not, by account."""
    totals = event["totals"]
    wanted = {
        PRINCIPAL_ACCOUNT: min(totals["principal_fen"], has.balance(PRINCIPAL_ACCOUNT)),
        GIFT_ACCOUNT: min(totals["gift_fen"], has.balance(GIFT_ACCOUNT)) - lapsed,
    }
    return {key: amount - has.here(key) for key, amount in wanted.items() if amount > has.here(key)}


def _account(event: Told, has: Holdings, lot: str, lapsed: int) -> Account:
    """What R9 reads: what may be taken here, the recharge's own gift lot apart."""
    totals, expires = event["totals"], event.get("gift_expires") or ""
    own = [one for one in has.lots if one.account == GIFT_ACCOUNT and one.bucket == lot]
    others = [one for one in has.lots if one.account == GIFT_ACCOUNT and one.bucket != lot]
    gifts = [
        GiftLot(sum(one.remaining for one in own), parse_day(expires) if expires else None, 0, lapsed),
        *(GiftLot(one.remaining, parse_day(one.expires) if one.expires else None) for one in others),
    ]
    return Account(has.here(PRINCIPAL_ACCOUNT), tuple(gifts), (Recharge(totals["principal_fen"], totals["gift_fen"]),))


def _spend(has: Holdings, account: str, amount: int, own: str) -> tuple[Posting, ...]:
    """Take from the recharge's own lot first, then as any spend."""
    lots: list[Lot] = sorted((one for one in has.lots if one.account == account), key=lambda one: one.lease_id != own)
    spends: tuple[Spend, ...] = plan_spend(lots, amount)
    return spending(lots, spends)
