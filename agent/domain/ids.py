"""Names of things: what ids look like, and how random ones are written.

Pure: randomness arrives as bytes. Random ids carry no personal data and no meaning (R19).
"""

import base64
import re
from dataclasses import dataclass

_CALLER_ID = re.compile(r"[A-Za-z0-9._:\-]{1,64}")


def random_id(prefix: str, entropy: bytes) -> str:
    """Write `entropy` as a prefixed, URL-safe, lower-case id.

    >>> random_id("idn", bytes(10))
    'idn_aaaaaaaaaaaaaaaa'
    """
    return f"{prefix}_{base64.b32encode(entropy).decode().rstrip('=').lower()}"


def is_caller_id(text: str) -> bool:
    """Tell whether `text` may serve as an id chosen by a caller (sale_id, store, workstation)."""
    return _CALLER_ID.fullmatch(text) is not None


@dataclass(frozen=True, slots=True, order=True)
class EventName:
    """An event's name: dense `seq` within a random `epoch` of one workstation."""

    workstation_id: str
    epoch: str
    seq: int

    def __str__(self) -> str:
        return f"{self.workstation_id}/{self.epoch}/{self.seq}"
