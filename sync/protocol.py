"""The wire between a store and HQ: enrolment and push, their bounds, and the bytes that are signed.

Pure; used by both ends. Strict models, unknown fields refused. WIRE: everything here is frozen by deployed peers;
additive changes come with a new `PROTOCOL` number. Pull: sync.feed_rows; the proof: sync.proof. Text: docs/wire.md.
"""

import base64
import hashlib
import hmac
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from agent.limits import BATCH_EVENTS, TEXT_CHARS
from sync.feed_rows import (
    CardRow,
    CouponRow,
    Feed,
    FeedPage,
    FeedRow,
    IdentityRow,
    ItemRow,
    LookAnswer,
    LookRequest,
    MemberRow,
    MerchantRow,
    RulesRow,
)
from sync.message import PROTOCOL, Count, Hex32, Message, Name, Seq, Text
from sync.proof import Finding, ProofAnswer, ProofRequest, ProofRide, Seal, proof_signing_bytes

__all__ = [
    "PROTOCOL", "CardRow", "Count", "CouponRow", "Feed", "FeedPage", "FeedRow", "Finding", "Hex32", "IdentityRow",
    "ItemRow", "LookAnswer", "LookRequest", "MemberRow", "MerchantRow", "Message", "Name", "ProofAnswer",
    "ProofRequest", "ProofRide", "RulesRow", "Seal", "Seq", "proof_signing_bytes",
]  # fmt: skip


# --- enrolment ------------------------------------------------------------------------------------------------------
class EnrolRequest(Message):
    """A workstation presents its one-time code and the public half of the key it made itself."""

    protocol: int = PROTOCOL
    code: Annotated[Text, Field(min_length=8, max_length=64)]
    public_key: Annotated[str, Field(pattern=r"^[A-Za-z0-9+/]{43}=$")]
    """Ed25519, 32 bytes, base64."""


class EnrolAnswer(Message):
    """Who this workstation is, and the keys it needs to recognise members and HQ."""

    protocol: int = PROTOCOL
    workstation_id: Name
    store_id: Name
    store_name: Annotated[str, Field(max_length=TEXT_CHARS)]
    brand_id: Name
    brand_name: Annotated[str, Field(max_length=TEXT_CHARS)]
    join_url: Annotated[str, Field(max_length=TEXT_CHARS)]
    hq_public_key: Annotated[str, Field(pattern=r"^[A-Za-z0-9+/]{43}=$")]
    """Ed25519: verifies seals, answers to proofs and dynamic member codes."""
    index_key: Annotated[str, Field(pattern=r"^[A-Za-z0-9+/]{43}=$")]
    """32 bytes, per brand and version: the blind index of identities."""
    index_key_version: Count


# --- push -----------------------------------------------------------------------------------------------------------
class WireEvent(Message):
    """One event: its canonical plaintext as text, exactly the bytes that were hashed."""

    seq: Seq
    body: Annotated[str, Field(min_length=2, max_length=128 * 1024)]
    chain: Hex32
    """Chain hash after this event, hex."""


class PayerIdentity(Message):
    """Beside the events, never inside: the erasable identity behind a random payer_ref."""

    payer_ref: Name
    brand_id: Name
    pairs: Annotated[list[tuple[str, str]], Field(min_length=1, max_length=4)]
    """(appid, openid) pairs."""


class Batch(Message):
    """A contiguous or gapped run of events of one epoch, ascending by seq."""

    protocol: int = PROTOCOL
    epoch: Name
    first: Seq
    last: Seq
    head: Hex32
    """Chain hash after `last`."""
    signature: str
    """Ed25519 over `batch_signing_bytes`, base64."""
    events: Annotated[list[WireEvent], Field(min_length=1, max_length=BATCH_EVENTS)]
    payers: Annotated[list[PayerIdentity], Field(max_length=BATCH_EVENTS)] = Field(default_factory=list)
    proof: ProofRide | None = None
    """On the last batch of the hour: prove the epoch up to `last`, whose head is this batch's."""


class VerdictKind(StrEnum):
    """What HQ did with one event."""

    CREATED = "created"
    EXISTS = "exists"
    CONFLICT = "conflict"
    SUSPENDED = "suspended"


class Verdict(Message):
    """`conflict`: HQ holds another content under this name. `suspended`: stored and in chain, waits for a person."""

    seq: Seq
    verdict: Annotated[VerdictKind, Field(strict=False)]
    code: str = ""


class BatchAnswer(Message):
    """Verdict per event; `watermark` is the last contiguous seq HQ holds, `gaps` what it lacks below its highest."""

    watermark: Count
    gaps: list[tuple[int, int]]
    verdicts: list[Verdict]
    proof: ProofAnswer | None = None


# --- what is signed -------------------------------------------------------------------------------------------------
def batch_signing_bytes(workstation_id: str, epoch: str, first: int, last: int, head: str) -> bytes:
    """Bytes of a batch signature; authenticity needs no clock."""
    return f"pos-agent/batch/1\n{workstation_id}\n{epoch}\n{first}\n{last}\n{head}\n".encode()


def request_signing_bytes(method: str, target: str, body: bytes) -> bytes:
    """Bytes a workstation signs on every call: method, path with query, hash of the body as sent (compressed)."""
    return f"pos-agent/request/1\n{method}\n{target}\n{hashlib.sha256(body).hexdigest()}\n".encode()


AUTH_SCHEME = "PosAgent"
AT_MS_HEADER = "X-At-Ms"
"""On every call and every answer: what the sender's clock shows, UTC milliseconds. Signed by nobody, so it decides
nothing about books: a till trusts its clock by it (over TLS), HQ flags a till that is more than five minutes off."""
NEXT_S_HEADER = "X-Next-S"
"""On HQ's answer to a batch, where HQ has much to do: whole seconds after which it has room for the till's next."""


def at_ms_of(text: str) -> int | None:
    """Read the header; None where it is missing or no plausible time.

    >>> at_ms_of("1790000000000"), at_ms_of("-5"), at_ms_of("")
    (1790000000000, None, None)
    """
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 15 else None


def authorization(workstation_id: str, signature: bytes) -> str:
    """Write the Authorization header of a signed call.

    >>> authorization("S1-1", b"x" * 64)[:30]
    'PosAgent workstation="S1-1", s'
    """
    return f'{AUTH_SCHEME} workstation="{workstation_id}", signature="{base64.b64encode(signature).decode()}"'


# --- identities -----------------------------------------------------------------------------------------------------
def identity_index(index_key: bytes, kind: Literal["code", "wx"], value: str) -> bytes:
    """Keyed 16-byte index of an identity: HMAC-SHA256 of `kind:value`, first 16 bytes.

    `code` is a member code, card number or member number; `wx` is `appid:openid`. HQ computes it for the identities
    feed, the store to look one up: neither side sends the identity itself.
    """
    return hmac.digest(index_key, f"{kind}:{value}".encode(), hashlib.sha256)[:16]
