"""`pos-agent devices`: what is plugged in, what it is used as, what is wrong with it and the cure. Changes nothing.

`pos-agent devices setup` (agent.cli.device_setup) is the same with a hand to hold.
"""

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from agent.cli.common import DEFAULT_CONFIG, ConfigOption, plain_errors
from agent.cli.device_setup import setup
from agent.cli.printer_probe import probe
from agent.cli.tap_file import tap_file
from agent.config import Settings, load
from drivers.device_faults import Fault, faults
from drivers.discovery import Found, discover

app = typer.Typer(help="What is plugged in, what it is used as, and what is wrong with it.")

_KINDS = {
    "serial": "serial",
    "keyboard": "types like a keyboard",
    "hid_pos": "HID-POS",
    "hid_other": "its maker's own mode",
    "printer": "USB printer",
    "usb_printer": "USB printer, not held by usblp",
}
SysOption = Annotated[Path, typer.Option("--sys", hidden=True, help="Where the kernel's device tree is.")]
DevOption = Annotated[Path, typer.Option("--dev", hidden=True, help="Where device files are.")]


@app.callback(invoke_without_command=True)
def devices(
    context: typer.Context,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: Annotated[bool, typer.Option("--json", help="For a program.")] = False,
    everything: Annotated[bool, typer.Option("--all", help="Also keyboards that are no scanners.")] = False,
    sys: SysOption = Path("/sys"),
    dev: DevOption = Path("/dev"),
) -> None:
    """List devices. Exit code 1 when one that is configured cannot serve."""
    if context.invoked_subcommand is not None:
        return
    with plain_errors():
        settings = load(config) if config.exists() else None
    found = [one for one in discover(sys, dev) if everything or one.kind != "keyboard" or one.is_scanner]
    uses = [used_as(one, settings) for one in found]
    wrong = [faults(one, configured=bool(use)) for one, use in zip(found, uses, strict=True)]
    missing = [] if settings is None else absent(settings)
    rows = [_row(*one) for one in zip(found, uses, wrong, strict=True)]
    if as_json:
        print(json.dumps({"devices": rows, "missing": missing}, ensure_ascii=False, indent=2))
    else:
        _show(rows, missing)
    ill = any(use and any(fault.grave for fault in of) for use, of in zip(uses, wrong, strict=True))
    if ill or missing:
        raise typer.Exit(1)


app.command("setup")(setup)
app.command("tap-file")(tap_file)
app.command("probe")(probe)


def used_as(one: Found, settings: Settings | None) -> str:
    """Which table of the configuration names this device ("scanner counter"), empty for none."""
    if settings is None:
        return ""
    for printer in settings.printer:
        said = printer.usb.lower().split(":", 2)
        if one.is_printer and said == [one.vendor_id, one.product_id, one.serial.lower()][: len(said)]:
            return f"printer {printer.name}"
    tables = [("scanner", part.name, part.path) for part in settings.scanner]
    tables += [("printer", part.name, part.path) for part in settings.printer if part.path]
    for kind, name, path in tables:
        if Path(path).resolve() == one.node.resolve():
            return f"{kind} {name}"
    return ""


def absent(settings: Settings) -> list[dict[str, str]]:
    """Configured devices that are not plugged in, or not under the name the configuration has."""
    parts = [("scanner", part.name, part.path) for part in settings.scanner]
    parts += [("printer", part.name, part.path) for part in settings.printer if part.kind in ("chardev", "serial")]
    return [
        {"used_as": f"{kind} {name}", "path": path, "cure": "plug it in, or choose another: pos-agent devices setup"}
        for kind, name, path in parts
        if not Path(path).exists()
    ]


def _row(one: Found, use: str, wrong: list[Fault]) -> dict[str, Any]:
    return {
        "kind": one.kind,
        "title": one.title,
        "vendor_id": one.vendor_id,
        "product_id": one.product_id,
        "serial": one.serial,
        "path": str(one.path),
        "node": str(one.node),
        "twin": one.twin,
        "scanner": one.is_scanner,
        "used_as": use,
        "could_be": "" if use else could_be(one),
        "wrong": [{"what": fault.what, "cure": fault.cure, "grave": fault.grave} for fault in wrong],
    }


def could_be(one: Found) -> str:
    """What the device would serve as."""
    if one.kind == "printer":
        return '[[printer]] kind = "chardev"'
    if one.kind == "usb_printer":
        return f'[[printer]] kind = "usb", usb = "{one.vendor_id}:{one.product_id}"'
    if one.kind == "hid_other" or (one.kind == "keyboard" and not one.is_scanner):
        return ""
    return f'[[scanner]] kind = "{one.kind}"'


def _show(rows: list[dict[str, Any]], missing: list[dict[str, str]]) -> None:
    """A table for a person; one line a device, tab-separated, for a script or a log."""
    console = Console(highlight=False)
    lines = [
        (
            row["title"],
            f"{row['vendor_id']}:{row['product_id']}" if row["vendor_id"] else "",
            _KINDS[row["kind"]],
            row["path"] + ("  (two equal ones: by place)" if row["twin"] else ""),
            row["used_as"] or (f"not used; could be {row['could_be']}" if row["could_be"] else "not used"),
            "\n".join(f"{fault['what']}\n  -> {fault['cure']}" for fault in row["wrong"]),
        )
        for row in rows
    ]
    lines += [("not plugged in", "", "", one["path"], one["used_as"], one["cure"]) for one in missing]
    if not console.is_terminal:
        for line in lines:
            print("\t".join(part.replace("\n", " ") for part in line))
        return
    if not lines:
        console.print("Nothing is plugged in that a till uses.")
        return
    table = Table()
    for heading in ("device", "USB", "how it talks", "stable path", "used as", "what is wrong -> what to do"):
        table.add_column(heading, overflow="fold")
    for line in lines:
        table.add_row(*line)
    console.print(table)
