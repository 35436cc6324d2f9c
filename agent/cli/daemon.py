"""Commands of the till: run, enrol, pair, reconcile. They ask the running daemon; it alone opens the books."""

import asyncio
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from agent import logs
from agent.cli.common import (
    DEFAULT_CONFIG,
    EXIT_DIFFERENT,
    ConfigOption,
    ask_daemon,
    run_async,
    run_service,
    settings,
)
from agent.cli.proof_tables import proof_tables
from agent.config import Settings
from agent.domain.errors import AgentError
from agent.main import Agent
from agent.main import enrol as enrol_here
from agent.notify import our_notifier
from agent.sqlite import LIBRARY_VERSION
from agent.system import SystemClock, SystemEntropy


def run(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Run the agent (what systemd starts). Logs JSON lines to stdout; SIGTERM drains and stops."""
    run_service(_run(config))


async def _run(config: Path) -> None:
    configured = settings(config)
    logs.configure()
    agent = Agent(configured, SystemClock(), SystemEntropy(), notifier=our_notifier())
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    try:
        await agent.open()
        logs.get().info("agent.starting", library=f"SQLite {LIBRARY_VERSION}", store_id=agent.enrolment.store_id)
        await agent.run(stop)
    finally:
        await agent.close()
    logs.get().info("agent.stopped")


def enrol(
    code: Annotated[str, typer.Argument(help="The one-time code that `pos-agent hq enrol` printed.")],
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Make this machine a workstation of its store: keys are made here, HQ tells who we are."""
    answer = run_async(_enrol(config, code))
    print(f"enrolled as {answer.workstation_id} of store {answer.store_id} {answer.store_name} ({answer.brand_name})")


async def _enrol(config: Path, code: str) -> Any:
    return await enrol_here(settings(config), code, SystemEntropy())


def pair(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Show a pairing code; a POS exchanges it for its token with POST /v1/pair within five minutes."""
    answer = run_async(_ask(config, "POST", "/control/pairing-codes"))
    print(answer["code"])


async def _ask(config: Path, method: str, path: str) -> dict[str, Any]:
    answer = await ask_daemon(settings(config), method, path)
    if answer is None:
        raise AgentError("the agent is not running", hint="start it: systemctl start pos-agent, or pos-agent run")
    return answer


def reconcile(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Prove now that HQ holds the same books; resend what it lacks. Exit code 3 when the books differ."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = 160  # a log or a pipe: no reason to fold
    with console.status("comparing both books") as status:
        result = run_async(_reconcile(config, lambda step: status.update(f"comparing both books: {step}")))
    for table in proof_tables(result):
        console.print(table)
    if not result["equal"]:
        console.print(result["reason"] or "The books differ. Nothing altered heals by itself: a person must look.")
        raise typer.Exit(EXIT_DIFFERENT)


async def _reconcile(config: Path, progress: Callable[[str], None]) -> dict[str, Any]:
    configured = settings(config)
    answer = await ask_daemon(configured, "POST", "/control/reconcile", timeout_s=600)
    return answer if answer is not None else await _reconcile_here(configured, progress)


async def _reconcile_here(configured: Settings, progress: Callable[[str], None]) -> dict[str, Any]:
    """The daemon is down: open the books ourselves, as their only opener."""
    agent = Agent(configured, SystemClock(), SystemEntropy())
    try:
        await agent.open()
        return await agent.daemon.reconcile(progress)
    finally:
        await agent.close()
