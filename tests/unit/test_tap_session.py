"""When a job ends, what is held and for how long, and what is never touched; in virtual time."""

import pytest

from agent.domain.receipt import Document
from drivers.profiles import profile
from drivers.tap.job import Action, Forward, Insert, Rules
from drivers.tap.report import Question
from drivers.tap.session import TapSession
from drivers.tap.templates import standard
from tests.tap_world import CUT, PROMPT, RULES, Run, assert_original_is_kept, receipt, run, sorted_out


class Till:
    """A session under a clock that the test turns."""

    def __init__(self, said: Document | str | None = PROMPT, answer_s: float = 0.02) -> None:
        self.session = TapSession(RULES)
        self.said, self.answer_s = said, answer_s
        self.now_s = 100.0
        self.actions: list[Action] = []
        self.sent: list[tuple[float, bytes]] = []
        self._due: list[tuple[float, int]] = []

    def send(self, data: bytes) -> None:
        self._note(self.session.feed(data, self.now_s))

    def close(self) -> None:
        self._note(self.session.close(self.now_s))

    def wait(self, seconds: float) -> None:
        """Let time pass, in the order in which things fall due."""
        end_s = self.now_s + seconds
        while True:
            answer_s = self._due[0][0] if self._due else float("inf")
            next_s = min(self.session.deadline_s(), answer_s)
            if next_s > end_s:
                break
            self.now_s = max(self.now_s, next_s)
            if self._due and self._due[0][0] <= self.now_s:
                assert self.said is not None
                self._note(self.session.answer(self._due.pop(0)[1], self.said, self.now_s))
            else:
                self._note(self.session.tick(self.now_s))
        self.now_s = end_s

    def _note(self, actions: list[Action]) -> None:
        self.actions += actions
        for one in actions:
            if isinstance(one, Forward | Insert):
                self.sent.append((self.now_s, one.data))
            elif isinstance(one, Question) and self.said is not None:
                self._due.append((self.now_s + self.answer_s, one.ticket))

    @property
    def done(self) -> Run:
        return sorted_out(self.actions)


def test_text_is_forwarded_as_it_comes_and_the_tail_is_held() -> None:
    till, paper = Till(), receipt(cut=b"\x1dV\x00")
    till.send(paper[:-3])
    assert till.done.out == paper[: -3 - 3]  # the feed before a cut waits
    till.send(paper[-3:])
    till.wait(0.05)
    assert till.done.out == paper[: -3 - 3]
    till.wait(0.06)
    assert len(till.done.inserted) == 1
    assert_original_is_kept(paper, till.done)


def test_a_pos_that_closes_behind_the_cut_waits_for_the_answer_only() -> None:
    till = Till(answer_s=0.004)
    till.send(receipt())
    till.close()
    till.wait(0.005)
    assert_original_is_kept(receipt(), till.done)
    assert till.done.inserted
    assert till.session.idle


@pytest.mark.parametrize("closes", [True, False])
def test_without_an_answer_the_original_leaves_within_300_ms(closes: bool) -> None:
    till = Till(said=None)
    till.send(receipt())
    if closes:
        till.close()
    till.wait(0.299)
    assert till.done.out != receipt()
    till.wait(0.001)
    assert till.done.out == receipt()
    till.wait(2)
    (report,) = till.done.reports
    assert report.inserted_at is None
    assert "did not answer" in report.why


def test_an_answer_after_the_deadline_changes_nothing() -> None:
    till = Till(answer_s=0.31)
    till.send(receipt())
    till.wait(3)
    assert till.done.out == receipt()


def test_no_byte_waits_longer_than_300_ms_whatever_the_pos_does() -> None:
    till, stream = Till(said=None), receipt() + b"\x1b@" + receipt("9.90") + b"\n\n\n\x1dV\x00"
    for at in range(0, len(stream), 5):
        till.send(stream[at : at + 5])
        till.wait(0.07)
        out = till.done.out
        assert stream.startswith(out)
        assert len(stream[: at + 5]) - len(out) <= 5 * 5  # what came in the last 300 ms
    till.wait(3)
    assert till.done.out == stream


def test_a_question_within_the_job_goes_at_once() -> None:
    for question in (b"\x10\x04\x01", b"\x1dr\x01", b"\x1dI\x01"):
        till = Till()
        till.send(receipt()[:60] + b"\n\n\n" + question)
        assert till.done.out.endswith(question)


def test_a_question_behind_the_cut_ends_the_job() -> None:
    """The POS waits for the printer's answer, so nobody waits for silence."""
    till, stream = Till(answer_s=0.01), receipt() + b"\x1dr\x01"
    till.send(stream)
    till.wait(0.011)
    assert_original_is_kept(stream, till.done)
    assert till.done.inserted


def test_dle_eot_behind_the_cut_waits_40_ms_at_most() -> None:
    till, stream = Till(said=None), receipt() + b"\x10\x04\x01"
    till.send(stream)
    till.wait(0.041)
    assert till.done.out == stream


def test_the_last_cut_counts() -> None:
    stream = receipt() + receipt("9.90")
    done = run(stream)
    assert_original_is_kept(stream, done)
    (report,) = done.reports
    assert report.total_fen == 990
    assert report.inserted_at == len(stream) - len(CUT) - 3


def test_slow_copies_are_jobs_of_their_own() -> None:
    till = Till()
    till.send(receipt())
    till.wait(0.5)
    till.send(receipt())
    till.wait(0.5)
    assert len(till.done.inserted) == 2
    first, second = till.done.asked
    assert first.job == second.job  # the same paper: the daemon says the same


def test_a_printer_without_cutter_gets_it_at_the_end() -> None:
    paper = receipt(cut=b"")
    till = Till()
    till.send(paper)
    till.wait(0.31)
    assert till.done.out == paper  # nothing is kept back for ever
    till.wait(1)
    assert till.done.out.startswith(paper)
    assert till.done.inserted[0] == till.done.out[len(paper) :]
    assert till.done.inserted[0].endswith(b"\x1bd\x04\x1b@"[:3])
    assert "no cut" in till.done.reports[0].why


def test_nothing_is_put_between_two_jobs_that_touch() -> None:
    """Without a cut the end is a guess: bytes that come before the answer show that it was none."""
    till, paper = Till(answer_s=0.2), receipt(cut=b"")
    till.send(paper)
    till.wait(1.1)
    till.send(b"\x1b@")
    till.wait(0.5)
    assert till.done.out == paper + b"\x1b@"


def test_the_pos_feeds_little_before_its_cut_so_the_block_feeds() -> None:
    """GS V 0 cuts where the paper is: without a feed the cutter would go through the block."""
    near = receipt(cut=b"\x1dV\x00").replace(b"\x1bd\x04", b"")
    assert run(near).inserted[0].endswith(b"\x1bd\x04")
    assert not run(receipt(cut=b"\x1dV\x00")).inserted[0].endswith(b"\x1bd\x04")
    assert not run(receipt().replace(b"\x1bd\x04", b"")).inserted[0].endswith(b"\x1bd\x04")


KITCHEN = "\x1b@制作单\n桌号 8\n牛肉面 x2\n合计: 2份\n\x1dV\x42\x00".encode("gbk")


@pytest.mark.parametrize(
    ("kind", "stream"),
    [
        ("drawer", b"\x1bp\x00\x19\xfa"),
        ("drawer", b"\x1b@\x10\x14\x01\x00\x05"),
        ("status", b"\x10\x04\x01\x10\x04\x02\x1dr\x01"),
        ("settings", b"\x1b@\x1ba\x01\n\n"),
        ("settings", b"\x1b@\n\n\x1dV\x00"),
        ("kitchen", KITCHEN),
        ("kitchen", b"KITCHEN\nTable 8\n2 x Beef\n\x1di\x1bi".replace(b"\x1di", b"")),
        ("report", "收银日报\n合计 1,234.00\n\x1bi".encode("gbk")),
        ("bill", "预结单\n合计 12.00\n\x1bm".encode("gbk")),
        ("merchant_copy", "商户存根\n合计 12.00\n\x1bm".encode("gbk")),
        ("refund", "退款单\n合计 12.00\n\x1bm".encode("gbk")),
        ("text", "领号 A12\n请等候\n\x1dV\x01".encode("gbk")),
        ("receipt", "合计 1.00\n合计 2.00\n\x1dV\x00".encode("gbk")),
    ],
)
def test_what_is_never_touched(kind: str, stream: bytes) -> None:
    done = run(stream)
    assert done.out == stream
    assert not done.asked  # the daemon is not even asked
    (report,) = done.reports
    assert report.kind == kind
    assert report.why


def test_a_kitchen_ticket_behind_the_receipt_stays_clean() -> None:
    stream = receipt() + KITCHEN
    done = run(stream)
    assert_original_is_kept(stream, done)
    assert done.reports[0].inserted_at == len(receipt()) - len(CUT) - 3
    assert done.reports[0].kind == "receipt"


def test_a_receipt_that_is_one_picture() -> None:
    band = b"\x1dv0\x00\x30\x00\x18\x00" + bytes(0x30 * 0x18)
    stream = b"\x1b@" + band * 20 + b"\x1dV\x42\x00"
    done = run(stream, [1000])
    assert_original_is_kept(stream, done)
    assert (done.reports[0].kind, done.reports[0].total_fen) == ("picture", None)
    assert done.inserted
    off = Rules(profile("generic-80"), standard(), pictures=False)
    assert run(stream, rules=off).out == stream
    logo = b"\x1b@" + band * 4 + b"\x1dV\x42\x00"
    assert run(logo).out == logo


@pytest.mark.parametrize(
    ("why", "stream"),
    [
        ("unknown command 1d 53", receipt().replace(b"\x1bd\x04", b"\x1dS")),
        ("page mode", receipt(head=b"\x1b@\x1bL")),
        ("deselected", receipt(head=b"\x1b@\x1b=\x02")),
        ("stops inside a command", receipt(cut=b"") + b"\x1dv0\x00\xff\x00\xff\x00abc"),
    ],
)
def test_in_doubt_the_original_is_forwarded(why: str, stream: bytes) -> None:
    done = run(stream)
    assert done.out == stream
    assert why in done.reports[0].why


def test_after_doubt_and_silence_the_tap_reads_again() -> None:
    till = Till()
    till.send(b"\x1dSabc")
    till.wait(1.1)
    till.send(receipt())
    till.wait(1)
    assert [report.kind for report in till.done.reports] == ["unknown", "receipt"]
    assert len(till.done.inserted) == 1


def test_silence_inside_a_picture_ends_nothing() -> None:
    till, stream = Till(), b"A\n\x1dv0\x00\x02\x00\x02\x00abc"
    till.send(stream)
    till.wait(60)
    assert till.done.out == stream
    assert not till.done.reports


def test_a_cut_that_comes_in_two_pieces() -> None:
    till, stream = Till(), receipt()
    till.send(stream[:-2])
    till.wait(0.2)
    till.send(stream[-2:])
    till.wait(1.5)
    assert_original_is_kept(stream, till.done)
    late = Till()
    late.send(stream[:-2])
    late.wait(0.4)  # the first half of the cut had to go
    late.send(stream[-2:])
    late.wait(1.5)
    assert late.done.out == stream
    assert "before it was whole" in late.done.reports[0].why


def test_what_the_daemon_refuses_is_told() -> None:
    till = Till(said="no join page is set")
    till.send(receipt())
    till.wait(1)
    assert till.done.out == receipt()
    assert till.done.reports[0].why == "no join page is set"


def test_more_than_is_kept_back_goes_on() -> None:
    till, logo = Till(said=None), b"\x1dv0\x00\xff\x00\xff\x07" + bytes(255 * 0x7FF)
    till.send(receipt())
    till.send(logo)
    assert till.done.out == receipt() + logo


def test_stopping_forwards_what_is_held() -> None:
    till = Till(said=None)
    till.send(receipt())
    till.actions += till.session.give_up()
    assert till.done.out == receipt()
