"""What the daemon answers the tap: the way to join, a member's points, nothing; the same to the same paper."""

import asyncio
import json
from dataclasses import dataclass, field
from pathlib import Path

from agent.domain.member import Certainty, Identification, IdentifiedBy, Member, PaymentEvidence
from agent.domain.receipt import Document, Pair, Qr, from_json, to_json
from agent.domain.rules import NO_RULES, RuleSet
from agent.paperwork import ShopFront
from agent.tap_desk import PrintedJob, TapDesk
from agent.tap_door import TapDoor
from drivers.tap.report import Question
from drivers.tap.unix_desk import UnixDesk

SHOP = ShopFront("晨光便利店", "https://hq.example/j?b=1")
JOB = "0" * 64


def payment(number: str, total_fen: int = 2200, *, member: bool = True) -> Identification:
    who = Member("m_1", "b1", "gold", 100, "138****8000") if member else None
    return Identification(
        identification_id=f"idn_{number}",
        by=IdentifiedBy.WECHAT_PAYMENT,
        member=who,
        certainty=Certainty.PAYMENT,
        payment=PaymentEvidence(number.rjust(28, "4"), total_fen, "m", "s", "known"),
    )


@dataclass
class Payers:
    """What the identifier remembers."""

    lately: list[Identification] = field(default_factory=list)

    def of_transaction(self, transaction_id: str) -> Identification | None:
        found = [one for one in self.lately if one.payment and one.payment.transaction_id == transaction_id]
        return found[0] if found else None

    def paid_lately(self, total_fen: int, within_s: float) -> list[Identification]:
        assert within_s == 180
        return [one for one in self.lately if one.payment and one.payment.total_fen == total_fen]

    async def balance_of(self, identification_id: str) -> int | None:
        return 1234

    async def rules(self) -> RuleSet:
        return NO_RULES


def ask(payers: Payers, *jobs: PrintedJob, shop: ShopFront = SHOP) -> list[Document | str]:
    async def run() -> list[Document | str]:
        desk = TapDesk(shop, payers, payers)
        return [await desk.answer(job) for job in jobs]

    return asyncio.run(run())


def receipt(job: str = JOB, *tenders: str, ids: tuple[str, ...] = (), total_fen: int | None = 2200) -> PrintedJob:
    return PrintedJob(job, "receipt", total_fen, [(one, None) for one in tenders], ids)


def shows_member(said: Document | str) -> bool:
    return isinstance(said, Document) and any(
        isinstance(one, Pair) and "138****8000" in one.left for one in said.blocks
    )


def shows_join(said: Document | str) -> bool:
    return isinstance(said, Document) and Qr(SHOP.join_url) in said.blocks


def test_a_receipt_of_nobody_known_invites_to_join_without_a_claim() -> None:
    """The paper of another POS is no event: nothing is promised for it."""
    (said,) = ask(Payers(), receipt())
    assert shows_join(said)
    assert isinstance(said, Document)
    assert not said.cut
    assert not any("补领" in str(block) for block in said.blocks)


def test_a_member_who_paid_sees_their_points() -> None:
    number = "1".rjust(28, "4")
    assert shows_member(ask(Payers([payment("1")]), receipt(ids=(number,)))[0])
    assert shows_member(ask(Payers([payment("1")]), receipt(JOB, "wechat"))[0])
    assert shows_join(ask(Payers([payment("1", member=False)]), receipt(ids=(number,)))[0])


def test_no_name_on_a_strangers_paper() -> None:
    two = Payers([payment("1"), payment("2")])
    assert shows_join(ask(two, receipt(JOB, "wechat"))[0])  # two payments of one amount
    assert shows_join(ask(Payers([payment("1")]), receipt(JOB, "cash"))[0])
    assert shows_join(ask(Payers([payment("1")]), receipt(total_fen=2300))[0])
    first, second = ask(Payers([payment("1")]), receipt("1" * 64), receipt("2" * 64))
    assert shows_member(first)
    assert shows_join(second)  # the payment was shown on the first paper


def test_the_same_paper_gets_the_same_answer() -> None:
    payers = Payers([payment("1")])
    first, again = ask(payers, receipt(), receipt())
    assert first is again


def test_pictures_are_invited_and_other_papers_are_not() -> None:
    assert shows_join(ask(Payers(), PrintedJob(JOB, "picture", None))[0])
    assert ask(Payers(), PrintedJob(JOB, "kitchen", None)) == ["nothing is appended to a kitchen"]
    assert ask(Payers(), receipt(), shop=ShopFront("店", "")) == ["no join page is set"]


def test_over_the_socket(tmp_path: Path) -> None:
    async def run() -> None:
        payers = Payers()
        door = TapDoor(tmp_path / "tap.sock", TapDesk(SHOP, payers, payers))
        await door.start()
        try:
            assert (tmp_path / "tap.sock").stat().st_mode & 0o777 == 0o600
            desk = UnixDesk(tmp_path / "tap.sock")
            assert shows_join(await desk.ask(Question(1, JOB, "receipt", 2200, (), ())))
            assert await desk.ask(Question(1, JOB, "bill", None, (), ())) != ""
            for line in (b"{}\n", b"nonsense\n", json.dumps({"v": 2}).encode() + b"\n"):
                reader, writer = await asyncio.open_unix_connection(str(tmp_path / "tap.sock"))
                writer.write(line)
                answer = json.loads(await reader.readline())
                assert answer == {"append": None, "why": "the daemon cannot read the question"}
                writer.close()
                await writer.wait_closed()
        finally:
            await door.stop()
        gone = await UnixDesk(tmp_path / "tap.sock").ask(Question(1, JOB, "receipt", 1, (), ()))
        assert gone == "the daemon is not there"

    asyncio.run(run())


def test_a_footer_survives_the_socket() -> None:
    (said,) = ask(Payers([payment("1")]), receipt(JOB, "wechat"))
    assert isinstance(said, Document)
    assert from_json(to_json(said)) == said
