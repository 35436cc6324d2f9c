"""How long a store leaves HQ alone after a call that failed, or that HQ answered with much to do.

So that ten thousand stores never come in one second.

Used by push, pull and the hourly proof. Pure but for the dice, which come as a port.
"""

from typing import Final

from agent.domain.errors import HqUnreachable, SyncError
from agent.limits import BACKOFF_BASE_S, BACKOFF_CAP_S
from agent.ports import Entropy

_STEPS: Final = 16
_STEPS_ASKED: Final = 4  # HQ is there and says when; our own doubling only guards against one that says "at once"
_SPREAD: Final = 1.5
MEAN_STRETCH: Final = (1 + _SPREAD) / 2
"""A store told to come in n seconds comes, on the average, in n times this: HQ counts on it when it hands out turns."""


def asked(error: SyncError) -> float:
    """Seconds HQ asked us to wait (Retry-After), so few that the spread stays below the cap; 0 where it asked for none.

    >>> asked(HqUnreachable("busy", retry_after_s=31_536_000)), asked(HqUnreachable("away"))
    (200.0, 0.0)
    """
    return _bounded(error.retry_after_s or 0.0) if isinstance(error, HqUnreachable) else 0.0


def turn_s(wanted_s: float, entropy: Entropy) -> float:
    """Seconds until our turn, where HQ has room for us in `wanted_s`: that time and up to half of it more."""
    wanted = _bounded(wanted_s)
    return entropy.uniform(wanted, wanted * _SPREAD)


def _bounded(wanted_s: float) -> float:
    return min(wanted_s, BACKOFF_CAP_S / _SPREAD)  # whoever asks for a year is not obeyed


def pause_s(failures: int, error: SyncError, entropy: Entropy) -> float:
    """Seconds to wait after `failures` calls in a row that failed, the last with `error`.

    Doubling and jittered while nobody answers. Where HQ asked for a time, that time and up to half of it more: many
    were told the same.
    """
    wanted = asked(error)
    cap = min(BACKOFF_CAP_S, BACKOFF_BASE_S * 2 ** min(failures, _STEPS_ASKED if wanted else _STEPS))
    jittered = entropy.uniform(cap / 4, cap)
    return max(jittered, turn_s(wanted, entropy)) if wanted else jittered
