"""Commands of the till: run, enrol, pair, reconcile. They ask the running daemon; it alone opens the books."""

import asyncio
import logging
import signal
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from agent import logs
from agent.cli.common import (
    DEFAULT_CONFIG,
    EXIT_DIFFERENT,
    EXIT_UNREACHABLE,
    ConfigOption,
    ask_daemon,
    run_async,
    run_service,
    settings,
)
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
    """Prove now that HQ holds the same books; resend what it lacks. Exit code 3: they differ; 4: HQ was not there."""
    result = run_async(_reconcile(config))
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = 160  # a log or a pipe: no reason to fold
    console.print(proof_table(result))
    if not result["equal"]:
        console.print(result["reason"] or "The books differ. Nothing altered heals by itself: a person must look.")
        raise typer.Exit(EXIT_UNREACHABLE if result["result"] == "unreachable" else EXIT_DIFFERENT)


async def _reconcile(config: Path) -> dict[str, Any]:
    configured = settings(config)
    answer = await ask_daemon(configured, "POST", "/control/reconcile", timeout_s=600)
    return answer if answer is not None else await _reconcile_here(configured)


async def _reconcile_here(configured: Settings) -> dict[str, Any]:
    """The daemon is down: open the books ourselves, as their only opener."""
    logs.configure(sys.stderr, level=logging.WARNING)
    agent = Agent(configured, SystemClock(), SystemEntropy())
    try:
        await agent.open()
        return await agent.daemon.reconcile()
    finally:
        await agent.close()


def proof_table(result: dict[str, Any]) -> Table:
    """The proof as a person reads it: both sides next to each other, and what was healed."""
    title = {
        "equal": "Both books are equal",
        "healed": "Both books are equal, after resending what HQ lacked",
        "different": "THE BOOKS DIFFER",
        "unreachable": "HQ could not be asked",
    }[str(result["result"])]
    table = Table(title=title, title_justify="left")
    for heading in ("epoch", "side", "events", "head of the chain", "remarks"):
        table.add_column(heading)
    for proof in result["epochs"]:
        ranges = ", ".join(f"{a}" if a == b else f"{a}-{b}" for a, b in proof["healed"])
        remarks = [f"HQ lacked {ranges}: sent again"] if ranges else []
        if proof["suspended"]:
            remarks.append(f"{proof['suspended']} suspended at HQ, waiting for a person")
        altered = ", ".join(str(seq) for seq in proof["altered_here"])
        table.add_row(
            proof["epoch"], "store", str(proof["count"]), proof["head"][:32], f"altered: {altered}" if altered else ""
        )
        table.add_row("", "HQ", str(proof["hq_count"]), proof["hq_head"][:32], "; ".join(remarks))
    table.caption = f"{result['pushed']} events sent, {result['requests']} requests, {result['bytes']} bytes"
    return table
