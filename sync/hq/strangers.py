"""Epochs that HQ's rows name and no chain has: somebody wrote them, and it was not the ingest.

Called by sync.hq.prove with every proof, for one workstation.
"""

from sync.hq.db.seam import Connection
from sync.proof import Finding

_FEW_EPOCHS = 3  # LIMIT: a look for each table and place between them
_WITH_EPOCHS = (
    "events", "postings", "transactions", "day_totals", "seals", "conflicts", "lease_closings", "claims", "claim_backs",
)  # fmt: skip


def strangers(connection: Connection, workstation_id: str) -> list[Finding]:
    """Epochs that rows name but no chain has; one index look-up per epoch."""
    known = {
        row["epoch"]
        for row in connection.execute("SELECT epoch FROM chains WHERE workstation_id = :id", {"id": workstation_id})
    }
    found: list[Finding] = []
    for epoch in sorted(known):
        row = connection.execute(
            "SELECT EXISTS (SELECT 1 FROM events WHERE workstation_id = :id AND epoch = :epoch)",
            {"id": workstation_id, "epoch": epoch},
        ).fetchone()
        if not row[0]:
            found.append(Finding(side="hq", table="chains", epoch=epoch, key=epoch, code="NO_EVENT"))
    if len(known) <= _FEW_EPOCHS and not _any_other(connection, workstation_id, sorted(known)):
        return found
    for table in _WITH_EPOCHS:
        epoch = ""
        while True:
            row = connection.execute(
                f"SELECT MIN(epoch) FROM {table} WHERE workstation_id = :id AND epoch > :epoch",
                {"id": workstation_id, "epoch": epoch},
            ).fetchone()
            if row[0] is None:
                break
            epoch = str(row[0])
            if epoch not in known:
                found.append(Finding(side="hq", table=table, epoch=epoch[:64], key=epoch[:64], code="EPOCH_UNKNOWN"))
    return found


def _any_other(connection: Connection, workstation_id: str, known: list[str]) -> bool:
    """Whether any row is of an epoch beside these, in one statement: a look into the index before, between, behind."""
    ends = dict(zip((f"e{place}" for place in range(len(known))), known, strict=True))
    bounds = ["", *(f" AND epoch > :{name}" for name in ends)]
    bounds = [below + f" AND epoch < :{name}" for below, name in zip(bounds, ends, strict=False)] + bounds[-1:]
    looks = " OR ".join(
        f"EXISTS (SELECT 1 FROM {table} WHERE workstation_id = :id{bound})"
        for table in _WITH_EPOCHS
        for bound in bounds
    )
    return bool(connection.execute(f"SELECT {looks}", {"id": workstation_id, **ends}).fetchone()[0])
