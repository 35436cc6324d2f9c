"""docs/schema.sql is the picture of every database, generated from the migrations and kept true by this test."""

import os
from pathlib import Path

import pytest
from sqlite_utils import Database
from sqlite_utils.migrations import Migrations

from agent.db.schema import books_migrations, replica_migrations
from sync.hq.schema import MIGRATIONS as HQ_MIGRATIONS

PICTURE = Path(__file__).parents[2] / "docs" / "schema.sql"
DATABASES = {"books.db": books_migrations, "replica.db": replica_migrations, "hq.db": HQ_MIGRATIONS}


def _picture() -> str:
    parts = ["-- Generated from the migrations; never edited. Renew with: POS_AGENT_GOLDEN=write make test\n"]
    for name, migrations in DATABASES.items():
        database = Database(memory=True)
        migrations.apply(database)
        rows = database.execute(
            "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE '\\_sqlite%' ESCAPE '\\'"
            " AND name NOT LIKE 'sqlite%' AND tbl_name NOT LIKE '\\_sqlite%' ESCAPE '\\' ORDER BY type DESC, name"
        ).fetchall()
        parts.append(f"\n-- ===== {name} =====\n")
        parts += [f"{row[0]};\n" for row in rows]
    return "\n".join(parts)


def test_the_picture_of_the_schema_is_true() -> None:
    made = _picture()
    if os.environ.get("POS_AGENT_GOLDEN") == "write":
        PICTURE.write_text(made, encoding="utf-8")
    assert PICTURE.read_text(encoding="utf-8") == made, "renew with POS_AGENT_GOLDEN=write make test"


@pytest.mark.parametrize("name", DATABASES)
def test_every_table_is_strict(name: str) -> None:
    database = Database(memory=True)
    DATABASES[name].apply(database)
    loose = [
        row[0]
        for row in database.execute(
            "SELECT name FROM pragma_table_list WHERE type = 'table' AND strict = 0 AND schema = 'main'"
        ).fetchall()
        if not row[0].startswith(("sqlite_", "_sqlite"))
    ]
    assert loose == []


def test_migrations_apply_to_an_empty_file_twice_without_change() -> None:
    def schema(migrations: Migrations) -> list[str]:
        database = Database(memory=True)
        migrations.apply(database)
        migrations.apply(database)
        return [row[0] for row in database.execute("SELECT sql FROM sqlite_master ORDER BY name").fetchall()]

    for migrations in DATABASES.values():
        assert schema(migrations) == schema(migrations)
