"""HQ holds sales that say `verified` against its own word: a till that says so by itself is named for a person."""

import asyncio
import base64
from pathlib import Path
from typing import Any

from agent.domain.digest import canonical
from agent.domain.verified import TICKET_LIVES_S
from sync.hq.service import HqService
from sync.verify_protocol import VerifyRequest
from tests.unit.test_hq_world import BRAND, NOW_MS, Till, enrol, import_members, open_world, query

PIN = "482913"


async def word(hq: HqService, till: Till, member_id: str) -> dict[str, Any]:
    """HQ's word, as a sale carries it."""
    station = await hq.station(till.workstation_id)
    assert station is not None
    return (await hq.members.verifying.verify(station, VerifyRequest(member_id=member_id, pin=PIN))).model_dump()


def sell(till: Till, member_id: str, certainty: str, verified: object, at_ms: int = NOW_MS) -> None:
    """Book a sale of a member, as sure as the till says."""
    member = {"member_id": member_id, "by": "member_code", "certainty": certainty, "verified": verified}
    body = till.body(at_ms=at_ms) | {"member": member}
    till.book(canonical(body).decode())


async def named(hq: HqService) -> list[str]:
    """Seqs of the sales that rest on nothing HQ said."""
    rows = await query(hq, "SELECT key, place FROM discrepancies WHERE code = 'VERIFICATION_UNPROVEN' ORDER BY key")
    assert {row["place"] for row in rows} <= {"verified"}
    return [row["key"] for row in rows]


def test_only_hqs_own_word_of_this_member_till_and_hour_counts(tmp_path: Path) -> None:
    async def story(hq: HqService) -> None:
        till, other = Till(), Till(workstation_id="S1-2")
        await enrol(hq, till)
        await enrol(hq, other)
        first, second = await import_members(hq, tmp_path / "members.csv", 2)
        for number in ("100000000000", "100000000001"):
            await hq.members.verifying.set_by_operator(BRAND, number, PIN)
        true, theirs = await word(hq, till, first), await word(hq, till, second)
        elsewhere = await word(hq, other, first)
        forged = true | {"signature": base64.b64encode(bytes(64)).decode()}
        late_ms = NOW_MS + (TICKET_LIVES_S + 1) * 1000
        tried: list[tuple[str, object, int]] = [
            ("verified", true, NOW_MS), ("verified", true, NOW_MS + 1_800_000),  # 1, 2: honest, the latter held
            ("code", None, NOW_MS), ("dynamic", None, NOW_MS),  # 3, 4: nothing is said
            ("verified", None, NOW_MS), ("verified", {}, NOW_MS), ("verified", "yes", NOW_MS),  # 5, 6, 7
            ("verified", forged, NOW_MS), ("verified", true | {"how": "sms"}, NOW_MS),  # 8, 9
            ("verified", true | {"at_s": true["at_s"] + 1}, NOW_MS), ("verified", true, late_ms),  # 10, 11
            ("verified", theirs, NOW_MS), ("verified", elsewhere, NOW_MS),  # 12, 13
            ("verified", true | {"signature": "no base64"}, NOW_MS),  # 14
            ("verified", true | {"nonce": 7}, NOW_MS),  # 15
        ]  # fmt: skip
        for certainty, verified, at_ms in tried:
            sell(till, first, certainty, verified, at_ms)
        answer = await hq.ingest(till.workstation_id, till.batch())
        assert {one.verdict.value for one in answer.verdicts} == {"created"}, "the goods are gone: it is booked"
        assert [int(seq) for seq in await named(hq)] == sorted(range(5, 16), key=str)
        await hq.ingest(till.workstation_id, till.batch())
        assert len(await named(hq)) == 11, "once each, however often it is sent"

    async def run() -> None:
        hq = await open_world(tmp_path / "hq")
        try:
            await story(hq)
        finally:
            await hq.close()

    asyncio.run(run())
