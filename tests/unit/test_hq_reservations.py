"""S11: a slot never takes more than its places; higher tiers reserve earlier, and come first where one becomes free."""

import asyncio
from pathlib import Path

import httpx
import pytest
from pydantic import ValidationError

from agent.domain.errors import Refusal
from agent.domain.rules import RuleFaults, rule_set
from sync.channel_protocol import ChannelEvent
from sync.hq.app import create_app
from sync.hq.csv_file import Fault
from sync.hq.slot_csv import SlotEntry, slot_entries
from sync.hq.slot_write import SlotTable
from tests.unit.hq_care_world import BRAND, TIERS, CareWorld, at_ms, play
from tests.unit.test_hq_importer import write
from tests.unit.test_hq_play import refusal
from tests.unit.test_hq_referrals import ask
from tests.unit.test_hq_world import RULES

HEAD = "slot_id,store_id,service,starts,minutes,capacity,off\n"
SLOTS = HEAD + (
    "am,S1,剪发,2026-09-23 10:00,45,1,\npm,S1,剪发,2026-09-23 15:00,45,2,\nlate,S1,剪发,2026-10-05 10:00,45,1,\n"
    "gone,S1,剪发,2026-09-21 11:00,45,1,\nshut,S1,剪发,2026-09-23 18:00,45,1,1\n"
)
RULE = {"ahead_days": 7, "earlier_days": {"silver": 3, "gold": 7}}


async def stocked(world: CareWorld, folder: Path) -> None:
    """Slots, and one member of each tier: plain, silver, gold."""
    await world.rules(reservations=RULE)
    tiers = "".join(f"10000000000{n},{one['tier_id']},0\n" for n, one in enumerate(TIERS))
    await world.hq.import_members(BRAND, write(folder, f"member_number,tier_id,points\n{tiers}"))
    report = await world.hq.import_slots(BRAND, write(folder, SLOTS))
    assert (report.created, report.faults) == (5, [])


async def places(world: CareWorld, slot_id: str) -> tuple[int, list[tuple[str, str]]]:
    """Places taken, and (request, state) in order of request."""
    [(taken,)] = await world.all("SELECT taken FROM slots WHERE slot_id = :slot", slot=slot_id)
    rows = await world.all(
        "SELECT request_id, state FROM reservations WHERE slot_id = :slot ORDER BY request_id", slot=slot_id
    )
    assert taken == sum(state == "held" for _request, state in rows)
    return taken, [(request, state) for request, state in rows]


def test_a_higher_tier_may_reserve_days_earlier(tmp_path: Path) -> None:
    """14 days ahead: gold may from seven plus seven days, silver three days before its seventh, plain not before."""

    async def story(world: CareWorld) -> None:
        await stocked(world, tmp_path)
        assert await refusal(world, "r0", "reserve", 0, slot_id="late") == "SLOT_NOT_OPEN"
        with pytest.raises(Refusal, match="tier silver may reserve it from 2026-09-25"):
            await ask(world, "r1", "reserve", 1, slot_id="late")
        done = await ask(world, "r2", "reserve", 2, slot_id="late")
        assert done.reservation is not None
        assert (done.reservation.state, done.points) == ("held", 0)
        assert await ask(world, "r2", "reserve", 2, slot_id="late") == done
        await world.day("2026-09-25")
        waits = await ask(world, "r1", "reserve", 1, slot_id="late", wait=True)
        assert waits.reservation is not None
        assert (waits.reservation.state, waits.reservation.place) == ("waiting", 1)

    play(tmp_path, story)


def test_a_place_that_becomes_free_goes_by_tier_and_then_by_time_and_is_told(tmp_path: Path) -> None:
    async def story(world: CareWorld) -> None:
        await stocked(world, tmp_path)
        await ask(world, "a", "reserve", 0, slot_id="am")
        assert await refusal(world, "b", "reserve", 1, slot_id="am") == "SLOT_FULL"
        for number, member in enumerate((1, 2)):
            world.clock.at_ms += 1
            answer = await ask(world, f"w{number}", "reserve", member, slot_id="am", wait=True)
            assert answer.reservation is not None
            assert answer.reservation.place == 1, "gold came later and stands first"
        ended = await ask(world, "c", "reserve_cancel", of="a")
        assert ended.reservation is not None
        assert ended.reservation.state == "cancelled"
        assert await ask(world, "c", "reserve_cancel", of="a") == ended
        assert await places(world, "am") == (1, [("a", "cancelled"), ("w0", "waiting"), ("w1", "held")])
        told = await world.hq.members.reminders(0)
        assert [(one.kind, one.member_id, one.marketing, one.facts["slot_id"]) for one in told] == [
            ("place_free", world.ids[2], False, "am")
        ]
        assert told[0].send_until_ms == at_ms("2026-09-23", 10)
        assert await refusal(world, "d", "reserve_cancel", of="a") == "NOTHING_TO_RETURN"
        await ask(world, "e", "reserve_cancel", of="w0")
        assert await places(world, "am") == (1, [("a", "cancelled"), ("w0", "cancelled"), ("w1", "held")])

    play(tmp_path, story)


def test_more_places_go_to_those_who_wait_and_an_erased_member_gives_theirs_back(tmp_path: Path) -> None:
    async def story(world: CareWorld) -> None:
        await stocked(world, tmp_path)
        for member in range(3):
            await ask(world, f"r{member}", "reserve", member, slot_id="am", wait=True)
        report = await world.hq.import_slots(BRAND, write(tmp_path, HEAD + "am,S1,剪发,2026-09-23 10:00,45,2,\n"))
        assert report.updated == 1
        assert await places(world, "am") == (2, [("r0", "held"), ("r1", "waiting"), ("r2", "held")])
        await world.hq.members.erase(BRAND, world.ids[2], "legal", "asked")
        assert await places(world, "am") == (2, [("r0", "held"), ("r1", "held"), ("r2", "cancelled")])
        rows = (await world.hq.channels.play.reservations(BRAND, "2026-09-23", "S1"))["reservations"]
        assert [(row["slot_id"], row["state"], row["member_id"]) for row in rows] == [
            ("am", "held", world.ids[1]), ("am", "held", world.ids[0]),
        ]  # fmt: skip

    play(tmp_path, story)


def test_a_slot_never_takes_more_than_its_places(tmp_path: Path) -> None:
    async def story(world: CareWorld) -> None:
        await stocked(world, tmp_path)
        await ask(world, "p", "purchase", paid_fen=100)
        asked = [ask(world, f"r{number}", "reserve", number, slot_id="pm") for number in range(3)]
        answers = await asyncio.gather(*asked, return_exceptions=True)
        assert [one.code for one in answers if isinstance(one, Refusal)] == ["SLOT_FULL"]
        assert (await places(world, "pm"))[0] == 2

    play(tmp_path, story)


def test_what_cannot_be_reserved_is_refused(tmp_path: Path) -> None:
    async def story(world: CareWorld) -> None:
        await stocked(world, tmp_path)
        for slot_id, code in (("none", "SLOT_UNKNOWN"), ("shut", "SLOT_UNKNOWN"), ("gone", "SLOT_CLOSED")):
            assert await refusal(world, f"r-{slot_id}", "reserve", slot_id=slot_id) == code
        await ask(world, "r1", "reserve", slot_id="am")
        assert await refusal(world, "r2", "reserve", slot_id="am", wait=True) == "SLOT_RESERVED"
        world.clock.at_ms = at_ms("2026-09-23", 11)
        assert await refusal(world, "r3", "reserve_cancel", of="r1") == "SLOT_CLOSED"
        await world.rules()
        assert await refusal(world, "r4", "reserve", slot_id="pm") == "RESERVATIONS_OFF"

    play(tmp_path, story)


def test_a_file_names_every_fault_and_breaks_no_reservation(tmp_path: Path) -> None:
    async def story(world: CareWorld) -> None:
        await stocked(world, tmp_path)
        await ask(world, "r1", "reserve", slot_id="pm")
        bad = HEAD + (
            "a b,S1,,tomorrow,0,x,maybe\nn,S9,剪发,2026-09-23 10:00,45,1,\nn,S1,剪发,2026-09-23 10:00,45,1,\n"
            "pm,S1,剪发,2026-09-23 16:00,45,2,1\nold,S1,剪发,0001-01-01 00:00,45,1,\n"
        )
        report = await world.hq.import_slots(BRAND, write(tmp_path, bad))
        assert report.rejected
        assert report.faults == [
            Fault(2, "slot_id 'a b': use 1 to 64 of A-Z a-z 0-9 . _ : -; service needs 1 to 200 printable characters;"
                     " starts 'tomorrow': write YYYY-MM-DD HH:MM; minutes '0': at least 1;"
                     " capacity 'x': write a whole number up to 100000; off 'maybe': write 1 or 0"),
            Fault(3, "store_id: this brand has no store S9"),
            Fault(4, "slot_id n is on line 3 already"),
            Fault(5, "starts, store_id: 1 places are reserved; off: 1 places are reserved"),
            Fault(6, "starts '0001-01-01 00:00': write YYYY-MM-DD HH:MM"),
        ]  # fmt: skip

    play(tmp_path, story)


def test_a_place_that_is_taken_while_a_file_is_read_stays_where_it_is(tmp_path: Path) -> None:
    async def story(world: CareWorld) -> None:
        await stocked(world, tmp_path)
        file = write(tmp_path, HEAD + "am,S1,剪发,2026-09-23 16:00,45,1,\n")

        async def overtaken() -> None:
            table = await world.hq.parts.books.write(lambda c: SlotTable.of(c, BRAND, world.clock.at_ms))
            [entry] = [one for one in slot_entries(file) if isinstance(one, SlotEntry)]
            assert await world.hq.parts.books.write(lambda c: table.check(c, [entry])) == []
            await ask(world, "r1", "reserve", slot_id="am")
            await world.hq.parts.books.write(lambda c: table.write(c, [entry]))

        with pytest.raises(Refusal, match="places are reserved") as found:
            await overtaken()
        assert found.value.code == "IMPORT_OVERTAKEN"
        assert await places(world, "am") == (1, [("r1", "held")])

    play(tmp_path, story)


def test_a_channel_shows_the_slots_of_a_day(tmp_path: Path) -> None:
    async def story(world: CareWorld) -> None:
        await stocked(world, tmp_path)
        await ask(world, "r1", "reserve", slot_id="am")
        await ask(world, "r2", "reserve", 1, slot_id="am", wait=True)
        given = await world.hq.channels.add("shop", BRAND, "")
        headers = {"Authorization": f"Bearer {given.token}"}
        transport = httpx.ASGITransport(app=create_app(world.hq))
        async with httpx.AsyncClient(transport=transport, base_url="http://hq", headers=headers) as client:
            found = (await client.get("/v1/channels/shop/slots?day=2026-09-23")).json()["slots"]
            assert [(one["slot_id"], one["starts"], one["left"], one["waiting"]) for one in found] == [
                ("am", "2026-09-23T10:00+08:00", 0, 1), ("pm", "2026-09-23T15:00+08:00", 2, 0),
            ]  # fmt: skip
            assert [one["slot_id"] for one in (await client.get("/v1/channels/shop/slots")).json()["slots"]] == ["gone"]
            assert (await client.get("/v1/channels/shop/slots?day=soon")).status_code == 422

    play(tmp_path, story)


def test_every_fault_of_the_rule_is_named_at_once() -> None:
    with pytest.raises(RuleFaults) as found:
        rule_set({**RULES, "reservations": {"ahead_days": 400, "earlier_days": {"plain": True, "none": 1}, "x": 1}})
    assert found.value.faults == (
        "reservations.x is not known",
        "reservations.ahead_days must be an integer from 0 to 366",
        "reservations.earlier_days.plain must be an integer from 0 to 366",
        "reservations.earlier_days.none is no tier",
    )
    with pytest.raises(ValidationError):
        ChannelEvent.model_validate(
            {"request_id": "r", "kind": "sign_in", "member": {"member_id": "m"}, "wait": True}
        )  # fmt: skip
