"""Places and turns: how many calls of stores HQ works on at once, who waits for a place, and who is told when to come.

Made by sync.hq.server; sync.hq.admission asks it for every call that stands in line. How fast HQ works is learnt while
calls wait and from nothing else: only then does the time between two that leave say what HQ can do, and not what stores
wanted of it.
"""

import asyncio
import math
from collections import deque
from collections.abc import Callable
from typing import Final

from sync.hq.bounds import (
    RETRY_AFTER_S,
    STORE_CALL_WAIT_S,
    STORE_CALLS_AT_ONCE,
    STORE_CALLS_WAITING,
    STORE_TURNS_PART,
)
from sync.patience import MEAN_STRETCH

_FIRST_GUESS_S: Final = 0.2  # of one call, on the slow side; corrected as soon as calls wait
_LEARNS: Final = 0.02  # weight of the newest call in the mean: those of a whole line, for calls leave in bursts
_STALL_S: Final = 3.0  # LIMIT: between two calls; a disk that stopped for ten seconds is no pace
_HALVED_S: Final = 5.0  # of promises, while half of the places are free: HQ could do more than it asked for


class Turns:
    """Places for `at_once` calls, a line of those that wait, and turns for those that come again.

    Turns are handed out one behind the other: to batches that were answered (`next_s`) and to calls that are sent away
    (`turn_s`). Who is sent away is not known yet, so a crowd of strangers can push honest batches back, as far as a
    till obeys and no further: HQ hears of sales later, and nobody at a counter waits.
    """

    def __init__(
        self,
        mono_s: Callable[[], float],
        at_once: int = STORE_CALLS_AT_ONCE,
        waiting: int = STORE_CALLS_WAITING,
        wait_s: float = STORE_CALL_WAIT_S,
    ) -> None:
        self._mono_s = mono_s
        self._free = at_once
        self._few = at_once // 2
        self._most = waiting
        self._wait_s = wait_s
        self._line: deque[asyncio.Future[None]] = deque()
        self._left_s = mono_s()
        self._pressed = False
        """Whether a call waited as the last one left: every place is taken until the next one leaves."""
        self._pace_s = _FIRST_GUESS_S / at_once
        """Between two calls, while calls wait."""
        self._batch_s = 0.0
        """Between two batches, while calls wait: what else comes leaves that much for them. 0: nothing learnt."""
        self._since_batch_s = 0.0
        self._promised_s = 0.0

    def now_s(self) -> float:
        """Monotonic seconds."""
        return self._mono_s()

    @property
    def busy(self) -> bool:
        """Whether stores stand in line or are told to come later: what can wait longer than a store should."""
        return bool(self._line) or self._promised_s > self._mono_s() + RETRY_AFTER_S[0]

    @property
    def full(self) -> bool:
        """Whether a call that came now would wait too long."""
        return not self._free and (len(self._line) >= self._most or len(self._line) * self._pace_s >= self._wait_s)

    def turn_s(self) -> int:
        """The turn of a call that is sent away: seconds after which it should come back, behind those sent before."""
        after_s = self._promise(len(self._line) * self._pace_s, self._pace_s)
        return max(RETRY_AFTER_S[0], math.ceil(after_s / MEAN_STRETCH))

    def next_s(self) -> int:
        """The next turn of a store whose batch is answered, in seconds; 0 where HQ has room for it at any time."""
        after_s = self._promise(0.0, self._batch_s)
        return math.ceil(after_s / MEAN_STRETCH) if after_s > RETRY_AFTER_S[0] else 0

    def _promise(self, behind_s: float, each_s: float) -> float:
        """Hand out the next turn, no sooner than in `behind_s`: how far off it is, and no further than tills obey."""
        now = self._mono_s()
        self._promised_s = max(self._promised_s, now + behind_s) + each_s / STORE_TURNS_PART
        self._promised_s = min(self._promised_s, now + RETRY_AFTER_S[1])
        return self._promised_s - now

    async def enter(self) -> bool:
        """Wait for a place, and whether it was given: not where that took too long."""
        if not self._free:
            turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._line.append(turn)
            try:
                async with asyncio.timeout(2 * self._wait_s):  # the mean was wrong: better no than past the deadline
                    await turn
            except (TimeoutError, asyncio.CancelledError) as error:
                self._forget(turn)
                if isinstance(error, TimeoutError):
                    return False
                raise
        else:
            self._free -= 1
        return True

    def leave(self, *, batch: bool = False) -> None:
        """Give the place to whoever waits longest; whether it was a batch that leaves."""
        now = self._mono_s()
        gap_s, self._left_s = now - self._left_s, now
        if self._pressed:
            self._learn(min(gap_s, _STALL_S), batch=batch)
        else:
            self._since_batch_s = 0.0
            if self._free >= self._few:
                kept = 0.5 ** (gap_s / _HALVED_S)
                self._batch_s *= kept
                self._promised_s = now + (self._promised_s - now) * kept
        self._pressed = bool(self._line)
        self._pass_on()

    def _learn(self, gap_s: float, *, batch: bool) -> None:
        self._pace_s += _LEARNS * (gap_s - self._pace_s)
        self._since_batch_s += gap_s
        if batch:
            before_s = self._batch_s or self._pace_s
            self._batch_s = before_s + _LEARNS * (self._since_batch_s - before_s)
            self._since_batch_s = 0.0

    def _pass_on(self) -> None:
        while self._line:
            turn = self._line.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1

    def _forget(self, turn: "asyncio.Future[None]") -> None:
        if turn.done() and not turn.cancelled():
            self._pass_on()  # the place came in the very moment the caller gave up
        elif turn in self._line:
            self._line.remove(turn)
