"""HQ on its sockets: the calls of stores and people, and the loops that work while it serves.

Made by sync.hq.main, the demo and tests. It runs inside another program's event loop: it installs no signal handlers
and logs nothing to stdout.
"""

import asyncio
import contextlib
from collections.abc import Sequence
from pathlib import Path

from agent.domain.errors import DiskLow, StorageError
from agent.http_server import HttpServer, listen_tcp, listen_unix
from agent.limits import HQ_TIMEOUT_S
from sync.hq.admin import create_admin_app
from sync.hq.app import create_app
from sync.hq.bounds import CONNECTIONS, EXPIRY_LOOK_S, KEEP_ALIVE_S
from sync.hq.console.door import origins_of
from sync.hq.console.join import Console, add_users, open_console
from sync.hq.db.seam import DatabaseAway
from sync.hq.keeping import kept, pause_after
from sync.hq.service import HqService
from sync.hq.turns import Turns


class HqServer:
    """An HQ that answers on sockets of its own, inside the running event loop."""

    def __init__(
        self,
        hq: HqService,
        *,
        admin_socket: Path | None = None,
        uploads: Path | None = None,
        console: Sequence[str] = (),
    ) -> None:
        """`uploads`: where files given to the console lie; without it there is no console. `console`: its origins."""
        self.hq = hq
        self._uploads = uploads
        self._origins = list(console)
        self._turns = Turns(hq.mono_s)
        hq.heed(lambda: self._turns.busy)
        self.console: Console | None = None
        self._admin_socket = admin_socket
        self._servers: list[HttpServer] = []
        self._reckoning: asyncio.Task[None] | None = None
        self._building: asyncio.Task[None] | None = None
        self._asking: asyncio.Task[None] | None = None
        self._keeping: list[asyncio.Task[None]] = []

    async def start(
        self, host: str = "127.0.0.1", port: int = 0, *, certificate: Path | None = None, key: Path | None = None
    ) -> str:
        """Listen, and give the base URL; port 0 takes a free one. With certificate and key the URL is https."""
        listener = listen_tcp(host, port)
        shown = f"[{host}]" if ":" in host else host
        url = f"{'https' if certificate else 'http'}://{shown}:{listener.getsockname()[1]}"
        app = create_app(self.hq, self._turns)
        if self._uploads is not None:
            self.console = open_console(app, self.hq, origins_of(self._origins, url), self._uploads)
        self._servers = [
            HttpServer(
                app, [listener], certificate=certificate, key=key, connections=CONNECTIONS, keep_alive_s=KEEP_ALIVE_S
            )
        ]
        if self._admin_socket is not None:
            admin = create_admin_app(self.hq)
            if self.console is not None:
                add_users(admin, self.console.desk.people)
            self._servers.append(HttpServer(admin, [listen_unix(self._admin_socket)]))
        for server in self._servers:
            await server.start()
        self._reckoning = asyncio.create_task(kept("reckoning", self._reckon))
        self._asking = asyncio.create_task(kept("WeChat", self.hq.wechat.worker.run))
        loops = {
            "members": self.hq.members.run,
            "channels": self.hq.channels.worker.run,
            "marks": self.hq.marking.run,
        }
        self._keeping = [asyncio.create_task(kept(name, run)) for name, run in loops.items()]
        if self.hq.snapshots is not None:
            self._building = asyncio.create_task(kept("snapshots", self.hq.snapshots.run))
        return url

    async def _reckon(self) -> None:
        """Reckon events again as they come, post lots that ended, a few at a time.

        A full disk, or a server that is away, only makes it wait.
        """
        expire_from_s = 0.0
        while True:
            self.hq.folded.clear()
            began_s = self.hq.mono_s()
            try:
                more = await self.hq.recompute_some()
                if not more or began_s >= expire_from_s:  # lots end however much waits to be reckoned
                    ended = await self.hq.expire_some()
                    more, expire_from_s = more or ended, began_s if ended else began_s + EXPIRY_LOOK_S
                pause_s = pause_after(self.hq.mono_s() - began_s, busy=self._turns.busy)
            except (DiskLow, DatabaseAway):
                more, pause_s = True, HQ_TIMEOUT_S
            except StorageError:
                return  # `failed` is set: whoever serves ends the process
            if more or self._turns.busy:
                await asyncio.sleep(pause_s)
            if not more:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(EXPIRY_LOOK_S):  # nothing needs to come in for a day to end
                        await self.hq.folded.wait()

    async def stop(self) -> None:
        """Answer what is in flight, stop listening, close the database."""
        for task in (self._reckoning, self._building, self._asking, *self._keeping):
            if task is not None:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
        servers, self._servers = self._servers, []
        for server in servers:
            await server.stop()
        if self.console is not None:
            await self.console.close()
        if self._admin_socket is not None:
            self._admin_socket.unlink(missing_ok=True)
        await self.hq.close()
