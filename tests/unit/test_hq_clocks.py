"""R15 at HQ: both times are kept; a till more than five minutes off is a fact for a person, nothing is suspended."""

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest

from agent.domain.errors import SyncError
from sync.client import HttpHq
from sync.hq.app import create_app
from sync.protocol import AT_MS_HEADER, EnrolRequest
from tests.unit.test_hq_world import NOW_MS, HandClock, Till, enrol, open_world, query

MINUTE_MS = 60_000


async def pushed(folder: Path, till_ms: int | None, **body: Any) -> tuple[list[dict[str, Any]], httpx.Response]:
    """One push over HTTP by a till whose clock shows `till_ms`: the discrepancies, and HQ's answer."""
    hq = await open_world(folder, HandClock())
    till = Till()
    await enrol(hq, till)
    till.book(**body)
    transport = httpx.ASGITransport(app=create_app(hq))
    async with httpx.AsyncClient(transport=transport, base_url="http://hq") as client:
        path = f"/v1/workstations/{till.workstation_id}/batches"
        request = till.request(client, "POST", path, till.batch().model_dump_json().encode())
        if till_ms is not None:
            request.headers[AT_MS_HEADER] = str(till_ms)
        answer = await client.send(request)
    (event,) = await query(hq, "SELECT state, received_at_ms FROM events")
    assert (event["state"], event["received_at_ms"]) == ("ok", NOW_MS)
    found = await query(hq, "SELECT place, code, key, detail FROM discrepancies")
    await hq.close()
    return found, answer


@pytest.mark.parametrize(
    ("till_ms", "detail"),
    [
        (None, None),
        (NOW_MS, None),
        (NOW_MS + 5 * MINUTE_MS, None),
        (NOW_MS - 5 * MINUTE_MS, None),
        (NOW_MS + 6 * MINUTE_MS, "the till is 360 s ahead of headquarters"),
        (NOW_MS - 3653 * 1440 * MINUTE_MS, "the till is 315619200 s behind headquarters"),
    ],
)
def test_a_call_by_a_clock_that_is_off_is_noted_once_a_day(
    tmp_path: Path, till_ms: int | None, detail: str | None
) -> None:
    found, answer = asyncio.run(pushed(tmp_path, till_ms))
    assert answer.status_code == 200
    assert [(one["place"], one["code"], one["detail"]) for one in found] == (
        [("clock", "CLOCK_SKEW", detail)] if detail is not None else []
    )


def test_every_answer_says_what_hqs_clock_shows_refusals_too(tmp_path: Path) -> None:
    async def run() -> None:
        hq = await open_world(tmp_path, HandClock())
        transport = httpx.ASGITransport(app=create_app(hq))
        async with httpx.AsyncClient(transport=transport, base_url="http://hq") as client:
            for path in ("/healthz", "/v1/seals", "/nowhere"):
                assert (await client.get(path)).headers[AT_MS_HEADER] == str(NOW_MS)
        await hq.close()

    asyncio.run(run())


@pytest.mark.parametrize(
    ("body", "key"),
    [
        ({"at_ms": NOW_MS + 6 * MINUTE_MS}, "ahead 2026-09-21"),
        ({"clock": {"trusted": False, "why": "never_told"}}, "doubted 2026-09-21"),
        ({"at_ms": NOW_MS - 30 * 1440 * MINUTE_MS}, None),
        ({"clock": {"trusted": True, "why": "hq"}}, None),
        ({"clock": "odd"}, None),
    ],
)
def test_events_from_the_future_and_of_doubted_clocks_are_noted_late_ones_are_not(
    tmp_path: Path, body: dict[str, Any], key: str | None
) -> None:
    found, _answer = asyncio.run(pushed(tmp_path, NOW_MS, **body))
    assert [(one["code"], one["key"]) for one in found] == ([("CLOCK_SKEW", key)] if key is not None else [])


@pytest.mark.parametrize(
    ("headers", "heard"),
    [
        ({AT_MS_HEADER: "1790000000123", "Date": "Sat, 01 Jan 2000 00:00:00 GMT"}, [1_790_000_000_123]),
        ({"Date": "Mon, 21 Sep 2026 14:13:20 GMT"}, [1_790_000_000_000]),
        ({"Date": "yesterday"}, []),
        ({AT_MS_HEADER: "9" * 16}, []),
        ({}, []),
    ],
)
def test_a_till_hears_the_time_of_an_older_hq_too_but_only_of_its_own_hq(
    headers: dict[str, str], heard: list[int]
) -> None:
    async def run() -> None:
        told: list[int] = []
        for status, body in ((401, {"code": "NOT_AUTHENTICATED"}), (401, {}), (502, {})):
            transport = httpx.MockTransport(
                lambda _, status=status, body=body: httpx.Response(status, json=body, headers=headers)
            )
            hq = HttpHq("http://hq", transport=transport, on_time=lambda at_ms, _: told.append(at_ms))
            with pytest.raises(SyncError):
                await hq.enrol(EnrolRequest(code="x" * 16, public_key="A" * 43 + "="))
            await hq.close()
        assert told == heard, "once: by the answer with a code of ours; a portal or a proxy is not believed"

    asyncio.run(run())


def test_a_till_that_slept_while_it_asked_knows_that_the_answer_took_that_long() -> None:
    async def run() -> None:
        told: list[tuple[int, float]] = []
        clock = HandClock()

        def answer(_: httpx.Request) -> httpx.Response:
            clock.at_ms += 901_000
            return httpx.Response(401, json={"code": "NOT_AUTHENTICATED"}, headers={AT_MS_HEADER: str(NOW_MS)})

        transport = httpx.MockTransport(answer)
        hq = HttpHq("http://hq", transport=transport, on_time=lambda *at: told.append(at), clock=clock)
        with pytest.raises(SyncError):
            await hq.enrol(EnrolRequest(code="x" * 16, public_key="A" * 43 + "="))
        await hq.close()
        assert told == [(NOW_MS, 901.0)]

    asyncio.run(run())
