"""Commands about who signs in at the console: `pos-agent hq user add | remove | list`. Named by agent.cli.hq_group."""

from enum import StrEnum
from typing import Annotated

import typer

from agent.cli.hq_ask import DEFAULT_DATA, DataOption, at_hq

app = typer.Typer(no_args_is_help=True, help="Who may sign in at the console (/console/) of headquarters.")


class RoleName(StrEnum):
    """Roles as they are typed."""

    viewer = "viewer"
    operator = "operator"
    admin = "admin"


@app.command("add")
def add(
    name: Annotated[str, typer.Argument(help="Name to sign in with; it stands in the log.")],
    role: Annotated[RoleName, typer.Option("--role", help="viewer looks; operator decides; admin changes rules.")],
    password: Annotated[
        str,
        typer.Option(
            "--password", prompt="Password, 10 characters or more", hide_input=True, confirmation_prompt="once more"
        ),
    ],
    data: DataOption = DEFAULT_DATA,
) -> None:
    """Let somebody sign in, or give them a new role and password; their sessions end."""
    at_hq(data, "users/put", {"name": name, "role": role.value, "password": password})
    print(f"{name} may sign in as {role.value}")


@app.command("remove")
def remove(name: str, data: DataOption = DEFAULT_DATA) -> None:
    """Let somebody sign in no longer; their sessions end, what they did stays in the log."""
    at_hq(data, "users/remove", {"name": name})
    print(f"{name} may not sign in any more")


@app.command("list")
def listed(data: DataOption = DEFAULT_DATA) -> None:
    """List who may sign in."""
    found = at_hq(data, "users/list", {})
    for one in found["users"]:
        print(f"{one['name']}\t{one['role']}")
    if not found["users"]:
        print("nobody yet: pos-agent hq user add NAME --role admin")
