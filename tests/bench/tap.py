"""What the tap costs a POS: thinking per kilobyte, and the time from the POS's first byte to the printer's last."""

import asyncio
import json
import socket
import statistics
import time
from pathlib import Path

from agent.domain.receipt import Document, Qr, Rule, Text, to_json
from agent.notify import Notifier
from agent.system import SystemClock
from drivers.profiles import profile
from drivers.tap.job import Rules
from drivers.tap.report import Question
from drivers.tap.service import Tap
from drivers.tap.session import TapSession
from drivers.tap.settings import parse
from drivers.tap.templates import standard
from drivers.tap.unix_desk import UnixDesk
from tests.bench.table import Figure, percentile

_PROMPT = Document((Rule(), Text("扫码入会", align="center"), Qr("https://hq.example/j?b=1")), cut=False)
_CHUNK = 1460  # what a network brings at once


def _receipt(lines: int = 40) -> bytes:
    items = "".join(f"蒲江红心猕猴桃 {number:02d}        19.80\n" for number in range(lines))
    text = f"蜀果鲜生\n{items}合计          792.00\n微信支付      792.00\n谢谢惠顾\n"
    return b"\x1b@\x1c&" + text.encode("gbk") + b"\x1bd\x04\x1dV\x42\x00"


class _Ready(Notifier):
    """Hears when the tap serves."""

    def __init__(self, heard: asyncio.Event) -> None:
        super().__init__()
        self._heard = heard

    def ready(self) -> None:
        self._heard.set()


async def measure(count: int, folder: Path) -> list[Figure]:
    """Pure thinking per kilobyte of text; a receipt over loopback with the tap between, and without."""
    receipt = _receipt()
    return [_thinking(receipt, count), await _on_the_wire(receipt, count, folder)]


def _thinking(receipt: bytes, count: int) -> Figure:
    rules = Rules(profile("generic-80"), standard())
    samples = []
    for _ in range(count):
        begun = time.thread_time()
        session = TapSession(rules)
        for at in range(0, len(receipt), _CHUNK):
            actions = session.feed(receipt[at : at + _CHUNK], 0.0)
        for one in session.close(0.0) + actions:
            if isinstance(one, Question):
                session.answer(one.ticket, _PROMPT, 0.0)
        samples.append((time.thread_time() - begun) / len(receipt) * 1024)
    typical = statistics.median(samples)
    line_s = 1024 * 10 / 115_200  # ten bits a byte
    return Figure(
        "tap: thinking per kilobyte of a text receipt, the block made", f"{typical * 1e6:.0f} us",
        f"a kilobyte at 115,200 bit/s takes {line_s * 1e3:.0f} ms", typical / line_s, 1 / 10, 1 / 50,
    )  # fmt: skip


async def _on_the_wire(receipt: bytes, count: int, folder: Path) -> Figure:
    """From connect to the printer's end of file, by a POS that closes behind its cut; the daemon answers at once."""
    done: asyncio.Queue[float] = asyncio.Queue()

    async def printer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(65536):
            pass
        done.put_nowait(time.perf_counter())
        writer.close()

    answer = {"append": to_json(_PROMPT), "why": ""}

    async def daemon(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(json.dumps(answer).encode() + b"\n")
        writer.close()

    paper = await asyncio.start_server(printer, "127.0.0.1", 0)
    desk = await asyncio.start_unix_server(daemon, str(folder / "tap.sock"))
    port = paper.sockets[0].getsockname()[1]
    settings = parse(f'[printer]\nkind = "tcp"\nhost = "127.0.0.1"\nport = {port}\n[listen]\nport = 0\n')
    stop, ready = asyncio.Event(), asyncio.Event()
    tap = Tap(settings, UnixDesk(folder / "tap.sock"), SystemClock(), _Ready(ready))
    running = asyncio.create_task(tap.run(stop))
    await ready.wait()
    through: list[float] = []
    direct: list[float] = []
    for _ in range(count):
        for samples, to in ((through, tap.port), (direct, port)):
            begun = time.perf_counter()
            _, writer = await asyncio.open_connection("127.0.0.1", to, family=socket.AF_INET)
            writer.write(receipt)
            writer.close()
            samples.append(await done.get() - begun)
    stop.set()
    await running
    desk.close()
    paper.close()
    added = statistics.median(through) - statistics.median(direct)
    return Figure(
        f"tap: added to a receipt of {len(receipt):,} B with its block", f"p50 {added * 1e3:.1f} ms, "
        f"p99 {(percentile(through, 0.99) - statistics.median(direct)) * 1e3:.1f} ms",
        f"straight to the printer {statistics.median(direct) * 1e3:.1f} ms; the limit is 300 ms",
        added / 0.3, 1 / 5, 1 / 30,
    )  # fmt: skip
