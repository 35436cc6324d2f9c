"""What goes on paper for a sale, and the print jobs that carry it. Called by flow inside the booking.

Makes documents only; agent.printing puts them on paper after the books hold them. Never decides a price or a point.
"""

import base64
import hashlib
from dataclasses import dataclass

from agent import limits
from agent.books_ports import JobKind, NewPrintJob
from agent.domain.holdings import Left
from agent.domain.ids import EventName, random_id
from agent.domain.member import Identification
from agent.domain.order import Paper, SaleOrder
from agent.domain.receipt import Document
from agent.domain.receipt_facts import JoinInvitation, ReceiptFacts, ShownMember
from agent.domain.receipts import drawer_pulse, join_prompt, sale_receipt
from agent.domain.rules import RuleSet
from agent.domain.sale import TenderLine, TenderType
from agent.domain.sale_event import SaleFacts
from agent.ports import Entropy
from agent.wording import CHINESE

_JOB_BYTES = 10
CLAIM_BYTES = 16  # WIRE: 128 random bits (wire.md, "Claims")


@dataclass(frozen=True, slots=True)
class ShopFront:
    """The shop as its paper shows it, and where paper comes out."""

    store_name: str
    join_url: str
    receipt_printer: str = ""
    language: int = CHINESE
    footer: str = ""
    open_drawer_on_cash: bool = True


@dataclass(frozen=True, slots=True)
class Claim:
    """The single-use right to credit this sale after joining: the secret goes on paper, its hash into the event."""

    secret: str
    sha256: str

    @classmethod
    def make(cls, entropy: Entropy) -> "Claim":
        """A fresh claim of 128 bits."""
        secret = base64.urlsafe_b64encode(entropy.token(CLAIM_BYTES)).decode().rstrip("=")
        return cls(secret, hashlib.sha256(secret.encode()).hexdigest())


class Paperwork:
    """Makes the print jobs of a sale."""

    def __init__(self, shop: ShopFront, entropy: Entropy) -> None:
        self._shop = shop
        self._entropy = entropy

    def invitation(self, facts: SaleFacts, claim: Claim | None) -> JoinInvitation | None:
        """The join prompt of a sale that nobody earned on, None where a member stood or no join page is set."""
        if claim is None or not self._shop.join_url:
            return None
        joiner = "&" if "?" in self._shop.join_url else "?"
        return JoinInvitation(
            url=f"{self._shop.join_url}{joiner}c={claim.secret}",
            offer=facts.rules.join_offer,
            saved_fen=facts.cart.foregone_fen,
            points=facts.cart.member_points,
        )

    def jobs(
        self,
        name: EventName,
        order: SaleOrder,
        facts: SaleFacts,
        invitation: JoinInvitation | None,
        left: Left,
    ) -> list[NewPrintJob]:
        """The jobs of one sale: the drawer first, as its own job, then paper as the caller wants it."""
        if not self._shop.receipt_printer:
            return []
        jobs: list[NewPrintJob] = []
        cash = any(tender.type is TenderType.CASH for tender in facts.tenders)
        if order.open_drawer or (cash and self._shop.open_drawer_on_cash and order.paper is not Paper.NONE):
            jobs.append(self._job(JobKind.DRAWER, drawer_pulse(), facts.at_ms, limits.DRAWER_EXPIRY_S))
        if order.paper is Paper.RECEIPT:
            receipt = sale_receipt(self._receipt(name, facts, invitation, left))
            jobs.append(self._job(JobKind.RECEIPT, receipt, facts.at_ms, limits.RECEIPT_EXPIRY_S))
        elif order.paper is Paper.JOIN_PROMPT and invitation is not None:
            prompt = join_prompt(self._shop.store_name, invitation, at_ms=facts.at_ms, language=self._shop.language)
            jobs.append(self._job(JobKind.JOIN_PROMPT, prompt, facts.at_ms, limits.JOIN_PROMPT_EXPIRY_S))
        return jobs

    def _job(self, kind: JobKind, document: Document, at_ms: int, expiry_s: int) -> NewPrintJob:
        job_id = random_id("job", self._entropy.token(_JOB_BYTES))
        return NewPrintJob(job_id, self._shop.receipt_printer, kind, document, at_ms + expiry_s * 1000)

    def _receipt(
        self, name: EventName, facts: SaleFacts, invitation: JoinInvitation | None, left: Left
    ) -> ReceiptFacts:
        return ReceiptFacts(
            store_name=self._shop.store_name,
            store_id=facts.store_id,
            workstation=facts.workstation_id,
            sale_id=facts.sale_id,
            seq=name.seq,
            at_ms=facts.at_ms,
            operator=facts.operator or "",
            table=facts.table or "",
            cart=facts.cart,
            tenders=tuple(facts.tenders),
            collected_fen=facts.collected_fen,
            change_fen=sum(_change(tender) for tender in facts.tenders),
            member=_shown(facts.by, facts.rules) if facts.member is not None else None,
            points_earned=facts.points_earned,
            points_balance=left.points,
            foregone_fen=0 if facts.priced or facts.member is None else facts.cart.foregone_fen,
            join=invitation,
            footer=(self._shop.footer,) if self._shop.footer else (),
            language=self._shop.language,
            left=left,
            points_pending=facts.pending,
            points_expire=facts.points_expire,
            custodian=facts.rules.fund_custodian,
        )


def _shown(by: Identification | None, rules: RuleSet) -> ShownMember | None:
    if by is None or by.member is None:
        return None
    tier = rules.tier(by.member.tier_id)
    return ShownMember(by.member.masked, tier.name, by.certainty, tier.pay_rate_bps)


def _change(tender: TenderLine) -> int:
    return max(0, tender.received_fen - tender.amount_fen) if tender.received_fen is not None else 0
