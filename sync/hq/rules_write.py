"""Publishing rule sets: what the till can honour, what HQ does not allow besides, and what a person should look at.

Called by sync.hq.service inside its transactions. A published version is never edited.
"""

from collections.abc import Iterator
from typing import Final

from agent.domain.digest import Json, canonical
from agent.domain.errors import InvariantViolation, Refusal
from agent.domain.lease import is_keepable
from agent.domain.play_rule import lottery_rules
from agent.domain.rules import RuleFaults, rule_set
from sync.hq.batch_write import average_ticket, newest, threshold_warning
from sync.hq.db.seam import Connection
from sync.hq.feeds import hold_brand, reserve
from sync.protocol import Feed


def refusals(body: dict[str, Json]) -> list[str]:
    """Name what HQ refuses although a till could honour it: stored value of small merchants (S38).

    >>> refusals({"merchant_kind": "micro", "stored_value": True})
    ['stored_value: small merchants (merchant_kind micro) may not open stored value (S38)']
    """
    kind = body.get("merchant_kind", "ordinary")
    if kind not in ("ordinary", "micro"):
        return ["merchant_kind: use ordinary or micro"]
    if kind == "micro" and body.get("stored_value", False) is not False:
        return ["stored_value: small merchants (merchant_kind micro) may not open stored value (S38)"]
    return []


def faults(body: dict[str, Json]) -> list[str]:
    """Name everything that keeps a rule set from being published: the till's faults, then HQ's own.

    >>> faults({"version": 1, "tiers": [], "merchant_kind": "small"})
    ['tiers must list 1 to 10 tiers (S14)', 'merchant_kind: use ordinary or micro']
    """
    found: list[str] = []
    try:
        found += [] if rule_set(body).version >= 1 else [_VERSION]
    except ValueError as error:
        found += error.faults if isinstance(error, RuleFaults) else [str(error)]
    found += refusals(body)
    if not all(is_keepable(text) for text in _texts(body)):
        found.append("a text may hold neither NUL nor U+001A")
    try:
        canonical(body)
    except InvariantViolation as error:
        found.append(str(error))
    return found


_VERSION: Final = "version must be 1 or more"


def _texts(value: Json) -> Iterator[str]:
    """Every text of a rule set, names of fields too."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, one in value.items():
            yield name
            yield from _texts(one)
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one)


def lint(connection: Connection, brand_id: str, body: dict[str, Json]) -> list[str]:
    """Warn of promotions whose threshold is not 1.2 to 1.5 of the average ticket (S42), of prizes that nobody can win
    (S29), and of an agreement of a brand with itself (S13).
    """
    ticket = average_ticket(connection, brand_id)
    promos = body.get("promos")
    found = []
    for place, promo in enumerate(promos if isinstance(promos, list) else []):
        if isinstance(promo, dict) and promo.get("type") == "amount_off":
            warning = threshold_warning(promo.get("min_fen"), ticket)
            found += [f"promos.{place}.min_fen: {warning}"] if warning else []
    found += _prizes_of_nobody(connection, brand_id, body)
    joint = body.get("joint")
    if isinstance(joint, dict) and brand_id in joint:
        found.append(f"joint.{brand_id}: a brand lends itself nothing")
    return found


def _prizes_of_nobody(connection: Connection, brand_id: str, body: dict[str, Json]) -> Iterator[str]:
    """Prizes that are coupons of no batch: whoever draws one has paid for nothing."""
    for place, lottery in enumerate(lottery_rules(body.get("lotteries"), [])):
        for number, prize in enumerate(lottery.prizes):
            if prize.batch_id and newest(connection, brand_id, prize.batch_id) is None:
                where = f"lotteries.{place}.prizes.{number}.batch_id"
                yield f"{where}: there is no batch {prize.batch_id}, so this prize is always gone"


def publish(connection: Connection, brand_id: str, body: dict[str, Json], at_ms: int) -> bool:
    """Add a rule set; True when it is new, False when this very version is there already.

    Refusal RULES_INVALID naming every fault, the till's and HQ's own; RULES_CHANGED when the version exists with
    another content or is older than the newest: versions are immutable and only go up.
    """
    found = faults(body)
    if found:
        raise Refusal("RULES_INVALID", "; ".join(found), field="version" if found == [_VERSION] else None)
    version, text = rule_set(body).version, canonical(body).decode()
    hold_brand(connection, brand_id)
    held = connection.execute(
        "SELECT version, body FROM rule_sets WHERE brand_id = :brand_id AND version >= :version ORDER BY version",
        {"brand_id": brand_id, "version": version},
    ).fetchall()
    if held and (held[0]["version"], held[0]["body"]) == (version, text):
        return False
    if held:
        hint = f"give it version {held[-1]['version'] + 1}"
        raise Refusal("RULES_CHANGED", f"rules version {version} was published before", hint=hint, status=409)
    connection.execute(
        "INSERT INTO rule_sets (brand_id, version, body, created_at_ms, feed_no)"
        " VALUES (:brand_id, :version, :body, :at_ms, :feed_no)",
        {
            "brand_id": brand_id,
            "version": version,
            "body": text,
            "at_ms": at_ms,
            "feed_no": reserve(connection, brand_id, Feed.RULES, 1),
        },
    )
    return True
