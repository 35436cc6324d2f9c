"""`pos-agent hq enrol-file`: one-time codes for the workstations of a whole chain. Joined by agent.cli.hq_group."""

import csv
import sys
from pathlib import Path
from typing import Annotated, TextIO

import typer

from agent.cli.hq_ask import DEFAULT_DATA, BrandOption, DataOption, at_hq

_HEADER = ("store_id", "workstation_id", "code")


def enrol_stores(
    file: Annotated[
        Path,
        typer.Argument(
            exists=True, dir_okay=False, readable=True, help="CSV: store_id, workstation_id, [store_name]; a row each."
        ),
    ],
    brand: BrandOption,
    codes: Annotated[Path | None, typer.Option(help="Write the codes here (mode 0600), else to stdout.")] = None,
    data: DataOption = DEFAULT_DATA,
) -> None:
    """Print a one-time code for every workstation of a file that is not enrolled yet, as CSV.

    A file with a bad row enrols nobody. Run again, those that have enrolled keep their keys and the rest get new codes.
    """
    done = at_hq(data, "roll-outs", {"brand_id": brand, "path": str(file.resolve())})
    for line, reason in done["faults"]:
        print(f"line {line}: {reason}", file=sys.stderr)
    if done["faults"]:
        print("nobody was enrolled", file=sys.stderr)
        raise typer.Exit(1)
    if codes is None:
        _write(sys.stdout, done["codes"])
    else:
        with codes.open("w", encoding="utf-8", newline="") as out:
            codes.chmod(0o600)  # ORDER: before the first code is in it
            _write(out, done["codes"])
    print(f"{len(done['codes'])} codes, {done['enrolled']} enrolled already", file=sys.stderr)


def _write(out: TextIO, codes: list[list[str]]) -> None:
    table = csv.writer(out, lineterminator="\n")
    table.writerow(_HEADER)
    table.writerows(codes)
