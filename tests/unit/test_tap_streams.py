"""Promise of the tap: whatever stream comes, the original is a prefix plus a suffix of what is forwarded."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from drivers.escpos_tokens import TokenKind, tokenize
from drivers.tap.job import Forward, Insert
from drivers.tap.report import Question
from drivers.tap.session import TapSession
from tests.tap_world import CUT, PROMPT, RULES, assert_original_is_kept, receipt, run, streams

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
LAST_WORDS = {"npos-raster.bin"}  # a drawn receipt that ends with commands of its driver which no manual has


@pytest.mark.parametrize("path", streams(), ids=lambda path: path.name)
def test_every_captured_stream(path) -> None:  # type: ignore[no-untyped-def]
    stream = path.read_bytes()
    done = run(stream)
    assert_original_is_kept(stream, done)
    (report,) = done.reports
    assert report.total_fen == RECEIPTS.get(path.name)
    assert (report.inserted_at is not None) == (path.name in {*RECEIPTS, *LAST_WORDS})
    assert report.why
    for block in done.inserted:
        names = [token.name for token in tokenize(block) if token.kind is TokenKind.COMMAND]
        assert b"\x1b@" not in names
        assert not {b"\x1dV", b"\x1bi", b"\x1bm", b"\x1bp"} & set(names)
        assert report.inserted_at is not None
        last_cut = [token.name for token in tokenize(stream[report.inserted_at :])]
        assert last_cut.count(b"\x1dV") == (path.name not in LAST_WORDS)  # before the last cut, not behind it


DRAWN = b"\x1b@" + b"\x1dv0\x00\x30\x00\xc8\x00" + bytes([0xAA]) * 48 * 200
FEED = b"\x1bJ\xb4"
UNKNOWN = b"\x1dS\x1br\x1dT"


def test_a_drivers_last_words_behind_the_feed_are_no_reason_for_doubt() -> None:
    """npos-raster.bin: every command before 1d 53 has its length, and ends where the next one begins."""
    stream = DRAWN + FEED + UNKNOWN
    done = run(stream)
    (report,) = done.reports
    assert report.inserted_at == len(DRAWN)
    assert "unknown end, 1d 53" in report.why
    assert_original_is_kept(stream, done)
    assert done.out.endswith(FEED + UNKNOWN)
    assert run(stream, [1]).out == done.out


@pytest.mark.parametrize(
    "stream",
    [
        DRAWN + UNKNOWN,
        DRAWN + b"\x1bJ\x10" + UNKNOWN,
        FEED + UNKNOWN,
        DRAWN + FEED + UNKNOWN + bytes(11),
        DRAWN + FEED + b"\x1dS" + DRAWN + FEED,
    ],
    ids=["no feed", "a short feed", "nothing printed", "many words", "more of the receipt"],
)
def test_other_unknown_commands_leave_the_receipt_as_it_is(stream: bytes) -> None:
    for chunks in ([], [7]):
        done = run(stream, chunks)
        assert done.out == stream
        assert "in doubt: unknown command 1d 53" in done.reports[0].why


def test_an_unknown_end_is_only_one_when_the_pos_closes() -> None:
    session = TapSession(RULES)
    actions = session.feed(DRAWN + FEED + UNKNOWN, 0.0)
    (question,) = [one for one in actions if isinstance(one, Question)]
    actions += session.answer(question.ticket, PROMPT, 0.0)
    actions += session.tick(session.deadline_s())
    assert session.deadline_s() > 0.3
    assert not [one for one in actions if isinstance(one, Insert)]
    assert b"".join(one.data for one in actions if isinstance(one, Forward)) == DRAWN + FEED + UNKNOWN


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
