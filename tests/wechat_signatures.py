"""Both sides' WeChat keys for tests, and signatures checked and made by code of their own, never by sync.wechat."""

import base64
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

_AUTHORIZATION = re.compile(
    r'WECHATPAY2-SHA256-RSA2048 mchid="(\w+)",nonce_str="(\w{32})",signature="([A-Za-z0-9+/=]+)",'
    r'timestamp="(\d{10})",serial_no="(\w+)"'
)


@dataclass
class WechatKeys:
    """Both sides' numbers and keys, and what is wrong today (`mischief`)."""

    mch_id: str = "1900000109"
    appid: str = "wx8888888888888888"
    sub_mch_id: str = "1900000100"
    sub_appid: str = "wxd678efh567hg6999"
    v2_key: str = "192006250b4c09247ec02edce69f6a2d"
    v3_key: str = "0123456789abcdef0123456789abcdef"
    serial: str = "408B07E79B8269FEC3D5D3E6AB8ED163A6A380DB"
    wechat_serial: str = "PUB_KEY_ID_0119000001092024"
    now_s: Callable[[], int] = lambda: int(time.time())
    mischief: str = ""

    def __post_init__(self) -> None:
        self.merchant = rsa.generate_private_key(65537, 2048)
        self.wechat = rsa.generate_private_key(65537, 2048)
        self.nonces: set[str] = set()

    @property
    def merchant_pem(self) -> str:
        """The merchant's private key, as an operator enters it."""
        return self.merchant.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()

    @property
    def wechat_pem(self) -> str:
        """WeChat's public key."""
        return self.wechat.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()

    def fault(self, method: str, target: str, headers: dict[str, str], body: bytes) -> str:
        """What is wrong with a signed call; "" when nothing is."""
        given = {name.lower(): value for name, value in headers.items()}
        header = _AUTHORIZATION.fullmatch(given.get("authorization", ""))
        if header is None:
            return "authorization"
        mch_id, nonce, signature, at_s, serial = header.groups()
        if (mch_id, serial) != (self.mch_id, self.serial):
            return "merchant or serial"
        if abs(int(at_s) - self.now_s()) >= 300 or nonce in self.nonces:
            return "timestamp or nonce"
        self.nonces.add(nonce)
        if "user-agent" not in given or given.get("accept") != "application/json":
            return "user agent or accept"
        if body and given.get("content-type") != "application/json":
            return "content type"
        message = f"{method}\n{target}\n{at_s}\n{nonce}\n{body.decode()}\n".encode()
        try:
            self.merchant.public_key().verify(base64.b64decode(signature), message, padding.PKCS1v15(), SHA256())
        except InvalidSignature:
            return "signature"
        return ""

    def headers(self, content: bytes) -> dict[str, str]:
        """The four headers over a body."""
        at_s = self.now_s() - (301 if self.mischief == "stale" else 0)
        nonce = "d824f2e086d3c1df967785d13fcd22ef"
        message = b"\n".join([str(at_s).encode(), nonce.encode(), content, b""])
        signature = base64.b64encode(self.wechat.sign(message, padding.PKCS1v15(), SHA256())).decode()
        if self.mischief == "wrong_signature":
            signature = base64.b64encode(b"\0" * 256).decode()
        if self.mischief == "signtest":
            signature = "WECHATPAY/SIGNTEST/" + signature
        serial = "5157F09EFDC096DE15EBE81A47057A72" if self.mischief == "wrong_serial" else self.wechat_serial
        return {
            "Wechatpay-Timestamp": str(at_s),
            "Wechatpay-Nonce": nonce,
            "Wechatpay-Signature": signature,
            "Wechatpay-Serial": serial,
            "Wechatpay-Signature-Type": "WECHATPAY2-SHA256-RSA2048",
        }  # fmt: skip

    def certificate(self, serial: str, pem: bytes) -> dict[str, Any]:
        """A platform certificate as GET /v3/certificates gives it."""
        sealed = AESGCM(self.v3_key.encode()).encrypt(b"nonce1234567", pem, b"certificate")
        resource = {"algorithm": "AEAD_AES_256_GCM", "nonce": "nonce1234567", "associated_data": "certificate"}
        return {
            "serial_no": serial,
            "encrypt_certificate": {**resource, "ciphertext": base64.b64encode(sealed).decode()},
        }
