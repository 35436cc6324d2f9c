"""S40, switched by a manager: the till turns to other books and back by itself, and the two never meet."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx

from agent.limits import PIN_ATTEMPTS
from agent.mode import ModeMark
from agent.mode_file import FileMode
from agent.notify import Notifier
from drivers.simulated import Fault
from tests.life_world import Living, living
from tests.sse import Heard, listening
from tests.till_world import TillWorld, cash


def play(folder: Path, story: Callable[[TillWorld], Awaitable[None]], *, devices: bool = False) -> None:
    async def run() -> None:
        async with TillWorld(folder, devices=devices) as world:
            await story(world)

    asyncio.run(asyncio.wait_for(run(), 120))


def sale(name: str) -> dict[str, Any]:
    return {"sale_id": name, "lines": [{"code": "10001", "qty": 2}], "tenders": [cash(3960)]}


async def refused(till: Living, body: dict[str, Any]) -> tuple[int, str]:
    answer = await till.pos.post("/v1/manage/training", json=body)
    return answer.status_code, str(answer.json().get("code"))


def test_there_and_back_with_the_cable_out_nothing_is_lost_and_nothing_is_mixed(tmp_path: Path) -> None:
    async def story(world: TillWorld) -> None:
        async with living(world) as till:
            await world.cable.pull()
            assert (await till.pos.post("/v1/sales", json=sale("k1"))).status_code == 201
            cart = {"lines": [{"code": "10001", "qty": 2}]}
            unsold, sold = [(await till.pos.post("/v1/quotes", json=cart)).json()["quote_id"] for _ in range(2)]
            quoted = {**sale("k0"), "quote_id": sold}
            assert (await till.pos.post("/v1/sales", json=quoted)).status_code == 201
            waiting = (await till.status())["real_waiting"]
            assert waiting >= 1
            session = (await till.signed_in("900")).json()["token"]
            manager = httpx.AsyncClient(
                base_url=till.pos.base_url, headers={"Authorization": f"Bearer {session}"}, trust_env=False
            )
            async with manager:
                await till.turn(True, manager)
                assert await till.status() == {
                    "training": True, "fixed_by": None, "changing": False, "real_waiting": waiting,
                }  # fmt: skip
                again = await till.pos.post("/v1/sales", json=sale("k1"))
                assert (again.status_code, again.json()["event"]["seq"]) == (201, 1), "books of their own"
                for body in (quoted, {**sale("k9"), "quote_id": unsold}):
                    late = await till.pos.post("/v1/sales", json=body)
                    assert (late.status_code, late.json()["code"]) == (409, "MODE_DIFFERS"), "begun before the switch"
                only = await till.pos.post("/v1/sales", json=sale("t1"))
                assert only.status_code == 201
                tokens = (await manager.get("/v1/manage/tokens")).json()["tokens"]
                (pos,) = [one for one in tokens if one["app"] == "test POS"]
                code = (await manager.post("/v1/manage/pairing-codes", json={})).json()["code"]
                paired = await till.pos.post("/v1/pair", json={"code": code, "app": "paired in training"})
                assert (await manager.delete(f"/v1/manage/tokens/{pos['token_id']}")).status_code == 204
                till.pos.headers["Authorization"] = f"Bearer {paired.json()['token']}"
                await till.turn(False, manager)
                gone = await manager.get("/v1/manage/tokens")
                assert pos["token_id"] not in gone.text, "revoked in one mode is revoked in the other"
                history = (await manager.get("/v1/manage/training")).json()
                assert [(one["training"], one["operator"], one["begun_at_ms"] > 0) for one in history["changes"]] == [
                    (False, "900", True),
                    (True, "900", True),
                ]
            assert (await till.pos.post("/v1/sales", json=sale("k1"))).status_code == 200, "remembered"
            assert (await till.pos.post("/v1/sales", json=quoted)).status_code == 200, "whatever its quote"
            assert (await till.pos.post("/v1/sales", json=sale("t1"))).status_code == 201, "never heard of here"
            await world.cable.plug()
            run = await till.life.agent.daemon.prove()
            assert run.equal, run
            assert sum(one.count for one in run.epochs) == waiting + 1
        world.agent = till.life.agent

    play(tmp_path, story)


def test_one_series_of_events_over_both_modes(tmp_path: Path) -> None:
    async def followed(till: Living, last: int | None, until: Callable[[Heard], bool]) -> list[Heard]:
        found: list[Heard] = []
        async with listening(till.pos, last) as ear:
            while not found or not until(found[-1]):
                found.append(await ear.one(deadline_s=20))
        return found

    def is_sale(name: str) -> Callable[[Heard], bool]:
        return lambda one: one.data.get("sale_id") == name

    async def story(world: TillWorld) -> None:
        async with living(world) as till:
            first = await till.life.agent.announcer.announce("sync.state", {"up": True, "reason": "begin"})
            await till.pos.post("/v1/sales", json=sale("k1"))
            async with listening(till.pos, first.id) as ear:
                turning = asyncio.create_task(till.turn(True))
                told = await ear.one("mode.changing", 20)
                assert told.data["training"] is True
                await turning
            await till.pos.post("/v1/sales", json=sale("t1"))
            there = await followed(till, first.id, is_sale("t1"))
            await till.turn(False)
            await till.pos.post("/v1/sales", json=sale("k2"))
            back = await followed(till, there[-1].id, is_sale("k2"))
            heard = [*there, *back]
            numbers = [one.id for one in heard]
            assert numbers == sorted(set(numbers)), "twice, or out of order"
            sales = [one.data["sale_id"] for one in heard if one.kind == "sale.recorded"]
            assert sales == ["k1", "t1", "k2"]
            modes = [(one.kind, one.data["training"]) for one in heard if one.kind.startswith("mode.")]
            assert modes == [("mode.changing", True), ("mode.changed", True), ("mode.changed", False)]
            away = await followed(till, first.id, is_sale("k2"))
            sales = [one.data["sale_id"] for one in away if one.kind == "sale.recorded"]
            assert sales == ["k1", "k2"], "who was away all the time hears of the real books alone"
            assert all(one.id > there[-1].id for one in back), "a number of the training is never given again"

    play(tmp_path, story)


def test_not_now_not_here_and_not_by_everybody(tmp_path: Path) -> None:
    async def story(world: TillWorld) -> None:
        async with living(world) as till:
            assert await refused(till, {"on": True}) == (422, "NAME_NEEDED")
            assert await refused(till, {"on": False, "by": "900"}) == (200, "None"), "it is what was asked for"
            cashier = (await till.signed_in("101")).json()["token"]
            answer = await till.pos.post(
                "/v1/manage/training", json={"on": True}, headers={"Authorization": f"Bearer {cashier}"}
            )
            assert answer.json()["code"] == "SCOPE_REFUSED"
            cart = {"lines": [{"code": "10001"}]}
            quote = (await till.pos.post("/v1/quotes", json=cart)).json()
            assert await refused(till, {"on": True, "by": "900"}) == (409, "MODE_BUSY")
            assert (await till.pos.delete(f"/v1/quotes/{quote['quote_id']}")).status_code == 204
            assert (await till.pos.get("/v1/manage/training")).json()["changes"] == [], "nothing was asked of the books"
            await till.turn(True)
            await till.pos.post("/v1/quotes", json=cart)
            assert await refused(till, {"on": False, "by": "900"}) == (409, "MODE_BUSY"), "nor may practice be cut off"
        world.settings = world.settings.model_copy(
            update={"workstation": world.settings.workstation.model_copy(update={"training": True})}
        )
        async with living(world) as till:
            assert (await till.status())["fixed_by"] == "file"
            assert await refused(till, {"on": False, "by": "900"}) == (409, "MODE_FIXED")

    play(tmp_path, story)


def test_paper_that_waits_is_not_left_behind_and_the_drawer_and_reads_are_noted_for_real(tmp_path: Path) -> None:
    async def story(world: TillWorld) -> None:
        async with living(world) as till:
            world.printer.fault = Fault.PAPER_OUT
            assert (await till.pos.post("/v1/sales", json=sale("k1"))).status_code == 201
            assert await refused(till, {"on": True, "by": "900"}) == (409, "MODE_BUSY")
            world.printer.fault = Fault.NONE
            async with listening(till.pos, 0) as ear:
                while (await ear.one("print.state", 20)).data["state"] != "confirmed":
                    continue
                while (await till.life.agent.modes.unfinished(world.clock.now_ms()))[1]:
                    await ear.one("print.state", 20)
            await till.turn(True)
            drawer = {"drawer_id": "d1", "operator": "101", "reason": "换零钱"}
            assert (await till.pos.post("/v1/drawer/open", json=drawer)).status_code < 300
            read = {"member_id": "m_nobody", "reason": "练习", "by": "900"}
            await till.pos.post("/v1/manage/members/birthday", json=read)
            await till.turn(False)
            openings = (await till.pos.get("/v1/manage/drawer-openings")).json()["openings"]
            assert [one["reason"] for one in openings] == ["换零钱"], "it was the real drawer"
            reads = (await till.pos.get("/v1/manage/access-log")).json()["reads"]
            assert [one["reason"] for one in reads] == ["练习"], "they were real members"

    play(tmp_path, story, devices=True)


def test_a_sale_that_comes_while_the_till_turns_has_its_receipt_before_the_training(tmp_path: Path) -> None:
    async def story(world: TillWorld) -> None:
        async with living(world) as till:
            agent = till.life.agent
            tell = agent.mode.tell

            async def sold_meanwhile() -> None:
                for name in ("k1", "k2"):
                    assert (await till.pos.post("/v1/sales", json=sale(name))).status_code == 201
                await tell()

            agent.mode.tell = sold_meanwhile  # type: ignore[method-assign]
            await till.turn(True)
            assert till.life.agent is not agent
            assert await till.life.agent.modes.unfinished(world.clock.now_ms()) == (0, 0)
            await till.turn(False)
            states = {one.state.value for one in await till.life.agent.paper.jobs(10) if one.kind.value == "receipt"}
            assert states == {"confirmed"}, "on paper, and never cut off"

    play(tmp_path, story, devices=True)


def test_a_lock_holds_whatever_the_mode_and_systemd_is_told_of_reloads_never_of_a_stop(tmp_path: Path) -> None:
    address = str(tmp_path / "notify")
    said: list[str] = []

    async def locked(till: Living) -> None:
        for name in ("101", "nobody"):
            assert (await till.signed_in(name)).json()["code"] == "SIGN_IN_LOCKED"

    async def story(world: TillWorld) -> None:
        loop, ended = asyncio.get_running_loop(), asyncio.Event()
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:

            def hear() -> None:
                said.append(manager.recv(100).decode())
                if said[-1] == "STOPPING=1":
                    ended.set()

            manager.bind(address)
            manager.setblocking(False)
            loop.add_reader(manager, hear)
            async with living(world, Notifier(address, watchdog_s=15)) as till:
                for name in ("101", "nobody"):
                    for _ in range(PIN_ATTEMPTS):
                        assert (await till.signed_in(name, "111111")).status_code == 403
                await till.turn(True)
                await locked(till)
                assert (await till.signed_in("900")).status_code == 200
                await till.turn(False)
                await locked(till)
            await ended.wait()
            loop.remove_reader(manager)

    play(tmp_path / "world", story)
    states = [one for one in said if one != "WATCHDOG=1"]
    assert states == ["READY=1", "RELOADING=1", "READY=1", "RELOADING=1", "READY=1", "STOPPING=1"]
    for place, one in enumerate(said):
        if one == "RELOADING=1":
            turn = said[place : said.index("READY=1", place)]
            assert turn.count("WATCHDOG=1") >= 3, "its patience begins anew at each step"


def test_a_training_that_cannot_be_opened_is_no_reason_not_to_sell(tmp_path: Path) -> None:
    async def story(world: TillWorld) -> None:
        (world.settings.state / "training.db").mkdir()
        marks = FileMode(world.settings.state)
        marks.write(ModeMark(True, 7, 1, "900"))
        async with living(world) as till:
            assert (await till.pos.get("/v1/hello")).json()["training"] is False
            assert marks.read().training is False
            async with listening(till.pos, 0) as ear:
                assert (await ear.one("mode.changed")).data["training"] is False
            assert (await till.pos.post("/v1/sales", json=sale("k1"))).status_code == 201

    play(tmp_path, story)


def test_a_mark_that_cannot_be_read_is_none(tmp_path: Path) -> None:
    marks = FileMode(tmp_path)
    assert marks.read().training is False
    for torn in (b"", b'{"training": tr', b'{"training": true}', b"\xff\xfe"):
        (tmp_path / "mode.json").write_bytes(torn)
        assert marks.read() == ModeMark(False, 0, 0, "")
    marks.write(ModeMark(True, 3, 4, "王店长"))
    assert FileMode(tmp_path).read() == ModeMark(True, 3, 4, "王店长")
    assert (tmp_path / "mode.json").stat().st_mode & 0o777 == 0o600
