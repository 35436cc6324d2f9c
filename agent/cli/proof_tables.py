"""The proof as a person reads it: both sides next to each other, in yuan and points. Used by `pos-agent reconcile`."""

from typing import Any

from rich.table import Table

from agent.domain.business_day import local_time
from agent.domain.money import yuan

_ROWS = 60  # differences shown; all of them stand in the discrepancies table
_TITLES = {
    "equal": "Both books are equal",
    "healed": "Both books are equal, after what was missing came from the other side",
    "explained": "Both books differ only where somebody has explained it",
    "different": "THE BOOKS DIFFER",
    "unreachable": "HQ could not be asked",
}


def proof_tables(result: dict[str, Any]) -> list[Table]:
    """The proof of each epoch; what differed, event by event; totals of both sides where they differ."""
    tables = [_proofs(result)]
    if result.get("differences"):
        tables.append(_differences(result))
    totals = _totals(result)
    return [*tables, totals] if totals.row_count else tables


def _proofs(result: dict[str, Any]) -> Table:
    table = Table(title=_TITLES[str(result["result"])], title_justify="left")
    for heading in ("epoch", "side", "events", "head of the chain", "remarks"):
        table.add_column(heading)
    for proof in result["epochs"]:
        ranges = ", ".join(f"{a}" if a == b else f"{a}-{b}" for a, b in proof["healed"])
        remarks = [f"HQ lacked {ranges}: sent again"] if ranges else []
        if proof["suspended"]:
            remarks.append(f"{proof['suspended']} suspended at HQ, waiting for a person")
        altered = ", ".join(str(seq) for seq in proof["altered_here"])
        here = [f"altered: {altered}"] if altered else []
        if proof.get("after"):
            here.append(f"sealed to {proof['after']}")
        table.add_row(proof["epoch"], "store", str(proof["count"]), proof["head"][:32], "; ".join(here))
        table.add_row("", "HQ", str(proof["hq_count"]), proof["hq_head"][:32], "; ".join(remarks))
    table.caption = f"{result['pushed']} events sent, {result['requests']} requests, {result['bytes']} bytes"
    return table


def _differences(result: dict[str, Any]) -> Table:
    table = Table(title="What differs", title_justify="left")
    for heading in ("side", "table", "epoch", "key", "sale", "store yuan", "HQ yuan", "store pts", "HQ pts", "what"):
        table.add_column(heading, justify="right" if heading.endswith(("yuan", "pts")) else "left")
    for one in result["differences"][:_ROWS]:
        store, hq = one["store"], one["hq"]
        what = "; ".join(filter(None, (one["code"], one["detail"], "healed" if one["heals"] else "")))
        table.add_row(
            one["side"], one["table"], one["epoch"], one["key"], one["sale_id"],
            yuan(store[1]) if store else "", yuan(hq[1]) if hq else "",
            str(store[2]) if store else "", str(hq[2]) if hq else "", what,
        )  # fmt: skip
    more = result["differences_in_all"] - min(_ROWS, len(result["differences"]))
    table.caption = f"and {more} more: `pos-agent differences` lists them" if more > 0 else None
    return table


def discrepancy_table(rows: list[dict[str, Any]]) -> Table:
    """Discrepancies with their numbers, for `pos-agent differences`."""
    table = Table(title="Discrepancies" if rows else "No open discrepancy", title_justify="left")
    for heading in ("no.", "since", "seen last", "where", "sale", "store yuan", "HQ yuan", "what", "explained"):
        table.add_column(heading, justify="right" if heading.endswith(("yuan", "no.")) else "left")
    for row in rows:
        where = " ".join(filter(None, (row["side"], row["place"], row["epoch"], row["key"])))
        said = f"{row['explained_by']}: {row['why']}" if row["state"] == "explained" else ""
        seen = [f"{local_time(row[at]):%Y-%m-%d %H:%M}" for at in ("first_seen_ms", "last_seen_ms")]
        sides = [yuan(row[fen]) if row[fen] is not None else "" for fen in ("store_fen", "hq_fen")]
        what = "; ".join(filter(None, (row["code"], row["detail"])))
        table.add_row(str(row["number"]), *seen, where, row["sale_id"], *sides, what, said)
    return table


def _totals(result: dict[str, Any]) -> Table:
    """Business totals of the range that differs, by business day and kind; suspended events on lines of their own."""
    table = Table(title="Totals of what is not sealed yet, where both sides differ", title_justify="left")
    for heading in ("day", "kind", "state", "events", "HQ", "yuan", "HQ", "points", "HQ"):
        table.add_column(heading, justify="left" if heading in ("day", "kind", "state") else "right")
    for proof in result["epochs"]:
        if proof["equal"]:
            continue
        here = {tuple(row[:3]): row[3:] for row in proof["totals"]}
        there = {tuple(row[:3]): row[3:] for row in proof["hq_totals"]}
        for key in sorted(here.keys() | there.keys()):
            a, b = here.get(key, [0, 0, 0]), there.get(key, [0, 0, 0])
            table.add_row(*key, str(a[0]), str(b[0]), yuan(a[1]), yuan(b[1]), str(a[2]), str(b[2]))
    return table
