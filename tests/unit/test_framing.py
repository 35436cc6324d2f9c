"""Framing: bytes in, whole codes out. Guards pains 29 (glued scans, leftovers that poison, CR+LF read twice)."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.limits import SCAN_DUPLICATE_WINDOW_MS, SCAN_FRAME_BYTES, SCAN_IDLE_GAP_MS, SCAN_STALL_MS
from drivers.framing import DuplicateFilter, Ending, Frame, Framer

GAP_S = SCAN_IDLE_GAP_MS / 1000
STALL_S = SCAN_STALL_MS / 1000
EAN = "6901234567892"
MARKS = b"\x02\x03\t\r\n"


def texts(frames: list[Frame]) -> list[str]:
    return [frame.text for frame in frames]


@pytest.mark.parametrize("end", [b"\r", b"\n", b"\r\n", b"\t", b"\x03"], ids=["CR", "LF", "CRLF", "TAB", "ETX"])
def test_every_terminator_ends_a_frame_once(end: bytes) -> None:
    """pains 29: CR+LF is one end, not an end and an empty scan."""
    framer = Framer()
    assert texts(framer.feed(b"A1" + end + b"B2" + end, 0.0)) == ["A1", "B2"]
    assert framer.deadline() is None
    assert (framer.counts.frames, framer.counts.garbage) == (2, 0)


def test_stx_etx_is_stripped_and_stx_recovers_a_lost_etx() -> None:
    framer = Framer()
    assert texts(framer.feed(b"\x02A1\x03\x02B2\x03", 0.0)) == ["A1", "B2"]
    assert texts(framer.feed(b"\x02A1\x02B2\x03", 0.0)) == ["B2"]
    assert framer.counts.garbage == 1


def test_a_prefix_sent_ahead_of_stx_is_kept() -> None:
    assert Framer().feed(b"]Q1\x02A1\x03", 0.0) == [Frame("A1", "Q1")]


def test_silence_ends_a_frame_of_a_scanner_without_suffix() -> None:
    framer = Framer()
    assert framer.feed(b"690123", 1.0) == []
    assert framer.feed(b"4567892", 1.02) == []
    assert framer.deadline() == pytest.approx(1.02 + GAP_S)
    assert framer.flush_idle(1.02 + GAP_S / 2) == []
    assert texts(framer.flush_idle(1.02 + GAP_S)) == [EAN]
    assert framer.deadline() is None
    assert framer.flush_idle(9.0) == []


def test_feed_does_not_split_a_code_that_a_stalled_loop_saw_late() -> None:
    framer = Framer()
    framer.feed(b"690123", 1.0)
    assert texts(framer.feed(b"4567892\r", 4.0)) == [EAN]


def test_a_hiccup_never_cuts_the_code_of_a_device_that_terminates() -> None:
    """pains 29: half a payment code can look like an EAN-13; a known terminator makes us wait for it."""
    framer = Framer()
    framer.feed(b"A1\r", 0.0)
    framer.feed(b"690123", 1.0)
    assert framer.flush_idle(1.0 + GAP_S) == []
    assert texts(framer.feed(b"4567892\r", 1.2)) == [EAN]


def test_a_stalled_frame_is_discarded_and_does_not_poison_the_next() -> None:
    """pains 29: "leftover poisons every later scan"."""
    framer = Framer(ending=Ending.TERMINATOR)
    framer.feed(b"690", 1.0)
    assert framer.deadline() == pytest.approx(1.0 + STALL_S)
    assert framer.flush_idle(1.0 + STALL_S) == []
    assert texts(framer.feed(b"B2\r", 2.0)) == ["B2"]
    assert (framer.counts.stalled, framer.counts.frames) == (1, 1)


def test_a_scanner_reprogrammed_to_send_no_suffix_costs_one_scan() -> None:
    framer = Framer()
    framer.feed(b"A1\r", 0.0)
    framer.feed(b"B2", 1.0)
    assert framer.flush_idle(1.0 + STALL_S) == []
    framer.feed(b"B2", 3.0)
    assert texts(framer.flush_idle(3.0 + GAP_S)) == ["B2"]


def test_silence_ending_stays_silent_after_a_stray_terminator() -> None:
    framer = Framer(ending=Ending.SILENCE)
    framer.feed(b"\r\nA1", 0.0)
    assert texts(framer.flush_idle(GAP_S)) == ["A1"]


def test_reset_forgets_the_rest_of_a_scan_that_an_unplug_cut() -> None:
    """pains 30: what was half received when the cable went must not begin the first scan after replug."""
    framer = Framer()
    framer.feed(b"A1\r690", 0.0)
    framer.reset()
    framer.reset()
    assert framer.deadline() is None
    assert framer.counts.stalled == 1
    framer.feed(b"B2", 5.0)
    assert texts(framer.flush_idle(5.0 + GAP_S)) == ["B2"]


def test_the_longest_frame_passes_and_one_byte_more_is_discarded_whole() -> None:
    framer = Framer()
    fits = b"7" * SCAN_FRAME_BYTES
    assert texts(framer.feed(fits + b"\r", 0.0)) == [fits.decode()]
    assert texts(framer.feed(fits + b"7\r" + b"A1\r", 0.0)) == ["A1"]
    assert texts(framer.feed(fits * 40 + b"\x02tail\r" + b"B2\r", 0.0)) == ["B2"]
    assert framer.counts.overlong == 2


def test_silence_ends_an_overlong_flood_too() -> None:
    framer = Framer(ending=Ending.SILENCE)
    for _ in range(100):
        framer.feed(b"7" * 100, 0.0)
    assert framer.flush_idle(GAP_S) == []
    framer.feed(b"A1", 1.0)
    assert texts(framer.flush_idle(1.0 + GAP_S)) == ["A1"]
    assert framer.counts.overlong == 1


@pytest.mark.parametrize(
    ("sent", "frame"),
    [
        (b"]Q1https://x.cn/a", Frame("https://x.cn/a", "Q1")),
        (b"]C1010690123456789210A\x1d17261231", Frame("010690123456789210A\x1d17261231", "C1")),
        (b"]E06901234567892", Frame(EAN, "E0")),
        (b"]E06901234567892]E112", Frame(EAN, "E0", "12")),
        (b"]E06901234567892]E1 12", Frame(EAN, "E0", "12")),
        (b"]E06901234567892]E251299", Frame(EAN, "E0", "51299")),
        (b"]E06901234567892]E1123", Frame("6901234567892]E1123", "E0")),
        (b"]Q16901234567892]E112", Frame("6901234567892]E112", "Q1")),
        (b"]1", Frame("]1")),
        (b"A]Q1", Frame("A]Q1")),
    ],
)
def test_aim_identifiers(sent: bytes, frame: Frame) -> None:
    assert Framer().feed(sent + b"\r", 0.0) == [frame]


@pytest.mark.parametrize("sent", [b"S1:]Q1A1", b"]Q1S1:A1", b"\x02S1:]Q1A1"])
def test_a_configured_literal_prefix_is_stripped_in_any_order(sent: bytes) -> None:
    assert Framer(prefix=b"S1:").feed(sent + b"\r", 0.0) == [Frame("A1", "Q1")]


def test_a_code_without_the_configured_prefix_is_still_a_code() -> None:
    """A vendor's code letter that nobody configured is payload: never guessed away."""
    assert Framer(prefix=b"S1:").feed(b"A6901234567892\r", 0.0) == [Frame("A6901234567892")]


def test_chinese_arrives_as_utf8_or_gbk() -> None:
    sent = "会员".encode() + b"\r" + "会员".encode("gbk") + b"\r"
    assert texts(Framer().feed(sent, 0.0)) == ["会员", "会员"]


@pytest.mark.parametrize("noise", [b"\x00", b"A\x00B", b"\xff\xff", b"\x7f", b"]Q1", b"A\x1b6", b"\xc2\x85"])
def test_line_noise_is_counted_and_dropped(noise: bytes) -> None:
    framer = Framer()
    assert texts(framer.feed(noise + b"\r" + b"A1\r", 0.0)) == ["A1"]
    assert framer.counts.garbage == 1


def test_noise_in_silence_is_garbage_not_a_stalled_scan() -> None:
    framer = Framer()
    framer.feed(b"A1\r\x00\xff", 0.0)
    assert framer.flush_idle(STALL_S) == []
    assert (framer.counts.garbage, framer.counts.stalled) == (1, 0)
    framer.feed(b"B", 1.0)
    assert framer.flush_idle(1.0 + GAP_S) == []  # the device is still known to terminate
    assert texts(framer.feed(b"2\r", 1.1)) == ["B2"]


def test_nothing_shows_a_code_in_repr() -> None:
    frame = Frame("134567890123456789", "Q1", "12345")
    framer = Framer()
    framer.feed(b"134567890123456789", 0.0)
    assert "1345" not in repr(frame) + repr(framer) + repr(framer.counts)


# --- properties -----------------------------------------------------------------------------------------------------
tokens = st.one_of(
    st.sampled_from([b"]Q1", b"]E0", b"6901234567892", b"]E112", b"7" * 300, "水".encode(), "水".encode("gbk")]),
    st.sampled_from([bytes([mark]) for mark in MARKS]),
    st.binary(max_size=6),
)
codes = st.text(st.sampled_from("0123456789ABCabc:/?=会员"), min_size=1, max_size=40)


@settings(deadline=None)  # two busy cores are not a failure
@given(stream=st.lists(tokens, max_size=30).map(b"".join), cuts=st.lists(st.integers(0, 400), max_size=20))
def test_any_chunking_gives_the_same_frames(stream: bytes, cuts: list[int]) -> None:
    whole, chunked = Framer(), Framer()
    frames: list[Frame] = []
    start = 0
    for cut in [*sorted(cuts), len(stream)]:
        frames += chunked.feed(stream[start:cut], 0.0)
        start = max(start, min(cut, len(stream)))
    assert frames + chunked.flush_idle(1.0) == whole.feed(stream, 0.0) + whole.flush_idle(1.0)
    assert chunked.counts == whole.counts


noise = st.one_of(
    st.tuples(st.binary(max_size=20), st.sampled_from([b"\x00", b"\x07", b"\x1b", b"\x7f"])).map(b"".join),
    st.binary(max_size=20).map(lambda some: some + b"\xff"),
    st.integers(SCAN_FRAME_BYTES + 1, 3 * SCAN_FRAME_BYTES).map(lambda size: b"9" * size),
    st.sampled_from([b"", b"\r", b"\n", b"\x02", b"\x02\x02"]),
).map(lambda some: bytes(byte for byte in some if byte not in b"\x03\t\r\n") if len(some) > 1 else some)


@settings(deadline=None)  # two busy cores are not a failure
@given(st.lists(st.tuples(noise, st.sampled_from([b"\r", b"\n", b"\r\n", b"\t", b"\x03"]), codes), max_size=12))
def test_noise_between_frames_never_corrupts_a_good_one(parts: list[tuple[bytes, bytes, str]]) -> None:
    """pains 29. Also with silence instead of a terminator after the noise."""
    ended, silent = Framer(), Framer()
    got_ended: list[Frame] = []
    got_silent: list[Frame] = []
    now_s = 0.0
    for some, end, code in parts:
        now_s += 10.0
        got_ended += ended.feed(some + end + code.encode() + end, now_s)
        got_silent += silent.feed(some, now_s) + silent.flush_idle(now_s + STALL_S)
        got_silent += silent.feed(code.encode() + end, now_s + 1.0)
    expected = [code for _, _, code in parts]
    assert texts(got_ended) == expected
    assert texts(got_silent) == expected


# --- duplicates -----------------------------------------------------------------------------------------------------
def test_a_reread_is_counted_and_every_sighting_restarts_the_window() -> None:
    """pains 29 (strichliste-web-frontend#261, charged twice): a code left under the scanner counts once."""
    seen = DuplicateFilter(window_ms=1500)
    code = Frame(EAN, "E0")
    verdicts = [seen.is_duplicate(code, now_s) for now_s in (0.0, 1.0, 2.0, 3.0, 4.5)]
    assert verdicts == [False, True, True, True, False]
    assert seen.duplicates == 3


def test_two_codes_in_view_are_each_delivered_once() -> None:
    seen = DuplicateFilter(window_ms=1500)
    a, b = Frame("A"), Frame("B")
    assert [seen.is_duplicate(code, 0.1 * turn) for turn, code in enumerate([a, b, a, b])] == [False, False, True, True]


def test_an_add_on_makes_it_a_different_code_but_a_symbology_does_not() -> None:
    seen = DuplicateFilter(window_ms=1500)
    assert not seen.is_duplicate(Frame(EAN, "E0", "12"), 0.0)
    assert not seen.is_duplicate(Frame(EAN, "E0", "13"), 0.0)
    assert not seen.is_duplicate(Frame(EAN, "E0"), 0.0)
    assert seen.is_duplicate(Frame(EAN, None), 0.0)


def test_a_window_of_zero_delivers_everything() -> None:
    seen = DuplicateFilter(window_ms=0)
    assert [seen.is_duplicate(Frame("A"), 0.0) for _ in range(2)] == [False, False]


@settings(deadline=None)  # two busy cores are not a failure
@given(st.lists(st.tuples(st.sampled_from("ABCDEF"), st.integers(0, 20)), max_size=60))
def test_a_different_code_is_never_dropped(sightings: list[tuple[str, int]]) -> None:
    """A code is a duplicate exactly if the same code was sighted less than the window before."""
    seen = DuplicateFilter(SCAN_DUPLICATE_WINDOW_MS)
    last_s: dict[str, float] = {}
    now_s = 0.0
    for code, eighths in sightings:
        now_s += eighths / 8  # exact in binary, so that the edge of the window is met too
        expected = code in last_s and now_s - last_s[code] < SCAN_DUPLICATE_WINDOW_MS / 1000
        last_s[code] = now_s
        assert seen.is_duplicate(Frame(code), now_s) is expected


def test_the_filter_forgets_beyond_its_bound_instead_of_growing() -> None:
    seen = DuplicateFilter(window_ms=1500, kept=4)
    for number in range(1000):
        assert not seen.is_duplicate(Frame(str(number)), 0.0)
    assert seen.is_duplicate(Frame("999"), 0.0)
    assert not seen.is_duplicate(Frame("0"), 0.0)
