"""What is plugged in, under which stable name, and what is wrong with it. Pains 24, 28, 30 and 31."""

import os
from pathlib import Path

import pytest

from drivers.device_faults import faults, rule_for
from drivers.device_holders import holders
from drivers.discovery import Found, discover
from tests.device_tree import POWER_BUTTON, DeviceTree

NEWLAND = ("1eab:1c06", "Newland", "NLS-HR22 CDC")


@pytest.fixture
def tree(tmp_path: Path) -> DeviceTree:
    return DeviceTree(tmp_path)


def found(tree: DeviceTree) -> list[Found]:
    return discover(tree.sys, tree.dev)


def test_every_kind_is_found_with_its_maker_and_stable_name(tree: DeviceTree) -> None:
    tty = tree.tty("ttyACM0", tree.usb("1-1", *NEWLAND, "AC1"))
    by_id = tree.link("serial/by-id/usb-Newland_AC1-if00", tty)
    tree.link("serial/by-path/pci-usb-0:1:1.0", tty)
    key = tree.keyboard("event5", tree.usb("1-2", "1eab:8203", "Newland", "NLS-HR22 HIDKBW"))
    kbd = tree.link("input/by-id/usb-Newland-event-kbd", key)
    raw = tree.hidraw("hidraw3", tree.usb("1-3", "0c2e:0b81", "Honeywell", "HID-POS scanner"))
    tree.link("pos-agent/by-id/usb-Honeywell-hidraw", raw)
    tree.printer("lp0", tree.usb("1-4", "0483:5743", "Xprinter", "XP-58"))
    tree.port("ttyS0", "4")
    tree.port("ttyS9", "0")
    assert [(one.kind, one.title, one.path.name) for one in found(tree)] == [
        ("hid_pos", "Honeywell HID-POS scanner", "usb-Honeywell-hidraw"),
        ("keyboard", "Newland NLS-HR22 HIDKBW", kbd.name),
        ("serial", "Newland NLS-HR22 CDC", by_id.name),
        ("serial", "RS-232 port ttyS0", "ttyS0"),
        ("printer", "Xprinter XP-58", "lp0"),
    ]
    assert [one.stable for one in found(tree)] == [True, True, True, True, False]
    assert found(tree)[2].place == "1-1"


def test_two_equal_scanners_are_named_by_place(tree: DeviceTree) -> None:
    for number in (1, 2):
        node = tree.tty(f"ttyACM{number}", tree.usb(f"1-{number}", *NEWLAND))
        tree.link(f"serial/by-path/pci-usb-0:{number}:1.0", node)
    tree.link("serial/by-id/usb-Newland-if00", tree.dev / "ttyACM2")
    assert [(one.path.parent.name, one.path.name, one.twin) for one in found(tree)] == [
        ("by-path", "pci-usb-0:1:1.0", True),
        ("by-path", "pci-usb-0:2:1.0", True),
    ]


def test_a_keyboard_of_a_person_is_no_scanner_and_a_power_button_no_keyboard(tree: DeviceTree) -> None:
    tree.keyboard("event1", tree.usb("1-1", "046d:c31c", "Logitech", "USB Keyboard"))
    tree.keyboard("event2", tree.usb("1-2", "1eab:0010", "Newland", "buttons"), keys=POWER_BUTTON)
    tree.keyboard("event3", tree.usb("1-3", "ffff:0035", "SM", "SM-2D PRODUCT HID KBW"))
    assert [(one.node.name, one.is_scanner) for one in found(tree)] == [("event3", True), ("event1", False)]


def test_a_scanner_in_its_makers_own_mode_is_named_with_the_cure(tree: DeviceTree) -> None:
    """facts/devices.md d: Symbol LS2208 "Simple COM port emulation" is hidraw and no HID-POS."""
    tree.hidraw("hidraw0", tree.usb("1-1", "05e0:0600", "Symbol", "Bar Code Scanner"), b"\x06\x45\xff\x09\x20")
    tree.hidraw("hidraw1", tree.usb("1-2", "046d:c077", "Logitech", "Mouse"), b"\x05\x01\x09\x02")
    (one,) = found(tree)
    assert one.kind == "hid_other"
    assert "USB-CDC" in faults(one, configured=False)[0].cure


def test_no_permission_is_said_with_the_line_that_cures_it(tree: DeviceTree, monkeypatch: pytest.MonkeyPatch) -> None:
    node = tree.tty("ttyACM0", tree.usb("1-1", *NEWLAND))
    tree.link("serial/by-id/usb-Newland-if00", node)
    node.chmod(0o600)
    monkeypatch.setattr("drivers.device_faults.SERVICE_GROUP", "nogroup")
    (fault,) = faults(found(tree)[0], configured=True)
    assert fault.grave
    assert 'ATTRS{idVendor}=="1eab", ATTRS{idProduct}=="1c06", ENV{POS_AGENT}="scanner"' in fault.cure
    node.chmod(0o644)
    assert faults(found(tree)[0], configured=True) == []


def test_modem_manager_is_named_unless_udev_told_it_off(tree: DeviceTree, tmp_path: Path) -> None:
    """facts/devices.md d: it probes ttyACM with AT commands."""
    master, slave = os.openpty()
    node = Path(os.ttyname(slave))
    tree.tty("ttyACM0", tree.usb("1-1", *NEWLAND), node)
    proc, run = tmp_path / "proc", tmp_path / "run"
    (proc / "77/fd").mkdir(parents=True)
    (proc / "77/comm").write_text("ModemManager\n")
    (one,) = found(tree)
    assert any("ModemManager" in fault.what for fault in faults(one, configured=True, proc=proc, run=run))
    number = node.stat().st_rdev
    (run / "udev/data").mkdir(parents=True)
    told = run / f"udev/data/c{os.major(number)}:{os.minor(number)}"
    told.write_text("I:1\nE:ID_MM_DEVICE_IGNORE=1\n")
    assert not any("ModemManager" in fault.what for fault in faults(one, configured=True, proc=proc, run=run))
    told.unlink()
    (proc / "77/comm").write_text("bash\n")
    assert not any("ModemManager" in fault.what for fault in faults(one, configured=True, proc=proc, run=run))
    os.close(master)
    os.close(slave)


def test_who_holds_a_port_is_named(tree: DeviceTree, tmp_path: Path) -> None:
    node = tree.tty("ttyACM0", tree.usb("1-1", *NEWLAND))
    proc = tmp_path / "proc"
    (proc / "88/fd").mkdir(parents=True)
    (proc / "88/comm").write_text("oldpos\n")
    (proc / "88/fd/5").symlink_to(node.resolve())
    assert holders(str(node), proc) == ["oldpos (88)"]
    assert any("oldpos (88)" in fault.what for fault in faults(found(tree)[0], configured=True, proc=proc))
    (proc / "88/comm").write_text("pos-agent\n")
    assert not any("held" in fault.what for fault in faults(found(tree)[0], configured=True, proc=proc))


def test_an_unused_keyboard_scanner_is_said_to_type_into_windows(tree: DeviceTree) -> None:
    node = tree.keyboard("event5", tree.usb("1-2", "1eab:8203", "Newland", "NLS-HR22 HIDKBW"))
    tree.link("input/by-id/usb-Newland-event-kbd", node)
    (one,) = found(tree)
    said = [fault.what for fault in faults(one, configured=False)]
    assert any("window" in what for what in said)
    assert not any("window" in fault.what for fault in faults(one, configured=True))


def test_a_rule_names_one_device_and_no_class() -> None:
    """Pains 31."""
    assert rule_for(Found("printer", Path("/dev/usb/lp0"), "0483", "5743")).endswith('ENV{POS_AGENT}="printer"')


def test_an_empty_machine_has_nothing(tmp_path: Path) -> None:
    assert discover(tmp_path / "nosys", tmp_path / "nodev") == []


def test_a_printer_that_usblp_does_not_hold_is_found_by_its_class(tree: DeviceTree) -> None:
    """facts/devices.md a: libusb takes it away, and /dev/usb/lp0 is gone."""
    node = tree.raw_printer(tree.usb("1-4", "0483:5743", "Xprinter", "XP-58"), "1", "7")
    (one,) = found(tree)
    assert (one.kind, one.path, one.stable, one.is_scanner) == ("usb_printer", node, True, False)
    assert rule_for(one).endswith('ENV{POS_AGENT}="printer"')
