"""Carries one stream of a POS to its printer and the printer's answers back; drivers.tap.session decides, this acts.

Used by drivers.tap.service live and by drivers.tap.one_file for a captured stream: one code path for both.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Any

from agent import limits
from agent.domain.errors import DeviceError
from agent.domain.receipt import Document
from drivers.tap.ends import Clock, Desk, PosEnd, PrinterEnd
from drivers.tap.job import NEVER, Action, Forward, Insert, Rules
from drivers.tap.report import Question, Report
from drivers.tap.session import TapSession
from drivers.tap.state import PrinterState


class Relay:
    """One printer's relay; serves one stream at a time and remembers the state in which each left the printer."""

    def __init__(self, rules: Rules, desk: Desk, clock: Clock, on_report: Callable[[Report], None]) -> None:
        self._rules = rules
        self._desk = desk
        self._clock = clock
        self._on_report = on_report
        self._state: PrinterState | None = None

    async def serve(
        self, pos: PosEnd, printer: PrinterEnd, *, stop: asyncio.Event | None = None, leave_s: float = NEVER
    ) -> None:
        """Relay until the POS ends its stream, is silent for `leave_s`, or `stop` is set and its job has ended.

        Raises DeviceError when the printer is lost; the POS is then broken off, as by the printer itself.
        """
        stream = _Stream(self, pos, printer, stop or asyncio.Event(), leave_s)
        state, self._state = self._state, None  # a printer that is lost has forgotten its settings
        session = TapSession(self._rules, state)
        try:
            if await stream.run(session):
                self._state = session.state
        except DeviceError:
            pos.abort()
            raise
        finally:
            await stream.close()

    def now_s(self) -> float:
        """Monotonic seconds."""
        return self._clock.mono_s()

    def ask(self, question: Question) -> "asyncio.Task[Document | str]":
        """Put a question to the daemon."""
        return asyncio.create_task(self._desk.ask(question))

    def tell(self, report: Report) -> None:
        """A job has ended."""
        self._on_report(report)


class _Stream:
    """The tasks of one stream: reading the POS, questions under way, the printer's answers."""

    def __init__(self, relay: Relay, pos: PosEnd, printer: PrinterEnd, stop: asyncio.Event, leave_s: float) -> None:
        self._relay, self._pos, self._printer = relay, pos, printer
        self._leave_s = leave_s
        self._reading: asyncio.Task[bytes] | None = asyncio.create_task(pos.read())
        self._asking: dict[asyncio.Task[Document | str], int] = {}
        self._stopping: asyncio.Task[bool] = asyncio.create_task(stop.wait())
        self._answering = asyncio.create_task(self._bring_back())
        self._answers = 0

    async def run(self, session: TapSession) -> bool:
        """Relay to the end; False when a mistake of ours was met: it must not cost a receipt, so the rest was only
        passed on."""
        sane = True
        try:
            await self._follow(session)
        except (DeviceError, asyncio.CancelledError):
            raise
        except Exception as error:
            sane = False
            logging.getLogger("pos_agent.tap").error("from here on bytes only pass through", exc_info=error)
            await self._pass_on(session.rest())
        await self._hand_back()  # ORDER: before the end, which may take as long as the printer needs paper
        await self._printer.finish()
        await self._last_words()
        self._pos.end()
        return sane

    async def _pass_on(self, data: bytes) -> None:
        await self._printer.write(data)
        while self._reading is not None:
            try:
                data = await self._reading
            except OSError:
                data = b""
            self._reading = asyncio.create_task(self._pos.read()) if data else None
            await self._printer.write(data)

    async def _follow(self, session: TapSession) -> None:
        stop_by_s, last_s = NEVER, self._relay.now_s()
        while not (session.closed and session.idle):
            leave_at_s = last_s + self._leave_s if session.idle else NEVER
            await self._wait(min(session.deadline_s(), stop_by_s, leave_at_s))
            now_s = self._relay.now_s()
            # ORDER: bytes before answers; an answer that overtakes a later cut would choose the wrong one.
            if self._reading is not None and self._reading.done():
                await self._act(self._take(session, now_s))
                last_s = self._relay.now_s()  # a slow printer holds the POS back: that is not the POS's silence
                session.listen_from(last_s)
            for task in [task for task in self._asking if task.done()]:
                await self._act(session.answer(self._asking.pop(task), task.result(), self._relay.now_s()))
            if self._answering.done():
                self._answering.result()
                raise DeviceError("the printer has closed its side", hint="look at the printer")
            if self._relay.now_s() >= session.deadline_s() and not self._more():
                await self._act(session.tick(self._relay.now_s()))
            if self._stopping.done():
                stop_by_s = min(stop_by_s, now_s + limits.TAP_DRAIN_S)
                if (session.idle and not self._more()) or now_s >= stop_by_s:
                    break
            if session.idle and now_s >= last_s + self._leave_s and not self._more():
                break
        await self._act(session.give_up())

    async def close(self) -> None:
        """End the tasks."""
        await self._hand_back()
        tasks = [self._stopping, self._answering, *self._asking]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _more(self) -> bool:
        """Whether the POS has sent more, which was not looked at yet."""
        return self._reading is not None and self._reading.done()

    async def _hand_back(self) -> None:
        """No more is read of a POS that has not ended its stream: what it has sent already is for the next one."""
        reading, self._reading = self._reading, None
        if reading is None:
            return
        reading.cancel()
        await asyncio.wait({reading})
        read = not reading.cancelled() and reading.exception() is None
        self._pos.unread(reading.result() if read else b"")

    def _take(self, session: TapSession, now_s: float) -> Sequence[Action]:
        assert self._reading is not None
        done, self._reading = self._reading, None
        try:
            data = done.result()
        except OSError:  # the POS broke off: what it sent is forwarded, as a printer would print it
            data = b""
        if not data:
            return session.close(now_s)
        self._reading = asyncio.create_task(self._pos.read())  # ORDER: before feed, which may meet a mistake of ours
        return session.feed(data, now_s)

    async def _act(self, actions: Sequence[Action]) -> None:
        for action in actions:
            match action:
                case Forward() | Insert():
                    await self._printer.write(action.data)
                case Question():
                    self._asking[self._relay.ask(action)] = action.ticket
                case Report():
                    self._relay.tell(action)

    async def _wait(self, until_s: float) -> None:
        tasks: set[asyncio.Future[Any]] = {self._answering, *self._asking}
        if self._reading is not None:
            tasks.add(self._reading)
        if not self._stopping.done():
            tasks.add(self._stopping)
        timeout_s = None if until_s == NEVER else max(0.0, until_s - self._relay.now_s())
        await asyncio.wait(tasks, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)

    async def _bring_back(self) -> None:
        while said := await self._printer.read():
            self._answers += 1
            self._pos.write(said)

    async def _last_words(self) -> None:
        """The printer's answers to the last bytes still go back, until it closes its side or says no more."""
        until_s, heard = self._relay.now_s() + limits.PRINT_BYTE_TIMEOUT_S, -1
        while not self._answering.done() and heard != self._answers and self._relay.now_s() < until_s:
            heard = self._answers
            await asyncio.wait({self._answering}, timeout=limits.PRINT_FINISH_S)
