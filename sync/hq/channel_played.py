"""What channels may ask beside buying and spending, by kind: what it does, and what undoes it.

Used by sync.hq.channel_events.
"""

from collections.abc import Callable, Mapping
from typing import Final

from sync.hq import exchanges, joint_links, lottery, reservations, tasks
from sync.hq.channel_booked import Booked

PLAYED: Final[Mapping[str, Callable[..., Booked]]] = {
    "task": tasks.do,
    "draw": lottery.draw,
    "exchange": exchanges.exchange,
    "reserve": reservations.reserve,
    "link_offer": joint_links.offer,
    "link": joint_links.link,
    "unlink": joint_links.unlink,
}
"""Called with connection, keys, channel, rules, member, the request and the time."""
UNDONE: Final[Mapping[str, Callable[..., Booked]]] = {
    "exchange_return": exchanges.back,
    "reserve_cancel": reservations.cancel,
}
"""Called with connection, channel, the event that is undone, and the time."""
