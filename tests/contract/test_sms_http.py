"""A code to a member's phone: till, HQ and the brand's gateway over real HTTP; how often, to whom, and used once."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from agent.domain.errors import HqRejected, Refusal
from sync.hq.bounds import PHONE_STRANGER_COSTS, SMS_A_DAY, SMS_AGAIN_S, SMS_AN_HOUR, SMS_CODE_S, SMS_CODE_TRIES
from sync.hq.enrol import Station
from sync.hq.service import HqService
from sync.verify_protocol import SmsRequest, VerifyAnswer, VerifyRequest
from tests.sms_gateway import SmsGateway
from tests.snapshot_world import Headquarters, TillReplica, enrol_till
from tests.unit.test_hq_importer import write
from tests.unit.test_hq_world import BRAND, HandClock, query

PHONE, OTHER = "13812345678", "13700000000"
MEMBERS = f"member_number,tier_id,points,phone\n700000000001,plain,7,{PHONE}\n700000000002,plain,8,{OTHER}\n"


@dataclass
class Scene:
    """HQ with a gateway, two tills, and two members with phones."""

    hq: HqService
    gateway: SmsGateway
    till: TillReplica
    elsewhere: Station
    member_id: str
    other_id: str

    async def send(self, phone: str = PHONE, member_id: str = "") -> int:
        return (await self.till.hq.send_sms(SmsRequest(member_id=member_id or self.member_id, phone=phone))).expires_s

    async def verify(self, code: str, member_id: str = "") -> VerifyAnswer:
        return await self.till.hq.verify(VerifyRequest(member_id=member_id or self.member_id, sms_code=code))

    def passes(self, seconds: int) -> None:
        assert isinstance(self.hq._clock, HandClock)
        self.hq._clock.at_ms += seconds * 1000


async def code(work: Awaitable[object]) -> str:
    with pytest.raises(HqRejected) as refused:
        await work
    assert refused.value.status == 409
    return refused.value.code


def wrong(right: str) -> str:
    return f"{(int(right) + 1) % 1_000_000:06d}"


def play(folder: Path, story: Callable[[Scene], Awaitable[None]]) -> None:
    async def run() -> None:
        async with SmsGateway() as gateway, Headquarters(folder, members=1) as world:
            await world.enrol(folder / "till")
            await enrol_till(world.hq, folder / "second", "S1-2")
            assert (await world.hq.import_members(BRAND, write(folder, MEMBERS))).faults == []
            rows = await query(world.hq, "SELECT * FROM members WHERE opening_points > 6 ORDER BY opening_points")
            gateway.key = await world.hq.members.sms.set_gateway(BRAND, gateway.url)
            async with TillReplica(folder / "till", world.url) as till:
                elsewhere = await world.hq.station("S1-2")
                assert elsewhere is not None
                await story(Scene(world.hq, gateway, till, elsewhere, *(row["member_id"] for row in rows)))

    with pytest.MonkeyPatch.context() as busy_machine:  # the gateway's deadline has its own test
        busy_machine.setattr("sync.hq.sms_gateways.SMS_SEND_S", 10)
        asyncio.run(run())


def test_the_code_on_the_members_phone_verifies_them_once_at_that_till(tmp_path: Path) -> None:
    async def story(scene: Scene) -> None:
        assert await scene.send() == SMS_CODE_S
        (order,) = scene.gateway.sent.values()
        assert set(order) == {"request_id", "brand_id", "phone", "code", "expires_s", "at_ms"}
        assert (order["brand_id"], order["phone"], order["expires_s"]) == (BRAND, PHONE, SMS_CODE_S)
        sent = scene.gateway.code(PHONE)
        ask = VerifyRequest(member_id=scene.member_id, sms_code=sent)
        with pytest.raises(Refusal, match="no code of this member is good here"):
            await scene.hq.members.verifying.verify(scene.elsewhere, ask)
        assert await code(scene.verify(sent, member_id=scene.other_id)) == "SMS_CODE_EXPIRED"
        assert (await scene.verify(sent)).how == "sms"
        assert await code(scene.verify(sent)) == "SMS_CODE_EXPIRED"
        (held,) = await query(scene.hq, "SELECT * FROM sms_codes")
        assert PHONE not in str(held)
        assert sent.encode() not in bytes(held["code_sealed"])
        await scene.hq.members.erase(BRAND, "700000000001", "李", "asked")
        assert await query(scene.hq, "SELECT * FROM sms_codes") == []

    play(tmp_path, story)


def test_a_code_ends_after_five_minutes_and_after_five_wrong_tries(tmp_path: Path) -> None:
    async def story(scene: Scene) -> None:
        await scene.send()
        first = scene.gateway.code(PHONE)
        scene.passes(SMS_CODE_S)
        assert await code(scene.verify(first)) == "SMS_CODE_EXPIRED"
        await scene.send()
        second = scene.gateway.code(PHONE)
        said = await asyncio.gather(*(code(scene.verify(wrong(second))) for _ in range(SMS_CODE_TRIES + 1)))
        assert sorted(said) == ["SMS_CODE_EXPIRED"] + ["SMS_CODE_WRONG"] * SMS_CODE_TRIES
        assert await code(scene.verify(second)) == "SMS_CODE_EXPIRED"
        (row,) = await query(scene.hq, "SELECT spent FROM hourly_asks WHERE what = 'pin'")
        assert row["spent"] == SMS_CODE_TRIES, "they count beside wrong PINs"

    play(tmp_path, story)


def test_nobodys_phone_is_flooded(tmp_path: Path) -> None:
    async def story(scene: Scene) -> None:
        await scene.send()
        with pytest.raises(Refusal, match="within the minute"):
            await scene.hq.members.sms.send(scene.elsewhere, SmsRequest(member_id=scene.member_id, phone=PHONE))
        await scene.verify(scene.gateway.code(PHONE))
        assert await code(scene.send()) == "SMS_TOO_SOON", "used up or not"
        for _ in range(SMS_A_DAY - 1):
            scene.passes(SMS_AGAIN_S)
            await scene.send()
        scene.passes(SMS_AGAIN_S)
        assert await code(scene.send()) == "SMS_TOO_MANY"
        await scene.send(OTHER, scene.other_id)
        scene.passes(24 * 3600)
        await scene.send()
        spent = "UPDATE hourly_asks SET spent = :most WHERE what = 'sms'"
        await scene.hq._write(lambda c: c.execute(spent, {"most": SMS_AN_HOUR}))
        assert await code(scene.send(OTHER, scene.other_id)) == "SMS_TOO_MANY"

    play(tmp_path, story)


def test_a_code_goes_to_the_members_own_number_only(tmp_path: Path) -> None:
    async def story(scene: Scene) -> None:
        for phone in (OTHER, "13900000000"):
            assert await code(scene.send(phone)) == "PHONE_NOT_THEIRS"
        (row,) = await query(scene.hq, "SELECT spent FROM hourly_asks WHERE what = 'phone'")
        assert row["spent"] == 2 * PHONE_STRANGER_COSTS, "numbers cannot be tried here either"
        assert scene.gateway.asked == []
        await scene.hq._write(lambda c: c.execute("UPDATE hourly_asks SET spent = 120 WHERE what = 'phone'"))
        assert await code(scene.send()) == "PHONE_TRIED_TOO_OFTEN"
        assert [row["code"] for row in await query(scene.hq, "SELECT code FROM discrepancies")] == [
            "PHONE_TRIED_TOO_OFTEN"
        ]

    play(tmp_path, story)


def test_a_message_that_nobody_knows_of_is_asked_for_again_and_sent_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(scene: Scene) -> None:
        scene.gateway.status = 0
        monkeypatch.setattr("sync.hq.sms_gateways.SMS_SEND_S", 0.2)
        assert await code(scene.send()) == "SMS_NOT_SENT"
        monkeypatch.setattr("sync.hq.sms_gateways.SMS_SEND_S", 10)
        scene.gateway.status = 503
        scene.passes(10)
        assert await code(scene.send()) == "SMS_NOT_SENT"
        scene.gateway.status = 202
        assert await scene.send() == SMS_CODE_S - 10
        assert len(set(scene.gateway.asked)) == 1, "byte for byte the same request"
        assert len(scene.gateway.sent) == 1
        assert (await scene.verify(scene.gateway.code(PHONE))).how == "sms"

    play(tmp_path, story)


def test_a_gateway_that_refuses_or_is_not_there(tmp_path: Path) -> None:
    async def story(scene: Scene) -> None:
        scene.gateway.status = 422
        assert await code(scene.send()) == "SMS_NOT_SENT"
        assert await code(scene.send()) == "SMS_TOO_SOON", "what was refused is not asked for again and again"
        scene.passes(SMS_AGAIN_S)
        scene.gateway.status, scene.gateway.key = 202, "00" * 32
        assert await code(scene.send()) == "SMS_NOT_SENT"
        assert scene.gateway.sent == {}, "a gateway that does not know HQ's key sends nothing"
        for url in ("http://sms.example.com/x", "ftp://127.0.0.1/x", "https://", "https://[", "https://x/" + "y" * 200):
            with pytest.raises(Refusal) as invalid:
                await scene.hq.members.sms.set_gateway(BRAND, url)
            assert invalid.value.code == "SMS_GATEWAY_INVALID"
        await scene.hq.members.sms.set_gateway(BRAND, "")
        assert await code(scene.send()) == "SMS_NOT_CONFIGURED"

    play(tmp_path, story)
