"""What every message between a store and HQ is made of. Pure; imported by sync.protocol and sync.proof."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

PROTOCOL = 1
Hex32 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9._:\-]{1,64}$")]
Seq = Annotated[int, Field(ge=1, le=2**53 - 1)]
Count = Annotated[int, Field(ge=0, le=2**53 - 1)]


class Message(BaseModel):
    """Base of every wire message."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)
