"""Clocks of tills held against HQ's: more than five minutes apart is a fact for a person, and suspends nothing (R15).

Called by sync.hq.service for what a till says with a call, and by sync.hq.fold for what its events say. HQ keeps both
times of every event: at_ms in its body, received_at_ms beside it.
"""

from collections.abc import Sequence
from typing import Final

from agent.domain.business_day import business_day
from agent.limits import CLOCK_SKEW_S
from sync.hq.judge import Judgement
from sync.proof import Finding

CLOCK_SKEW: Final = "CLOCK_SKEW"


def of_call(till_ms: int, now_ms: int) -> Finding | None:
    """What a till's clock showed when it called, held against HQ's; one fact a day.

    >>> of_call(1_790_000_300_000, 1_790_000_000_000), of_call(1_790_000_301_000, 1_790_000_000_000).detail
    (None, 'the till is 301 s ahead of headquarters')
    """
    skew_s = round((till_ms - now_ms) / 1000)
    if abs(skew_s) <= CLOCK_SKEW_S:
        return None
    side = "ahead of" if skew_s > 0 else "behind"
    return _finding("", f"call {business_day(now_ms)}", f"the till is {abs(skew_s)} s {side} headquarters")


def of_events(epoch: str, moves: Sequence[tuple[int, Judgement]], now_ms: int) -> list[Finding]:
    """Events from HQ's future, and those whose till did not trust its clock; one fact of each a day.

    Late events say nothing of a clock: a till may have been offline for a month.
    """
    ahead = [seq for seq, one in moves if one.at_ms > now_ms + CLOCK_SKEW_S * 1000]
    doubted = [seq for seq, one in moves if not one.clock_trusted]
    day = business_day(now_ms)
    found = []
    if ahead:
        found.append(_finding(epoch, f"ahead {day}", f"events up to {ahead[-1]} are from the future"))
    if doubted:
        detail = f"events up to {doubted[-1]} were booked by a clock that was not trusted"
        found.append(_finding(epoch, f"doubted {day}", detail))
    return found


def _finding(epoch: str, key: str, detail: str) -> Finding:
    return Finding(side="store", table="clock", epoch=epoch, key=key, code=CLOCK_SKEW, detail=detail)
