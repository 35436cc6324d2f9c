"""One daemon thread that owns one blocking resource: the books' writer, the replica, a printer.

Called from the event loop by adapters. Work runs in submission order; nothing else may touch the resource.
A worker can be abandoned at shutdown (a printer that hangs in a write) because its thread is a daemon.
"""

import asyncio
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

T = TypeVar("T")
_LOOKUP_THREADS = 4  # LIMIT: one program asks for one or two names; a silent name server holds each for half a minute
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


class Lookups(ThreadPoolExecutor):
    """The event loop's default executor for a service: daemon threads that nobody waits for at the end.

    asyncio looks names up in it. The standard one is joined at exit, so that a silent name server holds up the stop.
    """

    def __init__(self) -> None:
        super().__init__(_LOOKUP_THREADS)
        self._asked: queue.SimpleQueue[tuple[Future[Any], Callable[[], Any]]] = queue.SimpleQueue()
        self._started = 0

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "Future[Any]":
        """See Executor."""
        future: Future[Any] = Future()
        self._asked.put((future, lambda: fn(*args, **kwargs)))
        if self._started < _LOOKUP_THREADS:
            self._started += 1
            threading.Thread(target=self._answer, name=f"lookup-{self._started}", daemon=True).start()
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Abandon what runs, whatever the caller would like to wait for."""

    def _answer(self) -> None:
        while True:
            future, work = self._asked.get()
            if not future.set_running_or_notify_cancel():
                continue
            try:
                result = work()
            except BaseException as error:
                future.set_exception(error)
            else:
                future.set_result(result)
