"""A headquarters with several tills at once, on either engine, whose books are looked at in the end."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from agent.system import SystemEntropy
from sync.hq import claims_audit, lease_audit, own_books
from sync.hq.audit import accounts
from sync.hq.db.address import Address
from sync.hq.main import open_hq
from sync.hq.service import HqService
from sync.lease_protocol import LeaseRequest, LeaseWant
from sync.protocol import EnrolRequest, ProofRequest
from tests.unit.test_hq_world import BRAND, RULES, STORE, HandClock, Till, import_members

Story = Callable[[HqService, list[Till], list[str]], Awaitable[None]]
TILLS = 6


def play(folder: Path, database: Address | None, story: Story, members: int = 5) -> None:
    """Tell a story and audit what it left behind; `database` None is a file."""

    async def run() -> None:
        hq = await open_hq(folder / "hq", HandClock(), SystemEntropy(), database=database)
        try:
            await hq.init_brand(BRAND, "茶铺", "")
            await hq.add_store(BRAND, STORE, "一号店")
            await hq.import_rules(BRAND, RULES)
            tills = [Till(workstation_id=f"S1-{number}") for number in range(1, TILLS + 1)]
            for till in tills:
                code = await hq.add_workstation(STORE, till.workstation_id)
                await hq.redeem(EnrolRequest(code=code, public_key=till.public_key))
            ids = await import_members(hq, folder / "members.csv", members)
            await story(hq, tills, ids)
            await _audited(hq, tills)
        finally:
            await hq.close()

    asyncio.run(run())


async def _audited(hq: HqService, tills: list[Till]) -> None:
    """What everything must add up to, whoever came first."""
    for audit in (accounts, lease_audit.lots, own_books.audit, lambda c: claims_audit.claims(c, BRAND)):
        assert await hq._write(audit) == []
    for till in tills:
        if till.events:
            asked = ProofRequest(epoch=till.epoch, count=len(till.events), head=till.head.hex())
            answer = await hq.prove(till.workstation_id, asked)
            assert (answer.equal, answer.findings) == (True, [])


async def grant(hq: HqService, till: Till, member: str, amount: Any, request: str) -> int:
    """Ask for points of a member; how many were given."""
    wants = [LeaseWant(account="points", amount=amount, bucket="")]
    asked = LeaseRequest(
        request_id=request or f"r-{till.workstation_id}",
        epoch=till.epoch,
        last=len(till.events),
        member_id=member,
        wants=wants,
    )
    return sum(lease.amount for lease in (await hq.leases.grant(till.workstation_id, asked)).leases)
