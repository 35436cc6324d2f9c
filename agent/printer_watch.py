"""What is known of one printer, and told when it changes: from looks at it between jobs, and from how jobs end.

Used by agent.printing. Must never call a printer fine that cannot be asked (pains 19): such a one is unverified.
"""

from collections.abc import Awaitable, Callable

from agent.device_ports import Printer, PrintVerdict
from agent.domain.errors import DeviceError

OnHealth = Callable[[str, bool | None, str], Awaitable[None]]
"""(printer, well, note): called with the first thing known and at each change; None: it cannot be asked.

The note begins with a code of agent.wording; a printer that is well may have one (PRINTER_NEAR_END)."""

UNVERIFIED = "PRINTER_UNVERIFIED"


class PrinterWatch:
    """Keeps the last thing known of one printer."""

    def __init__(self, printer: Printer, on_health: OnHealth) -> None:
        self._printer = printer
        self._on_health = on_health
        self._known: tuple[bool | None, str] | None = None
        self._by_job = False

    async def look(self, *, at_work: bool = False) -> bool:
        """Ask the printer; True when it was down and is not any more.

        `at_work`: a job is on its way, and a printer that has said nothing yet may still do so.
        """
        try:
            status = await self._printer.status()
        except DeviceError as error:
            await self._tell(False, error.message)
            return False
        if not status.verified and at_work:
            return False
        if not status.verified:
            # A job that failed says more than a printer that says nothing.
            return not self._by_job and await self._tell(None, UNVERIFIED)
        code = status.trouble
        if code is not None:
            await self._tell(False, code)
            return False
        return await self._tell(True, "PRINTER_NEAR_END" if status.paper == "near_end" else "")

    async def failed(self, error: DeviceError) -> None:
        """A job could not be printed, or may not have been."""
        await self._tell(False, error.message, by_job=True)

    async def printed(self, verdict: PrintVerdict) -> None:
        """A job ended well: the printer said so, or only took it."""
        if verdict is PrintVerdict.SENT:
            await self._tell(None, UNVERIFIED)
        elif self._known is None or self._known[0] is not True:
            await self._tell(True, "")

    async def _tell(self, well: bool | None, note: str, *, by_job: bool = False) -> bool:
        before, self._known, self._by_job = self._known, (well, note), by_job
        if before is None or (before[0], _code(before[1])) != (well, _code(note)):
            await self._on_health(self._printer.name, well, note)
        return before is not None and before[0] is False and well is not False


def _code(note: str) -> str:
    return note.partition(":")[0]
