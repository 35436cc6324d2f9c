"""Commands of the till: run, enrol, pair. They ask the running daemon; it alone opens the books."""

import asyncio
import signal
from pathlib import Path
from typing import Annotated, Any

import typer

from agent import logs
from agent.cli.common import (
    DEFAULT_CONFIG,
    ConfigOption,
    require_daemon,
    run_async,
    run_service,
    settings,
)
from agent.notify import our_notifier
from agent.sqlite import LIBRARY_VERSION
from agent.system import SystemClock, SystemEntropy


def run(
    config: ConfigOption = DEFAULT_CONFIG,
    training: Annotated[
        bool, typer.Option("--training", help="Book into training.db, which is never pushed; paper is marked.")
    ] = False,
) -> None:
    """Run the agent (what systemd starts). Logs JSON lines to stdout; SIGTERM drains and stops."""
    run_service(_run(config, training))


async def _run(config: Path, training: bool) -> None:
    from agent.life import Life  # here: `pair` and `enrol` need none of it, and it costs a second
    from agent.mode import Fixed

    configured = settings(config)
    if training:
        workstation = configured.workstation.model_copy(update={"training": True})
        configured = configured.model_copy(update={"workstation": workstation})
    logs.configure()
    fixed = Fixed.RUN if training else Fixed.NO
    life = Life(configured, SystemClock(), SystemEntropy(), notifier=our_notifier(), fixed=fixed)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    try:
        await life.open()
        logs.get().info("agent.starting", library=f"SQLite {LIBRARY_VERSION}", store_id=life.agent.enrolment.store_id)
        await life.run(stop)
    finally:
        await life.close()
    logs.get().info("agent.stopped")


def enrol(
    code: Annotated[str, typer.Argument(help="The one-time code that `pos-agent hq enrol` printed.")],
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Make this machine a workstation of its store: keys are made here, HQ tells who we are."""
    answer = run_async(_enrol(config, code))
    print(f"enrolled as {answer.workstation_id} of store {answer.store_id} {answer.store_name} ({answer.brand_name})")


async def _enrol(config: Path, code: str) -> Any:
    from agent.enrolling import enrol as enrol_here

    return await enrol_here(settings(config), code, SystemEntropy())


def pair(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Show a pairing code; a POS exchanges it for its token with POST /v1/pair within five minutes."""
    answer = run_async(require_daemon(settings(config), "POST", "/control/pairing-codes"))
    print(answer["code"])
