"""What a token may do: scopes, and whose hands it is in. Pure; used by pairing, sign-in, the door and the routes."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class ApiScope(StrEnum):
    """What a group of calls is for. Hello, pairing and the API document need no token; status and events any token."""

    SELL = "sell"
    """Members, payments, quotes, sales, returns, recharges, count cards."""
    PRINT = "print"
    DRAWER = "drawer"
    MANAGE = "manage"
    """Figures, discrepancies, devices, pairing, freezes."""


VENDOR: Final = frozenset({ApiScope.SELL, ApiScope.PRINT, ApiScope.DRAWER})
"""What a POS gets unless the manager gives it less."""
EVERYTHING: Final = frozenset(ApiScope)


@dataclass(frozen=True, slots=True)
class Grant:
    """One token: the program it was given to, its scopes, and the operator where a person signed in with it."""

    token_id: str
    app: str
    scopes: frozenset[ApiScope]
    operator: str = ""
    boot_id: str = ""
    until_boot_ms: int | None = None
    """Milliseconds of the machine's life (`boot_id`) after which it ends; None: it lasts until it is revoked."""
    created_at_ms: int = 0

    def holds(self, boot_id: str, boot_ms: int) -> bool:
        """Whether it has not ended.

        >>> session = Grant("t", "page", VENDOR, "101", "b1", 5_000)
        >>> session.holds("b1", 4_999), session.holds("b1", 5_000), session.holds("b2", 0)
        (True, False, False)
        """
        return self.until_boot_ms is None or (boot_id == self.boot_id and boot_ms < self.until_boot_ms)


_BY_PATH: Final = {
    "/v1/manage": ApiScope.MANAGE,
    "/v1/print-jobs": ApiScope.PRINT,
    "/v1/drawer": ApiScope.DRAWER,
}
_ANY: Final = frozenset({"/v1/status", "/v1/events", "/v1/session", "/metrics"})


def needed(path: str) -> ApiScope | None:
    """The scope a call needs; None where any token will do. A path nobody knows needs what selling needs.

    >>> needed("/v1/manage/today"), needed("/v1/status"), needed("/v1/managed")
    (<ApiScope.MANAGE: 'manage'>, None, <ApiScope.SELL: 'sell'>)
    """
    if path in _ANY:
        return None
    for prefix, scope in _BY_PATH.items():
        if path == prefix or path.startswith(prefix + "/"):
            return scope
    return ApiScope.SELL


def words(scopes: frozenset[ApiScope]) -> str:
    """Scopes as the books hold them."""
    return " ".join(sorted(scopes))


def read(text: str) -> frozenset[ApiScope]:
    """Scopes as the books hold them; one this version does not know gives nothing.

    >>> sorted(read("print sell fly"))
    [<ApiScope.PRINT: 'print'>, <ApiScope.SELL: 'sell'>]
    """
    return frozenset(ApiScope(word) for word in text.split() if word in ApiScope.__members__.values())
