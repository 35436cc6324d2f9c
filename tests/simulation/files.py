"""The files of one simulated store: its settings, and its books as they lie on disk, read without touching them."""

import tempfile
from pathlib import Path
from typing import Any

from agent.config import Settings, parse
from agent.db.schema import books_migrations
from agent.sqlite import open_database
from tests.simulation.process import image_of, put_image

BOOKS, REPLICA = "books.db", "replica.db"


def ask_books(state: Path, statement: str) -> list[Any]:
    """Ask the books in a state folder; a copy of them is opened."""
    with tempfile.TemporaryDirectory(dir=state) as folder:
        path = Path(folder) / BOOKS
        put_image(path, image_of(state / BOOKS))
        connection = open_database(path, books_migrations)
        rows = connection.execute(statement).fetchall()
        connection.close()
    return rows


def rights_held(state: Path) -> list[Any]:
    """What the books on disk may still spend: account, owner, bucket, amount."""
    return ask_books(
        state,
        "SELECT account, owner, bucket, remaining AS amount FROM leases WHERE closed_seq IS NULL AND remaining > 0",
    )


def settings_of(folder: Path) -> Settings:
    """Settings of a store whose state lies in `folder`."""
    text = f"""
state_dir = "{folder}"
[hq]
url = "https://hq.invalid"
[[printer]]
name = "receipt"
kind = "tcp"
host = "printer.invalid"
watch_s = 0
profile = "escpos-80"
"""
    return parse(text)
