"""Members' PINs at HQ: set by the brand's channel or an operator, tried at tills, locked after five wrong ones.

Called by sync.hq.verifying inside its transactions. Kept as salt and scrypt, sealed: six digits are tried out within
hours by whoever holds a bare hash, so a stolen copy of the database has to be worth nothing without HQ's key file.
"""

import hashlib
import hmac
import json
from typing import Final, Literal

from agent.domain.errors import Refusal
from sync.hq.bounds import MEMBER_PIN_LOCK_CAP_S, MEMBER_PIN_LOCK_S, MEMBER_PIN_TRIES
from sync.hq.db.seam import Connection
from sync.hq.keys import HqKeys

SALT_BYTES: Final = 16
PIN_DIGITS: Final = 6
Tried = Literal["right", "wrong", "locked", "unset"]
_SCRYPT_N, _SCRYPT_R, _SCRYPT_P = 2**13, 8, 1  # some 25 ms of the database's owner; what protects a PIN is the seal
_GUESSED: Final = frozenset({"123123", "112233", "121212", "102030", "520520", "521521", "168168", "147258", "159753"})
_STEPS: Final = ("01234567890", "09876543210")


def put(connection: Connection, keys: HqKeys, member_id: str, pin: str, salt: bytes, now_ms: int) -> None:
    """Give a member a PIN, or another one; wrong tries are forgotten. Refusal MEMBER_PIN_WEAK (422)."""
    if is_weak(pin):
        hint = "no 111111, 123456, 654321 and what else is tried first"
        raise Refusal("MEMBER_PIN_WEAK", f"a PIN has {PIN_DIGITS} digits that are not guessed", hint=hint, field="pin")
    hold(connection, member_id)
    connection.execute(
        "INSERT INTO member_pins (member_id, pin_sealed, set_at_ms) VALUES (:id, :sealed, :now)"
        " ON CONFLICT (member_id) DO UPDATE SET pin_sealed = excluded.pin_sealed, set_at_ms = excluded.set_at_ms,"
        " failures = 0, locked_until_ms = 0",
        {"id": member_id, "sealed": _sealed(keys, member_id, pin, salt), "now": now_ms},
    )


def hold(connection: Connection, member_id: str) -> None:
    """Before it is seen whether somebody may have a PIN: nobody is erased meanwhile, and left with one."""
    connection.hold(f"member pin {member_id}")


def remove(connection: Connection, member_id: str) -> bool:
    """Take a member's PIN away; whether there was one."""
    hold(connection, member_id)
    return connection.execute("DELETE FROM member_pins WHERE member_id = :id", {"id": member_id}).rowcount == 1


def tried(connection: Connection, keys: HqKeys, member_id: str, pin: str, now_ms: int) -> Tried:
    """Try a PIN, and count it: the fifth wrong one in a row locks for a quarter of an hour, each further for longer."""
    hold(connection, member_id)  # ORDER: before it is read; guesses come side by side
    key = {"id": member_id}
    row = connection.execute(
        "SELECT pin_sealed, failures, locked_until_ms FROM member_pins WHERE member_id = :id", key
    ).fetchone()
    if row is None:
        return "unset"
    # LIMIT: a clock that was set back locks nobody out for longer than the longest wait.
    if 0 < row["locked_until_ms"] - now_ms <= MEMBER_PIN_LOCK_CAP_S * 1000:
        return "locked"
    if _matches(keys, member_id, bytes(row["pin_sealed"]), pin):
        connection.execute("UPDATE member_pins SET failures = 0, locked_until_ms = 0 WHERE member_id = :id", key)
        return "right"
    failures = row["failures"] + 1
    over = failures - MEMBER_PIN_TRIES
    wait_s = 0 if over < 0 else min(MEMBER_PIN_LOCK_CAP_S, MEMBER_PIN_LOCK_S * 2 ** min(over, 16))
    connection.execute(
        "UPDATE member_pins SET failures = :failures, locked_until_ms = :until WHERE member_id = :id",
        {**key, "failures": failures, "until": now_ms + wait_s * 1000 if wait_s else 0},
    )
    return "wrong"


def is_weak(pin: str) -> bool:
    """Whether it is no PIN, or one that is tried first.

    >>> is_weak("482913"), is_weak("111111"), is_weak("456789"), is_weak("987654"), is_weak("12345"), is_weak("123123")
    (False, True, True, True, True, True)
    """
    if len(pin) != PIN_DIGITS or not (pin.isascii() and pin.isdigit()):
        return True
    return len(set(pin)) == 1 or pin in _GUESSED or any(pin in steps for steps in _STEPS)


def _sealed(keys: HqKeys, member_id: str, pin: str, salt: bytes) -> bytes:
    text = json.dumps({"salt": salt.hex(), "scrypt": _scrypt(salt, pin).hex()})
    return keys.seal("member_pins", "pin", member_id, text.encode())


def _matches(keys: HqKeys, member_id: str, sealed: bytes, pin: str) -> bool:
    row = json.loads(keys.open("member_pins", "pin", member_id, sealed))
    return hmac.compare_digest(bytes.fromhex(row["scrypt"]), _scrypt(bytes.fromhex(row["salt"]), pin))


def _scrypt(salt: bytes, pin: str) -> bytes:
    return hashlib.scrypt(pin.encode(), salt=salt, n=_SCRYPT_N, r=_SCRYPT_R, p=_SCRYPT_P, dklen=32)
