"""Commands about the proof: reconcile now, list what differs, explain it."""

import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from agent.cli.common import (
    DEFAULT_CONFIG,
    EXIT_DIFFERENT,
    ConfigOption,
    ask_socket,
    require_daemon,
    run_async,
    settings,
)
from agent.cli.proof_tables import discrepancy_table, proof_tables
from agent.config import Settings
from agent.domain.errors import AgentError
from agent.system import SystemClock, SystemEntropy

_LOOK_S = 0.5
_PATIENCE_S = 600


def reconcile(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Prove now that HQ holds the same books; resend what it lacks. Exit code 3 when the books differ."""
    console = _console()
    with console.status("comparing both books") as status:
        result = run_async(_reconcile(config, lambda step: status.update(f"comparing both books: {step}")))
    for table in proof_tables(result):
        console.print(table)
    if not result["equal"] and result["result"] != "explained":
        console.print(result["reason"] or "The books differ. Nothing altered heals by itself: a person must look.")
        raise typer.Exit(EXIT_DIFFERENT)


def differences(
    everything: Annotated[bool, typer.Option("--all", help="Explained ones too.")] = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """List what differed between both books, with the numbers that `explain` takes."""
    path = f"/control/differences?everything={str(everything).lower()}"
    answer = run_async(require_daemon(settings(config), "GET", path))
    _console().print(discrepancy_table(answer["differences"]))


def explain(
    number: Annotated[int, typer.Argument(min=1, help="The number that `pos-agent differences` shows.")],
    why: Annotated[str, typer.Argument(help="What happened, in a sentence.")],
    by: Annotated[str, typer.Option("--by", help="Who says so.")],
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Note why the books differ in one place. It heals nothing; the same difference no longer raises the alarm."""
    body = {"number": number, "by": by, "why": why}
    run_async(require_daemon(settings(config), "POST", "/control/explanations", body=body))
    print(f"discrepancy {number} is explained")


def _console() -> Console:
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = 160  # a log or a pipe: no reason to fold
    return console


async def _reconcile(config: Path, progress: Callable[[str], None]) -> dict[str, Any]:
    configured = settings(config)
    watching = asyncio.create_task(_watch(configured, progress))
    try:
        answer = await ask_socket(configured.socket, "POST", "/control/reconcile", timeout_s=_PATIENCE_S)
    finally:
        watching.cancel()
    return answer if answer is not None else await _reconcile_here(configured, progress)


async def _watch(configured: Settings, progress: Callable[[str], None]) -> None:
    """Show what the daemon's proof is doing while its answer is awaited."""
    with contextlib.suppress(AgentError):
        while (said := await ask_socket(configured.socket, "GET", "/control/reconcile")) is not None:
            if said["step"]:
                progress(said["step"])
            await asyncio.sleep(_LOOK_S)


async def _reconcile_here(configured: Settings, progress: Callable[[str], None]) -> dict[str, Any]:
    """The daemon is down: open the books ourselves, as their only opener."""
    from agent.main import Agent  # here: only where no daemon answers

    agent = Agent(configured, SystemClock(), SystemEntropy())
    try:
        await agent.open()
        return await agent.daemon.reconcile(progress)
    finally:
        await agent.close()
