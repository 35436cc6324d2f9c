"""What the tap's tests share: captured streams, a session run in virtual time, receipts of a made-up POS."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from agent.domain.receipt import Document, Qr, Rule, Text
from drivers.profiles import profile
from drivers.tap.job import Action, Forward, Insert, Rules
from drivers.tap.report import Question, Report
from drivers.tap.session import TapSession
from drivers.tap.templates import standard

RULES = Rules(profile("generic-80"), standard())
PROMPT = Document((Rule(), Text("扫码入会", align="center", scale=2, bold=True), Qr("https://hq.example/j")), cut=False)
CUT = b"\x1dV\x42\x00"
_HERE = Path(__file__).parent / "cases" / "escpos"
_SHARED = Path(__file__).parents[2] / "shared" / "cases" / "escpos"


def streams() -> list[Path]:
    """Captured streams of other projects: the large set where it is, else the few in this tree."""
    return sorted(_SHARED.rglob("*.bin")) if _SHARED.is_dir() else sorted(_HERE.glob("*.bin"))


def receipt(total: str = "22.00", *more: str, head: bytes = b"\x1b@\x1c&", cut: bytes = CUT) -> bytes:
    """A text receipt as a Chinese POS prints it."""
    lines = ["晨光便利店", "矿泉水      4.00", "咖啡       18.00", f"合计      ￥{total}", *more, "谢谢惠顾"]
    return head + "".join(line + "\n" for line in lines).encode("gbk") + b"\x1bd\x04" + cut


@dataclass
class Run:
    """What came out of a session."""

    out: bytes
    inserted: list[bytes]
    reports: list[Report]
    asked: list[Question]


def sorted_out(actions: Sequence[Action]) -> Run:
    """Actions by kind."""
    return Run(
        b"".join(one.data for one in actions if isinstance(one, Forward | Insert)),
        [one.data for one in actions if isinstance(one, Insert)],
        [one for one in actions if isinstance(one, Report)],
        [one for one in actions if isinstance(one, Question)],
    )


def run(stream: bytes, chunks: Sequence[int] = (), rules: Rules = RULES, said: Document | str = PROMPT) -> Run:
    """Feed a stream in chunks of these sizes (the last one repeats) without pauses, close it, and answer."""
    session, actions, at, sizes = TapSession(rules), list[Action](), 0, list(chunks) or [max(1, len(stream))]
    while at < len(stream):
        size = sizes.pop(0) if len(sizes) > 1 else sizes[0]
        actions += session.feed(stream[at : at + size], 0.0)
        at += size
    actions += session.close(0.0)
    for question in [one for one in actions if isinstance(one, Question)]:
        actions += session.answer(question.ticket, said, 0.0)
    assert session.idle
    return sorted_out(actions)


def assert_original_is_kept(stream: bytes, done: Run) -> None:
    """The forwarded bytes are the original, with at most one block put in between."""
    assert len(done.inserted) <= 1
    if not done.inserted:
        assert done.out == stream
        return
    (report,) = [one for one in done.reports if one.inserted_at is not None]
    at = report.inserted_at
    assert at is not None
    assert done.out == stream[:at] + done.inserted[0] + stream[at:]
