"""How an answer of HQ is read: its message, its no, its clock; and every failure in the way as HqUnreachable.

Called by sync.client, which holds the connection. httpx's exceptions and answers end here.
"""

import json
from email.utils import parsedate_to_datetime
from typing import Final, Protocol, Self, TypeVar

import httpx

from agent.domain.errors import HqRejected, HqUnreachable
from sync.protocol import AT_MS_HEADER, at_ms_of


class Answer(Protocol):
    """What can be read from the body of an answer: every message, and a FeedAnswer."""

    @classmethod
    def model_validate_json(cls, json_data: bytes, /) -> Self:
        """Read it. Raises ValueError where it is another."""
        ...


A = TypeVar("A", bound=Answer)
_TOO_LARGE: Final = 413
"""A proxy before HQ says it without a code of ours, and splitting the batch is the cure all the same."""
_PORTAL: Final = "check hq.url, and whether this network wants a login first"


def read(response: httpx.Response, answer: type[A]) -> A | HqRejected:
    """The message HQ answered with, or its no (4xx); HqUnreachable where HQ is busy, or what answered is not our HQ."""
    if response.status_code >= 500 or response.status_code == 429:
        raise HqUnreachable(
            f"HQ answered {response.status_code}", retry_after_s=seconds(response.headers, "Retry-After")
        )
    if response.status_code != 200:
        rejection = _rejection(response)
        if not rejection.code and rejection.status != _TOO_LARGE:  # our HQ names a code with every no
            raise HqUnreachable(f"what answered {rejection.status} is not our HQ", hint=_PORTAL)
        return rejection
    try:
        return answer.model_validate_json(response.content)
    except ValueError as error:  # a captive portal, or a peer of another protocol: not HQ, so not an answer
        raise HqUnreachable("what answered does not speak our protocol", hint=_PORTAL) from error


def hq_ms(headers: httpx.Headers) -> int | None:
    """What HQ's clock shows: its own word, else the web server's, to the second. None where neither is there."""
    said = at_ms_of(headers.get(AT_MS_HEADER, ""))
    if said is not None:
        return said
    try:
        date = parsedate_to_datetime(headers.get("Date", ""))
    except ValueError:
        return None
    return None if date.tzinfo is None else int(date.timestamp()) * 1000


def unreachable(error: Exception) -> HqUnreachable:
    """What keeps HQ from us, in words for the log and the cashier's chip."""
    if "CERTIFICATE_VERIFY_FAILED" in str(error):
        hint = "is this our HQ? check hq.ca_file, the host name in hq.url, and this computer's clock"
        return HqUnreachable("HQ's certificate is not trusted", hint=hint)
    return HqUnreachable(f"HQ cannot be reached: {type(error).__name__}", hint="is the network up?")


def seconds(headers: httpx.Headers, name: str) -> float | None:
    """A header of whole seconds; None where it is missing or says anything else.

    >>> seconds(httpx.Headers({"Retry-After": "30"}), "retry-after"), seconds(httpx.Headers(), "retry-after")
    (30.0, None)
    """
    text = headers.get(name, "")
    return float(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def _rejection(response: httpx.Response) -> HqRejected:
    code, detail = "", ""
    try:
        problem = json.loads(response.content)
        if isinstance(problem, dict):
            code, detail = str(problem.get("code", "")), str(problem.get("detail", ""))
    except ValueError:
        detail = "no reason given"
    return HqRejected(
        f"HQ answered {response.status_code} {code}: {detail}"[:300], status=response.status_code, code=code
    )
