"""The snapshot of a brand's replica: a ready replica.db in parts, its signed manifest, and how a part is sealed.

Pure; used by both ends. One snapshot serves every store of a brand: it holds nothing of a workstation, and its parts
are sealed under a key that follows from the brand's index key, so a cache on the way learns nothing. WIRE: frozen.
"""

import hashlib
import hmac
from typing import Annotated, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pydantic import Field

from agent.domain.digest import canonical
from agent.limits import SNAPSHOT_PART_BYTES, SNAPSHOT_PARTS
from sync.message import Count, Hex32, Message, Name

SNAPSHOT_PULL: Final = 1
"""The pull number of every member in a snapshot; the asking workstation's watermarks go under it."""
_NONCE_BYTES: Final = 12


class SnapshotPart(Message):
    """One part as it travels: a zstd frame of its own, sealed."""

    size: Annotated[int, Field(ge=1, le=2 * SNAPSHOT_PART_BYTES)]
    sha256: Hex32


class SnapshotManifest(Message):
    """What a snapshot is. `cursors` name the moment of its feeds; sizes are in bytes; `sha256` is of the whole file."""

    snapshot_id: Name
    brand_id: Name
    index_key_version: Count
    migrations: Annotated[list[Name], Field(max_length=1000)]
    """Of replica.db, in order: a till that lacks one of them cannot read the file."""
    taken_at_ms: Count
    cursors: dict[str, Count]
    rows: dict[str, Count]
    size: Annotated[int, Field(ge=1, le=SNAPSHOT_PART_BYTES * SNAPSHOT_PARTS)]
    sha256: Hex32
    part_size: Annotated[int, Field(ge=4096, le=SNAPSHOT_PART_BYTES)]
    """Bytes of the file in each part but the last."""
    parts: Annotated[list[SnapshotPart], Field(min_length=1, max_length=SNAPSHOT_PARTS)]
    signature: Annotated[str, Field(pattern=r"^[A-Za-z0-9+/]{86}==$")]
    """HQ's Ed25519 over `snapshot_signing_bytes`, base64."""

    @property
    def packed(self) -> int:
        """Bytes of all parts as they travel."""
        return sum(part.size for part in self.parts)


class SnapshotAnswer(Message):
    """The snapshot to take, none where HQ has made none; `watermarks` are the asking workstation's at its moment."""

    manifest: SnapshotManifest | None = None
    watermarks: dict[str, Count] = Field(default_factory=dict)


def snapshot_signing_bytes(manifest: SnapshotManifest) -> bytes:
    """Bytes that HQ signs: the hash of everything in the manifest but the signature."""
    told = manifest.model_dump(exclude={"signature"})
    return f"pos-agent/snapshot/1\n{hashlib.sha256(canonical(told)).hexdigest()}\n".encode()


def snapshot_key(index_key: bytes, snapshot_id: str) -> bytes:
    """The key of one snapshot, 32 bytes: whoever was given the brand's index key can make it, nobody else."""
    return hmac.digest(index_key, f"pos-agent/snapshot-key/1\n{snapshot_id}".encode(), hashlib.sha256)


def seal_part(key: bytes, number: int, packed: bytes) -> bytes:
    """Seal part `number` (AES-256-GCM); its number is its nonce, for the key belongs to one snapshot alone.

    >>> open_part(b"k" * 32, 7, seal_part(b"k" * 32, 7, b"frame"))
    b'frame'
    """
    return AESGCM(key).encrypt(number.to_bytes(_NONCE_BYTES, "big"), packed, None)


def open_part(key: bytes, number: int, sealed: bytes) -> bytes | None:
    """Open part `number`; None when it was sealed as another part, with another key, or altered.

    >>> open_part(b"k" * 32, 8, seal_part(b"k" * 32, 7, b"frame")) is None
    True
    """
    try:
        return AESGCM(key).decrypt(number.to_bytes(_NONCE_BYTES, "big"), sealed, None)
    except InvalidTag:
        return None
