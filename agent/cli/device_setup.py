"""`pos-agent devices setup`: "scan this code", and the configuration is written.

The scanner is found by listening to every candidate at once: the one that is scanned with is meant. What it read tells
whether it is set right. `set_up_printers` is where printers are tried, after the scanner.
"""

import asyncio
import io
import sys as system
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import qrcode
import typer

from agent.cli.common import DEFAULT_CONFIG, ConfigOption, plain_errors, run_async, settings
from agent.config import Settings
from agent.config_write import Value, write_table
from agent.domain.errors import AgentError, DeviceError
from agent.domain.scan import RawScan
from agent.limits import KEYBOARD_IDLE_GAP_MS, SCAN_IDLE_GAP_MS
from agent.system import SystemClock
from drivers.device_faults import faults
from drivers.discovery import Found, discover
from drivers.hid_pos import HidPosScanner
from drivers.keyboard import KeyboardScanner
from drivers.qr_scanner import SerialScanner
from drivers.scan_inbox import ScanSettings

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


def setup(
    config: ConfigOption = DEFAULT_CONFIG,
    name: Annotated[str, typer.Option(help="Name for the scanner; asked for when not given.")] = "",
    patience_s: Annotated[int, typer.Option(help="How long to wait for a scan.")] = 60,
    sys: Annotated[Path, typer.Option("--sys", hidden=True)] = Path("/sys"),
    dev: Annotated[Path, typer.Option("--dev", hidden=True)] = Path("/dev"),
) -> None:
    """Find the scanner by scanning with it, try it, and write it into the configuration."""
    with plain_errors():
        configured = settings(config)
        candidates = [one for one in discover(sys, dev) if one.kind in ("serial", "keyboard", "hid_pos")]
        candidates = [one for one in candidates if one.kind != "keyboard" or one.is_scanner]
        if not candidates:
            raise AgentError("no scanner is plugged in", hint="plug it in, then look with: pos-agent devices --all")
        for one in candidates:
            for fault in faults(one, configured=True):
                print(f"! {one.title}: {fault.what}\n  -> {fault.cure}")
        _invite()
        heard = run_async(listen(candidates, patience_s))
        _judge(heard)
        chosen = name or typer.prompt("Name of this scanner", default=_free_name(configured, heard.found))
        if not name and not typer.confirm(f"Write it into {config}?", default=True):
            raise typer.Exit(1)
        try:
            write_table(config, "scanner", table(chosen, heard))
        except OSError as error:
            raise AgentError(f"{config} cannot be written: {error.strerror}", hint="run as root") from error
    print(f"Written: {heard.found.path}.")
    set_up_printers(config, [one for one in discover(sys, dev) if one.kind == "printer"])
    print("Let the agent take it: systemctl restart pos-agent")


def set_up_printers(config: Path, printers: Sequence[Found]) -> None:
    """Tell which table each USB printer needs that the configuration does not name yet, and how it is then tried."""
    named = {Path(part.path).resolve() for part in settings(config).printer if part.path}
    for one in printers:
        if one.node.resolve() not in named:
            print(f'{one.title} is a printer: [[printer]] kind = "chardev", path = "{one.path}"')
            print("  then let it print: pos-agent devices probe")


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
    """Judge what was read of the test code: whether the scanner is set right, and the sentence to say.

    >>> verdict(TEST_CODE)[0], verdict("6901234567892")[0], verdict(TEST_CODE.swapcase())[0]
    (True, True, False)
    """
    if text == TEST_CODE:
        return True, "It reads the test code letter by letter: this scanner is set right."
    if text.casefold() == TEST_CODE.casefold():
        return False, "Capitals and small letters are swapped: switch off the scanner's Caps Lock compensation."
    if len(text) == len(TEST_CODE):
        return False, "Letters or signs are exchanged: set the scanner to the US (English) keyboard."
    return True, f"It read another code of {len(text)} characters. The test code would show more."


def _judge(heard: Heard) -> None:
    right, sentence = verdict(heard.scan.text)
    setting = f", {heard.driver.setting.baud} bit/s" if isinstance(heard.driver, SerialScanner) else ""
    print(f"Heard {heard.found.title} ({heard.found.kind}{setting}) at {heard.found.path}.\n{sentence}")
    if not right:
        raise AgentError("this scanner would misread codes", hint="change its setting, then run this again")


def _driver(one: Found) -> AnyScanner:
    clock, path = SystemClock(), str(one.path)
    if one.kind == "keyboard":
        return KeyboardScanner("setup", path, clock=clock, settings=ScanSettings(idle_gap_ms=KEYBOARD_IDLE_GAP_MS))
    if one.kind == "hid_pos":
        return HidPosScanner("setup", path, clock=clock)
    # USB-CDC has no speed; on RS-232 and its adapters it is found by listening.
    return SerialScanner("setup", path, clock=clock, setting=None, settings=ScanSettings(idle_gap_ms=SCAN_IDLE_GAP_MS))


def _invite() -> None:
    code = qrcode.QRCode(border=2)
    code.add_data(TEST_CODE)
    drawing = io.StringIO()
    code.print_ascii(out=drawing, invert=system.stdout.isatty())
    print("Scan this code (a scanner for bar codes only: any product). An RS-232 scanner: scan until it answers.")
    print(drawing.getvalue(), flush=True)


def _free_name(configured: Settings, found: Found) -> str:
    """The name the device has already, else the first that is free."""
    for part in configured.scanner:
        if Path(part.path).resolve() == found.node.resolve() or not Path(part.path).exists():
            return part.name
    taken = {part.name for part in configured.scanner}
    return next(name for name in ("counter", *(f"counter-{number}" for number in range(2, 99))) if name not in taken)
