"""Online channels (mini-program, web shop) -> HQ, and HQ -> channel: one ledger for all of them. Pure; strict models.

WIRE: `POST /v1/channels/{channel}/events` and `.../members` with the channel's token; pushes go the other way
(docs/hq-members.md). An identity comes in and is kept nowhere but as HQ keeps all of them.
"""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from agent.limits import AMOUNT_FEN, POINTS
from sync.message import Count, Message, Name

Kind = Literal[
    "purchase", "purchase_return", "spend_points", "return_points", "use_coupon", "return_coupon", "sign_in", "referral"
]
GIVES_BACK = ("purchase_return", "return_points", "return_coupon")


class MemberRef(Message):
    """One member: by HQ's id, by member number or card, or by what WeChat calls them."""

    member_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9._:\-]{0,64}$")] = ""
    member_code: Annotated[str, Field(pattern=r"^[A-Za-z0-9_\-]{0,32}$", repr=False)] = ""
    appid: Annotated[str, Field(pattern=r"^[A-Za-z0-9_\-]{0,64}$", repr=False)] = ""
    openid: Annotated[str, Field(pattern=r"^[A-Za-z0-9_\-]{0,128}$", repr=False)] = ""

    @model_validator(mode="after")
    def _one(self) -> Self:
        if sum((bool(self.member_id), bool(self.member_code), bool(self.appid and self.openid))) != 1:
            raise ValueError("name the member one way")
        return self


class ChannelEvent(Message):
    """One fact of an online channel. The same request gives the same answer, another one under its id is refused."""

    request_id: Name
    kind: Kind
    member: MemberRef | None = None
    """Whom it is about; absent where `of` names what is given back."""
    of: Annotated[str, Field(pattern=r"^[A-Za-z0-9._:\-]{0,64}$")] = ""
    points: Annotated[int, Field(ge=0, le=POINTS)] = 0
    paid_fen: Annotated[int, Field(ge=0, le=AMOUNT_FEN)] = 0
    coupon_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9._:\-]{0,64}$")] = ""
    inviter: MemberRef | None = None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        back = self.kind in GIVES_BACK
        if back != bool(self.of) or back == (self.member is not None):
            raise ValueError("what is given back names `of`, everything else `member`")
        needs = {
            "purchase": self.paid_fen, "purchase_return": self.paid_fen, "spend_points": self.points,
            "return_points": self.points, "use_coupon": self.coupon_id, "referral": self.inviter,
        }  # fmt: skip
        said = {"paid_fen": self.paid_fen, "points": self.points, "coupon_id": self.coupon_id, "inviter": self.inviter}
        wanted = needs.get(self.kind)
        if (self.kind in needs and not wanted) or sum(bool(one) for one in said.values()) != int(self.kind in needs):
            raise ValueError(
                "a purchase has paid_fen, points are spent by number, a coupon by id, a referral by inviter"
            )
        return self


class ChannelAnswer(Message):
    """What came of it. `points` is what was posted, signed; balances are those right after it."""

    request_id: Name
    member_id: Name
    points: int
    balance: int
    """Points that HQ has booked."""
    free: Count
    """Of these, what can be spent online now: tills hold the rest for spending with the cable out."""
    streak: Count = 0
    """Days in a row, of a sign-in."""


class MemberState(Message):
    """A member as a channel shows them; also what HQ pushes when something of it changes."""

    member_id: Name
    number: Count
    """Of the change: a lower one than the last received is old news."""
    deleted: bool = False
    """Erased: forget who this was."""
    tier_id: str = ""
    points: int = 0
    growth: int = 0
    sv_principal_fen: int = 0
    sv_gift_fen: int = 0
    frozen: bool = False


class ChannelPush(Message):
    """HQ -> channel: answered with any 2xx. The same `push_id` may come again."""

    push_id: Name
    member: MemberState
