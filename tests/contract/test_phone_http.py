"""A till asks HQ whose phone number it is, over real HTTP; and HQ's bound on how many numbers it may ask for."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from agent.domain.errors import HqRejected
from sync.hq.bounds import PHONE_ASKS_AN_HOUR, PHONE_STRANGER_COSTS
from sync.phone_protocol import PhoneAnswer, PhoneRequest
from tests.snapshot_world import WORKSTATION, Headquarters, TillReplica
from tests.unit.test_hq_importer import write
from tests.unit.test_hq_world import BRAND, HandClock, Till, enrol, query

CALL = f"/v1/workstations/{WORKSTATION}/phone"
PHONE, STRANGER = "13812345678", "13999999999"
MEMBERS = f"member_number,tier_id,points,phone\n700000000001,gold,5,{PHONE}\n700000000002,plain,0,+86-13700000000\n"
HOUR_MS = 3_600_000


def with_hq(folder: Path, story: Callable[[Headquarters, TillReplica], Awaitable[None]]) -> None:
    async def play() -> None:
        async with Headquarters(folder, members=2) as hq:
            await hq.enrol(folder / "till")
            report = await hq.hq.import_members(BRAND, write(folder, MEMBERS))
            assert report.faults == []
            async with TillReplica(folder / "till", hq.url) as till:
                await story(hq, till)

    asyncio.run(play())


async def owner(till: TillReplica, phone: str = PHONE) -> str | None:
    return (await till.hq.phone(PhoneRequest(phone=phone))).member_id


async def code(till: TillReplica, phone: str = PHONE) -> str:
    with pytest.raises(HqRejected) as refused:
        await owner(till, phone)
    assert refused.value.status == 409, "429 would read as an HQ that is away"
    return refused.value.code


async def spent(hq: Headquarters) -> list[tuple[str, int]]:
    rows = await query(hq.hq, "SELECT workstation_id, spent FROM hourly_asks ORDER BY workstation_id")
    return [(row["workstation_id"], row["spent"]) for row in rows]


async def noted(hq: Headquarters) -> list[dict[str, Any]]:
    return await query(hq.hq, "SELECT workstation_id, place, key, code, detail, state FROM discrepancies")


def test_the_answer_says_who_it_is_and_nothing_more(tmp_path: Path) -> None:
    async def story(hq: Headquarters, till: TillReplica) -> None:
        (row,) = await query(hq.hq, "SELECT member_id FROM members WHERE masked = '138****5678'")
        assert await owner(till) == row["member_id"]
        assert await owner(till, "13700000000"), "an import writes +86 and dashes as it likes"
        assert await owner(till, STRANGER) is None
        assert await spent(hq) == [(WORKSTATION, 1 + 1 + PHONE_STRANGER_COSTS)]
        body = PhoneRequest(phone=PHONE).model_dump_json().encode()
        async with httpx.AsyncClient(base_url=hq.url, trust_env=False) as client:
            answer = await client.post(CALL, content=body, headers=till.hq._signed("POST", CALL, body))
            assert (answer.status_code, answer.json()) == (200, {"member_id": row["member_id"]})
            stranger = await client.post(CALL, content=body)
            assert (stranger.status_code, stranger.json()["code"]) == (401, "NOT_AUTHENTICATED")
            for wrong, said in (
                ({"protocol": 1, "phone": "+8613812345678"}, (422, "BODY_INVALID")),
                ({"protocol": 1, "phone": PHONE, "brand_id": "b2"}, (422, "BODY_INVALID")),
                ({"protocol": 2, "phone": PHONE}, (426, "PROTOCOL_UNSUPPORTED")),
            ):
                sent = json.dumps(wrong).encode()
                refused = await client.post(CALL, content=sent, headers=till.hq._signed("POST", CALL, sent))
                assert (refused.status_code, refused.json()["code"]) == said
                assert PHONE not in refused.text

    with_hq(tmp_path, story)


def test_one_number_names_one_member_of_one_brand(tmp_path: Path) -> None:
    async def story(hq: Headquarters, till: TillReplica) -> None:
        shared = f"member_number,tier_id,points,phone\n700000000003,plain,0,{PHONE}\n"
        report = await hq.hq.import_members(BRAND, write(tmp_path, shared))
        assert [fault.reason for fault in report.faults] == ["the phone belongs to another member"]
        await hq.hq.init_brand("other", "别家", "")
        await hq.hq.add_store("other", "S9", "别家一店")
        foreign = Till(workstation_id="S9-1", store_id="S9", brand_id="other")
        await enrol(hq.hq, foreign)
        station = await hq.hq.station("S9-1")
        assert station is not None
        assert await hq.hq.members.phones.owner(station, PhoneRequest(phone=PHONE)) == PhoneAnswer(member_id=None)
        assert await owner(till) is not None
        await hq.hq.members.erase(BRAND, "700000000001", "李", "asked")
        assert await owner(till) is None

    with_hq(tmp_path, story)


def test_numbers_cannot_be_tried_by_the_thousand(tmp_path: Path) -> None:
    async def story(hq: Headquarters, till: TillReplica) -> None:
        wrong = PHONE_ASKS_AN_HOUR // PHONE_STRANGER_COSTS
        for number in range(wrong):
            assert await owner(till, f"139{number:08d}") is None
        assert await noted(hq) == []
        assert [await code(till), await code(till, STRANGER)] == ["PHONE_TRIED_TOO_OFTEN"] * 2
        (one,) = await noted(hq)
        assert (one["workstation_id"], one["place"], one["code"], one["state"]) == (
            WORKSTATION, "asks", "PHONE_TRIED_TOO_OFTEN", "open"
        )  # fmt: skip
        assert PHONE not in str(one)
        assert STRANGER not in str(one)
        assert isinstance(hq.hq._clock, HandClock)
        hq.hq._clock.at_ms += HOUR_MS
        assert await owner(till) is not None, "the next hour begins anew"
        assert await spent(hq) == [(WORKSTATION, 1)]

    with_hq(tmp_path, story)


def test_questions_side_by_side_are_counted_one_by_one_and_over_a_restart(tmp_path: Path) -> None:
    async def story(hq: Headquarters, till: TillReplica) -> None:
        station = await hq.hq.station(WORKSTATION)
        assert station is not None
        await asyncio.gather(*(hq.hq.members.phones.owner(station, PhoneRequest(phone=PHONE)) for _ in range(8)))
        assert await spent(hq) == [(WORKSTATION, 8)]
        await hq.hq._write(lambda c: c.execute("UPDATE hourly_asks SET spent = :most", {"most": PHONE_ASKS_AN_HOUR}))
        assert await code(till) == "PHONE_TRIED_TOO_OFTEN", "what is spent stands in a row, not in a process"

    with_hq(tmp_path, story)
