"""Texts that no database keeps alike (NUL, U+001A) or that are none (half a character): refused in words, never a 500.

On PostgreSQL too. Events and a till's own findings are no such texts: they are kept as they come.
"""

import json
from itertools import product
from pathlib import Path
from typing import Any

import httpx

from sync.protocol import authorization, request_signing_bytes
from tests.unit.test_console_acts import API, Desk, at_desk
from tests.unit.test_hq_world import BRAND, RULES

NUL_SAID, HALF_SAID = "a text may hold neither NUL nor U+001A", "a text ends in the middle of a character"
HOSTILE = {"\0": NUL_SAID, "a\0b": NUL_SAID, "\x1a": NUL_SAID, "\ud800": HALF_SAID, "\udc00x": HALF_SAID}
TEXT, MEMBER = "@", "#"
EXPLAINED: dict[str, Any] = {
    "workstation_id": "S1-1", "epoch": "e1", "side": "store", "place": "events", "key": "1", "code": "ALTERED",
}  # fmt: skip
CONSOLE: list[tuple[str, dict[str, Any]]] = [
    ("/sign-in", {"name": TEXT, "password": "eight horses run"}),
    ("/discrepancies/explain", {**EXPLAINED, "why": TEXT}),
    ("/discrepancies/explain", {**EXPLAINED, "key": TEXT, "why": "x"}),
    ("/differences/explain", {"workstation_id": "S1-1", "epoch": TEXT, "seq": 1, "code": "x", "why": "x"}),
    ("/wechat/explain", {"mch_id": "1", "transaction_id": TEXT, "code": "x", "why": "x"}),
    ("/suspended/decide", {"workstation_id": "S1-1", "epoch": "e1", "seq": 3, "decision": "keep", "why": TEXT}),
    ("/forks/decide", {
        "workstation_id": "S1-1", "epoch": "e1", "seq": 1, "digest": "0" * 64, "decision": "first", "why": TEXT,
    }),
    ("/write-offs", {"workstation_id": TEXT, "typed": TEXT, "seen": [], "why": "x"}),
    ("/write-offs", {
        "workstation_id": "S1-1", "typed": "S1-1", "why": "x",
        "seen": [{"account": TEXT, "leases": 1, "amount": 1}],
    }),
    ("/freezes", {"brand_id": BRAND, "member_id": MEMBER, "frozen": True, "why": TEXT}),
    ("/members/find", {"brand_id": BRAND, "code": TEXT}),
    ("/members/plain", {"brand_id": BRAND, "member_id": MEMBER, "field": "birthday", "why": TEXT}),
    ("/erasures", {"brand_id": BRAND, "member_id": MEMBER, "why": TEXT}),
    ("/users", {"name": TEXT, "role": "viewer", "password": "eight horses run"}),
    ("/rules/check", {"brand_id": TEXT, "text": "{}"}),
]  # fmt: skip
WANTS = {"account": "points", "amount": 1, "bucket": TEXT}
SIGNED: list[tuple[str, dict[str, Any]]] = [
    ("leases", {"request_id": "r9", "epoch": "e1", "last": 3, "member_id": MEMBER, "wants": [WANTS]}),
    ("payer", {"auth_code": TEXT}),
    ("payer", {"auth_code": "130000000000000000", "mch_id": TEXT}),
]
JOINED = {"request_id": "rq", "claim": "c" * 22, "identities": [{"appid": "wx1", "openid": TEXT}]}
BOUGHT = {"request_id": "rq", "kind": "use_coupon", "member": {"member_code": "1"}, "coupon_id": TEXT}


def filled(shape: Any, text: str, member: str) -> Any:
    if isinstance(shape, dict):
        return {name: filled(value, text, member) for name, value in shape.items()}
    if isinstance(shape, list):
        return [filled(value, text, member) for value in shape]
    return {TEXT: text, MEMBER: member}.get(shape, shape) if isinstance(shape, str) else shape


def refused(answer: httpx.Response, said: str = "") -> None:
    assert (answer.status_code, answer.json()["code"]) == (422, "BODY_INVALID"), answer.text
    assert said in answer.json()["detail"]


async def bearing(desk: Desk, token: str, path: str, body: Any) -> httpx.Response:
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    return await desk.client.post(path, content=json.dumps(body), headers=headers)


async def signed(desk: Desk, call: str, body: Any) -> httpx.Response:
    path, content = f"/v1/workstations/S1-1/{call}", json.dumps(body).encode()
    signature = desk.till.key.sign(request_signing_bytes("POST", path, content))
    return await desk.client.post(path, content=content, headers={"Authorization": authorization("S1-1", signature)})


def test_what_people_and_tills_ask_in_words_is_refused_and_says_why(tmp_path: Path) -> None:
    async def story(desk: Desk) -> None:
        admin, member = await desk.token("老板"), desk.members[0]
        for (path, body), text in product(CONSOLE, HOSTILE):
            refused(await bearing(desk, admin, API + path, filled(body, text, member)), HOSTILE[text])
        for (call, body), text in product(SIGNED, HOSTILE):
            answer = await signed(desk, call, filled(body, text, member))
            refused(answer, HOSTILE[text] if call == "leases" else "")

    at_desk(tmp_path, story)


def test_what_channels_and_join_pages_say_is_refused(tmp_path: Path) -> None:
    async def story(desk: Desk) -> None:
        channel = (await desk.hq.channels.add("mini", BRAND, "")).token
        calls: list[tuple[str, str, dict[str, Any]]] = [
            ("/v1/channels/mini/events", channel, BOUGHT),
            ("/v1/channels/mini/members", channel, {"member_code": TEXT}),
            ("/v1/claims", await desk.hq.add_joiner(BRAND, "page"), JOINED),
        ]
        for (path, token, body), text in product(calls, HOSTILE):
            refused(await bearing(desk, token, path, filled(body, text, "")))

    at_desk(tmp_path, story)


def test_rules_with_such_a_text_are_not_published_and_the_check_says_why(tmp_path: Path) -> None:
    def drafts(text: str) -> list[dict[str, Any]]:
        tiers = [RULES["tiers"][0] | {"name": text}, RULES["tiers"][1]]
        return [RULES | {"version": 2, "tiers": tiers}, RULES | {"version": 2, text: 1}]

    async def story(desk: Desk) -> None:
        for text, draft in [(one, draft) for one in HOSTILE for draft in drafts(one)]:
            body = {"brand_id": BRAND, "text": json.dumps(draft), "why": "x"}
            checked = await desk.call("老板", "POST", "/rules/check", body)
            assert checked.status_code == 200, checked.text
            said = "half of a character" if HOSTILE[text] == HALF_SAID else NUL_SAID
            assert any(said in fault["text"] for fault in checked.json()["faults"])
            published = await desk.call("老板", "POST", "/rules/publish", body)
            assert (published.status_code, published.json()["code"]) == (422, "RULES_INVALID"), published.text

    at_desk(tmp_path, story)


def test_what_a_till_found_of_its_own_is_kept_whatever_it_holds(tmp_path: Path) -> None:
    """A till that reports a damaged row is heard: its proof is not refused for the row's sake."""

    async def story(desk: Desk) -> None:
        found = {"side": "store", "table": "events", "epoch": "e1", "key": "\0", "code": "ALTERED", "detail": "\x1a"}
        body = {"epoch": "e1", "count": 3, "head": desk.till.head.hex(), "findings": [found]}
        assert (await signed(desk, "proof", body)).status_code == 200
        assert "\0" in [one["key"] for one in (await desk.store())["discrepancies"]]

    at_desk(tmp_path, story)
