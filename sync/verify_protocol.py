"""Is this really the member who stands here? Till -> HQ, while the customer waits (till-api). Pure; strict models.

WIRE: `POST /v1/workstations/{id}/verify` and `.../verify/sms`; docs/wire.md. Checked at HQ only: a till holds no PIN
and nothing to try one against. The answer is HQ's signed word for one member at one till (agent.domain.verified).
"""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from sync.message import PROTOCOL, Count, Message, Name

_SixDigits = Annotated[str, Field(pattern=r"^([0-9]{6})?$", repr=False)]


class VerifyRequest(Message):
    """A member's PIN, or the code that was sent to their phone, as the customer entered it at this till."""

    protocol: int = PROTOCOL
    member_id: Name
    pin: _SixDigits = ""
    sms_code: _SixDigits = ""

    @model_validator(mode="after")
    def _one(self) -> Self:
        if bool(self.pin) == bool(self.sms_code):
            raise ValueError("send pin or sms_code")
        return self


class VerifyAnswer(Message):
    """HQ's word; the signature covers workstation, brand and member too."""

    how: Literal["pin", "sms"]
    at_s: Count
    nonce: Annotated[str, Field(pattern=r"^[A-Za-z0-9_\-]{16,22}$")]
    signature: Annotated[str, Field(pattern=r"^[A-Za-z0-9+/]{86}==$")]


class SmsRequest(Message):
    """Send a code to a member's phone. HQ keeps no number, so the customer says it, and HQ sees that it is theirs."""

    protocol: int = PROTOCOL
    member_id: Name
    phone: Annotated[str, Field(pattern=r"^1[0-9]{10}$", repr=False)]


class SmsAnswer(Message):
    """It is on its way."""

    expires_s: Count
    """How long the code may be entered."""
