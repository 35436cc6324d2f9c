"""What one event of a channel came to. Made by sync.hq.channel_events and by what it calls for each kind."""

from dataclasses import dataclass, field
from typing import Any

from agent.domain.digest import Json


@dataclass(slots=True)
class Booked:
    """Points as posted, fen, the day it counts on, and what later events need of it."""

    points: int = 0
    paid_fen: int = 0
    day: str = ""
    took: dict[str, Json] = field(default_factory=dict)
    streak: int = 0
    spent: bool = False
    """Something was spent that a restored copy would not know of."""
    won_points: int = 0
    """Points that came of it beside `points`, for the answer alone."""
    more: dict[str, Any] = field(default_factory=dict)
    """Further fields of the answer."""
