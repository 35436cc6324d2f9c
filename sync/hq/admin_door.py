"""What every call on HQ's unix socket shares: the shape of what is asked, and the HQ it is asked of.

Used by sync.hq.admin, members_admin and wechat_admin.
"""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import Depends, Request
from pydantic import BaseModel, ConfigDict, field_validator

from sync.hq.service import HqService
from sync.message import keepable


class Ask(BaseModel):
    """What is asked: exact types, nothing unknown, no text that databases do not keep."""

    model_config = ConfigDict(strict=True, extra="forbid")
    _keepable = field_validator("*")(keepable)


async def _service(request: Request) -> HqService:
    hq: HqService = request.app.state.hq
    return hq


async def _progress(request: Request) -> Callable[..., None]:
    told: Callable[..., None] = request.app.state.progress
    return told


Hq = Annotated[HqService, Depends(_service)]
"""The HQ that answers."""
Told = Annotated[Any, Depends(_progress)]
"""Who is told how far long work is: (stage, done), (stage, done, total)."""
