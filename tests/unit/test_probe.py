"""The probe page: every command known, Chinese by each mode, QR codes that read; and the profile that answers give."""

import itertools
import shutil
import subprocess
import time
import tomllib
from pathlib import Path

import pytest
from PIL import Image

from agent.domain.errors import DeviceUnavailable
from drivers.escpos_tokens import TokenKind, tokenize
from drivers.printer_patience import Patience
from drivers.probe import OPTIONS, Choice, Overheard, choose, probe_page, questions
from drivers.probe_talk import ANSWERS, overhear, print_page
from drivers.profiles import changed, profile
from drivers.tcp_printer import TcpTransport
from tests.ill_printer import IllPrinter, on_tcp

GIVEN = {"ruler": 3, "chinese": 1, "qr": 2, "beep": 0, "drawer": 1, "cut": 1}


PATIENCE = Patience(status_s=0.4, completion_s=0.4)


class Clock:
    def now_ms(self) -> int:
        return 0

    def mono_s(self) -> float:
        return time.monotonic()


def test_every_command_of_the_page_is_known_and_every_sample_is_there() -> None:
    tokens = tokenize(probe_page(questions=ANSWERS), chinese=False)
    assert not [token for token in tokens if token.kind in (TokenKind.UNKNOWN, TokenKind.INCOMPLETE)]
    names = [token.name for token in tokens]
    for name in (b"\x1c&", b"\x1c.", b"\x1b*", b"\x1d(", b"\x1dv", b"\x1bB", b"\x1b(", b"\x1bp", b"\x1dV"):
        assert name in names, name
    text = b"".join(token.data for token in tokens if token.kind is TokenKind.TEXT)
    assert text.index("[2] 中文".encode("gbk")) < text.index(b"[1] ", text.index(b"B CHINESE"))
    assert [len(line) for line in probe_page().split(b"\n") if line.endswith(b"|")] == [32, 42, 48]


def test_the_drawer_may_be_left_alone() -> None:
    assert b"\x1bp" not in probe_page(drawer=False)


@pytest.mark.system("zbarimg")
def test_zbar_reads_the_pages_picture_of_a_qr_code(tmp_path: Path) -> None:
    if shutil.which("zbarimg") is None:
        pytest.skip("zbarimg is missing (apt install zbar-tools): the probe's QR code was NOT read back")
    (token,) = [token for token in tokenize(probe_page()) if token.name == b"\x1dv"]
    row_bytes, height = int.from_bytes(token.data[4:6], "little"), int.from_bytes(token.data[6:8], "little")
    dots = bytes(byte ^ 0xFF for byte in token.data[8:])
    Image.frombytes("1", (row_bytes * 8, height), dots).save(tmp_path / "qr.png")
    command = ["zbarimg", "--quiet", "--raw", "--nodbus", str(tmp_path / "qr.png")]
    read = subprocess.run(command, capture_output=True, text=True, check=False)
    assert read.stdout.strip() == "https://example.com/pos-agent-probe", read.stderr


def test_each_question_is_asked_in_words() -> None:
    assert list(questions()) == list(OPTIONS)
    assert all(text[0] == letter for text, letter in zip(questions().values(), "ABCDEF", strict=True))


def test_every_set_of_answers_gives_a_valid_profile_with_just_that() -> None:
    ways = (
        Overheard(False, "none"),
        Overheard(True, "none"),
        Overheard(True, "gs_r"),
        Overheard(True, "gs_h"),
        Overheard(True, "gs_h", asb=True),
    )
    for picked in itertools.product(*OPTIONS.values()):
        answers = dict(zip(OPTIONS, picked, strict=True))
        for heard in ways:
            chosen = choose(answers, heard)
            read = tomllib.loads(chosen.toml())
            kind = changed(profile(read["profile"]), read.get("override", {}))
            assert kind.columns == {1: 32, 2: 42, 3: 48}[answers["ruler"]]
            assert kind.native_qr is (answers["qr"] == 1)
            assert kind.cutter is (answers["cut"] == 1)
            assert kind.drawer_pin == (1 if answers["drawer"] == 2 else 0)
            assert (kind.status, kind.completion, kind.asb) == (heard.status, heard.completion, heard.asb)


def test_common_printers_need_no_change() -> None:
    assert choose(GIVEN) == Choice("generic-80", {})
    assert choose({**GIVEN, "ruler": 1, "cut": 2}) == Choice("generic-58", {})
    assert choose({**GIVEN, "qr": 1}, Overheard(True, "gs_r")) == Choice("escpos-80", {})
    assert choose({**GIVEN, "qr": 1}, Overheard(True, "gs_h", asb=True)) == Choice("epson-80", {})
    assert choose({**GIVEN, "qr": 1}, Overheard(True, "gs_h")) == Choice("escpos-80", {"completion": "gs_h"})
    assert choose({**GIVEN, "qr": 1, "ruler": 2}, Overheard(True, "gs_r")) == Choice("epson-tm-t88-cn", {})
    assert choose({**GIVEN, "chinese": 3}) == Choice("image-80", {})


def test_all_wrong_answers_are_told_at_once() -> None:
    with pytest.raises(ValueError, match=r"(?s)ruler: should be one of 1, 2, 3, not 9.*cut: .*None"):
        choose({"ruler": 9, "chinese": 1, "qr": 1, "beep": 0, "drawer": 0})


@pytest.mark.parametrize("silent", [False, True])
@pytest.mark.parametrize("completes", [False, True])
def test_what_the_printer_says_of_itself_is_not_asked_of_a_person(silent: bool, completes: bool) -> None:
    ill = IllPrinter()
    ill.silent, ill.completes = silent, completes
    with on_tcp(ill) as port:
        way = TcpTransport("127.0.0.1", port, finish_s=0.5)
        heard = overhear(way, Clock(), patience=PATIENCE)
        assert ill.paper == []
        print_page(way, probe_page(), Clock(), patience=PATIENCE)
        ill.until(lambda: "PROBE" in ill.text)
    assert heard == Overheard(not silent, "gs_r" if completes and not silent else "none")


@pytest.mark.parametrize(
    ("lacks", "found"),
    [
        ((), Overheard(True, "gs_h", asb=True)),
        ((b"\x1d(",), Overheard(True, "gs_r", asb=True)),
        ((b"\x1d(", b"\x1da"), Overheard(True, "gs_r")),
        ((b"\x1d(", b"\x1da", b"\x1dr"), Overheard(True, "none")),
    ],
)
def test_the_page_tells_how_a_job_of_this_printer_ends(lacks: tuple[bytes, ...], found: Overheard) -> None:
    """Which answers come is tried behind real samples, where a clone without GS ( H may print its letters."""
    ill = IllPrinter()
    ill.lacks = lacks
    with on_tcp(ill) as port:
        heard = print_page(TcpTransport("127.0.0.1", port), probe_page(questions=ANSWERS), Clock(), patience=PATIENCE)
        ill.until(lambda: "F CUT" in ill.text)
    assert heard == found


def test_a_printer_that_lacks_paper_is_sent_no_page() -> None:
    ill = IllPrinter()
    ill.out = True
    with on_tcp(ill) as port, pytest.raises(DeviceUnavailable, match="PRINTER_PAPER_OUT"):
        print_page(TcpTransport("127.0.0.1", port), probe_page(questions=ANSWERS), Clock(), patience=PATIENCE)
    assert ill.paper == []
