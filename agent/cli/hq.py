"""Commands of headquarters: `pos-agent hq init | enrol | import | serve`."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress, TextColumn

from agent.cli.common import run_async
from agent.domain.errors import AgentError
from agent.system import SystemClock, SystemEntropy
from sync.hq.main import open_hq
from sync.hq.main import serve as serve_hq
from sync.hq.service import HqService

app = typer.Typer(
    no_args_is_help=True, help="Headquarters: enrol workstations, import members and prices, serve stores."
)
DataOption = Annotated[Path, typer.Option("--data", envvar="POS_AGENT_HQ_DATA", help="Directory of hq.db and hq.key.")]
DEFAULT_DATA = Path("/var/lib/pos-agent-hq")
BrandOption = Annotated[str, typer.Option("--brand", help="Brand id.")]


@app.command()
def init(
    brand: Annotated[str, typer.Argument(help="Brand id, e.g. shu.")],
    name: Annotated[str, typer.Argument(help="Brand name as customers know it.")],
    join_url: Annotated[str, typer.Option(help="Join page; the receipt's QR adds the claim to it.")] = "",
    data: DataOption = DEFAULT_DATA,
) -> None:
    """Create headquarters (database and keys) and a brand; run again to add another brand."""
    run_async(_with(data, lambda hq: hq.init_brand(brand, name, join_url)))
    print(f"brand {brand} {name} in {data / 'hq.db'}; keep {data / 'hq.key'} safe: it is the only copy of HQ's keys")


@app.command()
def enrol(
    store: Annotated[str, typer.Argument(help="Store id, e.g. S001.")],
    workstation: Annotated[str, typer.Argument(help="Workstation id, e.g. S001-1.")],
    name: Annotated[str, typer.Option(help="Store name; needed for a new store.")] = "",
    brand: BrandOption = "",
    data: DataOption = DEFAULT_DATA,
) -> None:
    """Print a one-time code with which a cashier PC becomes this workstation (`pos-agent enrol CODE`)."""

    async def work(hq: HqService) -> str:
        if name:
            await hq.add_store(brand, store, name)
        return await hq.add_workstation(store, workstation)

    print(run_async(_with(data, work)))


@app.command("import")
def import_(
    what: Annotated[str, typer.Argument(help="members, items, merchants (CSV) or rules (JSON).")],
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True)],
    brand: BrandOption,
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help="Import the good rows of a file with bad ones.")] = False,
    data: DataOption = DEFAULT_DATA,
) -> None:
    """Import members, prices, merchants or rules; reports every bad row and imports nothing of a file with one."""
    console = Console(stderr=True)
    bars = Progress(TextColumn("{task.description}"), TextColumn("{task.completed} rows"), console=console)

    async def work(hq: HqService) -> Any:
        if what == "rules":
            return await hq.import_rules(brand, file)
        steps = {"members": hq.import_members, "items": hq.import_items, "merchants": hq.import_merchants}
        if what not in steps:
            raise AgentError(f"cannot import {what!r}", hint="members, items, merchants or rules")
        with bars:
            return await steps[what](brand, file, skip_bad=skip_bad, progress=_progress(bars))

    report = run_async(_with(data, work))
    if isinstance(report, bool):
        print("a new version of the rules is in force" if report else "these rules were in force already")
        return
    for fault in report.faults:
        print(f"line {fault.line}: {fault.reason}")
    counts = f"{report.created} created, {report.updated} updated, {report.unchanged} unchanged, {report.bad} bad"
    print(f"nothing was imported: {counts}" if report.rejected else counts)
    if report.rejected:
        raise typer.Exit(1)


def _progress(bars: Progress) -> Any:
    tasks: dict[str, Any] = {}

    def step(stage: str, done: int) -> None:
        if stage not in tasks:
            tasks[stage] = bars.add_task(stage, total=None)
        bars.update(tasks[stage], completed=done)

    return step


@app.command()
def serve(
    data: DataOption = DEFAULT_DATA,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535)] = 8788,
    certificate: Annotated[
        Path | None, typer.Option(help="TLS certificate chain (PEM); needed off this machine.")
    ] = None,
    key: Annotated[Path | None, typer.Option(help="TLS private key (PEM).")] = None,
) -> None:
    """Serve stores until SIGTERM."""
    run_async(
        serve_hq(
            data,
            SystemClock(),
            SystemEntropy(),
            host=host,
            port=port,
            certificate=certificate,
            key=key,
            started=lambda url: print(f"headquarters listens on {url}", flush=True),
        )
    )


async def _with(data: Path, work: Any) -> Any:
    hq = await open_hq(data, SystemClock(), SystemEntropy())
    try:
        return await work(hq)
    finally:
        await hq.close()
