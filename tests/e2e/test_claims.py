"""Pay first, join later, over real HTTP: a cash sale of an offline store, claimed once, reaches the till."""

import asyncio
import hashlib
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx

from agent.demo import world as chain
from tests.till_world import TillWorld, cash

OPENID = {"appid": chain.SUB_APPID, "openid": "o" + "7" * 27}


def secret_of(sale: dict[str, Any]) -> str:
    """The claim in the QR of the receipt, as the customer's phone reads it."""
    url: str = sale["join"]["url"]
    return parse_qs(urlsplit(url).query)["c"][0]


def play(folder: Path, story: Any) -> None:
    async def run() -> None:
        async with TillWorld(folder, devices=True) as world:
            token = await world.server.hq.add_joiner(chain.BRAND, "mini-program")
            headers = {"Authorization": f"Bearer {token}"}
            base = f"http://127.0.0.1:{world.cable._port}"
            async with httpx.AsyncClient(base_url=base, headers=headers, trust_env=False) as page:
                await story(world, page)

    asyncio.run(asyncio.wait_for(run(), 120))


def ask(secret: str, request_id: str = "j1", **more: Any) -> dict[str, Any]:
    return {"request_id": request_id, "claim": secret, "identities": [OPENID], **more}


def test_a_cash_sale_made_offline_is_claimed_once_and_shown_at_the_till(tmp_path: Path) -> None:
    async def story(world: TillWorld, page: httpx.AsyncClient) -> None:
        async with await world.start() as pos:
            await world.cable.pull()
            sold = await pos.post(
                "/v1/sales",
                json={"sale_id": "k1", "lines": [{"code": "10001", "qty": 2}], "tenders": [cash(3960)]},
            )
            assert sold.status_code == 201, sold.text
            secret = secret_of(sold.json())
            paper = [await world.printer.wait_job(number) for number in (1, 2)]
            assert "补领" in b"".join(paper).decode("gb18030", "replace"), "the receipt promises it"

            early = await page.post("/v1/claims", json=ask(secret))
            assert early.status_code == 200, early.text
            assert (early.json()["state"], early.json()["code"]) == ("parked", "CLAIM_UNKNOWN")

            await world.cable.plug()
            await world.agent.pusher.push_all()
            settled = (await page.post("/v1/claims", json=ask(secret))).json()
            assert (settled["state"], settled["points"], settled["pack_points"]) == ("credited", 39, 10)
            assert settled["coupon_id"]
            again = (await page.post("/v1/claims", json=ask(secret, "j2"))).json()
            assert (again["state"], again["code"], again["points"]) == ("refused", "CLAIM_USED", 0)

            await world.agent.puller.pull_all()
            number = settled["member_number"]
            shown = (await pos.post("/v1/members/resolve", json={"code": number})).json()
            assert shown["member"]["points"] == 49, shown
            proof = await world.agent.daemon.prove()
            assert proof.equal, proof.differences

    play(tmp_path, story)


def test_the_door_of_claims(tmp_path: Path) -> None:
    async def story(world: TillWorld, page: httpx.AsyncClient) -> None:
        seals = await world.server.hq.add_reader("finance")
        for token in ("x" * 43, seals):
            refused = await page.post("/v1/claims", json=ask("x" * 22), headers={"Authorization": f"Bearer {token}"})
            assert (refused.status_code, refused.json()["code"]) == (401, "NOT_AUTHENTICATED")
        assert (await page.get("/v1/seals")).status_code == 401, "a join token reads no seals"
        bad: list[dict[str, Any]] = [
            {},
            {"request_id": "a", "claim": "x" * 22},
            ask("x" * 21),
            ask("x" * 22, more=1),
            ask("x" * 22, identities=[{"appid": "a", "openid": "b c"}]),
            ask("x" * 22, identities=[OPENID] * 5),
        ]
        for body in bad:
            answer = await page.post("/v1/claims", json=body)
            assert (answer.status_code, answer.json()["code"]) == (422, "BODY_INVALID"), body
            assert OPENID["openid"] not in answer.text
        big = await page.post("/v1/claims", content=b" " * 9000)
        assert big.status_code == 413
        raced = await asyncio.gather(
            *(page.post("/v1/claims", json=ask(hashlib.sha256(b"c").hexdigest()[:22])) for _ in range(8))
        )
        assert {answer.text for answer in raced} == {raced[0].text}, "one request, one answer"

    play(tmp_path, story)
