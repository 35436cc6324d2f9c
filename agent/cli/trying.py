"""`pos-agent demo`: the whole path of a sale without hardware, network or configuration."""

import asyncio
import contextlib
import signal
import tempfile
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from agent.cli.common import EXIT_DIFFERENT, run_async
from agent.demo.customers import KINDS
from agent.demo.run import Demo, DemoOptions
from agent.demo.screen import Screen
from agent.system import SystemClock, SystemEntropy


def demo(
    customers: Annotated[int, typer.Option(min=1, max=100_000, help="How many customers come.")] = KINDS,
    leave: Annotated[bool, typer.Option("--exit", help="End after the proof instead of staying up.")] = False,
    out: Annotated[
        Path | None, typer.Option(help="Empty directory for receipts, summary.json and the books.", file_okay=False)
    ] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port of the till's API; 0 takes a free one.")] = 0,
) -> None:
    """Show it all on this machine: HQ, the agent, a scanner, a printer and a line of customers."""
    with contextlib.ExitStack() as stack:
        where = out if out is not None else Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pos-agent-")))
        equal = run_async(_demo(DemoOptions(customers=customers, out=where, stay=not leave, port=port)))
    if not equal:
        raise typer.Exit(EXIT_DIFFERENT)


async def _demo(options: DemoOptions) -> bool:
    running = Demo(options, Screen(Console(highlight=False)), SystemClock(), SystemEntropy())
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, running.stop)
    return await running.run()
