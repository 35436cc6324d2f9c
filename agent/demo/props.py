"""What a person at another terminal may touch while the demo stays up: a member's phone, the scanner, the cable.

Called by agent.demo.run. Small files in `dev/`: `phone` always holds a fresh dynamic code of one member, as the
mini-program would show it, `paycode` their payment code, as WeChat would; what is written into `scan` is scanned;
writing `out` into `cable` pulls the cable, `in` plugs it in again.
"""

import asyncio
from pathlib import Path

from agent.demo.counter import Counter
from agent.demo.simulated_wechat import CODE_S
from agent.demo.world import BRAND, DemoMember, pick

_LOOK_S = 0.25
_FRESH_S = 5.0  # a code is good once: after using one, the next is this near
_PAY_S = CODE_S / 2  # whoever reads the file has half a minute left


class Props:
    """The phone, the scanner's trigger and the cable as files."""

    def __init__(self, folder: Path, at: Counter, member: DemoMember) -> None:
        self._phone, self._switch, self._trigger = folder / "phone", folder / "cable", folder / "scan"
        self._paycode = folder / "paycode"
        self._at, self._member = at, member
        self._codes = 0

    async def run(self) -> None:
        """Refresh the phone and follow the switch, until cancelled."""
        plugged, age_s, pay_age_s = True, _FRESH_S, _PAY_S
        self._switch.write_text("in\n", encoding="ascii")
        self._trigger.write_text("", encoding="ascii")
        while True:
            if age_s >= _FRESH_S:
                age_s = 0.0
                self._show(self._phone, await self._at.hq.issue_dynamic_code(BRAND, self._member.number))
            if pay_age_s >= _PAY_S:
                pay_age_s = 0.0
                self._show(self._paycode, self._payment_code())
            wanted = self._wanted(plugged)
            if wanted != plugged:
                plugged = wanted
                await (self._at.cable.plug() if wanted else self._at.cable.pull())
            self._scan()
            await asyncio.sleep(_LOOK_S)
            age_s += _LOOK_S
            pay_age_s += _LOOK_S

    def _payment_code(self) -> str:
        self._codes += 1
        code = f"13{pick('paycode', self._at.run, self._codes) % 10**16:016d}"
        return self._at.wechat.show(code, self._member.openid, self._member.sub_openid)

    def _show(self, file: Path, code: str) -> None:
        """Replaced whole, so that a reader never sees half a code."""
        new = file.with_suffix(".new")
        new.write_text(code + "\n", encoding="ascii")
        new.replace(file)

    def _scan(self) -> None:
        """Scan what was written, once."""
        try:
            code = self._trigger.read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError):
            return
        if code:
            self._trigger.write_text("", encoding="ascii")
            self._at.scanner.scan(code)

    def _wanted(self, now: bool) -> bool:
        """What the switch says; as it is when it says nothing known."""
        try:
            return {"in": True, "out": False}.get(self._switch.read_text(encoding="ascii").strip(), now)
        except (OSError, UnicodeDecodeError):
            return now
