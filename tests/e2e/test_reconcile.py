"""The hourly proof over real HTTP between real books: equal, healed, different, unreachable; and balances."""

import asyncio
import base64
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from agent.demo import world as chain
from agent.domain.order import OrderLine, Paper, SaleOrder
from agent.domain.sale import TenderLine, TenderType
from agent.flow import Till
from agent.ports import Traffic
from agent.sqlite import Connection
from sync.protocol import Feed, ProofAnswer, ProofRequest, proof_signing_bytes
from tests.till_world import TillWorld, triggers_of


def play(folder: Path, story: Callable[[TillWorld], Awaitable[None]]) -> None:
    """Run a story in a store of its own."""

    async def run() -> None:
        async with TillWorld(folder) as world:
            await story(world)

    asyncio.run(run())


async def sell(till: Till, number: int, member: str | None = None) -> dict[str, Any]:
    """One sale of a bag of kiwis, by code or to nobody."""
    who = (await till.resolve(member)).identification_id if member is not None else None
    quote = await till.quote([_line("10001")], who)
    tender = TenderLine(TenderType.CARD, quote.cart.payable_fen)
    order = SaleOrder(f"sale-{number}", (tender,), quote_id=quote.quote_id, identification_id=who, paper=Paper.NONE)
    return dict((await till.commit(order)).answer)


def _line(code: str) -> OrderLine:
    return OrderLine(code)


async def at_hq(world: TillWorld, work: Callable[[Any], Any]) -> Any:
    """Touch HQ's database behind its back."""
    return await world.server.hq._write(work)


def test_equal_books_are_proven_equal_with_hqs_signature(tmp_path: Path) -> None:
    async def story(world: TillWorld) -> None:
        for number in range(5):
            await sell(world.agent.till, number, chain.member(number).number)
        result = await world.agent.daemon.prove()
        assert (result.result, result.equal, result.pushed) == ("equal", True, 5)
        (proof,) = result.epochs
        assert proof.count == proof.hq_count == 5
        assert proof.head == proof.hq_head
        assert proof.signature
        (kept,) = await world.agent.outbox.proofs(1)
        assert (kept.result, kept.head) == ("equal", proof.head)
        again = await world.agent.daemon.prove()
        assert (again.result, again.pushed, again.requests) == ("equal", 0, 1)

    play(tmp_path, story)


def test_events_hq_acknowledged_and_lost_are_named_and_sent_again(tmp_path: Path) -> None:
    async def story(world: TillWorld) -> None:
        for number in range(6):
            await sell(world.agent.till, number)
        await world.agent.daemon.prove()
        await at_hq(world, lambda c: _forget(c, (3, 4, 6)))
        result = await world.agent.daemon.prove()
        (proof,) = result.epochs
        assert (result.result, result.equal) == ("healed", True)
        assert sorted(seq for first, last in proof.healed for seq in range(first, last + 1)) == [3, 4, 6]
        assert (await world.agent.daemon.prove()).result == "equal"

    play(tmp_path, story)


def _forget(connection: Connection, seqs: tuple[int, ...]) -> None:
    """What a restored backup of HQ looks like: rows are gone, and so is what was derived from them."""
    marks = ",".join(str(seq) for seq in seqs)
    for trigger in triggers_of(connection):
        connection.execute(f"DROP TRIGGER {trigger}")
    connection.execute(f"DELETE FROM events WHERE seq IN ({marks})")


def test_an_event_altered_at_hq_is_found_and_never_healed_by_itself(tmp_path: Path) -> None:
    async def story(world: TillWorld) -> None:
        for number in range(4):
            await sell(world.agent.till, number)
        await world.agent.daemon.prove()
        await at_hq(world, _alter)
        result = await world.agent.daemon.prove()
        assert (result.result, result.equal) == ("different", False)
        assert (await world.agent.outbox.outbox_counts()).pending == 0
        assert (await world.agent.daemon.prove()).result == "different"

    play(tmp_path, story)


def _alter(connection: Connection) -> None:
    for trigger in triggers_of(connection):
        connection.execute(f"DROP TRIGGER {trigger}")
    changed = connection.execute("UPDATE events SET body = replace(body, '\"qty\":1', '\"qty\":9') WHERE seq = 2")
    assert changed.rowcount == 1


def test_an_event_altered_in_the_store_is_found_and_named(tmp_path: Path) -> None:
    async def story(world: TillWorld) -> None:
        for number in range(4):
            await sell(world.agent.till, number)
        await world.agent.daemon.prove()

        def alter(connection: Connection) -> None:
            connection.execute("DROP TRIGGER events_are_facts")
            connection.execute("UPDATE events SET body = replace(body, '\"qty\":1', '\"qty\":9') WHERE seq = 2")

        await world.agent.books._store.run(alter)
        result = await world.agent.daemon.prove()
        (proof,) = result.epochs
        assert result.result == "different"
        assert proof.altered_here[0] == 2

    play(tmp_path, story)


def test_without_a_network_the_proof_waits_and_the_hour_stays_due(tmp_path: Path) -> None:
    async def story(world: TillWorld) -> None:
        await sell(world.agent.till, 1, chain.member(1).number)
        await world.cable.pull()
        result = await world.agent.daemon.prove()
        assert (result.result, result.equal) == ("unreachable", False)
        reconciler = world.agent.daemon._parts.reconciler
        assert await reconciler.last_run_ms() is None
        await world.cable.plug()
        await world.agent.daemon.reconcile_if_due()
        assert (await world.agent.outbox.proofs(1))[0].result == "equal"
        assert await reconciler.last_run_ms() is not None

    play(tmp_path, story)


def test_another_hq_at_the_same_address_is_not_believed(tmp_path: Path) -> None:
    """Its signature does not fit the key we enrolled with."""

    async def story(world: TillWorld) -> None:
        await sell(world.agent.till, 1)
        await world.agent.daemon.prove()
        keys = world.agent.daemon._parts.reconciler._keys
        answer = await world.agent.hq.prove(await _request(world))
        signed = (answer.epoch, answer.count, answer.head, answer.equal, answer.at_ms)
        signature = base64.b64decode(answer.signature)
        assert keys.verify_hq(signature, proof_signing_bytes(chain.WORKSTATION, *signed))
        assert not keys.verify_hq(signature, proof_signing_bytes("S001-2", *signed))
        world.agent.daemon._parts.reconciler._hq = _Impostor(answer)  # type: ignore[assignment]
        result = await world.agent.daemon.prove()
        assert (result.equal, result.result) == (False, "different")
        assert "not signed by our HQ" in result.reason

    play(tmp_path, story)


class _Impostor:
    """Answers every proof with "equal", unsigned by our HQ."""

    def __init__(self, answer: ProofAnswer) -> None:
        self._answer = answer

    async def prove(self, request: ProofRequest) -> ProofAnswer:
        other = Ed25519PrivateKey.generate()
        signed = proof_signing_bytes(chain.WORKSTATION, request.epoch, request.count, request.head, True, 1)
        signature = base64.b64encode(other.sign(signed)).decode()
        return self._answer.model_copy(update={"signature": signature, "at_ms": 1, "equal": True})

    def traffic(self) -> Traffic:
        return Traffic(0, 0, 0)


async def _request(world: TillWorld) -> ProofRequest:
    epoch = await world.agent.outbox.epoch()
    unit = await world.agent.proofs.unit(epoch)
    return ProofRequest(epoch=epoch, count=unit.count, head=unit.head)


def test_points_balance_never_counts_an_event_twice_or_not_at_all(tmp_path: Path) -> None:
    """Before push, after push, after pull: the same balance, because the snapshot says up to which seq it goes."""

    async def story(world: TillWorld) -> None:
        till, number = world.agent.till, chain.member(3).number
        start = chain.member(3).points
        first = await sell(till, 1, number)
        expected = start + int(first["points_earned"])
        assert int(first["points_earned"]) > 0
        assert first["points_balance"] == expected
        assert (await till.view(await till.resolve(number)))["member"]["points"] == expected  # type: ignore[index, call-overload]
        await world.agent.pusher.push_all()
        assert (await till.view(await till.resolve(number)))["member"]["points"] == expected  # type: ignore[index, call-overload]
        assert await world.agent.puller.pull_all() >= 1
        assert (await till.view(await till.resolve(number)))["member"]["points"] == expected  # type: ignore[index, call-overload]
        second = await sell(till, 2, number)
        assert second["points_balance"] == expected + int(second["points_earned"])

    play(tmp_path, story)


def test_prices_and_members_changed_at_hq_arrive_with_the_next_pull(tmp_path: Path) -> None:
    async def story(world: TillWorld) -> None:
        before = await world.agent.replica.item("10001")
        folder = tmp_path / "import"
        items = (folder / "items.csv").read_text(encoding="utf-8").replace("19.80", "18.80")
        (folder / "items.csv").write_text(items, encoding="utf-8")
        await world.server.hq.import_items(chain.BRAND, folder / "items.csv")
        cursor = await world.agent.replica.cursor(Feed.ITEMS)
        assert await world.agent.puller.pull_all() == 1
        after = await world.agent.replica.item("6901028000017")
        assert before is not None
        assert after is not None
        assert (before.list_fen, after.list_fen) == (1980, 1880)
        assert await world.agent.replica.cursor(Feed.ITEMS) > cursor

    play(tmp_path, story)
