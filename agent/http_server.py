"""uvicorn as a guest: serves an ASGI application on sockets we bound ourselves, inside our loop, without its signals.

Used by the store's composition root and by HQ's. Stops gracefully within a bound; logs nothing of its own accord.
"""

import asyncio
import contextlib
import os
import socket
from collections.abc import Generator
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from agent.domain.errors import ConfigError

_BACKLOG = 4096  # callers that wait in the kernel until they are accepted; it cuts this to its own somaxconn
_ACCEPTED_AT_ONCE = 64  # LIMIT: between two rounds of the loop: a crowd at the door keeps nobody waiting who is inside
_CONNECTIONS = 256  # LIMIT: one machine's own programs and pages
_KEEP_ALIVE_S = 30
_GRACE_S = 3
_START_POLL_S = 0.005


class _Guest(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Signals belong to the composition root."""
        yield


class HttpServer:
    """One application on one or more listening sockets."""

    def __init__(
        self,
        app: ASGIApp,
        sockets: list[socket.socket],
        *,
        certificate: Path | None = None,
        key: Path | None = None,
        connections: int = _CONNECTIONS,
        keep_alive_s: int = _KEEP_ALIVE_S,
    ) -> None:
        """`connections` beyond which callers are turned away at once; an idle one is closed after `keep_alive_s`."""
        config = uvicorn.Config(
            app,
            lifespan="off",
            log_config=None,
            log_level="critical",
            access_log=False,
            server_header=False,
            date_header=False,
            timeout_graceful_shutdown=_GRACE_S,
            timeout_keep_alive=keep_alive_s,
            limit_concurrency=connections,
            backlog=_ACCEPTED_AT_ONCE,
            ws="none",
            ssl_certfile=certificate,
            ssl_keyfile=key,
        )
        self._server = _Guest(config)
        self._sockets = sockets
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Serve from now on."""
        self._task = asyncio.create_task(self._server.serve(sockets=self._sockets), name="http-server")
        while not self._server.started:
            if self._task.done():
                self._task.result()
            await asyncio.sleep(_START_POLL_S)
        for one in self._sockets:
            one.listen(_BACKLOG)  # ORDER: after the loop, whose own word for how many to accept at once it is

    async def stop(self) -> None:
        """Stop listening, let requests in flight finish within the grace, close."""
        self._server.should_exit = True
        if self._task is not None:
            await self._task
        for one in self._sockets:
            one.close()


def listen_tcp(host: str, port: int) -> socket.socket:
    """Bind a TCP socket; port 0 takes a free one. Raises ConfigError when the port is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is named because asyncio sets TCP_NODELAY only where it is: without, every answer waits 40 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise ConfigError([f"cannot listen on {host}:{port}: {error.strerror}"]) from error
    listener.listen(_BACKLOG)
    listener.setblocking(False)
    return listener


def listen_unix(path: Path) -> socket.socket:
    """Bind a unix socket of mode 0600 (uvicorn's own would be 0666); a stale socket file is replaced."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileNotFoundError):
        path.unlink()
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        listener.bind(str(path))
    except OSError as error:
        listener.close()
        raise ConfigError([f"cannot listen on {path}: {error}"]) from error
    finally:
        os.umask(before)
    listener.listen(_BACKLOG)
    listener.setblocking(False)
    return listener
