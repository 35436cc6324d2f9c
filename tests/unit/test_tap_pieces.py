"""The tap's tokenizer: same commands as the rule table, any chunking alike, little memory, and honest doubt."""

from hypothesis import given
from hypothesis import strategies as st

from drivers.escpos_tokens import TokenKind, tokenize
from drivers.tap.meaning import Meaning, meaning, picture_dots
from drivers.tap.pieces import Piece, PieceKind, PieceReader
from tests.tap_world import streams
from tests.unit.test_escpos_tokens import COMMANDS


def pieces(stream: bytes, size: int = 1 << 30) -> list[Piece]:
    reader = PieceReader()
    return [piece for at in range(0, len(stream), size) for piece in reader.feed(stream[at : at + size])]


def joined(found: list[Piece]) -> list[tuple[str, bytes]]:
    """Text and data put together again, as chunks may divide them."""
    out: list[tuple[str, bytes]] = []
    for piece in found:
        kind = "text" if piece.kind is PieceKind.TEXT else "data" if piece.kind is PieceKind.DATA else piece.kind.value
        if out and kind == out[-1][0] == "text":
            out[-1] = (kind, out[-1][1] + piece.data)
        elif out and kind == "data":
            out[-1] = (out[-1][0], out[-1][1] + piece.data)
        else:
            out.append((kind, piece.data))
    return out


_bytes = st.one_of(
    st.binary(max_size=300),
    st.lists(st.sampled_from([bytes.fromhex(one) for one in COMMANDS] + [b"A\n", b"\x1dV"]), max_size=10).map(b"".join),
)


@given(_bytes, st.integers(1, 40))
def test_any_chunking_gives_the_same_pieces(stream: bytes, size: int) -> None:
    assert joined(pieces(stream, size)) == joined(pieces(stream))


def test_captured_streams_give_the_commands_of_the_tokenizer() -> None:
    for path in streams():
        stream = path.read_bytes()
        wanted = [token.data for token in tokenize(stream) if token.kind is TokenKind.COMMAND]
        found = [data for kind, data in joined(pieces(stream)) if kind == "command"]
        assert found == wanted[: len(found)], path.name
        assert len(found) == len(wanted) or pieces(stream)[-1].kind is PieceKind.UNKNOWN


def test_a_cut_within_a_picture_is_no_cut() -> None:
    inside = b"\x1dVB\x00\x1bi\x1bm\x10\x04\x01" * 30
    for head in (
        b"\x1dv0\x00" + len(inside).to_bytes(2, "little") + b"\x01\x00",
        b"\x1d8L" + (len(inside) + 0).to_bytes(4, "little"),
        b"\x1d(L" + len(inside).to_bytes(2, "little"),
        b"\x1b*\x00" + len(inside).to_bytes(2, "little"),
    ):
        for size in (1, 7, 5000):
            cuts = [piece for piece in pieces(head + inside + b"\x1dVB\x00", size) if meaning(piece) is Meaning.CUT]
            assert len(cuts) == 1, head


def test_a_picture_of_gigabytes_is_not_kept() -> None:
    reader = PieceReader()
    list(reader.feed(b"\x1d8L\xff\xff\xff\xff"))
    for _ in range(200):
        list(reader.feed(bytes(100_000)))
    assert len(reader._buffer) == 0
    assert reader.inside_command


def test_a_definition_without_end_is_in_doubt() -> None:
    reader = PieceReader()
    found = [piece for _ in range(40) for piece in reader.feed(b"\x1cq\xff" + b"\xff" * 4000)]
    assert reader.lost
    assert [piece.kind for piece in found] == [PieceKind.UNKNOWN]


def test_nothing_is_read_behind_what_is_unknown() -> None:
    for odd in (b"\x1dS", b"\x1b\x1d\x74", b"\x1f\x1b\x1f", b"\x12T", b"\x1b*\x05\x01\x00", b"\x1dv1"):
        reader = PieceReader()
        found = list(reader.feed(b"A\n" + odd + b"\x1dV\x00"))
        assert found[-1].kind is PieceKind.UNKNOWN
        assert not [piece for piece in found if meaning(piece) is Meaning.CUT]
        assert list(reader.feed(b"\x1dV\x00")) == []


def test_a_shop_can_name_a_command_that_no_manual_has() -> None:
    reader = PieceReader({b"\x1dS": 1})
    assert [piece.data for piece in reader.feed(b"\x1dS\x01A")] == [b"\x1dS\x01", b"A"]


def test_heights_of_pictures() -> None:
    heads = {b"\x1dv0\x00\x02\x00\x40\x01": 320, b"\x1b*!\x01\x00": 24, b"\x1b*\x00\x01\x00": 8}
    heads[b"\x1d(L\x0c\x000p0\x01\x011\x10\x00\x20\x00ab"] = 32
    heads[b"\x1d8L\x0c\x00\x00\x000p0\x01\x011\x10\x00\x20\x00ab"] = 32
    for data, dots in heads.items():
        assert picture_dots(Piece(PieceKind.COMMAND, data, data[:2])) == dots, data
