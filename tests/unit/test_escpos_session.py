"""One conversation with a scripted printer: what was said before a question is never its answer."""

from collections.abc import Callable

import pytest

from agent.domain.errors import DeviceAmbiguous
from drivers.escpos_pieces import Debt, pieces
from drivers.escpos_session import Session
from drivers.escpos_tokens import TokenKind, tokenize
from drivers.printer_patience import Patience
from drivers.profiles import profile


class Script:
    """A transport: `before` is said when first listened to, `after` once something was written behind that."""

    bytes_per_s = 20_000.0
    opens_freely = False

    def __init__(self, before: bytes = b"", after: bytes = b"") -> None:
        self.on_stall: Callable[[], bool] | None = None
        self.written = b""
        self.now_s = 0.0
        self._before, self._after, self._heard = before, after, False

    def open(self) -> None:
        """Nothing to take."""

    def write(self, data: bytes) -> int:
        self.written += data
        return len(data)

    def read(self, timeout_s: float) -> bytes:
        said, self._before = self._before, b""
        if not said and self.written and self._after:
            said, self._after = self._after, b""
        self.now_s += 0.0 if said else timeout_s + 0.001
        return said

    def finish(self) -> None:
        """Nothing is left."""

    def close(self) -> None:
        """Nothing to let go."""

    def now_ms(self) -> int:
        return 0

    def mono_s(self) -> float:
        return self.now_s


def session(script: Script, name: str) -> Session:
    return Session("till", script, profile(name), script, Patience(hold_s=1), lambda _: None)


def test_a_byte_that_came_before_the_question_confirms_nothing() -> None:
    script = Script(before=b"\x00")
    with pytest.raises(DeviceAmbiguous, match="PRINT_UNCONFIRMED"):
        session(script, "escpos-80").await_done()
    assert script.written.startswith(b"\x1dr\x01")


def test_the_byte_that_comes_after_it_does() -> None:
    session(Script(after=b"\x00"), "escpos-80").await_done()


def test_only_the_jobs_own_number_confirms_it() -> None:
    session(Script(before=b"\x37\x220009\x00", after=b"\x37\x220001\x00"), "epson-80").await_done()
    with pytest.raises(DeviceAmbiguous, match="PRINT_UNCONFIRMED"):
        session(Script(after=b"\x37\x220009\x00"), "epson-80").await_done()


def test_the_fill_is_as_long_as_the_longest_command_of_the_job() -> None:
    job = b"\x1b@x\n\x1dv0\x00\x30\x00\x64\x00" + bytes(4_800)
    assert Debt.of(job, answers=0, sent=100) == Debt(4_808, 0, cut=True)
    assert not Debt.of(job, answers=0, sent=len(job)).cut


def test_pieces_end_where_commands_end_and_lose_nothing() -> None:
    job = b"\x1b@" + b"0123456789\n" * 50 + b"\x1dv0\x00\x10\x00\x10\x00" + bytes(256) + b"tail\n"
    cut = pieces(job, 100)
    assert b"".join(cut) == job
    assert [len(piece) for piece in cut if len(piece) > 100] == [264]  # one command alone is longer
    assert not [token for piece in cut for token in tokenize(piece) if token.kind is TokenKind.INCOMPLETE]
