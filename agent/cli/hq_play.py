"""`pos-agent hq draws | reservations | links`: lotteries drawn again (S29), who comes when (S11), who is linked (S13).

Joined by agent.cli.hq_group; see docs/hq-members.md.
"""

import csv
import sys
from typing import Annotated

import typer

from agent.cli.hq_ask import DEFAULT_DATA, BrandOption, DataOption, at_hq
from agent.domain.business_day import local_time

_COLUMNS = ("channel", "request_id", "member_id", "prize_id", "outcome", "cost_points", "rules_version", "follows")


def draws(
    lottery: Annotated[str, typer.Argument(help="Id of the lottery in the rules.")],
    brand: BrandOption,
    day: Annotated[str, typer.Option(help="Business day, YYYY-MM-DD; yesterday without it.")] = "",
    data: DataOption = DEFAULT_DATA,
) -> None:
    """Write a day's draws as CSV, each drawn again from the seed; ends with 1 where one does not follow from it."""
    writer, after, astray, first = csv.writer(sys.stdout, lineterminator="\n"), "", 0, True
    while first or after:
        ask = {"brand_id": brand, "lottery_id": lottery, "day": day, "after": after}
        page = at_hq(data, "members/draws", ask)
        if first:
            seed = page["seed"] or "told once the day is over"
            print(f"{page['business_day']} commitment {page['commitment']} seed {seed}", file=sys.stderr)
            writer.writerow(_COLUMNS)
        for row in page["draws"]:
            writer.writerow([row[name] for name in _COLUMNS])
            astray += not row["follows"]
        first, after = False, page["after"]
    if astray:
        print(f"{astray} draws do not follow from the seed and the rules", file=sys.stderr)
        raise typer.Exit(1)


def reservations(
    brand: BrandOption,
    day: Annotated[str, typer.Option(help="Business day, YYYY-MM-DD; today without it.")] = "",
    store: Annotated[str, typer.Option(help="Only of this store.")] = "",
    data: DataOption = DEFAULT_DATA,
) -> None:
    """List who comes on a day, in order of time; those who wait behind those who have a place."""
    found = at_hq(data, "members/reservations", {"brand_id": brand, "day": day, "store_id": store})
    for one in found["reservations"]:
        at = local_time(one["starts_ms"]).strftime("%H:%M")
        who = f"{one['member_id']} {one['masked']}".strip()
        print(f"{at} {one['store_id']} {one['service']} ({one['slot_id']}): {who}, {one['state']}")
    if not found["reservations"]:
        print(f"nobody has reserved anything on {found['day']}")


def links(brand: BrandOption, data: DataOption = DEFAULT_DATA) -> None:
    """List links of members with other brands, newest first, and the texts that both sides consented to."""
    found = at_hq(data, "members/links", {"brand_id": brand})["links"]
    for one in found:
        at, home_at = (local_time(one[name]).isoformat(timespec="seconds") for name in ("linked_at_ms", "home_at_ms"))
        ended = ""
        if one["ended_at_ms"]:
            ended = f"; ended {local_time(one['ended_at_ms']).isoformat(timespec='seconds')}"
        home = f"{one['home_brand']} {one['home_id']} by {one['home_consent']} at {home_at}"
        print(f"{one['brand_id']} {one['member_id']} by {one['consent']} at {at} <- {home}{ended}")
    if not found:
        print("nobody is linked")
