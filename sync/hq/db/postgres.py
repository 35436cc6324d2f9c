"""One connection to PostgreSQL as sync.hq.db.seam asks for it. Owned by one thread of sync.hq.db.pool.

Statements outside a block commit by themselves. Exclusion is by advisory locks held to the end of a transaction, in the
order station, proofs, brand, members, numbers (docs/adr/0011).
"""

import contextlib
import hashlib
import select
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import psycopg
from psycopg.pq import ConnStatus
from psycopg.rows import tuple_row

from agent.domain.errors import InvariantViolation
from sync.hq.db.dialect import ARRAYS, PgRow, array_text, translated, unescaped_rows
from sync.hq.db.seam import Cursor, NotAlone

EVENT_COLUMNS: Final = (
    "workstation_id", "epoch", "seq", "body", "digest", "chain", "state", "code", "received_at_ms",
)  # fmt: skip
POSTING_COLUMNS: Final = (
    "workstation_id", "epoch", "seq", "position", "member_id", "account", "amount", "bucket", "expires", "lease",
    "received_at_ms",
)  # fmt: skip
_EVENTS: Final = ", ".join(EVENT_COLUMNS)
_POSTINGS: Final = ", ".join(POSTING_COLUMNS)
_ADD_EVENTS: Final = (
    "WITH sent AS MATERIALIZED (SELECT * FROM incoming AS i),"
    " fresh AS (INSERT INTO event_names (workstation_id, epoch, seq, digest, chain, received_at_ms)"
    " SELECT workstation_id, epoch, seq, digest, chain, received_at_ms FROM sent ORDER BY seq"
    " ON CONFLICT DO NOTHING RETURNING seq),"
    f" made AS (INSERT INTO events ({_EVENTS}) SELECT {_EVENTS} FROM sent i"
    " WHERE i.seq IN (SELECT seq FROM fresh) OR (EXISTS (SELECT 1 FROM event_names n WHERE n.digest = i.digest"
    "  AND n.workstation_id = i.workstation_id AND n.epoch = i.epoch AND n.seq = i.seq)"
    " AND NOT EXISTS (SELECT 1 FROM events e WHERE e.workstation_id = i.workstation_id AND e.epoch = i.epoch"
    "  AND e.seq = i.seq)) RETURNING seq) SELECT string_agg(seq::text, ',') AS seqs FROM made"
)
_ADD_POSTINGS: Final = (
    f"INSERT INTO postings ({_POSTINGS}) SELECT {_POSTINGS} FROM incoming AS i WHERE NOT EXISTS"
    " (SELECT 1 FROM postings p WHERE p.workstation_id = i.workstation_id AND p.epoch = i.epoch AND p.seq = i.seq"
    " AND p.position = i.position)"
)
_WRITE: Final = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"
_WRITE_ALONE: Final = "BEGIN ISOLATION LEVEL REPEATABLE READ READ WRITE"
_LOOK: Final = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
_SESSION: Final = "session "


def key_of(name: str) -> int:
    """The advisory lock of a name: 64 bits of its hash. Two names that share one only wait for each other."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big", signed=True)


class PgConnection:
    """See sync.hq.db.seam.Connection. Raises psycopg's errors, which the pool translates."""

    def __init__(self, raw: psycopg.Connection[PgRow]) -> None:
        self._raw = raw
        self._inside = False
        self._held: set[tuple[str, bool]] = set()

    @property
    def raw(self) -> psycopg.Connection[PgRow]:
        """The driver's connection, for what no other engine has: COPY and cursors (sync.hq.db.move_rows)."""
        return self._raw

    # --- statements -------------------------------------------------------------------------------------------------
    def execute(self, sql: str, parameters: Mapping[str, Any] | None = None) -> Cursor:
        """See Connection."""
        return self._raw.execute(translated(sql), parameters or {})

    def plain(self, sql: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """See Connection; in the server's binary form, which psycopg reads without a call of ours for each value."""
        cursor = self._raw.cursor(binary=True, row_factory=tuple_row)
        return unescaped_rows(cursor.execute(translated(sql), parameters).fetchall())

    def executemany(self, sql: str, rows: Iterable[Mapping[str, Any]]) -> Cursor:
        """See Connection; one round trip for all of them, none for none."""
        sent = list(rows)
        if len(sent) == 1:
            return self.execute(sql, sent[0])
        cursor = self._raw.cursor()
        if sent:
            cursor.executemany(translated(sql), sent)
        return cursor

    def bulk(self, sql: str, rows: Sequence[Mapping[str, Any]]) -> int:
        """See Connection; as arrays, one for each column, or as one value where all rows have the same."""
        return self._over(sql, rows).rowcount if rows else 0

    def any_of(self, name: str, values: Sequence[str]) -> tuple[str, dict[str, Any]]:
        """See Connection; as one array, however many."""
        return f"= ANY(:{name}::text[])", {name: array_text(values) if values else "{}"}

    def _over(self, sql: str, rows: Sequence[Mapping[str, Any]]) -> Cursor:
        """Run a statement in which `incoming` stands for `rows`."""
        columns = {name: [row[name] for row in rows] for name in rows[0]}
        differing = [name for name, values in columns.items() if values.count(values[0]) < len(values)]
        arrays = differing or list(columns)
        same = "".join(
            f":{name}::{ARRAYS[type(rows[0][name])][:-2]} AS {name}, " for name in columns if name not in arrays
        )
        unnested = ", ".join(f":{name}::{ARRAYS[type(rows[0][name])]}" for name in arrays)
        table = f"(SELECT {same}one.* FROM unnest({unnested}) AS one ({', '.join(arrays)}))"
        sent = {name: array_text(values) if name in arrays else values[0] for name, values in columns.items()}
        return self.execute(sql.replace("incoming", table), sent)

    def script(self, sql: str) -> None:
        """Run several statements without parameters, for migrations."""
        self._raw.execute(sql.encode(), prepare=False)

    # --- blocks -----------------------------------------------------------------------------------------------------
    def transaction(self) -> contextlib.AbstractContextManager[object]:
        """See Connection: each statement sees what was committed before it, so a hold comes before what it guards."""
        return self._block(_WRITE)

    @contextlib.contextmanager
    def part(self) -> Iterator[None]:
        """See Connection; what was held since its beginning is held no longer once it is undone."""
        held = set(self._held)
        self._raw.execute("SAVEPOINT part")
        try:
            yield
        except Exception:
            with contextlib.suppress(psycopg.Error):  # a connection that is gone has undone everything
                self._raw.execute("ROLLBACK TO SAVEPOINT part")
                self._raw.execute("RELEASE SAVEPOINT part")
            self._held = held
            raise
        self._raw.execute("RELEASE SAVEPOINT part")

    def snapshot(self, alone: str = "") -> contextlib.AbstractContextManager[object]:
        """See Connection. With `alone` a write that meets another's fails and has to be done anew."""
        return self._alone(alone) if alone else self._block(_LOOK)

    @contextlib.contextmanager
    def _alone(self, name: str) -> Iterator[None]:
        # ORDER: held before the block begins, for its one moment is that of its first statement.
        key = {"key": key_of(_SESSION + name)}
        self.execute("SELECT pg_advisory_lock(:key)", key)
        try:
            with self._block(_WRITE_ALONE):
                yield
        finally:
            with contextlib.suppress(psycopg.Error):  # a connection that is gone holds nothing
                self.execute("SELECT pg_advisory_unlock(:key)", key)

    @contextlib.contextmanager
    def _block(self, begin: str) -> Iterator[None]:
        if self._inside:
            raise InvariantViolation("transactions do not nest")
        self.execute(begin)
        self._inside = True
        try:
            yield
            ended = self._raw.execute("COMMIT")
            # ORDER: a transaction that failed answers COMMIT with ROLLBACK, and no error.
            if ended.statusmessage != "COMMIT":
                raise InvariantViolation(f"COMMIT said {ended.statusmessage}")
        except BaseException:
            with contextlib.suppress(psycopg.Error):
                self._raw.execute("ROLLBACK")
            raise
        finally:
            self._inside = False
            self._held.clear()

    def hold(self, *names: str, shared: bool = False) -> None:
        """See Connection; in the order of their locks, so that two never wait for each other over these."""
        if not self._inside:
            raise InvariantViolation(f"{names} are held in a transaction only")
        wanted = [name for name in names if not {(name, False), (name, shared)} & self._held]
        if not wanted:
            return
        if not shared and any((name, True) in self._held for name in wanted):
            raise NotAlone
        kind = "_shared" if shared else ""
        self.execute(
            f"SELECT pg_advisory_xact_lock{kind}(key) FROM unnest(:keys::bigint[]) AS key",
            {"keys": sorted(key_of(name) for name in wanted)},
        )
        self._held.update((name, shared) for name in wanted)

    # --- many rows --------------------------------------------------------------------------------------------------
    def add_events(self, rows: Sequence[Mapping[str, Any]]) -> frozenset[int]:
        """See Connection. Names are unique in event_names, which has no months."""
        seqs = self._over(_ADD_EVENTS, rows).fetchone()["seqs"] if rows else None
        return frozenset(map(int, seqs.split(","))) if seqs else frozenset()

    def add_postings(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """See Connection."""
        self.bulk(_ADD_POSTINGS, rows)

    # --- life -------------------------------------------------------------------------------------------------------
    @property
    def alive(self) -> bool:
        """Whether the server has not hung up, as far as one sees from here: an idle server says nothing else."""
        if self._raw.closed or self._raw.pgconn.status != ConnStatus.OK:
            return False
        waiting = select.poll()
        waiting.register(self._raw.fileno(), select.POLLIN)
        return not waiting.poll(0)

    def close(self) -> None:
        """Hang up."""
        self._raw.close()
