"""`pos-agent conformance`: hold a POS against the till's rules, or give its own tests a till that misbehaves."""

import asyncio
import contextlib
import json
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from agent import logs
from agent.cli.common import run_async
from agent.domain.errors import ConfigError
from agent.kit.conformance import Conformance
from agent.kit.driver import Hook, Person
from agent.kit.faults import Odds
from agent.kit.relay import Relay
from agent.kit.rules import RULES, Verdict
from agent.kit.stage import Pace
from agent.kit.throwaway import Throwaway
from agent.system import SystemClock, SystemEntropy

_Percent = Annotated[int, typer.Option(min=0, max=100)]


def conformance(
    url: Annotated[str, typer.Option(help="The POS's test hook; without it a person is told what to do.")] = "",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Where the POS finds the till; 0 takes a free port.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
    origin: Annotated[list[str] | None, typer.Option(help="Web origin of a POS in a browser; may be repeated.")] = None,
    hook_timeout_s: Annotated[int, typer.Option(min=1, max=600, help="How long the hook may take.")] = 60,
    patience_s: Annotated[int, typer.Option(min=1, max=600, help="How long the kit waits for what must come.")] = 20,
    slow_s: Annotated[int, typer.Option(min=1, max=60, help="How late a slow answer comes.")] = 8,
    serve_faults: Annotated[bool, typer.Option("--serve-faults", help="Only serve a till with faults.")] = False,
    lost: _Percent = 10,
    busy: _Percent = 10,
    slow: _Percent = 10,
    seed: Annotated[str, typer.Option(help="The same seed, the same faults.")] = "1",
) -> None:
    """Try a POS against a till that is thrown away; exit code 1 when it broke a rule."""
    origins = tuple(origin or ())
    if serve_faults:
        if lost + busy + slow > 100:
            raise typer.BadParameter("lost, busy and slow are more than 100 percent together")
        run_async(_serve(Odds(lost, busy, slow, slow_s, seed), port, origins))
        return
    verdicts = run_async(_judge(url, port, origins, Pace(patience_s, slow_s), hook_timeout_s, quiet=as_json))
    if as_json:
        print(json.dumps([one.row() for one in verdicts], ensure_ascii=False, indent=1))
    else:
        _print(verdicts)
    if any(one.kept is False for one in verdicts):
        raise typer.Exit(1)


async def _judge(
    url: str, port: int, origins: tuple[str, ...], pace: Pace, hook_timeout_s: int, *, quiet: bool
) -> list[Verdict]:
    # The report alone goes to stdout where a program reads it.
    driver = Hook(url, hook_timeout_s) if url else Person(_aside if quiet else print)
    try:
        with _folder() as folder:
            kit = Conformance(folder, SystemClock(), SystemEntropy(), pace, origins)
            return await kit.run(driver, port, (lambda _: None) if quiet else print)
    except OSError as error:
        raise ConfigError([f"cannot listen on port {port}: {error.strerror}"]) from error
    finally:
        await driver.close()


async def _serve(odds: Odds, port: int, origins: tuple[str, ...]) -> None:
    """Serve until Ctrl-C."""
    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    clock, entropy = SystemClock(), SystemEntropy()
    with _folder() as folder:
        async with Throwaway(folder, clock, entropy, origins) as till:
            relay = Relay(till.url, clock, odds)
            try:
                await relay.start(port)
            except OSError as error:
                raise ConfigError([f"cannot listen on port {port}: {error.strerror}"]) from error
            token = await till.token("POS under test")
            print(f"till    {relay.url}\ntoken   {token}\nscan    write codes to {till.trigger}", flush=True)
            scans = asyncio.create_task(till.follow_trigger())
            await ended.wait()
            scans.cancel()
            await relay.stop()


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    """Where everything is until it is thrown away; the log too."""
    with tempfile.TemporaryDirectory(prefix="pos-agent-") as name:
        folder = Path(name)
        with (folder / "agent.log").open("w", encoding="utf-8") as log:
            logs.configure(log)
            yield folder


def _aside(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _print(verdicts: list[Verdict]) -> None:
    print()
    for one in verdicts:
        mark = {True: "pass", False: "FAIL", None: "skip"}[one.kept]
        print(f"{mark}  {one.rule:<18} {RULES[one.rule]}")
        for text in (one.why, one.request):
            if text:
                print("\n".join(f"      {line}" for line in text.splitlines()))
    broken = sum(one.kept is False for one in verdicts)
    print(f"\n{len(verdicts)} rules, {broken} broken")
