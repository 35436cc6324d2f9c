"""How every `pos-agent hq` command asks headquarters: over its socket where it serves, else as its only opener.

Used by agent.cli.hq and its siblings. They import no more than this, for a command that only asks is typed often; what
answers, with FastAPI, the database's driver and all of sync.hq, is agent.cli.hq_alone.
"""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from agent.cli.common import ask_socket, run_async
from sync.hq.places import SOCKET

if TYPE_CHECKING:
    from sync.hq.db.address import Address

DataOption = Annotated[Path, typer.Option("--data", envvar="POS_AGENT_HQ_DATA", help="Directory of hq.db and hq.key.")]
DEFAULT_DATA = Path("/var/lib/pos-agent-hq")
BrandOption = Annotated[str, typer.Option("--brand", help="Brand id.")]
_PATIENCE_S = 3600.0


def at_hq(
    data: Path,
    path: str,
    ask: Mapping[str, Any],
    *,
    database: "Address | None" = None,
    new_process: bool = False,
    progress: Callable[..., None] = lambda *_: None,
) -> dict[str, Any]:
    """Ask `/admin/<path>` of sync.hq.admin; its answer. A refusal ends the command with its sentence.

    The fields of `ask` are those of the call's model there. `database`, `new_process` and `progress` count only where
    no headquarters serves.
    """

    async def asked() -> dict[str, Any]:
        answer = await ask_socket(data / SOCKET, "POST", f"/admin/{path}", body=dict(ask), timeout_s=_PATIENCE_S)
        if answer is not None:
            return answer
        from agent.cli.hq_alone import alone

        return await alone(data, path, dict(ask), database, new_process=new_process, progress=progress)

    return run_async(asked())


@contextlib.contextmanager
def bars() -> Iterator[Callable[..., None]]:
    """Progress on standard error once there is any: told of (stage, done), or (stage, done, total)."""
    shown: list[Any] = []
    tasks: dict[str, Any] = {}

    def step(stage: str, done: int, total: int = 0) -> None:
        if not shown:
            shown.append(_progress())
            shown[0].start()
        if stage not in tasks:
            tasks[stage] = shown[0].add_task(stage, total=total or None)
        shown[0].update(tasks[stage], completed=done)

    try:
        yield step
    finally:
        for one in shown:
            one.stop()


def _progress() -> Any:
    from rich.console import Console
    from rich.progress import Progress, TextColumn

    return Progress(TextColumn("{task.description}"), TextColumn("{task.completed} rows"), console=Console(stderr=True))
