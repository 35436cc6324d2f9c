"""What selling, using and refunding count cards share: which card it is, what may be taken of it here, its slip.

Used by agent.count_cards and agent.count_uses.
"""

from collections.abc import Sequence

from agent.after_ports import Found
from agent.books_ports import NewPrintJob
from agent.domain.after_event import COUNT_CARD_SALE, After
from agent.domain.digest import Json
from agent.domain.holdings import Holdings
from agent.domain.ids import EventName
from agent.domain.lease import Spend, plan_spend, short, spending
from agent.domain.ledger import COUNT_ACCOUNT
from agent.domain.member import HeldCard
from agent.domain.order import Paper
from agent.domain.receipts_purse import CardSlip, card_slip
from agent.domain.sale import Posting, TenderType
from agent.service_desk import ServiceDesk
from sync.lease_protocol import LeaseWant

TOLD = ("card_id", "event", "units", "left")


class CardShelf:
    """Count cards as this workstation knows them."""

    def __init__(self, desk: ServiceDesk) -> None:
        self._desk = desk

    async def sale_of(self, card_id: str) -> Found | None:
        """The event that sold a card here."""
        found: Sequence[Found] = await self._desk.ports.after.about(card_id, (COUNT_CARD_SALE,))
        return found[0] if found else None

    async def card(self, card_id: str, member_id: str, has: Holdings) -> HeldCard | None:
        """A member's card: what is left as far as this till knows, the rest as it was sold here, else as HQ says."""
        held, sale = has.card(card_id), await self.sale_of(card_id)
        if sale is None or sale.event["card"]["owner"] != member_id:
            return held
        card = sale.event["card"]
        left = held.left if held is not None else 0
        return HeldCard(card_id, card["name"], left, card["total"], card["price_fen"], card["expires"])

    async def take(self, member_id: str, card_id: str, units: int, has: Holdings) -> tuple[Posting, ...]:
        """The postings that take units of a card; HQ is asked for what is missing here. Refusal LEASE_SHORT."""
        lacking = units - has.here(COUNT_ACCOUNT, card_id)
        if lacking > 0:
            await self._desk.acquire(member_id, [LeaseWant(account="count", amount=lacking, bucket=card_id)])
            has = await self._desk.holdings(member_id)
        if units > has.here(COUNT_ACCOUNT, card_id):
            raise short(units, has.here(COUNT_ACCOUNT, card_id))
        lots = [one for one in has.lots if (one.account, one.bucket) == (COUNT_ACCOUNT, card_id)]
        spends: tuple[Spend, ...] = plan_spend(lots, units)
        return spending(lots, spends)

    def jobs(self, name: EventName, after: After, slip: CardSlip, paper: Paper) -> list[NewPrintJob]:
        """The print jobs of one event."""
        slips = self._desk.ports.slips
        document = card_slip(slips.head(name, after.at_ms, after.operator), slip)
        return slips.jobs(document, after.at_ms, paper, cash=any(kind == TenderType.CASH for kind, _ in slip.tenders))


def card_answer(card: HeldCard, units: int, left: int) -> dict[str, Json]:
    """What every answer about a card says."""
    return {
        "card_id": card.card_id,
        "name": card.name,
        "units": units,
        "left": left,
        "total": card.total,
        "expires": card.expires,
    }
