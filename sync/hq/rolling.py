"""Old sealed ranges proven again from rows: events, codes, totals and the seals' own signatures, a part per proof.

Called by sync.hq.prove. The position is persisted, so that a restart goes on where it stopped, round robin.
"""

from agent.limits import AUDIT_EVENTS
from sync.hq import seals
from sync.hq.audit import keep_place, start_of, watermark_of
from sync.hq.bounds import PROOF_STEP_EVENTS
from sync.hq.db.seam import Connection, Row
from sync.hq.enrol import Station
from sync.hq.walk import Walk
from sync.proof import Finding, Seal, suspended_hash


class Rolling:
    """Re-proves sealed ranges of one epoch from rows, AUDIT_EVENTS a proof; a range that is not done goes on later."""

    def __init__(self, station: Station, epoch: str, public_key: bytes, budget: int = AUDIT_EVENTS) -> None:
        """`budget`: how many events to re-prove; at least one seal's."""
        self._station = station
        self._epoch = epoch
        self._public_key = public_key
        self._budget = budget
        self._wrapped = False
        self._started: int | None = None
        self._seal: Seal | None = None
        self._walk: Walk | None = None
        self.walked = False
        """Whether the latest step walked events, and others should have a turn."""
        self.findings: list[Finding] = []
        self.missing: list[tuple[int, int]] = []
        """Ranges that were sealed and are gone; they heal."""

    def step(self, connection: Connection) -> bool:
        """Re-prove the next part of a sealed range; True when the budget is spent or everything was seen once."""
        self.walked = self._walk is not None
        if self._walk is not None and self._seal is not None:
            if self._walk.step(connection, PROOF_STEP_EVENTS):
                self._conclude(connection, self._walk, self._seal)
                self._walk = None
                self._budget -= self._seal.last - self._seal.first + 1
            return self._budget <= 0
        place = self._place(connection)
        self._started = place if self._started is None else self._started
        if self._wrapped and place >= self._started:
            return True
        rows = seals.behind(connection, self._station.workstation_id, self._epoch, place, 1)
        if rows:
            self._begin(connection, rows[0], place)
            return False
        if self._wrapped or place == 0:
            return True
        self._wrapped = True
        self._keep(connection, 0)
        return False

    def _begin(self, connection: Connection, row: Row, place: int) -> None:
        """Start on one seal; its range is walked in the steps that follow."""
        who, seal = self._station.workstation_id, seals.seal_of(row)
        self._keep(connection, seal.last)
        if not seals.is_ours(seal, self._public_key):
            self._find("seals", str(seal.last), "SIGNATURE")
        elif not seals.place_holds(row, self._public_key):
            self._find("seals", str(seal.last), "PLACE", "readers may have missed it")
        if seal.first != place + 1:
            self._find("seals", str(place + 1), "MISSING")
        if seal.first > 1 and seals.ending_at(connection, who, self._epoch, seal.first - 1) is None:
            return
        after = seal.first - 1
        head, sent = start_of(connection, who, self._epoch, after)
        watermark = watermark_of(connection, who, self._epoch)
        self._seal = seal
        self._walk = Walk(self._station, self._epoch, seal.last, head, sent, after, after, watermark, after + 1)

    def _conclude(self, connection: Connection, walk: Walk, seal: Seal) -> None:
        self.findings += walk.findings
        if walk.missing:
            self.missing += walk.missing
            return
        who, span = self._station.workstation_id, f"{seal.first}-{seal.last}"
        if walk.head.hex() != seal.head:
            self._find("events", span, "SEALED_HEAD", "rows no longer give the sealed head")
        elif walk.book.rows() != list(seal.totals):
            self._find("seals", str(seal.last), "TOTALS")
        held = seals.suspensions(connection, who, self._epoch, seal.first, seal.last)
        if suspended_hash(held) != seal.suspended:
            self._find("events", span, "SUSPENDED", "other events are suspended than were sealed")

    def _find(self, place: str, key: str, code: str, detail: str = "") -> None:
        self.findings.append(Finding(side="hq", table=place, epoch=self._epoch, key=key, code=code, detail=detail))

    def _place(self, connection: Connection) -> int:
        row = connection.execute(
            "SELECT seq FROM audits WHERE workstation_id = :id AND what = :what",
            {"id": self._station.workstation_id, "what": f"events {self._epoch}"},
        ).fetchone()
        return 0 if row is None else int(row["seq"])

    def _keep(self, connection: Connection, seq: int) -> None:
        keep_place(connection, self._station.workstation_id, f"events {self._epoch}", self._epoch, seq)
