"""`pos-agent hq move`: an embedded headquarters goes on with a PostgreSQL server. Named by agent.cli.hq_group."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agent.cli.common import plain_errors, run_async
from agent.cli.hq_ask import DEFAULT_DATA, DataOption, bars

if TYPE_CHECKING:
    from sync.hq.move import Moved


def move(
    to: Annotated[str, typer.Option("--to", help="postgresql://user@host/database of an empty database, no password.")],
    replace_nul: Annotated[
        bool, typer.Option("--replace-nul", help="Move texts with a NUL with U+FFFD in its place; each is recorded.")
    ] = False,
    data: DataOption = DEFAULT_DATA,
) -> None:
    """Move the books of a stopped headquarters from hq.db to PostgreSQL, proven row by row; safe to call again."""
    from agent.system import SystemClock, SystemEntropy
    from sync.hq.db.address import address_of
    from sync.hq.move import move as move_books

    with plain_errors():
        address = address_of(to, os.environ, connections=1)
    with bars() as told:
        doing = move_books(data, address, SystemClock(), SystemEntropy(), _summed(told), replace_nul=replace_nul)
        done = run_async(doing)
    _print(done, data, address.url)


def _summed(told: Callable[..., None]) -> Callable[[str, str, int], None]:
    """All tables as one."""
    rows: dict[str, dict[str, int]] = {}

    def step(what: str, table: str, done: int) -> None:
        of = rows.setdefault(what, {})
        of[table] = done
        told(what, sum(of.values()))

    return step


def _print(done: "Moved", data: Path, url: str) -> None:
    for name, tally in done.tables.items():
        if tally.rows:
            print(f"{name}\t{tally.rows}\t{tally.digest[:16]}")
    if done.tables:
        rows = sum(tally.rows for tally in done.tables.values())
        print(f"{rows} rows in {len(done.tables)} tables are the same on both sides")
    for one in done.findings:
        print(f"does not add up, here as there: {one.table} {one.key}: {one.detail}")
    for text in done.replaced:
        print(f"replaced: {text.table} {text.key} {text.column}, which was in hex {text.original}")
    said = "were moved" if done.tables else "had been moved"
    print(f"the books {said} to {url}; {data / 'hq.db'} is marked and serves no more, {data / 'hq.key'} goes on")
