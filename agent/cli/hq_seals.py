"""Command of headquarters about what is proven: `pos-agent hq seals`. Named by agent.cli.hq_group."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agent.cli.hq_ask import DEFAULT_DATA, DataOption, at_hq

if TYPE_CHECKING:
    from sync.proof import Seal


def seals(
    csv: Annotated[bool, typer.Option("--csv", help="CSV: a line per seal, business day, kind and state.")] = False,
    after: Annotated[int, typer.Option(min=0, help="Only seals behind this cursor.")] = 0,
    data: DataOption = DEFAULT_DATA,
) -> None:
    """Print what is proven and sealed: JSON lines, or CSV."""
    found = _all_seals(data, after)
    if csv:
        from sync.hq.seals import as_csv

        print(as_csv(found), end="")
        return
    if not found:
        print("nothing is sealed yet", file=sys.stderr)
    for seal in found:
        print(seal.model_dump_json())


def _all_seals(data: Path, after: int) -> "list[Seal]":
    from sync.proof import Seal

    found: list[Seal] = []
    while True:
        page = at_hq(data, "seals", {"after": after})
        if not page["seals"]:
            return found
        found += [Seal.model_validate(row, strict=False) for row in page["seals"]]
        after = page["cursor"]
