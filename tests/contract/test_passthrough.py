"""The virtual serial port as a POS sees it: opened with pyserial, read, left alone, never read, written to."""

import asyncio
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
import serial

from agent.limits import PASSTHROUGH_CODES
from drivers.passthrough import ENDINGS, Passthrough
from tests.serial_cable import within_patience

EAN = "6901234567892"


class Port:
    """A port in a folder of its own, and what it said."""

    def __init__(self, folder: Path, ending: str = "cr") -> None:
        self.edges: list[tuple[bool, str]] = []
        self.link = folder / "pos" / "scanner"
        self.link.parent.mkdir()
        self.port = Passthrough(self.link, ENDINGS[ending], on_edge=lambda up, reason: self.edges.append((up, reason)))

    def pos(self) -> serial.Serial:
        """A POS opens its scanner."""
        return serial.Serial(str(self.link), 9600, timeout=2)

    @property
    def lost(self) -> int:
        return self.port.counters()["lost"]


@pytest.fixture
def port(tmp_path: Path) -> Iterator[Port]:
    port = Port(tmp_path)
    yield port
    port.port.close()
    assert not port.link.is_symlink()


@pytest.mark.parametrize(("ending", "sent"), [("cr", b"\r"), ("lf", b"\n"), ("crlf", b"\r\n"), ("none", b"")])
def test_a_pos_reads_codes_with_the_ending_it_wants(tmp_path: Path, ending: str, sent: bytes) -> None:
    port = Port(tmp_path, ending)
    assert port.port.open()
    with port.pos() as pos:
        port.port.send(EAN)
        port.port.send("水")
        wanted = EAN.encode() + sent + "水".encode() + sent
        assert pos.read(len(wanted)) == wanted
    assert port.edges == [(True, "")]
    port.port.close()


def test_a_code_nobody_was_there_for_is_never_read_later(port: Port) -> None:
    """A POS that starts after lunch must not find the morning's codes."""
    port.port.open()
    port.port.send("old")
    with port.pos() as pos:
        port.port.send("new")
        assert pos.read_until(b"\r") == b"new\r"
    port.port.send("gone")
    with port.pos() as pos:
        port.port.send("back")
        assert pos.read_until(b"\r") == b"back\r"
    assert [up for up, _ in port.edges] == [False, True, False, True]
    assert "no program has" in port.edges[0][1]
    assert port.lost == 2


def test_a_pos_that_stops_reading_costs_its_oldest_codes_and_one_edge(port: Port) -> None:
    async def work() -> None:
        port.port.open()
        with port.pos() as pos:
            sent = 0
            while port.lost < 5:
                port.port.send(f"{sent:050d}")
                sent += 1
                assert sent < 100_000
            assert port.edges == [(True, ""), (False, f"the program that has {port.link} open does not read")]
            lines: list[bytes] = []
            while len(lines) < sent - port.lost:
                lines.append(await asyncio.get_running_loop().run_in_executor(None, pos.read_until, b"\r"))
            assert all(len(line) == 51 for line in lines)
            numbers = [int(line) for line in lines]
            assert numbers == sorted(numbers)
            assert numbers[-PASSTHROUGH_CODES:] == list(range(sent - PASSTHROUGH_CODES, sent))
            assert [up for up, _ in port.edges] == [True, False, True]

    within_patience(work)


def test_a_pos_that_leaves_with_codes_waiting_does_not_make_the_loop_spin(port: Port) -> None:
    async def work() -> None:
        port.port.open()
        with port.pos():
            while port.lost == 0:
                port.port.send("0" * 100)
        while [up for up, _ in port.edges] != [True, False]:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        before = os.times()
        await asyncio.sleep(0.3)
        after = os.times()
        assert after.user + after.system - before.user - before.system < 0.15
        pos = os.open(port.link, os.O_RDWR | os.O_NOCTTY)  # pyserial would throw away what is there
        port.port.send("fresh")
        assert os.read(pos, 4096) == b"fresh\r"
        os.close(pos)

    within_patience(work)


def test_what_the_pos_sends_to_its_scanner_never_stops_it(port: Port) -> None:
    """Acknowledgements and beeps after each code."""
    port.port.open()
    with port.pos() as pos:
        pos.write_timeout = 2
        for number in range(200):
            port.port.send(str(number))
            assert pos.read_until(b"\r") == b"%d\r" % number
            pos.write(b"\x06" * 200)


def test_only_our_own_user_and_group_may_open_it(port: Port) -> None:
    port.port.open()
    held = port.link.stat()
    assert (stat.S_IMODE(held.st_mode), held.st_gid) == (0o660, os.getegid())


def test_what_is_in_its_place_is_left_alone_and_the_port_comes_when_it_is_gone(port: Port) -> None:
    port.link.write_bytes(b"kept")
    assert not port.port.open()
    port.port.send("lost")
    assert port.link.read_bytes() == b"kept"
    assert port.edges[0][0] is False
    assert "something else" in port.edges[0][1]
    port.link.unlink()
    port.link.symlink_to("/dev/pts/none")  # left over from a power cut
    assert port.port.open()
    with port.pos() as pos:
        port.port.send(EAN)
        assert pos.read_until(b"\r") == EAN.encode() + b"\r"


def test_a_link_that_somebody_removed_is_put_back(port: Port) -> None:
    port.port.open()
    port.link.unlink()
    port.port.send("lost")
    with port.pos() as pos:
        port.port.send(EAN)
        assert pos.read_until(b"\r") == EAN.encode() + b"\r"


def test_a_group_that_does_not_exist_is_said(tmp_path: Path) -> None:
    edges: list[tuple[bool, str]] = []
    port = Passthrough(tmp_path / "x", b"\r", group="nobody-has-this", on_edge=lambda *edge: edges.append(edge))
    assert not port.open()
    assert "nobody-has-this" in edges[0][1]
    port.close()
