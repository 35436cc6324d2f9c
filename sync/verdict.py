"""What a reconciliation found, as facts: per epoch, and over all. Pure; made by sync.reconcile, shown by the CLI."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from agent.domain.digest import Json
from agent.proof_ports import Difference
from sync.proof import Finding, Seal, TotalsRow

_KEPT = 100  # differences copied into the history; all of them stand in the discrepancies table


@dataclass(frozen=True, slots=True)
class EpochProof:
    """The proof of one epoch: what both ends computed, and what was found on the way."""

    epoch: str
    count: int
    head: str
    hq_count: int
    hq_head: str
    equal: bool
    healed: tuple[tuple[int, int], ...] = ()
    """Ranges HQ lacked although it once acknowledged them; they were sent again."""
    altered_here: tuple[int, ...] = ()
    """Events whose stored bytes no longer fit the chain in this store's own books."""
    suspended: int = 0
    signature: str = ""
    after: int = 0
    """Where the last seal ends: the proof is of what lies behind it."""
    totals: tuple[TotalsRow, ...] = ()
    hq_totals: tuple[TotalsRow, ...] = ()
    """HQ's totals of the same range; given only when the books differ."""
    differences: tuple[Difference, ...] = ()


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """One run over all epochs. `result`: equal, healed, explained, different or unreachable."""

    result: str
    trigger: str
    at_ms: int
    pushed: int = 0
    epochs: tuple[EpochProof, ...] = ()
    requests: int = 0
    """Requests of push and proof; the downward check adds one per feed."""
    bytes: int = 0
    reason: str = ""
    differences: tuple[Difference, ...] = ()
    explained: int = 0
    """How many of them a person has explained."""
    seconds: float = field(default=0.0, compare=False)

    @property
    def equal(self) -> bool:
        """Whether both books were proven equal."""
        return self.result in ("equal", "healed")


def result_of(proofs: Sequence[EpochProof], found: Sequence[Difference], explained: Sequence[Difference] = ()) -> str:
    """`different` if a head differs or anything was found that does not heal, else `healed` or `equal`.

    `explained` where nothing differs but what a person has explained, exactly as it was explained.
    """
    settled = {_place(one.finding) for one in explained}
    still = [one for one in found if not one.finding.heals and _place(one.finding) not in settled]
    unequal = [proof for proof in proofs if not proof.equal]
    if still or any(not settled & {_place(one.finding) for one in proof.differences} for proof in unequal):
        return "different"
    if unequal or settled:
        return "explained"
    return "healed" if found or any(proof.healed for proof in proofs) else "equal"


def difference_json(one: Difference) -> dict[str, Json]:
    """One difference as plain JSON: where, and both sides in fen and points."""
    said: dict[str, Json] = dict(one.finding.model_dump())
    return {
        **said,
        "seq": one.seq,
        "sale_id": one.sale_id,
        "store": None if one.store is None else [one.store.digest.hex(), one.store.payable_fen, one.store.points],
        "hq": None if one.hq is None else [one.hq.digest.hex(), one.hq.payable_fen, one.hq.points],
    }


def as_json(run: Reconciliation) -> dict[str, Json]:
    """The run as kept in the history and shown by the command line."""
    epochs: list[Json] = [
        {
            "epoch": proof.epoch,
            "count": proof.count,
            "head": proof.head,
            "hq_count": proof.hq_count,
            "hq_head": proof.hq_head,
            "equal": proof.equal,
            "healed": [list(pair) for pair in proof.healed],
            "altered_here": list(proof.altered_here),
            "suspended": proof.suspended,
            "signature": proof.signature,
            "after": proof.after,
            "totals": [list(row) for row in proof.totals],
            "hq_totals": [list(row) for row in proof.hq_totals],
        }
        for proof in run.epochs
    ]
    return {
        "epochs": epochs,
        "pushed": run.pushed,
        "requests": run.requests,
        "bytes": run.bytes,
        "reason": run.reason,
        "differences": [difference_json(one) for one in run.differences[:_KEPT]],
        "differences_in_all": len(run.differences),
        "explained": run.explained,
    }


def altered_here(found: Sequence[Difference]) -> tuple[int, ...]:
    """Seqs whose stored bytes do not fit the store's own chain."""
    mine = (one.finding for one in found if one.finding.side == "store" and one.finding.table == "events")
    return tuple(sorted({int(one.key) for one in mine if one.key.isdigit()}))


def once(found: Sequence[Difference]) -> list[Difference]:
    """Each place once; an event with both sides' contents before a bare finding."""
    ordered = sorted(found, key=lambda one: one.seq is None)
    return list({_place(one.finding): one for one in reversed(ordered)}.values())


def _place(found: Finding) -> tuple[str, str, str, str]:
    return found.side, found.table, found.epoch, found.key


def lost(seal: Seal) -> Finding:
    """A seal HQ no longer has; it is given back."""
    return Finding(
        side="hq", table="seals", epoch=seal.epoch, key=str(seal.last), code="MISSING", detail="given back", heals=True
    )
