"""Command of headquarters about what was sold: `pos-agent hq differences`. Named by agent.cli.hq_group."""

from typing import Annotated

import typer

from agent.cli.hq_ask import DEFAULT_DATA, DataOption, at_hq
from sync.hq.bounds import DIFFERENCES_LISTED


def differences(
    workstation: Annotated[str, typer.Argument(help="Only this workstation.")] = "",
    data: DataOption = DEFAULT_DATA,
) -> None:
    """List events whose figures HQ reckons otherwise, newest first. What was sold stays sold: a person must look."""
    rows = at_hq(data, "differences", {"workstation_id": workstation})["differences"]
    for row in rows:
        print(f"{row['workstation_id']}  {row['epoch']} {row['seq']}  {row['code']}: {row['detail']}")
    if not rows:
        print("HQ reckons every event as it was booked")
    elif len(rows) == DIFFERENCES_LISTED:
        print(f"the newest {DIFFERENCES_LISTED}; there may be more")
