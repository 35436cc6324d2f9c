"""Online channels (mini-program, web shop) -> HQ, and HQ -> channel: one ledger for all of them. Pure; strict models.

WIRE: `POST /v1/channels/{channel}/events` and `.../members` with the channel's token; pushes go the other way
(docs/hq-members.md). An identity comes in and is kept nowhere but as HQ keeps all of them.
"""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from agent.limits import AMOUNT_FEN, POINTS
from sync.message import Count, Message, Name

Kind = Literal[
    "purchase", "purchase_return", "spend_points", "return_points", "use_coupon", "return_coupon", "sign_in",
    "referral", "task", "draw", "exchange", "exchange_return", "reserve", "reserve_cancel", "link_offer",
    "link", "unlink",
]  # fmt: skip
_ID = r"^[A-Za-z0-9._:\-]{0,64}$"


def _absent(value: object) -> bool:
    """Whether a later field has its default."""
    return not value


GIVES_BACK = {
    "purchase_return": "purchase", "return_points": "spend_points", "return_coupon": "use_coupon",
    "exchange_return": "exchange", "reserve_cancel": "reserve",
}  # fmt: skip
"""What each kind that names `of` gives back."""


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
    # WIRE: what came later is left out while it is empty, so that earlier requests stay the same to the byte.
    task_id: Annotated[str, Field(pattern=_ID, exclude_if=_absent)] = ""
    phone: Annotated[str, Field(pattern=r"^(1[3-9][0-9]{9})?$", repr=False, exclude_if=_absent)] = ""
    """With a task that takes one; kept as a keyed index and masked."""
    lottery_id: Annotated[str, Field(pattern=_ID, exclude_if=_absent)] = ""
    gift_id: Annotated[str, Field(pattern=_ID, exclude_if=_absent)] = ""
    slot_id: Annotated[str, Field(pattern=_ID, exclude_if=_absent)] = ""
    wait: Annotated[bool, Field(exclude_if=_absent)] = False
    """With a slot that is full: a place on its waiting list."""
    brand_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9_\-]{0,32}$", exclude_if=_absent)] = ""
    """Of a link that is offered: for which other brand."""
    code: Annotated[str, Field(pattern=_ID, repr=False, exclude_if=_absent)] = ""
    consent: Annotated[str, Field(pattern=_ID, exclude_if=_absent)] = ""
    """Which version of the text the member agreed to; a link has one of each side."""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        back = self.kind in GIVES_BACK
        if back != bool(self.of) or back == (self.member is not None):
            raise ValueError("what is given back names `of`, everything else `member`")
        needs = {
            "purchase": self.paid_fen, "purchase_return": self.paid_fen, "spend_points": self.points,
            "return_points": self.points, "use_coupon": self.coupon_id, "referral": self.inviter,
            "task": self.task_id, "draw": self.lottery_id, "exchange": self.gift_id,
            "reserve": self.slot_id, "link_offer": self.brand_id, "link": self.code,
        }  # fmt: skip
        said = {
            "paid_fen": self.paid_fen, "points": self.points, "coupon_id": self.coupon_id, "inviter": self.inviter,
            "task_id": self.task_id, "lottery_id": self.lottery_id, "gift_id": self.gift_id,
            "slot_id": self.slot_id, "brand_id": self.brand_id, "code": self.code,
        }  # fmt: skip
        wanted = needs.get(self.kind)
        if (self.kind in needs and not wanted) or sum(bool(one) for one in said.values()) != int(self.kind in needs):
            raise ValueError(
                "a purchase has paid_fen, points are spent by number, a coupon, task, lottery, gift or slot is named by"
                " id, a referral by inviter"
            )
        if (self.phone and self.kind != "task") or (self.wait and self.kind != "reserve"):
            raise ValueError("a phone comes with a task, wait with a reservation")
        if (self.kind in ("link_offer", "link")) != bool(self.consent):
            raise ValueError("a link names the text that was consented to, and nothing else does")
        return self


class DrawnPrize(Message):
    """What a draw came to, and what it was drawn by (agent.domain.lottery)."""

    prize_id: Name
    name: str
    outcome: Literal["points", "coupon", "nothing", "gone"]
    """`gone`: this prize was used up; nothing is given for it."""
    points: Count = 0
    coupon_id: str = ""
    number: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    commitment: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class LotteryDay(Message):
    """What a business day of a lottery is drawn by: the commitment, and once the day is over the seed behind it."""

    lottery_id: Name
    business_day: str
    commitment: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    seed: Annotated[str, Field(pattern=r"^([0-9a-f]{64})?$")] = ""


class GivenGift(Message):
    """What points were exchanged for; a physical gift, and a virtual one without a coupon, is the channel's to give."""

    gift_id: Name
    name: str
    kind: Literal["virtual", "physical"]
    coupon_id: str = ""


class GiftOffer(Message):
    """One gift of the catalogue; `left` None: without end."""

    gift_id: Name
    name: str
    kind: Literal["virtual", "physical"]
    points: Count
    left: Count | None = None


class GiftsOffered(Message):
    """The catalogue, in order of id."""

    gifts: list[GiftOffer]


class Reserved(Message):
    """What became of a reservation; `place` on the waiting list, from 1, right after it."""

    slot_id: Name
    state: Literal["held", "waiting", "cancelled"]
    place: Count = 0


class SlotOffer(Message):
    """One slot; `starts` is an ISO time of Asia/Shanghai."""

    slot_id: Name
    store_id: Name
    service: str
    starts: str
    minutes: Count
    left: Count
    waiting: Count


class SlotsOffered(Message):
    """The slots of a day, in order of time."""

    slots: list[SlotOffer]


class LinkSaid(Message):
    """What became of a link between two brands; `code` is for the other brand's channel, until `until_ms`."""

    state: Literal["offered", "linked", "ended"]
    brand_id: str = ""
    """The other brand."""
    code: str = Field(default="", repr=False)
    until_ms: Count = 0
    tier_id: str = ""
    """The tier here, right after it."""


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
    prize: Annotated[DrawnPrize | None, Field(exclude_if=_absent)] = None
    """Of a draw."""
    gift: Annotated[GivenGift | None, Field(exclude_if=_absent)] = None
    """Of an exchange."""
    reservation: Annotated[Reserved | None, Field(exclude_if=_absent)] = None
    """Of a reservation, or its end."""
    link: Annotated[LinkSaid | None, Field(exclude_if=_absent)] = None
    """Of a link between brands."""


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
