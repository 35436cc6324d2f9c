"""The line to the till: asks once, or repeats the very same bytes until there is an answer. client has the calls.

No answer, 5xx, 429 and IN_FLIGHT say nothing about whether it was booked. Every call that changes something says which
books it is meant for (`Pos-Agent-Books`): those that were open when the POS began it.

    TillError
    +-- Refused          the till said no: code, detail (a sentence for the cashier), hint, field
    |   +-- OtherBooks   a training was begun or ended since this POS asked: `accept_books`, then begin anew
    +-- NoAnswer         nobody knows whether it was booked: `resend` repeats it, also after a restart of the POS
        +-- Waiting      it is meant for the real books, and the till is in a training: `resend` when that has ended
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from .kept import Body, Kept

FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.2, 5.0
_AGAIN = frozenset({429})
_BOOKS = "Pos-Agent-Books"
_HELLO = "/v1/hello"
_NOT_LATER = frozenset({"/v1/print-jobs", "/v1/drawer/open"})
"""Paper and a drawer that opens are of use now, not hours later when a training has ended."""


class TillError(Exception):
    """Base of what can go wrong."""


class Refused(TillError):
    """The till said no. Show `detail` to the cashier; `code` is stable."""

    def __init__(self, status: int, problem: dict[str, Any]) -> None:
        self.status, self.problem = status, problem
        self.code, self.detail = str(problem.get("code", "")), str(problem.get("detail", ""))
        self.hint, self.field = str(problem.get("hint", "")), problem.get("field")
        super().__init__(f"{status} {self.code}: {self.detail}")


class OtherBooks(Refused):
    """A training was begun or ended; nothing was booked."""


class NoAnswer(TillError):
    """The till did not answer. What books was kept, where a folder was given: `resend`."""


class Waiting(NoAnswer):
    """A sale of the real books, and the till is in a training: kept as if the till did not answer."""


class Line:
    """What PosAgent's calls go through."""

    def __init__(
        self,
        base_url: str = "http://127.0.0.1:8787",
        token: str = "",
        *,
        keep: Path | None = None,
        timeout_s: float = 10,
        patience_s: float = 120,
        pause: Callable[[float], object] | None = None,
    ) -> None:
        """`keep`: a folder of this POS alone for bodies without an answer; `patience_s`: how long one call repeats."""
        self.token = token
        self.books: str | None = None
        """Which books this POS means, as the till first said; None: not asked yet. Empty: the till does not say."""
        self._http = httpx.Client(base_url=base_url, timeout=timeout_s, trust_env=False)
        self._kept, self._patience_s = Kept(keep), patience_s
        self.last_event_id = self._kept.last_event()
        self._pause = pause or threading.Event().wait

    def close(self) -> None:
        """Hang up."""
        self._http.close()

    def _ask(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        try:
            content = None if body is None else json.dumps(body, ensure_ascii=False).encode()
            answer = None if method == "GET" else self._learn()
            if answer is None:
                books = "" if method == "GET" else self.books or ""
                answer = self._http.request(method, path, content=content, headers=self._headers(books))
            if answer.status_code < 400:
                self._heed(answer)
                return dict(answer.json()) if answer.content else {}
        except (httpx.TransportError, ValueError) as error:
            raise NoAnswer(f"{path}: {type(error).__name__}") from error
        raise _refused(answer)

    def _until_answered(self, body: Body) -> dict[str, Any]:
        pause_s, waited_s = FIRST_PAUSE_S, 0.0
        while True:
            refusal: Refused | None = None
            asked_s = 0.0
            try:
                answer = self._learn()
                if answer is None:
                    if self.books and not body.books:
                        body = self._kept.put(body, self.books)
                    answer = self._http.post(body.path, content=body.raw, headers=self._headers(body.books))
                refusal = None if answer.status_code < 400 else _refused(answer)
                if refusal is None or not _unknown(refusal):
                    return self._settled(body, answer, refusal)
                asked_s = _seconds(answer.headers.get("Retry-After", ""))
            except (httpx.TransportError, ValueError):
                refusal = None
            if waited_s >= self._patience_s:
                raise refusal or NoAnswer(f"{body.path}: no answer; repeat the very same body later")
            self._pause(max(pause_s, asked_s))
            waited_s += max(pause_s, asked_s)
            pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)

    def _settled(self, body: Body, answer: httpx.Response, refusal: Refused | None) -> dict[str, Any]:
        """Booked, or refused for good; a sale of the real books that met a training is neither."""
        said = {} if refusal is not None else dict(answer.json())
        met_training = isinstance(refusal, OtherBooks) and answer.headers.get(_BOOKS) == "training"
        if met_training and body.books == "real" and body.name and body.path not in _NOT_LATER:
            raise Waiting(f"{body.path}: the till is in a training; `resend` when it has ended") from refusal
        self._kept.drop(body)
        if refusal is not None:
            raise refusal
        return said

    def _learn(self) -> httpx.Response | None:
        """Ask once which books are open, before anything is begun; gives an answer only where that was refused."""
        if self.books is not None:
            return None
        answer = self._http.get(_HELLO, headers=self._headers())
        self._heed(answer)
        return answer if answer.status_code >= 400 else None

    def _heed(self, answer: httpx.Response) -> None:
        if self.books is None and answer.status_code < 400:
            self.books = answer.headers.get(_BOOKS, "")

    def _headers(self, books: str = "") -> dict[str, str]:
        authorization = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        return {"Content-Type": "application/json", **authorization, **({_BOOKS: books} if books else {})}


def problem_of(content: bytes) -> dict[str, Any]:
    """The till's refusal, or that somebody else answered."""
    try:
        return dict(json.loads(content))
    except (ValueError, TypeError):
        return {"code": "", "detail": "", "hint": "not an answer of the till"}


def _refused(answer: httpx.Response) -> Refused:
    problem = problem_of(answer.content)
    return (OtherBooks if problem.get("code") == "MODE_DIFFERS" else Refused)(answer.status_code, problem)


def _unknown(refusal: Refused) -> bool:
    return refusal.status >= 500 or refusal.status in _AGAIN or refusal.code == "IN_FLIGHT"


def _seconds(text: str) -> float:
    return float(text) if text.isdigit() else 0.0
