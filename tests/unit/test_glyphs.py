"""Characters outside GBK as dots: found in fonts, boxed where none has them, and never a reason not to print."""

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.domain.receipt import Document, Pair, Text
from drivers.escpos_bytes import encode
from drivers.escpos_layout import columns, drawn_columns, in_gbk, printable
from drivers.escpos_tokens import TokenKind, tokenize
from drivers.glyphs import FONT_FILES, FONT_FOLDERS, HEIGHT_DOTS, Glyphs, code_point_box
from drivers.profiles import profile

RARE = "𠮷€ñ😀☕ก한"


def rows(dots: bytes) -> list[str]:
    """The dots as text, a line each, for a person who reads a failing test."""
    marks = [int.from_bytes(dots[at : at + 3], "big") for at in range(0, len(dots), 3)]
    return ["".join("#" if column >> bit & 1 else "." for column in marks) for bit in range(HEIGHT_DOTS - 1, -1, -1)]


def test_the_last_resort_shows_the_code_point() -> None:
    drawn = rows(code_point_box("€", 12))
    assert [row[2:5] for row in drawn[2:12:2]] == ["###", "..#", "###", "#..", "###"]  # the 2 of 20AC
    assert len({code_point_box(char, 24) for char in RARE}) == len(RARE)


@given(st.characters(exclude_categories=["Cs"]), st.sampled_from([12, 24]))
def test_any_character_fits_its_box(char: str, width: int) -> None:
    assert len(code_point_box(char, width)) == width * 3


def test_no_font_on_the_machine_does_not_break_printing(tmp_path: Path) -> None:
    draw = Glyphs([str(tmp_path), "/nowhere"]).draw
    assert draw("𠮷", 24) == code_point_box("𠮷", 24)


def test_a_broken_font_file_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / FONT_FILES[0][0]).write_bytes(b"no font")
    assert Glyphs([str(tmp_path)]).draw("€", 12) == code_point_box("€", 12)


def _installed(*names: str) -> bool:
    return any(
        next(Path(folder).rglob(name), None) for folder in FONT_FOLDERS if Path(folder).is_dir() for name in names
    )


def test_a_font_draws_what_it_has_and_boxes_stand_for_the_rest() -> None:
    if not _installed("NotoSansCJK-Regular.ttc", "wqy-zenhei.ttc", "DejaVuSans.ttf"):
        pytest.skip("no font of ours here (apt install fonts-wqy-zenhei): NO character was drawn with a font")
    draw = Glyphs().draw
    euro = draw("€", 12)
    assert len(euro) == 36
    assert euro != code_point_box("€", 12)
    assert 10 < sum(row.count("#") for row in rows(euro)) < 150
    nobody = "\U0010fffd"
    assert draw(nobody, 24) == code_point_box(nobody, 24)  # what a font draws for "missing" is no glyph
    assert draw("€", 12) is euro  # drawn once


def test_a_rare_hanzi_is_drawn_as_large_as_the_others() -> None:
    if not _installed("NotoSansCJK-Regular.ttc"):
        pytest.skip("no Noto Sans CJK here (apt install fonts-noto-cjk): 𠮷 was NOT drawn")
    drawn = rows(Glyphs().draw("𠮷", 24))
    inked = [row for row in drawn if "#" in row]
    assert len(inked) >= 18
    assert max(row.rindex("#") for row in inked) - min(row.index("#") for row in inked) >= 18


@given(st.text(max_size=30))
def test_any_text_becomes_known_commands_as_wide_as_was_reckoned(text: str) -> None:
    job = encode(Document((Text(text),), cut=False), profile("generic-80"))
    width = widest = 0
    for token in tokenize(job):
        assert token.kind not in (TokenKind.UNKNOWN, TokenKind.INCOMPLETE)
        if token.name == b"\x1b*":
            width += (token.data[3] | token.data[4] << 8) // 12
        elif token.kind in (TokenKind.TEXT, TokenKind.CHINESE):
            width += len(token.data)
        elif token.data == b"\n":
            width = 0
        widest = max(widest, width)
    assert widest <= 48


@given(st.text(max_size=30))
def test_printable_is_printable_again_unchanged_and_has_a_width(text: str) -> None:
    shown = printable(text)
    assert printable(shown) == shown
    assert columns(shown) == sum(len(c.encode("gbk")) if in_gbk(c) else drawn_columns(c) for c in shown)


def test_a_pair_with_rare_characters_keeps_its_right_edge() -> None:
    tokens = tokenize(encode(Document((Pair("𠮷野家 €", "1.00"),), cut=False), profile("generic-58")))
    width = sum(len(token.data) for token in tokens if token.kind in (TokenKind.TEXT, TokenKind.CHINESE))
    width += sum((token.data[3] | token.data[4] << 8) // 12 for token in tokens if token.name == b"\x1b*")
    assert width == 32


def test_no_picture_library_is_loaded_for_ordinary_text() -> None:
    code = (
        "import sys; from drivers.escpos_bytes import encode; from drivers.profiles import profile;"
        "from agent.domain.receipt import Document, Text; from drivers.glyphs import Glyphs;"
        "encode(Document((Text('水果 ¥4'),)), profile('generic-58'), Glyphs().draw); print('PIL' in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "False"
