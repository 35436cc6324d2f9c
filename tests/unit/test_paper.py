"""The paper drawing: what a person sees is what the bytes said, and the QR codes on it still read."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from PIL import Image

from agent.domain.receipt import Document, Pair
from agent.domain.receipts import drawer_pulse, sale_receipt
from drivers.escpos_bytes import encode
from drivers.paper import render
from drivers.profiles import profile
from tests.unit.test_receipts import URL, guest_facts, member_facts

CASES = Path(__file__).parents[1] / "cases" / "escpos"
_DOTS = {" ": (0, 0), "▀": (1, 0), "▄": (0, 1), "█": (1, 1)}


def test_a_receipt_reads_as_on_paper() -> None:
    kind = profile("generic-58")
    drawn = render(encode(sale_receipt(member_facts()), kind) + encode(drawer_pulse(), kind), columns=32)
    assert "│   金卡会员 8.8折 1.76      -0.48 │" in drawn
    assert "晨  光  便  利  店" in drawn  # double width
    assert "应  付    ￥  ８８．１０ │" in drawn  # right-aligned
    assert "[钱箱弹开]" in drawn
    assert "✂" not in drawn
    assert "✂" in render(encode(sale_receipt(member_facts()), profile("generic-80")), columns=48)


def test_ansi_is_black_on_white_and_says_the_same() -> None:
    stream = encode(sale_receipt(guest_facts()), profile("escpos-80"))
    coloured = render(stream, columns=48, ansi=True)
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == render(stream, columns=48)


@pytest.mark.parametrize("path", sorted(CASES.glob("*.bin")), ids=lambda path: path.name)
def test_any_real_stream_can_be_drawn(path: Path) -> None:
    for size in (None, 100, 333):
        assert render(path.read_bytes()[:size], columns=48).startswith("┌")


@pytest.mark.system("zbarimg")
@pytest.mark.parametrize("name", ["generic-58", "generic-80", "escpos-58", "escpos-80"])
def test_zbar_reads_the_drawn_qr(name: str, tmp_path: Path) -> None:
    """Raster and native QR codes alike: each half-block is a square of 8 x 8 dots here, as in a terminal."""
    if shutil.which("zbarimg") is None:
        pytest.skip("zbarimg is missing (apt install zbar-tools): NO drawn QR code was read back")
    drawn = render(encode(sale_receipt(guest_facts()), profile(name)), columns=profile(name).columns)
    block = [line[2:-2] for line in drawn.splitlines() if set(line[2:-2]) <= set(_DOTS)]
    picture = Image.new("1", (len(block[-1]), 2 * len(block)), 1)
    for y, line in enumerate(block):
        for x, char in enumerate(line[: picture.width]):
            for half, ink in enumerate(_DOTS[char]):
                picture.putpixel((x, 2 * y + half), 0 if ink else 1)
    picture.resize((picture.width * 8, picture.height * 8)).save(tmp_path / "qr.png")
    command = ["zbarimg", "--quiet", "--raw", "--nodbus", str(tmp_path / "qr.png")]
    read = subprocess.run(command, capture_output=True, text=True, check=False)
    assert read.stdout.strip() == URL, read.stderr


def test_a_drawn_character_takes_its_place_in_the_line() -> None:
    kind = profile("image-58")
    drawn = render(encode(Document((Pair("水", "x"),), cut=False), kind), columns=32)
    line = drawn.splitlines()[1]
    assert line.endswith("x │")
    assert len(line) == 32 + 4
    assert set(line[2:4]) & set("▀▄█")
