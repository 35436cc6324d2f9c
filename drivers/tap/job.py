"""What the tap's session works with: its rules, its actions, and what is known of the job under way.

Plain data, used by drivers.tap.session and drivers.tap.relay.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from drivers.profiles import Profile
from drivers.tap.report import Question, Report
from drivers.tap.segment import Segment, Verdict
from drivers.tap.state import PrinterState
from drivers.tap.templates import Templates

NEVER: Final = float("inf")


@dataclass(frozen=True, slots=True)
class Forward:
    """Bytes of the POS, for the printer."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Insert:
    """Bytes of ours, for the printer."""

    data: bytes


Action: TypeAlias = "Forward | Insert | Question | Report"


@dataclass(frozen=True, slots=True)
class Rules:
    """How this tap works; the same for all its streams."""

    profile: Profile
    templates: Templates
    chinese_start: bool = True
    pictures: bool = True
    extra_commands: Mapping[bytes, int] = field(default_factory=dict)


@dataclass(slots=True)
class Place:
    """Where something could be inserted, and the printer's state there."""

    offset: int
    state: PrinterState
    dots: int = 0
    """What the POS itself feeds between here and the cut."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """A place with the paper that it belongs to, and the question that was put about it."""

    place: Place
    verdict: Verdict
    feed_lines: int
    words: str
    ticket: int
    only_at_close: bool = False
    """What stands behind the place is not understood: only the stream's end shows that it was the paper's end."""


@dataclass(slots=True)
class Job:
    """What is known of the job under way."""

    start: int
    segment: Segment = field(default_factory=Segment)
    verdict: Verdict | None = None
    """Of the last paper that was cut off."""
    hash: "hashlib._Hash" = field(default_factory=hashlib.sha256)
    tail: Place | None = None
    chosen: Chosen | None = None
    ending: str = ""
    limit_s: float = NEVER
    inserted_at: int | None = None
    inserted_bytes: int = 0
    why: str = ""


def question(ticket: int, job: Job, verdict: Verdict) -> Question:
    """What the daemon is asked about a paper."""
    return Question(
        ticket, job.hash.hexdigest(), verdict.kind, verdict.total_fen, tuple(verdict.tenders),
        tuple(verdict.transaction_ids),
    )  # fmt: skip


def report(job: Job, verdict: Verdict, end: int, why: str) -> Report:
    """What became of a job."""
    return Report(
        verdict.kind, job.start, end, verdict.total_fen, tuple(verdict.tenders), tuple(verdict.transaction_ids),
        job.inserted_at, job.inserted_bytes, why,
    )  # fmt: skip
