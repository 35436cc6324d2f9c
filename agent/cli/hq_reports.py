"""Commands of headquarters about members: review, pack, pin, sms, channels, export, erase. Joined by hq_group.

See docs/hq-members.md.
"""

import csv
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from agent.cli.common import plain_errors
from agent.cli.hq_ask import DEFAULT_DATA, BrandOption, DataOption, at_hq, bars
from agent.domain.business_day import business_day, local_time, parse_day
from agent.domain.errors import ConfigError
from agent.domain.rfm import fifths, score
from agent.system import SystemClock

channels = typer.Typer(no_args_is_help=True, help="Online channels: enter, revoke, what could not be pushed.")


def review(
    brand: BrandOption,
    tiers: Annotated[bool, typer.Option("--tiers", help="Review tiers; there is nothing else to review.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would change.")] = False,
    data: DataOption = DEFAULT_DATA,
) -> None:
    """Review the last period that is over, each member once; a running headquarters does it by itself."""
    with plain_errors():
        if not tiers:
            raise ConfigError(["give --tiers"])
    done = at_hq(data, "members/review", {"brand_id": brand, "dry_run": dry_run})
    for one in done["moves"]:
        print(f"{one['member_id']}: {one['from']} -> {one['to']}")
    verb = "would change" if dry_run else "changed"
    print(f"{done['period']}: {len(done['moves'])} members {verb} their tier")


def pack(
    member: Annotated[str, typer.Argument(help="Member number.")],
    brand: BrandOption,
    data: DataOption = DEFAULT_DATA,
) -> None:
    """Give the new-member pack to somebody who was imported; whoever joins gets it by joining. Once per member."""
    done = at_hq(data, "members/pack", {"brand_id": brand, "member_number": member})
    print(f"{done['points']} points, coupon {done['coupon_id'] or 'none'}")


def pin(
    member: Annotated[str, typer.Argument(help="Member number or card.")],
    brand: BrandOption,
    remove: Annotated[bool, typer.Option("--remove", help="Take the member's PIN away.")] = False,
    data: DataOption = DEFAULT_DATA,
) -> None:
    """Give a member a PIN of six digits, by which tills have them verified at headquarters; or take it away.

    It is asked for, and a new one ends a lock. The brand's own app sets it by the channel's call; this is for a member
    at the service desk.
    """
    chosen = "" if remove else typer.prompt("PIN, 6 digits", hide_input=True, confirmation_prompt="once more")
    at_hq(data, "members/pin", {"brand_id": brand, "member_number": member, "pin": chosen})
    print("the member has no PIN now" if remove else "the PIN is set")


def sms(
    brand: BrandOption,
    url: Annotated[str, typer.Option(help="Address of the brand's own SMS gateway (https).")] = "",
    remove: Annotated[bool, typer.Option("--remove", help="Send no more messages.")] = False,
    data: DataOption = DEFAULT_DATA,
) -> None:
    """Enter the gateway that sends codes to members' phones, with a new key, which is shown once; or take it away."""
    if remove == bool(url):
        raise typer.BadParameter("give --url or --remove")
    done = at_hq(data, "members/sms", {"brand_id": brand, "url": url})
    print("no messages are sent" if remove else f"key {done['key']}")


@channels.command("add")
def add_channel(
    channel: Annotated[str, typer.Argument(help="Name, e.g. miniapp.")],
    brand: BrandOption,
    url: Annotated[str, typer.Option(help="Where changes of members are pushed to (https); none: nothing is.")] = "",
    data: DataOption = DEFAULT_DATA,
) -> None:
    """Enter an online channel, or give it a new token and key. Both are shown once."""
    done = at_hq(data, "members/channel", {"channel": channel, "brand_id": brand, "url": url, "revoke": False})
    print(f"token {done['token']}\nkey {done['key']}")


@channels.command("revoke")
def revoke_channel(
    channel: Annotated[str, typer.Argument(help="Name.")],
    data: DataOption = DEFAULT_DATA,
) -> None:
    """Refuse an online channel from now on."""
    at_hq(data, "members/channel", {"channel": channel, "brand_id": "", "url": "", "revoke": True})
    print(f"{channel} is revoked")


@channels.command("stuck")
def stuck(
    retry: Annotated[str, typer.Option(help="Begin what is stuck of this channel anew.")] = "",
    data: DataOption = DEFAULT_DATA,
) -> None:
    """List pushes that three tries could not make, or begin them anew (`--retry CHANNEL`)."""
    done = at_hq(data, "members/stuck", {"retry": retry})
    if retry:
        print(f"{done['retried']} pushes begin anew")
        return
    for one in done["stuck"]:
        since = local_time(one["since_ms"]).isoformat(timespec="seconds")
        print(f"{one['channel']} {one['member_id']}: {one['code']} after {one['tries']} tries, since {since}")
    if not done["stuck"]:
        print("nothing is stuck")


def export(
    metric: Annotated[
        str,
        typer.Argument(
            help="joins, active, tickets, arpu, exchange, gifts, coupons, cycle, rfm, tiers, dormant30 or dormant90."
        ),
    ],
    brand: BrandOption,
    first: Annotated[str, typer.Option("--from", help="First day, YYYY-MM-DD; figures by month take its month.")] = "",
    last: Annotated[str, typer.Option("--to", help="Last day; today without it.")] = "",
    data: DataOption = DEFAULT_DATA,
) -> None:
    """Write a figure as CSV to standard output; how far it is, to standard error."""
    last = last or business_day(SystemClock().now_ms())
    with plain_errors():
        for name, text in (("--from", first or last), ("--to", last)):
            _check_day(name, text)
    _export(data, {"metric": metric, "brand_id": brand, "first": first or last[:8] + "01", "last": last})


def _check_day(name: str, text: str) -> None:
    try:
        parse_day(text)
    except ValueError as error:
        raise ConfigError([f"{name} is a day, YYYY-MM-DD"]) from error


def _export(data: Path, ask: dict[str, Any]) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    with bars() as told:
        ends = _fifths(data, ask, told) if ask["metric"] == "rfm" else []
        written = 0
        for page in _pages(data, ask):
            if not written:
                writer.writerow([*page["columns"], *(("r", "f", "m") if ends else ())])
            for row in page["rows"]:
                marks = [score(value, end) for value, end in zip(row[1:], ends, strict=True)] if ends else []
                writer.writerow([*row, *marks])
            written += len(page["rows"])
            told("writing", written)


def _fifths(data: Path, ask: dict[str, Any], told: Callable[..., None]) -> list[Sequence[Any]]:
    """Where the fifths of recency, frequency and money end: the first of two readings."""
    values: tuple[list[Any], list[Any], list[Any]] = ([], [], [])
    for page in _pages(data, ask):
        for _member_id, *row in page["rows"]:
            for column, value in zip(values, row, strict=True):
                column.append(value)
        told("comparing", len(values[0]))
    return [fifths(column) for column in values]


def _pages(data: Path, ask: dict[str, Any]) -> Iterator[dict[str, Any]]:
    after = ""
    while True:
        page = at_hq(data, "members/figures", {**ask, "after": after})
        yield page
        after = page["after"]
        if not after:
            return


def recount(brand: BrandOption, data: DataOption = DEFAULT_DATA) -> None:
    """Count members' days anew from events, should anybody doubt the figures. Pushes of tills wait meanwhile."""
    with bars() as told:
        done = at_hq(data, "members/recount", {"brand_id": brand}, progress=told)
    print(f"{done['events']} events were counted")


def erase(
    member: Annotated[str, typer.Argument(help="Member number, or HQ's id of the member.")],
    brand: BrandOption,
    by: Annotated[str, typer.Option("--by", help="Who asked for it: a person of yours, or a ticket.")],
    why: Annotated[str, typer.Option("--why", help="Why; without a name, for it is kept.")],
    data: DataOption = DEFAULT_DATA,
) -> None:
    """Forget who a member is, here and at all tills. The books stay, under an id that says nobody. Not to be undone."""
    done = at_hq(data, "members/erase", {"brand_id": brand, "member": member, "asked_by": by, "reason": why})
    print("erased; `pos-agent hq erasures` says which tills have done so" if done["erased"] else "was erased before")


def erasures(brand: BrandOption = "", data: DataOption = DEFAULT_DATA) -> None:
    """List requests for erasure, and the tills that have not acknowledged them."""
    found = at_hq(data, "members/erasures", {"brand_id": brand})["erasures"]
    for one in found:
        at = local_time(one["at_ms"]).isoformat(timespec="seconds")
        waits = f"waits for {', '.join(one['missing'])}" if one["missing"] else "done at all tills"
        print(f"{at} {one['member_id']} by {one['asked_by']}: {one['reason']}; {waits}")
    if not found:
        print("nobody was erased")
