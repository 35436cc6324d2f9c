"""One till through its lives: the agent serves until it is stopped, or turned to a training and back (S40).

Called by `pos-agent run` and by the demo. A turn is a whole stop and a whole start inside one process: books, devices
and API are closed and opened, the ports stay the same. What decides is the mark in the state directory, so that a
process that dies at any moment of a turn comes up in one of the two modes.
"""

import asyncio
import contextlib
from collections.abc import Callable

from agent import logs
from agent.config import Settings
from agent.devices import Outside
from agent.domain.errors import DiskLow, StorageError
from agent.main import Agent
from agent.mode import Fixed, ModeMark
from agent.mode_file import FileMode
from agent.notify import Notifier
from agent.ports import Clock, Entropy
from agent.turns import Turns


class Life:
    """`open`, `run`, `close` as an Agent's; `agent` is the one that lives now."""

    agent: Agent

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        entropy: Entropy,
        *,
        notifier: Notifier | None = None,
        outside: Outside | None = None,
        fixed: Fixed = Fixed.NO,
    ) -> None:
        """`fixed` says that the mode of `settings` holds for this run; training in `settings` always does."""
        self._settings = settings
        self._clock = clock
        self._entropy = entropy
        self._notifier = notifier if notifier is not None else Notifier()
        self._outside = outside
        training = settings.workstation.training
        self._turns = Turns(fixed or (Fixed.FILE if training else Fixed.NO))
        self._marks = FileMode(settings.state)

    async def open(self) -> None:
        """Open the books that the mark names; raises ConfigError or StorageError.

        A training that cannot be opened is no reason not to sell: the till goes back to its own books by itself.
        """
        mark = ModeMark(self._settings.workstation.training, 0, 0, "") if self._turns.fixed else self._marks.read()
        try:
            await self._open(mark)
        except (StorageError, DiskLow) as error:
            if self._turns.fixed or not mark.training:
                raise
            logs.get().error("mode.fell_back", reason=error.message)
            own = ModeMark(False, 0, self._clock.now_ms(), "")
            await self._open(own)
            self.agent.tells_mode = True
            with contextlib.suppress(DiskLow):
                # ORDER: once they are open; a second process, which cannot open them, must not move the mark.
                self._marks.write(own)

    async def run(self, stop: asyncio.Event, on_ready: Callable[[], None] = lambda: None) -> None:
        """Serve until `stop` is set, through every turn; raises StorageError when durability is gone."""
        while True:
            await self.agent.run(stop, on_ready)
            if stop.is_set() or not self.agent.turned:
                return
            self._keep_ports()
            self._notifier.alive()
            await self.open()
            self.agent.tells_mode = True
            self._notifier.alive()

    async def close(self) -> None:
        """Close what is open; safe to call twice, and before anything was opened."""
        if hasattr(self, "agent"):
            await self.agent.close()

    async def _open(self, mark: ModeMark) -> None:
        workstation = self._settings.workstation.model_copy(update={"training": mark.training})
        settings = self._settings.model_copy(update={"workstation": workstation})
        agent = Agent(
            settings, self._clock, self._entropy, notifier=self._notifier, outside=self._outside, turns=self._turns
        )
        try:
            await agent.open()
            agent.turned_at(mark.at_ms)
            if mark.number:
                with contextlib.suppress(DiskLow):  # the row says who asked; that it began can be seen
                    await agent.modes.begun(mark.number, self._clock.now_ms())
        except BaseException:
            await agent.close()
            raise
        self.agent = agent
        logs.get().info("mode.opened", state="training" if mark.training else "real", number=mark.number)

    def _keep_ports(self) -> None:
        """Ports that were taken free are asked for again: pages and programs know them by now."""
        api = self._settings.api.model_copy(update={"port": self.agent.port})
        kept: dict[str, object] = {"api": api}
        if self.agent.hw_proxy_port:
            kept["hw_proxy"] = self._settings.hw_proxy.model_copy(update={"port": self.agent.hw_proxy_port})
        self._settings = self._settings.model_copy(update=kept)
