"""Is this person who they say, asked by an online channel, and HQ's question to the brand's provider (S56). Pure.

WIRE: `POST /v1/channels/{channel}/identity-checks` with the channel's token; HQ's call to the provider and its answer
are signed alike (docs/hq-members.md). Name and numbers pass through HQ and are kept nowhere.
"""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from sync.channel_protocol import MemberRef
from sync.message import Count, Message, Name

Verdict = Literal["match", "mismatch"]


class IdentityCheck(Message):
    """Channel -> HQ. The same request gives the same answer, another one under its id is refused."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, hide_input_in_errors=True)

    request_id: Name
    member: MemberRef
    name: Annotated[str, Field(min_length=1, max_length=50, repr=False)]
    id_number: Annotated[str, Field(pattern=r"^[0-9]{17}[0-9X]$", repr=False)]
    phone: Annotated[str, Field(pattern=r"^1[3-9][0-9]{9}$", repr=False)]
    face: Annotated[str, Field(pattern=r"^[A-Za-z0-9._:\-]{0,64}$", repr=False)] = ""
    """The ticket of the provider's own look at the face, in the channel; "": none was taken."""
    consent: Name
    """Which version of the text the member agreed to."""


class IdentityChecked(Message):
    """HQ -> channel: what the provider said. `face` is "" where none was asked."""

    request_id: Name
    member_id: Name
    result: Verdict
    face: Literal["", "match", "mismatch"] = ""


class ProviderAsk(Message):
    """HQ -> provider. The same `request_id` may come again, with the same body."""

    request_id: str
    brand_id: str
    name: str = Field(repr=False)
    id_number: str = Field(repr=False)
    phone: str = Field(repr=False)
    face: str = Field(repr=False)
    at_ms: Count


class ProviderAnswer(Message):
    """Provider -> HQ, with the request id that was asked; `reference` is the provider's own, for disputes."""

    request_id: str
    result: Verdict
    face: Literal["", "match", "mismatch"] = ""
    reference: Annotated[str, Field(pattern=r"^[A-Za-z0-9._:\-]{0,64}$")] = ""
