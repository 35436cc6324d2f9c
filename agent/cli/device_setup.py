"""`pos-agent devices setup`: "scan this code", "did it print this?", and the configuration is written.

The scanner is found by listening to every candidate at once: the one that is scanned with is meant. What it read tells
whether it is set right. Printers come after it (agent.cli.device_setup_printers). It speaks the language of the paper.
"""

import asyncio
import io
import os
import sys as system
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import qrcode
import typer

from agent.cli.common import DEFAULT_CONFIG, ConfigOption, plain_errors, run_async, settings
from agent.cli.device_setup_printers import set_up_printers
from agent.cli.person import Left, Person
from agent.cli.write_asking import write_asking
from agent.config import Settings
from agent.config_write import Value, planned
from agent.domain.errors import AgentError, DeviceError
from agent.domain.scan import RawScan
from agent.limits import KEYBOARD_IDLE_GAP_MS, SCAN_IDLE_GAP_MS
from agent.system import SystemClock
from agent.wording import CHINESE, ENGLISH
from drivers.device_faults import faults
from drivers.discovery import Found, discover
from drivers.hid_pos import HidPosScanner
from drivers.keyboard import KeyboardScanner
from drivers.qr_scanner import SerialScanner
from drivers.scan_inbox import ScanSettings

EXIT_INTERRUPTED: Final = 130
TEST_CODE: Final = "Pos-Agent/TEST.2:aZ_9"
"""Capitals, small letters and the signs that another keyboard layout puts elsewhere."""
AnyScanner = SerialScanner | KeyboardScanner | HidPosScanner


@dataclass(frozen=True, slots=True)
class Heard:
    """A scan, the device it came from, and the driver with what it found out."""

    found: Found
    scan: RawScan
    driver: AnyScanner
    terminated: bool
    """It ended the code with Enter or the like, so that silence need never end one."""


class What(StrEnum):
    """What is to be set up."""

    ALL = "all"
    SCANNER = "scanner"
    PRINTER = "printer"


def setup(
    what: Annotated[What, typer.Argument(help="all, scanner or printer.")] = What.ALL,
    config: ConfigOption = DEFAULT_CONFIG,
    name: Annotated[str, typer.Option(help="Name for the scanner; asked for when not given.")] = "",
    patience_s: Annotated[int, typer.Option(help="How long to wait for a scan.")] = 60,
    no_drawer: Annotated[bool, typer.Option("--no-drawer", help="Leave the cash drawer shut.")] = False,
    cups: Annotated[str, typer.Option(hidden=True, help="Socket or address of CUPS.")] = "",
    sys: Annotated[Path, typer.Option("--sys", hidden=True)] = Path("/sys"),
    dev: Annotated[Path, typer.Option("--dev", hidden=True)] = Path("/dev"),
) -> None:
    """Find scanner and printers by trying them with a person, and write them into the configuration."""
    with plain_errors():
        configured = settings(config)
        person = Person(CHINESE if configured.receipt.language == "zh" else ENGLISH)
        if not os.access(config.resolve().parent, os.W_OK):
            raise AgentError(person.word("run_as_root").format(path=config))
        found = discover(sys, dev)
        try:
            if what is not What.PRINTER:
                _set_up_scanner(config, found, person, name, patience_s, lone=what is What.SCANNER)
            if what is not What.SCANNER:
                set_up_printers(config, found, person, SystemClock(), cups=cups, drawer=not no_drawer)
        except (Left, KeyboardInterrupt) as error:
            person.say("left")
            raise typer.Exit(EXIT_INTERRUPTED) from error
        person.say("restart")


def _set_up_scanner(
    config: Path, found: Sequence[Found], person: Person, name: str, patience_s: int, *, lone: bool
) -> None:
    """The scanner by scanning with it. `lone`: it is all that was asked for, so that none at all is an error."""
    candidates = [one for one in found if one.kind in ("serial", "keyboard", "hid_pos")]
    candidates = [one for one in candidates if one.kind != "keyboard" or one.is_scanner]
    if not candidates:
        if lone:
            raise AgentError(person.word("scan_none"))
        person.say("scan_none")
        return
    for one in candidates:
        for fault in faults(one, configured=True):
            print(f"! {one.title}: {fault.what}\n  -> {fault.cure}")
    _invite(person)
    try:
        heard = run_async(listen(candidates, patience_s))
    except typer.Exit as ended:
        if ended.exit_code == EXIT_INTERRUPTED:
            raise Left from ended
        if lone:
            raise
        return  # it was told why; a shop may want its printers all the same
    _judge(heard, person)
    configured = settings(config)
    default = _free_name(configured, heard.found)
    chosen = name or person.line(f"{person.word('scan_name')} [{default}]") or default
    write_asking(planned(config, "scanner", table(chosen, heard)), person, SystemClock().now_ms())


async def listen(candidates: Sequence[Found], patience_s: float) -> Heard:
    """Open every candidate and give the first scan of any; raises AgentError when none comes or none can be opened."""
    drivers = {one.path: _driver(one) for one in candidates}
    refused: list[DeviceError] = []
    waiting: dict[asyncio.Task[RawScan], Found] = {}
    try:
        for one in candidates:
            try:
                await drivers[one.path].open()
            except DeviceError as error:
                refused.append(error)
                continue
            waiting[asyncio.create_task(drivers[one.path].read())] = one
        for refusal in refused:
            print(f"! {refusal.message}\n  -> {refusal.hint}")
        if not waiting:
            raise AgentError("no candidate can be opened", hint="is the agent running? systemctl stop pos-agent")
        done, _ = await asyncio.wait(waiting, timeout=patience_s, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            if task.exception() is None:
                driver = drivers[waiting[task].path]
                terminated = not isinstance(driver, HidPosScanner) and driver.terminated
                return Heard(waiting[task], task.result(), driver, terminated)
        raise AgentError(
            f"nothing was scanned for {patience_s:g} s",
            hint="does the scanner beep? is it in the list of: pos-agent devices --all",
        )
    finally:
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        for driver in drivers.values():
            driver.close()


def table(name: str, heard: Heard) -> dict[str, Value]:
    """The [[scanner]] table for what was found out."""
    values: dict[str, Value] = {"name": name, "kind": heard.found.kind, "path": str(heard.found.path)}
    if heard.terminated:
        values |= {"ending": "terminator"}
    if isinstance(heard.driver, SerialScanner):
        values |= {"baud": heard.driver.setting.baud}
        if heard.driver.setting.line != "8N1":
            values |= {"line": str(heard.driver.setting.line)}
    return values


def verdict(text: str) -> tuple[bool, str]:
    """Judge what was read of the test code: whether the scanner is set right, and the key of the sentence to say.

    >>> verdict(TEST_CODE)[0], verdict("6901234567892")[0], verdict(TEST_CODE.swapcase())[0]
    (True, True, False)
    """
    if text == TEST_CODE:
        return True, "scan_right"
    if text.casefold() == TEST_CODE.casefold():
        return False, "scan_swapped"
    if len(text) == len(TEST_CODE):
        return False, "scan_layout"
    return True, "scan_other"


def _judge(heard: Heard, person: Person) -> None:
    right, key = verdict(heard.scan.text)
    setting = f", {heard.driver.setting.baud} bit/s" if isinstance(heard.driver, SerialScanner) else ""
    kind = f"{heard.found.kind}{setting}"
    person.say("scan_heard", title=heard.found.title, kind=kind, path=heard.found.path)
    person.say(key, length=len(heard.scan.text))
    if not right:
        raise AgentError(person.word("scan_wrong"))


def _driver(one: Found) -> AnyScanner:
    clock, path = SystemClock(), str(one.path)
    if one.kind == "keyboard":
        return KeyboardScanner("setup", path, clock=clock, settings=ScanSettings(idle_gap_ms=KEYBOARD_IDLE_GAP_MS))
    if one.kind == "hid_pos":
        return HidPosScanner("setup", path, clock=clock)
    # USB-CDC has no speed; on RS-232 and its adapters it is found by listening.
    return SerialScanner("setup", path, clock=clock, setting=None, settings=ScanSettings(idle_gap_ms=SCAN_IDLE_GAP_MS))


def _invite(person: Person) -> None:
    code = qrcode.QRCode(border=2)
    code.add_data(TEST_CODE)
    drawing = io.StringIO()
    code.print_ascii(out=drawing, invert=system.stdout.isatty())
    person.say("scan_this")
    print(drawing.getvalue(), flush=True)


def _free_name(configured: Settings, found: Found) -> str:
    """The name the device has already, else the first that is free."""
    for part in configured.scanner:
        if Path(part.path).resolve() == found.node.resolve() or not Path(part.path).exists():
            return part.name
    taken = {part.name for part in configured.scanner}
    return next(name for name in ("counter", *(f"counter-{number}" for number in range(2, 99))) if name not in taken)
