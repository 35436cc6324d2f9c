"""What the console's page may send, strictly read. Used by sync.hq.console.calls only."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from sync.message import keepable

Text = Annotated[str, Field(max_length=500)]
Seq = Annotated[int, Field(ge=1, le=2**53)]


class Ask(BaseModel):
    """Strict: nothing is coerced, nothing unknown is taken, no text that databases do not keep."""

    model_config = ConfigDict(strict=True, extra="forbid")
    _keepable = field_validator("*")(keepable)


class SignInAsk(Ask):
    """Name and password."""

    name: Text
    password: Text = Field(repr=False)


class ExplainAsk(Ask):
    """Explain a discrepancy."""

    workstation_id: Text
    epoch: Text
    side: Text
    place: Text
    key: Text
    code: Text
    why: Text


class DifferenceAsk(Ask):
    """Explain an event that HQ reckons otherwise."""

    workstation_id: Text
    epoch: Text
    seq: Seq
    code: Text
    why: Text


class WechatAsk(Ask):
    """Explain a difference with WeChat."""

    mch_id: Text
    transaction_id: Text
    code: Text
    why: Text


class SuspendedAsk(Ask):
    """Release or keep a suspended event."""

    workstation_id: Text
    epoch: Text
    seq: Seq
    decision: Literal["release", "keep"]
    why: Text


class ForkAsk(Ask):
    """Say which of two versions is true; `digest` is the other one's."""

    workstation_id: Text
    epoch: Text
    seq: Seq
    digest: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    decision: Literal["first", "other"]
    why: Text


class Held(Ask):
    """What a person saw at risk in one account."""

    account: Text
    leases: int
    amount: int


class WriteOffAsk(Ask):
    """Write off a workstation's leases: its id typed once more, the amounts as seen."""

    workstation_id: Text
    typed: Text
    seen: Annotated[list[Held], Field(max_length=100)]
    why: Text


class FindAsk(Ask):
    """Find a member by number, old card, phone or id; a body, so that no log of addresses holds one."""

    brand_id: Text
    code: Text = Field(repr=False)


class PlainAsk(Ask):
    """Read what is personal of a member, in the clear."""

    brand_id: Text
    member_id: Text
    field: Literal["birthday", "wechat"]
    why: Text


class FreezeAsk(Ask):
    """Freeze a member, or release them."""

    brand_id: Text
    member_id: Text
    frozen: bool
    why: Text


class ErasureAsk(Ask):
    """Ask to forget a member."""

    brand_id: Text
    member_id: Text
    why: Text


class ErasureDecision(Ask):
    """Confirm or refuse it."""

    erase: bool
    why: Text = ""


class RulesAsk(Ask):
    """A draft; `why` when it is published."""

    brand_id: Text
    text: str
    why: Text = ""


class UserAsk(Ask):
    """Somebody who may sign in; given again, it replaces role and password."""

    name: Text
    role: Literal["viewer", "operator", "admin"]
    password: Text = Field(repr=False)
