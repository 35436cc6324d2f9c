"""Commands of headquarters about leases: `pos-agent hq leases | write-off | restored`. Named by agent.cli.main."""

from dataclasses import asdict
from typing import Annotated, Any

import typer

from agent.cli.common import run_async
from agent.cli.hq import DEFAULT_DATA, DataOption, at_hq
from sync.hq.admin import LeasesAsk, RestoredAsk, after_restore
from sync.hq.service import HqService


def leases(
    workstation: Annotated[str, typer.Argument(help="Only this workstation.")] = "",
    data: DataOption = DEFAULT_DATA,
) -> None:
    """Show what workstations could still spend with the cable out, by account."""
    ask = LeasesAsk(workstation_id=workstation)
    _show(run_async(at_hq(data, "leases", ask, lambda hq: _at_risk(hq, workstation))))


def write_off(
    workstation: Annotated[str, typer.Argument(help="A workstation that will never come back.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do it; without this the amount at risk is shown only.")] = False,
    data: DataOption = DEFAULT_DATA,
) -> None:
    """Give a dead workstation's leases back to their members. What it has spent unseen is then the chain's loss."""
    ask = LeasesAsk(workstation_id=workstation)
    if not yes:
        _show(run_async(at_hq(data, "leases", ask, lambda hq: _at_risk(hq, workstation))))
        print("nothing was done; --yes writes them off")
        raise typer.Exit(1)

    async def work(hq: HqService) -> dict[str, Any]:
        return {"at_risk": [asdict(one) for one in await hq.write_off(workstation)]}

    _show(run_async(at_hq(data, "write-offs", ask, work)))
    print(f"the leases of {workstation} are written off")


def restored(
    yes: Annotated[bool, typer.Option("--yes", help="HQ's database is a copy of an earlier one: say so.")] = False,
    data: DataOption = DEFAULT_DATA,
) -> None:
    """Say that HQ was restored from a copy (--yes), or show which workstations it still waits for.

    Until each has told what it holds, or was written off, nothing is granted: members spend what tills hold already.
    """
    ask = RestoredAsk(declare=yes)
    answer = run_async(at_hq(data, "restored", ask, lambda hq: after_restore(hq, ask), new_process=yes))
    for row in answer["awaited"]:
        known = ", ".join(f"{risk['account']} {risk['amount']}" for risk in row["at_risk"]) or "nothing"
        print(f"{row['workstation_id']} ({row['state']}) has not told; known of it: {known}")
    if not answer["awaited"]:
        print("no workstation is waited for")


async def _at_risk(hq: HqService, workstation: str) -> dict[str, Any]:
    return {"at_risk": [asdict(one) for one in await hq.at_risk(workstation)]}


def _show(answer: dict[str, Any]) -> None:
    for row in answer["at_risk"]:
        print(f"{row['workstation_id']}  {row['account']}: {row['amount']} at risk in {row['leases']} leases")
    if not answer["at_risk"]:
        print("no open leases")
