"""How every store stands: one row per store, reckoned anew in small steps while somebody looks, read by one index.

Called by sync.hq.console.desk and sync.hq.stores_admin. Trouble is a number that sorts: its level first (3 the books
disagree, 2 a person is needed, 1 late, 0 well), then how many things there are. Rows that did not change are not
written.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from sync.hq.bounds import CONSOLE_CELLS, CONSOLE_LATE_S, CONSOLE_SILENT_S, CONSOLE_STEP_STORES
from sync.hq.db.seam import Connection, among
from sync.hq.wechat_checks import NOT_EXPLAINED

ALARM, PERSON, LATE, WELL = 3, 2, 1, 0
_LEVEL: Final = 1_000_000
_TOP: Final = (ALARM + 1) * _LEVEL


@dataclass(slots=True)
class Standing:
    """One store. Counts are of its workstations together; `risk_*` what they could spend of leases."""

    store_id: str
    brand_id: str
    store_name: str
    stations: int = 0
    level: int = WELL
    trouble: int = 0
    proof_ms: int = 0
    """The oldest of its workstations' last proofs; 0 where one was never proven."""
    proof: str = "equal"
    silent: int = 0
    """Workstations in use without a proof for CONSOLE_SILENT_S."""
    waiting: int = 0
    """Events behind a gap: HQ waits for those before them."""
    suspended: int = 0
    forks: int = 0
    discrepancies: int = 0
    differences: int = 0
    leases: int = 0
    stranded: int = 0
    """Leases of workstations that are silent or withdrawn."""
    risk_fen: int = 0
    risk_points: int = 0

    def weigh(self, now_ms: int) -> None:
        """Set level and trouble from the counts."""
        serious = self.forks + self.discrepancies + (self.proof == "different")
        needed = self.suspended + self.differences + self.silent + self.stranded
        late = self.proof == "none" or (self.proof_ms and now_ms - self.proof_ms > CONSOLE_LATE_S * 1000)
        self.level = (
            ALARM if serious else PERSON if needed else LATE if self.stations and (late or self.waiting) else WELL
        )
        count = serious * 1000 + needed + min(self.waiting, 999)
        self.trouble = 0 if self.level == WELL else self.level * _LEVEL + min(count, _LEVEL - 1)


# --- reckoning ------------------------------------------------------------------------------------------------------
def step(connection: Connection, after: str, now_ms: int) -> str | None:
    """Reckon the next few stores behind `after`; where to go on, None when none is left. In a write transaction."""
    rows = connection.execute(
        "SELECT store_id FROM stores WHERE store_id > :after ORDER BY store_id LIMIT :limit",
        {"after": after, "limit": CONSOLE_STEP_STORES},
    ).fetchall()
    if not rows:
        return None
    refresh(connection, [row["store_id"] for row in rows], now_ms)
    return str(rows[-1]["store_id"]) if len(rows) == CONSOLE_STEP_STORES else None


def refresh(connection: Connection, store_ids: Sequence[str], now_ms: int) -> None:
    """Reckon these stores and write what changed; in a write transaction."""
    places, key = among("id", store_ids)
    found = _reckon(connection, places, key, now_ms)
    held = {
        row["store_id"]: dict(row)
        for row in connection.execute(f"SELECT * FROM store_standings WHERE store_id IN ({places})", key).fetchall()
    }
    changed = [asdict(one) for one in found if held.get(one.store_id) != asdict(one)]
    names = list(changed[0]) if changed else []
    connection.executemany(
        f"INSERT INTO store_standings ({', '.join(names)}) VALUES ({', '.join(':' + name for name in names)})"
        f" ON CONFLICT (store_id) DO UPDATE SET {', '.join(f'{n} = excluded.{n}' for n in names[1:])}",
        changed,
    ) if changed else None


def _reckon(connection: Connection, places: str, key: dict[str, Any], now_ms: int) -> list[Standing]:
    stores = {
        row["store_id"]: Standing(row["store_id"], row["brand_id"], row["name"])
        for row in connection.execute(f"SELECT * FROM stores WHERE store_id IN ({places})", key).fetchall()
    }
    station_of, idle = _stations(connection, places, key, stores, now_ms)
    if station_of:
        _count(connection, station_of, stores, idle)
    for one in stores.values():
        one.weigh(now_ms)
    return list(stores.values())


def _stations(
    connection: Connection, places: str, key: dict[str, Any], stores: dict[str, Standing], now_ms: int
) -> tuple[dict[str, str], set[str]]:
    """Proofs of the workstations: their stores by id, and those that are silent or withdrawn."""
    rows = connection.execute(
        "SELECT w.workstation_id, w.store_id, w.state, w.enrolled_at_ms, COALESCE(p.at_ms, 0) AS at_ms,"
        " COALESCE(MIN(p.equal), 1) AS equal"
        " FROM workstations w LEFT JOIN proofs p ON p.workstation_id = w.workstation_id AND p.at_ms ="
        " (SELECT MAX(x.at_ms) FROM proofs x WHERE x.workstation_id = w.workstation_id)"
        f" WHERE w.store_id IN ({places})"
        " GROUP BY w.workstation_id, w.store_id, w.state, w.enrolled_at_ms, p.at_ms",
        key,
    ).fetchall()
    station_of, idle = {}, set()
    for row in rows:
        who, one = row["workstation_id"], stores[row["store_id"]]
        station_of[who] = row["store_id"]
        if row["state"] != "enrolled":
            idle.add(who)
            continue
        first = one.stations == 0
        one.stations += 1
        one.proof_ms = row["at_ms"] if first else min(one.proof_ms, row["at_ms"])
        if not row["equal"]:
            one.proof = "different"
        elif not row["at_ms"] and one.proof == "equal":
            one.proof = "none"
        since = row["at_ms"] or row["enrolled_at_ms"] or now_ms
        if now_ms - since > CONSOLE_SILENT_S * 1000:
            one.silent += 1
            idle.add(who)
    return station_of, idle


_COUNTS: Final = {
    "waiting": "SELECT c.workstation_id, SUM(COALESCE((SELECT MAX(e.seq) FROM events e WHERE"
    " e.workstation_id = c.workstation_id AND e.epoch = c.epoch), 0) - c.watermark) AS n FROM chains c"
    " WHERE c.workstation_id IN ({places}) GROUP BY c.workstation_id",
    "suspended": "SELECT e.workstation_id, COUNT(*) AS n FROM events e LEFT JOIN decisions d"
    " ON d.workstation_id = e.workstation_id AND d.what = 'suspended' AND d.epoch = e.epoch"
    " AND d.key = CAST(e.seq AS TEXT) WHERE e.state = 'suspended' AND e.workstation_id IN ({places})"
    " AND d.key IS NULL GROUP BY e.workstation_id",
    "forks": "SELECT c.workstation_id, COUNT(*) AS n FROM conflicts c LEFT JOIN decisions d"
    " ON d.workstation_id = c.workstation_id AND d.what = 'fork' AND d.epoch = c.epoch"
    " AND d.key = CAST(c.seq AS TEXT) WHERE c.workstation_id IN ({places}) AND d.key IS NULL"
    " GROUP BY c.workstation_id",
    "discrepancies": "SELECT workstation_id, SUM(n) AS n FROM (SELECT workstation_id, COUNT(*) AS n FROM discrepancies"
    " WHERE state = 'open' AND workstation_id IN ({places}) GROUP BY workstation_id UNION ALL"
    " SELECT d.workstation_id, COUNT(*) AS n FROM wechat_differences d WHERE d.state = 'open'"
    f" AND d.workstation_id IN ({{places}}) AND {NOT_EXPLAINED} AND NOT EXISTS (SELECT 1 FROM discrepancies y"
    " WHERE y.workstation_id = d.workstation_id AND y.place = 'wechat' AND y.key = d.transaction_id"
    " AND y.code = d.code) GROUP BY d.workstation_id) AS found GROUP BY workstation_id",
    "differences": "SELECT r.workstation_id, COUNT(*) AS n FROM recomputations r LEFT JOIN decisions d"
    " ON d.workstation_id = r.workstation_id AND d.what = 'difference' AND d.epoch = r.epoch"
    " AND d.key = CAST(r.seq AS TEXT) || ' ' || r.code AND d.covers = r.detail"
    " WHERE r.workstation_id IN ({places}) AND d.key IS NULL GROUP BY r.workstation_id",
}
_LEASES: Final = (
    "SELECT workstation_id, account, COUNT(*) AS n, SUM(CASE WHEN settled < 0 THEN amount WHEN settled < amount"
    " THEN amount - settled ELSE 0 END) AS amount FROM leases WHERE state = 'open' AND workstation_id IN ({places})"
    " GROUP BY workstation_id, account"
)


def _count(connection: Connection, station_of: dict[str, str], stores: dict[str, Standing], idle: set[str]) -> None:
    places, key = among("w", sorted(station_of))
    for name, sql in _COUNTS.items():
        for row in connection.execute(sql.format(places=places), key):
            one = stores[station_of[row["workstation_id"]]]
            setattr(one, name, getattr(one, name) + max(0, int(row["n"])))
    for row in connection.execute(_LEASES.format(places=places), key):
        one = stores[station_of[row["workstation_id"]]]
        one.leases += row["n"]
        one.stranded += row["n"] if row["workstation_id"] in idle else 0
        if row["account"].startswith("sv_"):
            one.risk_fen += int(row["amount"])
        elif row["account"] == "points":
            one.risk_points += int(row["amount"])


# --- looking --------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Look:
    """What of the stores is asked for: of a brand ("" all), by part of id or name, from a level up, behind a place."""

    brand_id: str = ""
    find: str = ""
    least: int = WELL
    trouble: int = _TOP
    store_id: str = ""


def page(connection: Connection, look: Look) -> list[dict[str, Any]]:
    """One page of stores, most trouble first; one statement on one index."""
    wanted = ["(trouble < :trouble OR (trouble = :trouble AND store_id > :store_id))", "trouble <= :trouble"]
    wanted += ["brand_id = :brand"] if look.brand_id else []
    wanted += ["trouble >= :least"] if look.least else []
    wanted += (
        ["(lower(store_id) LIKE :find ESCAPE '!' OR lower(store_name) LIKE :find ESCAPE '!')"] if look.find else []
    )
    rows = connection.execute(
        f"SELECT * FROM store_standings WHERE {' AND '.join(wanted)} ORDER BY trouble DESC, store_id LIMIT :limit",
        {
            "trouble": look.trouble,
            "store_id": look.store_id,
            "brand": look.brand_id,
            "least": look.least * _LEVEL,
            "find": f"%{_plain(look.find.lower())}%",
            "limit": CONSOLE_CELLS,
        },
    )
    return [dict(row) for row in rows.fetchall()]


def _plain(text: str) -> str:
    """Letters of LIKE as themselves.

    >>> _plain("50%_!")
    '50!%!_!!'
    """
    return text.replace("!", "!!").replace("%", "!%").replace("_", "!_")


def levels(connection: Connection) -> list[dict[str, Any]]:
    """How many stores of each brand stand at each level."""
    rows = connection.execute(
        "SELECT b.brand_id, b.name, s.level, s.n FROM brands b LEFT JOIN (SELECT brand_id, level, COUNT(*) AS n"
        " FROM store_standings GROUP BY brand_id, level) s ON s.brand_id = b.brand_id ORDER BY b.brand_id, s.level"
    )
    brands: dict[str, dict[str, Any]] = {}
    for row in rows.fetchall():
        brand = brands.setdefault(
            row["brand_id"], {"brand_id": row["brand_id"], "name": row["name"], "levels": [0] * 4}
        )
        if row["level"] is not None:
            brand["levels"][row["level"]] = int(row["n"])
    return list(brands.values())
