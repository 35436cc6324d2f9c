"""Sales as real tills book them, made by the thousand: a few carts priced once by the real rules, then renamed.

A renamed sale is byte for byte what the till would have booked, so HQ judges, folds and reckons it as any other.
"""

import hashlib
from dataclasses import dataclass
from typing import Any, Final

from agent.domain.cart import CartLine
from agent.domain.digest import canonical
from agent.domain.ids import EventName
from agent.domain.member import Certainty, Identification, IdentifiedBy, Member
from agent.domain.pricing import Item
from agent.domain.rules import rule_set
from agent.domain.sale_inputs import Inputs
from tests.recompute_world import sold_event

BRAND: Final = "tea"
DAY: Final = "2026-11-20"
RULES: Final[dict[str, Any]] = {
    "version": 1,
    "join_tier_id": "plain",
    "tiers": [
        {"tier_id": "plain", "name": "普通", "pay_rate_bps": 10_000, "earn_mult_x100": 100},
        {"tier_id": "gold", "name": "金", "pay_rate_bps": 8_800, "earn_mult_x100": 150},
    ],
}
MEMBER_EVERY: Final = 3
"""Every third sale is a member's."""
_STORE, _STATION, _EPOCH, _MEMBER = "STORE~", "STATION~", "ep_EPOCH~", "m_MEMBER~"
_SEQ: Final = 987_654_321
_CARTS: Final = (
    (CartLine(Item("10001", "高山乌龙茶 500g", 3990), 1),),
    (CartLine(Item("10002", "汉源大樱桃 250g", 3990), 1), CartLine(Item("10003", "蒲江红心猕猴桃 500g", 1675), 2)),
    (
        CartLine(Item("10004", "赣南脐橙 1kg", 1160), 3),
        CartLine(Item("10005", "冷萃咖啡", 1500), 1),
        CartLine(Item("10006", "手提袋", 50), 1),
    ),
)


@dataclass(frozen=True, slots=True)
class Sale:
    """A sale with blanks, and what it comes to."""

    text: str
    points: int

    def body(self, store: str, station: str, epoch: str, seq: int, member: str) -> str:
        """The canonical text of one sale; nobody's carries a claim, as the receipt with the join QR does."""
        text = self.text.replace(_STORE, store).replace(_STATION, station).replace(_EPOCH, epoch)
        if not self.points:
            claim = hashlib.sha256(f"{station}.{seq}".encode()).hexdigest()
            text = text.replace('"claim_sha256":null', f'"claim_sha256":"{claim}"')
        return text.replace(str(_SEQ), str(seq)).replace(_MEMBER, member)


def catalogue() -> list[Sale]:
    """Carts of one, two and three lines, the third a member's."""
    member_of_gold = Member(_MEMBER, BRAND, "gold", 0, "")
    who = Identification("", IdentifiedBy.DYNAMIC_CODE, member_of_gold, Certainty.DYNAMIC)
    made = []
    for number, cart in enumerate(_CARTS):
        member = (number + 1) % MEMBER_EVERY == 0
        name = EventName(_STATION, _EPOCH, _SEQ)
        event = sold_event(Inputs(entries=cart), rule_set(RULES), who if member else None, day=DAY, name=name)
        event |= {"sale_id": f"sale-{_SEQ}", "store_id": _STORE}
        made.append(Sale(canonical(event).decode(), event["totals"]["points_earned"]))
    return made
