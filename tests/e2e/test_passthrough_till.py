"""A POS that reads item codes on its serial port while the agent holds the scanner: the whole way, on real ptys."""

import asyncio
from pathlib import Path

import serial

from tests.serial_cable import within_patience
from tests.sse import listening
from tests.till_world import TillWorld

ITEM = "6901028001915"
PAYMENT_CODE = "134650061098828009"


def test_item_codes_reach_the_pos_and_nothing_else_does(tmp_path: Path) -> None:
    link = tmp_path / "pos-scanner"

    async def work() -> None:
        extra = f'\n[passthrough]\npath = "{link}"\nending = "lf"\n'
        async with TillWorld(tmp_path / "world", devices=True, extra=extra) as world:
            client = await world.start()
            async with client, listening(client) as ear:
                with serial.Serial(str(link), 115200, timeout=0) as pos:
                    world.scanner.scan(PAYMENT_CODE)
                    await ear.one("scan.payment_code")
                    world.scanner.scan("CP.member-or-coupon")
                    await ear.one("scan.coupon")
                    world.scanner.scan(ITEM)
                    await ear.one("scan.item")
                    got = b""
                    while not got.endswith(b"\n"):
                        got += pos.read(100)
                        await asyncio.sleep(0)
                    assert got == ITEM.encode() + b"\n"
                world.scanner.scan("6901234567892")
                lost = await ear.one("device.lost")
                assert lost.data["device"] == "passthrough"
                assert str(link) in lost.data["reason"]
                assert world.agent.health.snapshot()["passthrough"]["counters"] == {"lost": 1}
        assert not link.is_symlink()

    within_patience(work)
