"""Promise 2 over real sockets: whatever the way does, nothing is lost or doubled, and it says what is wrong."""

import asyncio
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme

from agent.demo import world as chain
from agent.domain.errors import HqUnreachable
from agent.limits import BACKOFF_CAP_S
from sync.client import HttpHq
from sync.hq.server import HqServer
from sync.push import Pusher, PushPorts
from tests.e2e.test_reconcile import sell
from tests.fault_proxy import BROKEN, FaultProxy
from tests.till_world import TillWorld


def client(world: TillWorld, url: str, *, verify: ssl.SSLContext | bool = True) -> HttpHq:
    keys = world.agent.pusher._ports.keys
    name = world.agent.enrolment.workstation_id
    return HttpHq(url, workstation_id=name, keys=keys, verify=verify, timeout_s=2, deadline_s=6)


def pusher(world: TillWorld, hq: HttpHq) -> Pusher:
    agent = world.agent
    ports = PushPorts(agent.outbox, agent.books, hq, agent.pusher._ports.keys, world.clock, world.entropy)
    return Pusher(ports, agent.enrolment.workstation_id)


async def at_hq(world: TillWorld) -> int:
    totals = await world.server.hq.totals(world.agent.enrolment.workstation_id)
    return sum(day.events for day in totals.days)


def test_every_fault_of_the_way_books_each_sale_exactly_once_at_hq(tmp_path: Path) -> None:
    """pains 2, 3. After each fault the push says HqUnreachable, keeps its events, and the next one settles them."""

    async def story() -> None:
        async with TillWorld(tmp_path) as world, FaultProxy(world.cable.url) as way:
            hq = client(world, way.url)
            push, sold = pusher(world, hq), 0
            for fault in BROKEN:
                await sell(world.agent.till, sold, chain.member(sold % 5).number)
                sold += 1
                way.plan = [fault]
                with pytest.raises(HqUnreachable) as caught:
                    await push.push_all()
                assert caught.value.message, fault
                assert push._limit == 500, f"{fault}: a sick way is no reason to split a batch"
                counts = await world.agent.outbox.outbox_counts()
                assert (counts.pending, counts.suspended, counts.conflict) == (1, 0, 0), fault
                assert await push.push_all() == 1, fault
                assert await at_hq(world) == sold, f"{fault}: lost or doubled at HQ"
            await sell(world.agent.till, sold, chain.member(1).number)
            way.plan = ["twice"]
            assert await push.push_all() == 1
            assert await at_hq(world) == sold + 1
            await hq.close()
            proof = await world.agent.daemon.prove()
            assert proof.result == "equal"

    asyncio.run(story())


def test_a_retry_after_of_a_year_is_not_obeyed(tmp_path: Path) -> None:
    async def story() -> None:
        async with TillWorld(tmp_path) as world:
            hq = client(world, world.cable.url)
            asked = HqUnreachable("busy", retry_after_s=31_536_000)
            assert pusher(world, hq)._pause(1, asked) <= BACKOFF_CAP_S
            await hq.close()

    asyncio.run(story())


def test_a_certificate_that_is_expired_of_another_host_or_of_another_ca_stops_the_push_with_a_sentence(
    tmp_path: Path,
) -> None:
    """The sentence names what to look at: ca_file, host name, and this computer's clock. Events stay."""

    async def story() -> None:
        ours, theirs = trustme.CA(), trustme.CA()
        trust = ssl.create_default_context()
        ours.configure_trust(trust)
        yesterday = datetime.now(UTC) - timedelta(days=1)
        certificates = {
            "expired": ours.issue_cert("127.0.0.1", not_before=yesterday - timedelta(days=9), not_after=yesterday),
            "wrong host": ours.issue_cert("hq.example.com"),
            "unknown CA": theirs.issue_cert("127.0.0.1"),
            "good": ours.issue_cert("127.0.0.1"),
        }
        async with TillWorld(tmp_path) as world:
            await sell(world.agent.till, 0, chain.member(0).number)
            for name, certificate in certificates.items():
                key, chain_file = tmp_path / "key.pem", tmp_path / "chain.pem"
                certificate.private_key_pem.write_to_path(str(key))
                chain_file.write_bytes(b"".join(pem.bytes() for pem in certificate.cert_chain_pems))
                server = HqServer(world.server.hq)
                hq = client(world, await server.start(certificate=chain_file, key=key), verify=trust)
                push = pusher(world, hq)
                if name == "good":
                    assert await push.push_all() == 1
                else:
                    with pytest.raises(HqUnreachable) as caught:
                        await push.push_all()
                    assert caught.value.message == "HQ's certificate is not trusted", name
                    assert "clock" in caught.value.hint
                    assert "hq.ca_file" in caught.value.hint
                    assert (await world.agent.outbox.outbox_counts()).pending == 1
                await hq.close()
                for one in server._servers:
                    await one.stop()
            assert await at_hq(world) == 1

    asyncio.run(story())
