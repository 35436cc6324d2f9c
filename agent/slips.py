"""Print jobs of returns, recharges and count cards: the drawer first, as its own job, then the slip.

Called by agent.service_desk inside the booking; agent.domain.receipts_purse says what stands on the slip.
"""

from agent import limits
from agent.books_ports import JobKind, NewPrintJob
from agent.domain.ids import EventName, random_id
from agent.domain.order import Paper
from agent.domain.receipt import Document
from agent.domain.receipts import drawer_pulse
from agent.domain.receipts_purse import SlipHead
from agent.paperwork import ShopFront
from agent.ports import Entropy

_JOB_BYTES = 10


class Slips:
    """Makes the print jobs of what is not a sale."""

    def __init__(self, shop: ShopFront, store_id: str, entropy: Entropy) -> None:
        self._shop = shop
        self._store_id = store_id
        self._entropy = entropy

    def head(self, name: EventName, at_ms: int, operator: str | None) -> SlipHead:
        """What stands at the head of every slip."""
        return SlipHead(
            self._shop.store_name, self._store_id, name.workstation_id, name.seq, at_ms, operator or "",
            self._shop.footer, self._shop.language,
        )  # fmt: skip

    def jobs(self, slip: Document, at_ms: int, paper: Paper, *, cash: bool) -> list[NewPrintJob]:
        """The jobs of one event; with `paper: none` the POS does it all."""
        if not self._shop.receipt_printer or paper is Paper.NONE:
            return []
        found = [self._job(JobKind.RECEIPT, slip, at_ms, limits.RECEIPT_EXPIRY_S)]
        if cash and self._shop.open_drawer_on_cash:
            found.insert(0, self._job(JobKind.DRAWER, drawer_pulse(), at_ms, limits.DRAWER_EXPIRY_S))
        return found

    def _job(self, kind: JobKind, document: Document, at_ms: int, expiry_s: int) -> NewPrintJob:
        job_id = random_id("job", self._entropy.token(_JOB_BYTES))
        return NewPrintJob(job_id, self._shop.receipt_printer, kind, document, at_ms + expiry_s * 1000)
