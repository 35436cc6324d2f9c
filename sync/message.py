"""What every message between a store and HQ is made of. Pure; imported by sync.protocol and sync.proof."""

from typing import Annotated, Final, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

from agent.domain.lease import is_keepable

T = TypeVar("T")
NOT_KEEPABLE: Final = "text_not_keepable"
"""The type of the fault of a text that no database keeps."""


def keepable(value: T) -> T:
    """Give a field as it is; a fault where it is a text that databases do not keep or measure alike.

    >>> keepable("水"), keepable(7)
    ('水', 7)
    """
    if isinstance(value, str) and not is_keepable(value):
        raise PydanticCustomError(NOT_KEEPABLE, "a text may hold neither NUL nor U+001A")
    return value


PROTOCOL = 1
Hex32 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9._:\-]{1,64}$")]
Text = Annotated[str, AfterValidator(keepable)]
"""What is asked in words of the caller's own. Events and findings are not: they are kept as they come."""
Seq = Annotated[int, Field(ge=1, le=2**53 - 1)]
Count = Annotated[int, Field(ge=0, le=2**53 - 1)]


class Message(BaseModel):
    """Base of every wire message."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)
