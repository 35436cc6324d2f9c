"""A block is printed plain whatever the POS has set, and leaves everything as it was; without ESC @."""

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from drivers.escpos_tokens import TokenKind, tokenize
from drivers.profiles import profile
from drivers.tap.block import block
from drivers.tap.meaning import meaning
from drivers.tap.pieces import PieceReader
from drivers.tap.state import PrinterState
from tests.tap_world import PROMPT

WIDE = profile("generic-80")
SETTINGS = [
    "1b6100", "1b6101", "1b6132", "1b2100", "1b2138", "1b2188", "1d2100", "1d2111", "1d2105", "1b4500", "1b4501",
    "1b2d00", "1b2d02", "1b4d00", "1b4d01", "1b5601", "1b7b01", "1d4201", "1d4200", "1b7201", "1b5203", "1b2501",
    "1b2004", "1b2000", "1b3300", "1b3340", "1b32", "1c2104", "1c2100", "1c5701", "1c2d01", "1c530204", "1d4c1000",
    "1d4c0000", "1d578001", "1c26", "1c2e", "1b4701", "1d286b0300314308", "1d286b0300314531",
]  # fmt: skip


@dataclass
class Printer:
    """A printer's effective settings, by Epson's reference; written apart from the tracker that it judges."""

    align: int = 0
    font: int = 0
    size: int = 0
    chinese_size: int = 0
    bold: int = 0
    double_strike: int = 0
    underline: int = 0
    chinese_underline: int = 0
    rotated: int = 0
    upside_down: int = 0
    reverse: int = 0
    colour: int = 0
    charset: int = 0
    own_font: int = 0
    spacing: int = 0
    chinese_spacing: bytes = b"\0\0"
    line: int = -1
    margin: int = 0
    width: int = 576
    chinese: bool = True
    qr: tuple[bytes, bytes] = (b"\x03", b"0")

    def take(self, data: bytes) -> None:
        """Obey a command."""
        n = data[2] if len(data) > 2 else 0
        low = n & 1
        match data[:2]:
            case b"\x1ba":
                self.align = n % 48
            case b"\x1b!":
                self.font, self.bold, self.underline = low, n >> 3 & 1, 1 if n & 0x80 else 0
                self.size = (n >> 5 & 1) << 4 | (n >> 4 & 1)
            case b"\x1d!":
                self.size = self.chinese_size = n
            case b"\x1c!":
                self.chinese_size, self.chinese_underline = (n >> 2 & 1) << 4 | (n >> 3 & 1), n >> 7
            case b"\x1cW":
                self.chinese_size = 0x11 if low else 0
            case b"\x1bE":
                self.bold = low
            case b"\x1bG":
                self.double_strike = low
            case b"\x1b-":
                self.underline = n % 48
            case b"\x1c-":
                self.chinese_underline = n % 48
            case b"\x1bM":
                self.font = n % 48
            case b"\x1bV":
                self.rotated = n % 48
            case b"\x1b{":
                self.upside_down = low
            case b"\x1dB":
                self.reverse = low
            case b"\x1br":
                self.colour = n % 48
            case b"\x1bR":
                self.charset = n
            case b"\x1b%":
                self.own_font = low
            case b"\x1b ":
                self.spacing = n
            case b"\x1cS":
                self.chinese_spacing = data[2:]
            case b"\x1b3":
                self.line = n
            case b"\x1b2":
                self.line = -1
            case b"\x1dL":
                self.margin = int.from_bytes(data[2:], "little")
            case b"\x1dW":
                self.width = int.from_bytes(data[2:], "little")
            case b"\x1c&" | b"\x1c.":
                self.chinese = data[1:2] == b"&"
            case b"\x1d(" if data[6:7] == b"C":
                self.qr = (data[7:8], self.qr[1])
            case b"\x1d(" if data[6:7] == b"E":
                self.qr = (self.qr[0], data[7:8])

    def plain(self) -> bool:
        """Whether text prints as a block wants it."""
        return (self.size, self.chinese_size, self.font, self.underline, self.chinese_underline) == (0,) * 5 and not (
            self.rotated or self.upside_down or self.reverse or self.own_font or self.charset or self.margin
        )


def after(stream: bytes) -> PrinterState:
    """The tracked state behind a stream."""
    state, reader = PrinterState(), PieceReader()
    for piece in reader.feed(stream):
        state.take(piece, meaning(piece))
    return state


def obey(printer: Printer, stream: bytes) -> Printer:
    for token in tokenize(stream):
        if token.kind is TokenKind.COMMAND:
            printer.take(token.data)
    return printer


@given(st.lists(st.sampled_from(SETTINGS), max_size=12), st.booleans(), st.sampled_from(["generic-80", "escpos-80"]))
def test_what_the_pos_had_set_is_put_back(texts: list[str], initialised: bool, name: str) -> None:
    commands = [bytes.fromhex(text) for text in texts]
    stream = (b"\x1b@" if initialised else b"") + b"".join(commands)
    before, kind = obey(Printer(), stream), profile(name)
    written = block(PROMPT, kind, after(stream))
    assert b"\x1b@" not in written
    assert obey(obey(Printer(), stream), written) == before


@given(st.lists(st.sampled_from(SETTINGS), max_size=8))
def test_text_of_the_block_is_plain(texts: list[str]) -> None:
    """Only the block's own title is double; nothing of the POS's style leaks into it."""
    stream = b"\x1b@" + b"".join(bytes.fromhex(text) for text in texts)
    printer = obey(Printer(), stream)
    for token in tokenize(block(PROMPT, WIDE, after(stream)), chinese=printer.chinese):
        if token.kind is TokenKind.COMMAND:
            printer.take(token.data)
        elif token.kind is TokenKind.CHINESE:
            assert printer.chinese
            assert (printer.size, printer.align, printer.bold) == (0x11, 1, 1)
        elif token.kind is TokenKind.TEXT:
            assert printer.plain(), token


def test_settings_that_were_never_seen_are_left_alone() -> None:
    """A POS may have centred once, before the tap was started: padded with blanks, the text stands right either way."""
    written = block(PROMPT, WIDE, PrinterState())
    assert not {b"\x1ba", b"\x1d!", b"\x1bE"} & {token.name for token in tokenize(written)}
    assert ("-" * 48 + "\n" + " " * 20 + "扫码入会\n").encode("gbk") in written


def test_a_native_qr_code_gives_way_to_one_that_the_pos_has_stored() -> None:
    kind = profile("escpos-80")
    store = b"\x1d(k\x04\x001P0A"
    assert b"\x1d(k" in block(PROMPT, kind, after(b"\x1b@"))
    for stream in (b"\x1b@" + store, b""):
        written = block(PROMPT, kind, after(stream))
        assert b"\x1d(k" not in written
        assert b"\x1dv0" in written


def test_where_nothing_is_safe() -> None:
    assert "page mode" in after(b"\x1bL").unsafe()
    assert not after(b"\x1bLabc\x0c").unsafe()
    assert not after(b"\x1bL\x1bS").unsafe()
    assert "deselected" in after(b"\x1b=\x02").unsafe()
    assert "macro" in after(b"\x1d:").unsafe()
    assert "units" in after(b"\x1dP\x40\x40\x1dW\x80\x01").unsafe()


def test_a_line_that_is_not_ended_is_ended_first() -> None:
    assert block(PROMPT, WIDE, after("合计".encode("gbk"))).startswith(b"\n")
    assert block(PROMPT, WIDE, after(b"A\n")).startswith(b"-")


def test_utf8_printers_get_utf8() -> None:
    assert "扫码入会".encode() in block(PROMPT, WIDE, after(b"\x1b9\x01"))
    assert "扫码入会".encode() in block(PROMPT, WIDE, after(b"\x1c(C\x02\x0002"))
