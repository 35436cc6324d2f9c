"""S56: who somebody is, by the brand's own provider: signed both ways, once per request, and no number kept."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from agent.domain.errors import Refusal
from sync.channel_protocol import MemberRef
from sync.hq.app import create_app
from sync.hq.bounds import IDENTITY_CHECKS_A_DAY
from sync.hq.channels import Channel
from sync.hq.signed_posts import SIGNATURE_HEADER, signature
from sync.identity_protocol import IdentityCheck
from tests.unit.hq_care_world import BRAND, CareWorld, play

NUMBER, PHONE, NAME = "11010519491231002X", "13800138000", "王小明"


class Provider:
    """A provider on loopback: answers as told, and remembers what it was asked."""

    def __init__(self) -> None:
        self.key = b""
        self.asked: list[dict[str, Any]] = []
        self.status = 200
        self.result: dict[str, Any] = {"result": "match", "reference": "ref-1"}
        self.signed = True

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(head.partition("content-length:")[2].split("\r\n")[0])
        body = await reader.readexactly(length)
        assert f"{SIGNATURE_HEADER.lower()}: {signature(self.key, body)}" in head
        self.asked.append(json.loads(body))
        said = json.dumps({"request_id": self.asked[-1]["request_id"], **self.result}).encode()
        sign = signature(self.key if self.signed else b"another", said)
        start = f"HTTP/1.1 {self.status} x\r\nContent-Length: {len(said)}\r\nConnection: close\r\n"
        writer.write(f"{start}{SIGNATURE_HEADER}: {sign}\r\n\r\n".encode() + said)
        await writer.drain()
        writer.close()
        await writer.wait_closed()


@asynccontextmanager
async def serving(world: CareWorld) -> AsyncIterator[tuple[Provider, Channel]]:
    """A provider that is entered for the brand, and a channel."""
    provider = Provider()
    server = await asyncio.start_server(provider.answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    provider.key = bytes.fromhex(await world.hq.channels.identity.set_provider(BRAND, f"http://127.0.0.1:{port}/check"))
    channel = await world.hq.channels.of_token((await world.hq.channels.add("mini", BRAND, "")).token)
    assert channel is not None
    try:
        yield provider, channel
    finally:
        server.close()
        await server.wait_closed()


def check(world: CareWorld, request_id: str = "i1", **more: Any) -> IdentityCheck:
    """One question about the first member."""
    said: dict[str, Any] = {"name": NAME, "id_number": NUMBER, "phone": PHONE, "consent": "id-2", **more}
    return IdentityCheck(request_id=request_id, member=MemberRef(member_id=world.ids[0]), **said)


async def refused(work: Awaitable[object]) -> str:
    with pytest.raises(Refusal) as found:
        await work
    return found.value.code


def told(folder: Path, story: Callable[[CareWorld, Provider, Channel], Awaitable[None]]) -> None:
    async def run(world: CareWorld) -> None:
        async with serving(world) as (provider, channel):
            await story(world, provider, channel)

    play(folder, run)


def test_without_a_provider_nobody_is_checked(tmp_path: Path) -> None:
    async def story(world: CareWorld) -> None:
        channel = await world.hq.channels.of_token((await world.hq.channels.add("mini", BRAND, "")).token)
        assert channel is not None
        desk = world.hq.channels.identity
        assert await refused(desk.check(channel, check(world))) == "IDENTITY_NOT_CONFIGURED"
        assert await world.all("SELECT * FROM identity_checks") == []
        for url in ("http://example.com/x", "ftp://x", "https://" + "x" * 200, "https://[x"):
            assert await refused(desk.set_provider(BRAND, url)) == "IDENTITY_PROVIDER_INVALID"

    play(tmp_path, story)


def test_the_answer_is_kept_once_per_request_and_no_number_is(tmp_path: Path) -> None:
    async def story(world: CareWorld, provider: Provider, channel: Channel) -> None:
        desk = world.hq.channels.identity
        provider.result["face"] = "mismatch"
        done = await desk.check(channel, check(world, face="ticket-7"))
        assert (done.result, done.face, done.member_id) == ("match", "mismatch", world.ids[0])
        assert await desk.check(channel, check(world, face="ticket-7")) == done
        assert [one["request_id"] for one in provider.asked] == ["mini.i1"], "asked once"
        assert await refused(desk.check(channel, check(world, phone="13900139000"))) == "CONFLICT"
        assert provider.asked[0]["id_number"] == NUMBER
        [row] = await desk.listed(BRAND)
        assert (row["state"], row["face"], row["reference"], row["consent"]) == ("match", "mismatch", "ref-1", "id-2")
        kept = str(await world.all("SELECT * FROM identity_checks")) + repr(check(world, face="ticket-7"))
        assert not [one for one in (NUMBER, PHONE, NAME, "ticket-7") if one in kept]
        await world.hq.members.erase(BRAND, world.ids[0], "legal", "asked")
        [(asked, person)] = await world.all("SELECT asked, person FROM identity_checks")
        assert bytes(asked) == bytes(person) == bytes(32)

    told(tmp_path, story)


@pytest.mark.parametrize(
    "wrong",
    [
        {"signed": False}, {"status": 503}, {"status": 429}, {"result": {"result": "perhaps"}},
        {"result": {"result": "match", "request_id": "mini.i9"}}, {"result": {"result": "match", "face": "match"}},
        {"result": {"result": "match", "reference": "x" * 5000}},
    ],
)  # fmt: skip
def test_an_answer_that_cannot_be_trusted_says_nothing_and_is_asked_again(
    tmp_path: Path, wrong: dict[str, Any]
) -> None:
    async def story(world: CareWorld, provider: Provider, channel: Channel) -> None:
        desk, right = world.hq.channels.identity, dict(provider.result)
        for name, value in wrong.items():
            setattr(provider, name, value)
        assert await refused(desk.check(channel, check(world))) == "IDENTITY_UNSURE"
        provider.signed, provider.status, provider.result = True, 200, {**right, "result": "mismatch"}
        assert (await desk.check(channel, check(world))).result == "mismatch"
        assert provider.asked[0] == provider.asked[1], "the same question, to the byte"

    told(tmp_path, story)


def test_a_refusal_stays_and_a_member_is_checked_so_often_a_day(tmp_path: Path) -> None:
    async def story(world: CareWorld, provider: Provider, channel: Channel) -> None:
        desk, provider.status = world.hq.channels.identity, 422
        assert await refused(desk.check(channel, check(world))) == "IDENTITY_REFUSED"
        provider.status = 200
        assert await refused(desk.check(channel, check(world))) == "IDENTITY_REFUSED"
        for number in range(1, IDENTITY_CHECKS_A_DAY):
            await desk.check(channel, check(world, f"n{number}"))
        assert await refused(desk.check(channel, check(world, "last"))) == "IDENTITY_TOO_MANY"
        await world.day("2026-09-22")
        assert (await desk.check(channel, check(world, "last"))).result == "match"
        await desk.set_provider(BRAND, "")
        assert await refused(desk.check(channel, check(world, "last"))) == "IDENTITY_NOT_CONFIGURED"

    told(tmp_path, story)


def test_a_provider_that_is_away_is_asked_again_later(tmp_path: Path) -> None:
    async def story(world: CareWorld, provider: Provider, channel: Channel) -> None:
        desk = world.hq.channels.identity
        await desk.set_provider(BRAND, "http://127.0.0.1:1/check")
        assert await refused(desk.check(channel, check(world))) == "IDENTITY_UNSURE"
        assert provider.asked == []

    told(tmp_path, story)


def test_of_who_is_erased_while_the_provider_is_asked_nothing_is_kept(tmp_path: Path) -> None:
    async def story(world: CareWorld, provider: Provider, channel: Channel) -> None:
        desk = world.hq.channels.identity
        inner = desk.provider

        class Slow:
            async def check(self, to: Any, ask: Any) -> Any:
                await world.hq.members.erase(BRAND, world.ids[0], "legal", "asked")
                return await inner.check(to, ask)

            async def close(self) -> None:
                await inner.close()

        desk.provider = Slow()
        assert await refused(desk.check(channel, check(world))) == "IDENTITY_UNSURE"
        assert await world.all("SELECT state, reference FROM identity_checks") == [("unsure", "")]
        assert await refused(desk.check(channel, check(world))) == "MEMBER_UNKNOWN"

    told(tmp_path, story)


def test_over_http_a_bad_question_is_refused_without_being_repeated(tmp_path: Path) -> None:
    async def story(world: CareWorld, provider: Provider, channel: Channel) -> None:
        token = (await world.hq.channels.add(channel.name, BRAND, "")).token
        transport = httpx.ASGITransport(app=create_app(world.hq))
        headers = {"Authorization": f"Bearer {token}"}
        body = check(world).model_dump(mode="json")
        async with httpx.AsyncClient(transport=transport, base_url="http://hq", headers=headers) as client:
            bad = await client.post("/v1/channels/mini/identity-checks", json={**body, "id_number": "1234567890"})
            assert (bad.status_code, "1234567890" in bad.text) == (422, False)
            good = await client.post("/v1/channels/mini/identity-checks", json=body)
        assert good.json() == {"request_id": "i1", "member_id": world.ids[0], "result": "match", "face": ""}

    told(tmp_path, story)
