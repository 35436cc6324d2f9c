"""Who may talk to HQ: brands, stores, workstations, their one-time enrolment codes and keys; dynamic member codes.

Called by sync.hq.service in the database's own thread, inside its write transactions. A code is random, stored only as
a hash, works once and expires; a workstation whose answer got lost may redeem it again with the same key.
"""

import base64
import hashlib
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from agent.domain.dynamic_code import compose, signing_bytes
from agent.domain.errors import Refusal
from agent.domain.ids import is_caller_id
from agent.limits import TEXT_CHARS
from sync.hq.bounds import ENROL_CODE_BYTES, ENROL_CODE_TTL_S
from sync.hq.db.seam import Connection
from sync.hq.keys import HqKeys
from sync.protocol import EnrolAnswer, EnrolRequest, Feed, identity_index

_BRAND_ID = re.compile(r"[A-Za-z0-9_\-]{1,32}")  # WIRE: the brand part of a dynamic member code
_NONCE_BYTES = 12


@dataclass(frozen=True, slots=True)
class Station:
    """One workstation as HQ knows it; `public_key` is None before enrolment."""

    workstation_id: str
    store_id: str
    brand_id: str
    public_key: bytes | None
    state: str


def init_brand(
    connection: Connection, keys: HqKeys, brand_id: str, name: str, join_url: str, at_ms: int, index_key: bytes
) -> None:
    """Create a brand, or update its name and, where one is given, its join address.

    The index key (32 bytes) is taken only at creation.
    """
    if _BRAND_ID.fullmatch(brand_id) is None:
        raise Refusal("BRAND_ID_INVALID", f"brand id {brand_id!r}: use 1 to 32 of A-Z a-z 0-9 _ -", field="brand_id")
    _check_text("name", name, least=1)
    _check_text("join_url", join_url)
    if join_url and not (join_url.startswith(("https://", "http://")) and urlsplit(join_url).hostname):
        hint = "such as https://join.example.com/j?s=S001"
        raise Refusal("TEXT_INVALID", "the join page is an address in the web", hint=hint, field="join_url")
    connection.execute(
        "INSERT INTO brands (brand_id, name, join_url, index_key_sealed, index_key_version, created_at_ms)"
        " VALUES (:brand_id, :name, :join_url, :sealed, 1, :at_ms)"
        " ON CONFLICT (brand_id) DO UPDATE SET name = excluded.name, join_url = CASE WHEN excluded.join_url = ''"
        " THEN brands.join_url ELSE excluded.join_url END",
        {
            "brand_id": brand_id,
            "name": name,
            "join_url": join_url,
            "sealed": keys.seal("brands", "index_key", brand_id, index_key),
            "at_ms": at_ms,
        },
    )
    connection.executemany(
        "INSERT INTO feed_counters (brand_id, feed, last_no) VALUES (:brand_id, :feed, 0) ON CONFLICT DO NOTHING",
        [{"brand_id": brand_id, "feed": feed.value} for feed in Feed],
    )


def add_store(connection: Connection, brand_id: str, store_id: str, name: str) -> None:
    """Create a store, or rename it; a store never changes its brand."""
    _check_id("store_id", store_id)
    _check_text("name", name, least=1)
    brand_row(connection, brand_id)
    row = connection.execute("SELECT brand_id FROM stores WHERE store_id = :id", {"id": store_id}).fetchone()
    if row is not None and row["brand_id"] != brand_id:
        raise Refusal("STORE_OTHER_BRAND", f"store {store_id} belongs to brand {row['brand_id']}", status=409)
    connection.execute(
        "INSERT INTO stores (store_id, brand_id, name) VALUES (:store_id, :brand_id, :name)"
        " ON CONFLICT (store_id) DO UPDATE SET name = excluded.name",
        {"store_id": store_id, "brand_id": brand_id, "name": name},
    )


def add_workstation(
    connection: Connection, store_id: str, workstation_id: str, entropy_bytes: bytes, at_ms: int
) -> str:
    """Create a workstation, or let one enrol anew, and give its enrolment code (shown once, kept as a hash).

    Until the new code is redeemed the old key stays in force. `entropy_bytes` are ENROL_CODE_BYTES random bytes.
    """
    _check_id("workstation_id", workstation_id)
    if connection.execute("SELECT 1 FROM stores WHERE store_id = :id", {"id": store_id}).fetchone() is None:
        hint = "its name creates it: pos-agent hq enrol --name"
        raise Refusal("STORE_UNKNOWN", f"there is no store {store_id}", hint=hint, field="store_id", status=404)
    known = station(connection, workstation_id)
    if known is not None and known.store_id != store_id:
        raise Refusal("WORKSTATION_OTHER_STORE", f"{workstation_id} stands in store {known.store_id}", status=409)
    assert len(entropy_bytes) == ENROL_CODE_BYTES
    text = base64.b32encode(entropy_bytes).decode().rstrip("=")
    code = "-".join(text[start : start + 4] for start in range(0, len(text), 4))
    connection.execute(
        "INSERT INTO workstations (workstation_id, store_id, state, code_hash, code_expires_at_ms)"
        " VALUES (:id, :store_id, 'new', :hash, :expires)"
        " ON CONFLICT (workstation_id) DO UPDATE SET code_hash = excluded.code_hash, code_spent = 0,"
        " code_expires_at_ms = excluded.code_expires_at_ms",
        {
            "id": workstation_id,
            "store_id": store_id,
            "hash": _code_hash(code),
            "expires": at_ms + ENROL_CODE_TTL_S * 1000,
        },
    )
    return code


def revoke_workstation(connection: Connection, workstation_id: str) -> None:
    """Refuse a workstation from now on (a stolen PC); a new code lets it enrol again."""
    changed = connection.execute(
        "UPDATE workstations SET state = 'revoked', public_key = NULL, code_hash = NULL WHERE workstation_id = :id",
        {"id": workstation_id},
    ).rowcount
    if changed == 0:
        raise Refusal("WORKSTATION_UNKNOWN", f"there is no workstation {workstation_id}", status=404)


def redeem(connection: Connection, keys: HqKeys, request: EnrolRequest, at_ms: int) -> EnrolAnswer:
    """Turn a valid code into an enrolled workstation; Refusal 403 ENROL_CODE_UNKNOWN, _EXPIRED or _SPENT."""
    connection.hold("enrolment")  # a code works once
    row = connection.execute(
        "SELECT w.workstation_id, w.public_key, w.code_spent, w.code_expires_at_ms, w.store_id, s.name AS store_name,"
        " s.brand_id FROM workstations w JOIN stores s ON s.store_id = w.store_id WHERE w.code_hash = :hash",
        {"hash": _code_hash(request.code)},
    ).fetchone()
    hint = "ask headquarters for a new enrolment code"
    if row is None:
        raise Refusal("ENROL_CODE_UNKNOWN", "this enrolment code is not known", hint=hint, status=403)
    if at_ms > row["code_expires_at_ms"]:
        raise Refusal("ENROL_CODE_EXPIRED", "this enrolment code has expired", hint=hint, status=403)
    public_key = base64.b64decode(request.public_key)
    if row["code_spent"] and row["public_key"] != public_key:
        raise Refusal("ENROL_CODE_SPENT", "this enrolment code was used with another key", hint=hint, status=403)
    connection.execute(
        "UPDATE workstations SET state = 'enrolled', public_key = :key, code_spent = 1, enrolled_at_ms = :at_ms"
        " WHERE workstation_id = :id",
        {"key": public_key, "at_ms": at_ms, "id": row["workstation_id"]},
    )
    brand = brand_row(connection, row["brand_id"])
    return EnrolAnswer(
        workstation_id=row["workstation_id"],
        store_id=row["store_id"],
        store_name=row["store_name"],
        brand_id=row["brand_id"],
        brand_name=brand["name"],
        join_url=brand["join_url"],
        hq_public_key=base64.b64encode(keys.public_key).decode(),
        index_key=base64.b64encode(index_key(connection, keys, row["brand_id"])).decode(),
        index_key_version=brand["index_key_version"],
    )


def station(connection: Connection, workstation_id: str) -> Station | None:
    """Look a workstation up with its store and brand."""
    row = connection.execute(
        "SELECT w.workstation_id, w.store_id, s.brand_id, w.public_key, w.state"
        " FROM workstations w JOIN stores s ON s.store_id = w.store_id WHERE w.workstation_id = :id",
        {"id": workstation_id},
    ).fetchone()
    return None if row is None else Station(*row)


def brand_row(connection: Connection, brand_id: str) -> dict[str, Any]:
    """Give a brand's row; Refusal 404 BRAND_UNKNOWN."""
    row = connection.execute("SELECT * FROM brands WHERE brand_id = :id", {"id": brand_id}).fetchone()
    if row is None:
        raise Refusal("BRAND_UNKNOWN", f"there is no brand {brand_id}", field="brand_id", status=404)
    return dict(row)


def index_key(connection: Connection, keys: HqKeys, brand_id: str) -> bytes:
    """Open the brand's index key (32 bytes)."""
    sealed = brand_row(connection, brand_id)["index_key_sealed"]
    assert isinstance(sealed, bytes)
    return keys.open("brands", "index_key", brand_id, sealed)


def issue_dynamic_code(
    connection: Connection, keys: HqKeys, brand_id: str, member_number: str, at_ms: int, nonce: bytes
) -> str:
    """Write and sign a dynamic member code as a mini-program shows it; Refusal 404 MEMBER_UNKNOWN.

    `nonce` are 12 random bytes; the code counts from `at_ms`, UTC milliseconds.
    """
    index = identity_index(index_key(connection, keys, brand_id), "code", member_number)
    known = connection.execute(
        "SELECT 1 FROM identities WHERE brand_id = :brand_id AND identity_index = :index AND deleted = 0",
        {"brand_id": brand_id, "index": index},
    ).fetchone()
    if known is None:
        raise Refusal("MEMBER_UNKNOWN", "no member of this brand has this number", status=404)
    assert len(nonce) == _NONCE_BYTES
    text = base64.urlsafe_b64encode(nonce).decode()
    signature = keys.sign(signing_bytes(brand_id, member_number, at_ms // 1000, text))
    return compose(brand_id, member_number, at_ms // 1000, text, signature)


def _code_hash(code: str) -> bytes:
    """Hash a code as typed: case, spaces and dashes do not matter."""
    return hashlib.sha256(code.upper().replace("-", "").replace(" ", "").encode()).digest()


def _check_id(field: str, text: str) -> None:
    if not is_caller_id(text):
        raise Refusal("ID_INVALID", f"{field} {text!r}: use 1 to 64 of A-Z a-z 0-9 . _ : -", field=field)


def _check_text(field: str, text: str, least: int = 0) -> None:
    if not least <= len(text) <= TEXT_CHARS:
        raise Refusal("TEXT_INVALID", f"{field} needs {least} to {TEXT_CHARS} characters", field=field)
