"""Claims, join page -> HQ: paying first, joining later. Pure; strict models, unknown fields refused.

WIRE: `POST /v1/claims` is called by the brand's mini-program or card callback with a token of its own; docs/wire.md.
"""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from sync.message import Count, Message, Name


class WechatIdentity(Message):
    """One openid as one appid sees it. It is kept as a keyed index and sealed; it comes back in no answer."""

    appid: Annotated[str, Field(pattern=r"^[A-Za-z0-9_\-]{1,64}$", repr=False)]
    openid: Annotated[str, Field(pattern=r"^[A-Za-z0-9_\-]{1,128}$", repr=False)]


class ClaimRequest(Message):
    """Somebody joins by a receipt: the `c` of its QR, and who they are: WeChat identities, a member code, or both."""

    request_id: Name
    """Made by the caller; the same request gives the same answer, another one under its id is refused."""
    claim: Annotated[str, Field(pattern=r"^[A-Za-z0-9_\-]{22}$", repr=False)]
    identities: Annotated[list[WechatIdentity], Field(max_length=4)] = Field(default_factory=list)
    member_code: Annotated[str, Field(pattern=r"^[A-Za-z0-9_\-]{1,32}$", repr=False)] = ""
    """Member number or card of somebody who is a member already."""

    @model_validator(mode="after")
    def _somebody(self) -> Self:
        if not self.identities and not self.member_code:
            raise ValueError("name at least one identity, or a member code")
        return self


class ClaimAnswer(Message):
    """The member, and what became of the claim. `code` is empty for a claim that was credited."""

    request_id: Name
    member_id: Name
    member_number: str
    """Of a new member: what their card shows; empty for one who was known."""
    is_new: bool
    state: Literal["credited", "parked", "refused"]
    code: str
    """CLAIM_UNKNOWN while parked (the sale has not arrived: its store may be offline); CLAIM_USED, CLAIM_LATE,
    CLAIM_FOREIGN, CLAIM_RETURNED, CLAIM_PAID_TWICE where it is refused. Joining stands in every case."""
    points: Count
    """Credited for the sale."""
    pack_points: Count
    """Credited for joining, once."""
    coupon_id: str
    """Of the coupon for joining; empty where there is none."""
