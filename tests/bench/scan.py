"""A scan from the wire to whoever waits for it, and what idle devices cost. Baseline: pyserial in a thread."""

import asyncio
import tempfile
import threading
import time
from pathlib import Path

import serial

from agent.domain.scan import has_check_digit
from drivers.passthrough import ENDINGS, Passthrough
from drivers.simulated import SimulatedPrinter, SimulatedScanner
from tests.bench.daemon import cpu_s
from tests.bench.table import Figure, micro, percentile
from tests.process_world import ProcessWorld
from tests.scanner_rigs import PTY_RIGS, PtyRig
from tests.sse import listening

_IDLE_S = 10


def code(number: int) -> str:
    """An EAN-13 of its own for each number."""
    body = f"690{number:09d}"
    return next(body + digit for digit in "0123456789" if has_check_digit(body + digit))


async def measure(count: int) -> list[Figure]:
    """Drivers alone, then the daemon with everything attached."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        rigs = _rigs(Path(folder))
        baseline_s = _in_a_thread(rigs["serial"], count)
        figures = [await _driver(name, rig, count, baseline_s) for name, rig in rigs.items()]
        figures.append(await _idle(list(rigs.values()), Path(folder)))
        for rig in rigs.values():
            rig.close()
    return figures + await _daemon(max(20, count // 10))


def _rigs(folder: Path) -> dict[str, PtyRig]:
    rigs: dict[str, PtyRig] = {}
    for name, kind in PTY_RIGS.items():
        (folder / name).mkdir()
        rigs[name] = kind(folder / name)
    return rigs


async def _driver(name: str, rig: PtyRig, count: int, baseline_s: list[float]) -> Figure:
    """From the last byte on the wire to the scan in the hands of whoever reads."""
    scanner = rig.driver()
    await scanner.open()
    taken_s = []
    for number in range(count):
        start = time.perf_counter()
        rig.scan(code(number))
        await scanner.read()
        taken_s.append(time.perf_counter() - start)
    scanner.close()
    worst = percentile(taken_s, 0.99)
    what = f"scan on the wire to the flow, {name} (13 digits and Enter)"
    baseline = f"a thread with pyserial: {micro(baseline_s)}"
    return Figure(what, micro(taken_s), baseline, worst * 1e3, 50, 5, " ms")


def _in_a_thread(rig: PtyRig, count: int) -> list[float]:
    """What pyserial's own read_until takes for the same scans."""
    port = serial.Serial(str(rig.path), timeout=5)
    heard = threading.Semaphore(0)

    def serve() -> None:
        for _ in range(count):
            port.read_until(b"\n")
            heard.release()

    thread = threading.Thread(target=serve)
    thread.start()
    taken_s = []
    for number in range(count):
        start = time.perf_counter()
        rig.scan(code(number))
        heard.acquire()
        taken_s.append(time.perf_counter() - start)
    thread.join()
    port.close()
    return taken_s


async def _idle(rigs: list[PtyRig], folder: Path) -> Figure:
    """All kinds of scanner and the POS's port open, nothing happening."""
    port = Passthrough(folder / "pos", ENDINGS["cr"])
    port.open()
    scanners = [rig.driver() for rig in rigs]
    waiting = []
    for scanner in scanners:
        await scanner.open()
        waiting.append(asyncio.create_task(scanner.read()))
    before_s = time.process_time()
    await asyncio.sleep(_IDLE_S / 2)
    share = (time.process_time() - before_s) / (_IDLE_S / 2) * 100
    for scanner in scanners:
        scanner.close()
    await asyncio.gather(*waiting, return_exceptions=True)
    port.close()
    return Figure("idle CPU of the device drivers, all kinds", f"{share:.2f} %", "", share, 0.5, 0.05, " %")


async def _daemon(count: int) -> list[Figure]:
    """A real daemon with two scanners, the POS's port and a printer: wire to event, and idle."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        scanners = [SimulatedScanner(folder / "dev" / f"scanner{number}") for number in (1, 2)]
        async with SimulatedPrinter() as printer:
            tables = "".join(
                f'[[scanner]]\nname = "s{number}"\npath = "{one.link}"\n' for number, one in enumerate(scanners)
            )
            tables += f'[passthrough]\npath = "{folder}/pos"\n[[printer]]\nname = "p"\nkind = "tcp"\n'
            tables += f'host = "127.0.0.1"\nport = {printer.port}\nprofile = "escpos-80"\n'
            async with ProcessWorld(folder, extra=tables) as world:
                hq = await world.serve()
                daemon = await world.run(until="sync.state")
                taken_s = []
                async with world.pos() as pos, listening(pos) as ear:
                    for number in range(count):
                        start = time.perf_counter()
                        scanners[0].scan(code(number))
                        await ear.one("scan.item")
                        taken_s.append(time.perf_counter() - start)
                await asyncio.sleep(2)
                before = cpu_s(daemon.process.pid)
                await asyncio.sleep(_IDLE_S)
                share = (cpu_s(daemon.process.pid) - before) / _IDLE_S * 100
                await daemon.stop()
                await hq.stop()
        for scanner in scanners:
            scanner.close()
    worst = percentile(taken_s, 0.99)
    return [
        Figure("scan on the wire to the POS's event (a real daemon)", micro(taken_s), "", worst * 1e3, 200, 20, " ms"),
        Figure("idle CPU with all devices attached", f"{share:.2f} %", "", share, 0.5, 0.1, " %"),
    ]
