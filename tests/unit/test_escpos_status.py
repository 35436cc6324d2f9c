"""What printers answer: each kind told apart by its bits; a stale byte is never an answer (pains 19)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.escpos_status import ReplyKind, ReplyReader, is_real_time, status_of, trouble


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
    assert trouble(status, answers[1]) == code
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
