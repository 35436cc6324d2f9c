"""A command of headquarters where none serves: its database is opened, asked the same way, and let go.

Imported by agent.cli.hq_ask at the moment it is needed: this is all of headquarters.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import httpx

from agent.cli.common import answer_of
from agent.domain.errors import AgentError
from agent.system import SystemClock, SystemEntropy
from agent.worker import Worker
from sync.hq.admin import create_admin_app
from sync.hq.console.join import add_users, people_of
from sync.hq.db.address import Address, settled
from sync.hq.main import open_hq
from sync.hq.places import DATABASE

_BEGIN: Final = "brands"
"""The only call that creates a headquarters: another one with a mistyped directory must not make keys there."""


async def alone(
    data: Path,
    path: str,
    ask: dict[str, Any],
    database: Address | None,
    *,
    new_process: bool,
    progress: Callable[..., None],
) -> dict[str, Any]:
    """What the application of the unix socket answers, asked in this process. Raises AgentError."""
    database = database or settled(data, "", os.environ, connections=1)
    if path != _BEGIN and database is None and not (data / DATABASE).exists():
        hint = "name its directory with --data, or begin with `pos-agent hq init`"
        raise AgentError(f"there is no headquarters in {data}", hint=hint)
    hq = await open_hq(data, SystemClock(), SystemEntropy(), database=database, new_process=new_process)
    worker = Worker("hq-console")
    try:
        app = create_admin_app(hq, progress)
        add_users(app, people_of(hq, worker))
        app.exception_handlers.pop(AgentError)  # they end this command as they are, and need no wire
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost", timeout=None) as client:  # noqa: S113 - nobody waits but who asked
            return answer_of(await client.post(f"/admin/{path}", json=ask))
    finally:
        worker.close()
        await hq.close()
