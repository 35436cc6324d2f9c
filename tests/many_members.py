"""Millions of members straight into HQ's tables, column by column what an import of their file writes.

Importing ten million rows through the door is another figure. tests/contract/test_many_members.py holds rows made here
against rows that were imported. Every member has one number, `code_of`; ids are as random as real ones.
"""

import base64
import contextlib
import hashlib
import hmac
import json
import multiprocessing
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import psycopg
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from sync.hq.db.address import Address
from tests.snapshot_world import code_of

MEMBERS: Final = ("member_id", "brand_id", "tier_id", "status", "opening_points", "masked", "feed_no")
IDENTITIES: Final = ("brand_id", "identity_index", "kind", "member_id", "value_sealed", "deleted", "feed_no")
_COLUMNS: Final = {"members": MEMBERS, "identities": IDENTITIES}
_SUITE: Final = b"\x01"
_BLOCK: Final = 10_000
Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Brand:
    """Whose members they are: the index key as tills have it, and HQ's data key."""

    brand_id: str
    index_key: bytes
    data_key: bytes

    def member_id(self, number: int) -> str:
        """The id of the n-th member."""
        name = hashlib.blake2b(number.to_bytes(8, "big"), key=self.brand_id.encode(), digest_size=10).digest()
        return "m_" + base64.b32encode(name).decode().lower()

    def members(self, numbers: range) -> Iterator[Row]:
        """Rows of `members`: n points, in two tiers."""
        for number in numbers:
            tier = "plain" if number % 5 else "gold"
            masked = "****" + code_of(number)[-4:]
            yield self.member_id(number), self.brand_id, tier, "active", number % 5000, masked, number + 1

    def identities(self, numbers: range) -> Iterator[Row]:
        """Rows of `identities`, each sealed for its place as sync.hq.keys does."""
        cipher = AESGCM(self.data_key)
        for number in numbers:
            code = code_of(number).encode()
            index = hmac.digest(self.index_key, b"code:" + code, "sha256")[:16]
            place = f'["identities","value","{self.brand_id}/{index.hex()}"]'.encode()
            nonce = (number + 1).to_bytes(12, "big")
            sealed = _SUITE + nonce + cipher.encrypt(nonce, code, place)
            yield self.brand_id, index, "code", self.member_id(number), sealed, 0, number + 1


def brand_of(hq_folder: Path, brand_id: str, index_key: bytes) -> Brand:
    """What is needed of a headquarters that stands still."""
    keys = json.loads((hq_folder / "hq.key").read_text())
    return Brand(brand_id, index_key, base64.b64decode(keys["data"]))


def fill(hq_folder: Path, database: Address | None, brand: Brand, count: int, told: Callable[[str], None]) -> None:
    """Fill an empty headquarters with `count` members."""
    if database is None:
        _fill_file(hq_folder / "hq.db", brand, count)
    else:
        _fill_server(database.url, brand, count, told)


def _fill_file(path: Path, brand: Brand, count: int) -> None:
    """Without indexes first, for they are made faster afterwards."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as c:
        for setting in ("journal_mode=DELETE", "journal_mode=OFF", "synchronous=OFF", "cache_size=-400000"):
            c.execute(f"PRAGMA {setting}")
        made = c.execute(
            "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
            " AND tbl_name IN ('members', 'identities')"
        ).fetchall()
        c.execute("BEGIN")
        for name, _ in made:
            c.execute(f"DROP INDEX {name}")
        for table, rows in (("members", brand.members(range(count))), ("identities", brand.identities(range(count)))):
            names = _COLUMNS[table]
            c.executemany(f"INSERT INTO {table} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})", rows)
        for _, sql in made:
            c.execute(sql)
        c.execute(
            "UPDATE feed_counters SET last_no = ? WHERE brand_id = ? AND feed IN ('members', 'identities')",
            (count, brand.brand_id),
        )
        c.execute("COMMIT")


def _fill_server(url: str, brand: Brand, count: int, told: Callable[[str], None]) -> None:
    """By COPY, a process for each table; keys and indexes are made afterwards, and what refers to them after that."""
    with psycopg.connect(url, autocommit=True) as connection:
        back = [_without(connection, table) for table in _COLUMNS]
        with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool:
            work = [
                pool.submit(_copy, url, table, replace(brand), count, [sql for sql, own in again if own])
                for table, again in zip(_COLUMNS, back, strict=True)
            ]
            for table, one in zip(_COLUMNS, work, strict=True):
                one.result()
                told(f"{table} are copied")
        for sql in (sql for again in back for sql, own in again if not own):
            connection.execute(sql.encode())
        connection.execute(
            "UPDATE feed_counters SET last_no = %s WHERE brand_id = %s AND feed IN ('members', 'identities')",
            (count, brand.brand_id),
        )
        connection.execute(b"ANALYZE")


def change(database: Address, brand_id: str, members: int, count: int) -> None:
    """Give the first `count` of the members that were filled in another tier and 7 points, as another import would."""
    with psycopg.connect(database.url) as connection:
        connection.execute(
            "UPDATE feed_counters SET last_no = last_no + %s WHERE brand_id = %s AND feed = 'members'",
            (count, brand_id),
        )
        connection.execute(
            "UPDATE members SET tier_id = 'gold', opening_points = 7, feed_no = feed_no + %s"
            " WHERE brand_id = %s AND feed_no <= %s",
            (members, brand_id, count),
        )


def _without(connection: psycopg.Connection[Any], table: str) -> list[tuple[str, bool]]:
    """Take keys and indexes of a table away; what makes them again, and whether that is of this table alone."""
    keys = connection.execute(
        "SELECT conname, conrelid::regclass::text, pg_get_constraintdef(oid), conrelid = %s::regclass"
        " FROM pg_constraint WHERE (conrelid = %s::regclass AND contype IN ('p', 'u', 'f'))"
        " OR confrelid = %s::regclass ORDER BY contype DESC",
        (table, table, table),
    ).fetchall()
    indexes = connection.execute(
        "SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = %s::regclass"
        " AND NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conindid = indexrelid AND conrelid = indrelid)",
        (table,),
    ).fetchall()
    again = [
        (f"ALTER TABLE {where} ADD CONSTRAINT {name} {what}", own and not what.startswith("FOREIGN"))
        for name, where, what, own in keys
    ]
    for name, where, _, own in sorted(keys, key=lambda key: key[3]):
        connection.execute(f"ALTER TABLE {where} DROP CONSTRAINT {name}".encode())
        assert own or where != table
    for name, _ in indexes:
        connection.execute(f"DROP INDEX {name}".encode())
    return [*again, *((sql, True) for _, sql in indexes)]


def _copy(url: str, table: str, brand: Brand, count: int, again: list[str]) -> None:
    rows = brand.members if table == "members" else brand.identities
    with psycopg.connect(url) as connection:
        connection.execute(f"TRUNCATE {table}".encode())  # a table that is new in its transaction needs no WAL
        with connection.cursor().copy(f"COPY {table} ({', '.join(_COLUMNS[table])}) FROM STDIN".encode()) as copy:
            for start in range(0, count, _BLOCK):
                copy.write("".join(map(_line, rows(range(start, min(count, start + _BLOCK))))))
        for sql in again:
            connection.execute(sql.encode())


def _line(row: Row) -> str:
    values = [f"\\\\x{value.hex()}" if isinstance(value, bytes) else str(value) for value in row]
    return "\t".join(values) + "\n"
