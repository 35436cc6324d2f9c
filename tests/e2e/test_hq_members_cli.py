"""`pos-agent hq review | pack | pin | sms | export | recount | channels | erase | erasures`: HQ down, and up."""

import asyncio
import csv
import io
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from agent.cli.whole import app
from agent.domain.business_day import business_day
from agent.domain.digest import canonical
from agent.system import SystemClock, SystemEntropy
from sync.hq.main import open_hq
from sync.hq.places import SOCKET
from sync.hq.server import HqServer
from sync.protocol import EnrolRequest
from tests.unit.hq_care_world import REVIEW, TIERS
from tests.unit.test_hq_world import BRAND, RULES, HandClock, Till, import_members, open_world

DAY = business_day(SystemClock().now_ms())


def run(data: Path, *words: str, code: int = 0, typed: str | None = None) -> str:
    done = CliRunner().invoke(app, ["hq", *words, "--data", str(data)], input=typed)
    assert done.exit_code == code, (words, done.output, done.exception)
    return done.stdout


async def lived(data: Path) -> list[str]:
    """HQ with a member who bought today."""
    hq = await open_world(data, HandClock(SystemClock().now_ms()))
    try:
        offer = {"points": 10, "coupon_fen": 0}
        body: dict[str, Any] = {**RULES, "version": 2, "tiers": TIERS, "tier_review": REVIEW, "join_offer": offer}
        await hq.import_rules(BRAND, body)
        ids = await import_members(hq, data / "members.csv", 3)
        till = Till()
        code = await hq.add_workstation(till.store_id, till.workstation_id)
        await hq.redeem(EnrolRequest(code=code, public_key=till.public_key))
        for number, member in enumerate((ids[1], ids[1], ids[2])):
            body = till.body(payable_fen=1_000 * (number + 1), business_day=DAY) | {"member": {"member_id": member}}
            till.book(canonical(body).decode())
        await hq.ingest(till.workstation_id, till.batch())
        while await hq.members.keep_some():
            pass
        return ids
    finally:
        await hq.close()


def test_reports_with_hq_down_and_up(tmp_path: Path) -> None:
    data = tmp_path / "hq"
    ids = asyncio.run(lived(data))
    brand = ("--brand", BRAND)
    assert run(data, "review", "--tiers", "--dry-run", *brand).endswith("0 members would change their tier\n")
    run(data, "review", *brand, code=78)
    assert run(data, "pack", "100000000000", *brand) == "10 points, coupon none\n"
    assert "482913" not in (said := run(data, "pin", "100000000000", *brand, typed="482913\n482913\n"))
    assert said.endswith("the PIN is set\n")
    run(data, "pin", "100000000000", *brand, typed="111111\n111111\n", code=1)
    run(data, "pin", "9", *brand, typed="482913\n482913\n", code=1)
    assert run(data, "pin", "100000000000", *brand, "--remove") == "the member has no PIN now\n"
    assert len(run(data, "sms", *brand, "--url", "https://sms.example.com/pos")) == len("key \n") + 64
    run(data, "sms", *brand, "--url", "http://sms.example.com/pos", code=1)
    run(data, "sms", *brand, code=2)
    assert run(data, "sms", *brand, "--remove") == "no messages are sent\n"
    rfm = list(csv.reader(io.StringIO(run(data, "export", "rfm", *brand))))
    assert rfm[0] == ["member_id", "last_day", "visits", "spend_fen", "r", "f", "m"]
    rest = [DAY, "1", "3000", "1", "1", "1"]
    assert sorted(rfm[1:]) == sorted([[ids[1], *rest], [ids[2], *rest]])
    assert run(data, "export", "tickets", *brand, "--from", DAY) == (
        "month,sales,paid_fen,ticket_fen,member_sales,member_paid_fen,member_ticket_fen\n"
        f"{DAY[:7]},3,6000,2000,3,6000,2000\n"
    )
    run(data, "export", "tickets", *brand, "--from", "yesterday", code=78)
    run(data, "export", "profit", *brand, code=1)
    assert run(data, "recount", *brand) == "3 events were counted\n"
    token = run(data, "channels", "add", "mini", *brand, "--url", "https://mini.example.com/x")
    assert [line.split()[0] for line in token.splitlines()] == ["token", "key"]
    run(data, "channels", "add", "mini", *brand, "--url", "http://mini.example.com/x", code=1)
    assert run(data, "channels", "stuck") == "nothing is stuck\n"
    assert run(data, "channels", "stuck", "--retry", "mini") == "0 pushes begin anew\n"

    def ask(*words: str) -> str:
        return run(data, *words)

    async def up() -> None:
        server = HqServer(await open_hq(data, SystemClock(), SystemEntropy()), admin_socket=data / SOCKET)
        await server.start()
        try:
            loop = asyncio.get_running_loop()
            why = ("--by", "legal", "--why", "x")
            said = await loop.run_in_executor(None, ask, "erase", "100000000002", *brand, *why)
            assert said.startswith("erased")
            said = await loop.run_in_executor(None, ask, "erasures")
            assert (f"{ids[2]} by legal: x; waits for S1-1") in said
            said = await loop.run_in_executor(None, ask, "export", "rfm", *brand)
            assert ids[2] not in said
            assert await loop.run_in_executor(None, ask, "channels", "revoke", "mini") == "mini is revoked\n"
        finally:
            await server.stop()

    asyncio.run(up())
