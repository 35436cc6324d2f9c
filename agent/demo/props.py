"""What a person at another terminal may touch while the demo stays up: a member's phone, the scanner, the cable.

Called by agent.demo.run. Small files in `dev/`: `phone` always holds a fresh dynamic code of one member, as the
mini-program would show it; what is written into `scan` is scanned; writing `out` into `cable` pulls the cable, `in`
plugs it in again.
"""

import asyncio
from pathlib import Path

from agent.demo.cable import Cable
from agent.demo.world import BRAND
from drivers.simulated import SimulatedScanner
from sync.hq.service import HqService

_LOOK_S = 0.25
_FRESH_S = 5.0  # a code is good once: after using one, the next is this near


class Props:
    """The phone, the scanner's trigger and the cable as files."""

    def __init__(
        self, folder: Path, cable: Cable, scanner: SimulatedScanner, hq: HqService, member_number: str
    ) -> None:
        self._phone, self._switch, self._trigger = folder / "phone", folder / "cable", folder / "scan"
        self._cable, self._scanner, self._hq, self._member = cable, scanner, hq, member_number

    async def run(self) -> None:
        """Refresh the phone and follow the switch, until cancelled."""
        plugged, age_s = True, _FRESH_S
        self._switch.write_text("in\n", encoding="ascii")
        self._trigger.write_text("", encoding="ascii")
        while True:
            if age_s >= _FRESH_S:
                age_s = 0.0
                self._show(await self._hq.issue_dynamic_code(BRAND, self._member))
            wanted = self._wanted(plugged)
            if wanted != plugged:
                plugged = wanted
                await (self._cable.plug() if wanted else self._cable.pull())
            self._scan()
            await asyncio.sleep(_LOOK_S)
            age_s += _LOOK_S

    def _show(self, code: str) -> None:
        """Replaced whole, so that a reader never sees half a code."""
        new = self._phone.with_suffix(".new")
        new.write_text(code + "\n", encoding="ascii")
        new.replace(self._phone)

    def _scan(self) -> None:
        """Scan what was written, once."""
        try:
            code = self._trigger.read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError):
            return
        if code:
            self._trigger.write_text("", encoding="ascii")
            self._scanner.scan(code)

    def _wanted(self, now: bool) -> bool:
        """What the switch says; as it is when it says nothing known."""
        try:
            return {"in": True, "out": False}.get(self._switch.read_text(encoding="ascii").strip(), now)
        except (OSError, UnicodeDecodeError):
            return now
