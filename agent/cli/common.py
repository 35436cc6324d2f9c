"""What every command shares: where the configuration is, how errors end, how the running daemon is asked."""

import asyncio
import contextlib
import faulthandler
import os
import sys
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from agent.domain.errors import AgentError, ConfigError
from agent.worker import Lookups

if TYPE_CHECKING:  # what half of the commands do without is imported where it is needed
    import httpx

    from agent.config import Settings

T = TypeVar("T")
EXIT_DIFFERENT = 3
EXIT_UNREACHABLE = 4
EXIT_CONFIG = 78
DEFAULT_CONFIG = Path("/etc/pos-agent/agent.toml")

ConfigOption = Annotated[
    Path, typer.Option("--config", "-c", envvar="POS_AGENT_CONFIG", help="Configuration file (TOML).")
]


@contextlib.contextmanager
def plain_errors() -> Iterator[None]:
    """Turn our errors into sentences and exit codes; a mistake of ours keeps its traceback."""
    try:
        yield
    except ConfigError as error:
        for mistake in error.mistakes:
            print(mistake, file=sys.stderr)
        raise typer.Exit(EXIT_CONFIG) from error
    except AgentError as error:
        print(error.message + (f"\n  {error.hint}" if error.hint else ""), file=sys.stderr)
        raise typer.Exit(1) from error


def run_service(work: Coroutine[Any, Any, None]) -> None:
    """Run what systemd keeps running: like `run_async`, but it tells where it hung and ends without waiting for names.

    The watchdog's SIGABRT makes Python write where every thread stands to stderr, which is the journal.
    """

    async def serve() -> None:
        asyncio.get_running_loop().set_default_executor(Lookups())
        await work

    faulthandler.enable()
    run_async(serve())


def run_async(work: Coroutine[Any, Any, T]) -> T:
    """Run one coroutine with plain errors; Ctrl-C ends quietly. Files it makes are for nobody but our user."""
    os.umask(0o077)
    with plain_errors():
        try:
            return asyncio.run(work)
        except KeyboardInterrupt as error:
            raise typer.Exit(130) from error
        except BaseExceptionGroup as group:
            ours = group.subgroup(AgentError)
            if ours is None:
                raise
            first: BaseException = ours
            while isinstance(first, BaseExceptionGroup):
                first = first.exceptions[0]
            raise first from group


def settings(path: Path) -> "Settings":
    """Load the configuration; a missing default file says how to begin."""
    from agent.config import load

    if not path.exists():
        raise ConfigError([f"{path} does not exist: copy systemd/agent.example.toml there, or name one with --config"])
    return load(path)


async def require_daemon(
    configured: "Settings", method: str, path: str, *, body: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Ask the running daemon over its unix socket. Raises AgentError on a refusal, and when none answers there."""
    answer = await ask_socket(configured.socket, method, path, body=body)
    if answer is None:
        raise AgentError("the agent is not running", hint="start it: systemctl start pos-agent, or pos-agent run")
    return answer


async def ask_socket(
    socket: Path, method: str, path: str, *, body: dict[str, Any] | None = None, timeout_s: float = 60
) -> dict[str, Any] | None:
    """One call over a unix socket; None when nobody answers there. Raises AgentError when it is refused."""
    import httpx

    transport = httpx.AsyncHTTPTransport(uds=str(socket))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost", timeout=timeout_s) as client:
        try:
            response = await client.request(method, path, json=body)
        except (httpx.ConnectError, FileNotFoundError):
            return None
        except httpx.HTTPError as error:
            raise AgentError(f"no answer on {socket}: {type(error).__name__}", hint="see the log") from error
    return answer_of(response)


def answer_of(response: "httpx.Response") -> dict[str, Any]:
    """What was answered; AgentError when it is a refusal."""
    answer = response.json() if response.content else {}
    if response.status_code >= 400:
        sentence = str(answer.get("title") or answer.get("detail") or "refused")
        raise AgentError(f"{sentence} ({answer.get('code')})", hint=str(answer.get("hint", "")))
    return dict(answer)
