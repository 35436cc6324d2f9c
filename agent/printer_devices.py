"""Which driver a configured printer gets. Part of the composition root; knows configuration and drivers only."""

from pathlib import Path

from agent.config_printer import PrinterSection
from agent.domain.errors import ConfigError
from agent.ports import Clock
from drivers.cups_printer import CupsTransport
from drivers.escpos_printer import EscposPrinter
from drivers.file_printer import FileTransport
from drivers.glyphs import Glyphs
from drivers.pacing import Pacer
from drivers.profiles import Profile, changed, one_way, profile
from drivers.serial_printer import Flow, SerialTransport
from drivers.tcp_printer import TcpTransport
from drivers.transports import CharDevice, Transport
from drivers.usb_printer import UsbName, UsbTransport


def chosen_profile(section: PrinterSection) -> Profile:
    """The profile of a configured printer with its overrides; raises ConfigError with every fault.

    Nothing comes back through CUPS or a file, so nothing is asked there, whatever the profile says.
    """
    try:
        chosen = changed(profile(section.profile), section.override)
    except ValueError as error:
        faults = str(error).splitlines()
        raise ConfigError([f"printer {section.name}: {fault}" for fault in faults]) from error
    return one_way(chosen) if section.kind in ("cups", "file") else chosen


def make_printer(section: PrinterSection, clock: Clock) -> EscposPrinter:
    """A printer as configured; opened for each job. Raises ConfigError for an unknown profile."""
    chosen = chosen_profile(section)
    return EscposPrinter(section.name, chosen, transport_of(section, chosen, clock), clock, draw=Glyphs().draw)


def transport_of(section: PrinterSection, chosen: Profile, clock: Clock, *, readable: bool = False) -> Transport:
    """The way to a configured printer; `readable` also where its profile asks nothing."""
    match section.kind:
        case "chardev":
            asking = chosen.status or chosen.completion != "none"
            return CharDevice(section.path, readable=readable or asking)
        case "usb":
            return UsbTransport(UsbName.parse(section.usb))
        case "serial":
            pace = section.pace_bytes_per_s
            pacer = Pacer(pace, chosen.buffer_bytes, clock.mono_s) if pace else None
            return SerialTransport(section.path, section.baud, flow=Flow(section.flow), pacer=pacer)
        case "tcp":
            return TcpTransport(section.host, section.port)
        case "cups":
            return CupsTransport(section.queue, section.server)
        case "file":
            return FileTransport(Path(section.path))
