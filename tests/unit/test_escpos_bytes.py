"""Documents as ESC/POS bytes: golden jobs per profile, Chinese text, layout, QR codes read back by zbar."""

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from agent.domain.receipt import Block, Columns, Document, Drawer, Feed, Pair, Qr, Rule, Text
from agent.domain.receipts import drawer_pulse, sale_receipt
from drivers.escpos_bytes import encode
from drivers.escpos_layout import columns, pair_lines, printable, wrap
from drivers.escpos_tokens import Token, TokenKind, tokenize
from drivers.glyphs import code_point_box
from drivers.profiles import Profile, builtin, from_python_escpos, profile
from drivers.qr_matrix import matrix
from tests.unit.test_receipts import URL, guest_facts, member_facts, spent_facts

GOLDEN = Path(__file__).parents[1] / "cases" / "golden"
P58, P80 = profile("generic-58"), profile("generic-80")

DOCUMENTS = {
    "member": sale_receipt(member_facts()),
    "guest": sale_receipt(guest_facts()),
    "spent": sale_receipt(spent_facts()),
    "drawer": drawer_pulse(),
}


def only(*blocks: Block) -> Document:
    return Document(blocks, cut=False)


@pytest.mark.parametrize("profile_name", sorted(builtin()))
@pytest.mark.parametrize("document", sorted(DOCUMENTS))
def test_golden_bytes(document: str, profile_name: str) -> None:
    """To renew after a deliberate change: POS_AGENT_GOLDEN=write pytest tests/unit/test_escpos_bytes.py"""
    job = encode(DOCUMENTS[document], profile(profile_name))
    path = GOLDEN / f"{document}.{profile_name}.bin"
    if os.environ.get("POS_AGENT_GOLDEN") == "write":
        path.write_bytes(job)
    assert job == path.read_bytes()


@pytest.mark.parametrize("profile_name", sorted(builtin()))
@pytest.mark.parametrize("document", ["member", "guest", "spent"])
def test_no_line_is_wider_than_the_paper_and_every_token_is_known(document: str, profile_name: str) -> None:
    paper = profile(profile_name)
    scale, width = 1, 0
    for token in tokenize(encode(DOCUMENTS[document], paper)):
        assert token.kind not in (TokenKind.UNKNOWN, TokenKind.INCOMPLETE)
        if token.name == b"\x1d!":
            scale = (token.data[2] >> 4) + 1
        width = 0 if token.kind is TokenKind.CONTROL else width
        if token.kind in (TokenKind.TEXT, TokenKind.CHINESE):
            width += len(token.data) * scale
        assert width <= paper.columns


# --- text -----------------------------------------------------------------------------------------------------------
def test_pains_22_the_yen_sign_is_two_gbk_bytes() -> None:
    job = encode(only(Text("水 ¥4.00")), P58)
    assert job == b"\x1b@\x1c&" + "水 ￥4.00\n".encode("gbk")
    assert b"\x81\x30\x84\x36" not in job  # GB18030's four bytes, which a GBK printer shows as "0 6"


def test_what_gbk_lacks_is_kept_to_be_drawn_and_the_rest_is_text() -> None:
    assert printable("𠮷野家 €5 •☕️ 龦〇【】“…”— \ud800") == "𠮷野家 €5 ·☕ 龦〇【】“…”— □"
    assert columns("𠮷€") == 3
    job = encode(only(Text("价€5")), P58)
    glyph = b"\x1b*\x21\x0c\x00" + code_point_box("€", 12)
    assert job == b"\x1b@\x1c&" + "价".encode("gbk") + glyph + b"5\n"


def test_a_drawn_character_in_enlarged_text_takes_the_room_that_was_reckoned() -> None:
    (token,) = tokens_named(encode(only(Text("𠮷", scale=2)), P58), b"\x1b*")
    assert token.data[3:5] == (48).to_bytes(2, "little")
    assert token.data[5:11] == code_point_box("𠮷", 24)[:3] * 2


def test_a_printer_without_a_chinese_font_gets_pictures_of_every_chinese_character() -> None:
    job = encode(only(Pair("水", "￥4")), profile("image-58"))
    assert b"\x1c&" not in job
    assert len(tokens_named(job, b"\x1b*")) == 2
    assert not [token for token in tokenize(job) if token.kind is TokenKind.CHINESE]


def test_a_beeper_sounds_only_where_it_was_chosen() -> None:
    assert encode(Document((Text("x"),)), replace(P80, beeper="esc_b")).endswith(b"\x1dVB\x00\x1bB\x02\x02")
    loud = replace(P80, beeper="esc_paren_a")
    (token,) = tokens_named(encode(Document((Text("x"),)), loud), b"\x1b(")
    assert token.data == b"\x1b(A\x04\x0001\x02\x02"


NASTY = ["a\x1bp\x00\x32\x32b", "a\x10\x14\x01\x00\x08b", "a\x1dV\x00b", "a\x00\r\x0c\u200bb"]


@pytest.mark.parametrize("nasty", NASTY)
def test_a_product_name_cannot_carry_a_command(nasty: str) -> None:
    job = encode(only(Text(nasty), Pair(nasty, nasty), Columns((nasty, "1"), (50, 50)), Rule("\x1b")), P58)
    commands = {token.name for token in tokenize(job) if token.kind is not TokenKind.CONTROL and token.name}
    assert commands == {b"\x1b@", b"\x1c&"}


@given(st.text(st.characters(codec="gbk", exclude_categories=("Cc", "Cf", "Mn")), max_size=80), st.integers(2, 48))
def test_wrapping_loses_nothing_but_spaces_and_splits_no_pair(text: str, width: int) -> None:
    shown = printable(text)
    lines = wrap(shown, width)
    assert "".join(lines).replace(" ", "") == shown.replace(" ", "")
    for line in lines:
        assert columns(line) <= width
        assert line.encode("gbk").decode("gbk") == line


@given(st.text(max_size=60), st.text(max_size=40), st.integers(16, 48))
def test_a_pair_fills_its_lines_and_never_overflows(left: str, right: str, width: int) -> None:
    lines = pair_lines(printable(left), printable(right), width)
    assert all(columns(line) <= width for line in lines)


@given(st.lists(st.one_of(st.builds(Text, st.text(max_size=40), st.sampled_from(["left", "center", "right", "x"]),
                                    st.integers(-1, 9), st.booleans()),
                          st.builds(Rule, st.text(max_size=2)), st.builds(Feed, st.integers(-3, 400)),
                          st.builds(Pair, st.text(max_size=40), st.text(max_size=40)))))  # fmt: skip
def test_any_document_encodes_and_leaves_plain_style(blocks: list[Block]) -> None:
    tokens = tokenize(encode(Document(tuple(blocks)), P80))
    assert b"".join(token.data for token in tokens) == encode(Document(tuple(blocks)), P80)
    for name, plain in ((b"\x1ba", 0), (b"\x1d!", 0), (b"\x1bE", 0)):
        last = [token.data[2] for token in tokens if token.name == name]
        assert not last or last[-1] == plain  # nothing leaks into the next job


def test_punctuation_does_not_start_a_line() -> None:
    assert wrap("一二三四，五", 8) == ["一二三", "四，五"]


def test_scale_halves_the_line_and_applies_to_chinese_too() -> None:
    job = encode(only(Text("水" * 10, scale=2)), P58)
    assert job == b"\x1b@\x1c&\x1d!\x11" + ("水" * 8 + "\n水水\n").encode("gbk") + b"\x1d!\x00"


# --- cut, feed, drawer ----------------------------------------------------------------------------------------------
def test_cut_only_where_there_is_a_cutter() -> None:
    assert encode(Document((Text("x"),)), P58).endswith(b"x\n\x1bd\x04")
    assert encode(Document((Text("x"),)), P80).endswith(b"x\n\x1dVB\x00")


def test_pains_25_drawer_pulse_is_complete_and_nothing_else() -> None:
    assert encode(drawer_pulse(), P58) == bytes((0x1B, 0x70, 0, 50, 100))
    other = replace(P58, drawer_pin=1, drawer_on_ms=50, drawer_off_ms=500)
    assert encode(Document((Drawer(),)), other) == bytes((0x1B, 0x70, 1, 25, 250))


# --- QR -------------------------------------------------------------------------------------------------------------
def tokens_named(job: bytes, name: bytes) -> list[Token]:
    return [token for token in tokenize(job) if token.name == name]


def test_native_qr_is_sized_to_the_paper_and_holds_the_payload() -> None:
    job = encode(only(Qr(URL)), profile("escpos-58"))
    functions = {token.data[6]: token.data[7:] for token in tokens_named(job, b"\x1d(")}
    assert functions[ord("C")] == b"\x06"
    assert functions[ord("P")] == b"0" + URL.encode()
    long = encode(only(Qr(URL + "x" * 250)), profile("escpos-58"))
    size = next(token.data[7] for token in tokens_named(long, b"\x1d(") if token.data[6] == ord("C"))
    assert 3 <= size < 6
    assert (len(matrix(URL + "x" * 250)) + 8) * size <= 384


def test_pains_23_where_no_qr_fits_the_payload_is_printed_as_text() -> None:
    job = encode(only(Qr("x" * 2_000)), P58)
    assert b"\x1dv0" not in job
    assert b"x" * 32 in job


def raster(job: bytes) -> Image.Image:
    (token,) = tokens_named(job, b"\x1dv")
    row_bytes, height = int.from_bytes(token.data[4:6], "little"), int.from_bytes(token.data[6:8], "little")
    assert len(token.data) == 8 + row_bytes * height
    return Image.frombytes("1", (row_bytes * 8, height), bytes(byte ^ 0xFF for byte in token.data[8:]))


@pytest.mark.parametrize("paper", [P58, P80, from_python_escpos("TM-T88III")])
def test_raster_is_a_multiple_of_eight_and_not_wider_than_the_paper(paper: Profile) -> None:
    picture = raster(encode(only(Qr(URL)), replace(paper, native_qr=False)))
    assert picture.width % 8 == 0
    assert picture.width <= paper.width_dots


@pytest.mark.system("zbarimg")
@pytest.mark.parametrize("profile_name", ["generic-58", "generic-80", "escpos-58"])
def test_zbar_reads_the_printed_qr(profile_name: str, tmp_path: Path) -> None:
    if shutil.which("zbarimg") is None:
        pytest.skip("zbarimg is missing (apt install zbar-tools): NO printed QR code was read back")
    job = encode(DOCUMENTS["guest"], profile(profile_name))
    if profile(profile_name).native_qr:
        stored = next(token.data[8:] for token in tokens_named(job, b"\x1d(") if token.data[6] == ord("P"))
        modules = matrix(stored.decode())
        picture = Image.new("1", (len(modules) * 6 + 48,) * 2, 1)
        for y, row in enumerate(modules):
            for x, ink in enumerate(row):
                picture.paste(0 if ink else 1, (24 + x * 6, 24 + y * 6, 30 + x * 6, 30 + y * 6))
    else:
        picture = raster(job)
    picture.save(tmp_path / "qr.png")
    command = ["zbarimg", "--quiet", "--raw", "--nodbus", str(tmp_path / "qr.png")]
    read = subprocess.run(command, capture_output=True, text=True, check=False)
    assert read.stdout.strip() == URL, read.stderr


# --- profiles -------------------------------------------------------------------------------------------------------
def test_python_escpos_profiles_are_read_without_importing_it() -> None:
    """Importing it configures the root logger and leaves a directory in /tmp (facts/devices.md)."""
    code = (
        "import logging, sys, tempfile; made = []; tempfile.mkdtemp = lambda *a, **k: made.append(a);"
        "from drivers.profiles import profile; p = profile('python-escpos:TM-T88III');"
        "print(p.width_dots, p.columns, p.native_qr, 'escpos' in sys.modules, logging.getLogger().handlers, made)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "512 42 True False [] []"


@pytest.mark.parametrize("name", ["", "epson", "python-escpos:nothing", "python-escpos:default"])
def test_an_unknown_profile_is_refused_with_the_names_there_are(name: str) -> None:
    with pytest.raises(ValueError, match=r"profile|width"):
        profile(name)
