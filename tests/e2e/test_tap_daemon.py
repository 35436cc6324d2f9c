"""The tap and the running daemon: from WeChat's answer to the points under the receipt of another POS."""

import tempfile
from pathlib import Path

from drivers.simulated import SimulatedPrinter
from tests.api_till import running, someone
from tests.e2e.test_tap import send, tapped
from tests.tap_world import receipt


def test_the_daemon_itself_knows_the_member_who_paid(tmp_path: Path) -> None:
    """From WeChat's answer to the points on the paper of a POS that knows nothing of members."""
    gold = someone("gold")
    with running(tmp_path / "till") as till, tempfile.TemporaryDirectory(prefix="tap-") as short:
        socket = till.world.settings.socket.with_name("tap.sock")
        (Path(short) / "tap.sock").symlink_to(socket)
        transaction_id, raw = till.wechat(2200, gold)
        till.paid(raw)

        async def story() -> None:
            async with SimulatedPrinter() as printer, tapped(Path(short), printer) as tap:
                await send(tap, receipt("22.00", "微信支付 22.00", f"交易单号 {transaction_id}"))
                known = await printer.wait_job(1)
                await send(tap, receipt("31.00", "现金 31.00"))
                stranger = await printer.wait_job(2)
            assert f"积分余额{gold.points:>40,}".encode("gbk") in known
            assert gold.number.encode() not in known
            assert "加入会员更省".encode("gbk") in stranger
            assert "补领".encode("gbk") not in stranger

        till.run(story())
