"""`pos-agent hq snapshot BRAND`: make the file with which tills of a large brand begin. Named by agent.cli.hq_group."""

from typing import Annotated

import typer

from agent.cli.hq_ask import DEFAULT_DATA, DataOption, at_hq, bars


def snapshot(
    brand: Annotated[str, typer.Argument(help="Brand id.")],
    data: DataOption = DEFAULT_DATA,
) -> None:
    """Make a snapshot of a brand's members, prices and rules now; a running headquarters makes them by itself."""
    with bars() as told:
        made = at_hq(data, "snapshots", {"brand_id": brand}, progress=told)
    rows = ", ".join(f"{count} {name}" for name, count in made["rows"].items() if count)
    print(f"{made['snapshot_id']}: {rows}; {made['size']} bytes, {made['packed']} on the way to a till")
