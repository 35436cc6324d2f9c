"""Books sales into real books as fast as they go and prints each number once it is acknowledged. Run by power_cut.

`python -m tests.long.books_writer FOLDER KEYS SYNCHRONOUS`
"""

import asyncio
import sys
from pathlib import Path

from tests.books_world import BooksWorld
from tests.stand_ins import sale_draft

SALES = 120


async def _write(folder: Path, keys: Path, synchronous: str) -> None:
    world = BooksWorld(keys)
    world.path = folder / "books.db"
    await world.open()
    await world.store.read(lambda connection: connection.execute(f"PRAGMA synchronous={synchronous}"))
    await world.store.read(lambda connection: connection.execute("PRAGMA wal_autocheckpoint=40"))  # fold often
    for number in range(SALES):
        await world.books.commit(sale_draft(number, points=number))
        print(number, flush=True)
    await world.store.close()


if __name__ == "__main__":
    asyncio.run(_write(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]))
