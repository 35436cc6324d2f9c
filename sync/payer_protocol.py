"""Whose payment code is this? Till -> HQ, before payment (till-api, R20). Pure; strict models, unknown fields refused.

WIRE: `POST /v1/workstations/{id}/payer`; docs/wire.md. The code is WeChat's, lives a minute, and is kept by neither
end. The answer names no openid: stores never see one they did not get from a payment of their own.
"""

from typing import Annotated

from pydantic import Field

from sync.message import PROTOCOL, Message, Name

_Merchant = Annotated[str, Field(pattern=r"^[0-9A-Za-z_\-]{0,32}$")]


class PayerRequest(Message):
    """A payment code scanned at this till, to be charged by the merchant that is named, or by the store's only one."""

    protocol: int = PROTOCOL
    auth_code: Annotated[str, Field(pattern=r"^1[0-5][0-9]{16}$", repr=False)]
    mch_id: _Merchant = ""
    sub_mch_id: _Merchant = ""


class PayerAnswer(Message):
    """Who it is. HQ keeps nothing of somebody who is no member: the payment itself will name them to the store."""

    member_id: Name | None
    """None: the code is good, and its owner is no member of this brand."""
    mch_id: str
    sub_mch_id: str
    """Who must charge the code now: WeChat takes it from this merchant alone until it refreshes."""
