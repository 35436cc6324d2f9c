"""What one event says, judged by itself: is it canonical, is it who it claims to be, what does it move.

Pure; called by sync.hq.books. A fault never raises: the event is stored as it came and waits for a person under a
stable code, so that no event can hold up another. Unknown additional fields are welcome: stores are upgraded first.
"""

from dataclasses import dataclass
from typing import Final

from agent.domain.ids import EventName
from agent.domain.lease import Closing, OpenedLease
from agent.domain.ledger import POINTS_ACCOUNT
from agent.domain.sale import Posting
from agent.domain.verified import VerifiedTicket
from sync.hq import event_fields as said
from sync.hq.event_fields import Fault

MEMBER_UNKNOWN: Final = "MEMBER_UNKNOWN"
TRANSACTION_USED: Final = "TRANSACTION_USED"
CHAIN_MISMATCH: Final = "CHAIN_MISMATCH"
EVENT_UNREADABLE: Final = "EVENT_UNREADABLE"
"""Names an event that HQ could not work on, whatever it says; suspended as MALFORMED where the books refused it."""
_NOBODY: Final[frozenset[str]] = frozenset()


@dataclass(frozen=True, slots=True)
class Judgement:
    """`code` is empty for an event that may be folded. The other fields are what could be read, for totals."""

    code: str = ""
    business_day: str = ""
    payable_fen: int = 0
    postings: tuple[Posting, ...] = ()
    transaction_ids: tuple[str, ...] = ()
    kind: str = ""
    """Read only for an event that may be folded."""
    opened: tuple[OpenedLease, ...] = ()
    closing: Closing | None = None
    at_ms: int = 0
    member_id: str = ""
    """Whose purchase it is, for what they spent; an id that HQ does not know moves nothing."""
    sale_day: str = ""
    """The business day of the sale: of one that is given back, its own (R14)."""
    clock_trusted: bool = True
    """False only where the event itself says that its till's clock was not."""
    claim: str = ""
    """SHA-256 of the claim on the receipt, hex, where a sale was earned by nobody."""
    of: EventName | None = None
    """The sale that a return or void gives back: one of the same workstation."""
    ticket: VerifiedTicket | None = None
    """What a sale brings that says its member was verified."""

    @property
    def owners(self) -> frozenset[str]:
        """Members it moves something of."""
        if not self.postings and not self.opened:
            return _NOBODY
        return frozenset([one.owner for one in self.postings] + [one.owner for one in self.opened])

    @property
    def points(self) -> int:
        """Sum of the postings to points accounts."""
        return sum([posting.amount for posting in self.postings if posting.account == POINTS_ACCOUNT])


def judge(body: str, name: EventName, store_id: str, brand_id: str) -> Judgement:
    """Judge one event's text against the name it was sent under and the workstation's own store and brand."""
    event: said.Event = {}
    code = ""
    try:
        event = said.read(body)
        said.check_name(event, name, store_id, brand_id)
        postings, used = said.postings_in(event), said.transaction_ids(event)
        opened, closing = said.leases_in(event, name, postings)
        day, payable_fen, kind = said.business_day(event), said.payable(event), str(event["kind"])
        buyer, sale_day = said.buyer(event), said.sale_day(event) or day
        at_ms, trusted, claim = said.at_ms_in(event), said.clock_trusted(event), said.claim_in(event)
        return Judgement(
            "",
            day,
            payable_fen,
            postings,
            used,
            kind,
            opened,
            closing,
            at_ms,
            buyer,
            sale_day,
            trusted,
            claim,
            said.sale_of(event, name),
            said.ticket_in(event),
        )
    except Fault as fault:
        code = fault.code
    try:
        return Judgement(code, said.business_day(event), said.payable(event))
    except Fault:
        return Judgement(code)
