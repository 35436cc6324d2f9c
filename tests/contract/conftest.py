"""One PostgreSQL server for the whole session; a fresh database for whoever asks."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from sync.hq.db.address import Address
from tests.postgres import PostgresServer, running
from tests.unit.test_hq_world import Databases


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A server that does not wait for the disk."""
    with running() as server:
        yield server


@pytest.fixture(scope="module")
def on_postgres(postgres: PostgresServer) -> Iterator[None]:
    """Worlds of tests.unit.test_hq_world keep their books at the server: one database for each folder."""
    known: dict[Path, Address] = {}

    def of(folder: Path) -> Address:
        if folder not in known:
            known[folder] = postgres.fresh()
        return known[folder]

    before = Databases.of, Databases.back_up, Databases.put_back
    Databases.of = staticmethod(of)
    Databases.back_up = staticmethod(lambda folder: postgres.back_up(of(folder)))
    Databases.put_back = staticmethod(lambda folder: postgres.put_back(of(folder)))
    yield
    Databases.of, Databases.back_up, Databases.put_back = before


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> Iterator[Address | None]:
    """The engine: None is the embedded one. A server is started only where one is asked for."""
    if request.param == "sqlite":
        yield None
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    yield replace(server.fresh(), connections=8)
