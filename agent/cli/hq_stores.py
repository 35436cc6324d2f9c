"""Commands of headquarters about stores: `pos-agent hq stores | discrepancies`. Named by agent.cli.hq_group."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from agent.cli.hq_ask import DEFAULT_DATA, BrandOption, DataOption, at_hq
from agent.domain.business_day import local_time
from sync.hq.bounds import DIFFERENCES_LISTED

_LEVELS: Final = ("well", "late", "to do", "DISAGREES")
_COUNTS: Final = {
    "forks": "forks",
    "discrepancies": "discrepancies",
    "suspended": "suspended events",
    "differences": "reckoned otherwise",
    "silent": "silent workstations",
    "stranded": "stranded leases",
    "waiting": "events wait for those before them",
}


def stores(
    brand: BrandOption = "",
    trouble: Annotated[bool, typer.Option("--trouble", help="Only stores that need a person.")] = False,
    data: DataOption = DEFAULT_DATA,
) -> None:
    """List how every store stands, most trouble first, as the console shows it."""
    seen = 0
    for one in _stores(data, {"brand_id": brand, "least": 2 if trouble else 0}):
        seen += 1
        proven = f"proven {_at(one['proof_ms'])}" if one["proof_ms"] else "never proven"
        counts = [f"{one[name]} {words}" for name, words in _COUNTS.items() if one[name]]
        counts = ["the last proof was not equal"] * (one["proof"] == "different") + counts
        said = f"; {', '.join(counts)}" if counts else ""
        print(f"{one['store_id']}  {one['store_name']}  {_LEVELS[one['level']]}, {proven}{said}")
    if not seen:
        print("no store needs a person" if trouble else "there is no store: `pos-agent hq enrol` makes one")


def discrepancies(
    workstation: Annotated[str, typer.Argument(help="Only this workstation.")] = "",
    explained: Annotated[bool, typer.Option("--all", help="Also what somebody has explained.")] = False,
    data: DataOption = DEFAULT_DATA,
) -> None:
    """List what proofs and audits found between stores and HQ, newest first; it is explained at the console."""
    rows = at_hq(data, "discrepancies", {"workstation_id": workstation, "explained": explained})["discrepancies"]
    for row in rows:
        state = " (explained)" if row["state"] == "explained" else ""
        print(
            f"{_at(row['last_seen_ms'])}  {row['workstation_id']}  {row['code']}  {row['side']}: {row['place']}"
            f" {row['epoch']} {row['key']}{state}"
        )
        if row["detail"]:
            print(f"  {row['detail']}")
    if not rows:
        print("nothing differs")
    elif len(rows) == DIFFERENCES_LISTED:
        print(f"the newest {DIFFERENCES_LISTED}; there may be more")


def _stores(data: Path, look: dict[str, Any]) -> Iterator[dict[str, Any]]:
    place: dict[str, Any] = {"trouble": -1, "store_id": ""}
    while True:
        page = at_hq(data, "stores", look | place)
        yield from page["stores"]
        if not page["more"]:
            return
        place = {name: page["stores"][-1][name] for name in ("trouble", "store_id")}


def _at(at_ms: int) -> str:
    return local_time(at_ms).isoformat(timespec="minutes")
