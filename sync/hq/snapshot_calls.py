"""Snapshots over HTTP: which one a workstation should take, and its bytes by range.

Routed by sync.hq.app. A snapshot never changes under its id, so its bytes may be cached for ever; they are sealed. Only
so many are sent at once: the line belongs to the books first.
"""

from typing import Any, Final

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.types import Receive, Scope, Send

from agent.domain.errors import Refusal
from sync.hq import door
from sync.hq.bounds import SMALL_REQUEST_BYTES, SNAPSHOT_BLOCK_BYTES, SNAPSHOT_DOWNLOADS
from sync.hq.service import HqService
from sync.hq.snapshot_shelf import Shelved
from sync.snapshot import SnapshotAnswer

_FOREVER: Final = "private, max-age=31536000, immutable"


class SnapshotCalls:
    """The two calls, and how many downloads are under way."""

    def __init__(self, hq: HqService) -> None:
        self._hq = hq
        self._open = 0

    async def manifest(self, request: Request, workstation_id: str) -> Response:
        """The newest snapshot, or `?id=` while it is kept, with the asking workstation's watermarks."""
        station, _ = await door.authenticate(self._hq, request, workstation_id, SMALL_REQUEST_BYTES)
        wanted = request.query_params.get("id", "")
        found = await self._hq.snapshot(station.brand_id, wanted)
        if found is None:
            return door.answer(request, SnapshotAnswer())
        marks = dict(found.marks.get(station.workstation_id, {}))
        return door.answer(request, SnapshotAnswer(manifest=found.manifest, watermarks=marks))

    async def content(self, request: Request, workstation_id: str, snapshot_id: str) -> Response:
        """The parts one after the other: Range, If-Range, ETag. Refusal 404 SNAPSHOT_GONE."""
        station, _ = await door.authenticate(self._hq, request, workstation_id, SMALL_REQUEST_BYTES)
        found = await self._hq.snapshot(station.brand_id, snapshot_id)
        if found is None or found.manifest.snapshot_id != snapshot_id:
            raise Refusal("SNAPSHOT_GONE", "this snapshot is not kept any more", hint="ask for the newest", status=404)
        if request.headers.get("if-none-match") == found.etag:
            return Response(status_code=304, headers={"ETag": found.etag, "Cache-Control": _FOREVER})
        if self._open >= SNAPSHOT_DOWNLOADS:
            return door.unavailable("SNAPSHOTS_BUSY")
        return _Download(self, found)

    def opened(self, more: int) -> None:
        """Count a download that begins (1) or has ended (-1)."""
        self._open += more


class _Download(FileResponse):
    chunk_size = SNAPSHOT_BLOCK_BYTES
    max_ranges = 1

    def __init__(self, calls: SnapshotCalls, shelved: Shelved) -> None:
        self._calls = calls
        headers = {"ETag": shelved.etag, "Cache-Control": _FOREVER}
        super().__init__(shelved.path, headers=headers, media_type="application/octet-stream")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> Any:
        self._calls.opened(1)
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._calls.opened(-1)
