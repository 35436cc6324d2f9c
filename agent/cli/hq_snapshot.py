"""`pos-agent hq snapshot BRAND`: make the file with which tills of a large brand begin. Named by agent.cli.main."""

from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from agent.cli.common import run_async
from agent.cli.hq import DEFAULT_DATA, DataOption, at_hq
from sync.hq.admin import SnapshotAsk, make_snapshot
from sync.hq.service import HqService


def snapshot(
    brand: Annotated[str, typer.Argument(help="Brand id.")],
    data: DataOption = DEFAULT_DATA,
) -> None:
    """Make a snapshot of a brand's members, prices and rules now; a running headquarters makes them by itself."""
    bars = Progress(
        TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed}"), console=Console(stderr=True)
    )

    async def work(hq: HqService) -> dict[str, Any]:
        with bars:
            return await make_snapshot(hq, SnapshotAsk(brand_id=brand), progress=_progress(bars))

    made = run_async(at_hq(data, "snapshots", SnapshotAsk(brand_id=brand), work))
    rows = ", ".join(f"{count} {name}" for name, count in made["rows"].items() if count)
    print(f"{made['snapshot_id']}: {rows}; {made['size']} bytes, {made['packed']} on the way to a till")


def _progress(bars: Progress) -> Any:
    tasks: dict[str, TaskID] = {}

    def step(stage: str, done: int, total: int) -> None:
        if stage not in tasks:
            tasks[stage] = bars.add_task(stage, total=total or None)
        bars.update(tasks[stage], completed=done)

    return step
