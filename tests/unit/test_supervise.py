"""A device's life: never given up, reopened with patience, announced on edges only. Guards pains 30; and health."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import pytest

from agent.device_ports import Scanner
from agent.domain.errors import DeviceError, DeviceUnavailable, InvariantViolation, StorageError
from agent.domain.scan import RawScan
from agent.health import Health
from agent.limits import DEVICE_REOPEN_BASE_S, DEVICE_REOPEN_CAP_S, DEVICE_STABLE_S
from agent.supervise import OnState, reopen_delay_s, supervise

PATIENCE_S = 20.0


class World:
    """A clock and dice that a test moves by hand; no wait is jittered longer than the real one."""

    def __init__(self) -> None:
        self.at_s = 0.0

    def now_ms(self) -> int:
        return int(self.at_s * 1000)

    def mono_s(self) -> float:
        return self.at_s

    def token(self, size: int) -> bytes:
        return bytes(size)

    def uniform(self, low: float, high: float) -> float:
        return low


class Hurried(World):
    """Dice that take the wait away, so that many attempts fit in a test."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[tuple[float, float]] = []

    def uniform(self, low: float, high: float) -> float:
        self.waits.append((low, high))
        return 0.0


Step = Exception | RawScan | None


class Scripted:
    """A scanner that does at each open and read what its script says, and waits for ever at the script's end."""

    name = "scanner"

    def __init__(self, *steps: Step) -> None:
        self.steps = list(steps)
        self.opened = False
        self.finished = asyncio.Event()
        self.calls: list[str] = []

    async def open(self) -> None:
        self.calls.append("open")
        await self._step()
        self.opened = True

    async def read(self) -> RawScan:
        assert self.opened
        scan = await self._step()
        assert scan is not None
        return scan

    def close(self) -> None:
        self.opened = False
        self.calls.append("close")

    async def _step(self) -> RawScan | None:
        if not self.steps:
            self.finished.set()
            await asyncio.Event().wait()
        step = self.steps.pop(0)
        if isinstance(step, Exception):
            raise step
        return step


OK: Step = None
SCAN = RawScan("6901234567892", "E0", "scanner", 0.0)
GONE = DeviceError("/dev/x hung up", hint="check the cable")
MISSING = DeviceUnavailable("/dev/x: No such file or directory")


def live(
    scanner: Scripted,
    world: World,
    *,
    deliver: Callable[[RawScan], Awaitable[None]] | None = None,
    on_attempt: OnState | None = None,
) -> tuple[list[tuple[str, bool, str]], list[RawScan]]:
    """Supervise until the script is through; gives the edges and the scans."""
    edges: list[tuple[str, bool, str]] = []
    scans: list[RawScan] = []

    async def keep(scan: RawScan) -> None:
        scans.append(scan)

    async def run() -> None:
        port: Scanner = scanner
        life = asyncio.create_task(
            supervise(
                port,
                deliver or keep,
                clock=world,
                entropy=world,
                on_edge=lambda name, up, reason: edges.append((name, up, reason)),
                on_attempt=on_attempt,
            )
        )
        finished = asyncio.create_task(scanner.finished.wait())
        async with asyncio.timeout(PATIENCE_S):
            await asyncio.wait({life, finished}, return_when=asyncio.FIRST_COMPLETED)
        finished.cancel()
        life.cancel()
        try:
            await life
        except asyncio.CancelledError:
            return

    asyncio.run(run())
    return edges, scans


def test_scans_flow_and_a_lost_device_comes_back_without_a_restart() -> None:
    """pains 30."""
    scanner = Scripted(OK, SCAN, GONE, MISSING, MISSING, OK, SCAN)
    edges, scans = live(scanner, Hurried())
    assert scans == [SCAN, SCAN]
    assert edges == [
        ("scanner", True, ""),
        ("scanner", False, "/dev/x hung up (check the cable)"),
        ("scanner", True, ""),
    ]


def test_each_attempt_is_closed_before_the_next_and_cancellation_closes_too() -> None:
    scanner = Scripted(OK, GONE, MISSING, OK)
    live(scanner, Hurried())
    assert scanner.calls == ["open", "close", "open", "close", "open", "close"]


def test_a_device_missing_from_the_start_is_announced_once_and_never_given_up() -> None:
    edges, scans = live(Scripted(*[MISSING] * 500, OK, SCAN), Hurried())
    assert [up for _, up, _ in edges] == [False, True]
    assert scans == [SCAN]


def test_waits_double_up_to_the_cap_with_jitter() -> None:
    world = Hurried()
    live(Scripted(*[MISSING] * 40), world)
    tops = [high for _, high in world.waits]
    assert tops[:3] == [DEVICE_REOPEN_BASE_S, 2 * DEVICE_REOPEN_BASE_S, 4 * DEVICE_REOPEN_BASE_S]
    assert max(tops) == DEVICE_REOPEN_CAP_S == tops[-1]
    assert all(low == high / 2 for low, high in world.waits)
    assert reopen_delay_s(10**9, world) == 0.0  # no overflow after a year without the device


def test_a_flapping_device_waits_longer_and_a_stable_one_starts_over() -> None:
    world = Hurried()
    live(Scripted(OK, GONE, OK, GONE, OK, GONE), world)
    assert [high for _, high in world.waits] == [DEVICE_REOPEN_BASE_S * factor for factor in (1, 2, 4)]

    stable = Hurried()

    async def an_hour_passes(_: RawScan) -> None:
        stable.at_s += DEVICE_STABLE_S

    live(Scripted(MISSING, MISSING, OK, SCAN, GONE), stable, deliver=an_hour_passes)
    assert stable.waits[-1][1] == DEVICE_REOPEN_BASE_S


def test_an_unexpected_driver_exception_is_an_ill_device_and_its_text_stays_out() -> None:
    """Exceptions may quote what they choked on, and that may be a payment code."""
    edges, scans = live(Scripted(OK, ValueError("134567890123456789"), OK, SCAN), Hurried())
    assert edges[1] == ("scanner", False, "unexpected ValueError in the driver")
    assert scans == [SCAN]


@pytest.mark.parametrize("fatal", [InvariantViolation("ours"), StorageError("disk gone")])
def test_our_mistakes_and_lost_durability_are_not_a_sick_scanner(fatal: Exception) -> None:
    scanner = Scripted(OK, fatal)
    with pytest.raises(type(fatal)):
        live(scanner, Hurried())
    assert scanner.calls[-1] == "close"


@pytest.mark.parametrize("raised", [DeviceError("the printer's"), KeyError("bug")])
def test_what_deliver_raises_is_never_blamed_on_the_scanner(raised: Exception) -> None:
    async def fails(_: RawScan) -> None:
        raise raised

    scanner = Scripted(OK, SCAN)
    with pytest.raises(type(raised)):
        live(scanner, Hurried(), deliver=fails)
    assert scanner.calls[-1] == "close"


def test_the_wait_itself_is_cancelled_at_once() -> None:
    async def run() -> float:
        loop = asyncio.get_running_loop()
        scanner, world, down = Scripted(MISSING), World(), asyncio.Event()
        world.uniform = lambda low, high: 3600.0  # type: ignore[method-assign]

        async def nothing(_: RawScan) -> None:
            raise AssertionError

        life = asyncio.create_task(
            supervise(scanner, nothing, clock=world, entropy=world, on_edge=lambda *_: down.set())
        )
        async with asyncio.timeout(PATIENCE_S):
            await down.wait()
            began_s = loop.time()
            life.cancel()
            await asyncio.wait({life})
        assert life.cancelled()
        return loop.time() - began_s

    assert asyncio.run(run()) < 1.0


# --- health ---------------------------------------------------------------------------------------------------------
def test_health_learns_every_reason_though_only_edges_are_announced() -> None:
    health = Health(World())
    denied = DeviceUnavailable("/dev/x: Permission denied")
    edges, _ = live(
        Scripted(OK, GONE, MISSING, denied),
        Hurried(),
        on_attempt=lambda name, up, reason: health.report(name, up=up, reason=reason),
    )
    assert [up for _, up, _ in edges] == [True, False]
    state = health.state("scanner")
    assert state is not None
    assert (state.up, state.reason) == (False, "/dev/x: Permission denied")


def report_all(health: Health, reports: Sequence[tuple[bool, str]]) -> list[bool]:
    return [health.report("scanner", up=up, reason=reason) for up, reason in reports]


def test_health_reports_edges_and_keeps_the_moment_of_the_last_one() -> None:
    world = World()
    health = Health(world)
    health.watch("scanner", lambda: {"frames": 7})
    assert not health.all_up()
    assert health.snapshot()["scanner"]["up"] is None
    world.at_s = 5.0
    assert report_all(health, [(False, "missing")]) == [True]
    world.at_s = 9.0
    assert report_all(health, [(False, "denied")]) == [False]
    assert health.snapshot() == {
        "scanner": {"up": False, "since_at_ms": 5000, "reason": "denied", "counters": {"frames": 7}}
    }
    assert report_all(health, [(True, ""), (True, "")]) == [True, False]
    assert health.all_up()


def test_a_component_nobody_listed_appears_when_it_reports() -> None:
    health = Health(World())
    assert health.state("hq") is None
    health.report("hq", up=False, reason="unreachable")
    assert health.snapshot()["hq"]["counters"] == {}
