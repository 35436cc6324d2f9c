"""A receipt's bytes and the time to make them: our text against python-escpos printing the same paper as a picture."""

import time
from pathlib import Path

from agent.demo.world import JOIN_URL
from agent.domain.receipt import Document, Feed, Pair, Qr, Rule, Text
from drivers.escpos_bytes import encode
from drivers.profiles import profile
from tests.bench.table import Figure

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
