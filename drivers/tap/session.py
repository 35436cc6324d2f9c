"""The tap's mind: follows one stream of a POS, decides where a job ends, what it is, and where something is inserted.

Pure: bytes, times and answers in, actions out; drivers.tap.relay carries them out. Whatever comes in, the forwarded
bytes of a job are its original bytes, whole and in order, with at most one block inserted. No byte is held longer than
TAP_HOLD_MS, and only bytes that may stand behind the place of insertion are held at all.
"""

from typing import Final

from agent import limits
from agent.domain.receipt import Document
from drivers.tap.block import block
from drivers.tap.follower import Follower
from drivers.tap.job import NEVER, Action, Chosen, Forward, Insert, Job, Place, report
from drivers.tap.pieces import PieceReader
from drivers.tap.segment import Verdict
from drivers.tap.state import PrinterState

_HOLD_S: Final = limits.TAP_HOLD_MS / 1000


class TapSession(Follower):
    """One stream. `state` is what an earlier stream left in the same printer."""

    # --- what comes in ----------------------------------------------------------------------------------------------
    def feed(self, data: bytes, now_s: float) -> list[Action]:
        """Take bytes of the POS."""
        if self._job.ending == "idle":
            self._finish("the next bytes came before the daemon's answer")
        self._last_s = now_s
        self._held.add(data, now_s)
        for piece in self._reader.feed(data):
            self._take(piece, now_s)
        if self._reader.lost:
            self._more_unknown()
        if len(self._held) > limits.TAP_HELD_BYTES:
            self._give_way("more followed the cut than is kept back")
        self._try_end(now_s)
        return self._out()

    def _more_unknown(self) -> None:
        """What follows an unknown command is counted only: much of it is no driver's last word."""
        chosen, begin, self._pos = self._job.chosen, self._pos, self._held.end
        self._unknown_bytes += self._pos - begin
        if chosen is not None and chosen.only_at_close and self._unknown_bytes > limits.TAP_TRAILER_BYTES:
            self._job.chosen = None

    def answer(self, ticket: int, said: Document | str, now_s: float) -> list[Action]:
        """Take the daemon's answer to a question: what to append, or why nothing."""
        if self._job.chosen is not None and ticket == self._job.chosen.ticket:
            self._answers = {ticket: said}
            self._try_end(now_s)
        return self._out()

    def close(self, now_s: float) -> list[Action]:
        """The POS has ended the stream."""
        self.closed = True
        self._job.ending = "close"
        self._job.limit_s = (self._held.since_s() if len(self._held) else now_s) + _HOLD_S
        if self._reader.inside_command and not self._doubt:
            self._doubt = f"the stream stops inside a command, at {self._pos}"
        self._try_end(now_s)
        return self._out()

    def tick(self, now_s: float) -> list[Action]:
        """Let time pass."""
        job = self._job
        if job.ending != "close" and len(self._held) and now_s >= self._held.since_s() + _HOLD_S:
            self._give_way("the daemon did not answer within 300 ms")
        elif not job.ending and now_s >= self._silent_s():
            job.ending, job.limit_s = ("quiet" if job.chosen else "idle"), now_s + _HOLD_S
        self._try_end(now_s)
        return self._out()

    def listen_from(self, now_s: float) -> None:
        """The POS could not be heard till now, because the printer was slow: its silence counts from here."""
        self._last_s = now_s

    def give_up(self) -> list[Action]:
        """Forward all that is held, as it is: the tap is being stopped."""
        self._finish("the tap was stopped")
        return self._out()

    def rest(self) -> bytes:
        """Give every byte of the POS that was not handed over as an action: for a relay that must go on without us."""
        ready = b"".join(one.data for one in self._actions if isinstance(one, Forward))
        return ready + self._held.take_to(self._held.end)

    def deadline_s(self) -> float:
        """When `tick` must be called at the latest."""
        job, due = self._job, NEVER
        if len(self._held):
            due = self._held.since_s() + _HOLD_S
        if job.ending:
            return min(due, job.limit_s)
        return min(due, self._silent_s())

    @property
    def idle(self) -> bool:
        """Whether no job is under way and nothing is held."""
        return not len(self._held) and self._pos == self._job.start

    # --- how a job ends ---------------------------------------------------------------------------------------------
    def _silent_s(self) -> float:
        """When silence ends the job; never within a command, whose data may come slowly."""
        if self._pos == self._job.start or self._reader.inside_command:
            return NEVER
        chosen = self._job.chosen
        waiting = limits.TAP_IDLE_MS if chosen is None or chosen.only_at_close else limits.TAP_QUIET_MS
        return self._last_s + waiting / 1000

    def _try_end(self, now_s: float) -> None:
        job = self._job
        if not job.ending:
            return
        if job.chosen is None and job.ending in ("idle", "close") and job.inserted_at is None and not self._doubt:
            self._choose_end()
        if job.chosen is None or self._doubt_about(job.chosen):
            if job.ending in ("idle", "close"):
                self._finish(job.why)
        elif job.chosen.ticket in self._answers:
            self._insert(job.chosen)
            self._finish("")
        elif now_s >= job.limit_s:
            self._finish("the daemon did not answer in time")

    def _doubt_about(self, chosen: Chosen) -> bool:
        """A stream that stops inside a command spoils only what would be sent behind it."""
        return bool(self._doubt) and chosen.place.offset >= self._pos

    def _choose_end(self) -> None:
        """No cut: what was printed since the last one may end here, or where it is silent."""
        job = self._job
        if not job.segment.visible:
            return
        verdict = self._judge()
        if job.verdict is None or not verdict.why_not:
            job.verdict = verdict
        if not verdict.why_not:
            lines = max(self._rules.profile.feed_lines, limits.TAP_FEED_LINES)
            ending = job.ending
            self._choose(Place(self._pos, self.state.copy()), verdict, lines, f"at the end ({ending}, no cut)")
            job.ending = ending

    def _give_way(self, why: str) -> None:
        """What is held goes: with what the daemon said if it has spoken, else as it was."""
        job = self._job
        if job.chosen is not None:
            if job.chosen.only_at_close:
                job.why = f"in doubt: {self._doubt}"
            elif job.chosen.ticket in self._answers:
                self._insert(job.chosen)
            else:
                job.why = why
            job.chosen = None
            job.ending = ""
        job.tail = None
        self._forward(self._held.end)

    def _insert(self, chosen: Chosen) -> None:
        said, job = self._answers.pop(chosen.ticket), self._job
        if isinstance(said, str):
            job.why = said
            return
        try:
            written = block(said, self._rules.profile, chosen.place.state, feed_lines=chosen.feed_lines)
        except (ValueError, TypeError, AttributeError) as error:  # a document that is none
            job.why = str(error)
            return
        self._forward(chosen.place.offset)
        self._actions.append(Insert(written))
        job.inserted_at, job.inserted_bytes, job.why = chosen.place.offset, len(written), chosen.words
        job.verdict = chosen.verdict

    def _finish(self, why: str) -> None:
        """Forward the rest, tell what the job was, and be ready for the next one."""
        job = self._job
        self._forward(self._held.end)
        if self._pos > job.start:
            verdict = job.verdict or self._judge()
            if self._doubt and verdict.kind in ("settings", "status"):
                verdict = Verdict("unknown", "")
            reason = job.why or verdict.why_not or why or self._doubt
            if job.inserted_at is None and self._doubt:
                reason = f"in doubt: {self._doubt}"
            self._actions.append(report(job, verdict, self._pos, reason))
        self._answers.clear()
        if self._doubt:
            self._doubt, self.state = "", PrinterState(self._rules.chinese_start)
            self._unknown_bytes = 0
            self._reader = PieceReader(self._rules.extra_commands)
        self._job = Job(self._pos)

    def _forward(self, offset: int) -> None:
        data = self._held.take_to(offset)
        if data:
            self._actions.append(Forward(data))

    def _out(self) -> list[Action]:
        """Release what need not be held, and hand over what is to be done."""
        job = self._job
        if job.chosen is not None:
            self._forward(job.chosen.place.offset)
        elif self._doubt or job.inserted_at is not None:
            self._forward(self._held.end)
        else:
            self._forward(job.tail.offset if job.tail is not None else self._pos)
        actions, self._actions = self._actions, []
        return actions
