"""One daemon thread that owns one blocking resource: the books' writer, the replica, a printer.

Called from the event loop by adapters. Work runs in submission order; nothing else may touch the resource.
A worker can be abandoned at shutdown (a printer that hangs in a write) because its thread is a daemon.
"""

import asyncio
import queue
import threading
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")
_Job = tuple[Callable[[], Any], "asyncio.Future[Any]", asyncio.AbstractEventLoop]


class WorkerClosed(RuntimeError):
    """The worker no longer takes work."""


class Worker:
    """Run callables one after another in a thread of their own; await their results on the loop."""

    def __init__(self, name: str) -> None:
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._closed = False
        self._thread = threading.Thread(target=self._serve, name=name, daemon=True)
        self._thread.start()

    async def call(self, work: Callable[[], T]) -> T:
        """Run `work` in the thread and return its result or raise its exception; raises WorkerClosed after close().

        A cancelled caller does not stop work that has begun: a commit that was handed over is carried through.
        """
        if self._closed:
            raise WorkerClosed(self._thread.name)
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._jobs.put((work, future, loop))
        return await future

    def close(self, timeout_s: float | None = None) -> bool:
        """Let queued work finish and stop; False when the thread is still busy after `timeout_s` (it is abandoned)."""
        if not self._closed:
            self._closed = True
            self._jobs.put(None)
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _serve(self) -> None:
        while (job := self._jobs.get()) is not None:
            work, future, loop = job
            try:
                result, error = work(), None
            except BaseException as raised:
                result, error = None, raised
            try:
                loop.call_soon_threadsafe(_settle, future, result, error)
            except RuntimeError:  # the loop is gone: nobody waits for this any more
                continue


class InlineWorker(Worker):
    """A worker without a thread: work is done at once on the event loop. For the simulated world."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._closed = False

    async def call(self, work: Callable[[], T]) -> T:
        """Do `work` now; raises WorkerClosed after close()."""
        if self._closed:
            raise WorkerClosed(self._name)
        return work()

    def close(self, timeout_s: float | None = None) -> bool:
        """Take no more work."""
        self._closed = True
        return True


def _settle(future: "asyncio.Future[Any]", result: object, error: BaseException | None) -> None:
    if future.cancelled():
        return
    if error is not None:
        future.set_exception(error)
    else:
        future.set_result(result)
