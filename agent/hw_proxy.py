"""A till's paper and drawer as Odoo's box shows them: status, print, drawer; it sells nothing and names nobody.

Called by agent.api.hw_proxy. Paper goes through the print ledger like everything else.
"""

import hashlib
from collections.abc import Callable, Mapping
from typing import Any

from agent.hw_paper import from_picture, from_xml
from agent.limits import HW_PROXY_AGAIN_S
from agent.ports import Clock
from agent.print_desk import PrintDesk

_DRIVERS = ("printer", "escpos")  # WIRE: Odoo 12 and later ask for the first, older ones for the second


class HwProxy:
    """What the box can do."""

    def __init__(
        self, paper: PrintDesk, health: Callable[[], Mapping[str, Mapping[str, Any]]], clock: Clock, width_dots: int
    ) -> None:
        self._paper, self._health, self._clock, self._width_dots = paper, health, clock, width_dots
        self._printed: tuple[bytes, float] = (b"", 0.0)

    def status(self) -> dict[str, dict[str, Any]]:
        """Each driver's `status` (connected, connecting, disconnected) and `messages`."""
        names = self._paper.printers()
        found = self._health().get(f"printer {names[0]}") if names else None
        status, reason = "disconnected", "no printer is configured"
        if found is not None:
            reason = str(found["reason"])  # one that cannot be asked works as far as anybody can tell, and says so
            unknown = "connected" if reason else "connecting"
            status = {True: "connected", False: "disconnected", None: unknown}[found["up"]]
        printer = {"status": status, "messages": [reason] if reason else []}
        scanner = {"status": "disconnected", "messages": ["scans come over the event stream of the till's API"]}
        return {**dict.fromkeys(_DRIVERS, printer), "scanner": scanner}

    async def print_picture(self, receipt: str) -> bool:
        """Queue a base64 picture; raises ValueError when it is none."""
        return await self._print(receipt, lambda: from_picture(receipt, self._width_dots))

    async def print_xml(self, receipt: str) -> bool:
        """Queue the XML of older versions; raises ValueError when it is none."""
        return await self._print(receipt, lambda: from_xml(receipt))

    async def open_drawer(self, app: str) -> bool:
        """Pulse the drawer, audited, once for each call; False where there is no printer."""
        if not self._paper.printers():
            return False
        await self._paper.open_drawer(self._paper.job_id(), "", app, "hw_proxy", app)
        return True

    async def _print(self, receipt: str, document: Callable[[], Any]) -> bool:
        """The client names no job: the very same receipt in the next seconds is its retry, not a second page."""
        if not self._paper.printers():
            return False
        digest, now_s = hashlib.sha256(receipt.encode()).digest(), self._clock.mono_s()
        if self._printed[0] == digest and now_s - self._printed[1] < HW_PROXY_AGAIN_S:
            return True
        page = document()
        await self._paper.queue(self._paper.job_id(), "", page)
        self._printed = (digest, now_s)
        return True
