"""WeChat Pay v3: the texts that are signed, checking WeChat's signatures, and opening encrypted resources.

Pure; for HQ, which holds the keys, and for the vectors in tests. Stores hold no keys and never call this.
It must never fetch a key: an unknown serial is refused, not looked up, and the clock is an argument.
Source: facts/wechat.md C; S-SKILL 签名与验签规则, S-PUBFAQ.
"""

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256

from agent.domain.errors import Refusal
from agent.limits import WECHAT_SIGNATURE_WINDOW_S

SCHEME: Final = "WECHATPAY2-SHA256-RSA2048"
PROBE_PREFIX: Final = "WECHATPAY/SIGNTEST/"
KEY_BYTES: Final = 32  # the APIv3 key is an AES-256 key
NONCE_BYTES: Final = 12
_SECONDS: Final = re.compile(r"[0-9]{1,12}")
_NONCE: Final = re.compile(r"[!-~]{1,128}")


@dataclass(frozen=True, slots=True)
class SignedBy:
    """The Wechatpay-* headers of an answer or notification, as texts."""

    serial: str
    """A platform certificate's serial, or `PUB_KEY_ID_...`."""
    timestamp: str
    nonce: str
    signature: str


def request_message(method: str, target: str, timestamp_s: int, nonce: str, body: bytes) -> bytes:
    r"""Write what a request's signature covers: five lines, each ended by LF; `body` exactly as sent.

    >>> request_message("GET", "/v3/certificates", 1554208460, "N", b"")
    b'GET\n/v3/certificates\n1554208460\nN\n\n'
    """
    return f"{method}\n{target}\n{timestamp_s}\n{nonce}\n".encode() + body + b"\n"


def response_message(timestamp: str, nonce: str, body: bytes) -> bytes:
    r"""Write what an answer's or notification's signature covers; `body` exactly as received.

    >>> response_message("1722850421", "N", b"{}")
    b'1722850421\nN\n{}\n'
    """
    return f"{timestamp}\n{nonce}\n".encode() + body + b"\n"


def sign(key: RSAPrivateKey, message: bytes) -> str:
    """Sign as a merchant: RSA PKCS#1 v1.5 with SHA-256, base64."""
    return base64.b64encode(key.sign(message, PKCS1v15(), SHA256())).decode()


def authorization(mch_id: str, serial: str, nonce: str, timestamp_s: int, signature: str) -> str:
    """Write the Authorization header's value; in partner mode `mch_id` is the service provider's.

    >>> authorization("1900007291", "40", "N", 1554208460, "c2ln")[:59]
    'WECHATPAY2-SHA256-RSA2048 mchid="1900007291",nonce_str="N",'
    """
    return (
        f'{SCHEME} mchid="{mch_id}",nonce_str="{nonce}",signature="{signature}",'
        f'timestamp="{timestamp_s}",serial_no="{serial}"'
    )


def _refused(why: str) -> Refusal:
    return Refusal(
        "WECHAT_SIGNATURE_REFUSED",
        f"WeChat's signature was not accepted: {why}",
        hint="do not act on this message; check the clock and the configured WeChat Pay public keys",
        status=401,
    )


def verify(keys: Mapping[str, RSAPublicKey], signed: SignedBy, body: bytes, *, now_s: int) -> None:
    """Return only when `body` was signed by WeChat less than 300 s from `now_s`; raise Refusal otherwise.

    The verifier is chosen by the serial in the message alone, so certificate and public key may change over at any
    time (S-PUBFAQ). Signature probes (SIGNTEST) are refused, as WeChat demands.
    """
    if signed.signature.startswith(PROBE_PREFIX):
        raise _refused("it is a probe")
    key = keys.get(signed.serial)
    if key is None:
        raise _refused("its serial is unknown")
    if not _SECONDS.fullmatch(signed.timestamp) or not _NONCE.fullmatch(signed.nonce):
        raise _refused("its timestamp or nonce is malformed")
    if abs(now_s - int(signed.timestamp)) >= WECHAT_SIGNATURE_WINDOW_S:
        raise _refused("its time is too far from ours")
    genuine = False
    try:
        signature = base64.b64decode(signed.signature, validate=True)
        key.verify(signature, response_message(signed.timestamp, signed.nonce, body), PKCS1v15(), SHA256())
        genuine = True
    except (InvalidSignature, binascii.Error, ValueError):
        genuine = False
    if not genuine:
        raise _refused("it does not match")


def decrypt(key: bytes, *, nonce: str, associated_data: str, ciphertext: str) -> bytes:
    """Open a notification's resource (AEAD_AES_256_GCM, base64 of ciphertext and tag).

    Raises ValueError when the APIv3 key does not have 32 bytes, Refusal WECHAT_RESOURCE_UNREADABLE for everything else.
    """
    if len(key) != KEY_BYTES:
        raise ValueError(f"the APIv3 key has {len(key)} bytes, not {KEY_BYTES}")
    plaintext: bytes | None = None
    try:
        nonce_bytes = nonce.encode()
        if len(nonce_bytes) == NONCE_BYTES:
            sealed = base64.b64decode(ciphertext, validate=True)
            plaintext = AESGCM(key).decrypt(nonce_bytes, sealed, associated_data.encode())
    except (InvalidTag, binascii.Error, ValueError):
        plaintext = None
    if plaintext is None:
        raise Refusal(
            "WECHAT_RESOURCE_UNREADABLE",
            "an encrypted WeChat resource could not be opened",
            hint="check the APIv3 key of this merchant; do not act on the message",
        )
    return plaintext
