"""What every section of the configuration obeys. Used by agent.config and its parts."""

from typing import Annotated, Final

from pydantic import ConfigDict, Field

DeviceName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9\-]{0,31}$")]

RULES: Final = ConfigDict(extra="forbid", frozen=True, strict=True)
"""Frozen, strict about types, no unknown keys."""
