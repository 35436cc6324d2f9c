"""The store's secrets: the workstation's own key, the field key of books.db, the brand's index key, HQ's public key.

Made at enrolment, kept as files of mode 0600 in one directory (or handed in by systemd credentials). No other module
sees a key. Without a TPM this does not protect a stolen disk; docs/operations.md says so.
"""

import base64
import binascii
import json
import os
from pathlib import Path
from typing import Literal

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from agent.domain.errors import ConfigError, StorageError
from agent.ports import Entropy
from sync.protocol import EnrolAnswer, identity_index
from sync.snapshot import open_part, snapshot_key

DEVICE_KEY = "device.key"
FIELD_KEY = "field.key"
ENROLMENT = "enrolment.json"
_SUITE_AES_256_GCM = b"\x01"
_NONCE_BYTES = 12


def write_secret(path: Path, content: bytes) -> None:
    """Write a file of mode 0600 durably: temporary name, fsync, rename, fsync of the directory."""
    temporary = path.with_name(path.name + ".new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.rename(path)
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def prepare_device_key(directory: Path, entropy: Entropy) -> str:
    """Make the workstation's key and field key if they are not there; give the public half, base64."""
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not (directory / DEVICE_KEY).exists():
        write_secret(directory / DEVICE_KEY, entropy.token(32))
    if not (directory / FIELD_KEY).exists():
        write_secret(directory / FIELD_KEY, entropy.token(32))
    private = Ed25519PrivateKey.from_private_bytes(_read_key(directory / DEVICE_KEY))
    return base64.b64encode(private.public_key().public_bytes_raw()).decode()


def save_enrolment(directory: Path, answer: EnrolAnswer) -> None:
    """Keep what HQ said at enrolment."""
    write_secret(directory / ENROLMENT, answer.model_dump_json(indent=1).encode())


def load_enrolment(directory: Path) -> EnrolAnswer:
    """Read the enrolment; raises ConfigError with the cure when this workstation is not enrolled."""
    path = directory / ENROLMENT
    try:
        return EnrolAnswer.model_validate_json(path.read_bytes())
    except FileNotFoundError as error:
        raise ConfigError(
            [f"this workstation is not enrolled ({path} is missing): run  pos-agent enrol CODE"],
            source=str(path),
        ) from error
    except (OSError, ValueError) as error:
        raise ConfigError([f"{path} cannot be read: {error}"], source=str(path)) from error


def _read_key(path: Path) -> bytes:
    try:
        key = path.read_bytes()
    except OSError as error:
        raise ConfigError([f"key file {path} cannot be read: {error}"], source=str(path)) from error
    if len(key) != 32:
        raise ConfigError([f"key file {path} has {len(key)} bytes, not 32"], source=str(path))
    return key


class FileKeyRing:
    """KeyRing over key files."""

    def __init__(self, directory: Path, entropy: Entropy) -> None:
        """Load every key; raises ConfigError naming the file at fault."""
        enrolment = load_enrolment(directory)
        self._entropy = entropy
        self._device = Ed25519PrivateKey.from_private_bytes(_read_key(directory / DEVICE_KEY))
        self._fields = AESGCM(_read_key(directory / FIELD_KEY))
        try:
            self._index_key = base64.b64decode(enrolment.index_key, validate=True)
            self._hq = Ed25519PublicKey.from_public_bytes(base64.b64decode(enrolment.hq_public_key, validate=True))
        except (binascii.Error, ValueError) as error:
            raise ConfigError([f"{directory / ENROLMENT}: {error}"], source=str(directory / ENROLMENT)) from error

    def encrypt(self, table: str, column: str, row: str, plaintext: str) -> bytes:
        """Seal one field: suite id, nonce, ciphertext with tag; AAD binds it to table|column|row."""
        nonce = self._entropy.token(_NONCE_BYTES)
        return _SUITE_AES_256_GCM + nonce + self._fields.encrypt(nonce, plaintext.encode(), _aad(table, column, row))

    def decrypt(self, table: str, column: str, row: str, sealed: bytes) -> str:
        """Open one field; raises StorageError when the value does not belong to this place or key."""
        if sealed[:1] != _SUITE_AES_256_GCM:
            raise StorageError(f"{table}.{column}: unknown cipher suite", hint="was this written by a newer version?")
        nonce, ciphertext = sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :]
        try:
            return self._fields.decrypt(nonce, ciphertext, _aad(table, column, row)).decode()
        except InvalidTag as error:
            raise StorageError(f"{table}.{column} of row {row} does not open with this key") from error

    def blind_index(self, kind: Literal["code", "wx"], value: str) -> bytes:
        """Keyed 16-byte index of an identity; HQ computes the same."""
        return identity_index(self._index_key, kind, value)

    def open_snapshot(self, snapshot_id: str, number: int, sealed: bytes) -> bytes | None:
        """Open part `number` of a snapshot of the brand; None when it was not sealed as that."""
        return open_part(snapshot_key(self._index_key, snapshot_id), number, sealed)

    def sign(self, message: bytes) -> bytes:
        """Sign as this workstation."""
        return self._device.sign(message)

    def verify_hq(self, signature: bytes, message: bytes) -> bool:
        """Check HQ's signature."""
        try:
            self._hq.verify(signature, message)
        except InvalidSignature:
            return False
        return True


def _aad(table: str, column: str, row: str) -> bytes:
    return json.dumps([table, column, row], ensure_ascii=False, separators=(",", ":")).encode()
