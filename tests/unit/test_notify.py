"""sd_notify over real datagram sockets, by path and abstract; the watchdog is pinged only behind a health step."""

import asyncio
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.domain.errors import StorageError
from agent.notify import Notifier


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[socket.socket, str]]:
    """The service manager's end, and its address as NOTIFY_SOCKET names it."""
    abstract = f"pos-agent-test-{tmp_path.name}-{id(request)}"
    address = str(tmp_path / "notify") if request.param == "path" else f"@{abstract}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(address if request.param == "path" else f"\0{abstract}")
        listening.settimeout(5)
        yield listening, address


def test_ready_and_stopping_arrive_in_order(manager: tuple[socket.socket, str]) -> None:
    listening, address = manager
    notifier = Notifier.from_environment({"NOTIFY_SOCKET": address}, pid=1)
    notifier.ready()
    notifier.stopping()
    assert [listening.recv(100), listening.recv(100)] == [b"READY=1", b"STOPPING=1"]


def test_without_systemd_nothing_is_said_and_the_watch_ends_at_once() -> None:
    async def never() -> None:
        raise AssertionError("no watchdog, no health step")

    notifier = Notifier.from_environment({"WATCHDOG_USEC": "15000000"}, pid=1)
    notifier.ready()
    asyncio.run(notifier.watch(never))


@pytest.mark.parametrize(
    ("environment", "watchdog_s"),
    [
        ({}, 0),
        ({"WATCHDOG_USEC": "15000000"}, 15),
        ({"WATCHDOG_USEC": "15000000", "WATCHDOG_PID": "77"}, 15),
        ({"WATCHDOG_USEC": "15000000", "WATCHDOG_PID": "78"}, 0),
        ({"WATCHDOG_USEC": "soon"}, 0),
    ],
)
def test_whose_watchdog_it_is(environment: dict[str, str], watchdog_s: float) -> None:
    assert Notifier.from_environment({"NOTIFY_SOCKET": "@x", **environment}, pid=77).watchdog_s == watchdog_s


def test_each_ping_follows_a_step_and_a_step_that_hangs_is_never_covered(manager: tuple[socket.socket, str]) -> None:
    listening, address = manager
    steps: list[int] = []
    hung = asyncio.Event()

    async def step() -> None:
        steps.append(len(steps))
        if len(steps) == 3:
            hung.set()
            await asyncio.Event().wait()

    async def story() -> None:
        watching = asyncio.create_task(Notifier(address, watchdog_s=0.06).watch(step))
        async with asyncio.timeout(5):
            await hung.wait()
        await asyncio.sleep(0.1)
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)

    asyncio.run(story())
    listening.setblocking(False)
    assert [listening.recv(100), listening.recv(100)] == [b"WATCHDOG=1"] * 2
    with pytest.raises(BlockingIOError):
        listening.recv(100)


def test_a_step_that_fails_ends_the_watch(manager: tuple[socket.socket, str]) -> None:
    listening, address = manager

    async def step() -> None:
        raise StorageError("the disk is gone")

    with pytest.raises(StorageError):
        asyncio.run(Notifier(address, watchdog_s=15).watch(step))
    listening.setblocking(False)
    with pytest.raises(BlockingIOError):
        listening.recv(100)
