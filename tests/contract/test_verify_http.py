"""A till has a member verified by PIN at HQ, over real HTTP: HQ's signed word, and tries that are counted for good."""

import asyncio
import base64
import dataclasses
import json
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from agent.domain.errors import HqRejected, Refusal
from agent.domain.verified import VerifiedTicket
from sync.hq import verifying
from sync.hq.bounds import MEMBER_PIN_LOCK_S, MEMBER_PIN_TRIES, WRONG_PINS_AN_HOUR
from sync.hq.db.seam import Connection
from sync.hq.service import HqService
from sync.verify_protocol import VerifyAnswer, VerifyRequest
from tests.snapshot_world import WORKSTATION, Headquarters, TillReplica, code_of
from tests.unit.test_hq_world import BRAND, HandClock, open_again, query

CALL = f"/v1/workstations/{WORKSTATION}/verify"
PIN, WRONG = "482913", "482914"


@dataclass
class Scene:
    """HQ, one till, and the first member, who has a PIN."""

    hq: HqService
    url: str
    till: TillReplica
    member_id: str
    other_id: str

    async def verify(self, pin: str = PIN, member_id: str = "") -> VerifyAnswer:
        return await self.till.hq.verify(VerifyRequest(member_id=member_id or self.member_id, pin=pin))

    async def code(self, pin: str = PIN, member_id: str = "") -> str:
        """With what HQ refuses it."""
        with pytest.raises(HqRejected) as refused:
            await self.verify(pin, member_id)
        assert refused.value.status != 429, "that would read as an HQ that is away"
        return refused.value.code

    def passes(self, seconds: int) -> None:
        assert isinstance(self.hq._clock, HandClock)
        self.hq._clock.at_ms += seconds * 1000


def play(folder: Path, *stories: Callable[[Scene], Awaitable[None]]) -> None:
    """Tell stories in one world, one after another."""

    async def run() -> None:
        async with Headquarters(folder, members=2) as world:
            await world.enrol(folder / "till")
            await world.hq.members.verifying.set_by_operator(BRAND, code_of(0), PIN)
            ids = [row["member_id"] for row in await query(world.hq, "SELECT * FROM members ORDER BY opening_points")]
            async with TillReplica(folder / "till", world.url) as till:
                for story in stories:
                    await story(Scene(world.hq, world.url, till, *ids))

    asyncio.run(run())


async def _the_right_pin_gets_hqs_word_for_this_member_at_this_workstation(scene: Scene) -> None:
    answer, again = await scene.verify(), await scene.verify()
    assert answer.nonce != again.nonce, "each word is its own"
    ticket = VerifiedTicket(answer.how, answer.at_s, answer.nonce, answer.signature)
    signature = base64.b64decode(answer.signature)
    assert scene.till.keys.verify_hq(signature, ticket.signed_bytes(WORKSTATION, BRAND, scene.member_id))
    for others in ((WORKSTATION, BRAND, scene.other_id), (WORKSTATION, "b2", scene.member_id)):
        assert not scene.till.keys.verify_hq(signature, ticket.signed_bytes(*others))
    assert not scene.till.keys.verify_hq(signature, ticket.signed_bytes("S1-2", BRAND, scene.member_id))
    assert (answer.how, ticket.covers(answer.at_s * 1000)) == ("pin", True)


async def _guesses_made_side_by_side_are_counted_one_by_one(scene: Scene) -> None:
    said = await asyncio.gather(*(scene.code(f"48291{last}") for last in "0124567"), return_exceptions=False)
    assert sorted(said) == ["MEMBER_PIN_LOCKED"] * 2 + ["MEMBER_PIN_WRONG"] * 5


async def _one_till_cannot_go_through_all_members_with_a_pin(scene: Scene) -> None:
    (counted,) = await query(scene.hq, "SELECT spent FROM hourly_asks WHERE what = 'pin'")
    assert counted["spent"] == 5, "locked tries are none"
    spent = "UPDATE hourly_asks SET spent = :spent WHERE what = 'pin'"
    await scene.hq._write(lambda c: c.execute(spent, {"spent": WRONG_PINS_AN_HOUR - 1}))
    await scene.hq.members.verifying.set_by_operator(BRAND, code_of(0), PIN)
    await scene.verify()
    assert await scene.code(WRONG) == "MEMBER_PIN_WRONG"
    assert await scene.code() == "PIN_TRIED_TOO_OFTEN"
    (noted,) = await query(scene.hq, "SELECT workstation_id, place, code, detail FROM discrepancies")
    assert (noted["workstation_id"], noted["place"], noted["code"]) == (WORKSTATION, "asks", "PIN_TRIED_TOO_OFTEN")
    assert PIN not in str(noted)
    scene.passes(3600)
    await scene.verify()


async def _whom_nobody_can_verify(scene: Scene) -> None:
    assert await scene.code(member_id=scene.other_id) == "MEMBER_PIN_UNSET"
    assert await scene.code(member_id="m_nobody") == "MEMBER_UNKNOWN"
    station = await scene.hq.station(WORKSTATION)
    assert station is not None
    foreign = dataclasses.replace(station, brand_id="other")
    with pytest.raises(Refusal, match="no such member"):
        await scene.hq.members.verifying.verify(foreign, VerifyRequest(member_id=scene.member_id, pin=PIN))
    await scene.hq.members.verifying.set_by_operator(BRAND, code_of(0), "")
    assert await scene.code() == "MEMBER_PIN_UNSET"
    await scene.hq.members.verifying.set_by_operator(BRAND, code_of(0), PIN)
    await scene.hq.members.erase(BRAND, code_of(0), "李", "asked")
    assert await scene.code() == "MEMBER_UNKNOWN"
    assert await query(scene.hq, "SELECT * FROM member_pins") == []
    with pytest.raises(Refusal) as gone:
        await scene.hq.members.verifying.set_by_operator(BRAND, code_of(0), PIN)
    assert gone.value.code == "MEMBER_UNKNOWN"


async def _a_pin_that_is_tried_first_is_no_pin(scene: Scene) -> None:
    for pin in ("111111", "123456", "654321", "520520", "48291", "4829130", "48291a", "４８２９１３"):
        with pytest.raises(Refusal) as weak:
            await scene.hq.members.verifying.set_by_operator(BRAND, code_of(1), pin)
        assert (weak.value.code, weak.value.status) == ("MEMBER_PIN_WEAK", 422)
        assert pin not in f"{weak.value.message} {weak.value.field}"
    assert await scene.code(member_id=scene.other_id) == "MEMBER_PIN_UNSET"


async def _the_brands_channel_sets_its_members_pin_and_no_others(scene: Scene) -> None:
    given = await scene.hq.channels.add("mini", BRAND, "")
    await scene.hq.init_brand("other", "别家", "")
    theirs = await scene.hq.channels.add("theirs", "other", "")
    async with httpx.AsyncClient(base_url=scene.url, trust_env=False) as client:

        async def put(body: object, token: str = given.token, channel: str = "mini") -> tuple[int, object]:
            head = {"Authorization": f"Bearer {token}"}
            answer = await client.post(f"/v1/channels/{channel}/members/pin", json=body, headers=head)
            assert "730518" not in answer.text
            return answer.status_code, answer.json().get("code", answer.json())

        whose = {"member_code": code_of(1)}
        assert await put({"member": whose, "pin": "730518"}) == (200, {"member_id": scene.other_id})
        await scene.verify("730518", scene.other_id)
        assert await put({"member": whose, "pin": "111111"}) == (422, "MEMBER_PIN_WEAK")
        assert await put({"member": whose, "pin": "73051"}) == (422, "BODY_INVALID")
        assert await put({"member": whose, "pin": "730518"}, "x") == (401, "NOT_AUTHENTICATED")
        assert await put({"member": whose, "pin": "730518"}, theirs.token) == (401, "NOT_AUTHENTICATED")
        foreign = await put({"member": whose, "pin": "730518"}, theirs.token, "theirs")
        assert foreign == (404, "MEMBER_UNKNOWN")
        assert (await put({"member": whose, "pin": ""}))[0] == 200
        assert await scene.code("730518", scene.other_id) == "MEMBER_PIN_UNSET"


async def _the_door_is_that_of_every_other_call_and_repeats_no_pin(scene: Scene) -> None:
    async with httpx.AsyncClient(base_url=scene.url, trust_env=False) as client:
        body = {"protocol": 1, "member_id": scene.member_id, "pin": PIN}
        for change, said in (
            ({"pin": "48291"}, (422, "BODY_INVALID")),
            ({"brand_id": "other"}, (422, "BODY_INVALID")),
            ({"protocol": 2}, (426, "PROTOCOL_UNSUPPORTED")),
        ):
            sent = json.dumps(body | change).encode()
            answer = await client.post(CALL, content=sent, headers=scene.till.hq._signed("POST", CALL, sent))
            assert (answer.status_code, answer.json()["code"]) == said
            assert PIN not in answer.text
        stranger = await client.post(CALL, json=body)
        assert (stranger.status_code, stranger.json()["code"]) == (401, "NOT_AUTHENTICATED")
    assert PIN not in repr(VerifyRequest(member_id="m", pin=PIN))


async def _a_copy_of_the_database_without_the_key_file_is_worth_no_pin(scene: Scene) -> None:
    (row,) = await query(scene.hq, "SELECT member_id, pin_sealed FROM member_pins")
    assert b"scrypt" not in row["pin_sealed"], "sealed: six digits behind a bare hash are tried out within hours"
    opened = json.loads(scene.hq._keys.open("member_pins", "pin", row["member_id"], bytes(row["pin_sealed"])))
    assert set(opened) == {"salt", "scrypt"}
    assert PIN not in str(opened)


def test_the_word_and_whom_it_is_given(tmp_path: Path) -> None:
    play(
        tmp_path,
        _the_right_pin_gets_hqs_word_for_this_member_at_this_workstation,
        _the_door_is_that_of_every_other_call_and_repeats_no_pin,
        _a_copy_of_the_database_without_the_key_file_is_worth_no_pin,
        _a_pin_that_is_tried_first_is_no_pin,
        _the_brands_channel_sets_its_members_pin_and_no_others,
        _whom_nobody_can_verify,
    )


def test_wrong_pins_are_counted(tmp_path: Path) -> None:
    one_by_one = _guesses_made_side_by_side_are_counted_one_by_one
    play(tmp_path, one_by_one, _one_till_cannot_go_through_all_members_with_a_pin)


def test_five_wrong_pins_lock_it_for_longer_and_longer_over_a_restart(tmp_path: Path) -> None:
    async def story(scene: Scene) -> None:
        assert [await scene.code(WRONG) for _ in range(MEMBER_PIN_TRIES - 1)] == ["MEMBER_PIN_WRONG"] * 4
        await scene.verify()
        assert [await scene.code(WRONG) for _ in range(MEMBER_PIN_TRIES)] == ["MEMBER_PIN_WRONG"] * 5
        assert await scene.code() == "MEMBER_PIN_LOCKED", "the right one too"
        (row,) = await query(scene.hq, "SELECT failures, locked_until_ms FROM member_pins")
        assert row == {"failures": 5, "locked_until_ms": scene.hq.now_ms() + MEMBER_PIN_LOCK_S * 1000}
        scene.passes(MEMBER_PIN_LOCK_S - 1)
        assert await scene.code() == "MEMBER_PIN_LOCKED"
        scene.passes(1)
        assert await scene.code(WRONG) == "MEMBER_PIN_WRONG"
        scene.passes(MEMBER_PIN_LOCK_S)
        assert await scene.code() == "MEMBER_PIN_LOCKED", "the second wait is twice as long"
        scene.passes(MEMBER_PIN_LOCK_S)
        await scene.verify()
        for _ in range(MEMBER_PIN_TRIES):
            await scene.code(WRONG)
        await scene.hq.members.verifying.set_by_operator(BRAND, code_of(0), "915208")
        assert await scene.code() == "MEMBER_PIN_WRONG", "the former one"
        await scene.verify("915208")

    play(tmp_path, story)


def test_who_is_erased_while_they_get_a_pin_has_none_afterwards(tmp_path: Path) -> None:
    async def story(scene: Scene) -> None:
        known, erased, require = threading.Event(), threading.Event(), verifying._require

        def slow(connection: Connection, brand_id: str, member_id: str) -> None:
            require(connection, brand_id, member_id)
            known.set()
            erased.wait(10)

        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(verifying, "_require", slow)
            setting = asyncio.create_task(scene.hq.members.verifying.set_by_operator(BRAND, code_of(0), "915208"))
            assert await asyncio.to_thread(known.wait, 20)
            erasing = asyncio.create_task(scene.hq.members.erase(BRAND, scene.member_id, "the member", "by letter"))
            await asyncio.wait({erasing}, timeout=0.5)
            erased.set()
            await setting
            assert await erasing is True
        assert await query(scene.hq, "SELECT member_id FROM member_pins") == []

    play(tmp_path, story)


def test_a_lock_outlives_hqs_process(tmp_path: Path) -> None:
    async def run() -> None:
        clock = HandClock()
        async with Headquarters(tmp_path, members=1) as world:
            await world.enrol(tmp_path / "till")
            await world.hq.members.verifying.set_by_operator(BRAND, code_of(0), PIN)
            (member,) = await query(world.hq, "SELECT member_id FROM members")
            station = await world.hq.station(WORKSTATION)
            assert station is not None
            for _ in range(MEMBER_PIN_TRIES):
                with pytest.raises(Refusal):
                    await world.hq.members.verifying.verify(
                        station, VerifyRequest(member_id=member["member_id"], pin=WRONG)
                    )
        again = await open_again(tmp_path / "hq", clock)
        try:
            with pytest.raises(Refusal) as locked:
                await again.members.verifying.verify(station, VerifyRequest(member_id=member["member_id"], pin=PIN))
            assert locked.value.code == "MEMBER_PIN_LOCKED"
        finally:
            await again.close()

    asyncio.run(run())
