"""The console's calls: who gets in, what is refused, and what an act does to the books. On PostgreSQL too."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from agent.domain.errors import Refusal
from sync.hq import audit
from sync.hq.app import create_app
from sync.hq.bounds import CONSOLE_SESSION_S, CONSOLE_SILENT_S, CONSOLE_TRIES
from sync.hq.console.join import Console, open_console
from sync.hq.console.people import Role
from sync.hq.service import HqService
from sync.proof import Finding, ProofRequest
from tests.console_world import PASSWORD, USERS, troubled_store
from tests.unit.test_hq_world import BRAND, RULES, HandClock, Till, import_members, open_world, query, text_of

URL = "http://127.0.0.1:8788"
API = "/console/api"


@dataclass
class Desk:
    """A console without a socket."""

    hq: HqService
    console: Console
    client: httpx.AsyncClient
    clock: HandClock
    till: Till
    members: list[str]
    sessions: dict[str, str] = field(default_factory=dict)

    async def token(self, name: str, password: str = PASSWORD) -> str:
        answer = await self.client.post(f"{API}/sign-in", json={"name": name, "password": password})
        assert answer.status_code == 200, answer.text
        return str(answer.json()["token"])

    async def call(self, name: str, method: str, path: str, body: Any = None) -> httpx.Response:
        if name not in self.sessions:
            self.sessions[name] = await self.token(name)
        headers = {"Authorization": f"Bearer {self.sessions[name]}"}
        return await self.client.request(method, API + path, json=body, headers=headers)

    async def store(self, store_id: str = "S1") -> dict[str, Any]:
        answer = await self.call("看看", "GET", f"/stores/{store_id}")
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found


def at_desk(path: Path, story: Callable[[Desk], Awaitable[None]]) -> None:
    async def play() -> None:
        clock = HandClock()
        hq = await open_world(path / "hq", clock)
        app = create_app(hq)
        console = open_console(app, hq, frozenset({URL}), path / "uploads")
        try:
            for name, role in USERS.items():
                await console.desk.people.put(name, role, PASSWORD, "test")
            members = await import_members(hq, path / "members.csv", 3)
            till = await troubled_store(hq, clock, members)
            transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
            async with httpx.AsyncClient(base_url=URL, transport=transport) as client:
                await story(Desk(hq, console, client, clock, till, members))
        finally:
            await console.close()
            await hq.close()

    asyncio.run(play())


def refused(answer: httpx.Response, status: int, code: str) -> None:
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text


SUSPENDED = {"workstation_id": "S1-1", "epoch": "e1", "seq": 3, "why": "looked at it"}


def test_no_other_name_page_or_program_gets_in(tmp_path: Path) -> None:
    async def story(desk: Desk) -> None:
        body = {"name": "老板", "password": PASSWORD}
        for headers, status, code in (
            ({"Host": "rebind.example.com"}, 403, "HOST_REFUSED"),
            ({"Host": "127.0.0.1"}, 403, "HOST_REFUSED"),
            ({"Origin": "https://evil.example.com"}, 403, "ORIGIN_REFUSED"),
            ({"Origin": "null"}, 403, "ORIGIN_REFUSED"),
            ({"Content-Type": "text/plain"}, 415, "CONTENT_TYPE"),
        ):
            refused(await desk.client.post(f"{API}/sign-in", json=body, headers=headers), status, code)
        for path in ("/console", "/console/", "/console/assets/dom.js", f"{API}/words"):
            refused(await desk.client.get(path, headers={"Host": "rebind.example.com"}), 403, "HOST_REFUSED")
        page = await desk.client.get("/console/")
        assert "default-src 'none'; script-src 'self'" in page.headers["content-security-policy"]
        refused(await desk.client.get(f"{API}/overview"), 401, "TOKEN_REFUSED")
        query_token = await desk.token("老板")
        refused(await desk.client.get(f"{API}/overview?token={query_token}"), 401, "TOKEN_REFUSED")

    at_desk(tmp_path, story)


def test_each_call_asks_for_its_role(tmp_path: Path) -> None:
    async def story(desk: Desk) -> None:
        for name, method, path in (
            ("看看", "POST", "/suspended/decide"),
            ("看看", "POST", "/write-offs"),
            ("看看", "POST", "/members/find"),
            ("阿强", "POST", "/rules/publish"),
            ("阿强", "POST", "/imports/members"),
            ("阿强", "POST", "/erasures"),
            ("阿强", "GET", "/users"),
        ):
            refused(await desk.call(name, method, path, {}), 403, "ROLE_REFUSED")
        assert (await desk.call("老板", "GET", "/users")).json()["users"][0].keys() == {"name", "role", "created_at_ms"}

    at_desk(tmp_path, story)


def test_five_wrong_passwords_lock_a_name_and_time_opens_it(tmp_path: Path) -> None:
    async def story(desk: Desk) -> None:
        body = {"name": "老板", "password": "not it at all"}
        for _ in range(CONSOLE_TRIES):
            refused(await desk.client.post(f"{API}/sign-in", json=body), 403, "SIGN_IN_REFUSED")
        right = {**body, "password": PASSWORD}
        refused(await desk.client.post(f"{API}/sign-in", json=right), 429, "SIGN_IN_LOCKED")
        refused(await desk.client.post(f"{API}/sign-in", json={**body, "name": "nobody"}), 403, "SIGN_IN_REFUSED")
        desk.clock.at_ms += 61_000
        assert (await desk.client.post(f"{API}/sign-in", json=right)).status_code == 200

    at_desk(tmp_path, story)


def test_a_session_ends_by_itself_with_its_user_and_with_a_new_password(tmp_path: Path) -> None:
    async def story(desk: Desk) -> None:
        async def works(token: str) -> bool:
            headers = {"Authorization": f"Bearer {token}"}
            return (await desk.client.get(f"{API}/session", headers=headers)).status_code == 200

        people = desk.console.desk.people
        late, renewed, gone = await desk.token("看看"), await desk.token("阿强"), await desk.token("财务")
        assert await works(late)
        await people.put("阿强", Role.VIEWER, "another good one", "test")
        await people.remove("财务", "test")
        assert not await works(renewed)
        assert not await works(gone)
        desk.clock.at_ms += CONSOLE_SESSION_S * 1000
        assert not await works(late)
        with pytest.raises(Refusal, match="last admin"):
            await people.remove("老板", "test")
        for weak in ("short", "aaaaaaaaaaaa", "xx老板xx老板xx12"):
            with pytest.raises(Refusal, match="password"):
                await people.put("老板", Role.ADMIN, weak, "test")
        held = await query(desk.hq, "SELECT password FROM console_users WHERE name = '老板'")
        assert PASSWORD not in held[0]["password"]

    at_desk(tmp_path, story)


def test_what_was_explained_is_open_again_when_it_says_something_else(tmp_path: Path) -> None:
    async def story(desk: Desk) -> None:
        named = {"workstation_id": "S1-1", "epoch": "e1", "side": "store", "place": "events", "key": "1"}
        ask = {**named, "code": "ALTERED", "why": "seen"}
        assert (await desk.call("阿强", "POST", "/discrepancies/explain", ask)).status_code == 200
        assert (await desk.store())["standing"]["discrepancies"] == 0
        for detail, state in (("payable_fen 1380", "explained"), ("payable_fen 9999", "open")):
            found = Finding(side="store", table="events", epoch="e1", key="1", code="ALTERED", detail=detail)
            await desk.hq.parts.books.write(lambda c, found=found: audit.record(c, "S1-1", [found], 1))  # type: ignore[misc]
            row = next(one for one in (await desk.store())["discrepancies"] if one["code"] == "ALTERED")
            assert (row["state"], row["decision"]["why"]) == (state, "seen")
        assert row["decision"]["outdated"]
        refused(
            await desk.call("阿强", "POST", "/discrepancies/explain", {**ask, "key": "7"}), 404, "DISCREPANCY_UNKNOWN"
        )

    at_desk(tmp_path, story)


def test_a_release_is_booked_once_and_the_next_proof_is_equal(tmp_path: Path) -> None:
    async def story(desk: Desk) -> None:
        for decision in ("keep", "release"):
            done = await desk.call("阿强", "POST", "/suspended/decide", {**SUSPENDED, "decision": decision})
            assert done.status_code == 200, done.text
        again = await desk.call("阿强", "POST", "/suspended/decide", {**SUSPENDED, "decision": "release"})
        refused(again, 409, "DECIDED_BEFORE")
        rows = await query(desk.hq, "SELECT kind, reference, amount FROM hq_postings")
        assert [(row["kind"], row["amount"]) for row in rows] == [("release", 25)]
        assert rows[0]["reference"].startswith("decision.")
        asked = ProofRequest(epoch="e1", count=3, head=desk.till.events[-1].chain)
        answer = await desk.hq.prove("S1-1", asked)
        assert answer.equal
        assert {one.code for one in answer.findings} == {"FORK"}

    at_desk(tmp_path, story)


def test_what_hq_cannot_release_is_refused_and_leaves_no_decision(tmp_path: Path) -> None:
    async def story(desk: Desk) -> None:
        desk.till.book(text_of({"v": 1, "kind": "sale", "b": 1, "a": 2}))  # not canonical: nobody can read it
        stranger = desk.till.body(member="m_nobody", points=5)
        desk.till.book(text_of(stranger))
        await desk.hq.ingest("S1-1", desk.till.batch(desk.till.events[3:]))
        for seq in (4, 5):
            ask = {**SUSPENDED, "seq": seq, "decision": "release"}
            refused(await desk.call("阿强", "POST", "/suspended/decide", ask), 409, "NOT_RELEASABLE")
        assert await query(desk.hq, "SELECT * FROM decisions") == []
        no_reason = {**SUSPENDED, "why": " ", "decision": "keep"}
        refused(await desk.call("阿强", "POST", "/suspended/decide", no_reason), 422, "REASON_NEEDED")

    at_desk(tmp_path, story)


def test_a_write_off_is_of_what_was_seen(tmp_path: Path) -> None:
    async def story(desk: Desk) -> None:
        ask = {"workstation_id": "S1-1", "typed": "S1-1", "why": "drowned", "seen": []}
        refused(await desk.call("阿强", "POST", "/write-offs", ask), 409, "AMOUNT_MOVED")
        seen = [{"account": "points", "leases": 1, "amount": 2}]
        refused(await desk.call("阿强", "POST", "/write-offs", {**ask, "typed": "S1"}), 422, "NOT_CONFIRMED")
        assert (await desk.call("阿强", "POST", "/write-offs", {**ask, "seen": seen})).json() == {"written_off": seen}
        assert (await desk.store())["leases"] == []

    at_desk(tmp_path, story)


def test_a_silent_store_with_leases_is_trouble(tmp_path: Path) -> None:
    async def story(desk: Desk) -> None:
        desk.clock.at_ms += CONSOLE_SILENT_S * 1000 + 1  # sessions too are over by then
        page = (await desk.call("看看", "GET", "/overview?least=2")).json()
        first, second = page["stores"]
        assert (first["store_id"], first["level"], first["stranded"], first["risk_points"]) == ("S1", 3, 1, 2)
        assert (second["store_id"], second["level"], second["silent"]) == ("S2", 2, 1)
        found = (await desk.call("看看", "GET", "/overview?find=二号")).json()
        assert [one["store_id"] for one in found["stores"]] == ["S2"]
        assert (await desk.call("看看", "GET", "/overview?find=%25")).json()["stores"] == []
        after = (await desk.call("看看", "GET", f"/overview?after={first['trouble']}:S1")).json()
        assert [one["store_id"] for one in after["stores"]] == ["S2"]

    at_desk(tmp_path, story)


def test_a_frozen_member_is_listed_kept_and_released(tmp_path: Path) -> None:
    async def story(desk: Desk) -> None:
        member = desk.members[0]
        freeze = {"brand_id": BRAND, "member_id": member, "frozen": True, "why": "too many"}
        for why in ("too many", "still too many"):
            assert (await desk.call("阿强", "POST", "/freezes", {**freeze, "why": why})).status_code == 200
        listed = (await desk.call("看看", "GET", f"/frozen?brand={BRAND}")).json()["frozen"]
        assert [(one["member_id"], one["reason"]) for one in listed] == [(member, "still too many")]
        await desk.call("阿强", "POST", "/freezes", {**freeze, "frozen": False, "why": "it was a party"})
        assert (await desk.call("看看", "GET", f"/frozen?brand={BRAND}")).json() == {"frozen": []}
        refused(await desk.call("阿强", "POST", "/freezes", {**freeze, "member_id": "m_x"}), 404, "MEMBER_UNKNOWN")

    at_desk(tmp_path, story)


def test_an_erasure_needs_two_people_and_is_asked_for_once(tmp_path: Path) -> None:
    async def story(desk: Desk) -> None:
        ask = {"brand_id": BRAND, "member_id": desk.members[0], "why": "asked us"}
        assert (await desk.call("老板", "POST", "/erasures", ask)).status_code == 200
        refused(await desk.call("财务", "POST", "/erasures", ask), 409, "ERASURE_ASKED")
        request = (await desk.call("看看", "GET", "/erasures")).json()["erasures"][0]
        path = f"/erasures/{request['request_id']}"
        refused(await desk.call("老板", "POST", path, {"erase": True}), 403, "SECOND_PERSON")
        assert (await desk.call("财务", "POST", path, {"erase": True})).status_code == 200
        refused(await desk.call("财务", "POST", path, {"erase": True}), 409, "DECIDED_BEFORE")
        one = (await desk.call("看看", "GET", "/erasures")).json()["erasures"][0]
        assert (one["state"], one["decided_by"], one["lacking"]) == ("erased", "财务", 2)
        status = await query(desk.hq, "SELECT status FROM members WHERE member_id = :id", id=desk.members[0])
        assert status == [{"status": "deleted"}]

    at_desk(tmp_path, story)


def test_rules_are_published_as_the_next_version_only(tmp_path: Path) -> None:
    async def story(desk: Desk) -> None:
        ask = {"brand_id": BRAND, "text": text_of(RULES), "why": "again"}
        refused(await desk.call("老板", "POST", "/rules/publish", ask), 409, "RULES_CHANGED")
        twice = '{"version": 2, "version": 3}'
        refused(await desk.call("老板", "POST", "/rules/publish", {**ask, "text": twice}), 422, "RULES_INVALID")
        newer = text_of({**RULES, "version": 2})
        assert (await desk.call("老板", "POST", "/rules/publish", {**ask, "text": newer})).json() == {"version": 2}
        log = (await desk.call("看看", "GET", "/log")).json()["log"]
        entry = next(one for one in log if one["act"] == "rules.publish")
        assert (entry["name"], entry["object"], entry["why"]) == ("老板", f"{BRAND} 2", "again")

    at_desk(tmp_path, story)
