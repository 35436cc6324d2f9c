"""`pos-agent hq stores | discrepancies`, and what commands refuse instead of passing it over. HQ down and up."""

import asyncio
from pathlib import Path

import pytest
from typer.testing import CliRunner

from agent.cli.whole import app
from agent.system import SystemClock, SystemEntropy
from sync.hq.main import open_hq
from sync.hq.places import SOCKET
from sync.hq.server import HqServer
from tests.console_world import troubled_store
from tests.e2e.test_hq_members_cli import run
from tests.unit.test_hq_world import BRAND, HandClock, import_members, open_world


async def troubled(data: Path) -> None:
    """HQ with a store in trouble and one that is well, and nobody who serves it."""
    clock = HandClock(SystemClock().now_ms())
    hq = await open_world(data, clock)
    try:
        await troubled_store(hq, clock, await import_members(hq, data / "members.csv", 3))
    finally:
        await hq.close()


def said(data: Path, *words: str, code: int) -> str:
    """What a command that is refused says."""
    done = CliRunner().invoke(app, ["hq", *words, "--data", str(data)])
    assert done.exit_code == code, (words, done.output, done.exception)
    assert "Traceback" not in done.output
    return done.stderr


def test_stores_and_discrepancies_with_hq_down_and_up(tmp_path: Path) -> None:
    data = tmp_path / "hq"
    asyncio.run(troubled(data))
    first, second = run(data, "stores").splitlines()
    assert first.startswith("S1  ")
    assert "DISAGREES, proven" in first
    assert "1 forks" in first
    assert "1 suspended events" in first
    assert second.startswith("S2  二号店  well, proven")
    assert run(data, "stores", "--trouble", "--brand", BRAND).splitlines() == [first]
    found = run(data, "discrepancies", "S1-1")
    assert "ALTERED  store: events e1 1" in found
    assert "payable_fen 1380" in found
    assert run(data, "discrepancies", "S2-1") == "nothing differs\n"

    async def up() -> None:
        server = HqServer(await open_hq(data, SystemClock(), SystemEntropy()), admin_socket=data / SOCKET)
        await server.start()
        try:
            loop = asyncio.get_running_loop()
            assert await loop.run_in_executor(None, run, data, "stores", "--trouble") == f"{first}\n"
            assert await loop.run_in_executor(None, run, data, "discrepancies") == found
        finally:
            await server.stop()

    asyncio.run(up())


def test_a_mistyped_name_never_looks_as_if_all_were_well(tmp_path: Path) -> None:
    data = tmp_path / "hq"
    asyncio.run(troubled(data))
    for words in (("discrepancies", "S9-9"), ("differences", "S9-9"), ("leases", "S9-9")):
        assert "there is no workstation S9-9" in said(data, *words, code=1)
    assert "there is no brand nope" in said(data, "stores", "--brand", "nope", code=1)
    assert "there is no brand nope" in said(data, "export", "arpu", "--brand", "nope", code=1)
    days = ("--from", "2026-12-01", "--to", "2026-01-01")
    assert "2026-12-01 is after 2026-01-01" in said(data, "export", "arpu", "--brand", BRAND, *days, code=1)
    elsewhere = tmp_path / "typo"
    assert "there is no headquarters in" in said(elsewhere, "stores", code=1)
    assert not elsewhere.exists(), "only `hq init` makes keys"


def test_a_refused_workstation_leaves_no_store_behind_and_init_keeps_the_join_page(tmp_path: Path) -> None:
    data = tmp_path / "hq"
    page = "https://join.example.com/j"
    run(data, "init", "shu", "蜀果", "--join-url", page)
    run(data, "init", "shu", "蜀果二")
    assert "the join page is an address" in said(data, "init", "shu", "蜀果", "--join-url", "javascript:x", code=1)
    run(data, "enrol", "S1", "S1-1", "--brand", "shu", "--name", "一号店")
    assert "--name" in said(data, "enrol", "S9", "S9-1", "--brand", "shu", code=1)
    assert "stands in store S1" in said(data, "enrol", "S2", "S1-1", "--brand", "shu", "--name", "二号店", code=1)
    assert [line.split()[0] for line in run(data, "stores").splitlines()] == ["S1"]

    async def join_url() -> str:
        hq = await open_hq(data, SystemClock(), SystemEntropy())
        try:
            row = await hq.parts.books.read(lambda c: c.execute("SELECT name, join_url FROM brands").fetchone())
            return f"{row['name']} {row['join_url']}"
        finally:
            await hq.close()

    assert asyncio.run(join_url()) == f"蜀果二 {page}"


@pytest.mark.parametrize(("given", "wanted"), [((), "give both"), (("--key", "no.pem"), "are no certificate")])
def test_serve_names_a_certificate_that_cannot_be_used(tmp_path: Path, given: tuple[str, ...], wanted: str) -> None:
    assert wanted in said(tmp_path, "serve", "--certificate", "no.pem", *given, code=78)
