"""Promise of the tap: whatever stream comes, the original is a prefix plus a suffix of what is forwarded."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from drivers.escpos_tokens import TokenKind, tokenize
from tests.tap_world import CUT, assert_original_is_kept, receipt, run, streams

ALL = [path.read_bytes() for path in streams()]
_PUT_IN = [CUT, b"\x1bi", b"\x10\x04\x01", b"\x1dr\x01", b"\x1bL", b"\x1b=\x02", b"\x1bp\x00\x19\x19"]
RECEIPTS = {  # total in fen, of the streams that are a receipt's text
    "ep-test4_receipt.bin": 1430,
    "php-receipt-with-logo.bin": 1425,
    "pyescpos31-cn-FSamp.bin": 2200,
    "pyescpos31-cn-nativeqr.bin": 2200,
    "receiptline404-cp936-32.bin": 2200,
    "receiptline404-gb18030-32.bin": 2200,
}


@pytest.mark.parametrize("path", streams(), ids=lambda path: path.name)
def test_every_captured_stream(path) -> None:  # type: ignore[no-untyped-def]
    stream = path.read_bytes()
    done = run(stream)
    assert_original_is_kept(stream, done)
    (report,) = done.reports
    assert report.total_fen == RECEIPTS.get(path.name)
    assert (report.inserted_at is not None) == (path.name in RECEIPTS)
    assert report.why
    for block in done.inserted:
        names = [token.name for token in tokenize(block) if token.kind is TokenKind.COMMAND]
        assert b"\x1b@" not in names
        assert not {b"\x1dV", b"\x1bi", b"\x1bm", b"\x1bp"} & set(names)
        assert report.inserted_at is not None
        last_cut = [token.name for token in tokenize(stream[report.inserted_at :])]
        assert last_cut.count(b"\x1dV") == 1  # it stands before the last cut, not behind it


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A captured stream or a receipt: truncated, flipped, spliced, repeated, with bytes put in."""
    pool = [*(one for one in ALL if len(one) < 12_000), receipt(), receipt("9.90", "现金:10.00 找零:0.10")]
    stream = bytearray(draw(st.sampled_from(pool)))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(stream)))
        match draw(st.sampled_from(["truncate", "flip", "splice", "repeat", "insert"])):
            case "truncate":
                del stream[at:]
            case "flip" if at < len(stream):
                stream[at] ^= 1 << draw(st.integers(0, 7))
            case "splice":
                other = draw(st.sampled_from(pool))
                stream[at:] = other[draw(st.integers(0, len(other))) :]
            case "repeat":
                stream += stream[at : at + 2000]
            case "insert":
                stream[at:at] = draw(
                    st.sampled_from(
                        [CUT, b"\x1bi", b"\x10\x04\x01", b"\x1dr\x01", b"\x1bL", b"\x1b=\x02", b"\x1bp\x00\x19\x19"]
                    )
                )
    return bytes(stream[:30_000])


@given(mutated(), st.lists(st.integers(1, 700), max_size=6))
@example(b"\x1b@" + receipt()[:-4], [1])
def test_every_mutated_stream_and_any_chunking(stream: bytes, chunks: list[int]) -> None:
    whole = run(stream)
    assert_original_is_kept(stream, whole)
    parts = run(stream, chunks)
    assert parts.out == whole.out
    assert parts.reports == whole.reports


@given(st.binary(max_size=600), st.integers(1, 50))
def test_any_bytes_at_all(stream: bytes, size: int) -> None:
    whole = run(stream)
    assert_original_is_kept(stream, whole)
    assert run(stream, [size]).out == whole.out
