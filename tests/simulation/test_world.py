"""Promises 1, 2, 3, 5, 8 in a seeded world: no sale is lost or doubled, nobody overspends, and any failure replays."""

import asyncio
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.simulation.loop import NothingScheduled, VirtualLoop, run
from tests.simulation.plan import Plan, Report
from tests.simulation.world import simulate

pytestmark = pytest.mark.timeout(600)  # worlds are many; a slow disk makes them slow
TWINS_SEED = 33
_SMALL = ("--days", "1", "--stores", "2", "--sales", "25")


def must_hold(plan: Plan) -> Report:
    """Live through a plan; fail with everything that is wrong and the command that replays it."""
    try:
        report = simulate(plan)
    except BaseException as error:
        error.add_note(f"replay with: {plan.command}")
        raise
    found = "\n".join([*report.tail, *report.wrongs[:20], f"replay with: {plan.command}"])
    assert not report.wrongs, found
    return report


@pytest.mark.parametrize("seed", [11, 15])
def test_whatever_breaks_no_acknowledged_sale_is_lost_or_doubled_and_nobody_overspends(seed: int) -> None:
    report = must_hold(Plan(seed=seed, days=1, stores=3, sales=40))
    for trouble in ("died", "line broken", "served, answer lost", "served again", "paper out"):
        assert report.counts[trouble] > 0, f"this world is too kind: no {trouble!r}"
    figures = report.figures
    assert figures["acknowledged: sale"] >= 75  # of 120 customers: some came for something else, some met dead tills
    assert figures["balances shown and judged"] >= 40
    assert figures["looks at all books together"] >= 60
    for account in ("points", "sv_principal", "sv_gift", "coupon"):
        assert figures.get(f"spent of {account}", 0) > 0, f"nobody spent {account}"
    assert figures["spent twice, as admitted"] == 0


def test_what_two_copies_of_one_disk_spend_twice_is_bounded_by_the_rights_that_were_copied() -> None:
    report = must_hold(Plan(seed=TWINS_SEED, days=1, stores=2, sales=60, members=5, twins=1))
    assert report.counts["disk copied"] == 1
    figures = report.figures
    assert 0 <= figures["spent twice, as admitted"] <= figures["rights that two copies held"]
    assert figures["rights that two copies held"] > 0, "this world is too kind: there was nothing to spend twice"


def test_the_same_seed_gives_the_same_trace_in_two_processes(tmp_path: Path) -> None:
    started = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.simulation", "--seed", "21", *_SMALL, "--trace-file", tmp_path / hash_seed],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            stdout=subprocess.PIPE,
            text=True,
        )
        for hash_seed in ("1", "2")
    ]
    told = [process.communicate()[0] for process in started]
    traces = [next(line for line in text.splitlines() if line.startswith("trace ")) for text in told]
    assert (tmp_path / "1").read_text() == (tmp_path / "2").read_text()
    assert traces[0] == traces[1]
    assert [process.returncode for process in started] == [0, 0]


def test_virtual_time_costs_nothing_and_a_deadlock_is_named() -> None:
    async def a_year() -> float:
        await asyncio.sleep(365 * 86_400)
        return asyncio.get_running_loop().time()

    assert run(a_year(), VirtualLoop()) == pytest.approx(365 * 86_400)

    async def nobody_will() -> None:
        await asyncio.Event().wait()

    loop = VirtualLoop()
    with pytest.raises(NothingScheduled):
        run(nobody_will(), loop)


def test_a_thread_that_wakes_the_world_is_a_mistake() -> None:
    loop, raised = VirtualLoop(), []

    def wake() -> None:
        try:
            loop.call_soon_threadsafe(lambda: None)
        except AssertionError as error:
            raised.append(error)

    thread = threading.Thread(target=wake)
    thread.start()
    thread.join()
    loop.close()
    assert len(raised) == 1
