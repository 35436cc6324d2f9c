"""WeChat Pay v2 signatures: the canonical text, MD5 and HMAC-SHA256, and checking them in constant time.

Pure; for HQ, which holds the API key, and for the vectors in tests. Stores hold no keys and never call this.
The verifier must never skip fields it does not know: the signature covers every non-empty field except `sign`.
Source: facts/wechat.md F (v2 verification details) and G.1; doc chapter 4_3.
"""

import hashlib
import hmac
from collections.abc import Mapping
from typing import Literal

SignType = Literal["MD5", "HMAC-SHA256"]


def canonical(fields: Mapping[str, str], key: str) -> str:
    """Write what is signed: non-empty fields except `sign`, sorted by name in ASCII order, and the key at the end.

    >>> canonical({"b": "2", "a": "1", "attach": "", "sign": "X"}, "k")
    'a=1&b=2&key=k'
    """
    pairs = [f"{name}={fields[name]}" for name in sorted(fields) if name != "sign" and fields[name] != ""]
    return "&".join([*pairs, f"key={key}"])


def sign(fields: Mapping[str, str], key: str, sign_type: SignType) -> str:
    """Sign fields with the API key; 32 (MD5) or 64 (HMAC-SHA256) upper-case hex digits. ValueError without a key.

    >>> sign({"a": "1"}, "k", "MD5")
    'AFFDCC88244C83F871BFE4854BE9C1A5'
    """
    if not key:
        raise ValueError("a v2 signature needs the API key")
    message = canonical(fields, key).encode()
    if sign_type == "MD5":  # WIRE: WeChat's default; weak as a hash, but the choice is not ours.
        return hashlib.md5(message, usedforsecurity=False).hexdigest().upper()
    return hmac.new(key.encode(), message, hashlib.sha256).hexdigest().upper()


def verify(fields: Mapping[str, str], key: str, sign_type: SignType) -> bool:
    """Tell whether `sign` is right, in constant time. False when it is missing, lower-case or of the other type.

    `sign_type` is the request's: an answer does not carry one. An answer with return_code FAIL has no signature, so it
    is False here and stays unauthenticated.
    """
    given = fields.get("sign", "")
    return hmac.compare_digest(sign(fields, key, sign_type).encode(), given.encode(errors="replace"))
