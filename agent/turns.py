"""What one life of the agent hands on to the next when a manager turns it to other books. Made by agent.life."""

from dataclasses import dataclass, field

from agent.mode import Fixed
from agent.people import Locks


@dataclass(frozen=True, slots=True)
class Turns:
    """Who decides the mode, and the locks of sign-in: they hold whatever the mode."""

    fixed: Fixed = Fixed.RUN
    locks: Locks = field(default_factory=Locks)
