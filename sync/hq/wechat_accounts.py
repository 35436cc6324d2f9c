"""WeChat merchants at HQ: numbers in the clear, keys sealed; whose signatures are trusted; what ails an account.

Called by sync.hq.wechat_office and sync.hq.wechat_desk inside their transactions. Keys are opened here and nowhere
else, in HQ's process only; they come back in no answer, repr, log or error.
"""

import json
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from agent.domain.errors import Refusal
from sync.hq.db.seam import Connection, Row
from sync.hq.keys import HqKeys
from sync.wechat.account import Account, V2Keys, V3Keys, api_v3_key, base_url, private_key, public_key
from sync.wechat.fields import ID


@dataclass(frozen=True, slots=True)
class Entry:
    """What an operator enters. Empty keys of an account that is known stay as they are."""

    mch_id: str
    appid: str
    is_partner: bool
    base_url: str
    v2_key: str = field(default="", repr=False)
    hmac: bool = False
    """v2 signs with HMAC-SHA256 instead of MD5."""
    v3_key: str = field(default="", repr=False)
    serial: str = ""
    private_key: str = field(default="", repr=False)
    """PEM."""


@dataclass(frozen=True, slots=True)
class Shown:
    """An account as operators see it: no key, only which there are."""

    mch_id: str
    appid: str
    is_partner: bool
    base_url: str
    has_v2: bool
    has_v3: bool
    trusted: tuple[str, ...]
    trouble: str
    """The last refusal that a person must act on, WeChat's own word; empty after a call that went well."""
    trouble_at_ms: int
    rests_until_ms: int
    """Until when nothing is asked in its name; in the past where it does not rest."""


# --- writing --------------------------------------------------------------------------------------------------------
def put(connection: Connection, keys: HqKeys, entry: Entry, at_ms: int) -> None:
    """Enter a merchant or its new keys. Refusal WECHAT_ID_INVALID, WECHAT_KEY_INVALID, WECHAT_URL_INVALID."""
    for name, value in (("mch_id", entry.mch_id), ("appid", entry.appid)):
        if not ID.fullmatch(value):
            raise _id_refused(name)
    secrets = _merged(connection, keys, entry)
    connection.execute(
        "INSERT INTO wechat_accounts (mch_id, appid, is_partner, base_url, secrets_sealed, revision, changed_at_ms)"
        " VALUES (:mch_id, :appid, :is_partner, :base_url, :sealed, 1, :at_ms)"
        " ON CONFLICT (mch_id) DO UPDATE SET appid = excluded.appid, is_partner = excluded.is_partner,"
        " base_url = excluded.base_url, secrets_sealed = excluded.secrets_sealed,"
        " revision = wechat_accounts.revision + 1, changed_at_ms = excluded.changed_at_ms, trouble = '',"
        " quiet_until_ms = 0",
        {
            "mch_id": entry.mch_id, "appid": entry.appid, "is_partner": int(entry.is_partner),
            "base_url": base_url(entry.base_url), "at_ms": at_ms,
            "sealed": keys.seal("wechat_accounts", "secrets", entry.mch_id, json.dumps(secrets).encode()),
        },
    )  # fmt: skip


def _merged(connection: Connection, keys: HqKeys, entry: Entry) -> dict[str, str]:
    """New keys over those that are held; each is read once here, so that a wrong one is refused and not stored."""
    row = _row(connection, entry.mch_id)
    secrets = {} if row is None else _secrets(keys, row)
    if entry.v2_key:
        if len(entry.v2_key) != 32 or not entry.v2_key.isalnum():
            what = "the v2 API key has 32 letters and digits"
            raise Refusal("WECHAT_KEY_INVALID", what, hint="set it anew on the merchant platform", field="v2_key")
        secrets |= {"v2": entry.v2_key, "sign_type": "HMAC-SHA256" if entry.hmac else "MD5"}
    given = [one for one in (entry.v3_key, entry.serial, entry.private_key) if one]
    if given and len(given) < 3:
        what = "v3 needs the APIv3 key, the certificate's serial and the private key together"
        raise Refusal("WECHAT_KEY_INVALID", what, hint="give --v3-key-file, --serial and --private-key", field="v3_key")
    if given:
        api_v3_key(entry.v3_key)
        private_key(entry.private_key.encode())
        if not entry.serial.isalnum() or len(entry.serial) > 64:
            raise _id_refused("serial")
        secrets |= {"v3": entry.v3_key, "serial": entry.serial, "private_key": entry.private_key}
    if not secrets:
        raise Refusal("WECHAT_KEY_INVALID", "an account needs the keys of v2 or v3", hint="give --v2-key-file at least")
    return secrets


def trust(connection: Connection, mch_id: str, serial: str, pem: str, at_ms: int) -> None:
    """Trust a public key (PUB_KEY_ID_...) or platform certificate of WeChat's. Refusal WECHAT_KEY_INVALID, 404."""
    _known(connection, mch_id)
    public_key(pem.encode())
    if not serial.replace("_", "").isalnum() or not 1 <= len(serial) <= 64:
        raise _id_refused("serial")
    connection.execute(
        "INSERT INTO wechat_trusted (mch_id, serial, pem, at_ms) VALUES (:mch_id, :serial, :pem, :at_ms)"
        " ON CONFLICT (mch_id, serial) DO UPDATE SET pem = excluded.pem, at_ms = excluded.at_ms",
        {"mch_id": mch_id, "serial": serial, "pem": pem, "at_ms": at_ms},
    )
    _revise(connection, mch_id)


def set_sub_appid(connection: Connection, mch_id: str, sub_mch_id: str, sub_appid: str) -> None:
    """Name the appid in calls for a sub-merchant that has bound several. Refusal WECHAT_ID_INVALID, 404."""
    _known(connection, mch_id)
    for name, value in (("sub_mch_id", sub_mch_id), ("sub_appid", sub_appid)):
        if not ID.fullmatch(value):
            raise _id_refused(name)
    connection.execute(
        "INSERT INTO wechat_sub_appids (mch_id, sub_mch_id, sub_appid) VALUES (:mch_id, :sub_mch_id, :sub_appid)"
        " ON CONFLICT (mch_id, sub_mch_id) DO UPDATE SET sub_appid = excluded.sub_appid",
        {"mch_id": mch_id, "sub_mch_id": sub_mch_id, "sub_appid": sub_appid},
    )
    _revise(connection, mch_id)


def note(connection: Connection, mch_id: str, trouble: str, at_ms: int, quiet_until_ms: int) -> None:
    """Keep what ails an account, for a person; "" where a call went well. Quiet accounts are asked nothing."""
    connection.execute(
        "UPDATE wechat_accounts SET trouble = :trouble, trouble_at_ms = :at_ms, quiet_until_ms = :quiet"
        " WHERE mch_id = :mch_id AND (trouble <> :trouble OR :trouble <> '')",
        {"mch_id": mch_id, "trouble": trouble[:64], "at_ms": at_ms, "quiet": quiet_until_ms},
    )


def _revise(connection: Connection, mch_id: str) -> None:
    connection.execute("UPDATE wechat_accounts SET revision = revision + 1 WHERE mch_id = :id", {"id": mch_id})


# --- reading --------------------------------------------------------------------------------------------------------
def revision(connection: Connection, mch_id: str) -> int:
    """Which state of an account this is; 0 where there is none."""
    row = _row(connection, mch_id)
    return 0 if row is None else int(row["revision"])


def opened(connection: Connection, keys: HqKeys, mch_id: str) -> Account:
    """An account with its keys. Refusal WECHAT_ACCOUNT_UNKNOWN (404); StorageError when it is sealed otherwise."""
    row = _known(connection, mch_id)
    secrets = _secrets(keys, row)
    v2 = None
    if "v2" in secrets:
        v2 = V2Keys(secrets["v2"], "HMAC-SHA256" if secrets["sign_type"] == "HMAC-SHA256" else "MD5")
    v3 = None
    if "v3" in secrets:
        pem = secrets["private_key"].encode()
        v3 = V3Keys(secrets["serial"], private_key(pem), api_v3_key(secrets["v3"]), _trusted(connection, mch_id))
    subs = connection.execute(
        "SELECT sub_mch_id, sub_appid FROM wechat_sub_appids WHERE mch_id = :id", {"id": mch_id}
    ).fetchall()
    sub_appids = {sub["sub_mch_id"]: sub["sub_appid"] for sub in subs}
    return Account(row["mch_id"], row["appid"], bool(row["is_partner"]), row["base_url"], v2, v3, sub_appids)


def _trusted(connection: Connection, mch_id: str) -> dict[str, RSAPublicKey]:
    rows = connection.execute(
        "SELECT serial, pem FROM wechat_trusted WHERE mch_id = :id ORDER BY serial", {"id": mch_id}
    ).fetchall()
    return {row["serial"]: public_key(row["pem"].encode()) for row in rows}


def shown(connection: Connection, keys: HqKeys) -> list[Shown]:
    """All accounts, for operators."""
    found = []
    for row in connection.execute("SELECT * FROM wechat_accounts ORDER BY mch_id").fetchall():
        secrets = _secrets(keys, row)
        trusted = connection.execute(
            "SELECT serial FROM wechat_trusted WHERE mch_id = :id ORDER BY serial", {"id": row["mch_id"]}
        ).fetchall()
        found.append(
            Shown(
                row["mch_id"], row["appid"], bool(row["is_partner"]), row["base_url"], "v2" in secrets,
                "v3" in secrets, tuple(one["serial"] for one in trusted), row["trouble"], row["trouble_at_ms"],
                row["quiet_until_ms"],
            )
        )  # fmt: skip
    return found


def awake(connection: Connection, now_ms: int) -> list[str]:
    """Accounts that may be asked now."""
    rows = connection.execute(
        "SELECT mch_id FROM wechat_accounts WHERE quiet_until_ms <= :now ORDER BY mch_id", {"now": now_ms}
    ).fetchall()
    return [row["mch_id"] for row in rows]


def _row(connection: Connection, mch_id: str) -> Row | None:
    row: Row | None = connection.execute("SELECT * FROM wechat_accounts WHERE mch_id = :id", {"id": mch_id}).fetchone()
    return row


def _known(connection: Connection, mch_id: str) -> Row:
    row = _row(connection, mch_id)
    if row is None:
        what = f"HQ has no keys of merchant {mch_id[:32]}"
        raise Refusal("WECHAT_ACCOUNT_UNKNOWN", what, hint="`pos-agent hq wechat add`", field="mch_id", status=404)
    return row


def _secrets(keys: HqKeys, row: Row) -> dict[str, str]:
    read: dict[str, str] = json.loads(
        keys.open("wechat_accounts", "secrets", row["mch_id"], bytes(row["secrets_sealed"]))
    )
    return read


def _id_refused(name: str) -> Refusal:
    return Refusal("WECHAT_ID_INVALID", f"{name} does not have WeChat's form", hint="copy it unchanged", field=name)
