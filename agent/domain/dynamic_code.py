"""The dynamic member code: what a mini-program shows, verifiable at the till without a network (till-api.md).

Pure: the signature itself is checked through the KeyRing port; here are the text form, the signed bytes and the window.
WIRE: `MC1.<brand>.<member number>.<issued, s>.<nonce>.<signature>`; nonce and signature are base64url without padding.
"""

import base64
import binascii
import re
from dataclasses import dataclass

from agent.limits import DYNAMIC_CODE_SKEW_S, DYNAMIC_CODE_WINDOW_S

PREFIX = "MC1."
_FORM = re.compile(
    r"MC1\.([A-Za-z0-9_\-]{1,32})\.([A-Za-z0-9_\-]{1,32})\.([0-9]{9,11})\.([A-Za-z0-9_\-]{16,22})\.([A-Za-z0-9_\-]{86})"
)


@dataclass(frozen=True, slots=True)
class DynamicCode:
    """One dynamic code as read; nothing in it is trusted before its signature was checked."""

    brand_id: str
    member_number: str
    issued_at_s: int
    nonce: str
    signature: bytes

    def signed_bytes(self) -> bytes:
        """What HQ signed."""
        return signing_bytes(self.brand_id, self.member_number, self.issued_at_s, self.nonce)

    def is_fresh(self, now_ms: int) -> bool:
        """Whether the till's clock is inside the window, with the skew that clocks are allowed.

        >>> code = DynamicCode("b", "1", 1000, "n", b"")
        >>> code.is_fresh(1_150_000), code.is_fresh(1_151_000)
        (True, False)
        """
        age_ms = now_ms - self.issued_at_s * 1000
        return -DYNAMIC_CODE_SKEW_S * 1000 <= age_ms <= (DYNAMIC_CODE_WINDOW_S + DYNAMIC_CODE_SKEW_S) * 1000


def signing_bytes(brand_id: str, member_number: str, issued_at_s: int, nonce: str) -> bytes:
    """Bytes HQ signs (Ed25519)."""
    return f"pos-agent/member-code/1\n{brand_id}\n{member_number}\n{issued_at_s}\n{nonce}\n".encode()


def parse(text: str) -> DynamicCode | None:
    """Read a scanned text; None when it does not have the form of a dynamic code."""
    found = _FORM.fullmatch(text)
    if found is None:
        return None
    brand_id, number, issued, nonce, signature = found.groups()
    try:
        raw = base64.urlsafe_b64decode(signature + "==")
    except (binascii.Error, ValueError):
        return None
    return DynamicCode(brand_id, number, int(issued), nonce, raw)


def compose(brand_id: str, member_number: str, issued_at_s: int, nonce: str, signature: bytes) -> str:
    """Write the text of a code whose `signing_bytes` were signed; used by HQ.

    >>> parse(compose("b1", "100000000001", 1790000000, "A" * 16, bytes(64))).member_number
    '100000000001'
    """
    encoded = base64.urlsafe_b64encode(signature).decode().rstrip("=")
    return f"{PREFIX}{brand_id}.{member_number}.{issued_at_s}.{nonce}.{encoded}"
