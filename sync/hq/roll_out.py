"""Enrolling a chain at once: a file of stores and workstations, and a one-time code for each that has not enrolled yet.

Included by sync.hq.admin; called by `pos-agent hq enrol-file`. Columns, in any order: store_id, workstation_id,
[store_name] (needed once for a store HQ does not know).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from agent.domain.errors import Refusal
from sync.hq import enrol
from sync.hq.admin_door import Ask, Hq
from sync.hq.bounds import ENROL_CODE_BYTES, IMPORT_CHUNK_ROWS, IMPORT_FAULTS
from sync.hq.csv_file import Columns, Fault, rows
from sync.hq.db.seam import Connection
from sync.hq.service import HqService

COLUMNS: Final = Columns(("store_id", "workstation_id"), ("store_name",))


class RollOutAsk(Ask):
    """Enrol the workstations of a file that HQ's own user can read."""

    brand_id: str
    path: str


@dataclass(frozen=True, slots=True)
class _Place:
    """One row: a workstation and its store."""

    line: int
    store_id: str
    store_name: str
    workstation_id: str


@dataclass(slots=True)
class _Found:
    """What came of a file. With faults nothing was kept."""

    codes: list[tuple[str, str, str]] = field(default_factory=list)
    enrolled: int = 0
    """Workstations that are enrolled already: they keep their key and get no code."""
    faults: list[Fault] = field(default_factory=list)


class _Tried(Exception):
    """Undoes a transaction that was only to find out what is wrong."""


router = APIRouter()


@router.post("/roll-outs")
async def roll_outs(ask: RollOutAsk, hq: Hq) -> JSONResponse:
    """Enrol a file."""
    return JSONResponse(await enrol_file(hq, ask))


async def enrol_file(hq: HqService, ask: RollOutAsk) -> dict[str, Any]:
    """Give `codes` [[store, workstation, code]], how many were `enrolled` before, and `faults` [[line, reason]].

    Every row is tried before the first is kept. Safe to repeat: who has not enrolled gets a new code in place of the
    old one. Refusal CSV_UNREADABLE, CSV_ENCODING, CSV_HEADER.
    """
    found = _Found()
    places = _places(Path(ask.path), found)
    for keep in (False, True):
        for start in range(0, len(places), IMPORT_CHUNK_ROWS):
            if keep and found.faults:
                break
            await _chunk(hq, ask.brand_id, places[start : start + IMPORT_CHUNK_ROWS], found, keep=keep)
    faults = sorted(found.faults, key=lambda one: one.line)[:IMPORT_FAULTS]
    return {
        "codes": [list(one) for one in found.codes],
        "enrolled": found.enrolled,
        "faults": [[one.line, one.reason] for one in faults],
    }


def _places(path: Path, found: _Found) -> list[_Place]:
    """Rows that can be read; a store's name may stand in any one of its rows."""
    read = list(rows(path, COLUMNS))
    names: dict[str, str] = {}
    places: dict[str, _Place] = {}
    for line, cells in read:
        if isinstance(cells, Fault):
            found.faults.append(cells)
            continue
        store_id, name, station_id = cells["store_id"], cells["store_name"], cells["workstation_id"]
        if names.setdefault(store_id, name) == "":
            names[store_id] = name
        if name not in ("", names[store_id]):
            found.faults.append(Fault(line, f"store {store_id} is called {names[store_id]} on an earlier line"))
        if station_id in places:
            found.faults.append(Fault(line, f"{station_id} is on line {places[station_id].line} already"))
        else:
            places[station_id] = _Place(line, store_id, "", station_id)
    return [replace(one, store_name=names[one.store_id]) for one in places.values()]


async def _chunk(hq: HqService, brand_id: str, places: Sequence[_Place], found: _Found, *, keep: bool) -> None:
    """Enrol some places in one transaction, or only find out whether that would do."""
    now_ms, entropy = hq.now_ms(), hq.parts.entropy
    tokens = [entropy.token(ENROL_CODE_BYTES) for _ in places]

    def work(connection: Connection) -> _Found:
        did = _Found()
        for place, token in zip(places, tokens, strict=True):
            try:
                _one(connection, brand_id, place, token, now_ms, did)
            except Refusal as error:
                did.faults.append(Fault(place.line, error.message))
        if not keep:
            raise _Tried(did)
        return did

    try:
        did = await hq.parts.books.write(work)
    except _Tried as tried:
        found.faults += tried.args[0].faults
        return
    found.codes += did.codes
    found.enrolled += did.enrolled
    found.faults += did.faults


def _one(connection: Connection, brand_id: str, place: _Place, token: bytes, now_ms: int, did: _Found) -> None:
    if place.store_name:
        enrol.add_store(connection, brand_id, place.store_id, place.store_name)
    known = enrol.station(connection, place.workstation_id)
    if known is not None and known.state == "enrolled" and known.store_id == place.store_id:
        did.enrolled += 1
        return
    code = enrol.add_workstation(connection, place.store_id, place.workstation_id, token, now_ms)
    did.codes.append((place.store_id, place.workstation_id, code))
