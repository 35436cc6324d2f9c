"""The print ledger in books.db: every job, its state, and its document sealed (a document carries a join claim).

Called by agent.printing through the PrintLedger port and by books for jobs that belong to an event.
"""

import json

from agent.books_ports import JobKind, JobState, NewPrintJob, PrintJob
from agent.db.store import Store
from agent.domain.ids import EventName
from agent.domain.receipt import Document, from_json, ledger_text
from agent.ports import KeyRing
from agent.sqlite import Connection, Row

_RESTORED = "the books were restored from a copy: this may be on paper already"


def doubt_queue(connection: Connection) -> None:
    """In books restored from a copy nothing that waits is certain to be unprinted: `recover` will not send it."""
    connection.execute(
        "UPDATE print_jobs SET state = 'sending', note = :restored WHERE state = 'queued'", {"restored": _RESTORED}
    )


def insert_job(
    connection: Connection,
    keys: KeyRing,
    job: NewPrintJob,
    at_ms: int,
    *,
    name: EventName | None = None,
    reprint_of: str | None = None,
) -> None:
    """Enter a job; inside the caller's transaction."""
    connection.execute(
        "INSERT INTO print_jobs"
        " (job_id, printer, kind, document_sealed, state, created_at_ms, expires_at_ms, reprint_of, epoch, seq)"
        " VALUES (:id, :printer, :kind, :sealed, 'queued', :at, :expires, :reprint_of, :epoch, :seq)",
        {
            "id": job.job_id,
            "printer": job.printer,
            "kind": job.kind,
            "sealed": keys.encrypt("print_jobs", "document_sealed", job.job_id, ledger_text(job.document)),
            "at": at_ms,
            "expires": job.expires_at_ms,
            "reprint_of": reprint_of,
            "epoch": name.epoch if name else None,
            "seq": name.seq if name else None,
        },
    )


class PrintJobsDb:
    """The PrintLedger port over books.db."""

    def __init__(self, store: Store, keys: KeyRing) -> None:
        self._store = store
        self._keys = keys

    async def add(self, job: NewPrintJob, at_ms: int, reprint_of: str | None = None) -> None:
        """Queue a job that no event carries."""
        await self._store.run(lambda connection: insert_job(connection, self._keys, job, at_ms, reprint_of=reprint_of))

    async def expire(self, printer: str, now_ms: int) -> list[str]:
        """Mark queued jobs past their expiry as expired and drop their documents."""

        def work(connection: Connection) -> list[str]:
            rows = connection.execute(
                "UPDATE print_jobs SET state = 'expired', document_sealed = NULL"
                " WHERE printer = :printer AND state = 'queued' AND expires_at_ms <= :now RETURNING job_id",
                {"printer": printer, "now": now_ms},
            )
            return [row["job_id"] for row in rows.fetchall()]

        return await self._store.run(work)

    async def next_job(self, printer: str) -> PrintJob | None:
        """The oldest queued job; a drawer waits for no paper."""

        def work(connection: Connection) -> PrintJob | None:
            row = connection.execute(
                "SELECT * FROM print_jobs WHERE printer = :printer AND state = 'queued'"
                " ORDER BY kind = 'drawer' DESC, number LIMIT 1",
                {"printer": printer},
            ).fetchone()
            return None if row is None else self._job(row)

        return await self._store.read(work)

    async def mark(self, job_id: str, state: JobState, note: str = "") -> None:
        """Move a job to a state."""
        await self._store.run(
            lambda connection: connection.execute(
                "UPDATE print_jobs SET state = :state, note = :note WHERE job_id = :id",
                {"state": state, "note": note[:200], "id": job_id},
            )
        )

    async def job(self, job_id: str) -> PrintJob | None:
        """One job."""

        def work(connection: Connection) -> PrintJob | None:
            row = connection.execute("SELECT * FROM print_jobs WHERE job_id = :id", {"id": job_id}).fetchone()
            return None if row is None else self._job(row)

        return await self._store.read(work)

    async def last_sent(self, printer: str) -> PrintJob | None:
        """The newest job of which bytes may have left."""

        def work(connection: Connection) -> PrintJob | None:
            row = connection.execute(
                "SELECT * FROM print_jobs WHERE printer = :printer"
                " AND state IN ('sending', 'sent', 'confirmed', 'unconfirmed') ORDER BY number DESC LIMIT 1",
                {"printer": printer},
            ).fetchone()
            return None if row is None else self._job(row)

        return await self._store.read(work)

    async def jobs(self, limit: int) -> list[PrintJob]:
        """Latest jobs, newest first."""

        def work(connection: Connection) -> list[PrintJob]:
            rows = connection.execute("SELECT * FROM print_jobs ORDER BY number DESC LIMIT :limit", {"limit": limit})
            return [self._job(row) for row in rows]

        return await self._store.read(work)

    async def recover(self) -> list[str]:
        """At start: a job that was being sent when the process died is unconfirmed, and never sent again by itself."""

        def work(connection: Connection) -> list[str]:
            rows = connection.execute(
                "UPDATE print_jobs SET state = 'unconfirmed', note = CASE WHEN note = :restored THEN note"
                " ELSE 'the agent stopped while this was being sent' END WHERE state = 'sending' RETURNING job_id",
                {"restored": _RESTORED},
            )
            return [row["job_id"] for row in rows.fetchall()]

        return await self._store.run(work)

    def _job(self, row: Row) -> PrintJob:
        sealed = row["document_sealed"]
        document = Document(())
        if sealed is not None:
            document = from_json(json.loads(self._keys.decrypt("print_jobs", "document_sealed", row["job_id"], sealed)))
        return PrintJob(
            job_id=row["job_id"],
            printer=row["printer"],
            kind=JobKind(row["kind"]),
            document=document,
            state=JobState(row["state"]),
            created_at_ms=row["created_at_ms"],
            expires_at_ms=row["expires_at_ms"],
            reprint_of=row["reprint_of"],
            note=row["note"],
        )
