"""Commands about who signs in at the console: `pos-agent hq user add | remove | list`. Named by agent.cli.main."""

from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import Annotated, Any

import typer

from agent.cli.common import run_async
from agent.cli.hq import DEFAULT_DATA, DataOption, at_hq
from agent.worker import Worker
from sync.hq.console.asks import UserAsk
from sync.hq.console.join import NameAsk, NoAsk, list_users, people_of, put_user, remove_user
from sync.hq.console.people import People
from sync.hq.service import HqService

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
    password: Annotated[str, typer.Option("--password", prompt=True, hide_input=True, confirmation_prompt=True)],
    data: DataOption = DEFAULT_DATA,
) -> None:
    """Let somebody sign in, or give them a new role and password; their sessions end."""
    ask = UserAsk(name=name, role=role.value, password=password)
    run_async(at_hq(data, "users/put", ask, lambda hq: _people(hq, lambda people: put_user(people, ask))))
    print(f"{name} may sign in as {role.value}")


@app.command("remove")
def remove(name: str, data: DataOption = DEFAULT_DATA) -> None:
    """Let somebody sign in no longer; their sessions end, what they did stays in the log."""
    ask = NameAsk(name=name)
    run_async(at_hq(data, "users/remove", ask, lambda hq: _people(hq, lambda people: remove_user(people, ask))))
    print(f"{name} may not sign in any more")


@app.command("list")
def listed(data: DataOption = DEFAULT_DATA) -> None:
    """List who may sign in."""
    ask = NoAsk()
    found = run_async(at_hq(data, "users/list", ask, lambda hq: _people(hq, lambda people: list_users(people, ask))))
    for one in found["users"]:
        print(f"{one['name']}\t{one['role']}")
    if not found["users"]:
        print("nobody yet: pos-agent hq user add NAME --role admin")


async def _people(hq: HqService, work: Callable[[People], Awaitable[dict[str, Any]]]) -> dict[str, Any]:
    worker = Worker("hq-console")
    try:
        return await work(people_of(hq, worker))
    finally:
        worker.close()
