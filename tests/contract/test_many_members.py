"""Rows of tests.many_members, with which large brands are measured, against rows that HQ imported itself."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.system import SystemEntropy
from sync.hq import enrol
from sync.hq.db.address import Address
from sync.hq.main import open_hq
from sync.hq.service import HqService
from sync.protocol import identity_index
from tests.many_members import Brand, brand_of, change, fill
from tests.postgres import PostgresServer
from tests.snapshot_world import code_of, enrol_till, index_key
from tests.unit.test_hq_world import BRAND, HandClock, open_world, query

COUNT = 25
_SCHEMA = {
    "sqlite": "SELECT name, sql FROM sqlite_master WHERE tbl_name IN ('members', 'identities') ORDER BY name",
    "postgresql": "SELECT pg_get_constraintdef(oid) AS made FROM pg_constraint"
    " WHERE 'members'::regclass IN (conrelid, confrelid) OR 'identities'::regclass IN (conrelid, confrelid)"
    " UNION ALL SELECT pg_get_indexdef(indexrelid) FROM pg_index"
    " WHERE indrelid IN ('members'::regclass, 'identities'::regclass) ORDER BY made",
}


@pytest.fixture(params=["sqlite", "postgresql"])
def databases(request: pytest.FixtureRequest) -> Iterator[tuple[str, Address | None, Address | None]]:
    """Two databases of one engine; None is a file."""
    if request.param == "sqlite":
        yield "sqlite", None, None
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    yield "postgresql", server.fresh(), server.fresh()


async def _told(hq: HqService, engine: str) -> dict[str, Any]:
    """All that HQ has of its members; ids are random, so they are told by the place of their row."""
    members = await query(hq, "SELECT * FROM members ORDER BY feed_no")
    places = {row["member_id"]: place for place, row in enumerate(members)}
    assert all(len(member_id) == 18 and member_id.startswith("m_") for member_id in places)
    key = await hq._read(lambda c: enrol.index_key(c, hq._keys, BRAND))
    identities = await query(hq, "SELECT * FROM identities ORDER BY feed_no")
    for number, row in enumerate(identities):
        index = bytes(row.pop("identity_index"))
        assert index == identity_index(key, "code", code_of(number))
        place, sealed = f"{BRAND}/{index.hex()}", bytes(row.pop("value_sealed"))
        assert hq._keys.open("identities", "value", place, sealed) == code_of(number).encode()
    return {
        "members": [{**row, "member_id": places[row["member_id"]]} for row in members],
        "identities": [{**row, "member_id": places[row["member_id"]]} for row in identities],
        "feeds": await query(hq, "SELECT feed, last_no FROM feed_counters ORDER BY feed"),
        "schema": await query(hq, _SCHEMA[engine]),
    }


def test_members_that_are_filled_in_are_those_that_an_import_writes(
    tmp_path: Path, databases: tuple[str, Address | None, Address | None]
) -> None:
    engine, first, second = databases

    async def play() -> None:
        imported = await open_world(tmp_path / "a", database=first)
        rows = Brand(BRAND, b"", b"").members(range(COUNT))
        lines = [f"{code_of(number)},{row[2]},{row[4]}\n" for number, row in enumerate(rows)]
        (tmp_path / "members.csv").write_text("member_number,tier_id,points\n" + "".join(lines))
        assert (await imported.import_members(BRAND, tmp_path / "members.csv")).created == COUNT
        filled = await open_world(tmp_path / "b", database=second)
        await enrol_till(filled, tmp_path / "till")
        await filled.close()
        fill(
            tmp_path / "b", second, brand_of(tmp_path / "b", BRAND, index_key(tmp_path / "till")), COUNT, lambda _: None
        )
        filled = await open_hq(tmp_path / "b", HandClock(), SystemEntropy(), database=second)
        assert await _told(filled, engine) == await _told(imported, engine)
        if second is not None:
            changed = [f"{code_of(number)},gold,7\n" for number in range(5)]
            (tmp_path / "changed.csv").write_text("member_number,tier_id,points\n" + "".join(changed))
            assert (await imported.import_members(BRAND, tmp_path / "changed.csv")).updated == 5
            change(second, BRAND, COUNT, 5)
            assert (await _told(filled, engine))["members"] == (await _told(imported, engine))["members"]
        await filled.close()
        await imported.close()

    asyncio.run(play())
