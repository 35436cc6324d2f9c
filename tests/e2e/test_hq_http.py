"""HQ over real HTTP on loopback: what an honest till gets, and what hostile input does not get."""

import asyncio
import json
import resource
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import zstandard
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from agent.limits import BATCH_INFLATED_BYTES
from sync.hq import door
from sync.hq.server import HqServer
from sync.hq.service import HqService
from sync.protocol import (
    Batch,
    BatchAnswer,
    EnrolAnswer,
    EnrolRequest,
    FeedPage,
    MemberRow,
    ProofAnswer,
    ProofRequest,
)
from tests.unit.test_hq_world import STORE, Till, import_members, open_world, query

BATCHES = "/v1/workstations/S1-1/batches"


@dataclass
class Shop:
    """A running HQ, a client, and an enrolled till."""

    hq: HqService
    client: httpx.AsyncClient
    till: Till
    member_ids: list[str]

    async def call(self, method: str, path: str, body: bytes = b"", **headers: str) -> httpx.Response:
        request = self.till.request(self.client, method, path, body)
        request.headers.update({name.replace("_", "-"): value for name, value in headers.items()})
        return await self.client.send(request)

    async def push(self, batch: Batch, **headers: str) -> httpx.Response:
        return await self.call("POST", BATCHES, batch.model_dump_json().encode(), **headers)

    async def stored(self) -> int:
        return int((await query(self.hq, "SELECT count(*) AS n FROM events"))[0]["n"])


def in_shop(path: Path, story: Callable[[Shop], Awaitable[None]], members: int = 2) -> None:
    async def play() -> None:
        hq = await open_world(path / "hq")
        server, till = HqServer(hq), Till()
        try:
            member_ids = await import_members(hq, path / "members.csv", members)
            async with httpx.AsyncClient(base_url=await server.start(), trust_env=False) as client:
                code = await hq.add_workstation(STORE, till.workstation_id)
                request = EnrolRequest(code=code, public_key=till.public_key).model_dump_json().encode()
                answer = await client.post("/v1/enrol", content=request)
                assert EnrolAnswer.model_validate_json(answer.content).workstation_id == "S1-1"
                await story(Shop(hq, client, till, member_ids))
        finally:
            await server.stop()

    asyncio.run(play())


def refused(response: httpx.Response, status: int, code: str) -> None:
    assert (response.status_code, response.json()["code"]) == (status, code), response.text
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["status"] == status


def test_a_day_in_the_life_of_a_till(tmp_path: Path) -> None:
    async def story(shop: Shop) -> None:
        health = await shop.client.get("/healthz")
        assert health.json() == {"status": "ok", "protocol": 1}
        till = shop.till
        for points in range(3):
            till.book(member=shop.member_ids[0], points=points)
        packed = zstandard.ZstdCompressor(level=3).compress(till.batch().model_dump_json().encode())
        pushed = await shop.call("POST", BATCHES, packed, content_encoding="zstd")
        answer = BatchAnswer.model_validate_json(pushed.content)
        assert (answer.watermark, {verdict.verdict.value for verdict in answer.verdicts}) == (3, {"created"})
        page = FeedPage.model_validate_json(
            (await shop.call("GET", "/v1/workstations/S1-1/feeds/members?after=0")).content
        )
        points_of = {row.member_id: row.points for row in page.rows if isinstance(row, MemberRow)}
        assert (points_of[shop.member_ids[0]], page.watermarks) == (3, {"e1": 3})
        asked = ProofRequest(epoch="e1", count=3, head=till.head.hex()).model_dump_json().encode()
        proof = ProofAnswer.model_validate_json((await shop.call("POST", "/v1/workstations/S1-1/proof", asked)).content)
        assert proof.equal
        totals = (await shop.call("GET", "/v1/workstations/S1-1/totals")).json()
        assert totals["days"] == [
            {
                "business_day": "2026-09-21",
                "events": 3,
                "payable_fen": 3840,
                "points": 3,
                "suspended": 0,
                "suspended_payable_fen": 0,
            }
        ]

    in_shop(tmp_path, story)


def test_large_answers_come_compressed_to_those_who_take_it(tmp_path: Path) -> None:
    async def story(shop: Shop) -> None:
        path = "/v1/workstations/S1-1/feeds/members?after=0"
        packed = await shop.call("GET", path, accept_encoding="gzip, zstd;q=1")
        plain = await shop.call("GET", path, accept_encoding="identity")
        assert packed.headers["content-encoding"] == "zstd"
        assert "content-encoding" not in plain.headers
        unpacked = (
            zstandard.ZstdDecompressor().decompress(packed.content) if packed.content[:1] != b"{" else packed.content
        )
        assert unpacked == plain.content
        assert len(FeedPage.model_validate_json(plain.content).rows) == 40

    in_shop(tmp_path, story, members=40)


def test_who_does_not_sign_gets_nothing(tmp_path: Path) -> None:
    async def story(shop: Shop) -> None:
        till, client = shop.till, shop.client
        till.book()
        body = till.batch().model_dump_json().encode()
        other = Till(workstation_id="S1-2")
        code = await shop.hq.add_workstation(STORE, "S1-2")
        await shop.hq.redeem(EnrolRequest(code=code, public_key=other.public_key))
        await shop.hq.add_workstation(STORE, "S1-3")

        bare = client.build_request("POST", BATCHES, content=body)
        wrong_key = till.request(client, "POST", BATCHES, body, signer=Ed25519PrivateKey.generate().sign)
        not_signed = till.request(client, "POST", BATCHES, body, signer=lambda _message: bytes(64))
        altered = till.request(client, "POST", BATCHES, body)
        altered = client.build_request("POST", BATCHES, content=body + b" ", headers=altered.headers)
        altered.headers["content-length"] = str(len(body) + 1)
        other_path = till.request(client, "GET", "/v1/workstations/S1-1/feeds/items?after=0")
        other_path = client.build_request(
            "GET", "/v1/workstations/S1-1/feeds/items?after=5", headers=other_path.headers
        )
        other_method = till.request(client, "GET", BATCHES)
        other_method = client.build_request("POST", BATCHES, headers=other_method.headers)
        others_name = other.request(client, "POST", BATCHES, body, sign_as="S1-1")
        others_books = other.request(client, "POST", BATCHES, body)
        under_another_name = till.request(client, "POST", BATCHES, body, sign_as="S1-2")
        stranger = till.request(client, "GET", "/v1/workstations/S9-9/totals", sign_as="S9-9")
        not_enrolled = till.request(client, "GET", "/v1/workstations/S1-3/totals", sign_as="S1-3")
        odd = till.request(client, "GET", "/v1/workstations/S1-1/totals")
        odd.headers["Authorization"] = "Bearer x"
        for request in (
            bare, wrong_key, not_signed, altered, other_path, other_method, others_name, others_books,
            under_another_name, stranger, not_enrolled, odd,
        ):  # fmt: skip
            response = await client.send(request)
            refused(response, 401, "NOT_AUTHENTICATED")
            assert response.headers["www-authenticate"] == "PosAgent"
        await shop.hq.revoke_workstation("S1-2")
        gone = await client.send(other.request(client, "GET", "/v1/workstations/S1-2/totals"))
        refused(gone, 401, "WORKSTATION_REVOKED")
        assert await shop.stored() == 0

    in_shop(tmp_path, story)


def test_authentication_comes_before_parsing(tmp_path: Path) -> None:
    async def story(shop: Shop) -> None:
        for body in (b"{", b"\xff" * 100, b'{"protocol":1}'):
            request = shop.till.request(shop.client, "POST", BATCHES, body, signer=lambda _message: bytes(64))
            refused(await shop.client.send(request), 401, "NOT_AUTHENTICATED")
        refused(await shop.call("POST", BATCHES, b"{"), 400, "BODY_NOT_JSON")
        refused(await shop.call("POST", BATCHES, b""), 400, "BODY_NOT_JSON")
        refused(await shop.call("POST", BATCHES, b'{"protocol":1}'), 422, "BODY_INVALID")

    in_shop(tmp_path, story)


def test_what_is_sent_again_is_booked_once(tmp_path: Path) -> None:
    async def story(shop: Shop) -> None:
        shop.till.book(member=shop.member_ids[0], points=5)
        body = shop.till.batch().model_dump_json().encode()
        first = shop.till.request(shop.client, "POST", BATCHES, body)
        replayed = shop.client.build_request("POST", BATCHES, content=body, headers=first.headers)
        answers = [(await shop.client.send(request)).json() for request in (first, replayed)]
        assert [answer["verdicts"][0]["verdict"] for answer in answers] == ["created", "exists"]
        assert await query(shop.hq, "SELECT balance FROM accounts") == [{"balance": 5}]

    in_shop(tmp_path, story)


def test_batches_in_parallel_are_booked_once(tmp_path: Path) -> None:
    async def story(shop: Shop) -> None:
        for _ in range(40):
            shop.till.book(member=shop.member_ids[0], points=1)
        events = shop.till.events
        batches = [shop.till.batch(events[start : start + 8]) for start in (32, 0, 16, 8, 24, 0, 16)]
        answers = await asyncio.gather(*(shop.push(batch) for batch in batches))
        assert {answer.status_code for answer in answers} == {200}
        assert await query(shop.hq, "SELECT balance FROM accounts") == [{"balance": 40}]
        assert await query(shop.hq, "SELECT watermark, head FROM chains") == [{"watermark": 40, "head": shop.till.head}]

    in_shop(tmp_path, story)


def test_an_altered_event_and_a_fork_are_kept_apart(tmp_path: Path) -> None:
    async def story(shop: Shop) -> None:
        events = [shop.till.book(member=shop.member_ids[0], points=1) for _ in range(3)]
        altered = events[1].model_copy(update={"body": events[1].body.replace('"amount":1', '"amount":1000000')})
        answer = await shop.push(shop.till.batch([events[0], altered, events[2]]))
        assert [verdict.get("code", "") for verdict in answer.json()["verdicts"]] == ["", "CHAIN_MISMATCH", ""]
        answer = await shop.push(shop.till.batch([events[1]]))
        assert answer.json()["verdicts"] == [{"seq": 2, "verdict": "conflict"}]
        assert await query(shop.hq, "SELECT balance FROM accounts") == [{"balance": 2}]

    in_shop(tmp_path, story)


def test_non_canonical_bodies_and_floats_are_suspended_alone(tmp_path: Path) -> None:
    async def story(shop: Shop) -> None:
        till = shop.till
        till.book()
        till.book(json.dumps(till.body()))
        till.book(till.body_text().replace('"payable_fen":1280', '"payable_fen":1280.0'))
        till.book()
        answer = (await shop.push(till.batch())).json()
        assert [verdict.get("code", "") for verdict in answer["verdicts"]] == ["", "MALFORMED", "MALFORMED", ""]
        assert answer["watermark"] == 4
        asked = ProofRequest(epoch="e1", count=4, head=till.head.hex()).model_dump_json().encode()
        proof = (await shop.call("POST", "/v1/workstations/S1-1/proof", asked)).json()
        assert (proof["equal"], proof["suspended"]) == (True, 2)

    in_shop(tmp_path, story)


def test_a_signature_over_another_head_is_refused(tmp_path: Path) -> None:
    async def story(shop: Shop) -> None:
        till = shop.till
        till.book()
        refused(await shop.push(till.batch(head="ab" * 32)), 422, "BATCH_SHAPE")
        good = till.batch()
        till.book()
        wrong = till.batch().model_copy(update={"signature": good.signature})
        refused(await shop.push(wrong), 401, "BATCH_SIGNATURE")
        refused(await shop.push(good.model_copy(update={"protocol": 2})), 426, "PROTOCOL_UNSUPPORTED")
        assert await shop.stored() == 0

    in_shop(tmp_path, story)


@pytest.mark.parametrize(
    "edit",
    [
        lambda batch: batch.update(extra=1),
        lambda batch: batch.update(first="1"),
        lambda batch: batch.update(first=1.0),
        lambda batch: batch.update(first=0),
        lambda batch: batch.update(last=2**53),
        lambda batch: batch.update(epoch="a b"),
        lambda batch: batch.update(events=[]),
        lambda batch: batch.update(events=batch["events"] * 501),
        lambda batch: batch.update(head="AB" * 32),
        lambda batch: batch["events"][0].update(body="{" * (128 * 1024 + 1)),
        lambda batch: batch["events"][0].update(seq=True),
        lambda batch: batch.update(payers=[{"payer_ref": "p", "brand_id": "tea", "pairs": [["one"]]}]),
    ],
)
def test_the_wire_is_strict(tmp_path: Path, edit: Callable[[dict[str, object]], None]) -> None:
    async def story(shop: Shop) -> None:
        shop.till.book(sale_id="SECRET-MARK")
        batch = json.loads(shop.till.batch().model_dump_json())
        edit(batch)
        response = await shop.call("POST", BATCHES, json.dumps(batch).encode())
        refused(response, 422, "BODY_INVALID")
        assert "SECRET-MARK" not in response.text
        assert await shop.stored() == 0

    in_shop(tmp_path, story)


def test_a_lone_surrogate_on_the_wire_is_refused_cleanly(tmp_path: Path) -> None:
    async def story(shop: Shop) -> None:
        shop.till.book()
        text = (
            shop.till.batch()
            .model_dump_json()
            .replace('"events":[{"seq":1,"body":"', '"events":[{"seq":1,"body":"\\ud800')
        )
        response = await shop.call("POST", BATCHES, text.encode())
        assert response.status_code in (400, 422)
        assert await shop.stored() == 0

    in_shop(tmp_path, story)


def test_bodies_are_bounded_before_and_after_unpacking(tmp_path: Path) -> None:
    async def story(shop: Shop) -> None:
        packer = zstandard.ZstdCompressor(level=3).compressobj()
        bomb = b"".join(packer.compress(bytes(1 << 20)) for _ in range(512)) + packer.flush()
        assert len(bomb) < 64 * 1024
        before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        refused(await shop.call("POST", BATCHES, bomb, content_encoding="zstd"), 413, "BODY_TOO_LARGE")
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kib < 128 * 1024
        wide = zstandard.ZstdCompressor(compression_params=zstandard.ZstdCompressionParameters(window_log=27))
        frame = wide.compressobj()
        stretched = frame.compress(b"{}") + frame.flush()
        refused(await shop.call("POST", BATCHES, stretched, content_encoding="zstd"), 400, "BODY_DAMAGED")
        refused(await shop.call("POST", BATCHES, b"{}", content_encoding="zstd"), 400, "BODY_DAMAGED")
        refused(await shop.call("POST", BATCHES, b"{}", content_encoding="gzip"), 415, "CONTENT_ENCODING")
        refused(await shop.call("POST", BATCHES, b" " * (BATCH_INFLATED_BYTES + 1)), 413, "BODY_TOO_LARGE")
        refused(await shop.call("POST", "/v1/workstations/S1-1/proof", b" " * 600_000), 413, "BODY_TOO_LARGE")
        refused(await shop.client.post("/v1/enrol", content=b" " * 9000), 413, "BODY_TOO_LARGE")

        async def endless() -> AsyncIterator[bytes]:
            for _ in range(100):
                yield b" " * 65536

        request = shop.till.request(shop.client, "POST", BATCHES)
        signed = {"Authorization": request.headers["Authorization"]}
        chunked = shop.client.build_request("POST", BATCHES, content=endless(), headers=signed)
        refused(await shop.client.send(chunked), 413, "BODY_TOO_LARGE")

    in_shop(tmp_path, story)


def test_a_body_that_trickles_is_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "REQUEST_READ_S", 0.05)

    async def story(shop: Shop) -> None:
        reader, writer = await asyncio.open_connection(shop.client.base_url.host, shop.client.base_url.port)
        writer.write(b"POST /v1/enrol HTTP/1.1\r\nHost: hq\r\nContent-Length: 100\r\n\r\n{")
        await writer.drain()
        assert b" 408 " in await asyncio.wait_for(reader.readline(), 5)
        writer.close()
        await writer.wait_closed()

    in_shop(tmp_path, story)


def test_odd_calls_get_problem_details(tmp_path: Path) -> None:
    async def story(shop: Shop) -> None:
        base = "/v1/workstations/S1-1"
        refused(await shop.client.get("/docs"), 404, "NOT_FOUND")
        refused(await shop.client.get("/openapi.json"), 404, "NOT_FOUND")
        refused(await shop.client.put("/healthz"), 405, "METHOD_NOT_ALLOWED")
        refused(await shop.call("GET", f"{base}/feeds/salaries"), 404, "FEED_UNKNOWN")
        for cursor in ("-1", "1.0", "x", "", "９", "9" * 16):
            refused(await shop.call("GET", f"{base}/feeds/items?after={cursor}"), 422, "CURSOR_INVALID")
        refused(await shop.call("GET", f"{base}/feeds/items?after=7"), 409, "CURSOR_AHEAD")
        code = {"code": "AAAA-BBBB", "public_key": shop.till.public_key}
        refused(await shop.client.post("/v1/enrol", json=code), 403, "ENROL_CODE_UNKNOWN")
        refused(await shop.client.post("/v1/enrol", json=code | {"public_key": "A" * 44}), 422, "BODY_INVALID")
        refused(await shop.client.post("/v1/enrol", json=code | {"protocol": 9}), 426, "PROTOCOL_UNSUPPORTED")

    in_shop(tmp_path, story)


def test_a_sick_disk_is_503_and_nothing_is_acknowledged(tmp_path: Path) -> None:
    async def story(shop: Shop) -> None:
        await query(shop.hq, "PRAGMA query_only=ON")
        shop.till.book()
        response = await shop.push(shop.till.batch())
        refused(response, 503, "STORAGE_FAILED")
        assert response.headers["retry-after"] == "30"
        refused(await shop.client.get("/healthz"), 503, "STORAGE_FAILED")

    in_shop(tmp_path, story)


def test_a_broken_promise_inside_is_500_without_detail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_arguments: object) -> None:
        raise AssertionError("SECRET")

    async def story(shop: Shop) -> None:
        monkeypatch.setattr("sync.hq.service.totals", fail)
        response = await shop.call("GET", "/v1/workstations/S1-1/totals")
        refused(response, 500, "INTERNAL")
        assert "SECRET" not in response.text

    in_shop(tmp_path, story)


def test_it_stops_in_order_says_nothing_on_stdout_and_serves_again(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    async def play() -> None:
        till = Till()
        for round_number in range(2):
            hq = await open_world(tmp_path / "hq")
            server = HqServer(hq)
            url = await server.start()
            if round_number == 0:
                code = await hq.add_workstation(STORE, "S1-1")
                await hq.redeem(EnrolRequest(code=code, public_key=till.public_key))
            till.book()
            async with httpx.AsyncClient(base_url=url, trust_env=False) as client:
                body = till.batch().model_dump_json().encode()
                answer = await client.send(till.request(client, "POST", BATCHES, body))
                assert answer.json()["watermark"] == round_number + 1
                await server.stop()
                with pytest.raises(httpx.TransportError):
                    await client.get("/healthz")

    asyncio.run(play())
    assert capfd.readouterr().out == ""


def test_two_programs_cannot_own_one_database(tmp_path: Path) -> None:
    async def play() -> None:
        hq = await open_world(tmp_path / "hq")
        with pytest.raises(Exception, match="locked"):
            await open_world(tmp_path / "hq")
        await hq.close()

    asyncio.run(play())
