"""The event stream of a running till: live, replayed without a gap or a repeat, and silent about payment codes."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import AsyncExitStack

import pytest

from agent.limits import EVENT_CLIENTS
from tests.api_till import ApiTill, problem, running, someone
from tests.sse import Heard, listening
from tests.state_files import found_in_files
from tests.till_world import cash

PAYMENT_CODE = "134650061098828009"


@pytest.fixture(scope="module")
def till(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiTill]:
    with running(tmp_path_factory.mktemp("events"), devices=True) as found:
        yield found


async def tell(till: ApiTill, count: int) -> list[int]:
    """Some notices of the till's own; gives their ids."""
    announce = till.world.agent.announcer.announce
    return [(await announce("sync.state", {"up": True, "reason": f"test {n}"})).id for n in range(count)]


def test_a_scan_a_member_and_a_sale_are_told_as_they_happen(till: ApiTill) -> None:
    async def story() -> list[Heard]:
        async with listening(till.client) as ear:
            assert ear.response.headers["content-type"].startswith("text/event-stream")
            assert ear.response.headers["cache-control"] == "no-store"
            till.world.scanner.scan(someone("gold").number)
            scan, member = await ear.one("scan.member"), await ear.one("member.resolved")
            body = {
                "sale_id": till.fresh(),
                "tenders": [cash(1742)],
                "lines": [{"code": "10001"}],
                "identification_id": member.data["identification_id"],
            }
            assert (await till.client.post("/v1/sales", json=body)).status_code == 201
            return [scan, member, await ear.one("sale.recorded")]

    scan, member, sale = till.run(story())
    assert (scan.data["device"], scan.data["code_kind"]) == ("counter", "member_code")
    assert someone("gold").number not in str((scan, member, sale))
    assert (sale.data["payable_fen"], sale.data["collected_fen"], sale.data["discrepancies"]) == (1742, 1742, [])


def test_the_first_words_say_where_the_stream_stands_so_that_a_first_outage_costs_nothing(till: ApiTill) -> None:
    async def story() -> tuple[int, list[int], list[Heard]]:
        async with till.client.stream("GET", "/v1/events", timeout=None) as response:
            lines = response.aiter_lines()
            begun = [await anext(lines) for _ in range(3)]
        mark = int(begun[1].removeprefix("id: "))
        assert (begun[0], begun[2]) == (": connected", "")
        ids = await tell(till, 2)  # nobody listens now
        async with listening(till.client, mark) as ear:
            heard = [await ear.one()]
            while heard[-1].id < ids[-1]:  # what the running till has to tell meanwhile is heard as well
                heard.append(await ear.one())
            return mark, ids, heard

    mark, ids, heard = till.run(story())
    assert mark < ids[0]
    assert [one.id for one in heard] == list(range(mark + 1, ids[-1] + 1))


def test_the_next_customer_is_not_the_one_scanned_before(till: ApiTill) -> None:
    async def scan() -> None:
        async with listening(till.client) as ear:
            till.world.scanner.scan(someone("silver").number)
            await ear.one("member.resolved")

    till.run(scan())
    who = till.call("POST", "/v1/members/resolve", {"last_scan": True})
    assert who.status_code == 200
    till.sell([cash(1782)], lines=[{"code": "10001"}], identification_id=who.json()["identification_id"])
    problem(till.call("POST", "/v1/members/resolve", {"last_scan": True}), 404, "NOTHING_SCANNED")


def test_a_payment_code_is_told_live_and_never_stored_logged_or_replayed(
    till: ApiTill, capsys: pytest.CaptureFixture[str]
) -> None:
    async def story() -> tuple[Heard, Heard]:
        async with listening(till.client) as ear:
            till.world.scanner.scan(PAYMENT_CODE)
            live = await ear.one("scan.payment_code")
        async with listening(till.client, live.id - 1) as later:
            return live, await later.one()

    live, replayed = till.run(story())
    assert (live.data["auth_code"], live.data["code_kind"]) == (PAYMENT_CODE, "wechat_pay")
    assert (replayed.id, replayed.kind) == (live.id, live.kind)
    assert "auth_code" not in replayed.data
    assert found_in_files(till.world.folder / "till", [PAYMENT_CODE]) == []
    logged = capsys.readouterr()
    assert "scan.payment_code" in logged.out
    assert PAYMENT_CODE not in logged.out + logged.err
    answer = till.call("POST", "/v1/members/resolve", {"code": PAYMENT_CODE})
    problem(answer, 409, "PAYMENT_CODE_NEEDS_NETWORK")
    assert PAYMENT_CODE not in answer.text


def test_what_was_missed_comes_first_once_and_in_order_even_across_a_restart(till: ApiTill) -> None:
    ids = till.run(tell(till, 8))
    till.reopen()

    async def story() -> list[int]:
        async with listening(till.client, ids[2], "?limit=2") as ear:  # replay in pages of two
            last = (await tell(till, 3))[-1]  # told while the replay runs
            heard = [(await ear.one()).id]
            while heard[-1] < last:
                heard.append((await ear.one()).id)
            return heard

    heard = till.run(story())
    assert heard == list(range(ids[2] + 1, heard[-1] + 1))  # what the running till has to tell in between as well
    assert len(heard) >= 5 + 3


def test_an_id_from_other_books_does_not_mute_the_stream(till: ApiTill) -> None:
    """After a restore the till's ids begin anew, while the POS still holds a high one."""

    async def story() -> bool:
        async with listening(till.client, 9_000_000) as ear:
            told = await tell(till, 1)
            while (heard := (await ear.one()).id) < told[0]:  # a printer may have something to say in between
                continue
            return heard == told[0]

    assert till.run(story())


@pytest.mark.parametrize("last_id", ["-1", "1.5", "x", "9" * 40, str(2**63)])
def test_an_id_that_is_none_is_refused(till: ApiTill, last_id: str) -> None:
    async def story() -> None:
        async with listening(till.client, last_id) as ear:
            problem(ear.response, 422, "INVALID_REQUEST", "last-event-id")

    till.run(story())


def test_too_many_listeners_are_refused_until_one_leaves(till: ApiTill) -> None:
    async def story() -> None:
        async with AsyncExitStack() as stack, till.world.client(dict(till.client.headers)) as second:
            for _ in range(EVENT_CLIENTS - 1):
                await stack.enter_async_context(listening(second))
            async with listening(till.client), listening(till.client) as refused:
                problem(refused.response, 503, "TOO_MANY_LISTENERS")
                assert refused.response.headers["retry-after"] == "5"
            async with asyncio.timeout(5):
                while True:  # the server hears of the hang-up a moment later
                    async with listening(till.client) as ear:
                        if ear.response.status_code == 200:
                            break

    till.run(story())


def test_a_reader_that_stops_reading_is_dropped_and_holds_nobody_up(till: ApiTill) -> None:
    announcer = till.world.agent.announcer

    async def story() -> tuple[int, int]:
        deaf = socket.socket()
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.setblocking(False)
        loop = asyncio.get_running_loop()
        with deaf:
            await loop.sock_connect(deaf, ("127.0.0.1", till.world.agent.port))
            head = f"Host: 127.0.0.1:{till.world.agent.port}\r\nAuthorization: {till.client.headers['Authorization']}"
            await loop.sock_sendall(deaf, f"GET /v1/events HTTP/1.1\r\n{head}\r\n\r\n".encode())
            assert b": connected" in await loop.sock_recv(deaf, 4096)
            (listener,) = announcer._listeners
            told = 0
            async with asyncio.timeout(45):
                while not listener.lost.is_set():  # a queue of 256, and what the kernel and uvicorn hold
                    await announcer.announce("sync.state", {"up": True, "reason": "x" * 30_000})
                    told += 1
            assert not announcer._listeners
        async with listening(till.client) as other:  # selling and listening go on
            last = await tell(till, 1)
            while (heard := (await other.one()).id) < last[0]:  # a printer may have something to say in between
                continue
            assert heard == last[0]
        return told, last[0]

    told, last = till.run(story())
    assert told < 2000

    async def catch_up() -> list[int]:
        async with listening(till.client, last - told - 1) as ear:
            return [one.id for one in await ear.some(told)]

    assert till.run(catch_up()) == list(range(last - told, last))
