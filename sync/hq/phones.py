"""Whose phone number is this? HQ's answer to tills, and the bound on how many numbers a workstation may ask for.

Made by sync.hq.members_office; called by sync.hq.member_http. Numbers are looked up by an index whose key never leaves
HQ, within one brand, where one number names one member (sync.hq.member_write). None is kept or repeated here.
"""

from typing import Final

from agent.domain.errors import Refusal
from sync.hq import audit, hourly
from sync.hq.bounds import PHONE_ASKS_AN_HOUR, PHONE_STRANGER_COSTS
from sync.hq.db.seam import Connection
from sync.hq.enrol import Station
from sync.hq.keys import HqKeys
from sync.hq.parts import Parts
from sync.phone_protocol import PhoneAnswer, PhoneRequest

PHONE_TRIED_TOO_OFTEN: Final = "PHONE_TRIED_TOO_OFTEN"
PHONE_NOTE: Final = (
    f"asked for members by more phone numbers than {PHONE_ASKS_AN_HOUR} an hour,"
    f" a number of nobody counting {PHONE_STRANGER_COSTS} times"
)


class Phones:
    """Answers tills."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def owner(self, station: Station, ask: PhoneRequest) -> PhoneAnswer:
        """The active member of the station's brand with this number, if any.

        Refusal PHONE_TRIED_TOO_OFTEN (409), which is noted on the workstation for a person: an honest till does not
        come so far, and whoever holds a till's key must not try numbers until one fits.
        """
        now = self._parts.clock.now_ms()
        answer = await self._parts.books.write(lambda c: _answer(c, self._parts.keys, station, ask.phone, now))
        if answer is None:  # ORDER: out here, so that the note of it is committed
            raise Refusal(
                PHONE_TRIED_TOO_OFTEN,
                "this workstation asked for too many phone numbers within the hour",
                hint="ask for the member code; a person at headquarters can see it",
                status=409,
            )
        return answer


def _answer(connection: Connection, keys: HqKeys, station: Station, phone: str, now_ms: int) -> PhoneAnswer | None:
    """Look up and count; None where the hour is spent."""
    if hourly.spent(connection, station.workstation_id, "phone", now_ms) >= PHONE_ASKS_AN_HOUR:
        found = [hourly.noted("phone", PHONE_TRIED_TOO_OFTEN, PHONE_NOTE, now_ms)]
        audit.record(connection, station.workstation_id, found, now_ms)
        return None
    member_id = owner_of(connection, keys, station.brand_id, phone)
    cost = PHONE_STRANGER_COSTS if member_id is None else 1
    hourly.spend(connection, station.workstation_id, "phone", cost, now_ms)
    return PhoneAnswer(member_id=member_id)


def owner_of(connection: Connection, keys: HqKeys, brand_id: str, phone: str) -> str | None:
    """The active member of a brand who has this number."""
    row = connection.execute(
        "SELECT i.member_id FROM identities i JOIN members m ON m.member_id = i.member_id"
        " WHERE i.brand_id = :brand_id AND i.identity_index = :index AND i.deleted = 0 AND m.status = 'active'",
        {"brand_id": brand_id, "index": keys.phone_index(brand_id, phone)},
    ).fetchone()
    return None if row is None else str(row["member_id"])
