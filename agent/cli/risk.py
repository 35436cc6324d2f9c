"""Commands of a manager at the till: confirm the clock, list and lift freezes made here."""

from typing import Annotated

import typer

from agent.cli.common import DEFAULT_CONFIG, ConfigOption, require_daemon, run_async, settings
from agent.domain.business_day import local_time


def confirm_clock(
    by: Annotated[str, typer.Option("--by", help="Who says that day and time of this machine are right.")],
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Trust this machine's clock until headquarters is reached or the machine starts anew."""
    answer = run_async(require_daemon(settings(config), "POST", "/control/clock", body={"by": by}))
    print(f"confirmed by {answer['by']}: {_shown(answer['at_ms'])}")


def unfreeze(
    member: Annotated[str, typer.Argument(help="The member id that `pos-agent frozen` shows.")],
    by: Annotated[str, typer.Option("--by", help="Who lifts it.")],
    why: Annotated[str, typer.Option("--why", help="Why, in a sentence.")],
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Lift a freeze that this till made; points held back stay so until headquarters releases them."""
    body = {"member_id": member, "by": by, "why": why}
    answer = run_async(require_daemon(settings(config), "POST", "/control/unfreeze", body=body))
    print(f"{answer['lifted']} freeze(s) of {member} lifted")


def frozen(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """List members whom this till froze: more than the allowed points within an hour."""
    answer = run_async(require_daemon(settings(config), "GET", "/control/freezes"))
    for one in answer["freezes"]:
        print(f"{one['member_id']}\t{_shown(one['at_ms'])}\t{one['points']} points held back")
    if not answer["freezes"]:
        print("nobody is frozen here")


def _shown(at_ms: int) -> str:
    return local_time(at_ms).strftime("%Y-%m-%d %H:%M")
