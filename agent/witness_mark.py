"""The mark a witness holds. Pure."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Mark:
    """The last event HQ acknowledged: its epoch, seq and the chain hash after it (hex)."""

    epoch: str
    seq: int
    chain: str
