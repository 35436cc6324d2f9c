"""The socket on which the tap asks: one line of JSON in, one out, on a unix socket that only our own user can open.

Opened by agent.assembly. A question that cannot be read is answered with why; it never raises into the daemon.
"""

import asyncio
import contextlib
import logging
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agent import limits
from agent.domain.digest import Json, canonical
from agent.domain.errors import AgentError
from agent.domain.receipt import to_json
from agent.http_server import listen_unix
from agent.tap_desk import PrintedJob, TapDesk

_QUESTION_S = 2  # LIMIT: who connects and says nothing is no tap
_log = logging.getLogger("pos_agent.tap")


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class _Tender(_Model):
    type: Annotated[str, Field(max_length=32)]
    amount_fen: Annotated[int, Field(ge=-limits.AMOUNT_FEN, le=limits.AMOUNT_FEN)] | None


class _Question(_Model):
    v: Literal[1]
    job: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    kind: Annotated[str, Field(max_length=32)]
    total_fen: Annotated[int, Field(ge=0, le=limits.AMOUNT_FEN)] | None
    tenders: Annotated[list[_Tender], Field(max_length=limits.SALE_TENDERS)]
    transaction_ids: Annotated[list[Annotated[str, Field(pattern=r"^\d{28}$")]], Field(max_length=5)]


class TapDoor:
    """Serves the desk on a unix socket."""

    def __init__(self, path: Path, desk: TapDesk) -> None:
        self._path = path
        self._desk = desk
        self._server: asyncio.Server | None = None
        self._serving: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Listen; raises ConfigError when the path cannot be bound."""
        listener = listen_unix(self._path)
        self._server = await asyncio.start_unix_server(self._accept, sock=listener, limit=limits.TAP_ANSWER_BYTES)

    async def stop(self) -> None:
        """Listen no more; questions under way are dropped, which the tap takes for a daemon that is gone."""
        if self._server is None:
            return
        server, self._server = self._server, None
        server.close()
        serving = list(self._serving)
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)
        with contextlib.suppress(OSError):
            self._path.unlink()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_QUESTION_S):
                line = await reader.readuntil(b"\n")
                writer.write(canonical(await self._answer(line)) + b"\n")
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # the tap has gone: it forwards the paper as it is
        except AgentError as error:
            _log.warning("tap question failed: %s", error.message)
        finally:
            writer.close()

    async def _answer(self, line: bytes) -> dict[str, Json]:
        try:
            asked = _Question.model_validate_json(line)
        except ValidationError:
            return {"append": None, "why": "the daemon cannot read the question"}
        said = await self._desk.answer(
            PrintedJob(
                asked.job,
                asked.kind,
                asked.total_fen,
                [(one.type, one.amount_fen) for one in asked.tenders],
                asked.transaction_ids,
            )
        )
        return {"append": None, "why": said} if isinstance(said, str) else {"append": to_json(said), "why": ""}
