"""HQ's word that a member was verified at one till: single-member, signed, and carried by the sale that rests on it.

Pure: signatures are checked by the KeyRing port here and by sync.hq.verified at HQ; this is what is signed, and how
long it counts. WIRE: the bytes of `signing_bytes`; `at_s` are seconds of HQ's clock.
"""

from dataclasses import dataclass
from typing import Final

from agent.domain.digest import Json
from agent.limits import CLOCK_SKEW_S, IDENTIFICATION_TTL_S, QUOTE_TTL_S

TICKET_LIVES_S: Final = IDENTIFICATION_TTL_S + 2 * QUOTE_TTL_S + CLOCK_SKEW_S
"""A ticket names somebody as long as an identification lives; then comes a quote, which may be held, and the sale."""


@dataclass(frozen=True, slots=True)
class VerifiedTicket:
    """What HQ signed. Nothing in it is trusted before its signature was checked."""

    how: str
    """`pin` or `sms`."""
    at_s: int
    nonce: str
    signature: str
    """Ed25519 in base64."""

    def signed_bytes(self, workstation_id: str, brand_id: str, member_id: str) -> bytes:
        """What HQ signed, for this member at this workstation and nowhere else."""
        return signing_bytes(workstation_id, brand_id, member_id, self.how, self.at_s, self.nonce)

    def covers(self, at_ms: int) -> bool:
        """Whether a sale of this moment may rest on it; the till's clock may be off as far as tills may.

        >>> ticket = VerifiedTicket("pin", 1_790_000_000, "n", "")
        >>> ticket.covers(1_790_000_060_000), ticket.covers(1_790_009_000_000), ticket.covers(1_789_990_000_000)
        (True, False, False)
        """
        age_ms = at_ms - self.at_s * 1000
        return -CLOCK_SKEW_S * 1000 <= age_ms <= TICKET_LIVES_S * 1000

    def row(self) -> dict[str, Json]:
        """As the event carries it."""
        return {"how": self.how, "at_s": self.at_s, "nonce": self.nonce, "signature": self.signature}


def signing_bytes(workstation_id: str, brand_id: str, member_id: str, how: str, at_s: int, nonce: str) -> bytes:
    """Bytes HQ signs (Ed25519)."""
    return f"pos-agent/verified/1\n{workstation_id}\n{brand_id}\n{member_id}\n{how}\n{at_s}\n{nonce}\n".encode()
