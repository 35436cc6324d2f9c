"""Commands of headquarters about leases: `pos-agent hq leases | write-off | restored`. Named by agent.cli.hq_group."""

from typing import Annotated, Any

import typer

from agent.cli.hq_ask import DEFAULT_DATA, DataOption, at_hq


def leases(
    workstation: Annotated[str, typer.Argument(help="Only this workstation.")] = "",
    data: DataOption = DEFAULT_DATA,
) -> None:
    """Show what workstations could still spend with the cable out, by account."""
    _show(at_hq(data, "leases", {"workstation_id": workstation}))


def write_off(
    workstation: Annotated[str, typer.Argument(help="A workstation that will never come back.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do it; without this the amount at risk is shown only.")] = False,
    data: DataOption = DEFAULT_DATA,
) -> None:
    """Give a dead workstation's leases back to their members. What it has spent unseen is then the chain's loss."""
    ask = {"workstation_id": workstation}
    if not yes:
        _show(at_hq(data, "leases", ask))
        print("nothing was done; --yes writes them off")
        raise typer.Exit(1)
    _show(at_hq(data, "write-offs", ask))
    print(f"the leases of {workstation} are written off")


def restored(
    yes: Annotated[bool, typer.Option("--yes", help="HQ's database is a copy of an earlier one: say so.")] = False,
    data: DataOption = DEFAULT_DATA,
) -> None:
    """Say that HQ was restored from a copy (--yes), or show which workstations it still waits for.

    Until each has told what it holds, or was written off, nothing is granted: members spend what tills hold already.
    """
    answer = at_hq(data, "restored", {"declare": yes}, new_process=yes)
    for row in answer["awaited"]:
        known = ", ".join(f"{risk['account']} {risk['amount']}" for risk in row["at_risk"]) or "nothing"
        print(f"{row['workstation_id']} ({row['state']}) has not told; known of it: {known}")
    if not answer["awaited"]:
        print("no workstation is waited for")


def _show(answer: dict[str, Any]) -> None:
    for row in answer["at_risk"]:
        print(f"{row['workstation_id']}  {row['account']}: {row['amount']} at risk in {row['leases']} leases")
    if not answer["at_risk"]:
        print("no open leases")
