"""What is wrong with a device that is plugged in, and the cure: rights, ModemManager, other programs, wrong mode.

Called by agent.cli.devices. Reads modes, /proc and udev's database only; opens nothing and needs no root.
"""

import grp
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from drivers.device_holders import holders
from drivers.discovery import Found

SERVICE_GROUP: Final = "pos-agent"
LOCAL_RULES: Final = "/etc/udev/rules.d/98-pos-agent-local.rules"
OURS: Final = "pos-agent"


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong and what to do; `grave` when the device cannot serve like this."""

    what: str
    cure: str
    grave: bool = True


def faults(one: Found, *, configured: bool, proc: Path = Path("/proc"), run: Path = Path("/run")) -> list[Fault]:
    """List what is wrong with a device, the gravest first; `configured` says whether the agent is told to use it."""
    wrong = [_rights(one), _mode(one), _modem_manager(one, proc, run), _held(one, proc), _name(one)]
    if one.kind == "keyboard" and not configured and one.is_scanner:
        wrong.append(
            Fault("what it scans is typed into whatever window has the focus", "pos-agent devices setup", grave=False)
        )
    return sorted((fault for fault in wrong if fault is not None), key=lambda fault: not fault.grave)


def rule_for(one: Found) -> str:
    """Give the line of LOCAL_RULES that names this device to 99-pos-agent.rules.

    >>> rule_for(Found("serial", Path("/dev/ttyACM0"), "1eab", "1c06"))
    'ATTRS{idVendor}=="1eab", ATTRS{idProduct}=="1c06", ENV{POS_AGENT}="scanner"'
    >>> rule_for(Found("serial", Path("/dev/ttyS0")))
    'SUBSYSTEM=="tty", KERNEL=="ttyS0", ENV{POS_AGENT}="scanner"'
    """
    use = "printer" if one.is_printer else "scanner"
    if not one.vendor_id:
        return f'SUBSYSTEM=="tty", KERNEL=="{one.node.name}", ENV{{POS_AGENT}}="{use}"'
    return f'ATTRS{{idVendor}}=="{one.vendor_id}", ATTRS{{idProduct}}=="{one.product_id}", ENV{{POS_AGENT}}="{use}"'


def _rights(one: Found) -> Fault | None:
    """May the service open it? Asked of the modes, so that root sees what the service will see."""
    try:
        held = one.node.stat()
    except OSError as error:
        return Fault(f"{one.node} cannot be looked at: {error.strerror}", "plug it in again")
    try:
        group = grp.getgrnam(SERVICE_GROUP).gr_gid
    except KeyError:  # not installed as a service here: whoever asks runs the agent
        fine = os.access(one.node, os.R_OK)
    else:
        fine = bool(held.st_mode & stat.S_IROTH) or (held.st_gid == group and bool(held.st_mode & stat.S_IRGRP))
    if fine:
        return None
    line = rule_for(one)
    return Fault(
        f"the agent may not open {one.node} (mode {stat.S_IMODE(held.st_mode):04o})",
        f"put this line into {LOCAL_RULES}, then udevadm control --reload && udevadm trigger:  {line}",
    )


def _mode(one: Found) -> Fault | None:
    if one.kind != "hid_other":
        return None
    return Fault(
        "it is in a mode of its maker's own",
        "scan the set-up code for USB-CDC (virtual COM), HID-POS or USB keyboard in its manual",
    )


def _modem_manager(one: Found, proc: Path, run: Path) -> Fault | None:
    """ModemManager sends AT commands to each new serial device that nobody told it to leave alone."""
    if one.kind != "serial" or not one.vendor_id or not _runs("ModemManager", proc):
        return None
    try:
        number = one.node.stat().st_rdev
        said = (run / f"udev/data/c{os.major(number)}:{os.minor(number)}").read_text(encoding="utf-8", errors="replace")
    except OSError:
        said = ""
    if "E:ID_MM_DEVICE_IGNORE=1" in said or "E:ID_MM_PORT_IGNORE=1" in said:
        return None
    line = rule_for(one)
    return Fault(
        "ModemManager talks to it as if it were a modem",
        f"put this line into {LOCAL_RULES}, or remove ModemManager:  {line}",
    )


def _runs(program: str, proc: Path) -> bool:
    for comm in proc.glob("[0-9]*/comm"):
        try:
            if comm.read_text(encoding="utf-8", errors="replace").strip() == program:
                return True
        except OSError:  # ended meanwhile
            continue
    return False


def _held(one: Found, proc: Path) -> Fault | None:
    """Another program's reader takes codes away on a serial port; of a keyboard every desktop is a reader."""
    if one.kind == "keyboard":
        return None
    others = [name for name in holders(str(one.node), proc) if not name.startswith(OURS)]
    return Fault(f"held by {', '.join(others)}", "stop that program, or give it another device") if others else None


def _name(one: Found) -> Fault | None:
    if one.stable:
        return None
    return Fault(f"{one.node} may be another one after a restart", "install 99-pos-agent.rules, then plug it in again")
