"""The event stream's source: every notice is stored for replay, then handed to whoever listens right now.

Called by flow, printing and the composition root; read by agent.api. Live-only fields (a payment code for the POS that
must charge it) are never stored and never replayed.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from agent.books_ports import Notice, Notices
from agent.domain.digest import Json
from agent.domain.errors import DiskLow
from agent.limits import EVENT_CLIENT_QUEUE, EVENT_CLIENTS
from agent.ports import Clock


@dataclass(slots=True, eq=False)
class Listener:
    """One reader of the live stream. `lost` means it fell behind and must replay; None in the queue ends the stream."""

    queue: asyncio.Queue[Notice | None] = field(default_factory=lambda: asyncio.Queue(EVENT_CLIENT_QUEUE))
    lost: asyncio.Event = field(default_factory=asyncio.Event)


class Announcer:
    """Stores notices and fans them out; a slow listener is dropped, never waited for."""

    def __init__(self, notices: Notices, clock: Clock, *, on_notice: Callable[[Notice], None] = lambda _: None) -> None:
        self._notices = notices
        self._clock = clock
        self._on_notice = on_notice
        self._listeners: set[Listener] = set()

    async def announce(
        self, kind: str, data: Mapping[str, Json], *, live_only: Mapping[str, Json] | None = None
    ) -> Notice:
        """Store a notice and deliver it, with `live_only` fields added for those who listen now.

        On a full disk it is told and not kept: id 0. A scanner or a printer must not stop for want of a notice.
        """
        now_ms = self._clock.now_ms()
        try:
            stored = await self._notices.append(kind, dict(data), now_ms)
        except DiskLow:
            stored = Notice(0, now_ms, kind, dict(data))
        self.deliver(stored, live_only=live_only)
        return stored

    def deliver(self, stored: Notice, *, live_only: Mapping[str, Json] | None = None) -> None:
        """Hand a stored notice to those who listen now."""
        asyncio.get_running_loop().call_soon(self._on_notice, stored)  # the log line can wait, the answer cannot
        live = Notice(stored.id, stored.at_ms, stored.kind, {**stored.data, **(live_only or {})})
        for listener in list(self._listeners):
            try:
                listener.queue.put_nowait(live)
            except asyncio.QueueFull:
                listener.lost.set()
                self._listeners.discard(listener)

    def listen(self) -> Listener | None:
        """Join the live stream; None when too many listen already."""
        if len(self._listeners) >= EVENT_CLIENTS:
            return None
        listener = Listener()
        self._listeners.add(listener)
        return listener

    def end(self) -> None:
        """End every stream behind what was told so far: the books are about to be closed."""
        for listener in list(self._listeners):
            try:
                listener.queue.put_nowait(None)
            except asyncio.QueueFull:
                listener.lost.set()
            self._listeners.discard(listener)

    def leave(self, listener: Listener) -> None:
        """Stop listening."""
        self._listeners.discard(listener)

    async def replay(self, last_id: int, limit: int = EVENT_CLIENT_QUEUE) -> list[Notice]:
        """What was stored after `last_id`, oldest first, at most `limit`."""
        return await self._notices.after(last_id, limit)

    async def newest(self) -> int:
        """Where the stream stands: the number of the latest notice, 0 before the first."""
        return await self._notices.newest()
