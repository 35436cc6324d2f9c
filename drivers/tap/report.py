"""What the tap made of one job: for the log, for tap-file and for the question to the daemon.

Pure data; made by drivers.tap.session.
"""

from dataclasses import dataclass

from agent.domain.digest import Json
from drivers.tap.recognise import TapTender


@dataclass(frozen=True, slots=True)
class Question:
    """What the daemon is asked: of which job, what was read. No text of the receipt is told."""

    ticket: int
    job: str
    """SHA-256 of the job's bytes up to its end or cut: the same paper printed again has the same one."""
    kind: str
    total_fen: int | None
    tenders: tuple[TapTender, ...]
    transaction_ids: tuple[str, ...]

    def as_json(self) -> dict[str, Json]:
        """As it goes over the socket."""
        return {
            "v": 1,
            "job": self.job,
            "kind": self.kind,
            "total_fen": self.total_fen,
            "tenders": [{"type": one.type, "amount_fen": one.amount_fen} for one in self.tenders],
            "transaction_ids": list(self.transaction_ids),
        }


@dataclass(frozen=True, slots=True)
class Report:
    """One finished job. Offsets count bytes of the POS's stream since it was opened.

    `kind`: receipt, picture, text, kitchen, report, bill, merchant_copy, refund, drawer, status, settings or unknown.
    `inserted_at` is None when the original was forwarded as it was; `why` gives the reason either way.
    """

    kind: str
    start: int
    end: int
    total_fen: int | None = None
    tenders: tuple[TapTender, ...] = ()
    transaction_ids: tuple[str, ...] = ()
    inserted_at: int | None = None
    inserted_bytes: int = 0
    why: str = ""

    def as_json(self) -> dict[str, Json]:
        """For people and scripts."""
        return {
            "kind": self.kind,
            "start": self.start,
            "end": self.end,
            "total_fen": self.total_fen,
            "tenders": [{"type": one.type, "amount_fen": one.amount_fen} for one in self.tenders],
            "transaction_ids": len(self.transaction_ids),
            "inserted": self.inserted_at is not None,
            "inserted_at": self.inserted_at,
            "inserted_bytes": self.inserted_bytes,
            "why": self.why,
        }
