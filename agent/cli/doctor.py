"""`pos-agent doctor`: what is wrong with this installation, and the cure, line by line. It changes nothing."""

import asyncio
import os
import stat
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import typer
from rich.console import Console
from rich.table import Table

from agent.cli.common import DEFAULT_CONFIG, ConfigOption, ask_socket, plain_errors, settings
from agent.clock_trust import OFF
from agent.config import Settings
from agent.config_printer import PrinterSection
from agent.domain.errors import AgentError, ConfigError, DeviceUnavailable
from agent.keyring import DEVICE_KEY, FIELD_KEY, load_enrolment
from agent.limits import DISK_LOW_BYTES
from agent.printer_devices import chosen_profile, make_printer
from agent.room import DiskRoom
from agent.sqlite import LIBRARY_VERSION
from agent.system import SystemClock

_FIXED_SQLITE = (3, 51, 3)
_LOW_MB = 200


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at: fine, doubtful or wrong."""

    what: str
    state: str
    detail: str
    cure: str = ""


def doctor(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Check configuration, keys, devices, HQ and the daemon. Exit code 1 when something is wrong."""
    with plain_errors():
        configured = settings(config)
        findings = asyncio.run(_collect(configured))
    _show(Console(highlight=False), findings)
    if any(one.state == "wrong" for one in findings):
        raise typer.Exit(1)


def _show(console: Console, findings: list[Finding]) -> None:
    """A table for a person; one line a finding, tab-separated, for a script or a log."""
    if not console.is_terminal:
        for one in findings:
            print(f"{one.state}\t{one.what}\t{one.detail}\t{one.cure}")
        return
    table = Table()
    for heading in ("", "what", "found", "what to do"):
        table.add_column(heading, overflow="fold")
    marks = {"ok": "[green]ok[/green]", "doubt": "[yellow]?[/yellow]", "wrong": "[red]wrong[/red]"}
    for one in findings:
        table.add_row(marks[one.state], one.what, one.detail, one.cure)
    console.print(table)


async def _collect(configured: Settings) -> list[Finding]:
    return [finding async for finding in _findings(configured)]


async def _findings(configured: Settings) -> AsyncIterator[Finding]:
    yield Finding("configuration", "ok", "can be read")
    yield _sqlite()
    yield _state(configured.state)
    for finding in _keys(configured):
        yield finding
    for scanner in configured.scanner:
        yield _device(f"scanner {scanner.name}", scanner.path)
    for printer in configured.printer:
        yield await _printer(printer)
    if not configured.printer:
        yield Finding("printers", "doubt", "none configured: no receipts, no join prompts", "add a [[printer]]")
    yield await _hq(configured)
    for finding in await _daemon(configured):
        yield finding


def _sqlite() -> Finding:
    version = tuple(int(part) for part in LIBRARY_VERSION.split("."))
    if version >= _FIXED_SQLITE:
        return Finding("SQLite", "ok", LIBRARY_VERSION)
    return Finding("SQLite", "doubt", f"{LIBRARY_VERSION}: safe under our single connection", "pip install pysqlite3")


def _state(state: Path) -> Finding:
    if not state.is_dir():
        return Finding(
            "state directory", "wrong", f"{state} is missing", f"mkdir -p {state}, owned by the service user"
        )
    if not os.access(state, os.W_OK):
        return Finding("state directory", "wrong", f"{state} is not writable for this user", "run as the service user")
    free_bytes = DiskRoom(state).free_bytes()
    free_mb = free_bytes // 1_000_000
    if free_bytes < DISK_LOW_BYTES:
        return Finding("state directory", "wrong", f"{state}, {free_mb} MB free: sales are refused", "free disk space")
    return Finding("state directory", "ok" if free_mb > _LOW_MB else "doubt", f"{state}, {free_mb} MB free")


def _keys(configured: Settings) -> list[Finding]:
    findings: list[Finding] = []
    try:
        enrolment = load_enrolment(configured.keys)
    except ConfigError as error:
        return [
            Finding("enrolment", "wrong", error.mistakes[0], "pos-agent hq enrol (at HQ), then pos-agent enrol CODE")
        ]
    findings.append(Finding("enrolment", "ok", f"{enrolment.workstation_id} of store {enrolment.store_id}"))
    for name in (DEVICE_KEY, FIELD_KEY):
        path = configured.keys / name
        mode = stat.S_IMODE(path.stat().st_mode) if path.exists() else 0
        fine = mode & 0o077 == 0 and mode != 0
        findings.append(
            Finding(f"key {name}", "ok" if fine else "wrong", f"mode {mode:04o}", "" if fine else f"chmod 600 {path}")
        )
    return findings


def _device(what: str, path: str) -> Finding:
    """Look at a device file without opening it: the daemon may hold it."""
    try:
        mode = Path(path).stat().st_mode
    except FileNotFoundError:
        return Finding(what, "wrong", f"{path} is not there", "is it plugged in? ls -l /dev/serial/by-id /dev/usb")
    except PermissionError:
        return Finding(what, "wrong", f"{path} may not be looked at", "run as the service user, or as root")
    if not stat.S_ISCHR(mode):
        return Finding(what, "wrong", f"{path} is no device but a plain file", f"rm {path}, then replug the device")
    if not os.access(path, os.R_OK | os.W_OK):
        return Finding(
            what, "wrong", f"no permission for {path}", "install the udev rules, or add the user to its group"
        )
    stable = "/by-id/" in path or "/by-path/" in path or not path.startswith("/dev/tty")
    if not stable:
        return Finding(what, "doubt", f"{path} may change at the next start", "use its name in /dev/serial/by-id")
    return Finding(what, "ok", path)


async def _printer(section: PrinterSection) -> Finding:
    what = f"printer {section.name}"
    try:
        chosen_profile(section)
    except ConfigError as error:
        return Finding(what, "wrong", "; ".join(error.mistakes), "choose another profile")
    if section.kind == "file":
        return Finding(what, "doubt", f"prints into the file {section.path}", "only for trying things")
    if section.kind in ("usb", "cups"):
        return await _asked(what, section)
    if section.kind != "tcp":
        return _device(what, section.path)
    try:
        async with asyncio.timeout(3):
            _, writer = await asyncio.open_connection(section.host, section.port)
    except (OSError, TimeoutError) as error:
        reason = type(error).__name__
        return Finding(
            what, "wrong", f"{section.host}:{section.port} does not answer ({reason})", "is it on, same net?"
        )
    writer.close()
    return Finding(what, "ok", f"{section.host}:{section.port} answers")


async def _asked(what: str, section: PrinterSection) -> Finding:
    """Ask the driver itself: nothing else knows whether libusb or CUPS has the printer."""
    printer = make_printer(section, SystemClock())
    try:
        status = await printer.status()
    except DeviceUnavailable as error:
        return Finding(what, "doubt" if "PRINTER_BUSY" in error.message else "wrong", error.message, error.hint)
    finally:
        printer.close()
    return Finding(what, "doubt" if status.trouble else "ok", status.trouble or section.usb or section.queue)


async def _hq(configured: Settings) -> Finding:
    verify = configured.hq.ca_file or True
    try:
        async with httpx.AsyncClient(timeout=5, verify=verify, trust_env=False) as client:
            response = await client.get(f"{configured.hq.url.rstrip('/')}/healthz")
    except (httpx.HTTPError, OSError) as error:
        if "CERTIFICATE_VERIFY_FAILED" in str(error):
            detail = f"{configured.hq.url}: its certificate is not trusted"
            return Finding("HQ", "wrong", detail, "check hq.ca_file, the host name and this computer's clock")
        detail = f"{configured.hq.url}: {type(error).__name__}"
        return Finding("HQ", "doubt", detail, "selling goes on without it; check cable, DNS and firewall")
    fine = response.status_code == 200
    return Finding("HQ", "ok" if fine else "wrong", f"{configured.hq.url} answered {response.status_code}")


async def _daemon(configured: Settings) -> list[Finding]:
    try:
        answer = await ask_socket(configured.socket, "GET", "/v1/status", timeout_s=5)
    except (AgentError, PermissionError) as error:
        return [Finding("daemon", "wrong", str(error), "run as the service user, or as root")]
    if answer is None:
        return [Finding("daemon", "doubt", "not running", "systemctl start pos-agent")]
    return [_running(answer), _clock(answer), *_training(answer)]


def _running(answer: dict[str, Any]) -> Finding:
    down = [name for name, part in answer["components"].items() if part["up"] is False]
    outbox, last = answer["outbox"], answer["last_proof"]
    detail = f"running; {outbox['pending']} events wait for HQ; down: {', '.join(down) or 'nothing'}"
    if outbox["suspended"] or outbox["conflict"]:
        detail += f"; {outbox['suspended']} suspended and {outbox['conflict']} in conflict at HQ"
        return Finding("daemon", "wrong", detail, "a person must look: pos-agent reconcile")
    if last is not None and last["result"] == "different":
        return Finding("daemon", "wrong", f"{detail}; the last proof found the books different", "pos-agent reconcile")
    return Finding("daemon", "doubt" if down or answer["sync_alarm"] else "ok", detail, str(answer["sync_alarm"]))


def _clock(answer: dict[str, Any]) -> Finding:
    """The clock as the daemon trusts it: more than five minutes beside HQ's, nothing is spent."""
    clock = answer["clock"]
    if clock["trusted"]:
        return Finding("clock", "ok", f"trusted; {clock['why']} says so")
    if clock["why"] == OFF:
        return Finding("clock", "wrong", "more than 5 minutes beside headquarters", "set it; set up NTP")
    return Finding("clock", "doubt", f"not trusted: {clock['why']}", "reach HQ, or pos-agent confirm-clock --by NAME")


def _training(answer: dict[str, Any]) -> list[Finding]:
    if not answer["training"]:
        return []
    fixed = answer["mode"]["fixed_by"] is not None
    cure = "training = false, then restart" if fixed else "pos-agent training off --by NAME, or the manager page"
    return [Finding("training", "doubt", "nothing that is booked reaches HQ", cure)]
