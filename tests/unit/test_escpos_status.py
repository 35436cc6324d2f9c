"""What printers answer: each kind told apart by its bits; a stale byte is never an answer (pains 19)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.escpos_status import ReplyKind, ReplyReader, is_real_time, status_of, status_of_asb


def kinds(data: bytes) -> list[str]:
    return [reply.kind.value for reply in ReplyReader().feed(data)]


def test_the_three_conversations_are_told_apart() -> None:
    assert kinds(b"\x12") == ["dle_eot"]
    assert kinds(b"\x00") == ["gs_r"]
    assert kinds(b"\x0f") == ["gs_r"]
    assert kinds(b"\x10\x00\x00\x00") == ["asb"]
    assert kinds(b"\x18\x00\x0c\x00\x72\x00") == ["asb", "dle_eot", "gs_r"]
    assert kinds(b"\x37\x220001\x00\x12") == ["block", "dle_eot"]
    assert kinds(b"\x11\x13\xff") == ["noise", "noise", "noise"]  # XON, XOFF, line noise


def test_stale_asb_bytes_are_not_read_as_paper_status() -> None:
    """python-escpos takes the first byte for the answer and reports "no paper" (facts/devices.md)."""
    replies = ReplyReader().feed(b"\x10\x00\x00\x00\x12")
    assert [reply.data for reply in replies if reply.kind is ReplyKind.REAL_TIME] == [b"\x12"]


def test_the_gs_r_bytes_inside_asb_confirm_nothing() -> None:
    assert ReplyKind.GS_R.value not in kinds(b"\x10\x00\x00\x00")
    assert kinds(b"\x10\x00\x12") == ["noise", "gs_r", "dle_eot"]  # ASB cut off by an answer


@given(st.lists(st.binary(max_size=5), max_size=10))
def test_pieces_read_like_the_whole(pieces: list[bytes]) -> None:
    reader = ReplyReader()
    fed = [reply for piece in pieces for reply in reader.feed(piece)]
    assert fed == ReplyReader().feed(b"".join(pieces))


def test_a_lost_nul_does_not_swallow_later_answers() -> None:
    assert "dle_eot" in kinds(b"\x37" + b"\x21" * 64 + b"\x12")


@pytest.mark.parametrize(
    ("answers", "code"),
    [
        ((0x12, 0x12, 0x12), None),
        ((0x12, 0x12, 0x1E), None),  # near the end still prints
        ((0x1A, 0x16, 0x12), "PRINTER_COVER_OPEN"),
        ((0x1A, 0x32, 0x72), "PRINTER_PAPER_OUT"),
        ((0x1A, 0x32, 0x12), "PRINTER_PAPER_OUT"),  # some tell it only as the reason of being off-line
        ((0x1A, 0x52, 0x12), "PRINTER_ERROR"),
        ((0x1A, 0x12, 0x12), "PRINTER_OFFLINE"),
    ],
)
def test_what_keeps_it_from_printing(answers: tuple[int, int, int], code: str | None) -> None:
    status = status_of(*answers)
    assert status.trouble == code
    assert status.verified


def test_pains_19_a_silent_printer_is_unverified_never_fine() -> None:
    status = status_of(None, None, None)
    assert not status.verified
    assert status.paper is None
    assert status.online is None


def test_zero_bytes_of_clones_are_no_answer() -> None:
    assert not is_real_time(0)
    with pytest.raises(ValueError, match="DLE EOT"):
        status_of(0x00, 0x00, 0x00)


def test_automatic_status_says_what_dle_eot_says() -> None:
    assert status_of_asb(bytes((0x10, 0, 0, 0))).trouble is None
    assert status_of_asb(bytes((0x10, 0, 0x03, 0))).paper == "near_end"
    assert status_of_asb(bytes((0x18, 0, 0x0C, 0))).trouble == "PRINTER_PAPER_OUT"
    assert status_of_asb(bytes((0x38, 0, 0, 0))).trouble == "PRINTER_COVER_OPEN"
    assert status_of_asb(bytes((0x18, 0x08, 0, 0))).trouble == "PRINTER_ERROR"  # cutter
    assert status_of_asb(bytes((0x18, 0, 0, 0))).trouble == "PRINTER_OFFLINE"


# --- fuzzing: what any printer may say, in any order, cut anywhere ----------------------------------------------------
REAL_TIME = st.builds(lambda bits: bytes([0x12 | bits & 0x6C]), st.integers(0, 255))
ASB = st.builds(
    lambda first, rest: bytes([0x10 | first & 0x6C, *(byte & 0x6F for byte in rest)]),
    st.integers(0, 255),
    st.tuples(st.integers(0, 255), st.integers(0, 255), st.integers(0, 255)),
)
GS_R = st.builds(lambda bits: bytes([bits & 0x6F]), st.integers(0, 255)).filter(lambda one: one != b"\x37")
DONE = st.integers(0, 9999).map(lambda number: b"\x37\x22" + f"{number:04d}".encode() + b"\x00")
MODEL = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=20).map(
    lambda name: b"_" + name.encode() + b"\x00"
)
KINDS = {"dle_eot": REAL_TIME, "asb": ASB, "gs_r": GS_R, "block": st.one_of(DONE, MODEL)}
SAID = st.sampled_from(sorted(KINDS)).flatmap(lambda kind: KINDS[kind].map(lambda data: (kind, data)))


@given(st.lists(SAID, max_size=12), st.integers(1, 5))
def test_whatever_is_said_whole_is_told_apart_exactly(said: list[tuple[str, bytes]], step: int) -> None:
    stream = b"".join(data for _, data in said)
    reader = ReplyReader()
    heard = [reply for at in range(0, len(stream), step) for reply in reader.feed(stream[at : at + step])]
    assert [(reply.kind.value, reply.data) for reply in heard] == said


@given(st.binary(max_size=64), st.integers(0, 9999))
def test_no_noise_confirms_a_job_by_its_number(noise: bytes, number: int) -> None:
    answer = b"\x37\x22" + f"{number:04d}".encode() + b"\x00"
    heard = ReplyReader().feed(noise)
    assert (answer in noise) or not [reply for reply in heard if reply.data == answer]


@given(st.binary(max_size=200))
def test_any_bytes_are_taken_apart_without_loss_and_status_needs_its_own_bits(noise: bytes) -> None:
    reader = ReplyReader()
    heard = reader.feed(noise)
    assert noise.startswith(b"".join(reply.data for reply in heard))
    for reply in heard:
        if reply.kind is ReplyKind.REAL_TIME:
            assert reply.data[0] & 0x93 == 0x12
        elif reply.kind is ReplyKind.ASB:
            assert reply.data[0] & 0x93 == 0x10
            assert all(byte & 0x90 == 0 for byte in reply.data[1:])


@given(st.lists(st.one_of(st.none(), REAL_TIME.map(lambda one: one[0])), min_size=3, max_size=3))
def test_nothing_is_claimed_that_was_not_answered(answers: list[int | None]) -> None:
    status = status_of(*answers)
    assert status.verified is any(answer is not None for answer in answers)
    assert (status.online is None) is (answers[0] is None)
    assert (status.cover_open is None) is (answers[1] is None)
    if answers[2] is None and (answers[1] is None or not answers[1] & 0x20):
        assert status.paper is None
