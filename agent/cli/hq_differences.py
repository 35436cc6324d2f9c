"""Command of headquarters about what was sold: `pos-agent hq differences`. Named by agent.cli.main."""

from dataclasses import asdict
from typing import Annotated, Any

import typer

from agent.cli.common import run_async
from agent.cli.hq import DEFAULT_DATA, DataOption, at_hq
from sync.hq.admin import DifferencesAsk
from sync.hq.bounds import DIFFERENCES_LISTED
from sync.hq.service import HqService


def differences(
    workstation: Annotated[str, typer.Argument(help="Only this workstation.")] = "",
    data: DataOption = DEFAULT_DATA,
) -> None:
    """List events whose figures HQ reckons otherwise, newest first. What was sold stays sold: a person must look."""

    async def work(hq: HqService) -> dict[str, Any]:
        return {"differences": [asdict(one) for one in await hq.differences(workstation)]}

    rows = run_async(at_hq(data, "differences", DifferencesAsk(workstation_id=workstation), work))["differences"]
    for row in rows:
        print(f"{row['workstation_id']}  {row['epoch']} {row['seq']}  {row['code']}: {row['detail']}")
    if not rows:
        print("HQ reckons every event as it was booked")
    elif len(rows) == DIFFERENCES_LISTED:
        print(f"the newest {DIFFERENCES_LISTED}; there may be more")
