"""The way to a member's phone: each brand's own SMS gateway, entered at HQ, and the one call that is made to it.

Used by sync.hq.sms. What is not known to have arrived is asked for again under the same `request_id`, which the gateway
sends once (docs/hq-members.md).
"""

from typing import Final, Literal, Protocol

from sync.hq.bounds import SMS_SEND_S
from sync.hq.brand_address import BrandAddresses
from sync.hq.signed_posts import Address, SignedPosts
from sync.message import Count, Message

GATEWAYS: Final = BrandAddresses("sms_gateways", "SMS_GATEWAY_INVALID")
Outcome = Literal["sent", "refused", "unsure"]


class SmsOrder(Message):
    """HQ -> gateway: send this code to this number. The same `request_id` may come again, with the same body."""

    request_id: str
    brand_id: str
    phone: str
    code: str
    expires_s: Count
    at_ms: Count


class SmsSender(Protocol):
    """Whatever sends. Never raises: what became of it is the answer."""

    async def send(self, gateway: Address, order: SmsOrder) -> Outcome:
        """Hand a message over."""
        ...

    async def close(self) -> None:
        """Let go of the gateways."""
        ...


class HttpSms:
    """By a signed call within SMS_SEND_S."""

    def __init__(self) -> None:
        self._posts = SignedPosts()

    async def send(self, gateway: Address, order: SmsOrder) -> Outcome:
        """2xx: sent. 4xx: refused, but for those that say `later`. Everything else: nobody knows."""
        posted = await self._posts.post(gateway, order.model_dump_json().encode(), SMS_SEND_S)
        if not posted.fault:
            return "sent"
        return "refused" if posted.refused else "unsure"

    async def close(self) -> None:
        """Close the connections."""
        await self._posts.close()
