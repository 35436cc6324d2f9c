"""A merchant of WeChat Pay as HQ calls it: numbers, keys, and whose signatures it trusts. Pure data.

Built by sync.hq.wechat_accounts from what is sealed there. Keys show in no repr, never leave HQ, and are never logged.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key
from cryptography.x509 import load_pem_x509_certificate

from agent.domain.errors import Refusal
from sync.wechat.v2 import SignType
from sync.wechat.v3 import KEY_BYTES

PUBLIC_KEY_PREFIX: Final = "PUB_KEY_ID_"
WECHAT_URL: Final = "https://api.mch.weixin.qq.com"
_RSA_BITS: Final = 2048  # WeChat's own size; a shorter one is not WeChat's


@dataclass(frozen=True, slots=True)
class V2Keys:
    """What v2 needs: the API key and how it signs."""

    api_key: str = field(repr=False)
    sign_type: SignType = "MD5"


@dataclass(frozen=True, slots=True)
class V3Keys:
    """What v3 needs: our certificate's serial and private key, the APIv3 key, and WeChat's public keys by serial."""

    serial: str
    private_key: RSAPrivateKey = field(repr=False)
    api_key: bytes = field(repr=False)
    trusted: Mapping[str, RSAPublicKey] = field(repr=False)

    @property
    def asks_for(self) -> str | None:
        """The public key's id, sent with every call so that answers come under it; None in certificate mode."""
        return next((serial for serial in self.trusted if serial.startswith(PUBLIC_KEY_PREFIX)), None)


@dataclass(frozen=True, slots=True)
class Account:
    """One merchant number. With `is_partner` it is a service provider, whose sub-merchants are named in calls."""

    mch_id: str
    appid: str
    is_partner: bool
    base_url: str = WECHAT_URL
    v2: V2Keys | None = None
    v3: V3Keys | None = None
    sub_appids: Mapping[str, str] = field(default_factory=dict)
    """sub_mch_id -> the sub_appid named in calls, where the sub-merchant has bound several (facts B)."""


# --- reading keys; none of the refusals repeats what was read -------------------------------------------------------
def _key_refused(what: str) -> Refusal:
    return Refusal("WECHAT_KEY_INVALID", what, hint="take the file from the merchant platform, unchanged")


def private_key(pem: bytes) -> RSAPrivateKey:
    """Read the merchant's private key (apiclient_key.pem). Refusal WECHAT_KEY_INVALID."""
    key: object = None
    try:
        key = load_pem_private_key(pem, None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, RSAPrivateKey) or key.key_size < _RSA_BITS:
        raise _key_refused("the private key is not an unencrypted RSA key of 2048 bits in PEM")
    return key


def public_key(pem: bytes) -> RSAPublicKey:
    """Read WeChat's public key (pub_key.pem), or that of a platform certificate. Refusal WECHAT_KEY_INVALID."""
    key: object = None
    try:
        is_certificate = b"BEGIN CERTIFICATE" in pem
        key = load_pem_x509_certificate(pem).public_key() if is_certificate else load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, RSAPublicKey) or key.key_size < _RSA_BITS:
        raise _key_refused("WeChat's key is not an RSA public key or certificate of 2048 bits in PEM")
    return key


def api_v3_key(text: str) -> bytes:
    """Read the APIv3 key: 32 bytes. Refusal WECHAT_KEY_INVALID.

    >>> api_v3_key("0123456789abcdef0123456789abcdef")[:4]
    b'0123'
    """
    key = text.encode()
    if len(key) != KEY_BYTES:
        raise _key_refused(f"the APIv3 key has {len(key)} bytes, not {KEY_BYTES}")
    return key


def base_url(text: str) -> str:
    """Take WeChat's address: https, or plain http on this machine only. Refusal WECHAT_URL_INVALID.

    >>> base_url("https://api2.mch.weixin.qq.com/")
    'https://api2.mch.weixin.qq.com'
    """
    parts = urlsplit(text)
    local = parts.scheme == "http" and parts.hostname in ("127.0.0.1", "localhost", "::1")
    if not (parts.scheme == "https" or local) or not parts.hostname or parts.path.strip("/") or parts.query:
        raise Refusal(
            "WECHAT_URL_INVALID", "the address must be https and a host name", hint=f"leave it out for {WECHAT_URL}"
        )
    return f"{parts.scheme}://{parts.netloc}"
