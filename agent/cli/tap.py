"""`pos-agent tap run`: the process between an unchangeable POS and its printer (docs/tap.md). Has a unit of its own."""

from pathlib import Path
from typing import Annotated

import typer

from drivers.tap import process

app = typer.Typer(no_args_is_help=True)

TapConfigOption = Annotated[
    Path, typer.Option("--config", "-c", envvar="POS_AGENT_TAP_CONFIG", help="The tap's configuration (TOML).")
]


@app.callback()
def tap() -> None:
    """The tap between a POS that cannot be changed and its receipt printer."""


@app.command("run")
def run(config: TapConfigOption = process.DEFAULT_CONFIG) -> None:
    """Run the tap (what systemd starts). Logs JSON lines to stdout; SIGTERM lets the job under way end."""
    raise typer.Exit(process.run(config))
