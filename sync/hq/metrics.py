"""Figures of S66 by name: pages of the views of sync.hq.db.views, for `pos-agent hq export`.

Called by sync.hq.members_office. Every page is one bounded statement, so that an export of millions holds up no till.
"""

from dataclasses import dataclass
from typing import Any, Final

from agent.domain.care_rule import SLEEPS_DAYS
from agent.domain.errors import Refusal
from sync.hq.bounds import REPORT_PAGE_ROWS
from sync.hq.db.seam import Connection

_MONTHS: Final = "brand_id = :brand AND month BETWEEN substr(:first, 1, 7) AND substr(:last, 1, 7) AND month > :after"


@dataclass(frozen=True, slots=True)
class Metric:
    """One figure: its columns, the statement of a page behind `:after`, and the column that leads its rows."""

    columns: tuple[str, ...]
    sql: str
    key: str


def _monthly(view: str, *columns: str) -> Metric:
    names = ("month", *columns)
    sql = f"SELECT {', '.join(names)} FROM {view} WHERE {_MONTHS} ORDER BY month LIMIT :limit"
    return Metric(names, sql, "month")


def _dormant(days: int, until: str) -> Metric:
    columns = ("member_id", "last_day", "tier_id")
    sql = (
        "SELECT member_id, last_day, tier_id FROM members WHERE brand_id = :brand AND status = 'active'"
        f" AND last_day <> '' AND last_day <= :since_{days} AND last_day > {until} AND member_id > :after"
        " ORDER BY member_id LIMIT :limit"
    )
    return Metric(columns, sql, "member_id")


_CYCLE: Final = ("batch_id", "first_day", "last_day", "used", "within_48h", "within_72h", "within_120h")

METRICS: Final[dict[str, Metric]] = {
    "joins": _monthly("metric_joins", "offered", "joined", "rate_bp"),
    "active": _monthly("metric_active", "members", "active", "rate_bp"),
    "tickets": _monthly(
        "metric_tickets", "sales", "paid_fen", "ticket_fen", "member_sales", "member_paid_fen", "member_ticket_fen"
    ),
    "arpu": _monthly("metric_arpu", "buyers", "spend_fen", "arpu_fen"),
    "exchange": _monthly("metric_exchange", "earned", "redeemed", "rate_bp"),
    "gifts": _monthly("metric_gifts", "virtual_gifts", "physical_gifts", "points", "virtual_bp"),
    "coupons": Metric(
        ("batch_id", "first_day", "last_day", "issued", "used", "withdrawn", "rate_bp"),
        "SELECT batch_id, first_day, last_day, issued, used, withdrawn, rate_bp FROM metric_coupons"
        " WHERE brand_id = :brand AND first_day <= :last AND last_day >= :first AND batch_id > :after"
        " ORDER BY batch_id LIMIT :limit",
        "batch_id",
    ),
    "cycle": Metric(
        (*_CYCLE, "rate_48h_bp", "rate_72h_bp", "rate_120h_bp"),
        f"SELECT {', '.join(_CYCLE)}, rate_48h_bp, rate_72h_bp, rate_120h_bp FROM metric_cycle"
        " WHERE brand_id = :brand AND first_day <= :last AND last_day >= :first AND batch_id > :after"
        " ORDER BY batch_id LIMIT :limit",
        "batch_id",
    ),
    "rfm": Metric(
        ("member_id", "last_day", "visits", "spend_fen"),
        "SELECT member_id, MAX(last_day) AS last_day, CAST(SUM(visits) AS bigint) AS visits,"
        " CAST(SUM(spend_fen) AS bigint) AS spend_fen FROM metric_rfm WHERE brand_id = :brand AND member_id IN"
        " (SELECT member_id FROM members WHERE brand_id = :brand AND member_id > :after AND last_day <> ''"
        "  ORDER BY member_id LIMIT :limit)"
        " AND month BETWEEN substr(:first, 1, 7) AND substr(:last, 1, 7) GROUP BY member_id ORDER BY member_id",
        "member_id",
    ),
    "tiers": Metric(
        ("member_id", "period", "business_day", "from_tier", "to_tier", "reason", "inputs"),
        "SELECT member_id || ' ' || period AS place, member_id, period, business_day, from_tier, to_tier, reason,"
        " inputs FROM tier_changes WHERE brand_id = :brand AND business_day BETWEEN :first AND :last"
        " AND member_id || ' ' || period > :after ORDER BY place LIMIT :limit",
        "place",
    ),
    **{
        f"dormant{days}": _dormant(days, f":since_{SLEEPS_DAYS[place + 1]}" if place + 1 < len(SLEEPS_DAYS) else "''")
        for place, days in enumerate(SLEEPS_DAYS)
    },
}
"""By the name that an export asks for."""


def page(
    connection: Connection, metric: str, brand_id: str, first: str, last: str, after: str, since: dict[int, str]
) -> tuple[list[list[Any]], str]:  # fmt: skip
    """Rows of a figure behind a place, and the place to ask from next ("" at the end). `since`: days ago -> day.

    Refusal 404 METRIC_UNKNOWN.
    """
    chosen = METRICS.get(metric)
    if chosen is None:
        raise Refusal("METRIC_UNKNOWN", f"a figure is one of {', '.join(METRICS)}", field="metric", status=404)
    key: dict[str, Any] = {
        "brand": brand_id, "first": first, "last": last, "after": after, "limit": REPORT_PAGE_ROWS,
        **{f"since_{days}": day for days, day in since.items()},
    }  # fmt: skip
    rows = connection.execute(chosen.sql, key).fetchall()
    found = [[row[name] for name in chosen.columns] for row in rows]
    if metric == "rfm":
        return found, _last_looked(connection, brand_id, after)
    return found, str(rows[-1][chosen.key]) if len(rows) == REPORT_PAGE_ROWS else ""


def _last_looked(connection: Connection, brand_id: str, after: str) -> str:
    """The last buyer of a page: not all of them bought in the months asked for."""
    row = connection.execute(
        "SELECT MAX(member_id) AS last, COUNT(*) AS n FROM (SELECT member_id FROM members WHERE brand_id = :brand"
        " AND member_id > :after AND last_day <> '' ORDER BY member_id LIMIT :limit) AS looked",
        {"brand": brand_id, "after": after, "limit": REPORT_PAGE_ROWS},
    ).fetchone()
    return str(row["last"]) if row["n"] == REPORT_PAGE_ROWS else ""
