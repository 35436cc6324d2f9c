"""Commands about who may call: operators with a PIN, programs with a token. They ask the running daemon."""

from typing import Annotated, Any
from urllib.parse import quote

import typer

from agent.cli.common import DEFAULT_CONFIG, ConfigOption, require_daemon, run_async, settings
from agent.domain.business_day import local_time

operators = typer.Typer(no_args_is_help=True, help="Who may sign in at the pages of this till.")


@operators.command("add")
def add(
    operator: Annotated[str, typer.Argument(help="Number or short name, as it stands on receipts.")],
    name: Annotated[str, typer.Option("--name", help="Their name, as colleagues know it.")] = "",
    manager: Annotated[bool, typer.Option("--manager", help="May use the manager page too.")] = False,
    pin: Annotated[
        str | None,
        typer.Option("--pin", prompt="PIN, 4 to 12 digits", hide_input=True, confirmation_prompt="once more"),
    ] = None,
    by: Annotated[str, typer.Option("--by", help="Who adds them.")] = "command line",
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Let somebody sign in, or give them a new PIN (4 to 12 digits); their sessions end."""
    role = "manager" if manager else "cashier"
    body = {"operator": operator, "name": name or operator, "role": role, "pin": pin or "", "by": by}
    _ask(config, "POST", "/v1/manage/operators", body)
    print(f"{operator} may sign in as {role}")


@operators.command("remove")
def remove(operator: str, config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Let somebody sign in no longer; their sessions end."""
    _ask(config, "DELETE", f"/v1/manage/operators/{quote(operator, safe='')}")
    print(f"{operator} may not sign in any more")


@operators.command("list")
def listed(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """List who may sign in."""
    found = _ask(config, "GET", "/v1/manage/operators")["operators"]
    for one in found:
        print(f"{one['operator']}\t{one['role']}\t{one['name']}")
    if not found:
        print("nobody yet: pos-agent operator add NUMBER --manager")


def tokens(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """List the programs and sessions that may call this till's API."""
    for one in _ask(config, "GET", "/v1/manage/tokens")["tokens"]:
        since = local_time(one["created_at_ms"]).strftime("%Y-%m-%d %H:%M")
        print(f"{one['token_id']}\t{since}\t{' '.join(one['scopes'])}\t{one['app']} {one['operator']}".rstrip())


def revoke(
    token_id: Annotated[str, typer.Argument(help="As `pos-agent tokens` shows it.")],
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Refuse a program or session from now on."""
    _ask(config, "DELETE", f"/v1/manage/tokens/{quote(token_id, safe='')}")
    print(f"{token_id} is refused from now on")


def _ask(config: Any, method: str, path: str, body: dict[str, str] | None = None) -> Any:
    return run_async(require_daemon(settings(config), method, path, body=body))
