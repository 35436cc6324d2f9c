"""Command of headquarters about what is proven: `pos-agent hq seals`. Named by agent.cli.main."""

from pathlib import Path
from typing import Annotated, Any

import typer

from agent.cli.common import run_async
from agent.cli.hq import DEFAULT_DATA, DataOption, at_hq
from sync.hq.admin import SealsAsk
from sync.hq.seals import as_csv
from sync.hq.service import HqService
from sync.proof import Seal


def seals(
    csv: Annotated[bool, typer.Option("--csv", help="CSV: a line per seal, business day, kind and state.")] = False,
    after: Annotated[int, typer.Option(min=0, help="Only seals behind this cursor.")] = 0,
    data: DataOption = DEFAULT_DATA,
) -> None:
    """Print what is proven and sealed: JSON lines, or CSV."""
    found = run_async(_all_seals(data, after))
    if csv:
        print(as_csv(found), end="")
        return
    for seal in found:
        print(seal.model_dump_json())


async def _all_seals(data: Path, after: int) -> list[Seal]:
    found: list[Seal] = []
    while True:

        async def work(hq: HqService, at: int = after) -> dict[str, Any]:
            page, cursor = await hq.seals(at)
            return {"seals": [seal.model_dump(mode="json") for seal in page], "cursor": cursor}

        page = await at_hq(data, "seals", SealsAsk(after=after), work)
        if not page["seals"]:
            return found
        found += [Seal.model_validate(row, strict=False) for row in page["seals"]]
        after = page["cursor"]
