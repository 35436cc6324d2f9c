"""What desks beside HqService are built from: its database, keys, clock and entropy. Made by sync.hq.service."""

from dataclasses import dataclass, field

from agent.ports import Clock, Entropy
from sync.hq.keys import HqKeys
from sync.hq.wechat_calls import Books


@dataclass(frozen=True, slots=True)
class Parts:
    """One headquarters' own."""

    books: Books
    keys: HqKeys = field(repr=False)
    clock: Clock
    entropy: Entropy = field(repr=False)
