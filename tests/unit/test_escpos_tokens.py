"""ESC/POS streams cut into commands: lengths, any bytes at all, real streams of other projects."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.escpos_tokens import Tokenizer, TokenKind, tokenize

CASES = Path(__file__).parents[1] / "cases" / "escpos"
SHARED = Path(__file__).parents[3] / "shared" / "cases" / "escpos"

# One command each, whole: the tokenizer must give exactly this as one token, whatever follows.
COMMANDS = [
    "1b40", "1b2108", "1b2d01", "1b32", "1b3318", "1b240100", "1b5c0100", "1b6101", "1b6405", "1b4501", "1b4a20",
    "1b7000 3264", "1b7402", "1b4d01", "1b69", "1b6d", "1b5700000000ff01ff01", "1b420301", "1b43030102", "1b633401",
    "1b440810182000", "1b4400", "1b2a000300aabbcc", "1b2a210200aabbccddeeff", "1b28410400300a0101",
    "1b26033131 02aabbccddeeff", "1b5a00000003001b4000",
    "1d2111", "1d2841020000 00", "1d286b0300315130", "1d384c05000000 1b401d5600", "1d2a0101aabbccddeeff0011",
    "1d4202", "1d4c0100", "1d570002", "1d5600", "1d5631", "1d564200", "1d566703", "1d6b0431323300", "1d6b4903313200",
    "1d6b41001d", "1d7201", "1d6101", "1d7630000100 0300aabbcc", "1d763000000000 00", "1d7a3001 02", "1d5e010203",
    "1d433000 01", "1d433b313b323b333b343b353b", "1d513000010002 00aabb", "1d673000 0100", "1d68a2", "1d7702", "1d4802",
    "1c26", "1c2e", "1c2101", "1c2d01", "1c530000", "1c5701", "1c700100", "1c4300", "1c3fa1a1",
    "1c71010100010000112233445566 77", "1c673200000000000200", "1c673100000000000200aabb",
    "100401", "10040701", "10041201", "100501", "1014010005", "1014020108", "10140301020304 05", "10140701",
    "10140801030308010204",
]  # fmt: skip
LONGER = {"1d6b41001d": 1, "1d6b4903313200": 0}  # form B of GS k: a count of 0 leaves the byte after it alone


@pytest.mark.parametrize("text", COMMANDS)
def test_each_command_has_its_full_length(text: str) -> None:
    whole = bytes.fromhex(text)
    command = whole[: len(whole) - LONGER.get(text, 0)]
    assert tokenize(command + b"A")[0].data == command
    for end in range(1, len(command)):
        (cut_off,) = tokenize(command[:end])
        assert (cut_off.kind, cut_off.data) == (TokenKind.INCOMPLETE, command[:end])


@given(st.binary(max_size=400), st.booleans())
def test_tokens_joined_are_the_stream_for_any_bytes(stream: bytes, chinese: bool) -> None:
    assert b"".join(token.data for token in tokenize(stream, chinese=chinese)) == stream


_piece = st.one_of(
    st.sampled_from([bytes.fromhex(text) for text in COMMANDS]),
    st.text("水果店￥12abc", max_size=6).map(lambda text: text.encode("gbk")),
    st.binary(max_size=8),
    st.sampled_from([b"\n", b"\r", b"\t", b"\x18"]),
)


@given(st.lists(_piece, max_size=12).map(b"".join), st.integers(1, 7), st.booleans())
def test_pieces_give_the_same_commands_as_the_whole(stream: bytes, step: int, chinese: bool) -> None:
    tokenizer = Tokenizer(chinese=chinese)
    fed = [token for at in range(0, len(stream), step) for token in tokenizer.feed(stream[at : at + step])]
    fed += tokenizer.finish()
    assert b"".join(token.data for token in fed) == stream
    wanted = [token for token in tokenize(stream, chinese=chinese) if token.name]
    assert [token for token in fed if token.name] == wanted


def test_a_question_inside_raster_data_is_not_a_question() -> None:
    """Why blind search for DLE EOT is wrong (facts/devices.md, pass-through)."""
    picture = b"\x1dv0\x00\x03\x00\x01\x00\x10\x04\x01"
    assert [token.data for token in tokenize(picture + b"\x10\x04\x01")] == [picture, b"\x10\x04\x01"]


def test_chinese_mode_follows_fs_and_initialise() -> None:
    stream = "水".encode("gbk") + b"\x1c." + "水".encode("gbk") + b"\x1b@" + "水".encode("gbk")
    kinds = [token.kind.value for token in tokenize(stream)]
    assert kinds == ["chinese", "command", "text", "command", "chinese"]
    assert next(token.kind.value for token in tokenize(stream, chinese=False)) == "text"


def test_a_lone_lead_byte_swallows_no_command() -> None:
    kinds = [token.kind.value for token in tokenize(b"\xcb\x1b@\xcb")]
    assert kinds == ["text", "command", "text"]


@pytest.mark.parametrize("stream", [b"\x1b\x07x", b"\x1dSx", b"\x1c\x01x", b"\x10\x11x", b"\x1dk\x20xxx"])
def test_an_unknown_command_says_so_and_the_stream_goes_on(stream: bytes) -> None:
    tokens = tokenize(stream + b"\n\x1b@")
    assert tokens[-1].data == b"\x1b@"
    assert b"".join(token.data for token in tokens) == stream + b"\n\x1b@"


def test_an_unknown_leader_does_not_eat_the_next_command() -> None:
    assert [token.data for token in tokenize(b"\x1b\x1b@")] == [b"\x1b", b"\x1b@"]


@pytest.mark.parametrize("path", sorted(CASES.glob("*.bin")), ids=lambda path: path.name)
def test_real_streams_are_understood_to_the_last_byte(path: Path) -> None:
    tokens = tokenize(path.read_bytes())
    assert b"".join(token.data for token in tokens) == path.read_bytes()
    assert not [token for token in tokens if token.kind in (TokenKind.UNKNOWN, TokenKind.INCOMPLETE)]


def test_every_shared_stream() -> None:
    if not SHARED.is_dir():
        pytest.skip("../shared is absent: the large ESC/POS streams of other projects were NOT tokenized")
    unknown: dict[str, set[bytes]] = {}
    for path in sorted(SHARED.rglob("*.bin")):
        stream = path.read_bytes()
        tokens = tokenize(stream)
        assert b"".join(token.data for token in tokens) == stream
        assert not [token for token in tokens if token.kind is TokenKind.INCOMPLETE], path.name
        odd = {token.data for token in tokens if token.kind is TokenKind.UNKNOWN}
        if odd:
            unknown[path.name] = odd
    assert unknown == {"npos-raster.bin": {b"\x1dS"}}  # in no manual we know
