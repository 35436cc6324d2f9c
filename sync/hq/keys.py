"""All secrets of HQ: its signing key, its data key, and what is sealed, indexed or signed with them.

The two keys live in a file of mode 0600 beside the database, never inside it: a stolen copy of the database names
nobody. Used by the other modules of sync.hq; no other module sees a key.
"""

import base64
import hmac
import json
import os
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from agent.domain.errors import StorageError
from agent.ports import Entropy

_INDEX_BYTES = 16
_SUITE_AES_256_GCM = b"\x01"
_NONCE_BYTES = 12


def verify(public_key: bytes, signature: bytes, message: bytes) -> bool:
    """Check an Ed25519 signature; False for anything that is not a valid one."""
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


@dataclass(frozen=True, slots=True)
class HqKeys:
    """HQ's keys in memory; neither shows in repr."""

    signing: Ed25519PrivateKey = field(repr=False)
    data_key: bytes = field(repr=False)
    entropy: Entropy = field(repr=False)

    @property
    def public_key(self) -> bytes:
        """The public half of the signing key, 32 bytes."""
        return self.signing.public_key().public_bytes_raw()

    def sign(self, message: bytes) -> bytes:
        """Sign as HQ (Ed25519, 64 bytes)."""
        return self.signing.sign(message)

    def seal(self, table: str, column: str, row: str, plaintext: bytes) -> bytes:
        """Seal one field: suite id, nonce, AES-256-GCM with AAD table|column|row."""
        nonce = self.entropy.token(_NONCE_BYTES)
        sealed = AESGCM(self.data_key).encrypt(nonce, plaintext, _aad(table, column, row))
        return _SUITE_AES_256_GCM + nonce + sealed

    def open(self, table: str, column: str, row: str, sealed: bytes) -> bytes:
        """Open one field; raises StorageError when it was not sealed for this place with this key."""
        nonce, text = sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :]
        if sealed[:1] != _SUITE_AES_256_GCM:
            raise StorageError(f"{table}.{column}: unknown cipher suite", hint="install the version that wrote it")
        try:
            return AESGCM(self.data_key).decrypt(nonce, text, _aad(table, column, row))
        except InvalidTag as error:
            raise StorageError(f"{table}.{column}: sealed elsewhere or altered", hint="check the key file") from error

    def mark(self, purpose: str, message: bytes) -> bytes:
        """Mark something as made by this HQ: 32 bytes that nobody else can make for this purpose."""
        key = hmac.digest(self.data_key, f"pos-agent/{purpose}-mark/1".encode(), "sha256")
        return hmac.digest(key, message, "sha256")

    def phone_index(self, brand_id: str, phone: str) -> bytes:
        """Index a phone number under a key that never leaves HQ: numbers are too few to hide behind a store's key."""
        key = hmac.digest(self.data_key, b"pos-agent/phone-index/1", "sha256")
        return hmac.digest(key, f"{brand_id}\nphone:{phone}".encode(), "sha256")[:_INDEX_BYTES]


def _aad(table: str, column: str, row: str) -> bytes:
    return json.dumps([table, column, row], ensure_ascii=False, separators=(",", ":")).encode()


def open_keys(path: Path, entropy: Entropy, *, create: bool) -> HqKeys:
    """Read the key file, or make it when `create`; raises StorageError when it is absent, readable by others or odd."""
    if create and not path.exists():
        _write(path, entropy.token(32), entropy.token(32))
    try:
        mode = path.stat().st_mode & 0o777
        text = path.read_bytes()
    except OSError as error:
        raise StorageError(f"{path}: {error.strerror}", hint="restore the key file from its own backup") from error
    if mode & 0o077:
        raise StorageError(f"{path} is open to others (mode {mode:o})", hint=f"chmod 600 {path}")
    try:
        content = json.loads(text)
        signing, data_key = (base64.b64decode(content[name], validate=True) for name in ("signing", "data"))
        if len(data_key) != 32:
            raise ValueError("the data key has the wrong length")
        return HqKeys(Ed25519PrivateKey.from_private_bytes(signing), data_key, entropy)
    except (ValueError, KeyError, TypeError) as error:
        raise StorageError(f"{path} is no key file of HQ", hint="restore it from its own backup") from error


def _write(path: Path, signing: bytes, data_key: bytes) -> None:
    content = {"v": 1, "signing": base64.b64encode(signing).decode(), "data": base64.b64encode(data_key).decode()}
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(json.dumps(content).encode())
        file.flush()
        os.fsync(file.fileno())
    # ORDER: the name is durable before the database that cannot be read without it comes into being.
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
