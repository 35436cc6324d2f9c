"""Who is let in: headquarters takes as many calls of stores as it can answer in time, and tells the rest when to come.

Wraps the application in sync.hq.app. Only what no customer waits for stands in this line: batches, proofs, feeds and
their like. A call that would wait too long is answered 503 BUSY at once, before its body is read, with a Retry-After of
its own: turns are handed out one behind the other at the pace HQ works at, so that those sent away do not come back
together (the till adds its own jitter, sync.patience). A batch that is answered takes a turn as well, and is told it
where it is not at once: a till that HQ has no room for then sends its sales of a minute in one batch, which costs HQ a
tenth of what they cost singly. A place is held only while HQ works: strangers are turned away without one, and the
bodies of the others are read first (sync.hq.bodies).
"""

import asyncio
import math
from collections import deque
from collections.abc import Callable, MutableMapping
from typing import Any, Final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from agent.domain.errors import Refusal
from sync.hq import door
from sync.hq.bodies import Bodies, Body, GaveWay, HungUp
from sync.hq.bounds import (
    RETRY_AFTER_S,
    STORE_CALL_WAIT_S,
    STORE_CALLS_AT_ONCE,
    STORE_CALLS_WAITING,
    STORE_TURNS_PART,
)
from sync.patience import MEAN_STRETCH
from sync.protocol import NEXT_S_HEADER

_PREFIX: Final = "/v1/workstations/"
_CALLS: Final = ("/batches", "/proof", "/locate", "/ranges", "/feeds")
_BATCHES: Final = "/batches"
_FEEDS: Final = "/feeds/"
_FIRST_GUESS_S: Final = 0.2  # of one call, on the slow side; corrected by those that are answered
_LEARNS: Final = 0.02  # weight of the newest call in the mean: those of a whole line, for calls leave in bursts
_STALL_S: Final = 1.0  # LIMIT: between two calls; a disk that stopped for five seconds is no pace
_HALVED_S: Final = 100.0  # while no call waits: what was learnt in a bad minute is not held against HQ for ever


def waits_in_line(path: str) -> bool:
    """Whether nobody at a counter waits for this call.

    >>> waits_in_line("/v1/workstations/S1-1/batches"), waits_in_line("/v1/workstations/S1-1/feeds/items")
    (True, True)
    >>> waits_in_line("/v1/workstations/S1-1/feeds")
    True
    >>> waits_in_line("/v1/workstations/S1-1/leases"), waits_in_line("/healthz")
    (False, False)
    """
    return path.startswith(_PREFIX) and (path.endswith(_CALLS) or _FEEDS in path)


class Turns:
    """Places for `at_once` calls, a line of those that wait, and turns for those that are sent away."""

    def __init__(
        self,
        mono_s: Callable[[], float],
        at_once: int = STORE_CALLS_AT_ONCE,
        waiting: int = STORE_CALLS_WAITING,
        wait_s: float = STORE_CALL_WAIT_S,
    ) -> None:
        self._mono_s = mono_s
        self._free = at_once
        self._at_once = at_once
        self._call_s = _FIRST_GUESS_S
        self._most = waiting
        self._wait_s = wait_s
        self._pace_s = _FIRST_GUESS_S / at_once
        self._left_s = mono_s()
        self._pressed = False
        self._line: deque[asyncio.Future[None]] = deque()
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
        return max(RETRY_AFTER_S[0], math.ceil(self._promise(len(self._line) * self._pace_s) / MEAN_STRETCH))

    def next_s(self) -> int:
        """The next turn of a store whose call is answered, in seconds; 0 where HQ has room for it at any time."""
        least_s, after_s = RETRY_AFTER_S[0], self._promise(0.0)
        return math.ceil(after_s / MEAN_STRETCH) if after_s > least_s else 0

    def _promise(self, behind_s: float) -> float:
        """Hand out the next turn, no sooner than in `behind_s`: how far off it is, seconds."""
        now, each_s = self._mono_s(), self._pace_s / STORE_TURNS_PART
        self._promised_s = min(max(self._promised_s, now + behind_s) + each_s, now + RETRY_AFTER_S[1])
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

    def leave(self, since_s: float) -> None:
        """Give the place, taken at `since_s`, to whoever waits longest."""
        now = self._mono_s()
        gap_s, self._left_s = now - self._left_s, now
        self._call_s += _LEARNS * (now - since_s - self._call_s)
        if self._pressed:  # every place was taken since the last one left: this is how fast HQ works, no store's doing
            self._pace_s += _LEARNS * (min(gap_s, _STALL_S) - self._pace_s)
        else:
            self._pace_s = max(self._pace_s * 0.5 ** (gap_s / _HALVED_S), self._call_s / self._at_once)
        self._pressed = bool(self._line)
        self._pass_on()

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


class Admission:
    """ASGI around the application; calls that do not stand in line go straight through."""

    def __init__(self, app: ASGIApp, turns: Turns, bodies: Bodies | None = None) -> None:
        self._app = app
        self._turns = turns
        self._bodies = bodies or Bodies()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, let in, or send away."""
        if scope["type"] != "http" or not waits_in_line(scope["path"]) or _is_stranger(scope):
            await self._app(scope, receive, send)
        elif self._turns.full:
            await self._busy(scope, receive, send)
        else:
            await self._read_first(scope, receive, send)

    async def _read_first(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            async with self._bodies.received(scope, receive) as body:
                await self._in_turn(scope, body, send)
        except HungUp:
            return
        except GaveWay:
            await self._busy(scope, receive, send)
        except Refusal as slow:
            await door.problem(slow)(scope, receive, send)

    async def _in_turn(self, scope: Scope, body: Body, send: Send) -> None:
        turns = self._turns
        came_s = turns.now_s()
        if turns.full or not await turns.enter():
            await self._busy(scope, body.again, send)
            return
        since_s = turns.now_s()
        try:
            if since_s > came_s:
                await body.check_caller()
            await self._app(scope, body.again, self._telling(scope["path"], send))
        finally:
            turns.leave(since_s)

    def _telling(self, path: str, send: Send) -> Send:
        """Every call that is answered takes a turn; a batch is told when the next one has its own."""

        async def told(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                next_s = self._turns.next_s()
                if next_s and path.endswith(_BATCHES):
                    header = (NEXT_S_HEADER.lower().encode(), str(next_s).encode())
                    message["headers"] = [*message.get("headers", []), header]
            await send(message)

        return told

    async def _busy(self, scope: Scope, receive: Receive, send: Send) -> None:
        await door.busy(self._turns.turn_s())(scope, receive, send)


def _is_stranger(scope: Scope) -> bool:
    """Whether the application turns this call away by its headers alone (sync.hq.door.authenticate)."""
    workstation_id = scope["path"].removeprefix(_PREFIX).partition("/")[0]
    return door.signed_as(Headers(scope=scope), workstation_id) is None
