"""What is kept of checks of a person (S56) when the person is erased. Called by sync.hq.erasures."""

from typing import Final

from sync.hq.db.seam import Connection

_NOBODY: Final = bytes(32)


def forget(connection: Connection, member_id: str) -> None:
    """Of an erased member what was said stays, and nothing of whom it was said."""
    connection.execute(
        "UPDATE identity_checks SET asked = :nobody, person = :nobody, reference = '' WHERE member_id = :id",
        {"nobody": _NOBODY, "id": member_id},
    )
