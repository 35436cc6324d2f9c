"""A receipt's bytes, the time to make them, and how soon after the commit they begin to arrive at the printer.

Baselines: python-escpos printing the same paper as a picture; a bare TCP connection that carries one byte.
"""

import asyncio
import socket
import statistics
import tempfile
import threading
import time
from pathlib import Path

from agent.books_ports import JobKind, JobState, NewPrintJob
from agent.demo.world import JOIN_URL
from agent.domain.receipt import Document, Feed, Pair, Qr, Rule, Text
from agent.printing import PrintService
from agent.system import SystemClock, SystemEntropy
from drivers.escpos_bytes import encode
from drivers.escpos_printer import EscposPrinter
from drivers.profiles import profile
from drivers.tcp_printer import TcpTransport
from tests.bench.table import Figure, percentile
from tests.books_world import BooksWorld, in_books

_FONT = ("/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc", "/usr/share/fonts/truetype/wqy/wqy-zenhei.ttc")


def _document() -> Document:
    lines = [Pair(f"蒲江红心猕猴桃 {number}", "19.80") for number in range(40)]
    return Document(
        (Text("蜀果鲜生 春熙路店", "center", 2), Rule(), *lines, Rule(), Qr(f"{JOIN_URL}&c={'A' * 22}"), Feed(2))
    )


def measure(count: int) -> list[Figure]:
    """Encode the same forty lines and QR both ways."""
    document, kind = _document(), profile("escpos-58")
    start = time.perf_counter()
    for _ in range(count):
        ours = encode(document, kind)
    ours_s = (time.perf_counter() - start) / count
    raster, raster_s = _raster(document)
    return [
        Figure("receipt of 40 lines and a QR: bytes", f"{len(ours):,} B", f"python-escpos raster {len(raster):,} B",
               len(ours) / len(raster), 1 / 30, 1 / 60),
        Figure("receipt of 40 lines and a QR: time", f"{ours_s * 1e3:.2f} ms",
               f"python-escpos raster {raster_s * 1e3:.1f} ms", ours_s / raster_s, 1 / 30, 1 / 100),
    ]  # fmt: skip


class _Printer:
    """A network printer that answers at once and notes when the first byte of each job arrived."""

    def __init__(self) -> None:
        self.began_s: list[float] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                while data := connection.recv(65536):
                    if b"\x1b@" in data:
                        self.began_s.append(time.perf_counter())
                    connection.sendall(b"\x12" * data.count(b"\x10\x04") + b"\x00" * data.count(b"\x1dr\x01"))


async def first_byte(count: int) -> list[Figure]:
    """Queue receipts in real books, one after another, and wait for each at the printer."""
    figures: list[Figure] = []
    bare_ms = _bare_ms(count)
    for name in ("generic-80", "escpos-80"):
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            samples: list[float] = []

            async def work(world: BooksWorld, name: str = name, samples: list[float] = samples) -> None:
                samples += await _first_bytes(world, name, count)

            await in_books(Path(folder), work)
        p50, p99 = statistics.median(samples) * 1e3, percentile(samples, 0.99) * 1e3
        how = "asked before and after" if name == "escpos-80" else "write-only"
        figures.append(
            Figure(f"commit to first byte at the printer, {how}", f"p50 {p50:.2f} ms, p99 {p99:.2f} ms",
                   f"bare TCP, one byte {bare_ms:.2f} ms", p99, 100, 20, unit=" ms")
        )  # fmt: skip
    return figures


async def _first_bytes(world: BooksWorld, name: str, count: int) -> list[float]:
    printer, clock = _Printer(), SystemClock()
    done = asyncio.Event()

    async def on_state(_job: str, state: JobState, _note: str) -> None:
        if state in (JobState.SENT, JobState.CONFIRMED):
            done.set()

    async def on_health(_name: str, _well: bool | None, _note: str) -> None:
        return None

    driver = EscposPrinter("till", profile(name), TcpTransport("127.0.0.1", printer.port), clock)
    service = PrintService(driver, world.ledger, clock, SystemEntropy(), on_state=on_state, on_health=on_health)
    serving = asyncio.create_task(service.run())
    document, began_s = _document(), []
    for number in range(count):
        done.clear()
        await world.ledger.add(NewPrintJob(f"j{number}", "till", JobKind.RECEIPT, document, clock.now_ms() + 60_000), 1)
        began_s.append(time.perf_counter())
        service.wake()
        await done.wait()
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)
    driver.close()
    printer.close()
    return [at_s - begin_s for at_s, begin_s in zip(printer.began_s, began_s, strict=True)]


def _bare_ms(count: int) -> float:
    """What the machine itself takes: connect, one byte, seen by another thread."""
    printer, samples = _Printer(), []
    for number in range(count):
        begin_s = time.perf_counter()
        with socket.create_connection(("127.0.0.1", printer.port)) as connection:
            connection.sendall(b"\x1b@")
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(1):
                pass
        samples.append(printer.began_s[number] - begin_s)
    printer.close()
    return statistics.median(samples) * 1e3


def _raster(document: Document) -> tuple[bytes, float]:
    """What a careful integrator does with python-escpos for Chinese: draw the paper, print the picture."""
    import qrcode
    from escpos.printer import Dummy
    from PIL import Image, ImageDraw, ImageFont

    font_path = next((path for path in _FONT if Path(path).exists()), None)
    font = ImageFont.truetype(font_path, 24) if font_path else ImageFont.load_default(24)
    start = time.perf_counter()
    picture = Image.new("1", (384, 30 * 44 + 200), 1)
    draw = ImageDraw.Draw(picture)
    top = 0
    for block in document.blocks:
        if isinstance(block, Text | Pair):
            text = block.text if isinstance(block, Text) else f"{block.left}  {block.right}"
            draw.text((0, top), text, font=font, fill=0)
        if isinstance(block, Qr):
            picture.paste(qrcode.make(block.payload, box_size=5, border=2).get_image().resize((180, 180)), (100, top))
            top += 160
        top += 30
    printer = Dummy()
    printer.image(picture, impl="bitImageRaster")
    printer.cut()
    return bytes(printer.output), time.perf_counter() - start
