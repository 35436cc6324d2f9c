"""Whose phone number is this? Till -> HQ, while the customer waits (till-api, wire.md). Pure; strict models.

WIRE: `POST /v1/workstations/{id}/phone`; docs/wire.md. Numbers are too few to hide behind a key that a till holds, so
HQ alone has the index. Neither end keeps or logs the number, and the answer says nothing but who it is.
"""

from typing import Annotated

from pydantic import Field

from sync.message import PROTOCOL, Message, Name


class PhoneRequest(Message):
    """A number that a customer gave at this till, in the form of agent.domain.phone."""

    protocol: int = PROTOCOL
    phone: Annotated[str, Field(pattern=r"^1[0-9]{10}$", repr=False)]


class PhoneAnswer(Message):
    """Who it is."""

    member_id: Name | None
    """None: nobody of this brand has this number."""
