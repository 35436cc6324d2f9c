"""The simulated scanner behaves like a serial scanner: raw, unplugged with a hang-up, back behind the same name."""

import os
import select
from pathlib import Path

import pytest
import serial

from drivers.simulated import SimulatedScanner


def read(port: serial.Serial) -> bytes:
    assert select.select([port.fileno()], [], [], 5)[0]
    return bytes(port.read(port.in_waiting or 1))


def test_a_scan_arrives_raw_and_a_replug_keeps_the_name(tmp_path: Path) -> None:
    link = tmp_path / "by-id" / "usb-scanner"
    scanner = SimulatedScanner(link)
    port = serial.Serial(str(link), 9600, timeout=0, exclusive=True)
    scanner.scan("6901028001915")
    assert read(port) == b"6901028001915\r"
    scanner.unplug()
    assert not link.exists()
    assert not scanner.plugged
    with pytest.raises((serial.SerialException, OSError)):
        read(port)
    port.close()
    with pytest.raises(OSError, match=r"."):
        scanner.scan("lost")
    scanner.replug()
    with serial.Serial(str(link), 9600, timeout=0) as again:
        scanner.scan("水", "\r\n")
        assert read(again) == "水\r\n".encode()
    scanner.close()
    assert not os.path.lexists(link)
